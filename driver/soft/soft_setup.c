// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * MPA set-up: decisions about frames, and their way through a socket. When to
 * do which is in soft_active.c and soft_passive.c.
 */
#include "driver/soft/soft_setup.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "driver/soft/crc32c.h"
#include "driver/soft/ddp.h"

/* --------------------------------------------------------------------- CRC */

enum soft_crc_policy soft_setup_crc_parse(const char *text)
{
	if (!text || !*text || !strcmp(text, "auto"))
		return SOFT_CRC_AUTO;
	if (!strcmp(text, "on") || !strcmp(text, "require"))
		return SOFT_CRC_REQUIRE;
	if (!strcmp(text, "off"))
		return SOFT_CRC_OFF;
	if (!strcmp(text, "refuse"))
		return SOFT_CRC_REFUSE;
	iw_warn("IWSHIM_CRC=%s is not known (auto, on, off, refuse): auto", text);
	return SOFT_CRC_AUTO;
}

enum soft_crc_policy soft_setup_crc_policy(void)
{
	static int known = -1;
	int policy = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (policy < 0) {
		policy = soft_setup_crc_parse(secure_getenv("IWSHIM_CRC"));
		__atomic_store_n(&known, policy, __ATOMIC_RELAXED);
	}
	return (enum soft_crc_policy)policy;
}

void soft_setup_crc(struct soft_offer *offer, enum soft_crc_policy policy, bool same_host)
{
	offer->crc = policy == SOFT_CRC_REQUIRE || (policy == SOFT_CRC_AUTO && !same_host);
	offer->refuse_crc = policy == SOFT_CRC_REFUSE;
}

bool soft_setup_wants_peer_to_peer(void)
{
	static int known = -1;
	int wants = __atomic_load_n(&known, __ATOMIC_RELAXED);
	const char *text;

	if (wants < 0) {
		text = secure_getenv("IWSHIM_PEER_TO_PEER");
		wants = text && !strcmp(text, "on");
		if (text && !wants && *text && strcmp(text, "off") != 0)
			iw_warn("IWSHIM_PEER_TO_PEER=%s is not known (on, off): off", text);
		__atomic_store_n(&known, wants, __ATOMIC_RELAXED);
	}
	return wants;
}

/* --------------------------------------------------------------- Decisions */

void soft_setup_request(const struct soft_offer *mine, uint8_t revision, struct mpa_frame *request)
{
	const bool enhanced = revision >= 2;

	*request = (struct mpa_frame){
		.crc = mine->crc,
		.enhanced = enhanced,
		.revision = revision,
		.peer_to_peer = enhanced && mine->peer_to_peer,
		.rtr = enhanced ? SOFT_SETUP_RTR_ALL : 0,
		.ird = enhanced ? mine->ird : 0,
		.ord = enhanced ? mine->ord : 0,
		.private_data = mine->private_data,
		.private_data_len = mine->private_data_len,
	};
}

int soft_setup_judge(const struct mpa_frame *request, const struct soft_offer *mine)
{
	if (request->markers)
		return -EOPNOTSUPP;
	return request->crc && mine->refuse_crc ? -EPERM : 0;
}

/* One of those offered; a peer that offers none hears what we would take. */
static uint8_t choose_rtr(uint8_t offered)
{
	if (offered & MPA_RTR_WRITE || !offered)
		return MPA_RTR_WRITE;
	return offered & MPA_RTR_READ ? MPA_RTR_READ : MPA_RTR_SEND;
}

static bool is_ours(const struct mpa_frame *frame)
{
	return frame->enhanced && frame->rtr == SOFT_SETUP_RTR_ALL;
}

/* The depths that a responder agrees to; "elsewhere" leaves the local value. */
static void accept_depths(const struct mpa_frame *request, const struct soft_offer *mine,
			  struct mpa_frame *reply, struct soft_stream *stream)
{
	if (request->ord != MPA_DEPTH_ELSEWHERE && request->ord > stream->ird)
		stream->ird = soft_setup_depth(request->ord);
	if (reply->rtr & MPA_RTR_READ && !stream->ird)
		stream->ird = 1;
	if (request->ird != MPA_DEPTH_ELSEWHERE)
		stream->ord = (uint16_t)iw_min_u32(mine->ord, request->ird);
	reply->ird = request->ord == MPA_DEPTH_ELSEWHERE ? MPA_DEPTH_ELSEWHERE : stream->ird;
	reply->ord = request->ird == MPA_DEPTH_ELSEWHERE ? MPA_DEPTH_ELSEWHERE : stream->ord;
}

