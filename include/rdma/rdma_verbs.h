/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Verbs in terms of an rdma_cm_id: memory registration, posting and waiting for
 * one completion. Inline, because programs compiled against rdma-core carry
 * these in themselves; only the SRQ calls are in the library.
 *
 * Calls that return int give 0, or -1 with errno. The id needs its QP (or SRQ)
 * and its PD: without, and for NULL where something is needed, EINVAL. context
 * comes back as the completion's wr_id.
 */
#ifndef RDMA_VERBS_H
#define RDMA_VERBS_H

#include <assert.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * From the verbs' convention (0 or an error number) to -1 and errno. Providers
 * also return negative numbers: -1 with errno set, or a negated error number.
 */
static inline int rdma_seterrno(int ret)
{
	if (!ret)
		return 0;
	if (ret > 0)
		errno = ret;
	else if (ret < -1)
		errno = -ret;
	else if (!errno)
		errno = EIO;
	return -1;
}

/* ---- Shared receive queues --------------------------------------------- */

/*
 * Makes the id's SRQ, which later QPs of the id use; pd NULL takes the default
 * one. *attr returns what was granted. EINVAL (unbound, a second SRQ, pd of
 * another device). rdma_create_srq(3)
 */
int rdma_create_srq(struct rdma_cm_id *id, struct ibv_pd *pd, struct ibv_srq_init_attr *attr);
/* The same with ibv_create_srq_ex(3)'s attributes, which have to name the type. */
int rdma_create_srq_ex(struct rdma_cm_id *id, struct ibv_srq_init_attr_ex *attr);
/* rdma_destroy_srq(3) */
void rdma_destroy_srq(struct rdma_cm_id *id);

/* ---- Memory ------------------------------------------------------------ */

static inline int iw_rdma_has_pd(const struct rdma_cm_id *id)
{
	if (id && id->pd)
		return 1;
	errno = EINVAL;
	return 0;
}

/*
 * Registers length bytes at addr: for messages and as the local side of one-sided
 * operations; also for the peer to read; also for the peer to write. NULL and
 * errno on error. rdma_reg_msgs(3), rdma_reg_read(3), rdma_reg_write(3)
 */
static inline struct ibv_mr *rdma_reg_msgs(struct rdma_cm_id *id, void *addr, size_t length)
{
	if (!iw_rdma_has_pd(id))
		return NULL;
	/* The macro mixes it with flags of another type, which C++ complains about. */
	return ibv_reg_mr(id->pd, addr, length, (int)IBV_ACCESS_LOCAL_WRITE);
}

