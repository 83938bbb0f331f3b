// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "soft_qp_fake.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake fake;

static void trace(char c)
{
	size_t n = strlen(fake.trace);

	if (n + 1 < sizeof(fake.trace))
		fake.trace[n] = c;
}

/* ---- completion queues, events, contexts */

void soft_cq_push(struct soft_cq *cq, const struct ibv_wc *wc, unsigned int n, bool solicited)
{
	(void)solicited;
	fake.pushes++;
	for (unsigned int i = 0; i < n && fake.n_wc < IW_ARRAY_SIZE(fake.wc); i++) {
		fake.wc[fake.n_wc++] = wc[i];
		trace(cq == &fake.send_cq ? 's' : 'r');
	}
}

void soft_cq_purge(struct soft_cq *cq, uint32_t qp_num)
{
	(void)cq;
	(void)qp_num;
}

void soft_async_post(struct soft_context *ctx, enum ibv_event_type type, void *element)
{
	(void)ctx;
	(void)element;
	fake.event = type;
	trace('A');
}

void soft_async_purge(struct soft_context *ctx, void *element)
{
	(void)ctx;
	(void)element;
}

void soft_context_get(struct soft_context *ctx)
{
	ctx->objects++;
}

void soft_context_put(struct soft_context *ctx)
{
	ctx->objects--;
}

void soft_pd_get(struct soft_pd *pd)
{
	pd->users++;
}

void soft_pd_put(struct soft_pd *pd)
{
	pd->users--;
}

/* ---- receive queues: the ids only */

int soft_rq_init(struct soft_rq *rq, uint32_t max_wr, uint32_t max_sge)
{
	iw_lock_init(&rq->lock);
	rq->max_wr = rq->size = max_wr;
	rq->max_sge = max_sge;
	rq->ring = iw_calloc(max_wr + 1, sizeof(uint64_t));
	return rq->ring ? 0 : -ENOMEM;
}

void soft_rq_fini(struct soft_rq *rq)
{
	iw_lock_fini(&rq->lock);
	free(rq->ring);
}

int soft_rq_post(struct soft_rq *rq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	uint64_t *ring = rq->ring;
	int rc = 0;

	iw_lock(&rq->lock);
	for (; wr && !rc; wr = wr->next) {
		if (rq->tail - rq->head >= rq->max_wr) {
			*bad = wr;
			rc = -ENOMEM;
		} else {
			ring[rq->tail++ % rq->max_wr] = wr->wr_id;
		}
	}
	iw_unlock(&rq->lock);
	return rc;
}

int soft_rq_pop(struct soft_rq *rq, struct soft_rwqe *wqe, bool *hit_limit)
{
	const uint64_t *ring = rq->ring;
	int rc = -ENOENT;

	*hit_limit = false;
	iw_lock(&rq->lock);
	if (rq->head != rq->tail) {
		wqe->wr_id = ring[rq->head++ % rq->max_wr];
		rc = 0;
	}
	iw_unlock(&rq->lock);
	return rc;
}

void soft_rq_clear(struct soft_rq *rq)
{
	rq->head = rq->tail = 0;
}

/* ---- regions */

static enum soft_mem_fault pin(uint32_t stag, uint64_t addr, struct soft_pin *out)
{
	static struct soft_region *const any = (void *)&fake;

	*out = (struct soft_pin){ .region = NULL };
	if (stag == FAKE_HOLE) {
		*out = (struct soft_pin){ .region = any, .ptr = (uint8_t *)4096 };
	} else if (stag == FAKE_KEY && !fake.key_gone) {
		*out = (struct soft_pin){ .region = any, .ptr = (uint8_t *)(uintptr_t)addr };
	} else {
		return SOFT_MEM_STAG;
	}
	fake.pins++;
	return SOFT_MEM_OK;
}

enum soft_mem_fault soft_mem_pin_local(struct soft_pd *pd, uint32_t lkey, uint64_t addr,
				       uint32_t len, bool write, struct soft_pin *out)
{
	(void)pd;
	(void)write;
	*out = (struct soft_pin){ .region = NULL };
	return len ? pin(lkey, addr, out) : SOFT_MEM_OK;
}

enum soft_mem_fault soft_mem_pin_remote(struct soft_pd *pd, uint64_t qp, uint32_t stag, uint64_t to,
					uint64_t len, unsigned int need, struct soft_pin *out)
{
	(void)pd;
	(void)qp;
	*out = (struct soft_pin){ .region = NULL };
	if (need != IBV_ACCESS_REMOTE_READ)
		return SOFT_MEM_ACCESS;
	return len ? pin(stag, to, out) : SOFT_MEM_OK;
}

void soft_mem_unpin(struct soft_pin *p)
{
	if (p->region)
		fake.pins--;
	p->region = NULL;
}

enum soft_mem_fault soft_mem_invalidate(struct soft_pd *pd, uint64_t qp, uint32_t stag)
{
	(void)pd;
	(void)qp;
	if (stag != FAKE_KEY)
		return SOFT_MEM_STAG;
	fake.invalidated++;
	return SOFT_MEM_OK;
}

int soft_mw_bind(struct soft_mw *mw, uint64_t qp, const struct ibv_mw_bind_info *info,
		 uint32_t *rkey)
{
	(void)mw;
	(void)qp;
	if (info->length > 4096)
		return -EINVAL;
	fake.binds++;
	*rkey = FAKE_KEY;
	return 0;
}

/* ---- the loop and progress sets */

void soft_loop_linger_held(int fd, const void *bytes, size_t len, unsigned int hold_ms,
			   unsigned int ms)
{
	(void)ms;
	fake.hold_ms = hold_ms;
	free(fake.words);
	fake.words = malloc(len + 1);
	if (len)
		memcpy(fake.words, bytes, len);
	fake.words_len = len;
	close(fd);
	trace('L');
}

