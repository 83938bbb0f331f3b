// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Datagrams: the lookup of a service, its refusal, queue pairs of type UD, multicast groups, and
 * endpoints of either kind from rdma_getaddrinfo.
 */
#include "api_diff.h"

#include <arpa/inet.h>

#define GROUP "239.77.1.1"
#define GROUP6 "ff3e::7711"

static struct rdma_cm_id *datagram_id(struct rdma_event_channel *ch, enum rdma_port_space ps)
{
	struct rdma_cm_id *id;

	need(!rdma_create_id(ch, &id, NULL, ps));
	return id;
}

static int datagram_qp(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = qp_attr();

	attr.qp_type = IBV_QPT_UD;
	return rdma_create_qp(id, NULL, &attr);
}

/* What an event says of a datagram service; numbers that vary as "set". */
static const char *ud_text(const struct rdma_cm_event *ev)
{
	static char text[200];
	const struct rdma_ud_param *p = &ev->param.ud;
	const char *name = rdma_event_str(ev->event);

	snprintf(text, sizeof(text),
		 "%s(%d) data=%s%u qpn=%d qkey=%#x ah=%d,%d,%u,%u,%u,%u hop=%u class=%u sgid=%s",
		 name + strlen("RDMA_CM_EVENT_"), ev->status, p->private_data ? "" : "NULL,",
		 p->private_data_len, !!p->qp_num, p->qkey, p->ah_attr.is_global, !!p->ah_attr.dlid,
		 p->ah_attr.sl, p->ah_attr.src_path_bits, p->ah_attr.static_rate,
		 p->ah_attr.port_num, p->ah_attr.grh.hop_limit, p->ah_attr.grh.traffic_class,
		 p->ah_attr.grh.sgid_index ? "some" : "0");
	return text;
}

/* A client towards @port, as far as it goes: false when a step does not succeed. */
static bool lookup(struct rdma_cm_id *id, const char *host, __be16 port)
{
	return !rdma_resolve_addr(id, NULL, sa(host, ntohs(port)), 2000) &&
	       !strcmp(event_text(id->channel, PATIENT_MS), "ADDR_RESOLVED(0)") &&
	       !rdma_resolve_route(id, 2000) &&
	       !strcmp(event_text(id->channel, PATIENT_MS), "ROUTE_RESOLVED(0)");
}

static void ud_steps(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = datagram_id(ch, RDMA_PS_UDP);

	at("type");
	say("%d ps=%#x", (int)id->qp_type, (unsigned int)id->ps);
	OBSERVE("bind", rdma_bind_addr(id, sa(ADDR, 0)));
	OBSERVE("rc_qp", make_qp(id));
	OBSERVE("qp", datagram_qp(id));
	at("qp_state");
	say("%s", qp_state(id->qp));
	OBSERVE("listen", rdma_listen(id, 2));
	id = datagram_id(ch, RDMA_PS_UDP);
	at("resolve");
	say_rc(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000), "%s", event_text(ch, PATIENT_MS));
	at("route");
	say_rc(rdma_resolve_route(id, 2000), "%s", event_text(ch, 2 * QUIET_MS));
	at("path");
	say("paths=%d", id->route.num_paths);
	OBSERVE("establish", rdma_establish(id));
	OBSERVE("disconnect", rdma_disconnect(id));
	OBSERVE("notify", rdma_notify(id, IBV_EVENT_COMM_EST));
	OBSERVE("accept", rdma_accept(id, &(struct rdma_conn_param){ 0 }));
	OBSERVE("reject", rdma_reject(id, NULL, 0));
	OBSERVE("tos", rdma_set_option(id, 0, RDMA_OPTION_ID_TOS, &(uint8_t){ 32 }, 1));
	OBSERVE("ack_timeout",
		rdma_set_option(id, 0, RDMA_OPTION_ID_ACK_TIMEOUT, &(uint8_t){ 14 }, 1));
}

