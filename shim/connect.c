// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Connections: connect, listen, accept, reject, establish, notify, disconnect.
 */
#include "shim/addr.h"
#include "shim/choose.h"
#include "shim/shim.h"

/* ucma's own default bound; a negative or zero backlog means "the most". */
#define BACKLOG_DEFAULT 1024

/* InfiniBand counts retries in three bits. */
#define RETRY_MAX 7

/* ---- parameters */

static void copy_param(struct iw_cm_conn_param *to, const struct rdma_conn_param *from)
{
	to->private_data = from->private_data;
	to->private_data_len = from->private_data_len;
	to->responder_resources = from->responder_resources;
	to->initiator_depth = from->initiator_depth;
	to->flow_control = from->flow_control;
	to->retry_count = (uint8_t)iw_min_u32(from->retry_count, RETRY_MAX);
	to->rnr_retry_count = (uint8_t)iw_min_u32(from->rnr_retry_count, RETRY_MAX);
	to->srq = from->srq;
	to->qp_num = from->qp_num;
}

/* The id's own QP counts before what the program says. */
static void take_qp(struct iw_cm_conn_param *to, const struct rdma_cm_id *id)
{
	if (!id->qp)
		return;
	to->qp_num = id->qp->qp_num;
	to->srq = !!id->qp->srq;
}

/* RDMA_MAX_RESP_RES and RDMA_MAX_INIT_DEPTH stand for what the device can. */
static int limit(uint16_t *value, uint8_t max)
{
	if (*value == UINT8_MAX)
		*value = max;
	return *value > max ? -EINVAL : 0;
}

static int limit_resources(struct iw_cm_conn_param *param, const struct shim_device *device)
{
	int rc = limit(&param->responder_resources, device->max_responder_resources);

	return rc ? rc : limit(&param->initiator_depth, device->max_initiator_depth);
}

/*
 * What InfiniBand's answers carry: REP, REJ and SIDR_REP (IBTA volume 1, 12.6 and
 * 12.11). The kernel takes one that is too long for the end of the request, so it
 * must not see it. With a REQ it only refuses, and knows how much it needs itself.
 */
enum {
	PRIVATE_REP = 196,
	PRIVATE_REJ = 148,
	PRIVATE_SIDR_REP = 136,
};

static size_t request_room(const struct shim_id *id)
{
	return shim_is_iwarp(id) ? SHIM_PRIVATE_DATA_SENT : SHIM_PRIVATE_DATA_MAX;
}

static size_t answer_room(const struct shim_id *id, bool reject)
{
	if (shim_is_iwarp(id))
		return SHIM_PRIVATE_DATA_SENT;
	if (shim_is_datagram(id))
		return PRIVATE_SIDR_REP;
	return reject ? PRIVATE_REJ : PRIVATE_REP;
}

/* Before anything else, so that the id can still be connected or answered. */
static int check_private(size_t room, const void *data, uint8_t len)
{
	return len > room || (len && !data) ? -EINVAL : 0;
}

static int check_param(size_t room, const struct rdma_conn_param *param)
{
	return param ? check_private(room, param->private_data, param->private_data_len) : 0;
}

/* Somebody's QP gets connected: the id's, or the one that the parameters name. */
static bool names_qp(const struct shim_id *id, const struct rdma_conn_param *param)
{
	return param || id->id.qp;
}

/* ---- active */

/* What rdma_create_ep(3) was given for the peer comes first; @data is room for both. */
static int put_before(const struct shim_id *id, struct iw_cm_conn_param *out,
		      uint8_t data[SHIM_PRIVATE_DATA_MAX])
{
	const struct shim_endpoint *ep = id->ep;

	if (!ep || !ep->connect_len)
		return 0;
	if (ep->connect_len + (size_t)out->private_data_len > request_room(id))
		return -EINVAL;
	memcpy(data, ep->connect, ep->connect_len);
	if (out->private_data_len)
		memcpy(data + ep->connect_len, out->private_data, out->private_data_len);
	out->private_data = data;
	out->private_data_len = (uint16_t)(out->private_data_len + ep->connect_len);
	return 0;
}

static int connect_param(struct shim_id *id, const struct rdma_conn_param *param,
			 struct iw_cm_conn_param *out)
{
	int rc = check_param(request_room(id), param);

	if (rc)
		return rc;
	if (param)
		copy_param(out, param);
	if (!shim_is_datagram(id)) {
		if (!names_qp(id, param))
			return -EINVAL;
		if (!param) {
			out->responder_resources = out->initiator_depth = UINT8_MAX;
			out->retry_count = out->rnr_retry_count = RETRY_MAX;
		}
		rc = limit_resources(out, id->device);
	}
	out->ece = id->local_ece;
	take_qp(out, &id->id);
	return rc;
}

