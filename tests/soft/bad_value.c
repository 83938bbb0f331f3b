// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Bad input: sizes, numbers out of their range, address families, and what
 * struct rdma_addrinfo can claim.
 */
#include "bad_input.h"

#include <infiniband/ib.h>
#include <limits.h>
#include <rdma/rdma_verbs.h>

/* ---- enumerations */

static void port_spaces(void)
{
	static const int spaces[] = { 0, 1, 3, 0x105, 0x107, 0x110, 0x140, -1, INT_MAX, INT_MIN };
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id;

	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		begin("rdma_create_id, port space %d", spaces[i]);
		judge(rdma_create_id(ch, &id, NULL, (enum rdma_port_space)spaces[i]), EINVAL);
		begin("rdma_create_id, port space %d, synchronous", spaces[i]);
		judge(rdma_create_id(NULL, &id, NULL, (enum rdma_port_space)spaces[i]), EINVAL);
	}
}

static void event_types(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);
	struct rdma_cm_event *ev;

	for (int type = -2; type < 24; type++) {
		if (type == RDMA_CM_EVENT_USER)
			continue;
		begin("rdma_write_cm_event of type %d", type);
		judge(rdma_write_cm_event(id, (enum rdma_cm_event_type)type, 0, 0), EINVAL);
	}
	BAD(rdma_write_cm_event(id, (enum rdma_cm_event_type)INT_MAX, 0, 0), EINVAL);
	BAD(rdma_write_cm_event(id, (enum rdma_cm_event_type)INT_MIN, 0, 0), EINVAL);
	HOLDS(!next_event(ch, 50));
	BAD(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, INT_MIN, UINT64_MAX), 0);
	ev = next_event(ch, PATIENT_MS);
	HOLDS(ev && ev->event == RDMA_CM_EVENT_USER && ev->status == INT_MIN &&
	      ev->param.arg == UINT64_MAX);
	BAD(rdma_ack_cm_event(ev), 0);
	for (int type = -3; type < 40; type++) {
		begin("rdma_event_str(%d)", type);
		judge_true(rdma_event_str((enum rdma_cm_event_type)type));
	}
	HOLDS(rdma_event_str((enum rdma_cm_event_type)INT_MAX));
	HOLDS(rdma_event_str((enum rdma_cm_event_type)INT_MIN));
	BAD(rdma_destroy_id(id), 0);
}

/* ---- options */

static const size_t lengths[] = {
	0, 1, 2, 3, 4, 5, 8, 255, 256, 4096, INT_MAX, 0x100000001, 0x100000004, SIZE_MAX,
};

/* The one length that is right; -1: the option is not there. */
static const struct {
	int level, name, right;
} options[] = {
	{ RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, 1 },
	{ RDMA_OPTION_ID, RDMA_OPTION_ID_REUSEADDR, 4 },
	{ RDMA_OPTION_ID, RDMA_OPTION_ID_AFONLY, 4 },
	{ RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, 1 },
	{ RDMA_OPTION_ID, 4, -1 },
	{ RDMA_OPTION_ID, -1, -1 },
	{ RDMA_OPTION_ID, INT_MAX, -1 },
	{ RDMA_OPTION_IB, 0, -1 },
	{ RDMA_OPTION_IB, 2, -1 },
	{ 2, 0, -1 },
	{ -1, 0, -1 },
	{ INT_MAX, 1, -1 },
};

/* No length that lies can make us read what is not there: @value is one page. */
static void try_options(struct rdma_cm_id *id, const char *of)
{
	static char value[4096] = { 1, 0, 0, 0 }; /* off is refused where on is not */
	int want;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			want = options[i].right < 0 ? ENOSYS : EINVAL;
			if (lengths[l] == (size_t)options[i].right)
				want = 0;
			/* The kernel looks at the pointer or at the size first. */
			if (options[i].right < 0 && lengths[l] >= INT_MAX)
				want = SOME_ERROR;
			begin("rdma_set_option of %s id, level %d, name %d, length %zu", of,
			      options[i].level, options[i].name, lengths[l]);
			judge(rdma_set_option(id, options[i].level, options[i].name, value,
					      lengths[l]),
			      want);
		}
}

