// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The life of an id: creation, options, destroy with its waiting, migration.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shim/shim.h"
#include "tests/shim_util.h"

/* ---- creation */

Test(id, create__port_spaces_and_what_they_mean)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id;
	int context;

	succeeds(rdma_create_id(ch, &id, &context, RDMA_PS_TCP));
	cr_assert_eq(id->qp_type, IBV_QPT_RC);
	cr_assert_eq(id->context, &context);
	cr_assert_eq(id->channel, ch);
	cr_assert_eq(id->ps, RDMA_PS_TCP);
	cr_assert_null(id->verbs);
	cr_assert_null(id->pd);
	util_destroy(id);
	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_IB));
	cr_assert_eq(id->qp_type, IBV_QPT_RC);
	util_destroy(id);
	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	cr_assert_eq(id->qp_type, IBV_QPT_UD);
	util_destroy(id);
	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_IPOIB));
	cr_assert_eq(id->qp_type, IBV_QPT_UD);
	util_destroy(id);
	fails_with(EINVAL, rdma_create_id(ch, &id, NULL, (enum rdma_port_space)0x1234));
	fails_with(EINVAL, rdma_create_id(ch, NULL, NULL, RDMA_PS_TCP));
	cr_assert_eq(mock_verbs_calls(MOCK_GET_DEVICE_LIST), 0);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, create__foreign_channel)
{
	struct rdma_event_channel foreign[64] = { { .fd = 1 } };
	struct rdma_cm_id *id;

	fails_with(EINVAL, rdma_create_id(foreign, &id, NULL, RDMA_PS_TCP));
}

Test(id, create__synchronous_has_a_channel_of_its_own)
{
	struct rdma_cm_id *a, *b;

	succeeds(rdma_create_id(NULL, &a, NULL, RDMA_PS_TCP));
	succeeds(rdma_create_id(NULL, &b, NULL, RDMA_PS_TCP));
	cr_assert_not_null(a->channel);
	cr_assert_neq(a->channel, b->channel);
	util_destroy(a);
	util_destroy(b);
	fake_fail(FAKE_PROBE, -ENODEV);
	fails_with(ENODEV, rdma_create_id(NULL, &a, NULL, RDMA_PS_TCP));
	util_all_gone();
}

Test(id, create__each_fault)
{
	struct rdma_cm_id *id = NULL;

	for (unsigned long n = 1;; n++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		errno = 0;
		if (!rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP))
			break;
		cr_assert(errno == ENOMEM || errno == EMFILE);
		cr_assert_lt(n, 100);
	}
	iw_fault_arm(0, 0);
	util_destroy(id);
	util_all_gone();
}

/* ---- bad pointers */

Test(id, calls__null_and_foreign_ids)
{
	struct rdma_cm_id *null = NULL, *foreign = calloc(1, 16384);
	struct rdma_cm_id *const bad[] = { null, foreign };
	struct sockaddr_in addr = fake_addr(0, 0);
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct ibv_qp_init_attr_ex attr_ex = { 0 };
	struct ibv_qp_attr qp_attr = { 0 };
	int mask, one = 1;

	for (size_t i = 0; i < 2; i++) {
		struct rdma_cm_id *id = bad[i];

		fails_with(EINVAL, rdma_destroy_id(id));
		fails_with(EINVAL, rdma_bind_addr(id, (struct sockaddr *)&addr));
		fails_with(EINVAL, rdma_resolve_addr(id, NULL, (struct sockaddr *)&addr, 1));
		fails_with(EINVAL, rdma_resolve_route(id, 1));
		fails_with(EINVAL, rdma_connect(id, NULL));
		fails_with(EINVAL, rdma_listen(id, 1));
		fails_with(EINVAL, rdma_accept(id, NULL));
		fails_with(EINVAL, rdma_reject(id, NULL, 0));
		fails_with(EINVAL, rdma_establish(id));
		fails_with(EINVAL, rdma_notify(id, IBV_EVENT_COMM_EST));
		fails_with(EINVAL, rdma_disconnect(id));
		fails_with(EINVAL, rdma_migrate_id(id, NULL));
		fails_with(EINVAL, rdma_create_qp(id, NULL, &attr));
		fails_with(EINVAL, rdma_create_qp_ex(id, &attr_ex));
		fails_with(EINVAL, rdma_init_qp_attr(id, &qp_attr, &mask));
		fails_with(EINVAL, rdma_set_option(id, 0, 1, &one, 4));
		cr_assert_eq(rdma_get_src_port(id), 0);
		cr_assert_eq(rdma_get_dst_port(id), 0);
		rdma_destroy_qp(id);
	}
	free(foreign);
}

