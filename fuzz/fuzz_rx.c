// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The receiver of a QP, with all its modules: a hostile peer's bytes, and memory
 * of every kind around it. Whatever comes, bytes change only where a right, a
 * posted receive or a read in flight says so; every work request completes once;
 * the owner hears of one end; what we say meanwhile is whole FPDUs.
 *
 * Input: a byte of enum mode, then the stream. Where the mode says so, small
 * numbers in it become the STags and request ids that are valid in this run, and
 * digests are made right: otherwise little would get past the first check.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "driver/soft/crc32c.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/wire.h"
#include "fuzz/fuzz.h"

enum mode {
	MODE_CRC = 1,
	MODE_EXTENSIONS = 2,
	MODE_SRQ = 4,
	MODE_SOCKET = 8, /* through a socket, else by soft_rx_feed() */
	MODE_CUT = 16,	 /* in small pieces */
	MODE_FIX = 32,	 /* names and digests are made right */
	MODE_INITIATOR = 64,
};

#define STREAM_MAX 8192
#define FILL 0x11
#define AREA 4096
#define GUARD 256
#define IOVA(area) (0x10000u * ((area) + 1u))

/* Each with registered memory of its own, or a use that does not follow from rights. */
enum area {
	TARGET,	   /* all rights */
	READ_ONLY, /* of the peer's */
	FOREIGN,   /* all rights, another protection domain */
	GONE,	   /* was registered */
	RECEIVE,   /* local write; three receives in it */
	SINK,	   /* local write; of our reads and atomics */
	WINDOWED,  /* local write; a window of type 2 over a part */
	NO_ATOMIC, /* remote write only */
	AREAS
};

#define RECV_WRS 3
#define SEND_WRS 4
#define WINDOW_AT 512
#define WINDOW_LEN 256

struct span {
	size_t at, len;
};
/* What a receive or read may change. */
static const struct span recv_spans[] = { { 0, 64 }, { 100, 40 }, { 200, 300 } };
static const struct span sink_spans[] = { { 0, 32 }, { 64, 200 }, { 512, 8 } };

static struct soft_context *ctx;
static struct soft_pd *pd, *other_pd;
static struct soft_cq *cq;
static struct soft_srq *srq;
static struct soft_mr *mr[AREAS];
static struct soft_mw *mw;
static uint32_t stag[AREAS + 1]; /* the window's last */
static uint8_t *memory[AREAS];

static struct soft_qp *qp;
static int peer;
static unsigned int ended, completed[RECV_WRS + SEND_WRS];

/* ---- once */

static void open_areas(void)
{
	static const unsigned int access[AREAS] = {
		[TARGET] = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
			   IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC,
		[READ_ONLY] = IBV_ACCESS_REMOTE_READ,
		[FOREIGN] = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
			    IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC,
		[GONE] = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE,
		[RECEIVE] = IBV_ACCESS_LOCAL_WRITE,
		[SINK] = IBV_ACCESS_LOCAL_WRITE,
		[WINDOWED] = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_MW_BIND,
		[NO_ATOMIC] = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE,
	};

	for (unsigned int i = 0; i < AREAS; i++) {
		MUST(!posix_memalign((void **)&memory[i], 64, AREA + 2 * GUARD));
		memset(memory[i], FILL, AREA + 2 * GUARD);
		MUST(!soft_mr_reg(i == FOREIGN ? other_pd : pd, memory[i] + GUARD, AREA, IOVA(i),
				  access[i], &mr[i]));
		stag[i] = mr[i]->ibv.rkey;
	}
	MUST(!soft_mr_dereg(mr[GONE]));
	MUST(!soft_mw_alloc(pd, IBV_MW_TYPE_2, &mw));
}

static void open_device(void)
{
	struct sockaddr_in local = { .sin_family = AF_INET };
	struct ibv_srq_init_attr attr = { .attr = { .max_wr = 8, .max_sge = 2 } };
	struct soft_device *dev;

	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	MUST(!setenv("IWSHIM_DEVICE", "soft", 1));
	MUST(!soft_dev_by_addr((struct sockaddr *)&local, &dev));
	MUST(!soft_context_open(dev, &ctx));
	MUST(!soft_pd_alloc(ctx, &pd));
	MUST(!soft_pd_alloc(ctx, &other_pd));
	MUST(!soft_cq_create(ctx, 64, NULL, NULL, &cq));
	MUST(!soft_srq_create(pd, &attr, &srq));
	open_areas();
}

