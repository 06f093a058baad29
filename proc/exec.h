// SPDX-License-Identifier: MIT
// What an exec gathers before its point of no return.
#pragma once

#include "internal.h"

#include <fs/fs.h>
#include <lib/elf.h>
#include <mm/space.h>
#include <mm/ucopy.h>
#include <object/cred.h>
#include <object/file.h>

#define EXEC_HEAD 1024 // bytes of the file that are read first: ELF and program headers, or "#!"
#define EXEC_STRINGS_MAX MIB(2)
#define EXEC_SCRIPTS_MAX 4

/** Strings of argv and envp, one after the other with their NULs. */
struct exec_strings {
	char *text;
	size_t len, capacity;
	unsigned count;
};

struct exec_image {
	struct file *file; // the program (holds a reference)
	struct file *interp; // PT_INTERP, or NULL (holds a reference)
	char head[EXEC_HEAD];
	size_t head_len;
	struct mm_space *space; // being built (holds a reference)
	uint64_t entry; // where to begin: the interpreter's, or the program's
	uint64_t program_entry, phdr, base; // AT_ENTRY, AT_PHDR, AT_BASE
	uint64_t phnum;
	uint64_t brk;
	uint64_t sp;
	struct exec_strings argv, envp;
	struct fs_stat stat; // of the program
	struct cred *cred; // of a set-id program, or NULL: as it is (holds a reference)
	bool is_readable; // by the caller
	bool has_no_ids; // its file system gives no identities
	char path[256]; // AT_EXECFN
};

must_check err_t exec_strings_add(struct exec_strings *strings, const char *text);
/** Copy the NULL-terminated array of strings at @array. -E2BIG, -EFAULT, -ENOMEM. */
must_check err_t exec_strings_copy_in(struct exec_strings *strings, uaddr_t array);

// elf.c
must_check err_t exec_load_elf(struct exec_image *image);
// exec_stack.c: write argv, envp and auxv at the top of the new space's stack.
must_check err_t exec_build_stack(struct exec_image *image);
