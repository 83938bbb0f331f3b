// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What is otherwise than on iWARP: InfiniBand and RoCE, whose connections the
 * active side completes, datagram ids, and the addresses below IP.
 */
#include "base/bytes.h"
#include "shim/addr.h"
#include "tests/shim_util.h"

#define STATE(qp_state) (1u << (qp_state))

/* What test_qp.c and others find, too, when all run in one process. */
static void infiniband(void)
{
	mock_verbs_transport(0, IBV_TRANSPORT_IB);
	fake_qp_states();
}

static void iwarp_again(void)
{
	mock_verbs_transport(0, IBV_TRANSPORT_IWARP);
}

#define IbTest(suite, name) Test(suite, name, .init = infiniband, .fini = iwarp_again)

static struct sockaddr *sa(void *addr)
{
	return addr;
}

/* ---- connections with a QP */

IbTest(connection, with_a_qp__is_established_at_once)
{
	struct pair p = util_pair();

	cr_assert_eq(fake_calls(FAKE_ESTABLISH), 1);
	cr_assert(fake_qp_states() & STATE(IW_QP_RTS));
	fails_with(EINVAL, rdma_establish(p.client)); /* has a QP */
	succeeds(rdma_disconnect(p.client));
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	succeeds(rdma_disconnect(p.child)); /* the answer */
	util_end_pair(&p);
}

IbTest(connection, reject__tells_the_reason)
{
	struct pair p = util_request();
	struct rdma_cm_event *ev;

	succeeds(rdma_reject(p.child, "why", 3));
	ev = util_next(p.ch, RDMA_CM_EVENT_REJECTED);
	cr_assert_eq(ev->status, FAKE_REASON);
	cr_assert_eq(ev->param.conn.private_data_len, 3);
	succeeds(rdma_ack_cm_event(ev));
	util_end_pair(&p);
}

IbTest(connection, reject__for_its_options)
{
	struct pair p = util_request();

	succeeds(rdma_reject_ece(p.child, NULL, 0));
	cr_assert_eq(util_expect(p.ch, RDMA_CM_EVENT_REJECTED), 35);
	util_end_pair(&p);
}

IbTest(connection, fails__every_reason_is_the_kernels)
{
	static const struct {
		int status;
		uint32_t reason;
		enum rdma_cm_event_type type;
		int want;
	} table[] = {
		{ -ECONNREFUSED, 8, RDMA_CM_EVENT_REJECTED, 8 },
		{ -ECONNREFUSED, 0, RDMA_CM_EVENT_REJECTED, -ECONNREFUSED },
		{ -ETIMEDOUT, 0, RDMA_CM_EVENT_UNREACHABLE, -ETIMEDOUT },
		{ -ETIMEDOUT, 2, RDMA_CM_EVENT_UNREACHABLE, 2 },
		{ -ECONNABORTED, 0, RDMA_CM_EVENT_CONNECT_ERROR, -ECONNABORTED },
	};

	for (size_t i = 0; i < IW_ARRAY_SIZE(table); i++) {
		struct rdma_event_channel *ch = util_channel();
		struct rdma_cm_id *id = util_client(ch, PORT);
		struct iw_cm_event ev = { .type = IW_CM_EVENT_CONNECT_REPLY,
					  .status = table[i].status,
					  .reason = table[i].reason };

		fake_hold(true);
		succeeds(rdma_connect(id, NULL));
		fake_post(id, &ev);
		fake_hold(false);
		cr_assert_eq(util_expect(ch, table[i].type), table[i].want, "case %zu", i);
		util_destroy(id);
		rdma_destroy_event_channel(ch);
		util_all_gone();
	}
}

IbTest(connection, param__reaches_the_driver)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(ch, PORT), *id = util_client(ch, PORT);
	char data[UINT8_MAX] = "data";
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = UINT8_MAX, /* the kernel's to refuse */
		.flow_control = 1,
		.retry_count = 200,
		.rnr_retry_count = 8,
		.srq = 1,
		.qp_num = 4711,
	};

	rdma_destroy_qp(id);
	fails_with(EINVAL, rdma_connect(id, NULL));
	param.private_data = NULL;
	fails_with(EINVAL, rdma_connect(id, &param));
	param.private_data = data;
	succeeds(rdma_connect(id, &param));
	cr_assert_eq(fake_last_param().private_data_len, UINT8_MAX);
	cr_assert_eq(fake_last_param().flow_control, 1);
	cr_assert_eq(fake_last_param().retry_count, 7);
	cr_assert_eq(fake_last_param().rnr_retry_count, 7);
	cr_assert_eq(fake_last_param().srq, 1);
	cr_assert_eq(fake_last_param().qp_num, 4711);
	util_destroy(id);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

