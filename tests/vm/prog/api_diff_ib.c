// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What InfiniBand and RoCE bring: paths, a program's own queue pair and the steps it takes,
 * CONNECT_RESPONSE, TIMEWAIT_EXIT, rejections, ECE, addresses of family AF_IB. On iWARP the same
 * calls are refused, or mean nothing. Datagrams are in api_diff_ud.c.
 */
#include "api_diff.h"

#include <arpa/inet.h>
#include <infiniband/ib.h>
#include <infiniband/sa.h>

/* ---- the path */

/* A GID of this guest's addresses as their name; the rest only says whether there is one. */
static const char *gid_text(const union ibv_gid *gid)
{
	static char text[4][INET6_ADDRSTRLEN];
	static const uint8_t zero[16];
	static int turn;
	char *t = text[turn++ % 4];

	if (!memcmp(gid, zero, sizeof(zero)))
		return "none";
	if (gid->raw[10] != 0xff && gid->raw[0] != 0xfd)
		return "other";
	inet_ntop(AF_INET6, gid->raw, t, INET6_ADDRSTRLEN);
	return t;
}

static void say_route(struct rdma_cm_id *id, const char *when)
{
	const struct rdma_ib_addr *ib = &id->route.addr.addr.ibaddr;
	const struct ibv_sa_path_rec *p = id->route.path_rec;

	at("%s_address", when);
	say("sgid=%s dgid=%s pkey=%#x port=%d", gid_text(&ib->sgid), gid_text(&ib->dgid),
	    ntohs(ib->pkey), id->port_num);
	at("%s_path", when);
	if (!p || !id->route.num_paths) {
		say("paths=%d rec=%d", id->route.num_paths, !!p);
		return;
	}
	/* Not its LIDs and flow label: on RoCE they are what the kernel's memory held. */
	say("paths=%d sgid=%s dgid=%s raw=%d hop=%u class=%u", id->route.num_paths,
	    gid_text(&p->sgid), gid_text(&p->dgid), p->raw_traffic, p->hop_limit, p->traffic_class);
	at("%s_path_more", when);
	say("reversible=%d numb=%u pkey=%#x sl=%u mtu=%u,%u rate=%u,%u life=%u,%u", p->reversible,
	    p->numb_path, ntohs(p->pkey), p->sl, p->mtu_selector, p->mtu, p->rate_selector, p->rate,
	    p->packet_life_time_selector, p->packet_life_time);
}

static void paths(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, BOUND, 0);

	say_route(id, "bound");
	say_route(new_client(ch, ADDR_RESOLVED, htons(7)), "addr_resolved");
	say_route(new_client(ch, ROUTE_RESOLVED, htons(7)), "route_resolved");
	say_route(new_listener(ch, 1), "listening");
	id = new_id(ch);
	need(!rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &(uint8_t){ 0x60 }, 1));
	need(!rdma_resolve_addr(id, NULL, sa(ADDR6, 7), 2000));
	expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	need(!rdma_resolve_route(id, 2000));
	expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	say_route(id, "v6_tos");
}

static void path_of_connection(void)
{
	struct pair p;

	pair_up(&p);
	say_route(p.client, "client");
	say_route(p.child, "child");
}

/* A path by the program, instead of rdma_resolve_route. */
static void path_option(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct ibv_path_data path = { .flags = 0 };
	struct rdma_cm_id *id = new_client(ch, ADDR_RESOLVED, htons(7)), *model;

	for (size_t len = 0; len <= 2 * sizeof(path); len += 31) {
		at("zero_length_%zu", len);
		say("%s", rc(rdma_set_option(id, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH,
					     (struct ibv_path_data[2]){ path, path }, len)));
	}
	path.flags = IBV_PATH_FLAG_GMP | IBV_PATH_FLAG_PRIMARY | IBV_PATH_FLAG_BIDIRECTIONAL;
	model = new_client(ch, ROUTE_RESOLVED, htons(7));
	path.path.sgid = model->route.addr.addr.ibaddr.sgid;
	path.path.dgid = model->route.addr.addr.ibaddr.dgid;
	path.path.pkey = htons(0xffff);
	path.path.reversible_numpath = 0x81;
	path.path.mtu = 0x83;
	path.path.rate = 0x83;
	path.path.packetlifetime = 0x92;
	path.path.flowlabel_hoplimit = htonl(64);
	OBSERVE("one",
		rdma_set_option(id, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, &path, sizeof(path)));
	at("event");
	say("%s", event_text(ch, QUIET_MS));
	say_route(id, "after");
	OBSERVE("again",
		rdma_set_option(id, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, &path, sizeof(path)));
	OBSERVE("idle", rdma_set_option(new_id(ch), RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, &path,
					sizeof(path)));
	OBSERVE("bound", rdma_set_option(new_client(ch, BOUND, 0), RDMA_OPTION_IB,
					 RDMA_OPTION_IB_PATH, &path, sizeof(path)));
	OBSERVE("resolved",
		rdma_set_option(model, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, &path, sizeof(path)));
	OBSERVE("name_2", rdma_set_option(id, RDMA_OPTION_IB, 2, &path, sizeof(path)));
}