static void option_lengths(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch), *bound = new_client(ch, BOUND, 0);

	try_options(id, "a fresh");
	try_options(bound, "a bound");
	BAD(rdma_destroy_id(id), 0);
	BAD(rdma_destroy_id(bound), 0);
}

static void path_lengths(void)
{
	static const size_t sizes[] = { 0, 1, 3, 4, 5, 63, 65, 71, 73, 4095, SIZE_MAX };
	static char value[4096];
	struct pair p;

	pair_at(&p, ADDR_RESOLVED);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin("rdma_set_option of a path of %zu bytes", sizes[i]);
		judge(rdma_set_option(p.client, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, value,
				      sizes[i]),
		      EINVAL);
	}
	begin("rdma_set_option of a path without records");
	judge(rdma_set_option(p.client, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, value,
			      sizeof(struct ibv_path_data)),
	      EINVAL);
	begin("rdma_set_option of a path that is NULL");
	judge(rdma_set_option(p.client, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, NULL,
			      sizeof(struct ibv_path_data)),
	      SOME_ERROR);
	pair_on(&p, "after paths that are none");
}

/* ---- addresses */

static struct sockaddr *family(int number)
{
	static struct sockaddr_storage ss;

	ss.ss_family = (sa_family_t)number;
	return (struct sockaddr *)&ss;
}

/* AF_IB is a family of kernel devices; a GID of zeroes is none of theirs. */
static void families(void)
{
	static const int numbers[] = { 0, AF_UNIX, AF_NETLINK, AF_PACKET, AF_IB + 1, 0xffff };
	struct pair p;

	pair_at(&p, FRESH);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		begin("rdma_bind_addr, family %d", numbers[i]);
		judge(rdma_bind_addr(p.client, family(numbers[i])), EINVAL);
		begin("rdma_resolve_addr to family %d", numbers[i]);
		judge(rdma_resolve_addr(p.client, NULL, family(numbers[i]), 100), EINVAL);
		begin("rdma_join_multicast, family %d", numbers[i]);
		judge(rdma_join_multicast(p.client, family(numbers[i]), NULL), EINVAL);
		begin("rdma_leave_multicast, family %d", numbers[i]);
		judge(rdma_leave_multicast(p.client, family(numbers[i])), EINVAL);
		if (!numbers[i])
			continue;
		begin("rdma_resolve_addr from family %d", numbers[i]);
		judge(rdma_resolve_addr(p.client, family(numbers[i]), sa(ADDR, 7), 100), EINVAL);
	}
	BAD(rdma_resolve_addr(p.client, sa("::1", 0), sa(ADDR, 7), 100), EINVAL);
	BAD(rdma_resolve_addr(p.client, sa(ADDR, 0), sa("::1", 7), 100), EINVAL);
	BAD(rdma_resolve_addr(p.client, family(AF_IB), sa(ADDR, 7), 100), EINVAL);
	BAD(rdma_resolve_addr(p.client, NULL, sa("fe80::1", 7), 100), EINVAL);
	BAD(rdma_bind_addr(p.client, sa("fe80::1", 7)), SOME_ERROR);
	BAD(rdma_bind_addr(p.client, sa("192.0.2.77", 7)), EADDRNOTAVAIL);
	BAD(rdma_resolve_addr(p.client, sa("192.0.2.77", 0), sa(ADDR, 7), 100), EADDRNOTAVAIL);
	if (device() == ON_SOFT) {
		BAD(rdma_bind_addr(p.client, family(AF_IB)), SOME_ERROR);
		BAD(rdma_resolve_addr(p.client, NULL, family(AF_IB), 100), EAFNOSUPPORT);
	}
	pair_on(&p, "after addresses of no use");
}

/* Only where the kernel judges, which may bind an id to all of InfiniBand. */
static void infiniband_family(void)
{
	struct rdma_cm_id *id = new_id(new_channel());

	/* rxe takes it for its only path: an event may follow. */
	BAD(rdma_resolve_addr(id, NULL, family(AF_IB), 100), ALIVE);
	BAD(rdma_destroy_id(id), 0);
}