IbTest(connection, limits__of_every_connected_id)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_conn_param param = { .qp_num = 3, .initiator_depth = MOCK_MAX_RD_ATOM + 1 };
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_IB));
	succeeds(rdma_resolve_addr(id, NULL, sa(&addr), 100));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_resolve_route(id, 100));
	util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	fails_with(EINVAL, rdma_connect(id, NULL)); /* whose QP? */
	fails_with(EINVAL, rdma_connect(id, &param));
	cr_assert_eq(fake_calls(FAKE_CONNECT), 0);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- connections whose QP we do not know */

/* The client has heard that the server accepted; neither has a QP of ours. */
static struct pair responded(void)
{
	struct pair p = util_request();
	struct rdma_conn_param param = { .qp_num = 99,
					 .private_data = "yes",
					 .private_data_len = 3 };
	struct rdma_cm_event *ev;

	rdma_destroy_qp(p.client);
	rdma_destroy_qp(p.child);
	fails_with(EINVAL, rdma_establish(p.client)); /* too early */
	fails_with(EINVAL, rdma_reject(p.client, NULL, 0));
	fails_with(EINVAL, rdma_accept(p.child, NULL));
	succeeds(rdma_accept(p.child, &param));
	ev = util_next(p.ch, RDMA_CM_EVENT_CONNECT_RESPONSE);
	cr_assert_eq(ev->id, p.client);
	cr_assert_eq(ev->status, 0);
	cr_assert_eq(ev->param.conn.qp_num, 99);
	cr_assert_eq(ev->param.conn.private_data_len, 3);
	cr_assert_eq(memcmp(ev->param.conn.private_data, "yes", 3), 0);
	succeeds(rdma_ack_cm_event(ev));
	return p;
}

IbTest(response, establish__completes_the_connection)
{
	struct pair p = responded();

	fails_with(EINVAL, rdma_establish(p.child));
	succeeds(rdma_establish(p.client));
	fails_with(EINVAL, rdma_establish(p.client));
	fails_with(EINVAL, rdma_reject(p.client, NULL, 0));
	util_expect(p.ch, RDMA_CM_EVENT_ESTABLISHED); /* the server's */
	util_nothing(p.ch);
	succeeds(rdma_disconnect(p.client));
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	util_end_pair(&p);
}

IbTest(response, establish__fails)
{
	struct pair p = responded();

	fake_fail(FAKE_ESTABLISH, -EIO);
	fails_with(EIO, rdma_establish(p.client));
	util_end_pair(&p);
}

IbTest(response, reject__refuses_what_was_accepted)
{
	struct pair p = responded();

	succeeds(rdma_reject(p.client, NULL, 0));
	fails_with(EINVAL, rdma_reject(p.client, NULL, 0));
	fails_with(EINVAL, rdma_establish(p.client));
	cr_assert_eq(util_expect(p.ch, RDMA_CM_EVENT_REJECTED), FAKE_REASON);
	util_end_pair(&p);
}

/* ---- ECE */

IbTest(ece, options__travel_both_ways)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(ch, PORT), *id = util_client(ch, PORT), *child;
	struct rdma_conn_param param = { .qp_num = 3 };
	struct ibv_ece ece = { .vendor_id = 7, .options = 9 };
	struct rdma_cm_event *ev;

	rdma_destroy_qp(id);
	succeeds(rdma_set_local_ece(id, &ece));
	succeeds(rdma_connect(id, &param));
	ev = util_next(ch, RDMA_CM_EVENT_CONNECT_REQUEST);
	child = ev->id;
	succeeds(rdma_get_remote_ece(child, &ece));
	cr_assert_eq(ece.vendor_id, 7);
	cr_assert_eq(ece.options, 9);
	cr_assert_eq(ece.comp_mask, 0);
	ece.options = 8;
	succeeds(rdma_set_local_ece(child, &ece));
	succeeds(rdma_ack_cm_event(ev));
	succeeds(rdma_accept(child, &param));
	util_expect(ch, RDMA_CM_EVENT_CONNECT_RESPONSE);
	succeeds(rdma_get_remote_ece(id, &ece));
	cr_assert_eq(ece.vendor_id, 7);
	cr_assert_eq(ece.options, 8);
	util_destroy(child);
	util_destroy(id);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- paths */