/* ---- options */

Test(id, set_option__the_driver_judges)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in any = { .sin_family = AF_INET };
	uint8_t tos = 8;

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&any));
	succeeds(rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 1));
	cr_assert_eq(fake_calls(FAKE_SET_OPTION), 1);
	fake_fail(FAKE_SET_OPTION, -ENOSYS);
	fails_with(ENOSYS, rdma_set_option(id, 7, 9, &tos, 1));
	fake_fail(FAKE_SET_OPTION, -EINVAL);
	fails_with(EINVAL, rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 1));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, set_option__not_without_a_channel)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	uint8_t tos = 8;

	rdma_destroy_event_channel(ch);
	fails_with(EINVAL, rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 1));
	util_destroy(id);
	util_all_gone();
}

static int set_path(struct rdma_cm_id *id, size_t len)
{
	struct ibv_path_data path[2] = { { .flags = 0 } };

	return rdma_set_option(id, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, path, len);
}

Test(id, set_option__a_path_stands_for_resolving_one)
{
	const size_t one = sizeof(struct ibv_path_data);
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	fails_with(EINVAL, set_path(id, one)); /* no driver yet */
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
	fails_with(EINVAL, set_path(id, 0));
	fails_with(EINVAL, set_path(id, one + 1));
	fails_with(EFAULT, rdma_set_option(id, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, NULL, one));
	fake_fail(FAKE_SET_OPTION, -EIO);
	fails_with(EIO, set_path(id, one));
	fake_fail(FAKE_ROUTE_EVENT, -EHOSTDOWN);
	succeeds(set_path(id, one));
	fails_with(EINVAL, set_path(id, one)); /* one at a time */
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ROUTE_ERROR), -EHOSTDOWN);
	succeeds(set_path(id, 2 * one));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED), 0);
	fails_with(EINVAL, set_path(id, one));
	fails_with(EINVAL, rdma_resolve_route(id, 1));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, set_option__no_memory_for_the_event_of_a_path)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	mock_verbs_transport(0, IBV_TRANSPORT_IB);
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
	for (int i = 0; i < SHIM_OWN_EVENTS; i++)
		cr_assert_eq(shim_events_promise((struct shim_id *)id, 1), 0);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	fails_with(ENOMEM, set_path(id, sizeof(struct ibv_path_data)));
	iw_fault_arm(0, 0);
	shim_events_unpromise((struct shim_id *)id, SHIM_OWN_EVENTS);
	succeeds(set_path(id, sizeof(struct ibv_path_data)));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED), 0);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, set_option__before_there_is_a_driver)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	uint8_t tos = 8;
	int on = 1;

	fails_with(EINVAL, rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 4));
	fails_with(EINVAL, rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_REUSEADDR, &on, 1));
	fails_with(EFAULT, rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, NULL, 1));
	fails_with(EFAULT,
		   rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_AFONLY, (void *)8, 4));
	fails_with(ENOSYS, rdma_set_option(id, RDMA_OPTION_ID, 9, &tos, 1));
	fails_with(ENOSYS, rdma_set_option(id, 7, 0, &tos, 1));
	fails_with(EINVAL, rdma_set_option(id, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, &on, 4));
	succeeds(rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 1));
	succeeds(rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_REUSEADDR, &on, 4));
	cr_assert_eq(fake_calls(FAKE_SET_OPTION), 0);
	fake_fail(FAKE_SET_OPTION, -ENOMEM);
	fails_with(ENOMEM, util_resolve(id, PORT));
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(fake_calls(FAKE_SET_OPTION), 3);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

static void *set_tos(void *id)
{
	uint8_t tos = 1;

	return (void *)(long)rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 1);
}

static void *attach(void *id)
{
	struct iw_cm_id *cm;

	return (void *)(long)shim_id_attach(id, IW_DRIVER_KERNEL, &cm);
}

