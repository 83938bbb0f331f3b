// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Bad input: private data of every length, and what only another transport can.
 */
#include "bad_input.h"

#include <arpa/inet.h>
#include <rdma/rdma_verbs.h>

static uint8_t data[256];

static void fill_data(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + 1);
}

/* InfiniBand pads what arrives; its start is what was sent. */
static bool arrived(const struct rdma_cm_event *ev, size_t len)
{
	const struct rdma_conn_param *got = &ev->param.conn;

	if (device() != ON_RXE && got->private_data_len != len)
		return false;
	return got->private_data_len >= len && (!len || !memcmp(got->private_data, data, len));
}

/* The most that each message carries. */
enum message {
	REQUEST,
	REPLY,
	REFUSAL,
};

static size_t most(enum message message)
{
	static const size_t roce[] = { [REQUEST] = 56, [REPLY] = 196, [REFUSAL] = 148 };

	return device() == ON_RXE ? roce[message] : 251;
}

static const uint8_t lens[] = {
	0, 1, 55, 56, 57, 148, 149, 195, 196, 197, 251, 252, 253, 254, 255
};
#define LENS (sizeof(lens) / sizeof(lens[0]))

/* @call with each length that is too long; the id bears it. */
static void too_long(const char *name, struct rdma_cm_id *id, enum message message)
{
	struct rdma_conn_param param;
	int ret;

	for (size_t i = 0; i < LENS; i++) {
		if (lens[i] <= most(message))
			continue;
		begin("%s with %u bytes", name, lens[i]);
		param = conn_param(data, lens[i]);
		if (message == REQUEST)
			ret = rdma_connect(id, &param);
		else
			ret = message == REPLY ? rdma_accept(id, &param)
					       : rdma_reject(id, data, lens[i]);
		judge(ret, EINVAL);
	}
}

static void connect_lengths(void)
{
	struct rdma_conn_param param;
	struct pair p;

	fill_data();
	for (size_t i = 0; i < LENS && lens[i] <= most(REQUEST); i++) {
		pair_prepare(&p);
		if (!i)
			too_long("rdma_connect", p.client, REQUEST);
		param = conn_param(NULL, 1);
		BAD(rdma_connect(p.client, &param), EINVAL);
		begin("rdma_connect with %u bytes", lens[i]);
		param = conn_param(data, lens[i]);
		judge(rdma_connect(p.client, &param), 0);
		p.request = next_event(p.sch, PATIENT_MS);
		HOLDS(p.request && arrived(p.request, lens[i]));
		pair_finish(&p, "private data");
	}
}

static void accept_lengths(void)
{
	struct rdma_conn_param param;
	struct rdma_cm_event *ev;
	struct pair p;

	fill_data();
	for (size_t i = 0; i < LENS && lens[i] <= most(REPLY); i++) {
		pair_prepare(&p);
		pair_request(&p);
		if (!i)
			too_long("rdma_accept", p.child, REPLY);
		param = conn_param(NULL, 1);
		BAD(rdma_accept(p.child, &param), EINVAL);
		begin("rdma_accept with %u bytes", lens[i]);
		param = conn_param(data, lens[i]);
		judge(rdma_accept(p.child, &param), 0);
		ev = next_event(p.cch, PATIENT_MS);
		HOLDS(ev && ev->event == RDMA_CM_EVENT_ESTABLISHED && arrived(ev, lens[i]));
		rdma_ack_cm_event(ev);
		expect(p.sch, RDMA_CM_EVENT_ESTABLISHED);
		HOLDS(pair_talk(&p) == 16);
		pair_down(&p);
	}
}

static void reject_lengths(void)
{
	struct rdma_cm_event *ev;
	struct pair p;

	fill_data();
	for (size_t i = 0; i < LENS && lens[i] <= most(REFUSAL); i++) {
		pair_prepare(&p);
		pair_request(&p);
		if (!i)
			too_long("rdma_reject", p.child, REFUSAL);
		BAD(rdma_reject(p.child, NULL, 1), EINVAL);
		begin("rdma_reject with %u bytes", lens[i]);
		judge(rdma_reject(p.child, data, lens[i]), 0);
		ev = next_event(p.cch, PATIENT_MS);
		HOLDS(ev && ev->event == RDMA_CM_EVENT_REJECTED && arrived(ev, lens[i]));
		rdma_ack_cm_event(ev);
		pair_down(&p);
	}
}

/* ---- datagrams */

static struct rdma_cm_id *new_datagram(struct rdma_event_channel *ch)
{
	struct rdma_cm_id *id;

