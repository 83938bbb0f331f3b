// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Gathering FPDUs for sendmsg, and keeping what it left. Knows iovecs, pins and
 * checksums; not what the bytes mean, nor in which order work leaves.
 */
#include "driver/soft/soft_tx_batch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/soft/crc32c.h"
#include "driver/soft/soft_key.h"
#include "driver/soft/soft_qp.h"

#define COPY_STEP 1024
#define SLOW_AHEAD 64

static struct soft_key batch_key;

struct soft_tx_batch *soft_batch_get(void)
{
	struct soft_tx_batch *batch;
	pthread_key_t key;

	if (!soft_key_get(&batch_key, free, &key))
		return NULL;
	batch = pthread_getspecific(key);
	if (!batch) {
		batch = iw_calloc(1, sizeof(*batch));
		if (!batch)
			return NULL;
		if (iw_fault(IW_FAULT_SYSCALL) || pthread_setspecific(key, batch)) {
			free(batch);
			return NULL;
		}
	}
	soft_batch_done(batch);
	return batch;
}

static void drop_pins(struct soft_tx_batch *batch, unsigned int from)
{
	for (unsigned int i = from; i < batch->n_pins; i++)
		soft_mem_unpin(&batch->pin[i]);
	batch->n_pins = from;
}

void soft_batch_done(struct soft_tx_batch *batch)
{
	drop_pins(batch, 0);
	batch->bytes = 0;
	batch->staged = 0;
	batch->n_iov = 0;
	batch->n_fpdus = 0;
}

bool soft_batch_has_room(const struct soft_tx_batch *batch)
{
	return batch->bytes < SOFT_BATCH_BYTES && batch->n_fpdus < SOFT_BATCH_FPDUS &&
	       batch->n_iov + SOFT_FPDU_IOV <= SOFT_BATCH_IOV &&
	       batch->staged + SOFT_FPDU_STAGE <= SOFT_BATCH_STAGE;
}

void soft_batch_begin(struct soft_tx_batch *batch)
{
	batch->start.bytes = batch->bytes;
	batch->start.staged = batch->staged;
	batch->start.n_iov = batch->n_iov;
	batch->start.n_pins = batch->n_pins;
	batch->start.last_len = batch->n_iov ? batch->iov[batch->n_iov - 1].iov_len : 0;
}

void soft_batch_drop(struct soft_tx_batch *batch)
{
	drop_pins(batch, batch->start.n_pins);
	batch->bytes = batch->start.bytes;
	batch->staged = batch->start.staged;
	batch->n_iov = batch->start.n_iov;
	if (!batch->n_iov)
		return;
	batch->iov[batch->n_iov - 1].iov_len = batch->start.last_len;
	batch->piece[batch->n_iov - 1].len = (uint32_t)batch->start.last_len;
}

uint8_t *soft_batch_stage(struct soft_tx_batch *batch, uint32_t len)
{
	uint8_t *at = batch->stage + batch->staged;
	unsigned int last = batch->n_iov - 1;

	if (batch->n_iov && batch->piece[last].kind == SOFT_PIECE_STAGE) {
		batch->iov[last].iov_len += len;
		batch->piece[last].len += len;
	} else {
		last = batch->n_iov++;
		batch->iov[last] = (struct iovec){ .iov_base = at, .iov_len = len };
		batch->piece[last] = (struct soft_piece){ .kind = SOFT_PIECE_STAGE, .len = len };
	}
	batch->staged += len;
	batch->bytes += len;
	return at;
}

/* Takes the pin over. */
static void add_pinned(struct soft_tx_batch *batch, const struct soft_piece *piece,
		       const struct soft_pin *pin)
{
	batch->iov[batch->n_iov] = (struct iovec){ .iov_base = pin->ptr, .iov_len = piece->len };
	batch->piece[batch->n_iov++] = *piece;
	batch->pin[batch->n_pins++] = *pin;
	batch->bytes += piece->len;
}

/* Drops the pin. The C library's large copies suffer like the kernel's: small steps. */
static void add_copy(struct soft_tx_batch *batch, struct soft_pin *pin, uint32_t len)
{
	uint8_t *to = soft_batch_stage(batch, len);

	for (uint32_t at = 0; at < len; at += COPY_STEP)
		memcpy(to + at, pin->ptr + at, iw_min_u32(COPY_STEP, len - at));
	soft_mem_unpin(pin);
}

/*
 * Memory that the program has unmapped, but left registered, must fail in
 * sendmsg(2) and not in our process.
 */