Test(id, attach__of_two_first_calls_at_once_one_wins)
{
	struct rdma_event_channel *ch = util_channel();

	for (int i = 0; i < 200; i++) {
		struct rdma_cm_id *id = util_id(ch);
		struct later *a = util_later(attach, id), *b = util_later(set_tos, id);
		struct later *c = util_later(attach, id);

		cr_assert_null(util_join(a));
		cr_assert_null(util_join(b));
		cr_assert_null(util_join(c));
		util_destroy(id);
	}
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, attach__the_driver_makes_none)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	fake_fail(FAKE_ID_NEW, -ENOSPC);
	fails_with(ENOSPC, util_resolve(id, PORT));
	fake_fail(FAKE_PROBE, -ENODEV);
	fails_with(ENODEV, util_resolve(id, PORT));
	succeeds(util_resolve(id, PORT));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- destroy */

static void *destroy(void *id)
{
	return (void *)(long)rdma_destroy_id(id);
}

Test(id, destroy__waits_for_acknowledgements, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_cm_event *ev;
	struct later *l;

	succeeds(util_resolve(id, PORT));
	ev = util_next(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	l = util_later(destroy, id);
	cr_assert(util_still_runs(l, 50));
	fails_with(EINVAL, rdma_destroy_id(id)); /* one is enough */
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_null(util_join(l));
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, destroy__names_what_it_waits_for_after_five_seconds, .timeout = 60)
{
	char path[] = "/tmp/iwshim-shim-XXXXXX", text[2048] = "";
	struct rdma_event_channel *ch;
	struct rdma_cm_event *ev[2];
	struct rdma_cm_id *id;
	struct later *l;
	int fd = mkstemp(path);

	setenv("IWSHIM_LOG_FILE", path, 1);
	ch = util_channel();
	id = util_id(ch);
	succeeds(util_resolve(id, PORT));
	ev[0] = util_next(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_resolve_route(id, 100));
	ev[1] = util_next(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	l = util_later(destroy, id);
	cr_assert(util_still_runs(l, 4000));
	cr_assert_eq(read(fd, text, sizeof(text) - 1), 0);
	cr_assert(util_still_runs(l, 2500));
	cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
	cr_assert_not_null(strstr(text, "rdma_destroy_id"), "%s", text);
	cr_assert_not_null(strstr(text, "-> 10.0.0.1:7471"), "%s", text);
	cr_assert_not_null(strstr(text, ": 1 x RDMA_CM_EVENT_ADDR_RESOLVED, 1 x "
					"RDMA_CM_EVENT_ROUTE_RESOLVED\n"),
			   "%s", text);
	cr_assert(util_still_runs(l, 100)); /* said once, waits on */
	succeeds(rdma_ack_cm_event(ev[0]));
	succeeds(rdma_ack_cm_event(ev[1]));
	cr_assert_null(util_join(l));
	unlink(path);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, destroy__drops_events_that_nobody_read)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *a = util_client(ch, PORT), *b = util_id(ch);
	struct iw_cm_event change = { .type = IW_CM_EVENT_ADDR_CHANGE };

	for (int i = 0; i < 5; i++)
		fake_post_now(a, &change); /* queued, beyond what an id keeps ready */
	fake_post_plain(a, IW_CM_EVENT_ADDR_CHANGE, 0);
	succeeds(util_resolve(b, PORT));
	util_destroy(a);
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	util_nothing(ch);
	util_destroy(b);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, destroy__a_request_is_charged_to_the_listener_only, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(ch, PORT), *client = util_client(ch, PORT);
	struct rdma_cm_event *ev;
	struct later *l;

	succeeds(rdma_connect(client, NULL));
	ev = util_next(ch, RDMA_CM_EVENT_CONNECT_REQUEST);
	util_destroy(ev->id); /* at once, although the event is out */
	l = util_later(destroy, listener);
	cr_assert(util_still_runs(l, 50));
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_null(util_join(l));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_REJECTED), -ECONNRESET);
	util_destroy(client);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, destroy__of_a_listener_refuses_unread_requests_and_spares_children)
{
	struct pair p = util_pair();
	struct rdma_cm_id *late = util_client(p.ch, PORT), *queued = util_client(p.ch, PORT);

	succeeds(rdma_connect(queued, NULL));
	fake_pump(p.listener);
	succeeds(rdma_connect(late, NULL)); /* waits in the source */
	util_destroy(p.listener);
	p.listener = NULL;
	cr_assert_eq(util_expect(p.ch, RDMA_CM_EVENT_REJECTED), -ECONNRESET);
	cr_assert_eq(util_expect(p.ch, RDMA_CM_EVENT_REJECTED), -ECONNRESET);
	succeeds(rdma_disconnect(p.child));
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	util_destroy(late);
	util_destroy(queued);
	util_end_pair(&p);
}