	need(!rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	return id;
}

static int make_ud(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = qp_attr();

	attr.qp_type = IBV_QPT_UD;
	return rdma_create_qp(id, NULL, &attr);
}

static int join_ex(struct rdma_cm_id *id, uint32_t mask, uint32_t flags, struct sockaddr *addr)
{
	struct rdma_cm_join_mc_attr_ex attr = {
		.comp_mask = mask,
		.join_flags = flags,
		.addr = addr,
	};

	return rdma_join_multicast_ex(id, &attr, NULL);
}

static void join_arguments(struct rdma_cm_id *id)
{
	struct sockaddr *group = sa("239.1.1.1", 0);

	BAD(join_ex(id, 0, 0, group), EINVAL);
	BAD(join_ex(id, 1, 0, group), EINVAL);
	BAD(join_ex(id, 2, 0, group), EINVAL);
	BAD(join_ex(id, 3, 0, NULL), EINVAL);
	BAD(join_ex(id, 3, 2, group), EINVAL);
	BAD(join_ex(id, 3, UINT32_MAX, group), EINVAL);
	BAD(join_ex(id, 7, 0, group), ENOTSUP);
	BAD(join_ex(id, UINT32_MAX, 0, group), ENOTSUP);
	BAD(rdma_join_multicast(id, NULL, NULL), EINVAL);
	BAD(rdma_leave_multicast(id, group), EADDRNOTAVAIL);
	BAD(rdma_leave_multicast(id, NULL), EINVAL);
}

/* iWARP has neither datagrams nor groups. */
static void datagrams_on_iwarp(void)
{
	struct rdma_cm_id *id = new_datagram(new_channel());
	struct rdma_conn_param param = conn_param(NULL, 0);

	BAD(rdma_join_multicast(id, sa("239.1.1.1", 0), NULL), EINVAL);
	BAD(rdma_connect(id, &param), EINVAL);
	BAD(rdma_accept(id, &param), EINVAL);
	BAD(rdma_bind_addr(id, sa(ADDR, 0)), by_device(EOPNOTSUPP, 0, 0));
	join_arguments(id);
	BAD(rdma_join_multicast(id, sa("239.1.1.1", 0), NULL), by_device(EINVAL, EOPNOTSUPP, 0));
	BAD(make_ud(id), by_device(EINVAL, EOPNOTSUPP, 0));
	BAD(rdma_destroy_id(id), 0);
	id = new_datagram(new_channel());
	BAD(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 100), by_device(EOPNOTSUPP, 0, 0));
	BAD(rdma_destroy_id(id), 0);
}

static void datagrams_on_roce(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_datagram(ch);
	struct rdma_conn_param param = conn_param(NULL, 0);

	BAD(rdma_join_multicast(id, sa("239.1.1.1", 0), NULL), EINVAL);
	BAD(make_ud(id), EINVAL);
	BAD(rdma_connect(id, &param), EINVAL);
	BAD(rdma_accept(id, &param), EINVAL);
	BAD(rdma_bind_addr(id, sa(ADDR, 0)), 0);
	BAD(make_qp(id), EINVAL); /* RC */
	BAD(make_ud(id), 0);
	BAD(make_ud(id), EINVAL);
	BAD(rdma_accept(id, NULL), EINVAL);
	BAD(rdma_reject(id, NULL, 0), EINVAL);
	BAD(rdma_disconnect(id), SOME_ERROR);
	join_arguments(id);
	BAD(rdma_join_multicast(id, sa("239.1.1.1", 0), NULL), 0);
	expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN);
	BAD(rdma_leave_multicast(id, sa("239.1.1.2", 0)), EADDRNOTAVAIL);
	BAD(rdma_leave_multicast(id, sa("239.1.1.1", 0)), 0);
	BAD(rdma_leave_multicast(id, sa("239.1.1.1", 0)), EADDRNOTAVAIL);
	BAD_VOID(rdma_destroy_qp(id));
	BAD(rdma_destroy_id(id), 0);
}

/* ---- what iWARP has not */

static void infiniband_only(void)
{
	struct ibv_srq_init_attr_ex srq = {
		.attr = { .max_wr = 1, .max_sge = 1 },
		.comp_mask = IBV_SRQ_INIT_ATTR_TYPE,
		.srq_type = IBV_SRQT_XRC,
	};
	struct ibv_qp_init_attr attr = qp_attr();
	struct ibv_path_data path = { 0 };
	struct pair p;

	pair_at(&p, ADDR_RESOLVED);
	BAD(rdma_set_option(p.client, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, &path, sizeof(path)),
	    EINVAL);
	BAD(rdma_create_srq_ex(p.client, &srq), SOME_ERROR);
	attr.qp_type = IBV_QPT_XRC_SEND;
	BAD(rdma_create_qp(p.client, NULL, &attr), SOME_ERROR);
	attr = qp_attr();
	attr.qp_type = IBV_QPT_XRC_RECV;
	BAD(rdma_create_qp(p.client, NULL, &attr), SOME_ERROR);
	attr = qp_attr();
	attr.qp_type = IBV_QPT_UC;
	BAD(rdma_create_qp(p.client, NULL, &attr), SOME_ERROR);
	HOLDS(!p.client->qp && !p.client->srq && !p.client->send_cq && !p.client->recv_cq);
	pair_on(&p, "what iWARP has not");
}

const struct bad_group transport_groups[] = {
	{ "connect", connect_lengths, ON_ALL },
	{ "accept", accept_lengths, ON_ALL },
	{ "reject", reject_lengths, ON_ALL },
	{ "datagrams", datagrams_on_iwarp, ON_IWARP },
	{ "datagrams", datagrams_on_roce, ON_RXE },
	{ "InfiniBand", infiniband_only, ON_IWARP },
	{ 0 },
};
