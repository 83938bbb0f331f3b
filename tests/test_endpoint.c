// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * rdma_create_ep(3), rdma_destroy_ep(3) and rdma_get_request(3), over the driver
 * in memory.
 */
#include <rdma/rdma_verbs.h>
#include <stdlib.h>
#include <string.h>

#include "shim/shim.h"
#include "tests/shim_util.h"

static struct sockaddr_in here;

/* Of fake_addr(0, PORT), as rdma_getaddrinfo(3) would say it. */
static struct rdma_addrinfo info(bool passive)
{
	struct rdma_addrinfo rai = {
		.ai_flags = passive ? RAI_PASSIVE : 0,
		.ai_family = AF_INET,
		.ai_qp_type = IBV_QPT_RC,
		.ai_port_space = RDMA_PS_TCP,
	};

	here = fake_addr(0, PORT);
	if (passive) {
		rai.ai_src_addr = (struct sockaddr *)&here;
		rai.ai_src_len = sizeof(here);
	} else {
		rai.ai_dst_addr = (struct sockaddr *)&here;
		rai.ai_dst_len = sizeof(here);
	}
	return rai;
}

static struct rdma_cm_id *listening(struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	struct rdma_addrinfo rai = info(true);
	struct rdma_cm_id *id;

	succeeds(rdma_create_ep(&id, &rai, pd, attr));
	succeeds(rdma_listen(id, 4));
	return id;
}

static struct rdma_cm_id *connecting(struct ibv_qp_init_attr *attr)
{
	struct rdma_addrinfo rai = info(false);
	struct rdma_cm_id *id;

	succeeds(rdma_create_ep(&id, &rai, NULL, attr));
	return id;
}

static void *connect_later(void *id)
{
	struct rdma_conn_param param = { .private_data = "abc", .private_data_len = 3 };

	return (void *)(long)rdma_connect(id, &param);
}

/* ---- creation */

Test(endpoint, active__resolved_and_with_a_qp)
{
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct rdma_cm_id *id;

	attr.qp_type = IBV_QPT_UD; /* the address information counts */
	id = connecting(&attr);
	cr_assert_not_null(id->qp);
	cr_assert_eq(attr.qp_type, IBV_QPT_RC);
	cr_assert_eq(attr.send_cq, id->send_cq);
	cr_assert_not_null(id->channel);
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ROUTE_RESOLVED);
	rdma_destroy_ep(id);
	util_all_gone();
}

Test(endpoint, active__without_a_qp)
{
	struct rdma_cm_id *id = connecting(NULL);

	cr_assert_null(id->qp);
	cr_assert_not_null(id->verbs);
	rdma_destroy_ep(id);
	util_all_gone();
}

Test(endpoint, passive__bound_and_the_pd_kept)
{
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct rdma_addrinfo rai = info(true);
	struct rdma_cm_id *id;

	succeeds(rdma_create_ep(&id, &rai, NULL, &attr));
	cr_assert_null(id->qp);
	cr_assert_eq(rdma_get_src_port(id), htons(PORT));
	rdma_destroy_ep(id);
	util_all_gone();
}

Test(endpoint, create__bad_arguments)
{
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct rdma_addrinfo rai = info(false);
	struct rdma_cm_id *id;

	fails_with(EINVAL, rdma_create_ep(NULL, &rai, NULL, &attr));
	fails_with(EINVAL, rdma_create_ep(&id, NULL, NULL, &attr));
	rai.ai_dst_addr = NULL;
	fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, &attr));
	rai = info(true);
	rai.ai_src_addr = NULL;
	fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, &attr));
	rai = info(false);
	rai.ai_port_space = 7;
	fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, &attr));
	rai = info(false);
	rai.ai_connect_len = 252;
	fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, &attr));
	rai.ai_connect = &attr;
	fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, &attr));
	rai = info(false);
	rai.ai_route_len = sizeof(struct ibv_path_data);
	fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, &attr));
	rai.ai_route = &(struct ibv_path_data){ .flags = 0 }; /* the driver answers, on iWARP too */
	succeeds(rdma_create_ep(&id, &rai, NULL, &attr));
	rdma_destroy_ep(id);
	rdma_destroy_ep(NULL);
	util_all_gone();
}

