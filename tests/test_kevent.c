// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <string.h>

#include "base/bytes.h"
#include "driver/kernel/kevent.h"

struct expected {
	int ret;
	enum iw_cm_event_type active, passive;
	int status_of_zero; /* what a status of 0 becomes */
};

#define NONE                   \
	{                      \
		.ret = -EPROTO \
	}

static const struct expected table[] = {
	[UCMA_EVENT_ADDR_RESOLVED] = { 0, IW_CM_EVENT_ADDR, IW_CM_EVENT_ADDR, 0 },
	[UCMA_EVENT_ADDR_ERROR] = { 0, IW_CM_EVENT_ADDR, IW_CM_EVENT_ADDR, -EHOSTUNREACH },
	[UCMA_EVENT_ROUTE_RESOLVED] = { 0, IW_CM_EVENT_ROUTE, IW_CM_EVENT_ROUTE, 0 },
	[UCMA_EVENT_ROUTE_ERROR] = { 0, IW_CM_EVENT_ROUTE, IW_CM_EVENT_ROUTE, -EHOSTUNREACH },
	[UCMA_EVENT_CONNECT_REQUEST] = { 0, IW_CM_EVENT_CONNECT_REQUEST,
					 IW_CM_EVENT_CONNECT_REQUEST, 0 },
	[UCMA_EVENT_CONNECT_RESPONSE] = { 0, IW_CM_EVENT_CONNECT_RESPONSE,
					  IW_CM_EVENT_CONNECT_RESPONSE, 0 },
	[UCMA_EVENT_CONNECT_ERROR] = { 0, IW_CM_EVENT_CONNECT_REPLY, IW_CM_EVENT_ESTABLISHED,
				       -ECONNABORTED },
	[UCMA_EVENT_UNREACHABLE] = { 0, IW_CM_EVENT_CONNECT_REPLY, IW_CM_EVENT_ESTABLISHED,
				     -ETIMEDOUT },
	[UCMA_EVENT_REJECTED] = { 0, IW_CM_EVENT_CONNECT_REPLY, IW_CM_EVENT_ESTABLISHED,
				  -ECONNREFUSED },
	[UCMA_EVENT_ESTABLISHED] = { 0, IW_CM_EVENT_CONNECT_REPLY, IW_CM_EVENT_ESTABLISHED, 0 },
	[UCMA_EVENT_DISCONNECTED] = { 0, IW_CM_EVENT_CLOSE, IW_CM_EVENT_CLOSE, 0 },
	[UCMA_EVENT_DEVICE_REMOVAL] = { 0, IW_CM_EVENT_DEVICE_GONE, IW_CM_EVENT_DEVICE_GONE, 0 },
	[UCMA_EVENT_MULTICAST_JOIN] = { 0, IW_CM_EVENT_MULTICAST, IW_CM_EVENT_MULTICAST, 0 },
	[UCMA_EVENT_MULTICAST_ERROR] = { 0, IW_CM_EVENT_MULTICAST, IW_CM_EVENT_MULTICAST,
					 -EHOSTUNREACH },
	[UCMA_EVENT_ADDR_CHANGE] = { 0, IW_CM_EVENT_ADDR_CHANGE, IW_CM_EVENT_ADDR_CHANGE, 0 },
	[UCMA_EVENT_TIMEWAIT_EXIT] = { 0, IW_CM_EVENT_TIMEWAIT_EXIT, IW_CM_EVENT_TIMEWAIT_EXIT, 0 },
	[UCMA_EVENT_ADDRINFO_RESOLVED] = { 0, IW_CM_EVENT_ADDRINFO, IW_CM_EVENT_ADDRINFO, 0 },
	[UCMA_EVENT_ADDRINFO_ERROR] = { 0, IW_CM_EVENT_ADDRINFO, IW_CM_EVENT_ADDRINFO, -EIO },
	/* USER, INTERNAL, and no event. */
	[18] = NONE,
	[19] = NONE,
	[20] = NONE,
};

