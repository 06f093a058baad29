// SPDX-License-Identifier: MIT
// 9P messages: size[4] type[1] tag[2] and fields, all little-endian. The server is believed in nothing: what
// is read behind the end of its answer is zero and makes the answer an error.
#include "ninep.h"

#define HEADER_BYTES 7u
#define MESSAGE_ORDER 4 // of frames: 64 KiB
#define MESSAGE_MAX (HAL_PAGE_SIZE << MESSAGE_ORDER)
#define TAG 0
#define NO_TAG 0xffff // of Tversion
#define NO_FID 0xffffffffu
#define ERRNO_MAX 4095

static const char version[] = "9P2000.L";

void ninep_put_bytes(struct ninep *session, const void *bytes, size_t len)
{
	if (len > MESSAGE_MAX - session->put) {
		session->is_bad = true;
		return;
	}
	memcpy(session->out + session->put, bytes, len);
	session->put += (uint32_t)len;
}

static void put_number(struct ninep *session, uint64_t value, unsigned bytes)
{
	uint8_t little[8];
	for (unsigned i = 0; i < bytes; i++)
		little[i] = (uint8_t)(value >> (8 * i));
	ninep_put_bytes(session, little, bytes);
}

void ninep_put8(struct ninep *session, uint8_t value)
{
	put_number(session, value, 1);
}

void ninep_put16(struct ninep *session, uint16_t value)
{
	put_number(session, value, 2);
}

void ninep_put32(struct ninep *session, uint32_t value)
{
	put_number(session, value, 4);
}

void ninep_put64(struct ninep *session, uint64_t value)
{
	put_number(session, value, 8);
}

void ninep_put_text(struct ninep *session, const char *text, size_t len)
{
	ninep_put16(session, (uint16_t)len);
	ninep_put_bytes(session, text, len);
	session->is_bad |= len > UINT16_MAX;
}

const void *ninep_get_bytes(struct ninep *session, size_t len)
{
	if (len > session->end - session->get) {
		session->is_bad = true;
		session->get = session->end;
		return NULL;
	}
	session->get += (uint32_t)len;
	return session->in + session->get - len;
}

static uint64_t get_number(struct ninep *session, unsigned bytes)
{
	const uint8_t *little = ninep_get_bytes(session, bytes);
	uint64_t value = 0;
	for (unsigned i = 0; little && i < bytes; i++)
		value |= (uint64_t)little[i] << (8 * i);
	return value;
}

uint8_t ninep_get8(struct ninep *session)
{
	return (uint8_t)get_number(session, 1);
}

uint16_t ninep_get16(struct ninep *session)
{
	return (uint16_t)get_number(session, 2);
}

uint32_t ninep_get32(struct ninep *session)
{
	return (uint32_t)get_number(session, 4);
}

uint64_t ninep_get64(struct ninep *session)
{
	return get_number(session, 8);
}

void ninep_begin(struct ninep *session, enum ninep_type type)
{
	sched_mutex_lock(&session->lock);
	session->put = 0;
	session->get = session->end = 0;
	session->is_bad = false;
	ninep_put32(session, 0); // the size, once it is known
	ninep_put8(session, (uint8_t)type);
	ninep_put16(session, type == NINEP_VERSION ? NO_TAG : TAG);
}

static err_t read_header(struct ninep *session, uint8_t asked)
{
	uint32_t size = ninep_get32(session);
	uint8_t type = ninep_get8(session);
	(void)ninep_get16(session);
	if (session->is_bad || size < HEADER_BYTES || size > session->end)
		return -EIO;
	session->end = size;
	if (type == NINEP_LERROR + 1) {
		uint32_t error = ninep_get32(session);
		return error && error <= ERRNO_MAX ? -(err_t)error : -EIO;
	}
	return type == asked + 1 ? 0 : -EIO;
}

err_t ninep_call(struct ninep *session)
{
	if (session->is_bad)
		return -EMSGSIZE;
	uint32_t size = session->put;
	session->put = 0;
	ninep_put32(session, size);
	int64_t n = session->channel->request(session->channel, session->out, size, session->in, MESSAGE_MAX);
	if (n < 0)
		return (err_t)n;
	session->end = (uint32_t)n;
	return read_header(session, session->out[4]);
}

err_t ninep_end(struct ninep *session, err_t err)
{
	if (!err && session->is_bad)
		err = -EIO;
	sched_mutex_unlock(&session->lock);
	return err;
}

uint32_t ninep_new_fid(struct ninep *session)
{
	sched_mutex_lock(&session->lock);
	// 4 billion of them come before one comes again; the server refuses it if it is still in use.
	if (++session->next_fid == NO_FID)
		session->next_fid = 1;
	uint32_t fid = session->next_fid;
	sched_mutex_unlock(&session->lock);
	return fid;
}

static err_t agree_on_version(struct ninep *session)
{
	ninep_begin(session, NINEP_VERSION);
	ninep_put32(session, MESSAGE_MAX);
	ninep_put_text(session, version, strlen(version));
	err_t err = ninep_call(session);
	if (!err) {
		uint32_t size = ninep_get32(session);
		uint16_t len = ninep_get16(session);
		const char *text = ninep_get_bytes(session, len);
		bool is_ours = text && len == strlen(version) && !memcmp(text, version, len);
		if (!is_ours || size < NINEP_DATA_MAX + 64)
			err = -EPROTONOSUPPORT;
	}
	return ninep_end(session, err);
}

static err_t attach(struct ninep *session, uint32_t fid)
{
	ninep_begin(session, NINEP_ATTACH);
	ninep_put32(session, fid);
	ninep_put32(session, NO_FID);
	ninep_put_text(session, "root", 4);
	ninep_put_text(session, "", 0);
	ninep_put32(session, 0); // as user 0
	return ninep_end(session, ninep_call(session));
}

err_t ninep_session_open(struct ninep *session)
{
	sched_mutex_init(&session->lock);
	session->out_frame = frame_alloc(MESSAGE_ORDER);
	session->in_frame = frame_alloc(MESSAGE_ORDER);
	if (!session->out_frame || !session->in_frame)
		return -ENOMEM;
	session->out = frame_direct(session->out_frame);
	session->in = frame_direct(session->in_frame);
	err_t err = agree_on_version(session);
	if (err)
		return err;
	uint32_t root = ninep_new_fid(session);
	err = attach(session, root);
	return err ? err : ninep_node_create(session, root, &session->super.root);
}

void ninep_session_close(struct ninep *session)
{
	if (session->out_frame)
		frame_put(session->out_frame);
	if (session->in_frame)
		frame_put(session->in_frame);
}
