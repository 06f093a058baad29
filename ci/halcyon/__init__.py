# SPDX-License-Identifier: MIT
"""The front door behind ./halcyon: a thin layer over CMake presets, QEMU and apt."""
