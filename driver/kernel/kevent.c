// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kevent.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "driver/kernel/kattr.h"

#define ERRNO_MAX 4095 /* the kernel's own limit for an errno in a return value */

/*
 * @failure: the status of an event that is bad news, should the kernel's be
 * none; 0 for good news.
 */
struct kevent_rule {
	bool known, has_param, has_ece;
	enum iw_cm_event_type active, passive;
	int failure;
};

#define BOTH(type) .active = (type), .passive = (type)
#define OUTCOME .active = IW_CM_EVENT_CONNECT_REPLY, .passive = IW_CM_EVENT_ESTABLISHED

static const struct kevent_rule rules[UCMA_NEVENTS] = {
	[UCMA_EVENT_ADDR_RESOLVED] = { .known = true, BOTH(IW_CM_EVENT_ADDR) },
	[UCMA_EVENT_ADDR_ERROR] = { .known = true,
				    BOTH(IW_CM_EVENT_ADDR),
				    .failure = -EHOSTUNREACH },
	[UCMA_EVENT_ROUTE_RESOLVED] = { .known = true, BOTH(IW_CM_EVENT_ROUTE) },
	[UCMA_EVENT_ROUTE_ERROR] = { .known = true,
				     BOTH(IW_CM_EVENT_ROUTE),
				     .failure = -EHOSTUNREACH },
	[UCMA_EVENT_CONNECT_REQUEST] = { .known = true,
					 .has_param = true,
					 .has_ece = true,
					 BOTH(IW_CM_EVENT_CONNECT_REQUEST) },
	[UCMA_EVENT_CONNECT_RESPONSE] = { .known = true,
					  .has_param = true,
					  .has_ece = true,
					  BOTH(IW_CM_EVENT_CONNECT_RESPONSE) },
	[UCMA_EVENT_CONNECT_ERROR] = { .known = true,
				       .has_param = true,
				       OUTCOME,
				       .failure = -ECONNABORTED },
	[UCMA_EVENT_UNREACHABLE] = { .known = true,
				     .has_param = true,
				     OUTCOME,
				     .failure = -ETIMEDOUT },
	[UCMA_EVENT_REJECTED] = { .known = true,
				  .has_param = true,
				  OUTCOME,
				  .failure = -ECONNREFUSED },
	[UCMA_EVENT_ESTABLISHED] = { .known = true, .has_param = true, OUTCOME },
	[UCMA_EVENT_DISCONNECTED] = { .known = true, BOTH(IW_CM_EVENT_CLOSE) },
	[UCMA_EVENT_DEVICE_REMOVAL] = { .known = true, BOTH(IW_CM_EVENT_DEVICE_GONE) },
	[UCMA_EVENT_MULTICAST_JOIN] = { .known = true,
					.has_param = true,
					BOTH(IW_CM_EVENT_MULTICAST) },
	[UCMA_EVENT_MULTICAST_ERROR] = { .known = true,
					 .has_param = true,
					 BOTH(IW_CM_EVENT_MULTICAST),
					 .failure = -EHOSTUNREACH },
	[UCMA_EVENT_ADDR_CHANGE] = { .known = true, BOTH(IW_CM_EVENT_ADDR_CHANGE) },
	[UCMA_EVENT_TIMEWAIT_EXIT] = { .known = true, BOTH(IW_CM_EVENT_TIMEWAIT_EXIT) },
	[UCMA_EVENT_ADDRINFO_RESOLVED] = { .known = true, BOTH(IW_CM_EVENT_ADDRINFO) },
	[UCMA_EVENT_ADDRINFO_ERROR] = { .known = true,
					BOTH(IW_CM_EVENT_ADDRINFO),
					.failure = -EIO },
};

static int sane_status(const struct rdma_ucm_event_resp *resp, int failure)
{
	int status = (int)resp->status;

	if (resp->event == UCMA_EVENT_CONNECT_REQUEST)
		return 0;
	/* siw cannot tell a refusal from a reset; the program asked about a refusal. */
	if (resp->event == UCMA_EVENT_REJECTED && status == -ECONNRESET)
		return -ECONNREFUSED;
	if (status < 0 && status >= -ERRNO_MAX)
		return status;
	return failure;
}

/* InfiniBand's CM tells why by a number above 0, where iWARP has an errno. */
static uint32_t cm_reason(const struct rdma_ucm_event_resp *resp, int failure)
{
	return failure && (int)resp->status > 0 ? (uint32_t)resp->status : 0;
}

static void translate_param(const struct rdma_ucm_conn_param *from, bool swapped,
			    struct iw_cm_conn_param *to)
{
	to->private_data_len = from->private_data_len;
	to->private_data = from->private_data_len ? from->private_data : NULL;
	to->responder_resources = swapped ? from->initiator_depth : from->responder_resources;
	to->initiator_depth = swapped ? from->responder_resources : from->initiator_depth;
	to->flow_control = from->flow_control;
	to->retry_count = from->retry_count;
	to->rnr_retry_count = from->rnr_retry_count;
	to->srq = from->srq;
	to->qp_num = from->qp_num;
	to->qkey = from->qkey;
}

static_assert(sizeof(struct ibv_ah_attr) <= sizeof(((struct iw_cm_conn_param *)0)->ah),
	      "an address handle in an event");

static void translate_ud_param(const struct rdma_ucm_ud_param *from, struct iw_cm_conn_param *to)
{
	struct ibv_ah_attr ah;

	kattr_ah(&from->ah_attr, &ah);
	memcpy(to->ah, &ah, sizeof(ah));
	to->private_data_len = from->private_data_len;
	to->private_data = from->private_data_len ? from->private_data : NULL;
	to->qp_num = from->qp_num;
	to->qkey = from->qkey;
}

static void translate_ece(const struct rdma_ucm_ece *from, struct iw_cm_ece *to)
{
	to->vendor_id = from->vendor_id;
	to->attr_mod = from->attr_mod;
}

bool kevent_is_multicast(const struct rdma_ucm_event_resp *resp)
{
	return resp->event == UCMA_EVENT_MULTICAST_JOIN ||
	       resp->event == UCMA_EVENT_MULTICAST_ERROR;
}

int kevent_translate(const struct rdma_ucm_event_resp *resp, unsigned int flags,
		     struct iw_cm_event *ev)
{
	bool swapped = resp->event == UCMA_EVENT_ESTABLISHED && (flags & KEVENT_DEPTHS_SWAPPED);
	const struct kevent_rule *rule;

	if (resp->event >= IW_ARRAY_SIZE(rules) || !rules[resp->event].known)
		return -EPROTO;
	rule = &rules[resp->event];
	memset(ev, 0, sizeof(*ev));
	ev->type = flags & KEVENT_PASSIVE ? rule->passive : rule->active;
	ev->status = sane_status(resp, rule->failure);
	ev->detail = resp->event;
	ev->reason = cm_reason(resp, rule->failure);
	if (rule->has_param && (flags & KEVENT_DATAGRAM || kevent_is_multicast(resp)))
		translate_ud_param(&resp->param.ud, &ev->param);
	else if (rule->has_param)
		translate_param(&resp->param.conn, swapped, &ev->param);
	if (rule->has_ece)
		translate_ece(&resp->ece, &ev->param.ece);
	return 0;
}
