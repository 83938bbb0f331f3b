// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/soft_rx_env.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver/soft/crc32c.h"
#include "driver/soft/wire.h"

#define CANARY 0xc5
#define FILL 0x11
#define PATTERN_SIZE (1u << 20)

struct rx_env *rx_env;

/* ---- stand-ins */

void soft_qp_fail(struct soft_qp *qp, const struct soft_failure *why)
{
	if (!rx_env->failures++)
		rx_env->failure = *why;
	__atomic_store_n(&qp->failing, true, __ATOMIC_RELEASE);
}

void soft_cq_push(struct soft_cq *cq, const struct ibv_wc *wc, unsigned int n, bool solicited)
{
	rx_env->pushes++;
	rx_env->solicited += solicited;
	for (unsigned int i = 0; i < n; i++)
		rx_env->wc[rx_env->wcs++ % RX_LOG] = wc[i];
}

void soft_async_post(struct soft_context *ctx, enum ibv_event_type type, void *element)
{
	cr_assert_eq(type, IBV_EVENT_SRQ_LIMIT_REACHED);
	cr_assert_eq(element, &rx_env->srq.ibv);
	rx_env->limit_events++;
}

int soft_rq_pop(struct soft_rq *rq, struct soft_rwqe *wqe, bool *hit_limit)
{
	if (rx_env->recvs_taken == rx_env->recvs_posted)
		return -ENOENT;
	*wqe = rx_env->recvs[rx_env->recvs_taken++ % RX_LOG];
	*hit_limit = rx_env->limit_at && rx_env->recvs_taken == rx_env->limit_at;
	return 0;
}

int soft_tx_respond(struct soft_qp *qp, const struct soft_response *response)
{
	if (rx_env->responded == qp->stream.ird)
		return -EOVERFLOW;
	qp->tx.irq_tail++;
	rx_env->responses[rx_env->responded++ % RX_LOG] = *response;
	return 0;
}

void soft_tx_release(struct soft_qp *qp)
{
	rx_env->released++;
}

struct soft_swqe *soft_sq_oldest_read(struct soft_sq *sq)
{
	iw_assert_held(&sq->lock);
	if (rx_env->reads_done == rx_env->reads_posted)
		return NULL;
	return rx_env->reads[rx_env->reads_done % RX_LOG];
}

void soft_sq_read_done(struct soft_qp *qp)
{
	iw_assert_held(&qp->sq.lock);
	free(rx_env->reads[rx_env->reads_done++ % RX_LOG]);
}

void soft_sq_unlock(struct soft_qp *qp)
{
	iw_unlock(&qp->sq.lock);
}

void soft_context_get(struct soft_context *ctx)
{
}

void soft_context_put(struct soft_context *ctx)
{
}

/* The C library's, counted. */

ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	if (rx_env)
		rx_env->reads_of_socket++;
	return syscall(SYS_recvfrom, fd, buf, len, flags, NULL, NULL);
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (rx_env)
		rx_env->reads_of_socket++;
	return syscall(SYS_recvmsg, fd, msg, flags);
}

/* ---- the bench */

void rx_env_new(bool crc)
{
	int fds[2], size = 4 << 20;

	rx_env = calloc(1, sizeof(*rx_env));
	rx_env->qp = calloc(1, sizeof(*rx_env->qp));
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	rx_env->peer = fds[1];
	cr_assert_eq(soft_pd_alloc(&rx_env->ctx, &rx_env->pd), 0);
	cr_assert_eq(soft_pd_alloc(&rx_env->ctx, &rx_env->other_pd), 0);
	rx_env->qp->ctx = &rx_env->ctx;
	rx_env->qp->pd = rx_env->pd;
	rx_env->qp->rq = &rx_env->qp->own_rq;
	rx_env->qp->ibv.qp_num = 77;
	rx_env->qp->serial = 77;
	rx_env->qp->attr.qp_access_flags =
		IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;
	rx_env->qp->stream = (struct soft_stream){
		.fd = fds[0],
		.crc = crc,
		.extensions = true,
		.ird = RX_LOG,
	};
	iw_lock_init(&rx_env->qp->sq.lock);
	cr_assert_eq(soft_rx_init(rx_env->qp), 0);
	rx_env->srq.pd = rx_env->pd;
}

