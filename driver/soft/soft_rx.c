// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The stream: read from the socket, cut into FPDUs, digested. What a segment may
 * do and does is in soft_rx_check.c, soft_rx_place.c and soft_rx_end.c.
 *
 * A read goes into the thread's buffer, which holds many small FPDUs; each that
 * lies there whole is treated in one go, its CRC first. Of a large one the rest
 * is read straight into registered memory, together with its trailer and the
 * head of what follows. Then placing comes before the CRC, but nothing is
 * delivered before it. A Write that has a CRC goes through the buffer: a program
 * may poll its target, and change it before we have looked at what came.
 */
#include "driver/soft/soft_rx.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "driver/soft/crc32c.h"
#include "driver/soft/soft_key.h"
#include "driver/soft/soft_rx_call.h"
#include "driver/soft/wire.h"

#define HEAD_FIRST 4		/* length and both control bytes: the size of the rest */
#define BUFFER_SIZE (64u << 10) /* of a thread */
#define SMALL_SIZE (2u << 10)	/* on the stack, for want of it; and between large FPDUs */
/*
 * What is left of a payload that is worth a call of its own: below it one call for
 * several FPDUs and a copy cost less (measured: 16 KB FPDUs 0.39 s/GB against 0.55).
 */
#define DIRECT_MIN (24u << 10)
#define TAIL_SIZE 256 /* read along with it: trailer, next head, perhaps a small message */

/* ---- a buffer for each thread that receives, gone with it */

static struct soft_key buffer_key;
static __thread uint8_t *buffer;

/* Destructors of the program may run after ours, and still poll: they get a new one. */
static void drop_buffer(void *memory)
{
	buffer = NULL;
	free(memory);
}

/* NULL: none to be had now. */
static uint8_t *thread_buffer(void)
{
	pthread_key_t key;
	uint8_t *fresh;

	if (buffer)
		return buffer;
	if (!soft_key_get(&buffer_key, drop_buffer, &key))
		return NULL;
	fresh = iw_calloc(1, BUFFER_SIZE);
	if (!fresh)
		return NULL;
	if (iw_fault(IW_FAULT_SYSCALL) || pthread_setspecific(key, fresh)) {
		free(fresh);
		return NULL;
	}
	buffer = fresh;
	return buffer;
}

/* ---- FPDUs */

static int fault_crc(struct soft_rx_call *call)
{
	const struct soft_rx *rx = &call->qp->rx;
	struct soft_rx_blame blame = { .rq = IBV_WC_GENERAL_ERR };

	if (rx->in_tagged && rx->tagged_op == RDMAP_READ_RESPONSE)
		blame.sq = IBV_WC_GENERAL_ERR;
	return soft_rx_fault_for(call, TERM_MPA_CRC, &blame);
}

static void next_fpdu(struct soft_rx *rx)
{
	rx->phase = SOFT_RX_HEADER;
	rx->hdr_have = 0;
	rx->hdr_need = HEAD_FIRST;
}

static bool crc_is_good(const uint8_t *fpdu, size_t size)
{
	uint32_t crc = crc32c_update(CRC32C_INIT, fpdu, size - MPA_CRC);

	return crc32c_final(crc) == crc32c_load(fpdu + size - MPA_CRC);
}

/* An FPDU that lies in the buffer from its first byte to its last. */
static int take_whole(struct soft_rx_call *call, const uint8_t *fpdu, size_t size)
{
	struct soft_qp *qp = call->qp;
	struct soft_rx *rx = &qp->rx;
	int err;

	call->head = fpdu;
	if (qp->stream.crc && !crc_is_good(fpdu, size))
		return fault_crc(call);
	err = soft_rx_check_length(call);
	if (!err)
		err = soft_rx_check_header(call);
	if (err)
		return err;
	rx->left = (uint32_t)ddp_payload(&rx->ddp) - soft_rx_body(&rx->ddp);
	if (rx->left)
		err = soft_rx_copy(call, fpdu + ddp_header_size(fpdu[2]), rx->left);
	return err ? err : soft_rx_segment_done(call);
}

/* All that is kept of a segment's head is there. */
static int begin_payload(struct soft_rx_call *call)
{
	struct soft_qp *qp = call->qp;
	struct soft_rx *rx = &qp->rx;

	rx->left = (uint32_t)ddp_payload(&rx->ddp) - soft_rx_body(&rx->ddp);
	rx->trailer_have = 0;
	rx->trailer_need = mpa_pad(rx->ddp.ulpdu) + MPA_CRC;
	rx->phase = rx->left ? SOFT_RX_PAYLOAD : SOFT_RX_TRAILER;
	if (qp->stream.crc)
		rx->crc = crc32c_update(CRC32C_INIT, rx->hdr, rx->hdr_have);
	/* A Write that is not allowed ends the stream now, not when its payload comes. */
	return rx->left ? soft_rx_copy(call, rx->hdr, 0) : 0;
}