Test(endpoint, create__addresses_that_are_cut_off)
{
	const socklen_t lens[] = { 1, 2, sizeof(here) - 1 };
	struct rdma_addrinfo rai;
	struct rdma_cm_id *id;

	for (size_t i = 0; i < IW_ARRAY_SIZE(lens); i++) {
		rai = info(false);
		rai.ai_dst_len = lens[i];
		fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, NULL));
		rai = info(true);
		rai.ai_src_len = lens[i];
		fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, NULL));
	}
	rai = info(false);
	rai.ai_dst_len = 0; /* not filled in: the family tells */
	succeeds(rdma_create_ep(&id, &rai, NULL, NULL));
	rdma_destroy_ep(id);
	util_all_gone();
}

Test(endpoint, create__types_that_do_not_fit)
{
	static const struct {
		int type, ps;
	} cases[] = {
		{ 1, RDMA_PS_TCP },
		{ 77, RDMA_PS_IB },
		{ -1, RDMA_PS_TCP },
		{ IBV_QPT_UD, RDMA_PS_TCP },
		{ IBV_QPT_RC, RDMA_PS_UDP },
		{ IBV_QPT_RC, RDMA_PS_IPOIB },
		{ IBV_QPT_RAW_PACKET, RDMA_PS_IB },
	};
	struct rdma_cm_id *id;

	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++)
		for (int passive = 0; passive < 2; passive++) {
			struct rdma_addrinfo rai = info(passive);

			rai.ai_qp_type = cases[i].type;
			rai.ai_port_space = cases[i].ps;
			fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, NULL));
		}
	util_all_gone();
}

Test(endpoint, create__each_step_may_fail)
{
	const enum fake_op ops[] = { FAKE_RESOLVE_ADDR, FAKE_ADDR_EVENT, FAKE_RESOLVE_ROUTE,
				     FAKE_ROUTE_EVENT, FAKE_MODIFY_QP };
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct rdma_addrinfo rai = info(false);
	struct rdma_cm_id *id;

	for (size_t i = 0; i < IW_ARRAY_SIZE(ops); i++) {
		fake_fail(ops[i], -EHOSTDOWN);
		fails_with(EHOSTDOWN, rdma_create_ep(&id, &rai, NULL, &attr));
	}
	rai = info(true);
	fake_fail(FAKE_BIND, -EADDRINUSE);
	fails_with(EADDRINUSE, rdma_create_ep(&id, &rai, NULL, &attr));
	util_all_gone();
}

Test(endpoint, create__each_fault)
{
	struct ibv_qp_init_attr attr;
	struct rdma_addrinfo rai;
	struct rdma_cm_id *id;

	for (int is_passive = 0; is_passive < 2; is_passive++) {
		rai = info(is_passive);
		rai.ai_connect = "x";
		rai.ai_connect_len = 1;
		for (unsigned long n = 1;; n++) {
			attr = util_qp_attr();
			iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
			errno = 0;
			if (!rdma_create_ep(&id, &rai, NULL, &attr))
				break;
			cr_assert_gt(errno, 0);
			cr_assert_lt(n, 100);
		}
		iw_fault_arm(0, 0);
		rdma_destroy_ep(id);
		util_all_gone();
	}
}

/* ---- other transports */

Test(endpoint, active__the_route_of_the_address_counts)
{
	struct ibv_path_data route[2] = { { .flags = 0 } };
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct rdma_addrinfo rai = info(false);
	struct rdma_cm_id *id;

	mock_verbs_transport(0, IBV_TRANSPORT_IB);
	rai.ai_route = route;
	rai.ai_route_len = sizeof(route) - 1;
	fails_with(EINVAL, rdma_create_ep(&id, &rai, NULL, &attr));
	rai.ai_route_len = sizeof(route);
	fake_fail(FAKE_SET_OPTION, -EHOSTDOWN);
	fails_with(EHOSTDOWN, rdma_create_ep(&id, &rai, NULL, &attr));
	fake_fail(FAKE_ROUTE_EVENT, -ENETDOWN);
	fails_with(ENETDOWN, rdma_create_ep(&id, &rai, NULL, &attr));
	succeeds(rdma_create_ep(&id, &rai, NULL, &attr));
	cr_assert_eq(fake_calls(FAKE_SET_OPTION), 3);
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ROUTE_RESOLVED);
	cr_assert_not_null(id->qp);
	rdma_destroy_ep(id);
	util_all_gone();
}

