// SPDX-License-Identifier: MIT
// Device registers. Memory attributes (PMA) make device regions strongly ordered, so a plain access
// of the right width is all; against memory hal_*mb_device() orders.
#pragma once

#define RISCV_MMIO(bits, load, store)                                                              \
	static inline uint##bits##_t hal_mmio_read##bits(vaddr_t addr)                             \
	{                                                                                          \
		uint##bits##_t value;                                                              \
		asm volatile(load " %0, 0(%1)" : "=r"(value) : "r"(addr) : "memory");              \
		return value;                                                                      \
	}                                                                                          \
	static inline void hal_mmio_write##bits(vaddr_t addr, uint##bits##_t value)                \
	{                                                                                          \
		asm volatile(store " %0, 0(%1)" ::"r"(value), "r"(addr) : "memory");               \
	}

RISCV_MMIO(8, "lbu", "sb")
RISCV_MMIO(16, "lhu", "sh")
RISCV_MMIO(32, "lw", "sw")
RISCV_MMIO(64, "ld", "sd")
#undef RISCV_MMIO

static inline bool hal_has_ports(void)
{
	return false;
}

static inline uint8_t hal_port_read8(uint16_t port)
{
	(void)port;
	return 0xff;
}

static inline uint16_t hal_port_read16(uint16_t port)
{
	(void)port;
	return 0xffff;
}

static inline uint32_t hal_port_read32(uint16_t port)
{
	(void)port;
	return UINT32_MAX;
}

static inline void hal_port_write8(uint16_t port, uint8_t value)
{
	(void)port;
	(void)value;
}

static inline void hal_port_write16(uint16_t port, uint16_t value)
{
	(void)port;
	(void)value;
}

static inline void hal_port_write32(uint16_t port, uint32_t value)
{
	(void)port;
	(void)value;
}