static inline struct ibv_mr *rdma_reg_read(struct rdma_cm_id *id, void *addr, size_t length)
{
	if (!iw_rdma_has_pd(id))
		return NULL;
	return ibv_reg_mr(id->pd, addr, length, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
}

static inline struct ibv_mr *rdma_reg_write(struct rdma_cm_id *id, void *addr, size_t length)
{
	if (!iw_rdma_has_pd(id))
		return NULL;
	return ibv_reg_mr(id->pd, addr, length, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
}

/* rdma_dereg_mr(3) */
static inline int rdma_dereg_mr(struct ibv_mr *mr)
{
	return rdma_seterrno(mr ? ibv_dereg_mr(mr) : EINVAL);
}

/* ---- Building blocks of this header; not for programs ------------------- */

static inline struct ibv_sge iw_rdma_sge(void *addr, size_t length, const struct ibv_mr *mr)
{
	struct ibv_sge sge;

	sge.addr = (uint64_t)(uintptr_t)addr;
	sge.length = (uint32_t)length;
	sge.lkey = mr ? mr->lkey : 0;
	return sge;
}

static inline struct ibv_send_wr iw_rdma_send_wr(enum ibv_wr_opcode opcode, void *context,
						 struct ibv_sge *sgl, int nsge, int flags)
{
	struct ibv_send_wr wr;

	memset(&wr, 0, sizeof(wr));
	wr.wr_id = (uint64_t)(uintptr_t)context;
	wr.opcode = opcode;
	wr.sg_list = sgl;
	wr.num_sge = nsge;
	wr.send_flags = (unsigned int)flags;
	return wr;
}

static inline int iw_rdma_no_list(const struct ibv_sge *sgl, int nsge)
{
	return nsge < 0 || (nsge && !sgl);
}

static inline int iw_rdma_post(struct rdma_cm_id *id, struct ibv_send_wr *wr)
{
	struct ibv_send_wr *bad;

	if (!id || !id->qp || iw_rdma_no_list(wr->sg_list, wr->num_sge))
		return rdma_seterrno(EINVAL);
	return rdma_seterrno(ibv_post_send(id->qp, wr, &bad));
}

/* Regions that ibv_import_mr(3) made have no length to check against. */
static inline int iw_rdma_outside(const void *addr, size_t length, const struct ibv_mr *mr)
{
	uintptr_t at = (uintptr_t)addr, base = (uintptr_t)mr->addr;

	return mr->length && (at < base || length > mr->length || at - base > mr->length - length);
}

/*
 * One completion of cq: 1, or -1 and errno. Blocks. Between arming and sleeping
 * it polls once more, for a completion that came before the arming.
 */
static inline int iw_rdma_wait(struct ibv_cq *cq, struct ibv_comp_channel *channel,
			       struct ibv_wc *wc)
{
	struct ibv_cq *event_cq;
	void *event_context;
	int ret, armed = 0;

	if (!cq || !wc)
		return rdma_seterrno(EINVAL);
	for (;;) {
		ret = ibv_poll_cq(cq, 1, wc);
		if (ret)
			return ret > 0 ? ret : rdma_seterrno(ret);
		if (!armed) {
			ret = ibv_req_notify_cq(cq, 0);
			if (ret)
				return rdma_seterrno(ret);
			armed = 1;
			continue;
		}
		if (!channel)
			return rdma_seterrno(EINVAL);
		if (ibv_get_cq_event(channel, &event_cq, &event_context))
			return -1;
		ibv_ack_cq_events(event_cq, 1);
		armed = 0;
	}
}

/* ---- Posting scatter lists: nsge entries at sgl ------------------------- */

/* To the SRQ if the id has one. rdma_post_recvv(3) */
static inline int rdma_post_recvv(struct rdma_cm_id *id, void *context, struct ibv_sge *sgl,
				  int nsge)
{
	struct ibv_recv_wr wr, *bad;

	if (!id || (!id->srq && !id->qp) || iw_rdma_no_list(sgl, nsge))
		return rdma_seterrno(EINVAL);
	memset(&wr, 0, sizeof(wr));
	wr.wr_id = (uint64_t)(uintptr_t)context;
	wr.sg_list = sgl;
	wr.num_sge = nsge;
	return rdma_seterrno(id->srq ? ibv_post_srq_recv(id->srq, &wr, &bad)
				     : ibv_post_recv(id->qp, &wr, &bad));
}

/* flags: enum ibv_send_flags, here and below. rdma_post_sendv(3) */
static inline int rdma_post_sendv(struct rdma_cm_id *id, void *context, struct ibv_sge *sgl,
				  int nsge, int flags)
{
	struct ibv_send_wr wr = iw_rdma_send_wr(IBV_WR_SEND, context, sgl, nsge, flags);

	return iw_rdma_post(id, &wr);
}

/* rdma_post_readv(3) */
static inline int rdma_post_readv(struct rdma_cm_id *id, void *context, struct ibv_sge *sgl,
				  int nsge, int flags, uint64_t remote_addr, uint32_t rkey)
{
	struct ibv_send_wr wr = iw_rdma_send_wr(IBV_WR_RDMA_READ, context, sgl, nsge, flags);

	wr.wr.rdma.remote_addr = remote_addr;
	wr.wr.rdma.rkey = rkey;
	return iw_rdma_post(id, &wr);
}

/* rdma_post_writev(3) */
static inline int rdma_post_writev(struct rdma_cm_id *id, void *context, struct ibv_sge *sgl,
				   int nsge, int flags, uint64_t remote_addr, uint32_t rkey)
{
	struct ibv_send_wr wr = iw_rdma_send_wr(IBV_WR_RDMA_WRITE, context, sgl, nsge, flags);

	wr.wr.rdma.remote_addr = remote_addr;
	wr.wr.rdma.rkey = rkey;
	return iw_rdma_post(id, &wr);
}

/* ---- Posting one buffer: length bytes at addr, within mr ---------------- */

/* EINVAL if the buffer is not in mr. rdma_post_recv(3) */
static inline int rdma_post_recv(struct rdma_cm_id *id, void *context, void *addr, size_t length,
				 struct ibv_mr *mr)
{
	struct ibv_sge sge;

	if (!mr || iw_rdma_outside(addr, length, mr))
		return rdma_seterrno(EINVAL);
	sge = iw_rdma_sge(addr, length, mr);
	return rdma_post_recvv(id, context, &sge, 1);
}

/* mr may be NULL with IBV_SEND_INLINE. rdma_post_send(3) */
static inline int rdma_post_send(struct rdma_cm_id *id, void *context, void *addr, size_t length,
				 struct ibv_mr *mr, int flags)
{
	struct ibv_sge sge = iw_rdma_sge(addr, length, mr);

	return rdma_post_sendv(id, context, &sge, 1, flags);
}

/* rdma_post_read(3) */
static inline int rdma_post_read(struct rdma_cm_id *id, void *context, void *addr, size_t length,
				 struct ibv_mr *mr, int flags, uint64_t remote_addr, uint32_t rkey)
{
	struct ibv_sge sge = iw_rdma_sge(addr, length, mr);

	if (!mr)
		return rdma_seterrno(EINVAL);
	return rdma_post_readv(id, context, &sge, 1, flags, remote_addr, rkey);
}

/* mr may be NULL with IBV_SEND_INLINE. rdma_post_write(3) */
static inline int rdma_post_write(struct rdma_cm_id *id, void *context, void *addr, size_t length,
				  struct ibv_mr *mr, int flags, uint64_t remote_addr, uint32_t rkey)
{
	struct ibv_sge sge = iw_rdma_sge(addr, length, mr);

	return rdma_post_writev(id, context, &sge, 1, flags, remote_addr, rkey);
}

/* A datagram to QP remote_qpn behind ah, with the Q_Key of the RDMA CM. rdma_post_ud_send(3) */
static inline int rdma_post_ud_send(struct rdma_cm_id *id, void *context, void *addr, size_t length,
				    struct ibv_mr *mr, int flags, struct ibv_ah *ah,
				    uint32_t remote_qpn)
{
	struct ibv_sge sge = iw_rdma_sge(addr, length, mr);
	struct ibv_send_wr wr = iw_rdma_send_wr(IBV_WR_SEND, context, &sge, 1, flags);

	wr.wr.ud.ah = ah;
	wr.wr.ud.remote_qpn = remote_qpn;
	wr.wr.ud.remote_qkey = RDMA_UDP_QKEY;
	return iw_rdma_post(id, &wr);
}

/* ---- Completions -------------------------------------------------------- */

/*
 * Blocks for one completion of the id's send or receive CQ, which have to be its
 * own and made by rdma_create_qp(). Returns the number of completions in *wc, or
 * -1 and errno (EINTR after a signal). rdma_get_send_comp(3), rdma_get_recv_comp(3)
 */
static inline int rdma_get_send_comp(struct rdma_cm_id *id, struct ibv_wc *wc)
{
	return id ? iw_rdma_wait(id->send_cq, id->send_cq_channel, wc) : rdma_seterrno(EINVAL);
}

static inline int rdma_get_recv_comp(struct rdma_cm_id *id, struct ibv_wc *wc)
{
	return id ? iw_rdma_wait(id->recv_cq, id->recv_cq_channel, wc) : rdma_seterrno(EINVAL);
}

#ifdef __cplusplus
}
#endif

#endif