IbTest(path, ids__have_gids_and_records)
{
	struct pair p = util_request();
	struct in6_addr gid = fake_addr6(0, 0).sin6_addr;
	const struct rdma_route *route = &p.client->route;

	cr_assert_eq(memcmp(&route->addr.addr.ibaddr.sgid, &gid, sizeof(gid)), 0);
	cr_assert_eq(memcmp(&route->addr.addr.ibaddr.dgid, &gid, sizeof(gid)), 0);
	cr_assert_eq(route->addr.addr.ibaddr.pkey, htons(0xffff));
	cr_assert_eq(route->num_paths, 1);
	cr_assert_eq(route->path_rec[0].dlid, htons(FAKE_DLID));
	cr_assert_eq(p.child->route.num_paths, 1);
	cr_assert_not_null(p.child->route.path_rec);
	cr_assert_null(p.listener->route.path_rec);
	util_end_pair(&p);
}

IbTest(path, ids__that_were_bound_first)
{
	struct rdma_event_channel *ch = util_channel();
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *id = util_id(ch);
	struct in6_addr gid = fake_addr6(0, 0).sin6_addr;

	succeeds(rdma_bind_addr(id, sa(&addr)));
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	cr_assert_eq(memcmp(&id->route.addr.addr.ibaddr.dgid, &gid, sizeof(gid)), 0);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(path, iwarp__has_none)
{
	struct pair p = util_request();

	cr_assert_eq(fake_calls(FAKE_QUERY_PATH), 0);
	cr_assert_eq(p.client->route.num_paths, 0);
	cr_assert_null(p.client->route.path_rec);
	util_end_pair(&p);
}

IbTest(path, bind__cannot_be_read)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in addr = fake_addr(0, PORT);

	fake_fail(FAKE_QUERY_PATH, -EIO);
	fails_with(EIO, rdma_bind_addr(id, sa(&addr)));
	util_destroy(id);
	id = util_id(ch);
	fake_fail(FAKE_QUERY_PATH, -EOPNOTSUPP); /* a driver without */
	succeeds(rdma_bind_addr(id, sa(&addr)));
	cr_assert_eq(id->route.num_paths, 0);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

IbTest(path, resolve__cannot_be_read)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	fake_fail(FAKE_QUERY_PATH, -ENOMEM);
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_ERROR), -ENOMEM);
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	fake_fail(FAKE_QUERY_PATH, -ENOMEM);
	succeeds(rdma_resolve_route(id, 100));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ROUTE_ERROR), -ENOMEM);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- datagrams */

static struct rdma_cm_id *datagram_id(struct rdma_event_channel *ch)
{
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	return id;
}

static void datagram_qp(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = util_qp_attr();

	attr.qp_type = IBV_QPT_UD;
	succeeds(rdma_create_qp(id, NULL, &attr));
}

static struct rdma_cm_id *datagram_listener(struct rdma_event_channel *ch)
{
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *id = datagram_id(ch);

	succeeds(rdma_bind_addr(id, sa(&addr)));
	succeeds(rdma_listen(id, 0));
	return id;
}

/* As util_request(), but of datagrams, and with what the client says. */
static struct pair datagram_request(void)
{
	struct pair p = { .ch = util_channel() };
	struct rdma_conn_param param = { .private_data = "ask", .private_data_len = 3 };
	struct rdma_cm_event *ev;