/* hdr_need bytes are there: what do they call for? */
static int head_grown(struct soft_rx_call *call)
{
	struct soft_rx *rx = &call->qp->rx;
	int err;

	if (rx->hdr_need == HEAD_FIRST) {
		rx->hdr_need = (uint32_t)ddp_header_size(rx->hdr[2]);
		return soft_rx_check_length(call);
	}
	if (rx->hdr_need == ddp_header_size(rx->hdr[2])) {
		err = soft_rx_check_header(call);
		if (err)
			return err;
		rx->hdr_need += soft_rx_body(&rx->ddp);
		if (rx->hdr_have < rx->hdr_need)
			return 0;
	}
	return begin_payload(call);
}

static int trailer_complete(struct soft_rx_call *call)
{
	struct soft_rx *rx = &call->qp->rx;
	uint32_t pad = rx->trailer_need - MPA_CRC;

	if (call->qp->stream.crc) {
		rx->crc = crc32c_update(rx->crc, rx->trailer, pad);
		if (crc32c_final(rx->crc) != crc32c_load(rx->trailer + pad))
			return fault_crc(call);
	}
	next_fpdu(rx);
	return soft_rx_segment_done(call);
}

/* Appends to a piece that is collected; returns how many bytes it took. */
static size_t collect(uint8_t *piece, uint32_t *have, uint32_t need, struct iovec in)
{
	size_t n = iw_copy(piece + *have, need - *have, in.iov_base, in.iov_len);

	*have += (uint32_t)n;
	return n;
}

/* One step with a segment that comes in parts; *@used: the bytes of @in it took. */
static int take_part(struct soft_rx_call *call, struct iovec in, size_t *used)
{
	struct soft_rx *rx = &call->qp->rx;
	uint32_t n;

	call->head = rx->hdr;
	switch (rx->phase) {
	case SOFT_RX_HEADER:
		*used = collect(rx->hdr, &rx->hdr_have, rx->hdr_need, in);
		return rx->hdr_have == rx->hdr_need ? head_grown(call) : 0;
	case SOFT_RX_PAYLOAD:
		n = iw_min_u32(rx->left, (uint32_t)in.iov_len);
		*used = n;
		if (call->qp->stream.crc)
			rx->crc = crc32c_update(rx->crc, in.iov_base, n);
		if (n == rx->left)
			rx->phase = SOFT_RX_TRAILER;
		return soft_rx_copy(call, in.iov_base, n);
	default:
		*used = collect(rx->trailer, &rx->trailer_have, rx->trailer_need, in);
		return rx->trailer_have == rx->trailer_need ? trailer_complete(call) : 0;
	}
}

int soft_rx_consume(struct soft_rx_call *call, const uint8_t *bytes, size_t len)
{
	struct soft_rx *rx = &call->qp->rx;
	size_t n;
	int err = 0;

	if (len && !rx->heard)
		__atomic_store_n(&rx->heard, true, __ATOMIC_RELAXED);
	while (len && !err) {
		n = len < HEAD_FIRST ? SIZE_MAX : mpa_fpdu_size(wire_get16(bytes));
		if (rx->phase == SOFT_RX_HEADER && !rx->hdr_have && n <= len) {
			err = take_whole(call, bytes, n);
			rx->bulk = false;
		} else {
			err = take_part(call, (struct iovec){ (void *)(uintptr_t)bytes, len }, &n);
		}
		bytes += n;
		len -= n;
	}
	return err;
}

/* ---- the socket */