static void option_lengths(void)
{
	static const struct {
		const char *name;
		int option;
		size_t len;
	} table[] = {
		{ "tos", RDMA_OPTION_ID_TOS, 1 },
		{ "reuse", RDMA_OPTION_ID_REUSEADDR, 4 },
		{ "af_only", RDMA_OPTION_ID_AFONLY, 4 },
		{ "ack_timeout", RDMA_OPTION_ID_ACK_TIMEOUT, 1 },
	};
	struct rdma_event_channel *ch = new_channel();
	uint8_t value[16] = { 1 };
	struct rdma_cm_id *id;

	for (size_t i = 0; i < 4; i++)
		for (size_t len = 0; len <= 9; len++) {
			id = new_client(ch, BOUND, 0);
			at("%s_%zu", table[i].name, len);
			say("%s",
			    rc(rdma_set_option(id, RDMA_OPTION_ID, table[i].option, value, len)));
			rdma_destroy_id(id);
		}
	for (unsigned int v = 0; v < 256; v += v < 33 ? 31 : 74) {
		*value = (uint8_t)v;
		at("ack_timeout_value_%u", v);
		say("%s", rc(rdma_set_option(new_client(ch, BOUND, 0), RDMA_OPTION_ID,
					     RDMA_OPTION_ID_ACK_TIMEOUT, value, 1)));
	}
}

/* ---- a queue pair of the program's own */

/* The attributes for one step; what names a queue pair or begins at random is left out. */
static void say_step(struct rdma_cm_id *id, const char *when, enum ibv_qp_state state)
{
	struct ibv_qp_attr a;
	const char *result;
	int mask = 0;

	memset(&a, 0, sizeof(a));
	a.qp_state = state;
	at("%s_%d", when, (int)state);
	result = rc(rdma_init_qp_attr(id, &a, &mask));
	say("%s mask=%#x state=%d mtu=%d qpn=%d sqpsn=%d pkey=%u port=%u access=%#x", result,
	    (unsigned int)mask, (int)a.qp_state, (int)a.path_mtu, !!a.dest_qp_num,
	    a.sq_psn <= 0xffffff, a.pkey_index, a.port_num, a.qp_access_flags);
	at("%s_%d_more", when, (int)state);
	say("rd=%u,%u rnr=%u,%u timeout=%u retry=%u mig=%d ah=%d,%u,%u,%u,%u dgid=%s hop=%u,%u",
	    a.max_rd_atomic, a.max_dest_rd_atomic, a.min_rnr_timer, a.rnr_retry, a.timeout,
	    a.retry_cnt, (int)a.path_mig_state, a.ah_attr.is_global, a.ah_attr.sl,
	    a.ah_attr.static_rate, a.ah_attr.src_path_bits, a.ah_attr.port_num,
	    gid_text(&a.ah_attr.grh.dgid), a.ah_attr.grh.hop_limit, a.ah_attr.grh.traffic_class);
}

static void say_steps(struct rdma_cm_id *id, const char *when)
{
	say_step(id, when, IBV_QPS_INIT);
	say_step(id, when, IBV_QPS_RTR);
	say_step(id, when, IBV_QPS_RTS);
}

static struct ibv_qp *own_qp(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = qp_attr();
	struct ibv_pd *pd = ibv_alloc_pd(id->verbs);
	struct ibv_qp *qp;

	need(pd);
	attr.send_cq = attr.recv_cq = ibv_create_cq(id->verbs, 8, NULL, NULL, 0);
	need(attr.send_cq);
	qp = ibv_create_qp(pd, &attr);
	need(qp);
	return qp;
}

