/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A batch: FPDUs on their way into one sendmsg. Headers, trailers and small
 * payload lie one behind the other in the batch's own memory, large payload is
 * pinned and named by an iovec, but for one case: on some processors the kernel's
 * copy ("rep movsb") takes 2.5 times as long if its target lies a few bytes
 * further into a page than its source. That is what a header in front of a
 * page-aligned buffer makes of it, and costs more than a copy of ours.
 * Of what goes under a CRC a copy is taken, too.
 * A thread has one batch, whatever it sends.
 *
 * What a full socket leaves of an FPDU becomes a soft_tx_rest, which belongs to
 * the QP: copies of the small pieces, and names (not pins) of the large ones.
 */
#ifndef IW_SOFT_TX_BATCH_H
#define IW_SOFT_TX_BATCH_H

#include <sys/uio.h>

#include "driver/soft/mpa.h"
#include "driver/soft/soft.h"
#include "driver/soft/soft_mr.h"
#include "driver/soft/soft_tx.h"

#define SOFT_BATCH_STAGE (192u << 10)
#define SOFT_BATCH_IOV 1024 /* IOV_MAX of Linux */
#define SOFT_BATCH_FPDUS 1024
#define SOFT_BATCH_BYTES (512u << 10) /* a batch that has as many takes no more */
#define SOFT_COPY_MAX 4096	      /* pieces of local payload up to this are copied */
#define SOFT_FPDU_IOV (2 * SOFT_MAX_SGE + 2)
/* The most that an FPDU takes of the stage. */
#define SOFT_FPDU_STAGE (MPA_LEN_FIELD + MPA_ULPDU_MAX + 3 + MPA_CRC)

/* Where the bytes of an iovec are, to find them again when they are no more pinned. */
enum soft_piece_kind {
	SOFT_PIECE_STAGE,
	SOFT_PIECE_LOCAL, /* @stag is an lkey */
	SOFT_PIECE_REMOTE /* @stag is what the peer reads from */
};
struct soft_piece {
	uint8_t kind;
	uint32_t stag;
	uint64_t addr; /* as the region counts; stage: offset in soft_tx_rest.bytes */
	uint32_t len;
};

struct soft_tx_fpdu {
	uint32_t end; /* bytes of the batch up to and with this FPDU */
	struct soft_tx_cursor after;
};

struct soft_tx_batch {
	uint32_t bytes, staged;
	unsigned int n_iov, n_pins, n_fpdus;
	/* The FPDU being built. */
	struct {
		uint32_t bytes, staged;
		unsigned int n_iov, n_pins;
		size_t last_len; /* of the iovec that its header may have been joined to */
	} start;
	struct iovec iov[SOFT_BATCH_IOV];
	struct soft_piece piece[SOFT_BATCH_IOV];
	struct soft_pin pin[SOFT_BATCH_IOV];
	struct soft_tx_fpdu fpdu[SOFT_BATCH_FPDUS];
	uint8_t stage[SOFT_BATCH_STAGE];
};

struct soft_tx_rest {
	struct soft_tx_cursor after; /* holds once the rest is gone */
	unsigned int n, first;	     /* pieces; the first not wholly sent */
	struct soft_piece piece[SOFT_FPDU_IOV];
	uint8_t bytes[];
};

/* This thread's batch, empty; NULL: no memory. It stays until the thread ends. */
struct soft_tx_batch *soft_batch_get(void);
/* Drops all pins. Before sq.lock is released. */
void soft_batch_done(struct soft_tx_batch *batch);
/* Whether one more FPDU of any shape fits. */
bool soft_batch_has_room(const struct soft_tx_batch *batch);

/* An FPDU is begun, filled by the calls below, and ended or dropped. */
void soft_batch_begin(struct soft_tx_batch *batch);
uint8_t *soft_batch_stage(struct soft_tx_batch *batch, uint32_t len);
enum soft_mem_fault soft_batch_add_local(struct soft_tx_batch *batch, const struct soft_qp *qp,
					 const struct ibv_sge *sge);
enum soft_mem_fault soft_batch_add_remote(struct soft_tx_batch *batch, const struct soft_qp *qp,
					  const struct ibv_sge *source);
/* Pads, and appends the CRC (0 without @crc). */
void soft_batch_end(struct soft_tx_batch *batch, bool crc, const struct soft_tx_cursor *after);
void soft_batch_drop(struct soft_tx_batch *batch);

/* Bytes that the socket took, -EAGAIN if none, or the error of sendmsg(2). */
ssize_t soft_batch_send(const struct soft_tx_batch *batch, int fd);
/* The FPDU @index, of which the socket took the batch up to byte @sent. NULL: no memory. */
struct soft_tx_rest *soft_batch_rest(const struct soft_tx_batch *batch, unsigned int index,
				     uint32_t sent);

/* 1: all gone; 0: more is left; -EFAULT: its memory is not registered any more; as above. */
int soft_rest_send(struct soft_tx_rest *rest, const struct soft_qp *qp);
/* Bytes of it that are left, and a copy of them (-EFAULT as above). */
size_t soft_rest_size(const struct soft_tx_rest *rest);
int soft_rest_copy(const struct soft_tx_rest *rest, const struct soft_qp *qp, uint8_t *out);

#endif
