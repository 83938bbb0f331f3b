// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Requests of the peer. A Read is checked here and again, piece by piece, by the
 * transmitter that answers it. An atomic is done at once; only its answer waits.
 */
#include <errno.h>

#include "driver/soft/soft_fork.h"
#include "driver/soft/soft_rx_call.h"

/* Of the whole process: atomic among all streams of all its devices. */
static struct iw_lock atomics = IW_LOCK_STATIC;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void watch_forks(void)
{
	soft_fork_guard(&atomics);
}

static int request_fault(struct soft_rx_call *call, enum soft_mem_fault fault)
{
	struct soft_rx_blame blame = { .event = IBV_EVENT_QP_REQ_ERR };

	if (fault == SOFT_MEM_ACCESS)
		blame.event = IBV_EVENT_QP_ACCESS_ERR;
	return soft_rx_fault_for(call, soft_rx_request_term(fault), &blame);
}

static int answer(struct soft_rx_call *call, const struct soft_response *response)
{
	if (soft_tx_respond(call->qp, response))
		return soft_rx_fault(call, TERM_RDMAP_STREAM);
	return 0;
}

/* Nobody but us, who hold rx.lock, makes the room smaller. */
static bool has_room(struct soft_qp *qp)
{
	uint32_t used;

	iw_lock(&qp->sq.lock);
	used = qp->tx.irq_tail - qp->tx.at.irq_head;
	soft_sq_unlock(qp);
	return used < qp->stream.ird;
}

int soft_rx_read_request(struct soft_rx_call *call, const uint8_t *body)
{
	struct soft_qp *qp = call->qp;
	struct rdmap_read_request r;
	enum soft_mem_fault fault;
	struct soft_pin pin;

	qp->rx.read_msn++;
	rdmap_read_parse(&r, body);
	if (r.size) {
		struct ibv_sge bytes = { r.source_to, r.size, r.source_stag };

		fault = soft_qp_pin_remote(qp, &bytes, IBV_ACCESS_REMOTE_READ, &pin);
		if (fault)
			return request_fault(call, fault);
		soft_mem_unpin(&pin);
	}
	return answer(call, &(struct soft_response){
				    .sink_stag = r.sink_stag,
				    .sink_to = r.sink_to,
				    .source_stag = r.source_stag,
				    .source_to = r.source_to,
				    .size = r.size,
			    });
}

/*
 * The lock keeps our streams apart, the exchange also those who reach the memory
 * by other ways: the program itself, other processes that share it.
 */
static uint64_t apply(const struct rdmap_atomic_request *r, uint64_t *target)
{
	uint64_t old, new;

	pthread_once(&fork_once, watch_forks);
	iw_lock(&atomics);
	old = __atomic_load_n(target, __ATOMIC_RELAXED);
	do {
		new = rdmap_atomic_apply(r, old);
	} while (!__atomic_compare_exchange_n(target, &old, new, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	iw_unlock(&atomics);
	return old;
}

int soft_rx_atomic_request(struct soft_rx_call *call, const uint8_t *body)
{
	struct soft_qp *qp = call->qp;
	struct soft_response response = { .is_atomic = true };
	struct rdmap_atomic_request r;
	struct ibv_sge bytes;
	enum soft_mem_fault fault;
	struct soft_pin pin;

	qp->rx.read_msn++;
	rdmap_atomic_parse(&r, body);
	if (r.op != RDMAP_FETCH_ADD && r.op != RDMAP_CMP_SWAP)
		return soft_rx_fault(call, TERM_RDMAP_OPCODE);
	/* Memory is changed only if the answer can be given. */
	if (!has_room(qp))
		return soft_rx_fault(call, TERM_RDMAP_STREAM);
	if (r.to % sizeof(uint64_t))
		return soft_rx_fault(call, TERM_RDMAP_STREAM);
	bytes = (struct ibv_sge){ r.to, sizeof(uint64_t), r.stag };
	fault = soft_qp_pin_remote(qp, &bytes, IBV_ACCESS_REMOTE_ATOMIC, &pin);
	if (fault)
		return request_fault(call, fault);
	/* An offset that is aligned may lie in a region that is not. */
	if ((uintptr_t)pin.ptr % sizeof(uint64_t)) {
		soft_mem_unpin(&pin);
		return soft_rx_fault(call, TERM_RDMAP_STREAM);
	}
	response.request_id = r.request_id;
	response.old_value = apply(&r, (uint64_t *)(void *)pin.ptr);
	soft_mem_unpin(&pin);
	return answer(call, &response);
}