Test(endpoint, active__the_type_of_the_address_counts)
{
	const int types[] = { IBV_QPT_RC, IBV_QPT_UD, IBV_QPT_XRC_SEND };
	struct ibv_qp_init_attr attr;
	struct rdma_addrinfo rai = info(false);
	struct rdma_cm_id *id;

	for (size_t i = 0; i < IW_ARRAY_SIZE(types); i++) {
		attr = util_qp_attr();
		rai.ai_qp_type = types[i];
		rai.ai_port_space = types[i] == IBV_QPT_UD ? RDMA_PS_UDP : RDMA_PS_IB;
		succeeds(rdma_create_ep(&id, &rai, NULL, &attr));
		cr_assert_eq((int)id->qp_type, types[i]);
		cr_assert_eq((int)id->qp->qp_type, types[i]);
		cr_assert_eq((int)attr.qp_type, types[i]);
		rdma_destroy_ep(id);
	}
	attr = util_qp_attr();
	rai.ai_qp_type = IBV_QPT_XRC_RECV; /* needs a domain, which the device has not */
	fails_with(EOPNOTSUPP, rdma_create_ep(&id, &rai, NULL, &attr));
	rai.ai_qp_type = IBV_QPT_DRIVER;
	mock_verbs_fail(MOCK_CREATE_QP, EOPNOTSUPP);
	fails_with(EOPNOTSUPP, rdma_create_ep(&id, &rai, NULL, &attr));
	util_all_gone();
}

Test(endpoint, active__the_queues_of_the_program)
{
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct rdma_cm_id *first = connecting(NULL), *id;
	struct ibv_cq *cq = ibv_create_cq(first->verbs, 9, NULL, NULL, 0);

	attr.send_cq = attr.recv_cq = cq;
	id = connecting(&attr);
	cr_assert_eq(id->qp->recv_cq, cq);
	cr_assert_null(id->recv_cq);
	rdma_destroy_ep(id);
	cr_assert_eq(ibv_destroy_cq(cq), 0);
	rdma_destroy_ep(first);
	util_all_gone();
}

Test(endpoint, request__the_child_of_an_xrc_listener, .timeout = 30)
{
	struct ibv_qp_init_attr attr = util_qp_attr(), mine = util_qp_attr();
	struct rdma_cm_id *listener, *id, *child;
	struct rdma_addrinfo rai = info(true);
	struct later *l;

	mock_verbs_xrc(true);
	rai.ai_qp_type = IBV_QPT_XRC_RECV;
	rai.ai_port_space = RDMA_PS_IB;
	succeeds(rdma_create_ep(&listener, &rai, NULL, &attr));
	succeeds(rdma_listen(listener, 4));
	id = connecting(&mine);
	l = util_later(connect_later, id);
	succeeds(rdma_get_request(listener, &child));
	cr_assert_eq(child->qp_type, IBV_QPT_XRC_RECV);
	cr_assert_eq(child->qp->qp_type, IBV_QPT_XRC_RECV);
	rdma_destroy_ep(child);
	cr_assert_eq((long)util_join(l), -1);
	rdma_destroy_ep(listener);
	rdma_destroy_ep(id);
	util_all_gone();
}

/* ---- requests */

Test(endpoint, request__the_child_has_qp_event_and_channel, .timeout = 30)
{
	struct ibv_qp_init_attr attr = util_qp_attr(), mine = util_qp_attr();
	struct rdma_cm_id *listener = listening(NULL, &attr), *id = connecting(&mine), *child;
	struct later *l = util_later(connect_later, id);

	succeeds(rdma_get_request(listener, &child));
	cr_assert_not_null(child->qp);
	cr_assert_neq(child->channel, listener->channel);
	cr_assert_eq(child->event->event, RDMA_CM_EVENT_CONNECT_REQUEST);
	cr_assert_eq(child->event->listen_id, listener);
	cr_assert_eq(child->event->param.conn.private_data_len, 3);
	cr_assert_null(listener->event);
	cr_assert_null(attr.send_cq, "the program's attributes are its own");
	succeeds(rdma_accept(child, &child->event->param.conn));
	cr_assert_eq(child->event->event, RDMA_CM_EVENT_ESTABLISHED);
	cr_assert_null(util_join(l));
	succeeds(rdma_disconnect(id));
	succeeds(rdma_disconnect(child));
	succeeds(rdma_disconnect(id));
	succeeds(rdma_disconnect(child));
	rdma_destroy_ep(id);
	rdma_destroy_ep(child);
	rdma_destroy_ep(listener);
	util_all_gone();
}

Test(endpoint, request__on_the_programs_pd, .timeout = 30)
{
	struct ibv_qp_init_attr attr = util_qp_attr(), mine = util_qp_attr();
	struct rdma_cm_id *id = connecting(&mine), *child, *listener;
	struct ibv_pd *pd = ibv_alloc_pd(id->verbs);
	struct later *l;

	listener = listening(pd, &attr);
	l = util_later(connect_later, id);
	succeeds(rdma_get_request(listener, &child));
	cr_assert_eq(child->qp->pd, pd);
	succeeds(rdma_reject(child, NULL, 0));
	cr_assert_eq((long)util_join(l), -1);
	rdma_destroy_ep(child);
	rdma_destroy_ep(listener);
	rdma_destroy_ep(id);
	cr_assert_eq(ibv_dealloc_pd(pd), 0);
	util_all_gone();
}