void soft_setup_accept(const struct mpa_frame *request, const struct soft_offer *mine,
		       struct mpa_frame *reply, struct soft_stream *stream)
{
	const bool ours = is_ours(request);

	*reply = (struct mpa_frame){
		.is_reply = true,
		.crc = request->crc || mine->crc,
		.enhanced = request->enhanced,
		.revision = request->revision,
		.peer_to_peer = request->enhanced && request->peer_to_peer,
		.private_data = mine->private_data,
		.private_data_len = mine->private_data_len,
	};
	*stream = (struct soft_stream){
		.fd = -1,
		.crc = reply->crc,
		.extensions = ours,
		.peer_to_peer = ours || reply->peer_to_peer,
		.ird = mine->ird,
		.ord = mine->ord,
	};
	if (ours)
		reply->rtr = SOFT_SETUP_RTR_ALL;
	else if (reply->peer_to_peer)
		reply->rtr = choose_rtr(request->rtr);
	stream->rtr = reply->rtr;
	if (request->enhanced)
		accept_depths(request, mine, reply, stream);
}

void soft_setup_refuse(const struct mpa_frame *request, const void *data, uint16_t len,
		       struct mpa_frame *reply)
{
	*reply = (struct mpa_frame){
		.is_reply = true,
		.reject = true,
		.enhanced = request->enhanced,
		.revision = request->revision,
		.ird = request->ord,
		.ord = request->ird,
		.private_data = data,
		.private_data_len = len,
	};
}

static int conclude_depths(const struct mpa_frame *reply, const struct soft_offer *mine,
			   struct soft_stream *stream)
{
	stream->ird = mine->ird;
	stream->ord = mine->ord;
	if (reply->ord != MPA_DEPTH_ELSEWHERE) {
		if (reply->ord > SOFT_MAX_RD_ATOM)
			return -EINVAL;
		stream->ird = reply->ord;
	}
	if (reply->ird != MPA_DEPTH_ELSEWHERE)
		stream->ord = (uint16_t)iw_min_u32(mine->ord, reply->ird);
	return 0;
}

/* A Read as RTR needs room for one, whatever the program asked for. */
static int conclude_rtr(const struct mpa_frame *request, const struct mpa_frame *reply,
			struct soft_stream *stream)
{
	uint8_t common = request->rtr & reply->rtr;

	stream->extensions = is_ours(request) && is_ours(reply);
	stream->peer_to_peer = stream->extensions || (request->peer_to_peer && reply->peer_to_peer);
	if (!stream->peer_to_peer)
		return 0;
	if (!reply->ird && common != MPA_RTR_READ)
		common &= (uint8_t)~MPA_RTR_READ;
	if (!common || (common == MPA_RTR_READ && !reply->ird))
		return -EINVAL;
	stream->rtr = choose_rtr(common);
	if (stream->rtr == MPA_RTR_READ && !stream->ord)
		stream->ord = 1;
	return 0;
}

/* What makes a Reply no answer to our Request at all. */
static int check_reply(const struct mpa_frame *request, const struct mpa_frame *reply,
		       const struct soft_offer *mine)
{
	if (reply->markers) {
		iw_warn("the peer insists on MPA markers, which this device does not send");
		return -ECONNREFUSED;
	}
	if (reply->crc && mine->refuse_crc) {
		iw_warn("the peer insists on a CRC, which IWSHIM_CRC=refuse forbids");
		return -ECONNREFUSED;
	}
	return reply->enhanced != request->enhanced ? -ECONNRESET : 0;
}