void soft_timer_start(struct soft_timer *timer, unsigned int ms)
{
	if (fake.qp && timer == &fake.qp->nudge.timer)
		fake.nudge_ms = ms;
	else
		fake.timer = timer;
}

bool soft_timer_stop(struct soft_timer *timer)
{
	bool running = fake.timer == timer;

	if (fake.qp && timer == &fake.qp->nudge.timer) {
		running = fake.nudge_ms;
		fake.nudge_ms = 0;
		return running;
	}
	fake.timer = NULL;
	return running;
}

int soft_pset_for(struct soft_cq *send_cq, struct soft_cq *recv_cq, struct soft_pset **set)
{
	static int one;

	(void)send_cq;
	(void)recv_cq;
	if (iw_fault(IW_FAULT_ALLOC))
		return -ENOMEM;
	*set = (struct soft_pset *)(void *)&one;
	return 0;
}

void soft_pset_put(struct soft_pset *set)
{
	(void)set;
}

int soft_pset_add(struct soft_pset *set, struct soft_watch *watch, int fd)
{
	(void)set;
	(void)watch;
	(void)fd;
	return iw_fault(IW_FAULT_SYSCALL) ? -ENOSPC : 0;
}

int soft_pset_want_write(struct soft_pset *set, struct soft_watch *watch, bool want)
{
	(void)set;
	(void)watch;
	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOMEM;
	fake.wants_write = want;
	return 0;
}

void soft_pset_remove(struct soft_pset *set, struct soft_watch *watch)
{
	(void)set;
	(void)watch;
}

/* ---- the receiver */

int soft_rx_init(struct soft_qp *qp)
{
	iw_lock_init(&qp->rx.lock);
	return iw_fault(IW_FAULT_ALLOC) ? -ENOMEM : 0;
}

void soft_rx_fini(struct soft_qp *qp)
{
	iw_lock_fini(&qp->rx.lock);
}

void soft_rx_restart(struct soft_qp *qp)
{
	(void)qp;
}

/* Sees the end of the stream, nothing else. */
bool soft_rx_run(struct soft_qp *qp)
{
	struct soft_failure why = { .status = 0 };
	char c;

	if (qp->stream.fd >= 0 && recv(qp->stream.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		soft_qp_fail(qp, &why);
	return false;
}

void soft_rx_flush(struct soft_qp *qp, enum ibv_wc_status status)
{
	(void)qp;
	(void)status;
	trace('x');
}

/* ---- for the tests */

static void owner_first_fpdu(void *owner)
{
	cr_assert_eq(owner, &fake);
	trace('F');
}

static void owner_ended(void *owner, int status)
{
	cr_assert_eq(owner, &fake);
	fake.ended_status = status;
	trace('E');
}

static const struct soft_owner_ops owner_ops = { owner_first_fpdu, owner_ended };

void fake_setup(unsigned int wr)
{
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = &fake.send_cq.ibv,
		.recv_cq = &fake.recv_cq.ibv,
		.cap = { .max_send_wr = wr,
			 .max_recv_wr = wr,
			 .max_send_sge = 4,
			 .max_recv_sge = 4,
			 .max_inline_data = 128 },
		.qp_type = IBV_QPT_RC,
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = &fake.pd.ibv,
		.send_ops_flags = IBV_QP_EX_WITH_SEND,
	};
	struct ibv_qp_attr init = { .qp_state = IBV_QPS_INIT };

	memset(&fake, 0, sizeof(fake));
	fake.peer = -1;
	fake.ended_status = 1;
	fake.ctx.generation = soft_generation();
	fake.ctx.dev = &fake.dev;
	fake.dev.mtu = 1500;
	cr_assert_eq(soft_qp_create(&fake.ctx, &attr, &fake.qp), 0);
	cr_assert_eq(soft_qp_modify(fake.qp, &init, IBV_QP_STATE), 0);
}

void fake_teardown(void)
{
	if (fake.qp)
		soft_qp_destroy(fake.qp);
	cr_expect_eq(fake.pins, 0);
	cr_expect_eq(fake.pd.users, 0);
	cr_expect_eq(fake.send_cq.qps, 0);
	if (fake.peer >= 0)
		close(fake.peer);
	free(fake.words);
}

int fake_attach(struct soft_stream stream, int type)
{
	int fd[2], rc;

	cr_assert_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd), 0);
	stream.fd = fd[0];
	rc = soft_qp_attach(fake.qp, &stream, &owner_ops, &fake);
	if (rc) {
		close(fd[0]);
		close(fd[1]);
	} else {
		fake.peer = fd[1];
	}
	return rc;
}

size_t fake_read(void *out, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		n = recv(fake.peer, (char *)out + have, size - have, MSG_DONTWAIT);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}

struct ibv_sge fake_sge(const void *addr, uint32_t len)
{
	return (struct ibv_sge){ .addr = (uintptr_t)addr, .length = len, .lkey = FAKE_KEY };
}

int fake_post(enum ibv_wr_opcode opcode, const void *addr, uint32_t len, unsigned int flags)
{
	static uint64_t id;
	struct ibv_sge sge = fake_sge(addr, len);
	struct ibv_send_wr wr = { .wr_id = ++id,
				  .sg_list = &sge,
				  .num_sge = len ? 1 : 0,
				  .opcode = opcode,
				  .send_flags = flags,
				  .wr.rdma = { .remote_addr = 0, .rkey = 1 } };
	struct ibv_send_wr *bad;

	return soft_sq_post(fake.qp, &wr, &bad);
}