static void ud_attrs(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = datagram_id(ch, RDMA_PS_UDP);
	struct ibv_qp_attr a;
	const char *result;
	int mask;

	need(!rdma_bind_addr(id, sa(ADDR, 0)));
	for (int s = IBV_QPS_INIT; s <= IBV_QPS_RTS; s++) {
		memset(&a, 0, sizeof(a));
		a.qp_state = (enum ibv_qp_state)s;
		mask = 0;
		at("state_%d", s);
		result = rc(rdma_init_qp_attr(id, &a, &mask));
		say("%s mask=%#x pkey=%u port=%u qkey=%#x psn=%u access=%#x", result,
		    (unsigned int)mask, a.pkey_index, a.port_num, a.qkey, a.sq_psn,
		    a.qp_access_flags);
	}
}

struct service {
	struct rdma_event_channel *sch, *cch;
	struct rdma_cm_id *listener, *client, *child;
	struct rdma_cm_event *request;
};

/* Up to the request; gives up where there are no datagrams. */
static void ask(struct service *s, const void *data, uint8_t len)
{
	struct rdma_conn_param param = conn_param(data, len);

	memset(s, 0, sizeof(*s));
	s->sch = new_channel();
	s->cch = new_channel();
	s->listener = datagram_id(s->sch, RDMA_PS_UDP);
	need(!rdma_bind_addr(s->listener, sa(ADDR, 0)));
	need(!rdma_listen(s->listener, 2));
	s->client = datagram_id(s->cch, RDMA_PS_UDP);
	need(lookup(s->client, ADDR, rdma_get_src_port(s->listener)));
	need(!datagram_qp(s->client));
	need(!rdma_connect(s->client, &param));
	s->request = next_event(s->sch, PATIENT_MS);
	need(s->request);
	s->child = s->request->id;
}

/* What a datagram id has of a connection is its queue pair. */
static void disconnect_one(const char *name, struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;
	const char *result;

	at("%s", name);
	result = rc(rdma_disconnect(id));
	need(!id->qp || !ibv_query_qp(id->qp, &attr, IBV_QP_STATE, &init));
	say("%s qp=%s", result, !id->qp ? "none" : attr.qp_state == IBV_QPS_ERR ? "ERR" : "alive");
}

static void ud_disconnect(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = datagram_id(ch, RDMA_PS_UDP);
	struct service s;

	need(!rdma_bind_addr(id, sa(ADDR, 0)));
	disconnect_one("bound", id);
	need(!rdma_listen(id, 1));
	disconnect_one("listening", id);
	id = datagram_id(ch, RDMA_PS_UDP);
	need(!rdma_listen(id, 1));
	disconnect_one("listening_anywhere", id);
	id = datagram_id(ch, RDMA_PS_UDP);
	need(lookup(id, ADDR, htons(fresh_port())) && !datagram_qp(id));
	need(!rdma_connect(id, &param));
	at("nobody");
	say("%s", event_text(ch, IF_IB_MS));
	disconnect_one("after_refusal", id);
	ask(&s, NULL, 0);
	disconnect_one("unanswered_child", s.child);
	disconnect_one("waiting_client", s.client);
	at("late_answer");
	say("%s client=%s", rc(rdma_reject(s.child, NULL, 0)), event_text(s.cch, 3 * QUIET_MS));
	disconnect_one("refused_client", s.client);
	disconnect_one("refusing_child", s.child);
}

/* A queue pair stops even where there is nothing to disconnect. */
static void ud_disconnect_qp(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = datagram_id(ch, RDMA_PS_UDP);

	need(lookup(id, ADDR, htons(7)) && !datagram_qp(id));
	disconnect_one("resolved", id);
	id = datagram_id(ch, RDMA_PS_UDP);
	need(!rdma_bind_addr(id, sa(ADDR, 0)) && !datagram_qp(id));
	disconnect_one("bound", id);
	need(!rdma_listen(id, 1));
	disconnect_one("listening", id);
}

