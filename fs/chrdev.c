// SPDX-License-Identifier: MIT
// Character devices by number. They register once and stay.
#include "private.h"

static struct spinlock lock = SPINLOCK_INIT;
static struct list devices = LIST_INIT(devices); // lock

void fs_chrdev_register(struct fs_chrdev *chrdev)
{
	spin_lock(&lock);
	list_push_back(&devices, &chrdev->node);
	spin_unlock(&lock);
}

void fs_chrdev_for_each(void (*visit)(void *arg, const struct fs_chrdev *chrdev), void *arg)
{
	struct fs_chrdev *chrdev;
	spin_lock(&lock);
	list_for_each_entry(chrdev, &devices, node)
		visit(arg, chrdev);
	spin_unlock(&lock);
}

static struct fs_chrdev *find(uint32_t major, uint32_t minor)
{
	struct fs_chrdev *chrdev, *found = NULL;
	spin_lock(&lock);
	list_for_each_entry(chrdev, &devices, node) {
		if (chrdev->major == major && minor - chrdev->minor_first < chrdev->minor_count) {
			found = chrdev;
			break;
		}
	}
	spin_unlock(&lock);
	return found;
}

err_t chrdev_open(struct vnode *vnode, uint32_t flags, struct file **file)
{
	uint32_t minor = (uint32_t)vnode->rdev & 0xff;
	struct fs_chrdev *chrdev = find((uint32_t)(vnode->rdev >> 8), minor);
	return chrdev ? chrdev->open(minor, flags, file) : -ENXIO;
}