/* ---- rdma_addrinfo */

static struct rdma_addrinfo to_address(struct sockaddr *dst, size_t len)
{
	struct rdma_addrinfo info = {
		.ai_family = AF_INET,
		.ai_qp_type = IBV_QPT_RC,
		.ai_port_space = RDMA_PS_TCP,
		.ai_dst_addr = dst,
		.ai_dst_len = (socklen_t)len,
	};

	return info;
}

static void ep_of(const char *what, struct rdma_addrinfo info, int want)
{
	struct ibv_qp_init_attr attr = qp_attr();
	struct rdma_cm_id *id;

	begin("rdma_create_ep, %s", what);
	errno = 0;
	judge(rdma_create_ep(&id, &info, NULL, &attr), want);
	info.ai_flags = RAI_PASSIVE;
	info.ai_src_addr = info.ai_dst_addr;
	info.ai_src_len = info.ai_dst_len;
	info.ai_dst_addr = NULL;
	info.ai_dst_len = 0;
	begin("rdma_create_ep, passive, %s", what);
	errno = 0;
	judge(rdma_create_ep(&id, &info, NULL, &attr), want);
}

static void endpoint_lengths(void)
{
	static char connect[4096];
	struct rdma_addrinfo info;
	struct rdma_cm_id *id;

	ep_of("no address", to_address(NULL, 0), EINVAL);
	ep_of("no address of 16 bytes", to_address(NULL, 16), EINVAL);
	ep_of("an address of 1 byte", to_address(sa(ADDR, 7), 1), EINVAL);
	ep_of("an address of 2 bytes", to_address(sa(ADDR, 7), 2), EINVAL);
	ep_of("an address of 15 bytes", to_address(sa(ADDR, 7), 15), EINVAL);
	ep_of("an IPv6 address of 16 bytes", to_address(sa("::1", 7), 16), EINVAL);
	ep_of("an address of family 0", to_address(family(0), 16), EINVAL);
	ep_of("an address of AF_UNIX", to_address(family(AF_UNIX), 110), EINVAL);

	info = to_address(sa(ADDR, 7), sizeof(struct sockaddr_in));
	info.ai_connect_len = 1;
	BAD(rdma_create_ep(&id, &info, NULL, NULL), EINVAL);
	info.ai_connect = connect;
	info.ai_connect_len = 256;
	BAD(rdma_create_ep(&id, &info, NULL, NULL), EINVAL);
	info.ai_connect_len = SIZE_MAX;
	BAD(rdma_create_ep(&id, &info, NULL, NULL), EINVAL);
	info.ai_connect_len = 0;
	info.ai_route_len = 1;
	BAD(rdma_create_ep(&id, &info, NULL, NULL), EINVAL);
	info.ai_route = connect;
	BAD(rdma_create_ep(&id, &info, NULL, NULL), EINVAL);
	info.ai_route_len = SIZE_MAX;
	BAD(rdma_create_ep(&id, &info, NULL, NULL), EINVAL);
	info.ai_route_len = sizeof(struct ibv_path_data);
	BAD(rdma_create_ep(&id, &info, NULL, NULL), EINVAL);
}

static void endpoint_types(void)
{
	static const int types[] = { 1, 5, 7, 11, 0xfe, 0x100, -1, INT_MAX };
	struct rdma_addrinfo info = to_address(sa(ADDR, 0), 16);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		char what[32];

		snprintf(what, sizeof(what), "QP type %d", types[i]);
		info.ai_qp_type = types[i];
		ep_of(what, info, EINVAL);
	}
	info.ai_qp_type = IBV_QPT_UD;
	ep_of("UD in RDMA_PS_TCP", info, EINVAL);
	info.ai_port_space = RDMA_PS_UDP;
	info.ai_qp_type = IBV_QPT_RC;
	ep_of("RC in RDMA_PS_UDP", info, EINVAL);
	info.ai_port_space = RDMA_PS_IPOIB;
	ep_of("RC in RDMA_PS_IPOIB", info, EINVAL);
	info.ai_port_space = 77;
	ep_of("port space 77", info, EINVAL);
	info.ai_port_space = 0;
	ep_of("port space 0", info, EINVAL);
}