void rx_env_free(void)
{
	while (rx_env->reads_done != rx_env->reads_posted)
		free(rx_env->reads[rx_env->reads_done++ % RX_LOG]);
	soft_rx_fini(rx_env->qp);
	iw_lock_fini(&rx_env->qp->sq.lock);
	if (rx_env->qp->stream.fd >= 0)
		close(rx_env->qp->stream.fd);
	if (rx_env->peer >= 0)
		close(rx_env->peer);
	cr_expect_eq(soft_pd_dealloc(rx_env->pd), 0, "regions are left");
	cr_expect_eq(soft_pd_dealloc(rx_env->other_pd), 0);
	free(rx_env->qp);
	free(rx_env->out);
	free(rx_env);
	rx_env = NULL;
}

struct rx_mem rx_mem_of(struct soft_pd *pd, size_t len, unsigned int access)
{
	struct rx_mem mem = { .len = len };

	mem.block = malloc(len + 2 * RX_CANARY);
	memset(mem.block, CANARY, len + 2 * RX_CANARY);
	mem.ptr = mem.block + RX_CANARY;
	memset(mem.ptr, FILL, len);
	cr_assert_eq(soft_mr_reg(pd, mem.ptr, len, (uintptr_t)mem.ptr, access, &mem.mr), 0);
	return mem;
}

struct rx_mem rx_mem_new(size_t len, unsigned int access)
{
	return rx_mem_of(rx_env->pd, len, access);
}

void rx_mem_free(struct rx_mem *mem)
{
	if (mem->mr)
		cr_assert_eq(soft_mr_dereg(mem->mr), 0);
	free(mem->block);
	*mem = (struct rx_mem){ 0 };
}

static bool all(const uint8_t *bytes, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != value)
			return false;
	}
	return true;
}

void rx_mem_check(const struct rx_mem *mem, bool untouched)
{
	cr_assert(all(mem->block, RX_CANARY, CANARY), "written in front of the region");
	cr_assert(all(mem->ptr + mem->len, RX_CANARY, CANARY), "written behind the region");
	if (untouched)
		cr_assert(all(mem->ptr, mem->len, FILL), "written without permission");
}

uint8_t rx_pattern(size_t i)
{
	return (uint8_t)(i * 7 + (i >> 8) * 13 + 3);
}

const uint8_t *rx_payload(size_t offset)
{
	static uint8_t *bytes;

	if (!bytes) {
		bytes = malloc(PATTERN_SIZE);
		for (size_t i = 0; i < PATTERN_SIZE; i++)
			bytes[i] = rx_pattern(i);
	}
	return bytes + offset;
}

void rx_mem_check_pattern(const struct rx_mem *mem, size_t at, size_t len, size_t offset)
{
	cr_assert_arr_eq(mem->ptr + at, rx_payload(offset), len);
}

struct ibv_sge rx_sge(const struct rx_mem *mem, size_t at, size_t len)
{
	return (struct ibv_sge){
		.addr = (uintptr_t)mem->ptr + at,
		.length = (uint32_t)len,
		.lkey = mem->mr->ibv.lkey,
	};
}

void rx_recv_sges(uint64_t wr_id, const struct ibv_sge *sge, unsigned int n)
{
	struct soft_rwqe *wqe = &rx_env->recvs[rx_env->recvs_posted++ % RX_LOG];

	*wqe = (struct soft_rwqe){ .wr_id = wr_id, .num_sge = n };
	for (unsigned int i = 0; i < n; i++) {
		wqe->sge[i] = sge[i];
		wqe->length += sge[i].length;
	}
}

void rx_recv(uint64_t wr_id, const struct rx_mem *mem)
{
	struct ibv_sge sge = rx_sge(mem, 0, mem->len);

	rx_recv_sges(wr_id, &sge, 1);
}

struct soft_swqe *rx_read(enum ibv_wr_opcode opcode, const struct ibv_sge *sge, unsigned int n)
{
	struct soft_swqe *wqe = calloc(1, sizeof(*wqe) + n * sizeof(*sge));

	wqe->opcode = (uint8_t)opcode;
	wqe->num_sge = (uint8_t)n;
	wqe->sink_stag = 0x5100 + rx_env->reads_posted;
	wqe->sink_to = 0x77000;
	for (unsigned int i = 0; i < n; i++) {
		wqe->sge[i] = sge[i];
		wqe->length += sge[i].length;
	}
	rx_env->reads[rx_env->reads_posted++ % RX_LOG] = wqe;
	return wqe;
}

/* ---- the peer */

struct ddp_header rx_hdr(enum rdmap_opcode op, uint32_t id)
{
	const struct rdmap_op_info *info = rdmap_op_info(op);
	struct ddp_header h = {
		.tagged = info->tagged,
		.last = true,
		.version = DDP_VERSION,
		.rdmap = rdmap_control(op),
		.qn = info->qn,
	};