Test(id, destroy__closes_a_live_connection_and_leaves_the_qp)
{
	struct pair p = util_pair();
	struct ibv_qp *qp = p.client->qp;

	succeeds(rdma_destroy_id(p.client));
	p.client = NULL;
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	cr_assert_eq(ibv_destroy_qp(qp), 0);
	ibv_destroy_cq(qp->send_cq);
	ibv_destroy_cq(qp->recv_cq);
	ibv_destroy_comp_channel(qp->send_cq->channel);
	ibv_destroy_comp_channel(qp->recv_cq->channel);
	util_end_pair(&p);
}

Test(id, destroy__cancels_a_pending_connect)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_client(ch, PORT);

	fake_hold(true);
	succeeds(rdma_connect(id, NULL));
	util_destroy(id);
	util_nothing(ch);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, destroy__in_every_state_with_the_event_unread)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id;

	util_destroy(util_id(ch));
	id = util_id(ch);
	succeeds(util_resolve(id, PORT));
	util_destroy(id);
	id = util_client(ch, PORT);
	util_destroy(id);
	id = util_id(ch);
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_resolve_route(id, 1));
	util_destroy(id);
	util_nothing(ch);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- migration */

Test(id, migrate__unread_events_follow_in_order)
{
	struct rdma_event_channel *from = util_channel(), *to = util_channel();
	struct iw_cm_event change = { .type = IW_CM_EVENT_ADDR_CHANGE };
	struct iw_cm_event wait = { .type = IW_CM_EVENT_TIMEWAIT_EXIT };
	struct rdma_cm_id *id = util_client(from, PORT), *other = util_client(from, PORT);

	fake_post_now(id, &change);
	fake_post_now(other, &change);
	fake_post_now(id, &wait);
	fake_post_plain(id, IW_CM_EVENT_ADDR_CHANGE, 0); /* still in the source */
	succeeds(rdma_migrate_id(id, to));
	cr_assert_eq(id->channel, to);
	util_expect(to, RDMA_CM_EVENT_ADDR_CHANGE);
	util_expect(to, RDMA_CM_EVENT_TIMEWAIT_EXIT);
	util_expect(to, RDMA_CM_EVENT_ADDR_CHANGE);
	util_nothing(to);
	util_expect(from, RDMA_CM_EVENT_ADDR_CHANGE);
	util_nothing(from);
	util_destroy(id);
	util_destroy(other);
	rdma_destroy_event_channel(from);
	rdma_destroy_event_channel(to);
	util_all_gone();
}

struct migrate_arg {
	struct rdma_cm_id *id;
	struct rdma_event_channel *to;
};

static void *migrate(void *arg)
{
	struct migrate_arg *m = arg;

	return (void *)(long)rdma_migrate_id(m->id, m->to);
}

Test(id, migrate__waits_for_acknowledgements, .timeout = 30)
{
	struct rdma_event_channel *from = util_channel(), *to = util_channel();
	struct migrate_arg m = { util_id(from), to };
	struct rdma_cm_event *ev;
	struct later *l;

	for (int i = 0; i < 2; i++) {
		succeeds(util_resolve(m.id, PORT));
		ev = util_next(from, RDMA_CM_EVENT_ADDR_RESOLVED);
		l = util_later(migrate, &m);
		cr_assert(util_still_runs(l, 50));
		succeeds(rdma_ack_cm_event(ev));
		cr_assert_null(util_join(l));
		util_destroy(m.id);
		m.id = util_id(from);
		m.to = NULL;
	}
	util_destroy(m.id);
	rdma_destroy_event_channel(from);
	rdma_destroy_event_channel(to);
	util_all_gone();
}