/* ---- a run */

static void on_first_fpdu(void *owner)
{
	MUST(!ended);
}

static void on_ended(void *owner, int status)
{
	MUST(status <= 0);
	__atomic_add_fetch(&ended, 1, __ATOMIC_ACQ_REL);
}

static const struct soft_owner_ops ops = { on_first_fpdu, on_ended };

static struct ibv_sge sge_of(enum area area, const struct span *span)
{
	return (struct ibv_sge){ IOVA(area) + span->at, (uint32_t)span->len, mr[area]->ibv.lkey };
}

static void post_receives(bool shared)
{
	struct ibv_sge sge[RECV_WRS];
	struct ibv_recv_wr wr[RECV_WRS] = { { 0 } }, *bad;

	for (unsigned int i = 0; i < RECV_WRS; i++) {
		sge[i] = sge_of(RECEIVE, &recv_spans[i]);
		wr[i] = (struct ibv_recv_wr){ .wr_id = i, .sg_list = &sge[i], .num_sge = 1 };
	}
	/* The last has two parts and the second none: lengths of 340, 0 and 64. */
	wr[1].num_sge = 0;
	wr[2].sg_list = &sge[1];
	wr[2].num_sge = 2;
	for (unsigned int i = 0; i < RECV_WRS; i++)
		MUST(!(shared ? soft_rq_post(&srq->rq, &wr[i], &bad)
			      : soft_qp_post_recv(qp, &wr[i], &bad)));
}

static void post_reads(bool extensions)
{
	for (unsigned int i = 0; i < SEND_WRS - 1; i++) {
		struct ibv_sge sge = sge_of(SINK, &sink_spans[i]);
		struct ibv_send_wr wr = {
			.wr_id = RECV_WRS + i,
			.sg_list = &sge,
			.num_sge = 1,
			.opcode = IBV_WR_RDMA_READ,
		}, *bad;

		wr.wr.rdma.remote_addr = 0x1000;
		wr.wr.rdma.rkey = 7;
		if (sink_spans[i].len == 8) {
			if (!extensions)
				continue;
			wr.opcode = IBV_WR_ATOMIC_FETCH_AND_ADD;
			wr.wr.atomic.remote_addr = 0x1000;
			wr.wr.atomic.rkey = 7;
		}
		MUST(!soft_sq_post(qp, &wr, &bad));
	}
}

static void bind_window(void)
{
	struct ibv_mw_bind_info info = {
		.mr = &mr[WINDOWED]->ibv,
		.addr = IOVA(WINDOWED) + WINDOW_AT,
		.length = WINDOW_LEN,
		.mw_access_flags = IBV_ACCESS_REMOTE_WRITE,
	};
	uint32_t rkey = soft_mw_next_rkey(mw);

	MUST(!soft_mw_bind(mw, qp->serial, &info, &rkey));
	stag[AREAS] = rkey;
}

static void open_qp(unsigned int mode)
{
	struct ibv_qp_init_attr_ex attr = {
		.cap = { .max_send_wr = 8, .max_recv_wr = 8, .max_send_sge = 2, .max_recv_sge = 2 },
		.send_cq = &cq->ibv,
		.recv_cq = &cq->ibv,
		.srq = mode & MODE_SRQ ? &srq->ibv : NULL,
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
		.comp_mask = IBV_QP_INIT_ATTR_PD,
		.pd = &pd->ibv,
	};
	struct soft_stream stream = {
		.crc = mode & MODE_CRC,
		.extensions = mode & MODE_EXTENSIONS,
		.initiator = mode & MODE_INITIATOR,
		.ird = 2,
		.ord = 4,
	};
	struct ibv_qp_attr init = { .qp_state = IBV_QPS_INIT };
	int fds[2];

	ended = 0;
	memset(completed, 0, sizeof(completed));
	MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
	stream.fd = fds[0];
	peer = fds[1];
	MUST(!soft_qp_create(ctx, &attr, &qp));
	MUST(!soft_qp_modify(qp, &init, IBV_QP_STATE));
	bind_window();
	post_receives(mode & MODE_SRQ);
	MUST(!soft_qp_attach(qp, &stream, &ops, NULL));
	post_reads(mode & MODE_EXTENSIONS);
}