Test(endpoint, request__without_a_qp_and_destroyed_unanswered, .timeout = 30)
{
	struct ibv_qp_init_attr mine = util_qp_attr();
	struct rdma_cm_id *listener = listening(NULL, NULL), *id = connecting(&mine), *child;
	struct later *l = util_later(connect_later, id);

	succeeds(rdma_get_request(listener, &child));
	cr_assert_null(child->qp);
	rdma_destroy_ep(child);
	cr_assert_eq((long)util_join(l), -1);
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_REJECTED);
	rdma_destroy_ep(listener);
	rdma_destroy_ep(id);
	util_all_gone();
}

/* A program that takes the event away acknowledges it when it likes. */
Test(endpoint, request__its_event_outlives_the_child, .timeout = 30)
{
	struct ibv_qp_init_attr mine = util_qp_attr();
	struct rdma_cm_id *listener = listening(NULL, NULL), *id = connecting(&mine), *child;
	struct later *l = util_later(connect_later, id);
	struct rdma_cm_event *event;

	succeeds(rdma_get_request(listener, &child));
	event = child->event;
	child->event = NULL;
	rdma_destroy_ep(child);
	cr_assert_eq((long)util_join(l), -1);
	succeeds(rdma_ack_cm_event(event));
	rdma_destroy_ep(listener);
	rdma_destroy_ep(id);
	util_all_gone();
}

Test(endpoint, request__the_qp_cannot_be_made, .timeout = 30)
{
	struct ibv_qp_init_attr attr = util_qp_attr(), mine = util_qp_attr();
	struct rdma_cm_id *listener = listening(NULL, &attr), *id = connecting(&mine),
			  *child = NULL;
	struct later *l = util_later(connect_later, id);

	mock_verbs_fail(MOCK_CREATE_QP, ENOSPC);
	fails_with(ENOSPC, rdma_get_request(listener, &child));
	cr_assert_null(child);
	cr_assert_eq((long)util_join(l), -1);
	rdma_destroy_ep(listener);
	rdma_destroy_ep(id);
	util_all_gone();
}

Test(endpoint, request__not_of_such_an_id)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *async = util_listen(ch, PORT), *idle, *child;

	fails_with(EINVAL, rdma_get_request(async, &child));
	fails_with(EINVAL, rdma_get_request(async, NULL));
	fails_with(EINVAL, rdma_get_request(NULL, &child));
	succeeds(rdma_create_id(NULL, &idle, NULL, RDMA_PS_TCP));
	fails_with(EINVAL, rdma_get_request(idle, &child));
	util_destroy(idle);
	util_destroy(async);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(endpoint, request__another_event_comes, .timeout = 30)
{
	struct rdma_cm_id *listener = listening(NULL, NULL), *child;

	fake_post_plain(listener, IW_CM_EVENT_DEVICE_GONE, 0);
	fails_with(ENODEV, rdma_get_request(listener, &child));
	cr_assert_eq(listener->event->event, RDMA_CM_EVENT_DEVICE_REMOVAL);
	rdma_destroy_ep(listener);
	util_all_gone();
}

/* ---- what goes before the private data */

Test(endpoint, connect__the_hinted_data_comes_first, .timeout = 30)
{
	struct rdma_conn_param param = { .private_data = "def", .private_data_len = 3 };
	struct rdma_cm_id *listener = listening(NULL, NULL), *id;
	struct ibv_qp_init_attr mine = util_qp_attr();
	struct rdma_addrinfo rai = info(false);
	struct rdma_event_channel *ch = rdma_create_event_channel();
	struct iw_cm_conn_param seen;
	char data[251] = "abc";

	rai.ai_connect = data;
	rai.ai_connect_len = 3;
	succeeds(rdma_create_ep(&id, &rai, NULL, &mine));
	succeeds(rdma_migrate_id(id, ch));
	param.private_data = data;
	param.private_data_len = 249;
	fails_with(EINVAL, rdma_connect(id, &param));
	param.private_data = "def";
	param.private_data_len = 3;
	succeeds(rdma_connect(id, &param));
	seen = fake_last_param();
	cr_assert_eq(seen.private_data_len, 6);
	rdma_destroy_ep(listener);
	rdma_destroy_ep(id);
	rdma_destroy_event_channel(ch);
}