Test(id, migrate__a_listener_takes_unread_children_and_new_ones_along)
{
	struct rdma_event_channel *from = util_channel(), *to = util_channel(),
				  *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(from, PORT), *helper = util_id(from);
	struct rdma_cm_id *clients[3];
	struct rdma_cm_event *ev;

	for (int i = 0; i < 3; i++)
		clients[i] = util_client(ch, PORT);
	succeeds(rdma_connect(clients[0], NULL));
	fake_pump(listener); /* the request is queued and unread */
	succeeds(rdma_connect(clients[1], NULL));
	succeeds(rdma_migrate_id(listener, to));
	succeeds(rdma_connect(clients[2], NULL));
	util_nothing(from);
	rdma_destroy_id(helper);
	rdma_destroy_event_channel(from);
	for (int i = 0; i < 3; i++) {
		ev = util_next(to, RDMA_CM_EVENT_CONNECT_REQUEST);
		cr_assert_eq(ev->id->channel, to);
		util_qp(ev->id);
		succeeds(rdma_accept(ev->id, NULL));
		util_expect(ch, RDMA_CM_EVENT_ESTABLISHED);
		util_destroy(ev->id); /* with its ESTABLISHED unread */
		succeeds(rdma_ack_cm_event(ev));
		util_expect(ch, RDMA_CM_EVENT_DISCONNECTED);
		util_destroy(clients[i]);
	}
	util_destroy(listener);
	rdma_destroy_event_channel(to);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, migrate__bad_targets)
{
	struct rdma_event_channel *ch = util_channel(), foreign[64] = { { .fd = 1 } };
	struct rdma_cm_id *id = util_id(ch), *sync;

	fails_with(EINVAL, rdma_migrate_id(id, foreign));
	succeeds(rdma_migrate_id(id, ch)); /* where it is */
	succeeds(rdma_create_id(NULL, &sync, NULL, RDMA_PS_TCP));
	fails_with(EINVAL, rdma_migrate_id(sync, NULL));
	util_destroy(sync);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, migrate__to_synchronous_and_back)
{
	struct rdma_event_channel *ch = util_channel(), *own;
	struct rdma_cm_id *id = util_client(ch, PORT);

	succeeds(rdma_migrate_id(id, NULL));
	own = id->channel;
	cr_assert_neq(own, ch);
	fake_hold(true);
	fails_with(EINVAL, rdma_migrate_id(id, NULL));
	fake_hold(false);
	fails_with(ECONNREFUSED, rdma_connect(id, NULL));
	succeeds(rdma_migrate_id(id, ch));
	cr_assert_eq(id->channel, ch);
	cr_assert_null(id->event);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, migrate__leaving_synchronous_mode_acknowledges)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDR_RESOLVED);
	succeeds(rdma_migrate_id(id, ch));
	cr_assert_null(id->event);
	succeeds(rdma_resolve_route(id, 10));
	util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(id, migrate__fails_and_leaves_all_as_it_was)
{
	struct rdma_event_channel *from = util_channel(), *to = util_channel();
	struct rdma_cm_id *id = util_id(from);
	struct rlimit limit, was;
	int fd;

	succeeds(util_resolve(id, PORT));
	fake_fail(FAKE_SOURCE_OPEN, -EMFILE);
	fails_with(EMFILE, rdma_migrate_id(id, to));
	fake_fail(FAKE_MIGRATE, -ENOENT);
	fails_with(ENOENT, rdma_migrate_id(id, to));
	fake_fail(FAKE_MIGRATE, -ENOENT);
	fails_with(ENOENT, rdma_migrate_id(id, NULL));
	getrlimit(RLIMIT_NOFILE, &was);
	limit = was;
	fd = dup(0);
	close(fd);
	limit.rlim_cur = (rlim_t)fd;
	setrlimit(RLIMIT_NOFILE, &limit);
	fails_with(EMFILE, rdma_migrate_id(id, NULL));
	setrlimit(RLIMIT_NOFILE, &was);
	cr_assert_eq(id->channel, from);
	util_expect(from, RDMA_CM_EVENT_ADDR_RESOLVED);
	util_nothing(to);
	util_destroy(id);
	rdma_destroy_event_channel(from);
	rdma_destroy_event_channel(to);
	util_all_gone();
}

/* A child that cannot be moved is refused, the listener moves all the same. */
Test(id, migrate__a_child_cannot_follow)
{
	struct rdma_event_channel *from = util_channel(), *to = util_channel(),
				  *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(from, PORT), *client = util_client(ch, PORT);

	succeeds(rdma_connect(client, NULL));
	fake_pump(listener);
	fake_fail_after(FAKE_MIGRATE, -ENOMEM, 1);
	succeeds(rdma_migrate_id(listener, to));
	util_nothing(to);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_REJECTED), -ECONNRESET);
	util_destroy(listener);
	util_destroy(client);
	rdma_destroy_event_channel(from);
	rdma_destroy_event_channel(to);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}