/*
 * ROUTE_RESOLVED -> CONNECT, and back if the call itself fails. Here and below:
 * once a call has caused an event, another thread may retrieve it and destroy
 * the id, so an asynchronous id is not touched any more.
 */
static int do_connect(struct shim_id *id, const struct rdma_conn_param *param)
{
	uint8_t data[SHIM_PRIVATE_DATA_MAX];
	struct iw_cm_conn_param out = { 0 };
	struct iw_cm_id *cm = shim_id_cm(id);
	const bool sync = id->sync;
	int rc;

	if (!cm || shim_id_state(id) != SHIM_ROUTE_RESOLVED)
		return -EINVAL;
	rc = connect_param(id, param, &out);
	if (!rc)
		rc = put_before(id, &out, data);
	if (rc)
		return rc;
	rc = shim_events_promise(id, 2); /* the outcome, and the end */
	if (rc)
		return rc;
	if (!shim_id_move(id, SHIM_ROUTE_RESOLVED, SHIM_CONNECT)) {
		rc = -EINVAL;
		goto unpromise;
	}
	rc = iw_cm_connect(cm, &out);
	if (rc)
		goto back;
	return sync ? shim_complete(id, RDMA_CM_EVENT_ESTABLISHED) : 0;

back:
	shim_id_set_state(id, SHIM_ROUTE_RESOLVED);
unpromise:
	shim_events_unpromise(id, 2);
	return rc;
}

IW_EXPORT int rdma_connect(struct rdma_cm_id *id, struct rdma_conn_param *conn_param)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : do_connect(priv, conn_param));
}

/* ---- passive */

/* An id that is bound has its driver; else it is going to be at every address. */
static int listen_attach(struct shim_id *id, struct iw_cm_id **cm)
{
	enum iw_driver_kind kind;
	int rc;

	*cm = shim_id_cm(id);
	if (*cm && id->id.route.addr.src_addr.sa_family)
		return 0;
	rc = shim_choose_local(NULL, &kind);
	return rc ? rc : shim_id_attach(id, kind, cm);
}

static void say_listening(const struct shim_id *id)
{
	const struct sockaddr *addr = &id->id.route.addr.src_addr;
	char text[SHIM_ADDR_TEXT];

	if (!id->device)
		iw_info("id %p: %s is served by all %s devices", (const void *)id,
			shim_addr_text(addr, text), shim_driver_name(id->kind));
}

/* IDLE (the driver binds the wildcard) or BOUND -> LISTEN. */
static int do_listen(struct shim_id *id, int backlog)
{
	enum shim_state was = shim_id_state(id);
	struct iw_cm_id *cm;
	int rc;

	if (was != SHIM_IDLE && was != SHIM_BOUND)
		return -EINVAL;
	rc = listen_attach(id, &cm);
	if (rc)
		return rc;
	if (!shim_id_move(id, was, SHIM_LISTEN))
		return -EINVAL;
	rc = iw_cm_listen(cm, backlog, backlog > 0 ? (unsigned int)backlog : BACKLOG_DEFAULT);
	if (rc) {
		shim_id_set_state(id, was);
		return rc;
	}
	rc = shim_id_refresh(id, cm);
	if (!rc)
		say_listening(id);
	return rc;
}

IW_EXPORT int rdma_listen(struct rdma_cm_id *id, int backlog)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : do_listen(priv, backlog));
}

static bool is_child(struct shim_id *id)
{
	return id->passive && shim_id_cm(id) && shim_id_device(id);
}

static int accept_param(struct shim_id *id, const struct rdma_conn_param *param,
			struct iw_cm_conn_param *out)
{
	int rc = check_param(answer_room(id, false), param);

	if (rc)
		return rc;
	if (param) {
		copy_param(out, param);
		rc = shim_is_datagram(id) ? 0 : limit_resources(out, id->device);
	} else {
		out->responder_resources =
			(uint16_t)iw_min_u32(id->request_rr, id->device->max_responder_resources);
		out->initiator_depth =
			(uint16_t)iw_min_u32(id->request_depth, id->device->max_initiator_depth);
		out->retry_count = out->rnr_retry_count = RETRY_MAX;
	}
	out->ece = id->local_ece;
	take_qp(out, &id->id);
	return rc;
}