/* Bytes received; 0: end of stream; negative errno. */
static ssize_t receive(struct soft_qp *qp, struct iovec *iov, size_t n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t got;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOBUFS;
	do {
		got = n == 1 ? recv(qp->stream.fd, iov->iov_base, iov->iov_len, MSG_DONTWAIT)
			     : recvmsg(qp->stream.fd, &msg, MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

/* The stream is over. A peer that closes or dies is a disconnect like any other. */
static void stream_ended(struct soft_qp *qp, int err)
{
	struct soft_failure why = { .status = err };

	if (err == -ECONNRESET || err == -EPIPE)
		why.status = 0;
	why.has_event = why.status != 0;
	why.event = IBV_EVENT_QP_FATAL;
	if (!err && (qp->rx.hdr_have || qp->rx.in_send || qp->rx.in_tagged))
		iw_info("qp %u: the peer closed in the middle of a message", qp->ibv.qp_num);
	soft_qp_fail(qp, &why);
}

/*
 * Reads into a buffer and consumes it. Returns what was received, 0 or a negative
 * errno of the socket; *@wanted: what there was room for.
 */
static ssize_t read_buffered(struct soft_rx_call *call, size_t *wanted)
{
	struct soft_rx *rx = &call->qp->rx;
	uint8_t small[SMALL_SIZE], *large;
	struct iovec iov = { .iov_base = small, .iov_len = sizeof(small) };
	ssize_t got;

	large = rx->bulk && rx->phase != SOFT_RX_PAYLOAD ? NULL : thread_buffer();
	if (large)
		iov = (struct iovec){ .iov_base = large, .iov_len = BUFFER_SIZE };
	*wanted = iov.iov_len;
	got = receive(call->qp, &iov, 1);
	if (got > 0)
		soft_rx_consume(call, iov.iov_base, (size_t)got);
	return got;
}

/* Reads the rest of a payload to where it goes, and some of what follows it. */
static ssize_t read_direct(struct soft_rx_call *call, size_t *wanted)
{
	struct soft_qp *qp = call->qp;
	struct soft_rx *rx = &qp->rx;
	struct soft_rx_dest dest;
	uint8_t tail[TAIL_SIZE];
	uint32_t placed = 0;
	ssize_t got;

	call->head = rx->hdr;
	*wanted = rx->left + sizeof(tail);
	if (soft_rx_map(call, rx->left, &dest))
		return -EAGAIN; /* the QP fails: as good as nothing */
	dest.iov[dest.pieces] = (struct iovec){ .iov_base = tail, .iov_len = sizeof(tail) };
	got = receive(qp, dest.iov, dest.pieces + 1);
	if (got > 0) {
		placed = iw_min_u32(rx->left, (uint32_t)got);
		if (qp->stream.crc)
			soft_rx_digest(rx, &dest, placed);
	}
	soft_rx_unmap(&dest);
	if (got == -EFAULT) {
		soft_rx_fault_local(call, IBV_WC_LOC_PROT_ERR);
		return -EAGAIN;
	}
	if (got <= 0)
		return got;
	rx->bulk = true;
	soft_rx_advance(call, placed);
	if (!rx->left)
		rx->phase = SOFT_RX_TRAILER;
	soft_rx_consume(call, tail, (size_t)got - placed);
	return got;
}

/* Once a payload goes straight to memory, its last bytes do as well. */
static bool wants_direct(const struct soft_rx_call *call)
{
	const struct soft_rx *rx = &call->qp->rx;

	if (rx->phase != SOFT_RX_PAYLOAD || !(rx->bulk || rx->left >= DIRECT_MIN))
		return false;
	return !call->qp->stream.crc || soft_rx_op(call) != RDMAP_WRITE;
}

/* Receives until the socket is empty, the QP fails or the budget is used up (true). */
static bool receive_all(struct soft_rx_call *call)
{
	struct soft_qp *qp = call->qp;
	size_t wanted, done = 0;
	ssize_t got;

	while (done < SOFT_RX_BUDGET) {
		if (soft_qp_is_failing(qp) || qp->stream.fd < 0)
			return false;
		if (wants_direct(call))
			got = read_direct(call, &wanted);
		else
			got = read_buffered(call, &wanted);
		if (got == -EAGAIN)
			return false;
		if (got <= 0) {
			stream_ended(qp, (int)got);
			return false;
		}
		/* A short read has emptied the socket: do not ask it again. */
		if ((size_t)got < wanted)
			return false;
		done += (size_t)got;
	}
	return true;
}

bool soft_rx_run(struct soft_qp *qp)
{
	struct soft_rx_call call;
	bool more;

	if (!iw_trylock(&qp->rx.lock))
		return false;
	soft_rx_call_init(&call, qp);
	more = receive_all(&call);
	soft_rx_push(&call);
	iw_unlock(&qp->rx.lock);
	return more;
}

int soft_rx_feed(struct soft_qp *qp, const void *bytes, size_t len)
{
	struct soft_rx_call call;
	int err = -EPROTO;

	iw_lock(&qp->rx.lock);
	soft_rx_call_init(&call, qp);
	if (!soft_qp_is_failing(qp))
		err = soft_rx_consume(&call, bytes, len);
	soft_rx_push(&call);
	iw_unlock(&qp->rx.lock);
	return err;
}

/* ---- life */

int soft_rx_init(struct soft_qp *qp)
{
	iw_lock_init(&qp->rx.lock);
	soft_rx_restart(qp);
	return 0;
}

void soft_rx_fini(struct soft_qp *qp)
{
	iw_lock_fini(&qp->rx.lock);
}

void soft_rx_restart(struct soft_qp *qp)
{
	struct soft_rx *rx = &qp->rx;

	next_fpdu(rx);
	__atomic_store_n(&rx->heard, false, __ATOMIC_RELAXED);
	rx->got_fpdu = false;
	rx->bulk = false;
	rx->left = 0;
	rx->send_msn = 1;
	rx->read_msn = 1;
	rx->atomic_msn = 1;
	rx->in_send = false;
	rx->send_held = false;
	rx->in_tagged = false;
	rx->write_before_imm = false;
}
