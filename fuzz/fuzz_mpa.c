// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * MPA frames. However a stream is cut, the parser reads nothing beyond what is
 * there and does not change its mind; what it accepts can be built again.
 */
#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <string.h>

#include "driver/soft/mpa.h"
#include "fuzz/fuzz.h"

/* Beyond, the parser has no business. */
#define INPUT_MAX (MPA_FRAME_MAX + 8)

static void expect_known(int ret)
{
	MUST(ret <= MPA_FRAME_MAX);
	MUST(ret == 0 || ret >= MPA_FRAME_HDR || ret == -EPROTO || ret == -EBADMSG ||
	     ret == -EMSGSIZE || ret == -EPROTONOSUPPORT);
}

/* Byte after byte: "more", then one verdict for good. */
static int parse_pieces(struct mpa_frame *frame, const uint8_t *in, size_t size, bool want_reply)
{
	int ret = 0, last = 0;
	size_t len;

	for (len = 0; len <= size; len++) {
		ASAN_POISON_MEMORY_REGION(in + len, size - len);
		ret = mpa_frame_parse(frame, in, len, want_reply);
		ASAN_UNPOISON_MEMORY_REGION(in + len, size - len);
		expect_known(ret);
		MUST(last == 0 || ret == last);
		MUST(ret <= 0 || (size_t)ret <= len);
		last = ret;
	}
	return ret;
}

static void expect_same(const struct mpa_frame *a, const struct mpa_frame *b)
{
	MUST(a->is_reply == b->is_reply && a->markers == b->markers && a->crc == b->crc);
	MUST(a->reject == b->reject && a->enhanced == b->enhanced && a->revision == b->revision);
	MUST(a->peer_to_peer == b->peer_to_peer && a->rtr == b->rtr);
	MUST(a->ird == b->ird && a->ord == b->ord);
	MUST(a->private_data_len == b->private_data_len);
	MUST(memcmp(a->private_data, b->private_data, a->private_data_len) == 0);
}

static void build_again(const struct mpa_frame *frame, int size)
{
	uint8_t *out = malloc((size_t)size);
	struct mpa_frame again;

	MUST(out);
	MUST(mpa_frame_build(frame, out, (size_t)size - 1) == -ENOBUFS);
	MUST(mpa_frame_build(frame, out, (size_t)size) == size);
	MUST(mpa_frame_parse(&again, out, (size_t)size, frame->is_reply) == size);
	expect_same(frame, &again);
	free(out);
}

static int try_key(const uint8_t *data, size_t size, bool want_reply)
{
	struct mpa_frame frame;
	int ret = parse_pieces(&frame, data, size, want_reply);

	if (ret > 0) {
		MUST(frame.is_reply == want_reply);
		MUST(frame.private_data + frame.private_data_len == data + ret);
		build_again(&frame, ret);
	}
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int request, reply;

	if (size > INPUT_MAX)
		size = INPUT_MAX;
	request = try_key(data, size, false);
	reply = try_key(data, size, true);
	/* A frame has one key. */
	MUST(request <= 0 || reply == -EBADMSG);
	MUST(reply <= 0 || request == -EBADMSG);
	return 0;
}