/* Any failure is one; EAI_* are negative as well. */
static int names(const struct rdma_addrinfo *hints)
{
	struct rdma_addrinfo *info;
	int ret = rdma_getaddrinfo(NULL, NULL, hints, &info);

	if (!ret)
		rdma_freeaddrinfo(info);
	return ret;
}

static void hint_lengths(void)
{
	static char bytes[16];
	static const socklen_t lens[] = { 1, 129, INT_MAX, UINT_MAX };
	struct rdma_addrinfo hints;
	struct rdma_cm_id *id = new_id(new_channel());

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		hints = to_address(sa(ADDR, 7), lens[i]);
		begin("rdma_getaddrinfo, a destination of %u bytes", lens[i]);
		judge(names(&hints), EINVAL);
		begin("rdma_resolve_addrinfo, a destination of %u bytes", lens[i]);
		judge(rdma_resolve_addrinfo(id, NULL, NULL, &hints), EINVAL);
		hints = to_address(NULL, 0);
		hints.ai_src_addr = sa(ADDR, 7);
		hints.ai_src_len = lens[i];
		begin("rdma_getaddrinfo, a source of %u bytes", lens[i]);
		judge(names(&hints), EINVAL);
	}
	hints = to_address(sa(ADDR, 7), 16);
	hints.ai_connect = bytes;
	hints.ai_connect_len = SIZE_MAX;
	BAD(names(&hints), EINVAL);
	hints.ai_connect_len = 1 << 20;
	BAD(names(&hints), EINVAL);
	BAD(rdma_resolve_addrinfo(id, NULL, NULL, &hints), EINVAL);
	hints.ai_connect_len = 0;
	hints.ai_route = bytes;
	hints.ai_route_len = SIZE_MAX;
	BAD(names(&hints), EINVAL);
	hints.ai_route_len = 1 << 20;
	BAD(names(&hints), EINVAL);
	hints.ai_route_len = 0;
	hints.ai_flags = 0x40;
	BAD(names(&hints), EINVAL);
	hints.ai_flags = -1;
	BAD(names(&hints), EINVAL);
	hints.ai_flags = RAI_SA;
	BAD(names(&hints), EOPNOTSUPP);
	BAD(rdma_resolve_addrinfo(id, NULL, NULL, &hints), SOME_ERROR);
	BAD(rdma_destroy_id(id), 0);
}

/* ---- numbers of a connection and of queues */

static void times(void)
{
	static const int ms[] = { 0, -1, INT_MIN, INT_MAX };
	struct pair p;

	for (size_t i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
		pair_at(&p, FRESH);
		begin("rdma_resolve_addr to this host within %d ms", ms[i]);
		judge(rdma_resolve_addr(p.client, NULL,
					sa(ADDR, ntohs(rdma_get_src_port(p.listener))), ms[i]),
		      0);
		expect(p.cch, RDMA_CM_EVENT_ADDR_RESOLVED);
		begin("rdma_resolve_route within %d ms", ms[i]);
		judge(rdma_resolve_route(p.client, ms[i]), ms[i] ? 0 : EINVAL);
		if (ms[i])
			expect(p.cch, RDMA_CM_EVENT_ROUTE_RESOLVED);
		need(!make_qp(p.client));
		pair_on(&p, "within that time");
	}
}

static void backlogs(void)
{
	static const int backlog[] = { 0, -1, INT_MIN, INT_MAX };
	struct pair p;

	for (size_t i = 0; i < sizeof(backlog) / sizeof(backlog[0]); i++) {
		memset(&p, 0, sizeof(p));
		p.sch = new_channel();
		p.cch = new_channel();
		begin("rdma_listen, backlog %d", backlog[i]);
		p.listener = new_listener(p.sch, backlog[i]);
		judge(0, 0);
		p.client = new_client(p.cch, FRESH, 0);
		pair_on(&p, "with that backlog");
	}
}

