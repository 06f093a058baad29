// SPDX-License-Identifier: MIT
// Let every allocation of a call fail in turn (/proc/sys/kernel/fail_nth), and see that nothing is lost:
// afterwards as many pages are free as before, and as many objects of each kind are in use.
#pragma once

#include "check.h"

#define KINDS_MAX 96

static int fail_fd = -1;

/** False: this kernel cannot be told to fail. */
static inline bool inject_is_there(void)
{
	fail_fd = open("/proc/sys/kernel/fail_nth", O_RDWR | O_CLOEXEC);
	char text[16];
	if (fail_fd < 0)
		return false;
	CHECK(pread(fail_fd, text, sizeof(text), 0) > 0); // its buffer is made now,
	puts("every allocation fails in turn"); // and this one
	fflush(stdout);
	return true;
}

/** The @nth allocation of @class ("", "slab:", "frame:", "fault:") of this thread from here on fails. */
static inline void inject_arm(const char *class, int nth)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%s%d", class, nth);
	CHECK_IS(pwrite(fail_fd, text, (size_t)len, 0), len);
}

/** Disarm. Was the failure still to come? (Then the look may have met it.) */
static inline bool inject_disarm(void)
{
	char text[16];
	ssize_t len = pread(fail_fd, text, sizeof(text), 0);
	CHECK(len > 0 || errno == ENOMEM);
	bool is_left = len < 0 || text[0] != '0';
	if (pwrite(fail_fd, "0", 1, 0) != 1)
		CHECK(errno == ENOMEM && pwrite(fail_fd, "0", 1, 0) == 1);
	return is_left;
}

struct books {
	long pages; // free, or in slabs: these have other free objects in them each time
	int kinds;
	struct {
		char name[24];
		long in_use;
	} kind[KINDS_MAX];
};

static inline void read_file(const char *path, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	while ((n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	CHECK(n == 0 && len < size - 1);
	text[len] = '\0';
	close(fd);
}

static inline void books_read(struct books *books)
{
	static char text[32768];
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	CHECK_IS(write(fd, "3", 1), 1);
	close(fd);
	read_file("/proc/meminfo", text, sizeof(text));
	CHECK(sscanf(strstr(text, "MemFree:"), "MemFree: %ld", &books->pages) == 1);
	books->pages /= 4;
	read_file("/proc/slabinfo", text, sizeof(text));
	char *line = strchr(strchr(text, '\n') + 1, '\n') + 1; // behind the two of headings
	for (books->kinds = 0; *line; line = strchr(line, '\n') + 1) {
		int i = books->kinds++;
		CHECK(i < KINDS_MAX);
		long total, size, per_slab, slab_pages;
		CHECK(sscanf(line, "%23s %ld %ld %ld %ld %ld", books->kind[i].name,
			     &books->kind[i].in_use, &total, &size, &per_slab, &slab_pages) == 6);
		books->pages += total / per_slab * slab_pages;
	}
}

static inline bool books_are_equal(const struct books *a, const struct books *b)
{
	bool is_equal = a->pages == b->pages && a->kinds == b->kinds;
	for (int i = 0; i < a->kinds; i++)
		is_equal &= a->kind[i].in_use == b->kind[i].in_use;
	return is_equal;
}

/** Read them when all that was freed before is counted: when they do not change any more. (The first
 *  reading touches what it fills.) */
static inline void books_open(struct books *books)
{
	static struct books last;
	books_read(books);
	for (int i = 0; i < 50; i++) {
		sleep_ms(10);
		last = *books;
		books_read(books);
		if (i > 0 && books_are_equal(&last, books))
			return;
	}
}

/** What the calls before took is all given back; what other CPUs free late is waited for. */
static inline void books_close(const char *what, const struct books *before)
{
	static struct books after;
	for (int i = 0; i < 100; i++) {
		books_read(&after);
		if (books_are_equal(before, &after))
			return;
		sleep_ms(20);
	}
	printf("%s: %ld pages are lost\n", what, before->pages - after.pages);
	for (int i = 0; i < after.kinds; i++) {
		if (after.kind[i].in_use != before->kind[i].in_use)
			printf("%s: %ld of %s were in use, now %ld\n", what, before->kind[i].in_use,
			       after.kind[i].name, after.kind[i].in_use);
	}
	fflush(stdout);
	CHECK(!"the books balance");
}

struct inject_case {
	const char *name;
	long (*run)(void); // a result, or a negative error
	void (*undo)(long result); // of a run that went well
	int error; // that memory's end makes, if not ENOMEM
	bool is_absorbed; // a failure may leave the call well
};

/** Run @c with a failure at its first, second, ... allocation, until there are no more. */
static inline void inject_sweep(const struct inject_case *c)
{
	static struct books before;
	int failed = 0, nth;
	bool is_left = false;
	for (int i = 0; i < 2; i++) {
		long result = c->run(); // what is made once is made now
		if (result == -ENOSYS)
			return;
		CHECK(result >= 0);
		c->undo(result);
	}
	books_open(&before);
	for (nth = 1; !is_left; nth++) {
		CHECK(nth < 1000);
		inject_arm("", nth);
		long result = c->run();
		is_left = inject_disarm();
		if (result >= 0) {
			if (!is_left && !c->is_absorbed)
				printf("%s: allocation %d failed without an error\n", c->name, nth);
			CHECK(is_left || c->is_absorbed);
			c->undo(result);
			continue;
		}
		if (is_left || result != -(c->error ? c->error : ENOMEM))
			printf("%s: allocation %d fails, the call says %ld\n", c->name, nth, result);
		CHECK_IS(result, -(c->error ? c->error : ENOMEM));
		CHECK(!is_left);
		failed++;
	}
	printf("%s: %d of %d allocations fail it\n", c->name, failed, nth - 2);
	fflush(stdout);
	books_close(c->name, &before);
	CHECK(failed > 0);
}
