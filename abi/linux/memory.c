// SPDX-License-Identifier: MIT
// System calls of memory.
#include "syscall.h"

#include <fs/fs.h>
#include <ipc/region.h>
#include <mm/space.h>
#include <object/file.h>

enum { MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_SHARED_VALIDATE = 3, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20,
       MAP_GROWSDOWN = 0x100, MAP_LOCKED = 0x2000, MAP_NORESERVE = 0x4000, MAP_POPULATE = 0x8000,
       MAP_FIXED_NOREPLACE = 0x100000 };
#define PROT_KNOWN 7u
#define PROT_HINTS 0x0f000000u // GROWSDOWN and GROWSUP
#define MLOCK_ONFAULT 1

static struct mm_space *space(void)
{
	return current_thread()->mm.space;
}

/** Linux's PROT_READ, _WRITE, _EXEC are 1, 2, 4, and so are ours. */
_Static_assert(HAL_PROT_READ == 1 && HAL_PROT_WRITE == 2 && HAL_PROT_EXEC == 4, "prot");

/** The pages of a file for a mapping, and what the file's mode allows. */
static err_t get_file_object(uint32_t fd, unsigned prot, bool is_shared, struct mm_map_request *request)
{
	struct file_ref ref;
	err_t err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	bool can_write = grant_allows(&ref.file->grant, OBJECT_FILE | FILE_RIGHT_WRITE);
	if (!grant_allows(&ref.file->grant, OBJECT_FILE | FILE_RIGHT_READ) ||
	    (is_shared && (prot & HAL_PROT_WRITE) && !can_write))
		err = -EACCES;
	else if (!ref.file->ops->mmap_object)
		err = -ENODEV;
	else
		err = ref.file->ops->mmap_object(ref.file, is_shared, &request->object);
	int64_t seals = is_shared && !err ? fs_get_seals(ref.file) : 0;
	if (seals > 0 && (seals & (FS_SEAL_WRITE | FS_SEAL_FUTURE_WRITE))) {
		can_write = false;
		if (prot & HAL_PROT_WRITE) {
			request->object->ops->put(request->object);
			err = -EPERM;
		}
	}
	if (is_shared && !can_write)
		request->max_prot &= ~HAL_PROT_WRITE;
	file_ref_drop(&ref);
	return err;
}

/** Registers are neither copied nor executed. */
static err_t check_registers(struct object *object, unsigned prot, bool is_shared, struct mm_map_request *request)
{
	if (!container_of(object, struct region, object)->has_registers)
		return 0;
	if (!is_shared)
		return -EINVAL;
	if (prot & HAL_PROT_EXEC)
		return -EACCES;
	request->max_prot &= ~HAL_PROT_EXEC;
	request->flags |= MM_DEVICE;
	return 0;
}

/** The same of a region. */
static err_t get_region_object(uint32_t fd, unsigned prot, bool is_shared, struct mm_map_request *request)
{
	struct grant *grant = fd_lookup_get(current_thread()->object.fds, fd);
	if (!grant)
		return -EBADF;
	bool can_write = grant_allows(grant, OBJECT_REGION | IPC_RIGHT_WRITE);
	err_t err = grant_check(grant, OBJECT_REGION, IPC_RIGHT_READ);
	if (err == -EPERM || (!err && is_shared && (prot & HAL_PROT_WRITE) && !can_write))
		err = -EACCES;
	if (!err)
		err = check_registers(grant->object, prot, is_shared, request);
	if (!err)
		err = ipc_region_view(grant, &request->object);
	if (is_shared && !can_write)
		request->max_prot &= ~HAL_PROT_WRITE;
	grant_put(grant);
	return err;
}

static err_t get_object(uint32_t fd, unsigned prot, unsigned flags, struct mm_map_request *request)
{
	bool is_shared = flags & MAP_SHARED;
	if (!(flags & MAP_ANONYMOUS)) {
		err_t err = get_file_object(fd, prot, is_shared, request);
		return err == -EBADF ? get_region_object(fd, prot, is_shared, request) : err;
	}
	if (!is_shared)
		return 0;
	request->offset = 0;
	request->object = mm_object_create_anon(align_up(request->size, HAL_PAGE_SIZE) >> HAL_PAGE_SHIFT);
	return request->object ? 0 : -ENOMEM;
}

// Partly: MAP_HUGETLB, MAP_STACK and other hints change nothing; no MAP_SYNC.
SYSCALL6(mmap, uint64_t, addr, uint64_t, size, uint32_t, prot, uint32_t, flags, uint32_t, fd, uint64_t, offset)
{
	unsigned type = flags & MAP_SHARED_VALIDATE;
	if (!type || (prot & ~(PROT_KNOWN | PROT_HINTS)) || offset % HAL_PAGE_SIZE || size == 0)
		return -EINVAL;
	if (size > HAL_USER_TOP)
		return -ENOMEM;
	prot &= PROT_KNOWN;
	struct mm_map_request request = {
		.addr = addr,
		.size = size,
		.flags = prot | (type & MAP_SHARED ? MM_SHARED : 0) |
			 (flags & MAP_GROWSDOWN ? MM_STACK : 0) | (flags & MAP_LOCKED ? MM_LOCKED : 0),
		.is_fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE),
		.no_replace = flags & MAP_FIXED_NOREPLACE,
		.offset = flags & MAP_ANONYMOUS ? 0 : offset,
		.max_prot = PROT_KNOWN,
	};
	if (request.is_fixed && addr % HAL_PAGE_SIZE)
		return -EINVAL;
	err_t err = get_object(fd, prot, flags, &request);
	if (err)
		return err;
	vaddr_t at;
	err = mm_map(space(), &request, &at);
	if (request.object)
		request.object->ops->put(request.object);
	if (err)
		return err;
	if (flags & (MAP_POPULATE | MAP_LOCKED))
		(void)mm_populate(space(), at, size, prot & HAL_PROT_WRITE);
	return (int64_t)at;
}