static bool is_mapped(const uint8_t *ptr, uint32_t len)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = (uintptr_t)ptr & ~(page - 1);
	uint8_t resident[SOFT_FPDU_STAGE / 4096 + 2];
	uintptr_t size = (uintptr_t)ptr + len - from;

	if (size > (sizeof(resident) - 1) * page)
		return false;
	return !iw_fault(IW_FAULT_SYSCALL) && mincore((void *)from, size, resident) == 0;
}

/*
 * Whether the kernel would stumble over the piece, if its own buffer begins at
 * the start of a page, as it does when the receiver keeps up.
 */
static bool is_slow_alone(const struct soft_tx_batch *batch, const struct soft_pin *pin,
			  uint32_t len)
{
	uintptr_t ahead = (batch->bytes - (uintptr_t)pin->ptr) & 4095;

	return ahead && ahead < SLOW_AHEAD && is_mapped(pin->ptr, len);
}

/*
 * A program should leave alone what it has asked to be sent. But one that receives
 * there, as perftest does, must see its message spoilt and not its connection lost:
 * what has a checksum is a copy.
 */
enum soft_mem_fault soft_batch_add_local(struct soft_tx_batch *batch, const struct soft_qp *qp,
					 const struct ibv_sge *sge)
{
	struct soft_piece piece = {
		.kind = SOFT_PIECE_LOCAL, .stag = sge->lkey, .addr = sge->addr, .len = sge->length
	};
	enum soft_mem_fault fault;
	struct soft_pin pin;

	fault = soft_mem_pin_local(qp->pd, sge->lkey, sge->addr, sge->length, false, &pin);
	if (fault || !sge->length)
		return fault;
	if (qp->stream.crc && piece.len > SOFT_COPY_MAX && !is_mapped(pin.ptr, piece.len)) {
		soft_mem_unpin(&pin);
		return SOFT_MEM_STAG;
	}
	if (piece.len <= SOFT_COPY_MAX || qp->stream.crc || is_slow_alone(batch, &pin, piece.len))
		add_copy(batch, &pin, piece.len);
	else
		add_pinned(batch, &piece, &pin);
	return SOFT_MEM_OK;
}

/*
 * What a peer asks for is not read by us before it has been looked at. The program
 * may write there at any time: what has a checksum is a copy, or the two would not
 * fit when the bytes leave.
 */
enum soft_mem_fault soft_batch_add_remote(struct soft_tx_batch *batch, const struct soft_qp *qp,
					  const struct ibv_sge *source)
{
	struct soft_piece piece = { .kind = SOFT_PIECE_REMOTE,
				    .stag = source->lkey,
				    .addr = source->addr,
				    .len = source->length };
	enum soft_mem_fault fault;
	struct soft_pin pin;

	fault = soft_qp_pin_remote(qp, source, IBV_ACCESS_REMOTE_READ, &pin);
	if (fault || !piece.len)
		return fault;
	if (qp->stream.crc && !is_mapped(pin.ptr, piece.len)) {
		soft_mem_unpin(&pin);
		return SOFT_MEM_STAG;
	}
	if (qp->stream.crc || (piece.len > SOFT_COPY_MAX && is_slow_alone(batch, &pin, piece.len)))
		add_copy(batch, &pin, piece.len);
	else
		add_pinned(batch, &piece, &pin);
	return SOFT_MEM_OK;
}

/* Over the FPDU being built, whose first bytes may be joined to an older iovec. */
static uint32_t checksum(const struct soft_tx_batch *batch)
{
	unsigned int i = batch->start.n_iov;
	uint32_t crc = CRC32C_INIT;
	const struct iovec *joined;

	if (i) {
		joined = &batch->iov[i - 1];
		crc = crc32c_update(crc, (uint8_t *)joined->iov_base + batch->start.last_len,
				    joined->iov_len - batch->start.last_len);
	}
	for (; i < batch->n_iov; i++)
		crc = crc32c_update(crc, batch->iov[i].iov_base, batch->iov[i].iov_len);
	return crc32c_final(crc);
}

void soft_batch_end(struct soft_tx_batch *batch, bool crc, const struct soft_tx_cursor *after)
{
	uint32_t pad = (4 - ((batch->bytes - batch->start.bytes) & 3)) & 3;

	if (pad)
		memset(soft_batch_stage(batch, pad), 0, pad);
	if (crc) {
		uint32_t sum = checksum(batch);

		crc32c_store(soft_batch_stage(batch, MPA_CRC), sum);
	} else {
		memset(soft_batch_stage(batch, MPA_CRC), 0, MPA_CRC);
	}
	batch->fpdu[batch->n_fpdus++] =
		(struct soft_tx_fpdu){ .end = batch->bytes, .after = *after };
}

