// SPDX-License-Identifier: MIT
// The first stack of a program, as every libc's start code expects it:
//
//   top   file name, environment strings, argument strings, 16 random bytes
//         auxv, NULL, envp, NULL, argv, argc   ← sp (16-byte aligned)
#include "exec.h"

#include <hal/cpu.h>
#include <kernel/random.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/cred.h>

#define AUXV_MAX 22
#define STACK_GAP HAL_PAGE_SIZE
#define CLOCK_TICKS 100

struct builder {
	uint64_t *words; // argc, argv, ..., auxv
	size_t count;
};

static void push(struct builder *builder, uint64_t word)
{
	builder->words[builder->count++] = word;
}

static void push_aux(struct builder *builder, uint64_t type, uint64_t value)
{
	push(builder, type);
	push(builder, value);
}

/** Pointers to the strings of @strings, which stand at @at in user space. */
static void push_pointers(struct builder *builder, const struct exec_strings *strings, uint64_t at)
{
	const char *text = strings->text;
	for (unsigned i = 0; i < strings->count; i++) {
		push(builder, at + (uint64_t)(text - strings->text));
		text += strlen(text) + 1;
	}
	push(builder, 0);
}

static void push_auxv(struct builder *builder, const struct exec_image *image, uint64_t random_at,
		      uint64_t name_at, uint64_t platform_at)
{
	const struct cred *cred = image->cred ? image->cred : cred_current();
	push_aux(builder, AT_PHDR, image->phdr);
	push_aux(builder, AT_PHENT, sizeof(struct elf64_phdr));
	push_aux(builder, AT_PHNUM, image->phnum);
	push_aux(builder, AT_PAGESZ, HAL_PAGE_SIZE);
	push_aux(builder, AT_BASE, image->base);
	push_aux(builder, AT_FLAGS, 0);
	push_aux(builder, AT_ENTRY, image->program_entry);
	push_aux(builder, AT_UID, cred->uid);
	push_aux(builder, AT_EUID, cred->euid);
	push_aux(builder, AT_GID, cred->gid);
	push_aux(builder, AT_EGID, cred->egid);
	push_aux(builder, AT_SECURE, cred->uid != cred->euid || cred->gid != cred->egid);
	push_aux(builder, AT_HWCAP, hal_cpu_hwcap());
	push_aux(builder, AT_HWCAP2, hal_cpu_hwcap2());
	push_aux(builder, AT_CLKTCK, CLOCK_TICKS);
	push_aux(builder, AT_RANDOM, random_at);
	push_aux(builder, AT_EXECFN, name_at);
	if (vdso_address())
		push_aux(builder, AT_SYSINFO_EHDR, vdso_address());
	if (platform_at)
		push_aux(builder, AT_PLATFORM, platform_at);
	push_aux(builder, AT_NULL, 0);
}

/** Where each thing will stand; all below the stack's top. */
struct plan {
	uint64_t name, platform, envp, argv, random, sp;
	size_t words, bytes; // of the vectors; from sp to the top
};

static err_t make_plan(const struct exec_image *image, uint64_t top, struct plan *plan)
{
	const char *platform = hal_cpu_platform();
	plan->words = 1 + image->argv.count + 1 + image->envp.count + 1 + 2 * AUXV_MAX;
	plan->name = top - 8 - (strlen(image->path) + 1);
	plan->platform = platform ? plan->name - (strlen(platform) + 1) : 0;
	plan->envp = (platform ? plan->platform : plan->name) - image->envp.len;
	plan->argv = plan->envp - image->argv.len;
	plan->random = align_down(plan->argv - 16, 16ul);
	plan->sp = align_down(plan->random - plan->words * sizeof(uint64_t), 16ul);
	plan->bytes = top - plan->sp;
	return plan->bytes > proc_limit(RLIMIT_STACK) / 4 ? -E2BIG : 0;
}

/** Bytes for user address @at; without any, @bytes may be NULL. */
static void put(char *block, const struct plan *plan, uint64_t at, const void *bytes, size_t len)
{
	if (len)
		memcpy(block + (at - plan->sp), bytes, len);
}

/** The whole block, from sp to the top, in kernel memory. */
static void fill(char *block, const struct exec_image *image, const struct plan *plan)
{
	const char *platform = hal_cpu_platform();
	struct builder builder = {.words = (uint64_t *)block};
	push(&builder, image->argv.count);
	push_pointers(&builder, &image->argv, plan->argv);
	push_pointers(&builder, &image->envp, plan->envp);
	push_auxv(&builder, image, plan->random, plan->name, plan->platform);
	random_bytes(block + (plan->random - plan->sp), 16);
	put(block, plan, plan->argv, image->argv.text, image->argv.len);
	put(block, plan, plan->envp, image->envp.text, image->envp.len);
	if (platform)
		put(block, plan, plan->platform, platform, strlen(platform) + 1);
	put(block, plan, plan->name, image->path, strlen(image->path) + 1);
}

static err_t map_stack(struct mm_space *space, uint64_t top, size_t bytes)
{
	uint64_t size = align_up(bytes, HAL_PAGE_SIZE) + 32 * HAL_PAGE_SIZE;
	struct mm_map_request request = {
		.addr = top - size,
		.size = size,
		.flags = HAL_PROT_READ | HAL_PROT_WRITE | MM_STACK,
		.is_fixed = true,
		.max_prot = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_EXEC,
	};
	vaddr_t addr;
	space->limit_stack = proc_limit(RLIMIT_STACK);
	return mm_map(space, &request, &addr);
}

static void note_layout(struct mm_space *space, const struct exec_image *image,
			const struct plan *plan, uint64_t top)
{
	space->stack_top = top;
	space->arg_start = plan->argv;
	space->arg_end = plan->argv + image->argv.len;
	space->env_start = plan->envp;
	space->env_end = plan->envp + image->envp.len;
	// Behind argc, and the two vectors of pointers with their NULLs.
	space->auxv_start = plan->sp + (3 + image->argv.count + image->envp.count) * sizeof(uint64_t);
	space->auxv_end = space->auxv_start + 2 * AUXV_MAX * sizeof(uint64_t);
	space->brk_start = space->brk = image->brk;
}

err_t exec_build_stack(struct exec_image *image)
{
	uint64_t top = HAL_USER_NEAR_TOP - 16 * HAL_PAGE_SIZE;
	struct plan plan;
	err_t err = make_plan(image, top, &plan);
	if (err)
		return err;
	char *block = kzalloc(plan.bytes);
	if (!block)
		return -ENOMEM;
	fill(block, image, &plan);
	err = map_stack(image->space, top, plan.bytes);
	if (!err)
		err = mm_space_write(image->space, plan.sp, block, plan.bytes);
	kfree(block);
	note_layout(image->space, image, &plan, top);
	image->sp = plan.sp;
	return err;
}