int soft_setup_conclude(const struct mpa_frame *request, const struct mpa_frame *reply,
			const struct soft_offer *mine, struct soft_stream *stream,
			uint16_t *terminate)
{
	struct soft_stream agreed = {
		.fd = -1,
		.initiator = true,
		.crc = request->crc || reply->crc,
		.ird = mine->ird,
		.ord = mine->ord,
	};
	int ret;

	*terminate = 0;
	if (reply->reject)
		return -ECONNREFUSED;
	ret = check_reply(request, reply, mine);
	if (ret) {
		*terminate = TERM_MPA_LOCAL;
		return ret;
	}
	if (request->enhanced) {
		ret = conclude_depths(reply, mine, &agreed);
		if (ret) {
			*terminate = TERM_MPA_IRD;
			return ret;
		}
		ret = conclude_rtr(request, reply, &agreed);
		if (ret) {
			*terminate = TERM_MPA_RTR;
			return ret;
		}
	}
	*stream = agreed;
	return 0;
}

/* ------------------------------------------------------------------- Bytes */

int soft_setup_queue(struct soft_setup *setup, const struct mpa_frame *frame)
{
	unsigned int extra = frame->enhanced ? MPA_ENHANCED : 0;
	int len;

	if (frame->private_data_len + extra > MPA_REPLY_PD_MAX)
		return -EINVAL;
	len = mpa_frame_build(frame, setup->out, sizeof(setup->out));
	if (len < 0)
		return -EINVAL;
	setup->out_len = (uint16_t)len;
	setup->sent = 0;
	setup->ours = *frame;
	setup->ours.private_data = setup->out + MPA_FRAME_HDR + extra;
	return 0;
}

int soft_setup_write(struct soft_setup *setup, int fd)
{
	ssize_t n;

	while (setup->sent < setup->out_len) {
		if (iw_fault(IW_FAULT_SYSCALL))
			return -ENOBUFS;
		n = send(fd, setup->out + setup->sent, (size_t)(setup->out_len - setup->sent),
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			setup->sent = (uint16_t)(setup->sent + n);
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		else if (errno != EINTR)
			return -errno;
	}
	return 1;
}

/* How long the frame in @setup is as far as that is known; parsed lengths only. */
static size_t frame_size(const struct soft_setup *setup)
{
	if (setup->have < MPA_FRAME_HDR)
		return MPA_FRAME_HDR;
	return MPA_FRAME_HDR + ((size_t)setup->in[18] << 8 | setup->in[19]);
}

/* A Request ends what the peer may say before our Reply. */
static int check_end(int fd)
{
	uint8_t byte;
	ssize_t n;

	do
		n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n > 0 ? -EOVERFLOW : 1;
}

/* 1: bytes came; 0: none are there. */
static int receive(struct soft_setup *setup, int fd)
{
	size_t want = iw_min_size(frame_size(setup), sizeof(setup->in)) - setup->have;
	ssize_t n;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOBUFS;
	do
		n = recv(fd, setup->in + setup->have, want, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (!n)
		return -ECONNRESET;
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
	setup->have = (uint16_t)(setup->have + n);
	return 1;
}

int soft_setup_read(struct soft_setup *setup, int fd, bool want_reply)
{
	int ret;

	for (;;) {
		ret = receive(setup, fd);
		if (ret <= 0)
			return ret;
		ret = mpa_frame_parse(&setup->peer, setup->in, setup->have, want_reply);
		if (ret < 0)
			return ret;
		if (ret)
			return want_reply ? 1 : check_end(fd);
	}
}

size_t soft_setup_terminate(uint16_t code, bool crc, uint8_t out[SOFT_SETUP_TERMINATE_SIZE])
{
	const struct rdmap_terminate terminate = { .code = code };
	struct ddp_header header = {
		.last = true,
		.version = DDP_VERSION,
		.rdmap = rdmap_control(RDMAP_TERMINATE),
		.qn = DDP_QN_TERMINATE,
		.msn = 1,
	};
	uint8_t body[RDMAP_TERM_BODY_MAX];
	size_t len = rdmap_terminate_build(&terminate, body), head;

	header.ulpdu = (uint16_t)(DDP_UNTAGGED_HDR - MPA_LEN_FIELD + len);
	memset(out, 0, SOFT_SETUP_TERMINATE_SIZE);
	head = ddp_build(&header, out);
	head += iw_copy(out + head, SOFT_SETUP_TERMINATE_SIZE - MPA_CRC - head, body, len);
	if (crc)
		crc32c_store(out + head, crc32c_final(crc32c_update(CRC32C_INIT, out, head)));
	return head + MPA_CRC;
}