/* ---- the stream */

/* What the response to the @nth read or atomic in flight has to name. */
static uint32_t name_of_read(uint32_t nth, uint64_t *to)
{
	struct soft_swqe *wqe;
	uint32_t name = nth;

	iw_lock(&qp->sq.lock);
	if (nth < qp->sq.orq_tail - qp->sq.orq_head) {
		wqe = soft_sq_at(&qp->sq, qp->sq.orq[(qp->sq.orq_head + nth) % qp->sq.orq_size]);
		name = wqe->sink_stag;
		if (to && *to < AREA)
			*to += wqe->sink_to;
	}
	iw_unlock(&qp->sq.lock);
	return name;
}

static void fix_stag(uint8_t *field)
{
	uint32_t value = wire_get32(field);

	if (value <= AREAS)
		wire_put32(field, stag[value]);
}

/* Offsets that fit in an area count from its start. */
static void fix_offset(uint8_t *field, uint32_t area)
{
	uint64_t to = wire_get64(field);

	if (to <= 2 * AREA)
		wire_put64(field, to + IOVA(area == AREAS ? WINDOWED : area));
}

static void fix_names(uint8_t *fpdu, size_t size)
{
	unsigned int op = rdmap_op(fpdu[3]);
	size_t head = ddp_header_size(fpdu[2]);
	uint8_t *body = fpdu + head;
	uint64_t to;

	if (op == RDMAP_READ_RESPONSE && head == DDP_TAGGED_HDR && size >= head) {
		to = wire_get64(fpdu + 8);
		wire_put32(fpdu + 4, name_of_read(wire_get32(fpdu + 4), &to));
		wire_put64(fpdu + 8, to);
	} else if (head == DDP_TAGGED_HDR && size >= head) {
		fix_offset(fpdu + 8, wire_get32(fpdu + 4));
		fix_stag(fpdu + 4);
	} else if (op == RDMAP_READ_REQUEST && size >= head + RDMAP_READ_BODY) {
		fix_offset(body + 20, wire_get32(body + 16));
		fix_stag(body + 16);
	} else if (op == RDMAP_ATOMIC_REQUEST && size >= head + RDMAP_ATOMIC_BODY) {
		fix_offset(body + 12, wire_get32(body + 8));
		fix_stag(body + 8);
	} else if (op == RDMAP_ATOMIC_RESPONSE && size >= head + RDMAP_ATOMIC_RESP) {
		wire_put32(body, name_of_read(wire_get32(body), NULL));
	} else if ((op == RDMAP_SEND_INV || op == RDMAP_SEND_SE_INV) && size >= head) {
		fix_stag(fpdu + 4);
	}
}

static void fix(uint8_t *bytes, size_t len, bool crc)
{
	size_t size;

	for (; len >= 4; bytes += size, len -= size) {
		size = mpa_fpdu_size(wire_get16(bytes));
		if (size > len)
			return;
		if (size > MPA_CRC)
			fix_names(bytes, size - MPA_CRC);
		if (crc)
			crc32c_store(
				bytes + size - MPA_CRC,
				crc32c_final(crc32c_update(CRC32C_INIT, bytes, size - MPA_CRC)));
	}
}

static void play(const uint8_t *bytes, size_t len, unsigned int mode)
{
	size_t step = mode & MODE_CUT ? 7 : len, n;

	for (size_t done = 0; done < len; done += n) {
		n = iw_min_size(step, len - done);
		if (mode & MODE_SOCKET) {
			if (send(peer, bytes + done, n, MSG_NOSIGNAL) != (ssize_t)n)
				break;
			soft_qp_progress(qp, EPOLLIN);
		} else {
			soft_rx_feed(qp, bytes + done, n);
			soft_qp_settle(qp);
		}
	}
}

/* ---- what has to hold */