	p.listener = datagram_listener(p.ch);
	p.client = datagram_id(p.ch);
	succeeds(util_resolve(p.client, PORT));
	util_expect(p.ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_resolve_route(p.client, 100));
	util_expect(p.ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	succeeds(rdma_connect(p.client, &param));
	ev = util_next(p.ch, RDMA_CM_EVENT_CONNECT_REQUEST);
	cr_assert_eq(ev->param.ud.private_data_len, 3);
	cr_assert_eq(memcmp(ev->param.ud.private_data, "ask", 3), 0);
	p.child = ev->id;
	cr_assert_eq(p.child->qp_type, IBV_QPT_UD);
	cr_assert_eq(p.child->ps, RDMA_PS_UDP);
	succeeds(rdma_ack_cm_event(ev));
	return p;
}

IbTest(datagram, accept__names_the_qp)
{
	struct pair p = datagram_request();
	struct rdma_conn_param param = { .private_data = "yes", .private_data_len = 3 };
	struct rdma_cm_event *ev;

	datagram_qp(p.child);
	succeeds(rdma_accept(p.child, &param));
	ev = util_next(p.ch, RDMA_CM_EVENT_ESTABLISHED);
	cr_assert_eq(ev->id, p.client);
	cr_assert_eq(ev->param.ud.qp_num, p.child->qp->qp_num);
	cr_assert_eq(ev->param.ud.qkey, FAKE_QKEY);
	cr_assert_eq(ev->param.ud.ah_attr.dlid, FAKE_DLID);
	cr_assert_eq(ev->param.ud.ah_attr.port_num, 1);
	cr_assert_eq(ev->param.ud.private_data_len, 3);
	cr_assert_eq(memcmp(ev->param.ud.private_data, "yes", 3), 0);
	succeeds(rdma_ack_cm_event(ev));
	util_nothing(p.ch);		     /* the passive side hears nothing */
	succeeds(rdma_disconnect(p.client)); /* stops the QP, and tells nobody */
	succeeds(rdma_disconnect(p.child));
	util_nothing(p.ch);
	util_end_pair(&p);
}

IbTest(datagram, accept__needs_a_name)
{
	struct pair p = datagram_request();
	struct rdma_conn_param param = { .qp_num = 4712, .responder_resources = 200 };

	fails_with(EINVAL, rdma_accept(p.child, NULL));
	succeeds(rdma_accept(p.child, &param)); /* depths mean nothing here */
	cr_assert_eq(fake_last_param().qp_num, 4712);
	util_expect(p.ch, RDMA_CM_EVENT_ESTABLISHED);
	util_end_pair(&p);
}

IbTest(datagram, accept__without_parameters)
{
	struct pair p = datagram_request();

	datagram_qp(p.child);
	succeeds(rdma_accept(p.child, NULL));
	util_expect(p.ch, RDMA_CM_EVENT_ESTABLISHED);
	util_end_pair(&p);
}

IbTest(datagram, reject__tells_the_reason)
{
	struct pair p = datagram_request();

	succeeds(rdma_reject(p.child, NULL, 0));
	cr_assert_eq(util_expect(p.ch, RDMA_CM_EVENT_REJECTED), FAKE_REASON);
	succeeds(rdma_disconnect(p.child));
	succeeds(rdma_disconnect(p.client));
	util_end_pair(&p);
}

/* ---- private data: what is too long costs nothing, and the most is sent */

static const char data[255];

static int accept_with(struct rdma_cm_id *id, uint8_t len)
{
	struct rdma_conn_param param = { .private_data = data, .private_data_len = len };

	return rdma_accept(id, &param);
}

IbTest(private, accept__fits_a_rep)
{
	struct pair p = util_request();

	fails_with(EINVAL, accept_with(p.child, 197));
	fails_with(EINVAL, accept_with(p.child, 255));
	fails_with(EINVAL, rdma_reject(p.child, data, 149));
	fails_with(EINVAL, rdma_reject(p.child, data, 255));
	cr_assert_eq(fake_calls(FAKE_ACCEPT) + fake_calls(FAKE_REJECT), 0);
	succeeds(accept_with(p.child, 196));
	util_end_pair(&p);
}

IbTest(private, reject__fits_a_rej)
{
	struct pair p = util_request();

	fails_with(EINVAL, rdma_reject(p.child, data, 149));
	succeeds(rdma_reject(p.child, data, 148));
	util_end_pair(&p);
}

IbTest(private, datagrams__fit_a_sidr_rep)
{
	struct pair p = datagram_request();

	datagram_qp(p.child);
	fails_with(EINVAL, accept_with(p.child, 137));
	fails_with(EINVAL, rdma_reject(p.child, data, 137));
	succeeds(accept_with(p.child, 136));
	util_end_pair(&p);
}

IbTest(datagram, connect__without_anything)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = datagram_listener(ch), *id = datagram_id(ch);

	fails_with(EINVAL, rdma_connect(id, NULL));
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_resolve_route(id, 100));
	util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	succeeds(rdma_connect(id, NULL));
	cr_assert_eq(fake_last_param().private_data_len, 0);
	util_destroy(id);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

IbTest(datagram, sync__accept_waits_for_nothing)
{
	struct rdma_event_channel *ch = util_channel();
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_conn_param param = { .qp_num = 5 };
	struct rdma_cm_id *listener, *id, *child;

	succeeds(rdma_create_id(NULL, &listener, NULL, RDMA_PS_UDP));
	succeeds(rdma_bind_addr(listener, sa(&addr)));
	succeeds(rdma_listen(listener, 1));
	id = datagram_id(ch);
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_resolve_route(id, 100));
	util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	succeeds(rdma_connect(id, NULL));
	succeeds(rdma_get_request(listener, &child));
	succeeds(rdma_accept(child, &param));
	util_expect(ch, RDMA_CM_EVENT_ESTABLISHED);
	util_destroy(child);
	util_destroy(id);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- QPs */

