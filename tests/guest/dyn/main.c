// SPDX-License-Identifier: MIT
// A program of the ordinary kind: position-independent, with libc and libm shared, started by the
// distribution's dynamic loader. proc_P2_dynamic starts it and looks at its status; what it asks for is what
// loader and kernel must agree on: auxiliary vector, thread-local storage, relocations, threads, dlsym.
#include <dlfcn.h>
#include <link.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

static __thread int in_tls = 5;
static int (*volatile through_table)(const char *, const char *) = strcmp; // a relocation
static char program_name[64];

__attribute__((constructor)) static void before_main(int argc, char **argv)
{
	if (argc > 0)
		snprintf(program_name, sizeof(program_name), "%s", argv[0]);
}

static void *run(void *arg)
{
	in_tls += *(int *)arg;
	return (void *)(intptr_t)in_tls;
}

/** The loader's address, as the kernel gives it, is in the map with the loader's name. */
static int is_loader_at(uintptr_t base)
{
	char line[512];
	unsigned long start;
	FILE *maps = fopen("/proc/self/maps", "r");
	int found = 0;
	while (maps && fgets(line, sizeof(line), maps))
		found |= sscanf(line, "%lx", &start) == 1 && start == base && strstr(line, "/ld");
	if (maps)
		fclose(maps);
	return found;
}

int main(int argc, char **argv)
{
	const ElfW(Phdr) *headers = (const void *)getauxval(AT_PHDR);
	pthread_t thread;
	void *result;
	int two = 2;
	if (argc != 2 || strcmp(argv[1], "argument") != 0 || strcmp(program_name, argv[0]) != 0)
		return 1;
	if (getauxval(AT_PHNUM) == 0 || headers[0].p_type != PT_PHDR)
		return 2;
	if (getauxval(AT_ENTRY) - (uintptr_t)headers > 0x100000) // of the program, not the loader
		return 3;
	if (!getauxval(AT_BASE) || !is_loader_at(getauxval(AT_BASE)))
		return 4;
	if (strcmp((const char *)getauxval(AT_EXECFN), argv[0]) != 0)
		return 5;
	if (through_table("a", "a") != 0 || fabs(cbrt(27.0 * two / 2) - 3) > 1e-9)
		return 6;
	if (pthread_create(&thread, NULL, run, &two) || pthread_join(thread, &result) ||
	    (intptr_t)result != 7 || in_tls != 5)
		return 7;
	if (dlsym(RTLD_DEFAULT, "qsort") != (void *)qsort)
		return 8;
	return puts("linked dynamically") < 0 ? 9 : 42;
}
