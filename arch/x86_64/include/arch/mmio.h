// SPDX-License-Identifier: MIT
// Device accesses as single mov, in and out instructions.
#pragma once

#define X86_MMIO(bits, suffix, reg)                                                                \
	static inline uint##bits##_t hal_mmio_read##bits(vaddr_t addr)                             \
	{                                                                                          \
		uint##bits##_t value;                                                              \
		__asm__ volatile("mov" suffix " %1, %0"                                            \
				 : "=" reg(value)                                                  \
				 : "m"(*(volatile uint##bits##_t *)addr)                           \
				 : "memory");                                                      \
		return value;                                                                      \
	}                                                                                          \
	static inline void hal_mmio_write##bits(vaddr_t addr, uint##bits##_t value)                \
	{                                                                                          \
		__asm__ volatile("mov" suffix " %0, %1"                                            \
				 :                                                                 \
				 : reg(value), "m"(*(volatile uint##bits##_t *)addr)               \
				 : "memory");                                                      \
	}

X86_MMIO(8, "b", "q")
X86_MMIO(16, "w", "r")
X86_MMIO(32, "l", "r")
X86_MMIO(64, "q", "r")

#define X86_PORT(bits, suffix)                                                                     \
	static inline uint##bits##_t hal_port_read##bits(uint16_t port)                            \
	{                                                                                          \
		uint##bits##_t value;                                                              \
		__asm__ volatile("in" suffix " %1, %0" : "=a"(value) : "Nd"(port) : "memory");     \
		return value;                                                                      \
	}                                                                                          \
	static inline void hal_port_write##bits(uint16_t port, uint##bits##_t value)               \
	{                                                                                          \
		__asm__ volatile("out" suffix " %0, %1" : : "a"(value), "Nd"(port) : "memory");    \
	}

X86_PORT(8, "b")
X86_PORT(16, "w")
X86_PORT(32, "l")

static inline bool hal_has_ports(void)
{
	return true;
}
