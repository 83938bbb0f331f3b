// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * MPA set-up as the driver does it, in both roles: what the peer sends comes
 * through a socket, in pieces; what follows from it is within our limits, and
 * what we answer is a frame that the other role of ours understands.
 *
 * Input: a byte of flags, a byte each for our IRD and ORD, then the peer's bytes.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/soft/soft_setup.h"
#include "fuzz/fuzz.h"

#define FLAG_REPLY 1 /* we are the initiator */
#define FLAG_CRC 2
#define FLAG_REFUSE_CRC 4
#define FLAG_REVISION_1 8
#define FLAG_CUT 16
#define FLAG_PEER_TO_PEER 32
#define INPUT_MAX (MPA_FRAME_MAX + 16)

static struct soft_offer offer;

static void check_stream(const struct soft_stream *stream)
{
	MUST(stream->fd == -1);
	MUST(stream->ird <= SOFT_MAX_RD_ATOM && stream->ord <= SOFT_MAX_RD_ATOM);
	MUST(stream->ord <= offer.ord || (stream->rtr == MPA_RTR_READ && stream->ord == 1));
	MUST(!stream->peer_to_peer || stream->rtr);
	MUST(!stream->initiator || !stream->peer_to_peer || (stream->rtr & (stream->rtr - 1)) == 0);
	if (offer.crc)
		MUST(stream->crc);
}

/* What was queued goes out whole and is read by the other role. */
static void check_answer(struct soft_setup *setup, int fd, int peer, bool want_reply)
{
	struct soft_setup *other = calloc(1, sizeof(*other));

	MUST(other);
	MUST(soft_setup_write(setup, fd) == 1);
	MUST(soft_setup_read(other, peer, want_reply) == 1);
	MUST(other->peer.is_reply == want_reply && other->peer.reject == setup->ours.reject);
	MUST(other->peer.private_data_len == setup->ours.private_data_len);
	free(other);
}

static void respond(struct soft_setup *setup, int fd, int peer)
{
	struct soft_stream stream;
	struct mpa_frame reply;

	if (soft_setup_judge(&setup->peer, &offer)) {
		soft_setup_refuse(&setup->peer, "no", 3, &reply);
	} else {
		soft_setup_accept(&setup->peer, &offer, &reply, &stream);
		check_stream(&stream);
	}
	MUST(!soft_setup_queue(setup, &reply));
	check_answer(setup, fd, peer, true);
}

static void conclude(struct soft_setup *setup, const struct mpa_frame *request)
{
	struct soft_stream stream;
	uint16_t terminate;
	uint8_t words[SOFT_SETUP_TERMINATE_SIZE];
	int ret = soft_setup_conclude(request, &setup->peer, &offer, &stream, &terminate);

	MUST(ret == 0 || ret == -ECONNREFUSED || ret == -ECONNRESET || ret == -EINVAL);
	MUST(ret || !terminate);
	if (terminate)
		MUST(soft_setup_terminate(terminate, request->crc, words) <= sizeof(words));
	if (!ret)
		check_stream(&stream);
}

static void offer_of(const uint8_t *data)
{
	offer = (struct soft_offer){
		.peer_to_peer = data[0] & FLAG_PEER_TO_PEER,
		.crc = data[0] & FLAG_CRC,
		.refuse_crc = data[0] & FLAG_REFUSE_CRC && !(data[0] & FLAG_CRC),
		.ird = data[1] % (SOFT_MAX_RD_ATOM + 1),
		.ord = data[2] % (SOFT_MAX_RD_ATOM + 1),
		.private_data = "hello",
		.private_data_len = 6,
	};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct soft_setup *setup = calloc(1, sizeof(*setup));
	struct mpa_frame request;
	size_t step, n;
	bool initiator;
	int fds[2], ret = 0;

	if (size < 3 || size > INPUT_MAX || !setup) {
		free(setup);
		return 0;
	}
	initiator = data[0] & FLAG_REPLY;
	offer_of(data);
	step = data[0] & FLAG_CUT ? 3 : size;
	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	soft_setup_request(&offer, data[0] & FLAG_REVISION_1 ? 1 : 2, &request);
	if (initiator) {
		MUST(!soft_setup_queue(setup, &request));
		check_answer(setup, fds[0], fds[1], false);
	}
	for (size_t at = 3; at < size && !ret; at += n) {
		n = iw_min_size(step, size - at);
		MUST(write(fds[1], data + at, n) == (ssize_t)n);
		ret = soft_setup_read(setup, fds[0], initiator);
		MUST(setup->have <= sizeof(setup->in));
	}
	MUST(ret <= 1);
	if (ret == 1 && initiator)
		conclude(setup, &request);
	else if (ret == 1)
		respond(setup, fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
	free(setup);
	return 0;
}