/* As a program does it that has made its queue pair by itself. */
static const char *move(struct rdma_cm_id *id, struct ibv_qp *qp, enum ibv_qp_state state)
{
	struct ibv_qp_attr attr;
	int mask, ret;

	memset(&attr, 0, sizeof(attr));
	attr.qp_state = state;
	if (rdma_init_qp_attr(id, &attr, &mask))
		return rc(-1);
	ret = ibv_modify_qp(qp, &attr, mask);
	return rc(ret);
}

static const char *move_all(struct rdma_cm_id *id, struct ibv_qp *qp)
{
	static char text[4][64];
	static int turn;
	char *t = text[turn++ % 4];
	const char *init = move(id, qp, IBV_QPS_INIT), *rtr = move(id, qp, IBV_QPS_RTR);

	snprintf(t, sizeof(text[0]), "init=%s rtr=%s rts=%s", init, rtr, move(id, qp, IBV_QPS_RTS));
	return t;
}

struct own {
	struct pair p;
	struct ibv_qp *cqp, *sqp;
	struct rdma_conn_param param;
};

static void own_request(struct own *o)
{
	struct pair *p = &o->p;

	memset(o, 0, sizeof(*o));
	p->sch = new_channel();
	p->cch = new_channel();
	p->listener = new_listener(p->sch, 8);
	p->client = new_client(p->cch, ROUTE_RESOLVED, rdma_get_src_port(p->listener));
	o->cqp = own_qp(p->client);
	o->param = conn_param("hello", 6);
	o->param.qp_num = o->cqp->qp_num;
	need(!rdma_connect(p->client, &o->param));
	p->request = next_event(p->sch, PATIENT_MS);
	need(p->request);
	p->child = p->request->id;
	o->sqp = own_qp(p->child);
	o->param.qp_num = o->sqp->qp_num;
}

static void own_connect(void)
{
	struct rdma_cm_event *ev;
	struct own o;
	struct pair *p = &o.p;

	own_request(&o);
	at("request");
	say("%s qpn_is_clients=%d", param_text(p->request),
	    p->request->param.conn.qp_num == o.cqp->qp_num);
	say_steps(p->child, "requested");
	say_steps(p->client, "connecting");
	at("passive_moves");
	say("%s", move_all(p->child, o.sqp));
	OBSERVE("accept", rdma_accept(p->child, &o.param));
	ev = next_event(p->cch, PATIENT_MS);
	need(ev);
	at("response");
	say("%s qpn_is_childs=%d", param_text(ev), ev->param.conn.qp_num == o.sqp->qp_num);
	at("response_server");
	say("%s", event_text(p->sch, QUIET_MS));
	say_steps(p->client, "responded");
	at("active_moves");
	say("%s", move_all(p->client, o.cqp));
	OBSERVE("establish", rdma_establish(p->client));
	at("established");
	say("client=%s server=%s", event_text(p->cch, QUIET_MS), event_text(p->sch, IF_IB_MS));
	OBSERVE("establish_twice", rdma_establish(p->client));
	OBSERVE("establish_child", rdma_establish(p->child));
	say_steps(p->child, "passive");
	say_steps(p->client, "active");
}

static void own_disconnect(void)
{
	struct own o;
	struct pair *p = &o.p;

	own_request(&o);
	move_all(p->child, o.sqp);
	need(!rdma_accept(p->child, &o.param));
	rdma_ack_cm_event(next_event(p->cch, PATIENT_MS));
	move_all(p->client, o.cqp);
	OBSERVE("establish", rdma_establish(p->client));
	at("passive");
	say("%s", event_text(p->sch, PATIENT_MS));
	OBSERVE("client", rdma_disconnect(p->client));
	at("server_event");
	say("%s", event_text(p->sch, PATIENT_MS));
	OBSERVE("server", rdma_disconnect(p->child));
	at("client_event");
	say("%s", event_text(p->cch, PATIENT_MS));
}

/* A response that the client turns down, or never answers. */
static void response_rejected(void)
{
	struct own o;
	struct pair *p = &o.p;

	own_request(&o);
	need(!rdma_accept(p->child, &o.param));
	at("response");
	say("%s", event_text(p->cch, PATIENT_MS));
	OBSERVE("reject", rdma_reject(p->client, "no", 3));
	at("events");
	say("server=%s client=%s", event_text(p->sch, 3000), event_text(p->cch, QUIET_MS));
}