static void resources(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct pair p;

	pair_at(&p, WITH_QP);
	/* rxe can more than the kernel lets be asked for: it has the last word. */
	param.responder_resources = 254;
	BAD(rdma_connect(p.client, &param), EINVAL);
	param.responder_resources = 1;
	param.initiator_depth = 254;
	BAD(rdma_connect(p.client, &param), EINVAL);
	pair_request(&p);
	BAD(rdma_accept(p.child, &param), EINVAL);
	param.initiator_depth = 1;
	param.responder_resources = 254;
	BAD(rdma_accept(p.child, &param), EINVAL);
	pair_finish(&p, "after too many resources");
}

static void bad_qp(struct rdma_cm_id *id, const char *what, struct ibv_qp_init_attr attr)
{
	begin("rdma_create_qp, %s", what);
	errno = 0;
	judge(rdma_create_qp(id, NULL, &attr), SOME_ERROR);
	begin("rdma_create_qp, %s: leaves nothing", what);
	judge_true(!id->qp && !id->send_cq && !id->recv_cq && !attr.send_cq && !attr.recv_cq);
}

static void queue_sizes(void)
{
	static const int types[] = { 0, 1, 5, 8, 77, 0xff, -1 };
	struct ibv_srq_init_attr_ex srq_ex = { .attr = { .max_wr = 1, .max_sge = 1 } };
	struct ibv_srq_init_attr srq = { .attr = { .max_wr = UINT_MAX, .max_sge = 1 } };
	struct ibv_qp_init_attr attr;
	char what[40];
	struct pair p;

	pair_at(&p, ROUTE_RESOLVED);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		attr = qp_attr();
		attr.qp_type = (enum ibv_qp_type)types[i];
		snprintf(what, sizeof(what), "type %d", types[i]);
		bad_qp(p.client, what, attr);
	}
	attr = qp_attr();
	attr.cap.max_send_wr = UINT_MAX;
	bad_qp(p.client, "very many sends", attr);
	attr = qp_attr();
	attr.cap.max_recv_wr = INT_MAX;
	bad_qp(p.client, "very many receives", attr);
	attr = qp_attr();
	attr.cap.max_send_sge = UINT_MAX;
	bad_qp(p.client, "very many SGEs", attr);
	attr = qp_attr();
	attr.cap.max_send_wr = attr.cap.max_recv_wr = 0;
	bad_qp(p.client, "no work", attr);
	BAD(rdma_create_srq(p.client, NULL, &srq), SOME_ERROR);
	srq.attr.max_wr = 1;
	srq.attr.max_sge = UINT_MAX;
	BAD(rdma_create_srq(p.client, NULL, &srq), SOME_ERROR);
	BAD(rdma_create_srq_ex(p.client, &srq_ex), EINVAL);
	srq_ex.comp_mask = IBV_SRQ_INIT_ATTR_TYPE;
	srq_ex.srq_type = (enum ibv_srq_type)77;
	BAD(rdma_create_srq_ex(p.client, &srq_ex), SOME_ERROR);
	HOLDS(!p.client->srq);
	pair_on(&p, "after queues of no size");
}

const struct bad_group value_groups[] = {
	{ "port spaces", port_spaces, ON_ALL },
	{ "event types", event_types, ON_ALL },
	{ "options", option_lengths, ON_ALL },
	{ "paths", path_lengths, ON_ALL },
	{ "families", families, ON_ALL },
	{ "AF_IB", infiniband_family, ON_KERNEL },
	{ "endpoint lengths", endpoint_lengths, ON_ALL },
	{ "endpoint types", endpoint_types, ON_ALL },
	{ "hint lengths", hint_lengths, ON_ALL },
	{ "times", times, ON_ALL },
	{ "backlogs", backlogs, ON_ALL },
	{ "resources", resources, ON_ALL },
	{ "queue sizes", queue_sizes, ON_ALL },
	{ 0 },
};
