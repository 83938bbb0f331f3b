/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * MPA set-up (RFC 5044 section 7, RFC 6581): one frame each way over a
 * non-blocking socket, and what follows from them. The decisions are pure
 * functions of the two frames; nothing here waits, and nothing keeps time.
 *
 * We offer revision 2 and no markers, and say all three RTR frames. All three in
 * the Request and in the Reply is how two of ours know each other (kernel siw
 * never says Send): then the stream is peer-to-peer and may carry RFC 7306. Others
 * see a client and a server, as from kernel siw, unless they ask us for
 * peer-to-peer: they get one RTR type back, Write before Read before Send. We ask
 * for it (flag A, without which RTR bits mean nothing to others) only if
 * IWSHIM_PEER_TO_PEER=on: a kernel siw that is asked for it dies when such a stream
 * ends before it has seen the first FPDU (see soft_nudge.h).
 *
 * CRC by IWSHIM_CRC (setuid programs ignore it):
 *   auto		asked for unless both ends are on this host (default)
 *   on, require	always asked for
 *   off		not asked for; used if the peer asks
 *   refuse		a peer that asks is refused
 */
#ifndef IW_SOFT_SETUP_H
#define IW_SOFT_SETUP_H

#include "driver/soft/mpa.h"
#include "driver/soft/rdmap.h"
#include "driver/soft/soft_qp.h"

/* The ULP's private data: Linux peers take 256 with the enhanced data, no more. */
#define SOFT_SETUP_DATA_MAX (MPA_REPLY_PD_MAX - MPA_ENHANCED)
#define SOFT_SETUP_REVISION 2
#define SOFT_SETUP_RTR_ALL (MPA_RTR_SEND | MPA_RTR_WRITE | MPA_RTR_READ)
/* A Terminate without a header: FPDU of 18 + 4 bytes. */
#define SOFT_SETUP_TERMINATE_SIZE 28

enum soft_crc_policy {
	SOFT_CRC_AUTO,
	SOFT_CRC_REQUIRE,
	SOFT_CRC_OFF,
	SOFT_CRC_REFUSE,
};

/* What one side brings. */
struct soft_offer {
	uint16_t ird, ord;
	bool peer_to_peer; /* an initiator asks everybody for it */
	bool crc;	   /* ask for it */
	bool refuse_crc;   /* a peer that asks is refused */
	const void *private_data;
	uint16_t private_data_len;
};

/* Of one socket while it is set up; freed with free(3). */
struct soft_setup {
	uint8_t in[MPA_FRAME_MAX], out[MPA_FRAME_MAX];
	uint16_t have;		/* bytes in @in */
	uint16_t out_len, sent; /* of @out */
	struct soft_offer offer;
	struct mpa_frame ours; /* as queued; its private data lies in @out */
	struct mpa_frame peer; /* valid once read; its private data lies in @in */
};

/* Reads in flight, of what a peer or a program says. */
static inline uint16_t soft_setup_depth(uint16_t said)
{
	return (uint16_t)iw_min_u32(said, SOFT_MAX_RD_ATOM);
}

/* NULL, "" and what is not known mean auto. */
enum soft_crc_policy soft_setup_crc_parse(const char *text);
/* Of this process. */
enum soft_crc_policy soft_setup_crc_policy(void);
void soft_setup_crc(struct soft_offer *offer, enum soft_crc_policy policy, bool same_host);

/* IWSHIM_PEER_TO_PEER of this process; setuid programs ignore it. */
bool soft_setup_wants_peer_to_peer(void);

/* ---- decisions */

/* Our Request. */
void soft_setup_request(const struct soft_offer *mine, uint8_t revision, struct mpa_frame *request);
/* A responder: 0, -EOPNOTSUPP (it wants markers), -EPERM (CRC): to be refused. */
int soft_setup_judge(const struct mpa_frame *request, const struct soft_offer *mine);
/*
 * A responder accepts: the Reply, and the stream but for its descriptor. IRD is
 * raised to what the peer will issue, up to SOFT_MAX_RD_ATOM; ORD lowered to what
 * it serves. Without enhanced data the local values stand.
 */
void soft_setup_accept(const struct mpa_frame *request, const struct soft_offer *mine,
		       struct mpa_frame *reply, struct soft_stream *stream);
void soft_setup_refuse(const struct mpa_frame *request, const void *data, uint16_t len,
		       struct mpa_frame *reply);
/*
 * An initiator has the Reply to @request: 0 and the stream but for its
 * descriptor, or
 * -ECONNREFUSED	rejected, or it demands markers or a CRC that we refuse
 * -ECONNRESET	no enhanced data although we sent some
 * -EINVAL	IRD cannot be as large, or no common RTR
 * *@terminate: the code to close with (enum rdmap_term), 0: none.
 */
int soft_setup_conclude(const struct mpa_frame *request, const struct mpa_frame *reply,
			const struct soft_offer *mine, struct soft_stream *stream,
			uint16_t *terminate);

/* ---- bytes */

/* Builds @frame to be written. -EINVAL: the private data is too long. */
int soft_setup_queue(struct soft_setup *setup, const struct mpa_frame *frame);
/* 1: written; 0: the socket is full; negative: it is broken. */
int soft_setup_write(struct soft_setup *setup, int fd);
/*
 * Reads as far as bytes are there, never beyond the frame. 1: whole, in @peer;
 * 0: more is to come; -ECONNRESET: the peer closed before; -EOVERFLOW: bytes
 * followed a Request; errors of mpa_frame_parse() and of recv(2). Behind a Reply
 * FPDUs may already stand: kernel siw lets a server speak first.
 */
int soft_setup_read(struct soft_setup *setup, int fd, bool want_reply);
/* An FPDU with a Terminate; its size. */
size_t soft_setup_terminate(uint16_t code, bool crc, uint8_t out[SOFT_SETUP_TERMINATE_SIZE]);

#endif
