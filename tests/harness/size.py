#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""size.py FILE LIMIT: the file is smaller than LIMIT bytes."""
import os
import sys

size, limit = os.path.getsize(sys.argv[1]), int(sys.argv[2])
print('%s: %d of %d bytes' % (sys.argv[1], size, limit))
sys.exit(0 if size < limit else 1)
