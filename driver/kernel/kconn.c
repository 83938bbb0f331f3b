// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kconn.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "driver/kernel/kpark.h"
#include "driver/kernel/ucma.h"

/*
 * The kernel's wire format takes 256 bytes with MPA's own 4, in a length of
 * 8 bits: siw sends 252 to 255 corrupted. Of the InfiniBand CM's limits, which
 * depend on message and port space, the kernel keeps account.
 */
#define PRIVATE_DATA_MAX_IWARP 251
#define PRIVATE_DATA_MAX UINT8_MAX

/* -------------------------------------------------------------- Parameters */

static bool private_data_fits(const struct kid *kid, const void *data, size_t len)
{
	size_t max =
		iw_cm_transport(kid->id) == IW_CM_IWARP ? PRIVATE_DATA_MAX_IWARP : PRIVATE_DATA_MAX;

	return len <= max && (data || !len);
}

static int conn_param(const struct kid *kid, const struct iw_cm_conn_param *from,
		      struct rdma_ucm_conn_param *to, struct rdma_ucm_ece *ece)
{
	if (!from || !private_data_fits(kid, from->private_data, from->private_data_len) ||
	    from->responder_resources > UINT8_MAX || from->initiator_depth > UINT8_MAX)
		return -EINVAL;
	memset(to, 0, sizeof(*to));
	iw_copy(to->private_data, sizeof(to->private_data), from->private_data,
		from->private_data_len);
	to->private_data_len = (uint8_t)from->private_data_len;
	to->responder_resources = (uint8_t)from->responder_resources;
	to->initiator_depth = (uint8_t)from->initiator_depth;
	to->flow_control = from->flow_control;
	to->retry_count = from->retry_count;
	to->rnr_retry_count = from->rnr_retry_count;
	to->srq = from->srq;
	to->qp_num = from->qp_num;
	to->qkey = from->qkey;
	to->valid = 1;
	ece->vendor_id = from->ece.vendor_id;
	ece->attr_mod = from->ece.attr_mod;
	return 0;
}

/* ---------------------------------------------------------------- Attempts */

/*
 * A failed call owes no outcome, but a disconnect may have told one meanwhile:
 * then the attempt has ended by event.
 */
static int attempt_failed(struct kid *kid, int error)
{
	kid_attempt(kid, false);
	return kid_is_cancelled(kid) ? 0 : error;
}

int kconn_connect(struct kid *kid, const struct iw_cm_conn_param *param)
{
	struct rdma_ucm_conn_param uparam;
	struct rdma_ucm_ece ece;
	int ret;

	ret = conn_param(kid, param, &uparam, &ece);
	if (ret)
		return ret;
	kid_attempt(kid, true);
	ret = ucma_connect(kid->source->fd, kid->kernel_id, &uparam, &ece);
	return ret ? attempt_failed(kid, ret) : 0;
}

int kconn_accept(struct kid *kid, const struct iw_cm_conn_param *param)
{
	struct rdma_ucm_conn_param uparam;
	struct rdma_ucm_ece ece;
	int ret;

	ret = conn_param(kid, param, &uparam, &ece);
	if (ret)
		return ret;
	/* Of a datagram's peer nothing is heard after that. */
	kid_attempt(kid, iw_cm_transport(kid->id) != IW_CM_DATAGRAM);
	ret = ucma_accept(kid->source->fd, kid->kernel_id, kid->handle, &uparam, &ece);
	return ret ? attempt_failed(kid, ret) : 0;
}

int kconn_reject(struct kid *kid, const void *private_data, size_t len, uint8_t reason)
{
	if (!private_data_fits(kid, private_data, len))
		return -EINVAL;
	/* An active side may reject the peer's answer. */
	kid_attempt(kid, false);
	return ucma_reject(kid->source->fd, kid->kernel_id, private_data, (uint8_t)len, reason);
}

int kconn_establish(struct kid *kid)
{
	int ret = ucma_establish(kid->source->fd, kid->kernel_id);
	bool wanted = kid_outcome(kid) == KID_HEARD_BY_CORE;

	if (ret || wanted)
		return ret;
	ucma_disconnect(kid->source->fd, kid->kernel_id);
	return -ECANCELED;
}

