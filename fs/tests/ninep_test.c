// SPDX-License-Identifier: MIT
// A 9P server that lies: whatever it answers, mounting and reading end with an error, and nothing is lost. And an
// honest one, which counts what it is asked.

#include "../ninep.h"
#include "fs_test.h"

static const struct reply {
	const char *what;
	uint8_t bytes[64];
	int64_t len;
} replies[] = {
	{"nothing", {0}, 0},
	{"an error of the transport", {0}, -EIO},
	{"half a header", {19, 0, 0, 0}, 4},
	{"a size beyond what came", {200, 0, 0, 0, 101, 255, 255, 0, 0, 1, 0}, 19},
	{"a size below the header", {3, 0, 0, 0, 101, 255, 255}, 7},
	{"another type", {19, 0, 0, 0, 121, 255, 255, 0, 0, 1, 0, 8, 0, '9', 'P', '2', '0', '0', '0'}, 19},
	{"text behind the end", {19, 0, 0, 0, 101, 255, 255, 0, 0, 1, 0, 200, 0, '9', 'P', '2', '0', '0', '0'}, 19},
	{"another version", {19, 0, 0, 0, 101, 255, 255, 0, 0, 1, 0, 6, 0, '9', 'P', '2', '0', '0', '0'}, 19},
	{"messages too small to use",
	 {21, 0, 0, 0, 101, 255, 255, 0, 1, 0, 0, 8, 0, '9', 'P', '2', '0', '0', '0', '.', 'L'},
	 21},
	{"error 0", {11, 0, 0, 0, 7, 255, 255, 0, 0, 0, 0}, 11},
	{"an error that is no number of ours", {11, 0, 0, 0, 7, 255, 255, 255, 255, 255, 255}, 11},
};
static const struct reply *next_reply;

static int64_t answer(struct ninep_channel *channel, const void *out, uint32_t out_len, void *in, uint32_t in_size)
{
	(void)channel, (void)out, (void)out_len;
	memset(in, 0xa5, in_size); // what a session must not read
	if (next_reply->len > 0)
		memcpy(in, next_reply->bytes, (size_t)next_reply->len);
	return next_reply->len;
}

static struct ninep_channel liar = {.tag = "liar", .request = answer};

TEST(fs, ninep_lying_server)
{
	fs_test_init();
	for (size_t i = 0; i < array_len(replies); i++) {
		struct ninep session = {.channel = &liar};
		next_reply = &replies[i];
		EXPECT(ninep_session_open(&session) < 0);
		ninep_session_close(&session);
	}
}

/** More data than was asked for, and less than it says. */
TEST(fs, ninep_lying_data)
{
	static const struct reply too_much = {"", {15, 0, 0, 0, 117, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4}, 15};
	static const struct reply too_short = {"", {13, 0, 0, 0, 117, 0, 0, 4, 0, 0, 0, 1, 2}, 13};
	static const struct reply good = {"", {13, 0, 0, 0, 117, 0, 0, 2, 0, 0, 0, 1, 2}, 13};
	struct ninep session = {.channel = &liar};
	uint8_t buf[4] = {9, 9, 9, 9};
	fs_test_init();
	next_reply = &replies[0];
	EXPECT(ninep_session_open(&session) < 0); // for its buffers
	next_reply = &too_much;
	EXPECT_EQ(ninep_read(&session, 1, 0, buf, 2), -EIO);
	next_reply = &too_short;
	EXPECT_EQ(ninep_read(&session, 1, 0, buf, 4), -EIO);
	EXPECT_EQ(buf[0], 9);
	next_reply = &good;
	EXPECT_EQ(ninep_read(&session, 1, 0, buf, 4), 2);
	EXPECT(buf[0] == 1 && buf[1] == 2 && buf[2] == 9);
	ninep_session_close(&session);
}

/** An honest server of a folder (ino 1) with a folder "d" (2) that has a file "f" (3), which holds "code". It counts. */
static struct {
	unsigned asked[256]; // by the type of the question
	unsigned fids; // that are somebody's
	bool has_file;
	uint8_t ino_of_fid[64];
} server;

static uint32_t number(const uint8_t *bytes, unsigned count)
{
	uint32_t value = 0;
	while (count--)
		value = value << 8 | bytes[count];
	return value;
}

static uint32_t serve_walk(const uint8_t *question, uint8_t *answer)
{
	uint8_t from = server.ino_of_fid[number(question, 4) % 64], *to = &server.ino_of_fid[number(question + 4, 4) % 64];
	bool has_name = number(question + 8, 2);
	char name = has_name ? (char)question[12] : 0;
	uint8_t found = !has_name ? from : from == 1 && name == 'd' ? 2 : from == 2 && name == 'f' && server.has_file ? 3 : 0;
	if (!found)
		return 0;
	*to = found;
	server.fids++;
	answer[0] = has_name;
	return 2 + 13u * has_name;
}

static uint32_t serve_getattr(const uint8_t *question, uint8_t *answer)
{
	uint8_t ino = server.ino_of_fid[number(question, 4) % 64];
	if (ino == 3 && !server.has_file)
		return 0;
	answer[13] = ino; // the path of the qid
	answer[21] = ino == 3 ? 0244 : 0355;
	answer[22] = ino == 3 ? 0201 : 0101;
	answer[33] = 1; // nlink
	answer[49] = 4; // size
	return 153;
}

