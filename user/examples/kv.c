// SPDX-License-Identifier: MIT
// A table of keys and values in a region. Only the server writes it; clients map it read-only, so looking
// up costs no call. Storing is a call.
//
//   kv serve PATH          kv put PATH KEY VALUE          kv get PATH KEY
#include <errno.h>
#include <halcyon.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { ATTACH = 1, PUT = 2 };

#define TEXT 32
#define ENTRIES 1024

struct table {
	/** Odd while the server changes an entry; a reader that sees it change looks again. */
	_Atomic uint64_t version;
	struct {
		char key[TEXT], value[TEXT]; // padded with zeros; an empty key ends the table
	} entries[ENTRIES];
};

struct server {
	struct table *table;
	int read_only; // what clients get
};

static int find(const struct table *table, const char *key)
{
	int i = 0;
	while (i < ENTRIES && table->entries[i].key[0] && strncmp(table->entries[i].key, key, TEXT))
		i++;
	return i;
}

static int put(struct table *table, const char *key, const char *value)
{
	int i = find(table, key);
	if (!key[0])
		return -EINVAL;
	if (i == ENTRIES)
		return -ENOSPC;
	atomic_fetch_add(&table->version, 1);
	memcpy(table->entries[i].value, value, TEXT);
	memcpy(table->entries[i].key, key, TEXT);
	atomic_fetch_add(&table->version, 1);
	return 0;
}

static int handle(void *state, struct hc_message *m, struct ipc_block *block)
{
	struct server *server = state;
	switch (hc_label(m)) {
	case ATTACH:
		block->send_fd_count = 1;
		block->send_fds[0] = (unsigned)server->read_only;
		return 0;
	case PUT:
		if (IPC_TAG_WORDS(m->tag) != 8)
			return -EINVAL;
		return put(server->table, (const char *)m->words, (const char *)(m->words + 4));
	default:
		return -ENOSYS;
	}
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int serve(const char *path)
{
	struct server server;
	int endpoint = hc_endpoint(), region = hc_region(sizeof(struct table));
	server.read_only = hc_restrict(region, IPC_RIGHT_READ | IPC_RIGHT_GRANT);
	server.table = mmap(NULL, sizeof(struct table), PROT_READ | PROT_WRITE, MAP_SHARED, region, 0);
	if (server.table == MAP_FAILED || hc_publish(endpoint, IPC_RIGHT_SEND, path, 0666) < 0)
		return fail(path);
	hc_serve(endpoint, handle, &server);
	return fail("hc_serve");
}

static int store(int server, const char *key, const char *value)
{
	uint64_t in[8] = {0}, out[8];
	memcpy(in, key, strnlen(key, TEXT - 1));
	memcpy(in + 4, value, strnlen(value, TEXT - 1));
	return hc_request(server, PUT, in, 8, out) < 0 ? fail(key) : 0;
}

static int look_up(int server, const char *key)
{
	uint64_t out[8], before;
	char value[TEXT];
	int region, i;
	if (hc_request_fd(server, ATTACH, NULL, 0, out, &region) < 0)
		return fail("attach");
	const struct table *table = mmap(NULL, sizeof(struct table), PROT_READ, MAP_SHARED, region, 0);
	if (table == MAP_FAILED)
		return fail("mmap");
	do {
		before = atomic_load(&table->version);
		i = find(table, key);
		if (i < ENTRIES)
			memcpy(value, table->entries[i].value, TEXT);
	} while ((before & 1) || before != atomic_load(&table->version));
	if (i == ENTRIES || !table->entries[i].key[0])
		return fprintf(stderr, "%s: not there\n", key), 1;
	printf("%.*s\n", TEXT, value);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	int server = argc > 3 ? hc_open(argv[2]) : -1;
	if (argc > 3 && server < 0)
		return fail(argv[2]);
	if (argc == 5 && !strcmp(argv[1], "put"))
		return store(server, argv[3], argv[4]);
	if (argc == 4 && !strcmp(argv[1], "get"))
		return look_up(server, argv[3]);
	fprintf(stderr, "usage: kv serve PATH | kv put PATH KEY VALUE | kv get PATH KEY\n");
	return 2;
}
