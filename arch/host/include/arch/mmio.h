// SPDX-License-Identifier: MIT
// Device registers in the laboratory are memory of the arena that a test gave that meaning.
#pragma once

#define HOST_MMIO(bits)                                                                            \
	static inline uint##bits##_t hal_mmio_read##bits(vaddr_t addr)                             \
	{                                                                                          \
		return *(volatile uint##bits##_t *)addr;                                           \
	}                                                                                          \
	static inline void hal_mmio_write##bits(vaddr_t addr, uint##bits##_t value)                \
	{                                                                                          \
		*(volatile uint##bits##_t *)addr = value;                                          \
	}
HOST_MMIO(8)
HOST_MMIO(16)
HOST_MMIO(32)
HOST_MMIO(64)
#undef HOST_MMIO

static inline bool hal_has_ports(void)
{
	return false;
}

#define HOST_PORT(bits)                                                                            \
	static inline uint##bits##_t hal_port_read##bits(uint16_t port)                            \
	{                                                                                          \
		(void)port;                                                                        \
		__builtin_trap();                                                                  \
	}                                                                                          \
	static inline void hal_port_write##bits(uint16_t port, uint##bits##_t value)               \
	{                                                                                          \
		(void)port;                                                                        \
		(void)value;                                                                       \
		__builtin_trap();                                                                  \
	}
HOST_PORT(8)
HOST_PORT(16)
HOST_PORT(32)
#undef HOST_PORT