static ssize_t send_iov(int fd, struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t sent;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ECONNRESET;
	do {
		if (n == 1)
			sent = send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		else
			sent = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

ssize_t soft_batch_send(const struct soft_tx_batch *batch, int fd)
{
	return send_iov(fd, (struct iovec *)batch->iov, batch->n_iov);
}

struct soft_tx_rest *soft_batch_rest(const struct soft_tx_batch *batch, unsigned int index,
				     uint32_t sent)
{
	uint32_t end = batch->fpdu[index].end, at = 0, used = 0;
	struct soft_tx_rest *rest = iw_calloc(1, sizeof(*rest) + end - sent);

	if (!rest)
		return NULL;
	rest->after = batch->fpdu[index].after;
	for (unsigned int i = 0; i < batch->n_iov && at < end; i++) {
		uint32_t len = (uint32_t)batch->iov[i].iov_len;
		uint32_t from = sent > at ? sent - at : 0;
		uint32_t to = iw_min_u32(len, end - at);
		struct soft_piece piece = batch->piece[i];

		at += len;
		if (from >= to)
			continue;
		piece.addr += from;
		piece.len = to - from;
		if (piece.kind == SOFT_PIECE_STAGE) {
			memcpy(rest->bytes + used, (uint8_t *)batch->iov[i].iov_base + from,
			       piece.len);
			piece.addr = used;
			used += piece.len;
		}
		rest->piece[rest->n++] = piece;
	}
	return rest;
}

/* Where a piece is now. */
static enum soft_mem_fault find_piece(const struct soft_tx_rest *rest, const struct soft_qp *qp,
				      const struct soft_piece *piece, struct soft_pin *pin)
{
	struct ibv_sge bytes = { piece->addr, piece->len, piece->stag };

	switch (piece->kind) {
	case SOFT_PIECE_LOCAL:
		return soft_mem_pin_local(qp->pd, piece->stag, piece->addr, piece->len, false, pin);
	case SOFT_PIECE_REMOTE:
		return soft_qp_pin_remote(qp, &bytes, IBV_ACCESS_REMOTE_READ, pin);
	default:
		*pin = (struct soft_pin){ .ptr = (uint8_t *)rest->bytes + piece->addr };
		return SOFT_MEM_OK;
	}
}

static void advance(struct soft_tx_rest *rest, size_t sent)
{
	struct soft_piece *piece;

	while (sent) {
		piece = &rest->piece[rest->first];
		if (sent < piece->len) {
			piece->addr += sent;
			piece->len -= (uint32_t)sent;
			return;
		}
		sent -= piece->len;
		rest->first++;
	}
}

int soft_rest_send(struct soft_tx_rest *rest, const struct soft_qp *qp)
{
	struct soft_pin pin[SOFT_FPDU_IOV];
	struct iovec iov[SOFT_FPDU_IOV];
	unsigned int n = 0;
	ssize_t sent = 0;

	for (unsigned int i = rest->first; i < rest->n; i++) {
		if (find_piece(rest, qp, &rest->piece[i], &pin[n])) {
			sent = -EFAULT;
			break;
		}
		iov[n] = (struct iovec){ .iov_base = pin[n].ptr, .iov_len = rest->piece[i].len };
		n++;
	}
	if (!sent)
		sent = send_iov(qp->stream.fd, iov, n);
	while (n--)
		soft_mem_unpin(&pin[n]);
	if (sent < 0)
		return (int)sent;
	advance(rest, (size_t)sent);
	return rest->first == rest->n;
}

size_t soft_rest_size(const struct soft_tx_rest *rest)
{
	size_t size = 0;

	for (unsigned int i = rest->first; i < rest->n; i++)
		size += rest->piece[i].len;
	return size;
}

int soft_rest_copy(const struct soft_tx_rest *rest, const struct soft_qp *qp, uint8_t *out)
{
	struct soft_pin pin;

	for (unsigned int i = rest->first; i < rest->n; i++) {
		if (find_piece(rest, qp, &rest->piece[i], &pin))
			return -EFAULT;
		memcpy(out, pin.ptr, rest->piece[i].len);
		soft_mem_unpin(&pin);
		out += rest->piece[i].len;
	}
	return 0;
}