static void ud_service(void)
{
	struct rdma_conn_param param = conn_param("answer", 7);
	struct rdma_cm_event *ev;
	struct service s;

	ask(&s, "question", 9);
	at("request");
	say("%s", ud_text(s.request));
	at("request_data");
	say("%s", s.request->param.ud.private_data ? (const char *)s.request->param.ud.private_data
						   : "none");
	at("child");
	say("src=%s dst=%s ps=%#x type=%d verbs=%d", name_of(rdma_get_local_addr(s.child)),
	    name_of(rdma_get_peer_addr(s.child)), (unsigned int)s.child->ps, (int)s.child->qp_type,
	    s.child->verbs == s.client->verbs);
	OBSERVE("qp", datagram_qp(s.child));
	param.qp_num = s.child->qp->qp_num;
	OBSERVE("accept", rdma_accept(s.child, &param));
	ev = next_event(s.cch, PATIENT_MS);
	need(ev);
	at("client");
	say("%s qpn_is_childs=%d", ud_text(ev), ev->param.ud.qp_num == s.child->qp->qp_num);
	at("client_data");
	say("%s", ev->param.ud.private_data ? (const char *)ev->param.ud.private_data : "none");
	at("address_handle");
	say("%d", !!ibv_create_ah(s.client->pd, &ev->param.ud.ah_attr));
	rdma_ack_cm_event(ev);
	at("server");
	say("%s", event_text(s.sch, QUIET_MS));
	OBSERVE("accept_twice", rdma_accept(s.child, &param));
	OBSERVE("establish", rdma_establish(s.client));
	disconnect_one("disconnect_client", s.client);
	disconnect_one("disconnect_child", s.child);
	at("end");
	say("client=%s server=%s", event_text(s.cch, QUIET_MS), event_text(s.sch, QUIET_MS));
	OBSERVE("connect_again", rdma_connect(s.client, &param));
	rdma_ack_cm_event(s.request);
	rdma_destroy_qp(s.child);
	OBSERVE("destroy_child", rdma_destroy_id(s.child));
	rdma_destroy_qp(s.client);
	OBSERVE("destroy_client", rdma_destroy_id(s.client));
}

static void ud_accept_null(void)
{
	struct service s;

	ask(&s, NULL, 0);
	need(!datagram_qp(s.child));
	OBSERVE("accept", rdma_accept(s.child, NULL));
	at("client");
	say("%s", event_text(s.cch, 3 * QUIET_MS));
}

/* Without a queue pair on the ids. */
static void ud_no_qp(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *sch = new_channel(), *cch = new_channel();
	struct rdma_cm_id *listener = datagram_id(sch, RDMA_PS_UDP);
	struct rdma_cm_id *client = datagram_id(cch, RDMA_PS_UDP);
	struct rdma_cm_event *ev;

	need(!rdma_bind_addr(listener, sa(ADDR, 0)) && !rdma_listen(listener, 2));
	need(lookup(client, ADDR, rdma_get_src_port(listener)));
	OBSERVE("connect", rdma_connect(client, &param));
	ev = next_event(sch, IF_IB_MS);
	need(ev);
	at("request");
	say("%s", ud_text(ev));
	param.qp_num = 0x77;
	OBSERVE("accept", rdma_accept(ev->id, &param));
	ev = next_event(cch, 3 * QUIET_MS);
	at("client");
	say("%s number=%d", ev ? ud_text(ev) : "none", ev && ev->param.ud.qp_num == 0x77);
}

static void ud_reject(void)
{
	static const uint8_t lengths[] = { 0, 3, 136, 137, 148, 149 };
	static uint8_t data[255] = { 5 };
	struct rdma_cm_event *ev;
	struct service s;

	for (size_t i = 0; i < sizeof(lengths); i++) {
		ask(&s, NULL, 0);
		at("length_%u", lengths[i]);
		say("%s", rc(rdma_reject(s.child, data, lengths[i])));
		ev = next_event(s.cch, 3 * QUIET_MS);
		at("length_%u_event", lengths[i]);
		say("%s", ev ? ud_text(ev) : "none");
		if (ev)
			rdma_ack_cm_event(ev);
	}
}

static void ud_lengths(void)
{
	static const uint8_t lengths[] = { 0, 55, 56, 57, 136, 137, 180, 181, 216, 217 };
	static uint8_t data[255] = { 5 };
	struct rdma_conn_param param;
	struct rdma_cm_event *ev;
	struct service s;

	for (size_t i = 0; i < sizeof(lengths); i++) {
		ask(&s, NULL, 0);
		param = conn_param(data, lengths[i]);
		at("accept_%u", lengths[i]);
		say("%s", rc(rdma_accept(s.child, &param)));
		ev = next_event(s.cch, 3 * QUIET_MS);
		at("accept_%u_event", lengths[i]);
		say("%s", ev ? ud_text(ev) : "none");
		param = conn_param(data, lengths[i]);
		s.client = datagram_id(s.cch, RDMA_PS_UDP);
		need(lookup(s.client, ADDR, rdma_get_src_port(s.listener)));
		at("connect_%u", lengths[i]);
		say("%s", rc(rdma_connect(s.client, &param)));
		ev = next_event(s.sch, 3 * QUIET_MS);
		at("connect_%u_event", lengths[i]);
		say("%s", ev ? ud_text(ev) : "none");
	}
}