static int do_accept(struct shim_id *id, const struct rdma_conn_param *param)
{
	const bool wait = id->sync && !shim_is_datagram(id);
	struct iw_cm_conn_param out = { 0 };
	struct iw_cm_id *cm = shim_id_cm(id);
	int rc;

	if (!is_child(id) || !names_qp(id, param))
		return -EINVAL;
	rc = accept_param(id, param, &out);
	if (rc)
		return rc;
	rc = shim_events_promise(id, 2);
	if (rc)
		return rc;
	shim_flag(&id->answered, true);
	rc = iw_cm_accept(cm, &out);
	if (rc) {
		shim_flag(&id->answered, false);
		shim_events_unpromise(id, 2);
		return rc;
	}
	return wait ? shim_complete(id, RDMA_CM_EVENT_ESTABLISHED) : 0;
}

IW_EXPORT int rdma_accept(struct rdma_cm_id *id, struct rdma_conn_param *conn_param)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : do_accept(priv, conn_param));
}

static bool has_responded(struct shim_id *id)
{
	bool responded;

	iw_lock(&id->lock);
	responded = id->responded;
	iw_unlock(&id->lock);
	return responded;
}

/* A request, or what the peer answered to one. MPA's Replies tell no reason. */
int shim_reject(struct shim_id *id, const void *private_data, uint8_t len, uint8_t reason)
{
	struct iw_cm_id *cm = shim_id_cm(id);
	int rc;

	if (!is_child(id) && !has_responded(id))
		return -EINVAL;
	if (!cm)
		return -EINVAL;
	rc = check_private(answer_room(id, true), private_data, len);
	if (rc)
		return rc;
	return iw_cm_reject(cm, private_data, len, shim_is_iwarp(id) ? 0 : reason);
}

IW_EXPORT int rdma_reject(struct rdma_cm_id *id, const void *private_data, uint8_t private_data_len)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : shim_reject(priv, private_data, private_data_len, 0));
}

/* ---- established */

/* Of several calls one completes; the end, which may come at once, is due from it on. */
static bool claim_response(struct shim_id *id)
{
	bool mine;

	iw_lock(&id->lock);
	mine = id->responded && !id->established;
	if (mine)
		shim_flag(&id->established, true);
	iw_unlock(&id->lock);
	return mine;
}

static int complete_response(struct shim_id *id, struct iw_cm_id *cm)
{
	int rc = iw_cm_establish(cm);

	if (rc) {
		iw_lock(&id->lock);
		shim_flag(&id->established, false);
		iw_unlock(&id->lock);
	}
	return rc;
}

/*
 * For programs that move their own QP. On iWARP the connection is complete
 * with the event ESTABLISHED: there is nothing left to do, and no reason to fail.
 */
static int do_establish(struct shim_id *id)
{
	struct iw_cm_id *cm = shim_id_cm(id);
	bool established;

	if (id->id.qp || !cm)
		return -EINVAL;
	if (claim_response(id))
		return complete_response(id, cm);
	iw_lock(&id->lock);
	established = id->established && !id->passive;
	iw_unlock(&id->lock);
	return established && shim_is_iwarp(id) ? 0 : -EINVAL;
}

IW_EXPORT int rdma_establish(struct rdma_cm_id *id)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : do_establish(priv));
}

/* To an id that only has an address no event can mean anything. */
static int do_notify(struct shim_id *id, int event)
{
	enum shim_state state = shim_id_state(id);
	struct iw_cm_id *cm = shim_id_cm(id);

	if (!cm || (state != SHIM_CONNECT && state != SHIM_LISTEN))
		return -EINVAL;
	return iw_cm_notify(cm, event);
}

IW_EXPORT int rdma_notify(struct rdma_cm_id *id, enum ibv_event_type event)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : do_notify(priv, (int)event));
}

/* Whether DISCONNECTED is still to come to a synchronous id; not once its device has gone. */
static bool end_is_due(struct shim_id *id)
{
	bool due;

	iw_lock(&id->lock);
	due = id->established && !id->closed && !id->removed;
	iw_unlock(&id->lock);
	return due;
}

/*
 * A child has a connection object from birth, so that the kernel never refuses
 * to disconnect it: before an answer to the request and after a refusal nothing
 * happens.
 */
static int do_disconnect(struct shim_id *id)
{
	struct iw_cm_id *cm = shim_id_cm(id);
	const bool sync = id->sync;
	int rc;

	if (!cm || !shim_id_device(id))
		return -EINVAL;
	rc = iw_cm_disconnect(cm, false);
	if (rc == -EINVAL && id->passive)
		return 0;
	if (rc || !sync || !end_is_due(id))
		return rc;
	return shim_complete(id, RDMA_CM_EVENT_DISCONNECTED);
}

IW_EXPORT int rdma_disconnect(struct rdma_cm_id *id)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : do_disconnect(priv));
}
