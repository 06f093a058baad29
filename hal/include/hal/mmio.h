// SPDX-License-Identifier: MIT
// Device registers: each access exactly once, of exactly that width, ordered among themselves.
#pragma once

#include <lib/types.h>

static inline uint8_t hal_mmio_read8(vaddr_t addr);
static inline uint16_t hal_mmio_read16(vaddr_t addr);
static inline uint32_t hal_mmio_read32(vaddr_t addr);
static inline uint64_t hal_mmio_read64(vaddr_t addr);
static inline void hal_mmio_write8(vaddr_t addr, uint8_t value);
static inline void hal_mmio_write16(vaddr_t addr, uint16_t value);
static inline void hal_mmio_write32(vaddr_t addr, uint32_t value);
static inline void hal_mmio_write64(vaddr_t addr, uint64_t value);

/** Port space of PCs; elsewhere hal_has_ports() is false and nobody calls the others. */
static inline bool hal_has_ports(void);
static inline uint8_t hal_port_read8(uint16_t port);
static inline uint16_t hal_port_read16(uint16_t port);
static inline uint32_t hal_port_read32(uint16_t port);
static inline void hal_port_write8(uint16_t port, uint8_t value);
static inline void hal_port_write16(uint16_t port, uint16_t value);
static inline void hal_port_write32(uint16_t port, uint32_t value);

/** Make device memory [@addr, @addr+@size) reachable and return its virtual address (in the direct
 *  map, device attributes). Usable as soon as upcall_boot() runs; the mapping stays for ever.
 *  Returns 0 when no page table could be had. */
vaddr_t hal_mmio_map(paddr_t addr, size_t size);
/** The same for memory of a device that only stores, a framebuffer: it is uncached still, but writes may be
 *  joined and come late, until hal_mb_device(). Ordered where the port knows no better. */
vaddr_t hal_mmio_map_combining(paddr_t addr, size_t size);

#include <arch/mmio.h>