static void ud_nobody(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = datagram_id(ch, RDMA_PS_UDP);
	struct rdma_cm_event *ev;

	need(lookup(id, ADDR, htons(fresh_port())));
	at("connect");
	say("%s", rc(rdma_connect(id, &param)));
	ev = next_event(ch, IF_IB_MS);
	at("event");
	say("%s", ev ? ud_text(ev) : "none");
}

/* A service that is connected is asked for, and the other way round. */
static void ud_other_kind(void)
{
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_event_channel *sch = new_channel(), *ch = new_channel();
	struct rdma_cm_id *listener = new_listener(sch, 1);
	struct rdma_cm_id *id = datagram_id(ch, RDMA_PS_UDP);

	need(lookup(id, ADDR, rdma_get_src_port(listener)));
	at("connect");
	say("%s", rc(rdma_connect(id, &param)));
	at("events");
	say("client=%s server=%s", event_text(ch, IF_IB_MS), event_text(sch, QUIET_MS));
}

static void ud_sync(void)
{
	struct rdma_cm_id *id = datagram_id(NULL, RDMA_PS_UDP);

	OBSERVE("resolve", rdma_resolve_addr(id, NULL, sa(ADDR, 4321), 2000));
	OBSERVE("route", rdma_resolve_route(id, 2000));
	OBSERVE("connect", rdma_connect(id, &(struct rdma_conn_param){ 0 }));
	at("event");
	say("%s", id->event ? ud_text(id->event) : "none");
	OBSERVE("destroy", rdma_destroy_id(id));
}

/* ---- multicast */

static void say_join(struct rdma_event_channel *ch, const void *context)
{
	struct rdma_cm_event *ev = next_event(ch, PATIENT_MS / 2);

	if (!ev) {
		say("none");
		return;
	}
	say("%s context=%d mgid=%02x%02x", ud_text(ev), ev->param.ud.private_data == context,
	    ev->param.ud.ah_attr.grh.dgid.raw[0], ev->param.ud.ah_attr.grh.dgid.raw[15]);
	rdma_ack_cm_event(ev);
}

static void join(const char *name, struct rdma_cm_id *id, const char *group)
{
	static int mark;
	const char *result;

	at("%s", name);
	result = rc(rdma_join_multicast(id, sa(group, 0), &mark));
	say("%s", result);
	if (strcmp(result, "0"))
		return;
	at("%s_event", name);
	say_join(id->channel, &mark);
}

static struct rdma_cm_id *member(struct rdma_event_channel *ch, const char *host)
{
	struct rdma_cm_id *id = datagram_id(ch, RDMA_PS_UDP);

	need(!rdma_bind_addr(id, sa(host, 0)));
	return id;
}

static void mc_join(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = member(ch, ADDR);

	join("without_qp", id, GROUP);
	OBSERVE("leave_without_qp", rdma_leave_multicast(id, sa(GROUP, 0)));
	id = member(ch, ADDR);
	need(!datagram_qp(id));
	join("with_qp", id, GROUP);
	join("second_group", id, "239.77.1.2");
	join("same_again", id, GROUP);
	OBSERVE("leave_never_joined", rdma_leave_multicast(id, sa("239.77.1.9", 0)));
	OBSERVE("leave", rdma_leave_multicast(id, sa(GROUP, 0)));
	OBSERVE("leave_second", rdma_leave_multicast(id, sa("239.77.1.2", 0)));
	OBSERVE("leave_rest", rdma_leave_multicast(id, sa(GROUP, 0)));
	OBSERVE("leave_rest_again", rdma_leave_multicast(id, sa(GROUP, 0)));
	join("again", id, GROUP);
	rdma_destroy_qp(id);
	OBSERVE("destroy_joined", rdma_destroy_id(id));
}