/* --------------------------------------------------------------------- End */

/* What nobody wants any more, though the peer has accepted it. */
static void refuse_response(const struct kid *kid)
{
	if (ucma_reject(kid->source->fd, kid->kernel_id, NULL, 0, 0))
		ucma_disconnect(kid->source->fd, kid->kernel_id);
}

bool kconn_cancel(struct kid *kid)
{
	if (!kid_cancel(kid))
		return false;
	if (kid_is_responded(kid))
		refuse_response(kid);
	return true;
}

int kconn_disconnect(struct kid *kid)
{
	int ret;

	if (iw_cm_transport(kid->id) == IW_CM_DATAGRAM)
		return -EINVAL;
	if (kid_is_cancelled(kid))
		return 0;
	ret = ucma_disconnect(kid->source->fd, kid->kernel_id);
	/* The answer to a close comes too late if the kernel has given the peer up. */
	return ret == -EINVAL && kid_is_closed(kid) ? 0 : ret;
}

/* ------------------------------------------------------------------ Events */

static enum kid_hearing hearing_of(struct kid *kid, enum iw_cm_event_type type)
{
	switch (type) {
	case IW_CM_EVENT_CONNECT_RESPONSE:
		return kid_response(kid);
	case IW_CM_EVENT_CLOSE:
		kid_close(kid);
		return kid_outcome(kid);
	case IW_CM_EVENT_CONNECT_REPLY:
	case IW_CM_EVENT_ESTABLISHED:
		return kid_outcome(kid);
	default:
		return KID_HEARD_BY_CORE;
	}
}

/*
 * The peer has closed what is not known to stand here, since the last message of
 * InfiniBand's three was lost, or overtaken: that close is the outcome. Nobody
 * else would answer it.
 */
static void make_failure(struct kid *kid, struct iw_cm_event *ev)
{
	ev->type = IW_CM_EVENT_ESTABLISHED;
	ev->status = -ECONNABORTED;
	kid_close(kid);
	if (iw_cm_transport(kid->id) == IW_CM_INFINIBAND)
		ucma_disconnect(kid->source->fd, kid->kernel_id);
}

/*
 * The peer has taken back its answer while ours to it was under way, which is how
 * InfiniBand's kernel ends what died before it stood there: here it stood.
 */
static void find_end(struct kid *kid, struct iw_cm_event *ev)
{
	if (ev->type != IW_CM_EVENT_CONNECT_REPLY || !ev->status ||
	    iw_cm_transport(kid->id) != IW_CM_INFINIBAND)
		return;
	*ev = (struct iw_cm_event){
		.type = IW_CM_EVENT_CLOSE,
		.detail = UCMA_EVENT_DISCONNECTED,
	};
}

/* What the kernel tells of an attempt in place of its outcome: nothing follows it. */
static void find_outcome(struct kid *kid, struct iw_cm_event *ev)
{
	if (!kid_is_pending(kid)) {
		find_end(kid, ev);
		return;
	}
	if (ev->type == IW_CM_EVENT_CLOSE && kid->passive)
		make_failure(kid, ev);
	else if (ev->type == IW_CM_EVENT_ADDR && kid->datagram) /* its Q_Key is another */
		ev->type = IW_CM_EVENT_CONNECT_REPLY;
}

bool kconn_event_wanted(struct kid *kid, struct iw_cm_event *ev)
{
	find_outcome(kid, ev);
	switch (hearing_of(kid, ev->type)) {
	case KID_HEARD_BY_CORE:
		return true;
	case KID_HEARD_BY_PARK:
		kpark_end(kid->handle);
		return false;
	case KID_HEARD_BY_NOBODY:
		break;
	}
	if (ev->type == IW_CM_EVENT_CONNECT_RESPONSE)
		refuse_response(kid);
	else if (ev->type != IW_CM_EVENT_CLOSE && !ev->status)
		ucma_disconnect(kid->source->fd, kid->kernel_id);
	return false;
}