SYSCALL2(munmap, uint64_t, addr, uint64_t, size)
{
	return mm_unmap(space(), addr, size);
}

SYSCALL3(mprotect, uint64_t, addr, uint64_t, size, uint32_t, prot)
{
	if (prot & ~(PROT_KNOWN | PROT_HINTS))
		return -EINVAL;
	return mm_protect(space(), addr, size, prot & PROT_KNOWN);
}

SYSCALL5(mremap, uint64_t, addr, uint64_t, old_size, uint64_t, new_size, uint32_t, flags, uint64_t, new_addr)
{
	vaddr_t at;
	err_t err = mm_remap(space(), addr, old_size, new_size, flags, new_addr, &at);
	return err ? err : (int64_t)at;
}

SYSCALL1(brk, uint64_t, addr)
{
	return (int64_t)mm_brk(space(), addr);
}

SYSCALL3(madvise, uint64_t, addr, uint64_t, size, int, advice)
{
	return mm_advise(space(), addr, size, advice);
}

SYSCALL3(mincore, uint64_t, addr, uint64_t, size, uaddr_t, vec_at)
{
	uint8_t vec[256];
	uint64_t pages = align_up(size, HAL_PAGE_SIZE) >> HAL_PAGE_SHIFT;
	if (addr % HAL_PAGE_SIZE)
		return -EINVAL;
	for (uint64_t i = 0; i < pages; i += sizeof(vec)) {
		uint64_t n = min(pages - i, (uint64_t)sizeof(vec));
		err_t err = mm_incore(space(), addr + (i << HAL_PAGE_SHIFT), n << HAL_PAGE_SHIFT, vec);
		if (!err)
			err = mm_copy_out(vec_at + i, vec, n);
		if (err)
			return err;
	}
	return 0;
}

/** Pages are never written elsewhere: locking is making them present. */
static int64_t lock_range(uint64_t addr, uint64_t size, bool populate)
{
	uint64_t start = align_down(addr, HAL_PAGE_SIZE);
	return populate ? mm_populate(space(), start, addr + size - start, false) : 0;
}

// Partly: pages are made present; nothing would ever take them away, and RLIMIT_MEMLOCK does not bind.
SYSCALL2(mlock, uint64_t, addr, uint64_t, size)
{
	return lock_range(addr, size, true);
}

SYSCALL3(mlock2, uint64_t, addr, uint64_t, size, uint32_t, flags)
{
	return flags & ~MLOCK_ONFAULT ? -EINVAL : lock_range(addr, size, !(flags & MLOCK_ONFAULT));
}

SYSCALL2(munlock, uint64_t, addr, uint64_t, size)
{
	return lock_range(addr, size, false);
}

// Partly: accepted; pages come in when they are touched.
SYSCALL1(mlockall, uint32_t, flags)
{
	return flags & ~7u || !flags ? -EINVAL : 0;
}

SYSCALL0(munlockall)
{
	return 0;
}

/** Mapped pages of files are the files' pages: there is nothing to write back. */
// Partly: pages of files are the files; nothing is written back.
SYSCALL3(msync, uint64_t, addr, uint64_t, size, uint32_t, flags)
{
	(void)size;
	return addr % HAL_PAGE_SIZE || flags & ~7u || (flags & 5) == 5 ? -EINVAL : 0;
}

// Partly: the query says that no command is offered.
SYSCALL2(membarrier, int, command, uint32_t, flags)
{
	(void)flags;
	return command == 0 ? 0 : -EINVAL; // MEMBARRIER_CMD_QUERY: none are offered
}

enum { MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_EXEC = 16, MEMFD_NAME_MAX = 249 };

// Partly: no huge pages, no MFD_NOEXEC_SEAL.
SYSCALL2(memfd_create, uaddr_t, name_at, uint32_t, flags)
{
	char name[MEMFD_NAME_MAX + 1];
	struct file *file;
	if (flags & ~(uint32_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC))
		return -EINVAL;
	int len = mm_copy_in_string(name, name_at, sizeof(name));
	if (len < 0)
		return len == -ENAMETOOLONG ? -EINVAL : len;
	err_t err = fs_memfd_create(name, flags & MFD_ALLOW_SEALING, &file);
	return err ? err : file_install(file, flags & MFD_CLOEXEC ? FD_CLOEXEC : 0);
}