static void mc_others(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = member(ch, ADDR6);

	join("v6", id, GROUP6);
	OBSERVE("v6_leave", rdma_leave_multicast(id, sa(GROUP6, 0)));
	join("v6_in_v4", member(ch, ADDR), GROUP6);
	join("v4_in_v6", member(ch, ADDR6), GROUP);
	join("unicast", member(ch, ADDR), ADDR);
	join("any", member(ch, ADDR), "0.0.0.0");
	join("broadcast", member(ch, ADDR), "255.255.255.255");
	join("tcp", new_client(ch, BOUND, 0), GROUP);
	join("idle", datagram_id(ch, RDMA_PS_UDP), GROUP);
	join("resolved", new_client(ch, ADDR_RESOLVED, htons(7)), GROUP);
	id = datagram_id(ch, RDMA_PS_UDP);
	need(!rdma_bind_addr(id, sa("0.0.0.0", 0)));
	join("wildcard", id, GROUP);
	id = datagram_id(ch, RDMA_PS_IPOIB);
	OBSERVE("ipoib_bind", rdma_bind_addr(id, sa(ADDR, 0)));
	join("ipoib", id, GROUP);
	id = datagram_id(ch, RDMA_PS_UDP);
	at("resolved_to_group");
	say_rc(rdma_resolve_addr(id, sa(ADDR, 0), sa(GROUP, 0), 2000), "%s", event_text(ch, 4000));
	join("resolved_to_group_join", id, GROUP);
}

static void mc_ex_one(const char *name, uint32_t mask, uint32_t flags)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_join_mc_attr_ex attr = {
		.comp_mask = mask,
		.join_flags = flags,
		.addr = sa(GROUP, 0),
	};
	struct rdma_cm_id *id = member(ch, ADDR);
	const char *result;

	at("%s", name);
	result = rc(rdma_join_multicast_ex(id, &attr, ch));
	say("%s", result);
	if (!strcmp(result, "0")) {
		at("%s_event", name);
		say_join(ch, ch);
		at("%s_leave", name);
		say("%s", rc(rdma_leave_multicast(id, sa(GROUP, 0))));
	}
	rdma_destroy_id(id);
	rdma_destroy_event_channel(ch);
}

static void mc_ex(void)
{
	const uint32_t both = RDMA_CM_JOIN_MC_ATTR_ADDRESS | RDMA_CM_JOIN_MC_ATTR_JOIN_FLAGS;

	mc_ex_one("full", both, RDMA_MC_JOIN_FLAG_FULLMEMBER);
	mc_ex_one("send_only", both, RDMA_MC_JOIN_FLAG_SENDONLY_FULLMEMBER);
	mc_ex_one("flags_2", both, 2);
	mc_ex_one("flags_beyond", both, 16);
	mc_ex_one("mask_0", 0, 0);
	mc_ex_one("mask_address", RDMA_CM_JOIN_MC_ATTR_ADDRESS, 0);
	mc_ex_one("mask_flags", RDMA_CM_JOIN_MC_ATTR_JOIN_FLAGS, 0);
	mc_ex_one("mask_beyond", both | RDMA_CM_JOIN_MC_ATTR_RESERVED, 0);
}

static void mc_unread(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = member(ch, ADDR);
	const char *result = rc(rdma_join_multicast(id, sa(GROUP, 0), NULL));

	sleep_ms(QUIET_MS);
	at("joined");
	say("%s", result);
	at("leave_before_read");
	if (!strcmp(result, "0"))
		say_rc(rdma_leave_multicast(id, sa(GROUP, 0)), "%s", event_text(ch, QUIET_MS));
	id = member(ch, ADDR);
	at("destroy_before_read");
	result = rc(rdma_join_multicast(id, sa(GROUP, 0), NULL));
	sleep_ms(QUIET_MS);
	say_rc(rdma_destroy_id(id), "join=%s %s", result, event_text(ch, QUIET_MS));
}

static void mc_sync(void)
{
	struct rdma_cm_id *id = datagram_id(NULL, RDMA_PS_UDP);

	need(!rdma_bind_addr(id, sa(ADDR, 0)));
	OBSERVE("join", rdma_join_multicast(id, sa(GROUP, 0), NULL));
	at("event");
	say("%s", id->event ? ud_text(id->event) : "none");
	OBSERVE("leave", rdma_leave_multicast(id, sa(GROUP, 0)));
	OBSERVE("destroy", rdma_destroy_id(id));
}