static struct rdma_cm_id *bound(struct rdma_event_channel *ch, enum rdma_port_space ps)
{
	struct sockaddr_in addr = fake_addr(0, 0);
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(ch, &id, NULL, ps));
	succeeds(rdma_bind_addr(id, sa(&addr)));
	return id;
}

IbTest(qp, datagrams__can_be_sent_at_once)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, RDMA_PS_UDP), *ipoib = bound(ch, RDMA_PS_IPOIB);

	datagram_qp(id);
	cr_assert_eq(fake_qp_states(), STATE(IW_QP_INIT) | STATE(IW_QP_RTR) | STATE(IW_QP_RTS));
	datagram_qp(ipoib);
	util_destroy(ipoib);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

IbTest(qp, datagrams__each_step_can_fail)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, RDMA_PS_UDP);
	struct ibv_qp_init_attr attr = util_qp_attr();

	attr.qp_type = IBV_QPT_UD;
	for (unsigned int step = 0; step < 3; step++) {
		fake_fail_after(FAKE_MODIFY_QP, -EIO, step);
		fails_with(EIO, rdma_create_qp(id, NULL, &attr));
		cr_assert_null(id->qp);
		cr_assert_eq(mock_verbs_live(), 0);
	}
	datagram_qp(id);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

IbTest(disconnect, listener__has_nothing_to_end)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(ch, PORT);

	succeeds(rdma_disconnect(listener));
	cr_assert_eq(fake_calls(FAKE_DISCONNECT), 0);
	util_nothing(ch);
	util_destroy(listener);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

IbTest(qp, type__must_be_the_ids)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *ud = bound(ch, RDMA_PS_UDP), *rc = bound(ch, RDMA_PS_IB);
	struct ibv_qp_init_attr attr = util_qp_attr();

	attr.qp_type = IBV_QPT_RC;
	fails_with(EINVAL, rdma_create_qp(ud, NULL, &attr));
	attr.qp_type = IBV_QPT_UD;
	fails_with(EINVAL, rdma_create_qp(rc, NULL, &attr));
	attr.qp_type = IBV_QPT_UC;
	succeeds(rdma_create_qp(rc, NULL, &attr));
	cr_assert_eq(fake_qp_states(), STATE(IW_QP_INIT));
	util_destroy(ud);
	util_destroy(rc);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- AF_IB */

IbTest(af_ib, bind__to_a_gid)
{
	struct rdma_event_channel *ch = util_channel();
	struct sockaddr_storage addr = fake_addr_ib(0, PORT);
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_IB));
	succeeds(rdma_bind_addr(id, sa(&addr)));
	cr_assert_eq(rdma_get_src_port(id), htons(PORT));
	cr_assert_eq(memcmp(&id->route.addr.src_storage, &addr, sizeof(struct sockaddr_ib)), 0);
	cr_assert_not_null(id->verbs);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

IbTest(af_ib, resolve__asks_no_routing_table)
{
	struct rdma_event_channel *ch = util_channel();
	struct sockaddr_storage addr = fake_addr_ib(0, PORT);
	struct sockaddr_in v4 = fake_addr(0, PORT);
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_IB));
	fails_with(EINVAL, rdma_resolve_addr(id, sa(&v4), sa(&addr), 100));
	mock_netlink_route(-ENETUNREACH);
	succeeds(rdma_resolve_addr(id, NULL, sa(&addr), 100));
	mock_netlink_route(0);
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	cr_assert_eq(rdma_get_dst_port(id), htons(PORT));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(af_ib, text__and_wildcard)
{
	struct sockaddr_storage addr = fake_addr_ib(0, PORT);
	char text[SHIM_ADDR_TEXT];

	cr_assert_str_eq(shim_addr_text(sa(&addr), text), "fd00::1");
	cr_assert_not(shim_addr_is_any(sa(&addr)));
	cr_assert_not(shim_addr_is_specific(sa(&addr)));
	memset(&addr, 0, sizeof(addr));
	addr.ss_family = AF_IB;
	cr_assert(shim_addr_is_any(sa(&addr)));
	addr.ss_family = AF_UNIX;
	cr_assert_not(shim_addr_is_any(sa(&addr)));
	cr_assert_str_eq(shim_addr_text(sa(&addr), text), "-");
}