static void response_accepted(void)
{
	struct own o;
	struct pair *p = &o.p;

	own_request(&o);
	need(!rdma_accept(p->child, &o.param));
	at("response");
	say("%s", event_text(p->cch, PATIENT_MS));
	o.param.qp_num = o.cqp->qp_num;
	OBSERVE("accept", rdma_accept(p->client, &o.param));
	at("events");
	say("server=%s client=%s", event_text(p->sch, 3000), event_text(p->cch, QUIET_MS));
}

static void response_disconnected(void)
{
	struct own o;
	struct pair *p = &o.p;

	own_request(&o);
	need(!rdma_accept(p->child, &o.param));
	at("response");
	say("%s", event_text(p->cch, PATIENT_MS));
	OBSERVE("disconnect", rdma_disconnect(p->client));
	at("server");
	say("%s", event_text(p->sch, 3000));
}

/* ---- the end: who is told when, and TIMEWAIT_EXIT */

static void end_both(void)
{
	struct pair p;

	pair_up(&p);
	OBSERVE("client", rdma_disconnect(p.client));
	at("server_event");
	say("%s", event_text(p.sch, PATIENT_MS));
	at("client_event_early");
	say("%s", event_text(p.cch, QUIET_MS));
	at("client_qp");
	say("%s", qp_state(p.client->qp));
	OBSERVE("server", rdma_disconnect(p.child));
	at("client_event");
	say("%s", event_text(p.cch, IF_IB_MS));
	at("server_timewait");
	say("%s", event_text(p.sch, IF_IB_MS));
	at("client_timewait");
	say("%s", event_text(p.cch, IF_IB_MS));
	OBSERVE("client_again", rdma_disconnect(p.client));
	OBSERVE("server_again", rdma_disconnect(p.child));
	OBSERVE("destroy", (rdma_destroy_qp(p.client), rdma_destroy_id(p.client)));
}

static void end_destroyed(void)
{
	struct pair p;

	pair_up(&p);
	rdma_destroy_qp(p.client);
	OBSERVE("destroy", rdma_destroy_id(p.client));
	at("server_event");
	say("%s", event_text(p.sch, PATIENT_MS));
	OBSERVE("server", rdma_disconnect(p.child));
	at("server_timewait");
	say("%s", event_text(p.sch, IF_IB_MS));
}

/* ---- rejections */

static void reject_nobody(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct rdma_cm_id *id = new_client(ch, WITH_QP, htons(fresh_port()));
	struct rdma_cm_event *ev;

	at("connect");
	say("%s", rc(rdma_connect(id, &param)));
	ev = next_event(ch, IF_IB_MS);
	at("event");
	say("%s", ev ? param_text(ev) : "none");
	at("qp");
	say("%s", qp_state(id->qp));
	if (ev)
		rdma_ack_cm_event(ev);
	at("connect_again");
	say("%s", rc(rdma_connect(id, &param)));
}

static void reject_by(const char *name, int (*reject)(struct rdma_cm_id *, const void *, uint8_t))
{
	static const uint8_t lengths[] = { 0, 1, 147, 148, 149, 255 };
	static uint8_t data[255] = { 7 };
	struct rdma_cm_event *ev;
	struct pair p;

	for (size_t i = 0; i < sizeof(lengths); i++) {
		if (!on_ib() && lengths[i] > 251)
			continue;
		pair_prepare(&p);
		pair_request(&p);
		at("%s_%u", name, lengths[i]);
		say("%s", rc(reject(p.child, lengths[i] ? data : NULL, lengths[i])));
		ev = next_event(p.cch, 3 * QUIET_MS);
		at("%s_%u_event", name, lengths[i]);
		if (ev)
			say("%s first=%d", param_text(ev),
			    ev->param.conn.private_data
				    ? *(const uint8_t *)ev->param.conn.private_data
				    : -1);
		else
			say("none");
		if (ev)
			rdma_ack_cm_event(ev);
		pair_down(&p);
	}
}

static void reject_lengths(void)
{
	reject_by("reject", rdma_reject);
	reject_by("ece", rdma_reject_ece);
}