static uint32_t serve_read(const uint8_t *question, uint8_t *answer)
{
	bool is_begin = number(question + 4, 4) == 0;
	answer[0] = is_begin ? 4 : 0;
	memcpy(answer + 4, "code", 4);
	return 4u + answer[0];
}

static int64_t serve(struct ninep_channel *channel, const void *out, uint32_t out_len, void *in, uint32_t in_size)
{
	const uint8_t *question = out;
	uint8_t *answer = in;
	uint32_t len = 0;
	(void)channel, (void)out_len, (void)in_size;
	memset(answer, 0, 256);
	server.asked[question[4]]++;
	switch (question[4]) {
	case NINEP_VERSION:
		memcpy(answer + 7, "\0\0\1\0\x08\0" "9P2000.L", len = 14);
		break;
	case NINEP_ATTACH:
		server.ino_of_fid[number(question + 7, 4) % 64] = 1;
		server.fids++;
		len = 13;
		break;
	case NINEP_WALK:
		len = serve_walk(question + 7, answer + 7);
		break;
	case NINEP_GETATTR:
		len = serve_getattr(question + 7, answer + 7);
		break;
	case NINEP_LOPEN:
		len = 17;
		break;
	case NINEP_READ:
		len = serve_read(question + 7, answer + 7);
		break;
	case NINEP_CLUNK:
		server.fids--;
		break;
	default:
		break;
	}
	bool is_error = !len && question[4] != NINEP_CLUNK;
	answer[4] = is_error ? NINEP_LERROR + 1 : question[4] + 1;
	if (is_error) {
		answer[7] = ENOENT;
		len = 4;
	}
	answer[0] = (uint8_t)(7 + len);
	return 7 + len;
}

/** If this fails, each use of a name opens its whole path anew; or a name that the server took away is still
 *  there; or an unmounted server keeps files. */
TEST(fs, ninep_keeps_names)
{
	static struct ninep_channel channel = {.tag = "honest", .request = serve};
	struct fs_stat stat;
	struct fs_at place = at("/t/m");
	fs_test_init();
	ninep_channel_register(&channel);
	memset(&server, 0, sizeof(server));
	server.has_file = true;
	EXPECT_EQ(t_mkdir("/t/m"), 0);
	EXPECT_EQ(fs_mount("honest", &place, "9p", 0, NULL), 0);
	EXPECT_EQ(t_stat("/t/m/d/f", &stat), 0);
	EXPECT_EQ(stat.ino, 3);
	EXPECT_EQ(server.asked[NINEP_WALK], 2);
	EXPECT_EQ(t_stat("/t/m/d/f", &stat), 0);
	EXPECT_EQ(server.asked[NINEP_WALK], 2);
	EXPECT_EQ(server.asked[NINEP_CLUNK], 0);
	EXPECT_EQ(server.fids, 3);
	server.has_file = false;
	EXPECT_EQ(t_stat("/t/m/d/f", &stat), -ENOENT);
	EXPECT_EQ(server.fids, 2); // the file's is given back
	server.has_file = true;
	EXPECT_EQ(t_stat("/t/m/d/f", &stat), 0);
	EXPECT_EQ(fs_umount(&place, 0), 0);
	EXPECT_EQ(server.fids, 0);
	list_remove(&channel.node); // it is not for ever
}

/** If this fails, each mapping of a program's page makes all CPUs forget their instructions: on RISC-V a call of the
 *  firmware, which asks each CPU. */
TEST(fs, ninep_code_is_synchronised_once)
{
	static struct ninep_channel channel = {.tag = "program", .request = serve};
	struct fs_at place = at("/t/m");
	struct mm_map_request request = {.size = HAL_PAGE_SIZE, .flags = HAL_PROT_READ | HAL_PROT_EXEC};
	struct frame *frame;
	vaddr_t addr;
	err_t err;
	fs_test_init();
	ninep_channel_register(&channel);
	memset(&server, 0, sizeof(server));
	server.has_file = true;
	EXPECT_EQ(t_mkdir("/t/m"), 0);
	EXPECT_EQ(fs_mount("program", &place, "9p", 0, NULL), 0);
	struct file *file = t_open("/t/m/d/f", O_RDONLY, &err);
	EXPECT(file && file->ops->mmap_object(file, false, &request.object) == 0);
	struct mm_space *space = mm_space_create();
	EXPECT_EQ(mm_map(space, &request, &addr), 0);
	EXPECT_EQ(mm_space_pin(space, addr, false, &frame), 0);
	EXPECT(memcmp(frame_direct(frame), "code", 5) == 0);
	EXPECT(load_relaxed(&frame->flags) & FRAME_CODE_SYNCED);
	frame_put(frame);
	mm_space_put(space);
	request.object->ops->put(request.object);
	file_put(file);
	EXPECT_EQ(fs_umount(&place, 0), 0);
	EXPECT_EQ(server.fids, 0);
	list_remove(&channel.node);
}