static void mc_null(void)
{
	OBSERVE("address", rdma_join_multicast(member(new_channel(), ADDR), NULL, NULL));
}

static void mc_leave_null(void)
{
	OBSERVE("address", rdma_leave_multicast(member(new_channel(), ADDR), NULL));
}

static void mc_ex_null(void)
{
	OBSERVE("attr", rdma_join_multicast_ex(member(new_channel(), ADDR), NULL, NULL));
}

/* ---- endpoints */

static void endpoint(const char *name, int flags, enum rdma_port_space ps, enum ibv_qp_type type)
{
	struct rdma_addrinfo hints = { .ai_flags = flags, .ai_port_space = (int)ps }, *res = NULL;
	struct ibv_qp_init_attr attr = qp_attr();
	struct rdma_cm_id *id = NULL;
	const char *result;
	char port[8];

	attr.qp_type = hints.ai_qp_type = type;
	snprintf(port, sizeof(port), "%u", fresh_port());
	at("%s_addrinfo", name);
	say("%s", rc(rdma_getaddrinfo(ADDR, port, &hints, &res)));
	if (!res)
		return;
	at("%s", name);
	result = rc(rdma_create_ep(&id, res, NULL, &attr));
	if (strcmp(result, "0")) {
		say("%s", result);
		return;
	}
	say("%s ps=%#x type=%d verbs=%d pd=%d qp=%s paths=%d sync=%d", result, (unsigned int)id->ps,
	    (int)id->qp_type, !!id->verbs, !!id->pd, qp_state(id->qp), id->route.num_paths,
	    !!id->channel);
	if (flags & RAI_PASSIVE) {
		at("%s_listen", name);
		say("%s", rc(rdma_listen(id, 1)));
	}
	rdma_freeaddrinfo(res);
	rdma_destroy_ep(id);
}

static void endpoints(void)
{
	endpoint("rc_active", 0, RDMA_PS_TCP, IBV_QPT_RC);
	endpoint("rc_passive", RAI_PASSIVE, RDMA_PS_TCP, IBV_QPT_RC);
	endpoint("ud_active", 0, RDMA_PS_UDP, IBV_QPT_UD);
	endpoint("ud_passive", RAI_PASSIVE, RDMA_PS_UDP, IBV_QPT_UD);
	endpoint("rc_in_udp", 0, RDMA_PS_UDP, IBV_QPT_RC);
	endpoint("ud_in_tcp", 0, RDMA_PS_TCP, IBV_QPT_UD);
	endpoint("ipoib", 0, RDMA_PS_IPOIB, IBV_QPT_UD);
	endpoint("no_route", RAI_NOROUTE, RDMA_PS_TCP, IBV_QPT_RC);
}

const struct api_case api_ud[] = {
	{ "ud", ud_steps, 0, ALWAYS },
	{ "ud_attr", ud_attrs, 0, ALWAYS },
	{ "ud_service", ud_service, 0, ALWAYS },
	{ "ud_disconnect", ud_disconnect, 0, ALWAYS },
	{ "ud_disconnect_qp", ud_disconnect_qp, 0, ALWAYS },
	{ "ud_accept_null", ud_accept_null, 0, ALWAYS },
	{ "ud_no_qp", ud_no_qp, 0, ALWAYS },
	{ "ud_reject", ud_reject, 0, ALWAYS },
	{ "ud_length", ud_lengths, 60, ALWAYS },
	{ "ud_nobody", ud_nobody, 0, ALWAYS },
	{ "ud_other_kind", ud_other_kind, 0, ALWAYS },
	{ "ud_sync", ud_sync, 0, ALWAYS },
	{ "mc", mc_join, 0, ALWAYS },
	{ "mc_other", mc_others, 60, ALWAYS },
	{ "mc_ex", mc_ex, 30, ALWAYS },
	{ "mc_unread", mc_unread, 0, ALWAYS },
	{ "mc_sync", mc_sync, 6, ALWAYS },
	{ "mc_null", mc_null, 3, ALWAYS },
	{ "mc_leave_null", mc_leave_null, 3, ALWAYS },
	{ "mc_ex_null", mc_ex_null, 3, ALWAYS },
	{ "endpoint", endpoints, 30, ALWAYS },
	{ NULL, NULL, 0, ALWAYS },
};
