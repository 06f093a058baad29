// SPDX-License-Identifier: MIT
// Runs a fuzz target (LLVMFuzzerTestOneInput) without libFuzzer: the seed files as they are, and COUNT
// mutations of them in all, the same ones in every run. A fault is the sanitizers' to report; the input that
// caused it is left in the file named by HALCYON_FUZZ_INPUT when that is set.
//   fuzz-NAME COUNT SEEDFILE ...
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1 << 20)
#define CHANGES_MAX 8
#define LONG_RUNS 10000000 // COUNT in the long size

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** The unit tests of lib are among its objects here, and are not run. */
void test_print(const char *text);
void test_print(const char *text)
{
	fputs(text, stderr);
}

static uint64_t state = 0x9e3779b97f4a7c15;

/** xorshift64*: the same sequence on every machine. */
static uint32_t random_below(uint32_t limit)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1d) >> 32) % limit;
}

static size_t read_file(const char *path, uint8_t *data)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		exit(2);
	}
	size_t size = fread(data, 1, INPUT_MAX, file);
	fclose(file);
	return size;
}

/** Overwrite 1 to 8 bytes at @at by a number that lengths and offsets go wrong with. */
static void put_number(uint8_t *data, size_t size, size_t at)
{
	static const uint64_t edges[] = {0, 1, 3, 4, 7, 8, 0x7f, 0xff, 0xfff, 0x7fffffff, 0x80000000,
					 0xfffffffc, 0xffffffff, 0x7fffffffffffffff, UINT64_MAX};
	uint64_t value = edges[random_below(sizeof(edges) / sizeof(edges[0]))];
	size_t width = (size_t)1 << random_below(4);
	int is_big = random_below(2);
	for (size_t i = 0; i < width && at + i < size; i++)
		data[at + i] = (uint8_t)(value >> 8 * (is_big ? width - 1 - i : i));
}

static size_t change(uint8_t *data, size_t size)
{
	size_t at = random_below((uint32_t)size), from = random_below((uint32_t)size);
	switch (random_below(8)) {
	case 0:
		data[at] ^= (uint8_t)(1u << random_below(8));
		return size;
	case 1:
		data[at] = (uint8_t)random_below(256);
		return size;
	case 2:
		return at ? at : size;
	case 3:
		memmove(data + at, data + from, size - (at > from ? at : from));
		return size;
	default:
		put_number(data, size, at);
		return size;
	}
}

static const uint8_t *current;
static size_t current_size;

void __sanitizer_set_death_callback(void (*callback)(void));

/** Called by the sanitizers on a fault. */
static void keep_input(void)
{
	const char *path = getenv("HALCYON_FUZZ_INPUT");
	FILE *file = path ? fopen(path, "wb") : NULL;
	if (!file)
		return;
	fwrite(current, 1, current_size, file);
	fclose(file);
	fprintf(stderr, "the input: %s\n", path);
}

/** An exact copy on the heap, so that reading past its end is seen. */
static void run(const uint8_t *data, size_t size)
{
	current = data;
	current_size = size;
	uint8_t *copy = malloc(size ? size : 1);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

int main(int argc, char **argv)
{
	static uint8_t seed[INPUT_MAX], data[INPUT_MAX];
	if (argc < 3) {
		fprintf(stderr, "usage: %s COUNT SEEDFILE ...\n", argv[0]);
		return 2;
	}
	__sanitizer_set_death_callback(keep_input);
	long count = (getenv("HALCYON_LONG") ? LONG_RUNS : atol(argv[1])) / (argc - 2) + 1;
	for (int i = 2; i < argc; i++) {
		size_t seed_size = read_file(argv[i], seed);
		run(seed, seed_size);
		for (long n = 0; seed_size && n < count; n++) {
			size_t size = seed_size;
			memcpy(data, seed, size);
			for (uint32_t changes = 1 + random_below(CHANGES_MAX); changes; changes--)
				size = change(data, size);
			run(data, size);
		}
	}
	printf("%d seeds, %ld mutations of each\n", argc - 2, count);
	return 0;
}