static struct rdma_ucm_event_resp response(uint32_t event, int status)
{
	struct rdma_ucm_event_resp resp;

	memset(&resp, 0, sizeof(resp));
	resp.event = event;
	resp.status = (uint32_t)status;
	return resp;
}

Test(kevent, translate__every_event_on_either_side)
{
	for (uint32_t event = 0; event < IW_ARRAY_SIZE(table); event++) {
		const struct expected *want = &table[event];
		struct rdma_ucm_event_resp resp = response(event, 0);
		struct iw_cm_event ev;

		for (unsigned int flags = 0; flags <= KEVENT_PASSIVE; flags++) {
			cr_assert_eq(kevent_translate(&resp, flags, &ev), want->ret, "event %u",
				     event);
			if (want->ret)
				continue;
			cr_assert_eq(ev.type, flags ? want->passive : want->active, "event %u",
				     event);
			cr_assert_eq(ev.status, want->status_of_zero, "event %u", event);
			cr_assert_eq(ev.detail, event);
			cr_assert_null(ev.child);
			cr_assert_null(ev.membership);
			cr_assert_eq(kevent_is_multicast(&resp), ev.type == IW_CM_EVENT_MULTICAST);
		}
	}
}

Test(kevent, translate__no_status_is_ever_positive_or_no_errno)
{
	static const int odd[] = { 1, 28, 255, INT32_MAX, -4096, INT32_MIN };

	for (uint32_t event = 0; event < UCMA_NEVENTS; event++) {
		for (size_t i = 0; i < IW_ARRAY_SIZE(odd); i++) {
			struct rdma_ucm_event_resp resp = response(event, odd[i]);
			struct iw_cm_event ev;

			if (kevent_translate(&resp, 0, &ev))
				continue;
			cr_assert_eq(ev.status, table[event].status_of_zero, "event %u", event);
		}
	}
}

Test(kevent, translate__an_errno_passes)
{
	struct rdma_ucm_event_resp resp = response(UCMA_EVENT_CONNECT_ERROR, -EINVAL);
	struct iw_cm_event ev;

	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_eq(ev.status, -EINVAL);
	resp = response(UCMA_EVENT_ADDR_ERROR, -ETIMEDOUT);
	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_eq(ev.status, -ETIMEDOUT);
}

Test(kevent, translate__a_reset_before_the_reply_is_a_refusal)
{
	struct rdma_ucm_event_resp resp = response(UCMA_EVENT_REJECTED, -ECONNRESET);
	struct iw_cm_event ev;

	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_eq(ev.status, -ECONNREFUSED);
	resp = response(UCMA_EVENT_DISCONNECTED, -ECONNRESET);
	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_eq(ev.status, -ECONNRESET);
}

Test(kevent, translate__the_reason_of_infiniband)
{
	struct rdma_ucm_event_resp resp = response(UCMA_EVENT_REJECTED, 28);
	struct iw_cm_event ev;

	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_eq(ev.status, -ECONNREFUSED);
	cr_assert_eq(ev.reason, 28);
	resp = response(UCMA_EVENT_REJECTED, -ECONNREFUSED);
	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_eq(ev.reason, 0);
	resp = response(UCMA_EVENT_ESTABLISHED, 28);
	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_eq(ev.reason, 0);
}

Test(kevent, translate__a_request_has_no_status)
{
	struct rdma_ucm_event_resp resp = response(UCMA_EVENT_CONNECT_REQUEST, -EIO);
	struct iw_cm_event ev;

	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_eq(ev.status, 0);
}

