// SPDX-License-Identifier: MIT
// A 9P server that lies: whatever it answers, mounting and reading end with an error, and nothing is lost.

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