	if (info->tagged)
		h.stag = id;
	else
		h.msn = id;
	return h;
}

static void append(const void *bytes, size_t len)
{
	if (rx_env->out_len + len > rx_env->out_room) {
		rx_env->out_room = 2 * (rx_env->out_len + len);
		rx_env->out = realloc(rx_env->out, rx_env->out_room);
	}
	memcpy(rx_env->out + rx_env->out_len, bytes, len);
	rx_env->out_len += len;
}

void rx_put_ulpdu(const void *bytes, size_t len)
{
	static const uint8_t zeros[4];
	uint8_t length[MPA_LEN_FIELD], crc[MPA_CRC] = { 0 };
	size_t start = rx_env->out_len;

	wire_put16(length, (uint16_t)len);
	append(length, sizeof(length));
	append(bytes, len);
	append(zeros, mpa_pad((unsigned int)len));
	if (rx_env->qp->stream.crc)
		crc32c_store(crc, crc32c_final(crc32c_update(CRC32C_INIT, rx_env->out + start,
							     rx_env->out_len - start)));
	append(crc, sizeof(crc));
	iw_copy(rx_env->last, sizeof(rx_env->last), bytes, len);
	rx_env->last_len = len;
}

void rx_put(const struct ddp_header *h, const void *body, size_t len)
{
	static uint8_t fpdu[DDP_UNTAGGED_HDR + MPA_ULPDU_MAX];
	size_t size = ddp_build(h, fpdu);

	iw_copy(fpdu + size, sizeof(fpdu) - size, body, len);
	rx_put_ulpdu(fpdu + MPA_LEN_FIELD, size - MPA_LEN_FIELD + len);
}

void rx_put_read(uint32_t msn, const struct rdmap_read_request *r)
{
	struct ddp_header h = rx_hdr(RDMAP_READ_REQUEST, msn);
	uint8_t body[RDMAP_READ_BODY];

	rdmap_read_build(r, body);
	rx_put(&h, body, sizeof(body));
}

void rx_put_atomic(uint32_t msn, const struct rdmap_atomic_request *r)
{
	struct ddp_header h = rx_hdr(RDMAP_ATOMIC_REQUEST, msn);
	uint8_t body[RDMAP_ATOMIC_BODY];

	rdmap_atomic_build(r, body);
	rx_put(&h, body, sizeof(body));
}

void rx_put_imm(enum rdmap_opcode op, uint32_t msn, const struct rdmap_immediate *imm)
{
	struct ddp_header h = rx_hdr(op, msn);
	uint8_t body[RDMAP_IMM_BODY];

	rdmap_immediate_build(imm, body);
	rx_put(&h, body, sizeof(body));
}

static void deliver(const struct rx_way *way, const uint8_t *bytes, size_t len)
{
	ssize_t n;

	if (way->feed) {
		soft_rx_feed(rx_env->qp, bytes, len);
		return;
	}
	while (len) {
		n = write(rx_env->peer, bytes, len);
		cr_assert(n > 0 || errno == EAGAIN);
		while (soft_rx_run(rx_env->qp)) {
		}
		if (rx_env->failures)
			return;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
}

void rx_play(const struct rx_way *way)
{
	size_t step = way->bytewise ? 1 : way->cut;
	size_t done = 0;

	while (done < rx_env->out_len) {
		size_t n =
			step ? iw_min_size(step, rx_env->out_len - done) : rx_env->out_len - done;

		deliver(way, rx_env->out + done, n);
		done += n;
		if (!way->bytewise)
			step = 0;
	}
	rx_env->out_len = 0;
}

void rx_play_now(void)
{
	rx_play(&(struct rx_way){ 0 });
}

static size_t play_once(void (*build)(void), void (*check)(void), const struct rx_way *way)
{
	size_t len;

	rx_env_new(way->crc);
	build();
	len = rx_env->out_len;
	rx_play(way);
	check();
	rx_env_free();
	return len;
}

void rx_each_way(void (*build)(void), void (*check)(void))
{
	struct rx_way way = { 0 };
	size_t len;

	for (unsigned int i = 0; i < 4; i++) {
		way = (struct rx_way){ .crc = i & 1, .feed = i & 2 };
		len = play_once(build, check, &way);
		way.bytewise = true;
		if (len < 4096 || way.feed)
			play_once(build, check, &way);
		way.bytewise = false;
		for (way.cut = 1; way.cut < len; way.cut++) {
			play_once(build, check, &way);
			if (way.cut > 100 && way.cut + 100 < len)
				way.cut += iw_min_size(997, len - 100 - way.cut);
		}
	}
}