static bool is_in(const struct span *spans, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		if (at >= spans[i].at && at < spans[i].at + spans[i].len)
			return true;
	return false;
}

static bool may_change(enum area area, size_t at)
{
	static const struct span window = { WINDOW_AT, WINDOW_LEN };

	switch (area) {
	case TARGET:
	case NO_ATOMIC:
		return true;
	case RECEIVE:
		return is_in(recv_spans, IW_ARRAY_SIZE(recv_spans), at);
	case SINK:
		return is_in(sink_spans, IW_ARRAY_SIZE(sink_spans), at);
	case WINDOWED:
		return is_in(&window, 1, at);
	default:
		return false;
	}
}

static void check_memory(void)
{
	for (unsigned int i = 0; i < AREAS; i++) {
		for (size_t at = 0; at < AREA + 2 * GUARD; at++) {
			bool inside = at >= GUARD && at < GUARD + AREA;

			MUST(memory[i][at] == FILL ||
			     (inside && may_change((enum area)i, at - GUARD)));
		}
		memset(memory[i], FILL, AREA + 2 * GUARD);
	}
}

static void reap(void)
{
	static const uint32_t room[] = { 64, 0, 340, 32, 200, 8 };
	struct ibv_wc wc[16];
	int n;

	while ((n = soft_cq_poll(cq, 16, wc))) {
		MUST(n > 0);
		for (int i = 0; i < n; i++) {
			MUST(wc[i].wr_id < RECV_WRS + SEND_WRS);
			MUST(!completed[wc[i].wr_id]++);
			MUST(wc[i].qp_num == qp->ibv.qp_num);
			if (wc[i].status == IBV_WC_SUCCESS &&
			    wc[i].opcode != IBV_WC_RECV_RDMA_WITH_IMM)
				MUST(wc[i].byte_len <= room[wc[i].wr_id]);
		}
	}
}

/* Whole FPDUs, each with its digest; the last may be cut where the socket was full. */
static void check_said(bool crc)
{
	static uint8_t said[256 << 10];
	const uint8_t *p = said;
	ssize_t got = recv(peer, said, sizeof(said), MSG_DONTWAIT);
	size_t left = got > 0 ? (size_t)got : 0, size;

	for (; left && got < (ssize_t)sizeof(said); p += size, left -= size) {
		MUST(left >= DDP_TAGGED_HDR + MPA_CRC);
		size = mpa_fpdu_size(wire_get16(p));
		MUST(size <= left);
		MUST(rdmap_op_info(rdmap_op(p[3])));
		if (crc)
			MUST(crc32c_final(crc32c_update(CRC32C_INIT, p, size - MPA_CRC)) ==
			     crc32c_load(p + size - MPA_CRC));
	}
}

static void drop_shared(void)
{
	struct soft_rwqe wqe;
	bool hit;

	while (!soft_rq_pop(&srq->rq, &wqe, &hit))
		MUST(!completed[wqe.wr_id]++);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t bytes[STREAM_MAX];
	unsigned int mode, sends;

	if (!ctx)
		open_device();
	if (!size || size > STREAM_MAX)
		return 0;
	mode = data[0];
	memcpy(bytes, data + 1, --size);
	open_qp(mode);
	if (mode & MODE_FIX)
		fix(bytes, size, mode & MODE_CRC);
	play(bytes, size, mode);
	reap();
	soft_qp_abort(qp);
	/* The loop's thread may be at it. */
	for (int i = 0; i < 5000 && !__atomic_load_n(&ended, __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	MUST(__atomic_load_n(&ended, __ATOMIC_ACQUIRE) == 1);
	check_said(mode & MODE_CRC);
	close(peer);
	reap();
	if (mode & MODE_SRQ)
		drop_shared();
	sends = mode & MODE_EXTENSIONS ? 3 : 2;
	for (unsigned int i = 0; i < RECV_WRS + sends; i++)
		/* A receive of a shared queue that was being filled may go with its QP. */
		MUST(completed[i] == 1);
	/* Bound still, unless the peer has invalidated it. */
	soft_mem_invalidate(pd, qp->serial, stag[AREAS]);
	MUST(!soft_qp_destroy(qp));
	check_memory();
	return 0;
}