static void request_lengths(void)
{
	static const uint8_t lengths[] = { 0, 55, 56, 57, 92, 195, 196, 197 };
	static uint8_t data[255] = { 9, 8 };
	struct rdma_conn_param param;
	struct rdma_cm_event *ev;
	struct pair p;

	for (size_t i = 0; i < sizeof(lengths); i++) {
		pair_prepare(&p);
		param = conn_param(data, lengths[i]);
		at("connect_%u", lengths[i]);
		say("%s", rc(rdma_connect(p.client, &param)));
		ev = next_event(p.sch, 2 * QUIET_MS);
		at("connect_%u_event", lengths[i]);
		say("%s", ev ? param_text(ev) : "none");
		if (ev) {
			p.child = ev->id;
			rdma_ack_cm_event(ev);
			rdma_reject(p.child, NULL, 0);
			event_text(p.cch, PATIENT_MS);
		}
		pair_down(&p);
	}
	for (size_t i = 0; i < sizeof(lengths); i++) {
		pair_prepare(&p);
		pair_request(&p);
		param = conn_param(data, lengths[i]);
		at("accept_%u", lengths[i]);
		say("%s", rc(rdma_accept(p.child, &param)));
		ev = next_event(p.cch, 2 * QUIET_MS);
		at("accept_%u_event", lengths[i]);
		say("%s", ev ? param_text(ev) : "none");
		if (ev)
			rdma_ack_cm_event(ev);
		pair_down(&p);
	}
}

/* ---- ECE */

static void ece(void)
{
	struct ibv_ece e = { .vendor_id = 0x1234, .options = 0x56 };
	struct rdma_event_channel *ch = new_channel();
	struct own o;

	OBSERVE("set_idle", rdma_set_local_ece(new_id(ch), &e));
	OBSERVE("set_bound", rdma_set_local_ece(new_client(ch, BOUND, 0), &e));
	OBSERVE("set_with_qp", rdma_set_local_ece(new_client(ch, WITH_QP, htons(7)), &e));
	OBSERVE("set_listening", rdma_set_local_ece(new_listener(ch, 1), &e));
	OBSERVE("get_bound", rdma_get_remote_ece(new_client(ch, BOUND, 0), &e));
	OBSERVE("get_with_qp", rdma_get_remote_ece(new_client(ch, WITH_QP, htons(7)), &e));
	memset(&o, 0, sizeof(o));
	o.p.sch = new_channel();
	o.p.cch = new_channel();
	o.p.listener = new_listener(o.p.sch, 2);
	o.p.client = new_client(o.p.cch, ROUTE_RESOLVED, rdma_get_src_port(o.p.listener));
	o.cqp = own_qp(o.p.client);
	o.param = conn_param(NULL, 0);
	o.param.qp_num = o.cqp->qp_num;
	e = (struct ibv_ece){ .vendor_id = 0x1234, .options = 0x56 };
	OBSERVE("set", rdma_set_local_ece(o.p.client, &e));
	need(!rdma_connect(o.p.client, &o.param));
	o.p.request = next_event(o.p.sch, PATIENT_MS);
	need(o.p.request);
	o.p.child = o.p.request->id;
	memset(&e, 0, sizeof(e));
	at("get");
	say_rc(rdma_get_remote_ece(o.p.child, &e), "vendor=%#x options=%#x mask=%#x", e.vendor_id,
	       e.options, e.comp_mask);
	e.options = 0x2;
	OBSERVE("answer", rdma_set_local_ece(o.p.child, &e));
	o.sqp = own_qp(o.p.child);
	o.param.qp_num = o.sqp->qp_num;
	OBSERVE("accept", rdma_accept(o.p.child, &o.param));
	at("event");
	say("%s", event_text(o.p.cch, PATIENT_MS));
	memset(&e, 0, sizeof(e));
	at("get_answer");
	say_rc(rdma_get_remote_ece(o.p.client, &e), "vendor=%#x options=%#x mask=%#x", e.vendor_id,
	       e.options, e.comp_mask);
}

static void ece_null(void)
{
	OBSERVE("set", rdma_set_local_ece(new_client(new_channel(), BOUND, 0), NULL));
}

static void ece_get_null(void)
{
	OBSERVE("get", rdma_get_remote_ece(new_client(new_channel(), BOUND, 0), NULL));
}

/* ---- AF_IB and RDMA_PS_IB */

static struct sockaddr *ib_address(const union ibv_gid *gid, uint64_t sid, uint64_t mask)
{
	static struct sockaddr_storage storage;
	struct sockaddr_ib *ib = (void *)&storage;

