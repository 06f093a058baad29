// SPDX-License-Identifier: MIT
// The counter behind alloc_may_fail(). What counts is set before the counter, which is what others
// look at first; arming anew while other threads allocate may count one of theirs wrongly.
#include <mm/failpoint.h>

#if CONFIG_TESTS || CONFIG_DEBUG
#include <hal/percpu.h>
#include <hal/trapframe.h>
#include <kernel/log.h>
#include <kernel/param.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <uapi/errno.h>

_Atomic uint32_t alloc_fail_countdown;
static _Atomic uint32_t counted_classes;
static struct thread *_Atomic counted_thread; // NULL = all

/** Is an allocation of @class by the current thread among those that count? */
static bool is_counted(enum alloc_fail_class class)
{
	struct thread *thread = load_relaxed(&counted_thread);
	uint32_t classes = load_relaxed(&counted_classes);
	if (classes == ALLOC_ANY)
		return true;
	if (hal_percpu()->irq_depth || (thread && thread != current_thread()))
		return false;
	bool is_fault = !hal_tf_is_syscall(upcall_current_frame());
	return classes & (is_fault ? ALLOC_FAULT : class);
}

bool alloc_fail_count(enum alloc_fail_class class)
{
	uint32_t count = load_acquire(&alloc_fail_countdown);
	if (count == 0 || !is_counted(class))
		return false;
	while (count != 0 && !cas_acq_rel(&alloc_fail_countdown, &count, count - 1))
		;
	return count == 1;
}

static void arm(uint32_t nth, uint32_t classes, struct thread *thread)
{
	store_relaxed(&alloc_fail_countdown, 0);
	store_relaxed(&counted_classes, classes);
	store_relaxed(&counted_thread, thread);
	store_release(&alloc_fail_countdown, nth);
}

void alloc_fail_arm(uint32_t nth)
{
	arm(nth, ALLOC_ANY, NULL);
}

err_t alloc_fail_arm_text(const char *text, bool is_for_current)
{
	static const struct {
		const char *prefix;
		uint32_t classes;
	} kinds[] = {
		{"frame:", ALLOC_FRAME},
		{"slab:", ALLOC_SLAB},
		{"fault:", ALLOC_FAULT},
		{"", ALLOC_FRAME | ALLOC_SLAB},
	};
	unsigned kind = 0;
	while (!str_has_prefix(text, kinds[kind].prefix))
		kind++;
	uint64_t nth;
	const char *end;
	if (!parse_u64(text + strlen(kinds[kind].prefix), 10, &nth, &end) || nth > UINT32_MAX)
		return -EINVAL;
	if (*end && strcmp(end, "\n") != 0)
		return -EINVAL;
	arm((uint32_t)nth, kinds[kind].classes, is_for_current ? current_thread() : NULL);
	return 0;
}

void alloc_fail_boot(void)
{
	const char *text = param_get("fail");
	if (text && alloc_fail_arm_text(text, false))
		log_warn("command line: fail=%s is not [frame:|slab:|fault:]N, ignored", text);
}
#endif
