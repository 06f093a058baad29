// SPDX-License-Identifier: MIT
// Accesses are single load and store instructions without writeback, which a hypervisor can
// emulate. Device-nGnRE keeps those to one device in order.
#pragma once

static inline uint8_t hal_mmio_read8(vaddr_t addr)
{
	uint32_t value;
	__asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(addr) : "memory");
	return (uint8_t)value;
}

static inline uint16_t hal_mmio_read16(vaddr_t addr)
{
	uint32_t value;
	__asm__ volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(addr) : "memory");
	return (uint16_t)value;
}

static inline uint32_t hal_mmio_read32(vaddr_t addr)
{
	uint32_t value;
	__asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(addr) : "memory");
	return value;
}

static inline uint64_t hal_mmio_read64(vaddr_t addr)
{
	uint64_t value;
	__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(addr) : "memory");
	return value;
}

static inline void hal_mmio_write8(vaddr_t addr, uint8_t value)
{
	__asm__ volatile("strb %w0, [%1]" : : "rZ"((uint32_t)value), "r"(addr) : "memory");
}

static inline void hal_mmio_write16(vaddr_t addr, uint16_t value)
{
	__asm__ volatile("strh %w0, [%1]" : : "rZ"((uint32_t)value), "r"(addr) : "memory");
}

static inline void hal_mmio_write32(vaddr_t addr, uint32_t value)
{
	__asm__ volatile("str %w0, [%1]" : : "rZ"(value), "r"(addr) : "memory");
}

static inline void hal_mmio_write64(vaddr_t addr, uint64_t value)
{
	__asm__ volatile("str %x0, [%1]" : : "rZ"(value), "r"(addr) : "memory");
}

static inline bool hal_has_ports(void)
{
	return false;
}

// Nobody calls these (hal_has_ports() is false); they exist so that portable drivers compile.
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
	return 0xffffffff;
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