	memset(&storage, 0, sizeof(storage));
	ib->sib_family = AF_IB;
	ib->sib_pkey = htons(0xffff);
	memcpy(&ib->sib_addr, gid, sizeof(*gid));
	ib->sib_sid = htobe64(sid);
	ib->sib_sid_mask = htobe64(mask);
	return (struct sockaddr *)&storage;
}

static const char *ib_text(struct rdma_cm_id *id)
{
	static char text[160];
	const struct sockaddr_ib *src = (void *)rdma_get_local_addr(id);
	union ibv_gid gid;

	if (src->sib_family != AF_IB) {
		snprintf(text, sizeof(text), "family=%d verbs=%d", src->sib_family, !!id->verbs);
		return text;
	}
	memcpy(&gid, &src->sib_addr, sizeof(gid));
	snprintf(text, sizeof(text), "AF_IB gid=%s pkey=%#x port=%d verbs=%d", gid_text(&gid),
		 ntohs(src->sib_pkey), !!rdma_get_src_port(id), !!id->verbs);
	return text;
}

static void af_ib(void)
{
	static const int spaces[] = { RDMA_PS_TCP, RDMA_PS_UDP, RDMA_PS_IB };
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id;
	union ibv_gid gid = { .raw = { [10] = 0xff, [11] = 0xff } }, none = { .raw = { 0 } };
	uint64_t prefix;
	const char *result;

	need(inet_pton(AF_INET, ADDR, &gid.raw[12]) == 1); /* as RoCE makes it of the address */
	for (size_t i = 0; i < 3; i++) {
		prefix = (uint64_t)spaces[i] << 16;
		need(!rdma_create_id(ch, &id, NULL, (enum rdma_port_space)spaces[i]));
		at("bind_%zu", i);
		result = rc(rdma_bind_addr(id, ib_address(&gid, prefix, ~0ULL << 16)));
		say("%s %s", result, ib_text(id));
		OBSERVE(i == 0 ? "listen_0" : i == 1 ? "listen_1" : "listen_2", rdma_listen(id, 1));
		need(!rdma_create_id(ch, &id, NULL, (enum rdma_port_space)spaces[i]));
		at("bind_any_%zu", i);
		result = rc(rdma_bind_addr(id, ib_address(&none, prefix, ~0ULL << 16)));
		say("%s %s", result, ib_text(id));
		need(!rdma_create_id(ch, &id, NULL, (enum rdma_port_space)spaces[i]));
		at("resolve_%zu", i);
		result = rc(rdma_resolve_addr(id, NULL, ib_address(&gid, prefix | 7, ~0ULL), 1000));
		say("%s %s", result, event_text(ch, 3 * QUIET_MS));
	}
	need(!rdma_create_id(ch, &id, NULL, RDMA_PS_IB));
	at("ps_ib_with_ip");
	result = rc(rdma_bind_addr(id, sa(ADDR, 0)));
	say("%s %s", result, name_of(rdma_get_local_addr(id)));
	OBSERVE("ps_ib_listen", rdma_listen(id, 1));
}

const struct api_case api_ib[] = {
	{ "ib_path", paths, 0, ALWAYS },
	{ "ib_path_pair", path_of_connection, 0, ALWAYS },
	{ "ib_path_option", path_option, 0, ALWAYS },
	{ "ib_option", option_lengths, 0, ALWAYS },
	{ "ib_own", own_connect, 0, ALWAYS },
	{ "ib_own_end", own_disconnect, 30, ALWAYS },
	{ "ib_response_reject", response_rejected, 0, ALWAYS },
	{ "ib_response_accept", response_accepted, 0, DEADLY },
	{ "ib_response_end", response_disconnected, 0, ALWAYS },
	{ "ib_end", end_both, 30, ALWAYS },
	{ "ib_end_destroy", end_destroyed, 30, ALWAYS },
	{ "ib_reject_nobody", reject_nobody, 0, ALWAYS },
	{ "ib_reject", reject_lengths, 60, ALWAYS },
	{ "ib_length", request_lengths, 60, ALWAYS },
	{ "ib_ece", ece, 0, ALWAYS },
	{ "ib_ece_null", ece_null, 3, ALWAYS },
	{ "ib_ece_get_null", ece_get_null, 3, ALWAYS },
	{ "ib_af_ib", af_ib, 0, ALWAYS },
	{ NULL, NULL, 0, ALWAYS },
};
