// SPDX-License-Identifier: MIT
// The last step of boot: bring up the rooms above the scheduler, unpack the root file system, start init.
#include <abi/init.h>
#include <abi/procfs.h>
#include <dev/dev.h>
#include <fs/fs.h>
#include <hal/bootinfo.h>
#include <hal/mmu.h>
#include <ipc/device.h>
#include <ipc/endpoint.h>
#include <ipc/futex.h>
#include <ipc/sysv.h>
#include <kernel/log.h>
#include <kernel/panic.h>
#include <kernel/param.h>
#include <kernel/smp.h>
#include <kernel/upcall.h>
#include <lib/error.h>
#include <lib/string.h>
#include <mm/failpoint.h>
#include <mm/frame.h>
#include <object/file.h>
#include <object/init.h>
#include <proc/process.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>

#define INIT_ARGS_MAX 32

static void init_rooms(void)
{
	object_init_caches();
	ipc_init();
	futex_init();
	sysv_init();
	fs_init();
	proc_init();
	procfs_init();
	sysfs_init();
}

static void unpack_root(void)
{
	const struct boot_range *initrd = &bootinfo.initrd;
	if (!initrd->size) {
		log_error("root: no initrd was given: there is no program to start (QEMU: -initrd FILE)");
		return;
	}
	err_t err = fs_unpack_cpio(hal_direct(initrd->base), initrd->size);
	if (err)
		log_error("root: the initrd is damaged (error %d): what was unpacked so far is used", -err);
	frame_release_reserved(initrd->base, initrd->size);
}

/** Descriptors 0 to 2: the console. */
static err_t open_console(void)
{
	struct thread *self = current_thread();
	self->object.fds = fdtable_create();
	struct file *console = self->object.fds ? dev_console_open() : NULL;
	if (!console)
		return -ENOMEM;
	int fd = fd_install(self->object.fds, &console->grant, 0, 0);
	for (unsigned i = 0; fd >= 0 && i < 2; i++) {
		grant_get(&console->grant);
		fd = fd_install(self->object.fds, &console->grant, 0, 0);
	}
	return fd < 0 ? fd : 0;
}

/** The first program opens devices, or lets others do so: close-on-exec, so only those that it gives this. */
static void give_devices(void)
{
	struct grant *root;
	if (ipc_device_root(&root) == 0 &&
	    fd_install(current_thread()->object.fds, root, IPC_DEVICE_ROOT_FD, FD_CLOEXEC) < 0)
		grant_put(root);
}

static void log_summary(void)
{
	struct frame_stats stats;
	frame_get_stats(&stats);
	log_info("ready: %u CPUs, %llu MiB free of %llu", cpus_online_count(),
		 (unsigned long long)(stats.free * HAL_PAGE_SIZE) >> 20,
		 (unsigned long long)((stats.total + stats.reserved) * HAL_PAGE_SIZE) >> 20);
}

/** Try one path as init; returns the error. Does not return on success. */
static err_t try_init(const char *path)
{
	static const char *const envp[] = {"HOME=/", "TERM=linux", "PATH=/sbin:/usr/sbin:/bin:/usr/bin", NULL};
	const char *argv[INIT_ARGS_MAX + 2] = {path};
	argv[1 + param_init_args(argv + 1, INIT_ARGS_MAX)] = NULL;
	return proc_exec_init(path, argv, envp);
}

noreturn_fn static void enter_user(void)
{
	struct trapframe *tf = current_thread()->tf;
	hal_irq_disable();
	exit_user_work(tf);
	hal_context_enter_user(tf);
}

void upcall_start_user(void *unused)
{
	(void)unused;
	init_rooms();
	unpack_root();
	dev_init();
	(void)param_get("panic"), (void)param_get("init");
	(void)param_get("trace"); // init looks for it
	if (CONFIG_TESTS || CONFIG_DEBUG)
		(void)param_get("fail");
	param_warn_unknown();
	log_summary();
	if (open_console())
		panic("no memory for the console's descriptors");
	if (param_get("panic") && strcmp(param_get("panic"), "test") == 0)
		panic("asked for by panic=test");
	alloc_fail_boot();
	const char *wanted = param_get("init");
	const char *path = wanted && *wanted ? wanted : "/init";
	err_t err = try_init(path);
	if (!err) {
		give_devices();
		enter_user();
	}
	panic("init: %s cannot be started: %s", path, err_name(err));
}