Test(kevent, translate__parameters_and_the_swap)
{
	struct rdma_ucm_event_resp resp = response(UCMA_EVENT_ESTABLISHED, 0);
	struct iw_cm_event ev;

	resp.param.conn.responder_resources = 2;
	resp.param.conn.initiator_depth = 5;
	resp.param.conn.private_data_len = 255;
	memset(resp.param.conn.private_data, 0x5a, sizeof(resp.param.conn.private_data));
	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_eq(ev.param.responder_resources, 2);
	cr_assert_eq(ev.param.initiator_depth, 5);
	cr_assert_eq(ev.param.private_data_len, 255);
	cr_assert_eq(ev.param.private_data, resp.param.conn.private_data);

	cr_assert_eq(kevent_translate(&resp, KEVENT_DEPTHS_SWAPPED, &ev), 0);
	cr_assert_eq(ev.param.responder_resources, 5);
	cr_assert_eq(ev.param.initiator_depth, 2);

	resp.event = UCMA_EVENT_CONNECT_REQUEST;
	cr_assert_eq(kevent_translate(&resp, KEVENT_DEPTHS_SWAPPED, &ev), 0);
	cr_assert_eq(ev.param.responder_resources, 2, "requests are straight on every device");
}

Test(kevent, translate__no_private_data_is_null)
{
	struct rdma_ucm_event_resp resp = response(UCMA_EVENT_REJECTED, -ECONNREFUSED);
	struct iw_cm_event ev;

	cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
	cr_assert_null(ev.param.private_data);
	cr_assert_eq(ev.param.private_data_len, 0);
}

static void fill_ud(struct rdma_ucm_ud_param *ud)
{
	ud->qp_num = 17;
	ud->qkey = 0x1234567;
	ud->ah_attr.grh.dgid[15] = 9;
	ud->ah_attr.grh.hop_limit = 64;
	ud->ah_attr.is_global = 1;
	ud->ah_attr.port_num = 2;
	ud->private_data_len = 3;
	memcpy(ud->private_data, "abc", 3);
}

Test(kevent, translate__datagrams_name_a_destination)
{
	static const uint32_t events[] = { UCMA_EVENT_CONNECT_REQUEST, UCMA_EVENT_ESTABLISHED,
					   UCMA_EVENT_MULTICAST_JOIN, UCMA_EVENT_MULTICAST_ERROR };

	for (size_t i = 0; i < IW_ARRAY_SIZE(events); i++) {
		struct rdma_ucm_event_resp resp = response(events[i], 0);
		unsigned int flags = kevent_is_multicast(&resp) ? 0 : KEVENT_DATAGRAM;
		struct ibv_ah_attr ah;
		struct iw_cm_event ev;

		fill_ud(&resp.param.ud);
		cr_assert_eq(kevent_translate(&resp, flags, &ev), 0);
		cr_assert_eq(ev.param.qp_num, 17);
		cr_assert_eq(ev.param.qkey, 0x1234567);
		cr_assert_eq(ev.param.private_data_len, 3);
		cr_assert_eq(ev.param.private_data, resp.param.ud.private_data);
		memcpy(&ah, ev.param.ah, sizeof(ah));
		cr_assert_eq(ah.grh.dgid.raw[15], 9);
		cr_assert_eq(ah.grh.hop_limit, 64);
		cr_assert_eq(ah.is_global, 1);
		cr_assert_eq(ah.port_num, 2);
	}
}

Test(kevent, translate__ece_of_requests_and_responses)
{
	for (uint32_t event = 0; event < UCMA_NEVENTS; event++) {
		struct rdma_ucm_event_resp resp = response(event, 0);
		bool has =
			event == UCMA_EVENT_CONNECT_REQUEST || event == UCMA_EVENT_CONNECT_RESPONSE;
		struct iw_cm_event ev;

		resp.ece.vendor_id = 7;
		resp.ece.attr_mod = 8;
		cr_assert_eq(kevent_translate(&resp, 0, &ev), 0);
		cr_assert_eq(ev.param.ece.vendor_id, has ? 7 : 0, "event %u", event);
		cr_assert_eq(ev.param.ece.attr_mod, has ? 8 : 0, "event %u", event);
	}
}
