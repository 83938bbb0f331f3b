// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * rdma_join_multicast(3) and its kind, over the driver in memory.
 */
#include <poll.h>
#include <unistd.h>

#include "shim/shim.h"
#include "tests/shim_util.h"

static struct rdma_event_channel *ch;
static struct sockaddr_in group = { .sin_family = AF_INET };
static struct sockaddr *const to = (struct sockaddr *)&group;
static int mine; /* its address is a context */

/* ---- iWARP */

Test(multicast, join__is_for_datagrams_and_not_for_iwarp)
{
	struct sockaddr_in here = fake_addr(0, PORT);
	struct rdma_cm_id *stream, *id;

	ch = util_channel();
	stream = util_id(ch);
	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	fails_with(EINVAL, rdma_join_multicast(id, to, NULL)); /* not bound */
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&here));
	fails_with(EOPNOTSUPP, rdma_join_multicast(id, to, NULL));
	fails_with(EINVAL, rdma_join_multicast(id, NULL, NULL));
	fails_with(EINVAL, rdma_join_multicast(NULL, to, NULL));
	fails_with(EADDRNOTAVAIL, rdma_leave_multicast(id, to));
	fails_with(EINVAL, rdma_leave_multicast(id, NULL));
	fails_with(EINVAL, rdma_leave_multicast(NULL, to));
	util_destroy(id);
	here = fake_addr(0, PORT + 1);
	succeeds(rdma_bind_addr(stream, (struct sockaddr *)&here));
	fails_with(EINVAL, rdma_join_multicast(stream, to, NULL));
	util_destroy(stream);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(multicast, join_ex__attributes)
{
	struct sockaddr_in here = fake_addr(0, PORT);
	struct rdma_cm_join_mc_attr_ex attr = { .addr = (struct sockaddr *)&group };
	struct rdma_cm_id *id;

	ch = util_channel();
	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_UDP));
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&here));
	fails_with(EINVAL, rdma_join_multicast_ex(id, NULL, NULL));
	fails_with(EINVAL, rdma_join_multicast_ex(id, &attr, NULL));
	attr.comp_mask = RDMA_CM_JOIN_MC_ATTR_RESERVED;
	fails_with(ENOTSUP, rdma_join_multicast_ex(id, &attr, NULL));
	attr.comp_mask = RDMA_CM_JOIN_MC_ATTR_ADDRESS | RDMA_CM_JOIN_MC_ATTR_JOIN_FLAGS;
	attr.join_flags = RDMA_MC_JOIN_FLAG_RESERVED;
	fails_with(EINVAL, rdma_join_multicast_ex(id, &attr, NULL));
	attr.join_flags = RDMA_MC_JOIN_FLAG_SENDONLY_FULLMEMBER;
	fails_with(EOPNOTSUPP, rdma_join_multicast_ex(id, &attr, NULL));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- InfiniBand and RoCE */

static void setup(void)
{
	mock_verbs_transport(0, IBV_TRANSPORT_IB);
	group.sin_addr.s_addr = htonl(0xef010101);
}

static void teardown(void)
{
	mock_verbs_transport(0, IBV_TRANSPORT_IWARP);
}

#define McTest(name) Test(multicast, name, .init = setup, .fini = teardown, .timeout = 30)

/* Bound, on @ch; with a QP if @qp. */
static struct rdma_cm_id *datagrams(struct rdma_event_channel *channel, bool qp)
{
	struct sockaddr_in here = fake_addr(0, PORT);
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(channel, &id, NULL, RDMA_PS_UDP));
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&here));
	attr.qp_type = IBV_QPT_UD;
	if (qp)
		succeeds(rdma_create_qp(id, NULL, &attr));
	return id;
}

static void end(struct rdma_cm_id *id)
{
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
	cr_assert_eq(mock_verbs_attached(), 0);
}

McTest(join__the_event_says_how_to_send)
{
	struct rdma_ud_param *ud;
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;

	ch = util_channel();
	id = datagrams(ch, true);
	succeeds(rdma_join_multicast(id, to, &mine));
	cr_assert_eq(fake_last_join().flags, RDMA_MC_JOIN_FLAG_FULLMEMBER);
	ev = util_next(ch, RDMA_CM_EVENT_MULTICAST_JOIN);
	ud = &ev->param.ud;
	cr_assert_eq(ev->id, id);
	cr_assert_eq(ev->status, 0);
	cr_assert_eq(ud->private_data, &mine);
	cr_assert_eq(ud->qp_num, 0xffffff);
	cr_assert_eq(ud->qkey, FAKE_QKEY);
	cr_assert_eq(ud->ah_attr.dlid, FAKE_MLID);
	cr_assert_eq(mock_verbs_attached(), 1);
	cr_assert_eq(mock_verbs_last_mlid(), FAKE_MLID);
	cr_assert_eq(mock_verbs_last_mgid().raw[3], 0xff);
	succeeds(rdma_ack_cm_event(ev));
	succeeds(rdma_leave_multicast(id, to));
	cr_assert_eq(mock_verbs_attached(), 0);
	fails_with(EADDRNOTAVAIL, rdma_leave_multicast(id, to));
	end(id);
}

McTest(join__without_a_qp_or_to_send_only)
{
	struct rdma_cm_join_mc_attr_ex attr = {
		.addr = to,
		.comp_mask = RDMA_CM_JOIN_MC_ATTR_ADDRESS | RDMA_CM_JOIN_MC_ATTR_JOIN_FLAGS,
		.join_flags = RDMA_MC_JOIN_FLAG_SENDONLY_FULLMEMBER,
	};
	struct rdma_cm_id *id;

	ch = util_channel();
	for (int qp = 0; qp < 2; qp++) {
		id = datagrams(ch, qp);
		if (qp)
			succeeds(rdma_join_multicast_ex(id, &attr, NULL));
		else
			succeeds(rdma_join_multicast(id, to, NULL));
		cr_assert_eq(fake_last_join().flags, qp);
		cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN), 0);
		cr_assert_eq(mock_verbs_attached(), 0);
		util_destroy(id); /* and with it the membership */
	}
	end(NULL);
}

McTest(join__of_several_groups)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_storage ib = fake_addr_ib(0, 5);
	struct sockaddr_in same = group;
	struct rdma_cm_id *id;
	void *second;

	ch = util_channel();
	id = datagrams(ch, true);
	same.sin_port = htons(5); /* is no part of it */
	six.sin6_addr.s6_addr[0] = 0xff;
	succeeds(rdma_join_multicast(id, to, NULL));
	succeeds(rdma_join_multicast(id, (struct sockaddr *)&six, NULL));
	succeeds(rdma_join_multicast(id, (struct sockaddr *)&ib, NULL));
	succeeds(rdma_join_multicast(id, (struct sockaddr *)&same, NULL));
	second = fake_last_join().membership;
	for (int i = 0; i < 4; i++)
		cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN), 0);
	cr_assert_eq(mock_verbs_attached(), 4);
	succeeds(rdma_leave_multicast(id, (struct sockaddr *)&six));
	fails_with(EADDRNOTAVAIL, rdma_leave_multicast(id, (struct sockaddr *)&six));
	succeeds(rdma_leave_multicast(id, (struct sockaddr *)&ib));
	fails_with(EADDRNOTAVAIL, rdma_leave_multicast(id, (struct sockaddr *)&ib));
	cr_assert_not_null(second);
	succeeds(rdma_leave_multicast(id, to));
	cr_assert_eq(mock_verbs_attached(), 1);
	rdma_destroy_qp(id); /* which detaches it */
	cr_assert_eq(mock_verbs_attached(), 0);
	succeeds(rdma_leave_multicast(id, to));
	cr_assert_eq(mock_verbs_calls(MOCK_DETACH_MCAST), 4);
	end(id);
}

McTest(join__fails_at_once)
{
	struct rdma_cm_id *id;

	ch = util_channel();
	id = datagrams(ch, true);
	fake_fail(FAKE_JOIN, -ENETDOWN);
	fails_with(ENETDOWN, rdma_join_multicast(id, to, NULL));
	fails_with(EADDRNOTAVAIL, rdma_leave_multicast(id, to));
	for (unsigned long n = 1; n < 4; n++) { /* member, event, the core's */
		iw_fault_arm(IW_FAULT_ALLOC, n);
		if (!rdma_join_multicast(id, to, NULL)) {
			succeeds(rdma_leave_multicast(id, to));
			break;
		}
		cr_assert_eq(errno, ENOMEM);
	}
	iw_fault_arm(0, 0);
	util_nothing(ch);
	rdma_destroy_event_channel(ch);
	fails_with(EINVAL, rdma_join_multicast(id, to, NULL));
	ch = util_channel();
	end(id);
}

McTest(join__fails_as_an_event)
{
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;

	ch = util_channel();
	id = datagrams(ch, true);
	fake_fail(FAKE_JOIN_EVENT, -ENETUNREACH);
	succeeds(rdma_join_multicast(id, to, &mine));
	ev = util_next(ch, RDMA_CM_EVENT_MULTICAST_ERROR);
	cr_assert_eq(ev->status, -ENETUNREACH);
	cr_assert_eq(ev->param.ud.private_data, &mine);
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_eq(mock_verbs_attached(), 0);
	succeeds(rdma_leave_multicast(id, to));
	end(id);
}

McTest(join__the_qp_cannot_be_attached)
{
	const struct {
		int fails, status;
	} table[] = { { ENOSPC, -ENOSPC }, { -1, -EIO }, { 0, -ENOMEM } };
	struct iw_cm_event ev;
	struct rdma_cm_id *id;

	ch = util_channel();
	id = datagrams(ch, true);
	for (int i = 0; i < 3; i++) {
		fake_hold(true);
		succeeds(rdma_join_multicast(id, to, NULL));
		fake_hold(false);
		ev = fake_joined(0);
		fake_post(id, &ev);
		if (table[i].fails)
			mock_verbs_fail(MOCK_ATTACH_MCAST, table[i].fails);
		else
			iw_fault_arm(IW_FAULT_SYSCALL, 1);
		cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_ERROR), table[i].status);
		iw_fault_arm(0, 0);
		succeeds(rdma_leave_multicast(id, to));
	}
	cr_assert_eq(mock_verbs_calls(MOCK_DETACH_MCAST), 0);
	end(id);
}

McTest(lost__is_told_as_often_as_it_happens)
{
	struct iw_cm_event ev;
	struct rdma_cm_id *id;

	ch = util_channel();
	id = datagrams(ch, true);
	succeeds(rdma_join_multicast(id, to, NULL));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN), 0);
	for (int i = 0; i < 4; i++) {
		ev = fake_joined(-ENETRESET);
		fake_post(id, &ev);
		cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_ERROR), -ENETRESET);
	}
	ev = fake_joined(0); /* is attached already */
	fake_post(id, &ev);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN), 0);
	cr_assert_eq(mock_verbs_attached(), 1);

	cr_assert_eq(shim_events_promise((struct shim_id *)id, 2), 0);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	fake_post_now(id, &ev); /* no memory: lost */
	iw_fault_arm(0, 0);
	util_nothing(ch);
	shim_events_unpromise((struct shim_id *)id, 2);
	succeeds(rdma_leave_multicast(id, to));
	end(id);
}

static struct later *destroyer;

static void *destroy_qp(void *id)
{
	rdma_destroy_qp(id);
	return NULL;
}

static void destroy_meanwhile(struct ibv_qp *qp)
{
	mock_verbs_while_attaching = NULL;
	destroyer = util_later(destroy_qp, qp->qp_context);
	cr_assert(util_still_runs(destroyer, 50), "the QP is gone while it is attached");
}

/* The event is retrieved while another thread destroys the QP. */
McTest(join__attaches_no_qp_that_goes)
{
	struct rdma_cm_id *id;

	ch = util_channel();
	id = datagrams(ch, true);
	id->qp->qp_context = id;
	mock_verbs_while_attaching = destroy_meanwhile;
	succeeds(rdma_join_multicast(id, to, NULL));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN), 0);
	cr_assert_null(util_join(destroyer));
	cr_assert_eq(mock_verbs_attached(), 0);
	cr_assert_null(id->qp);
	succeeds(rdma_leave_multicast(id, to));
	end(id);
}

/* ---- leaving */

McTest(leave__drops_what_nobody_has_seen)
{
	struct rdma_cm_id *id, *other;
	struct iw_cm_event ev;
	struct sockaddr_in second = group;

	ch = util_channel();
	id = datagrams(ch, true);
	other = util_id(ch);
	second.sin_addr.s_addr++;
	succeeds(rdma_join_multicast(id, to, NULL));
	ev = fake_joined(0);
	fake_pump(id);
	fake_pump(id);
	succeeds(rdma_write_cm_event(other, RDMA_CM_EVENT_USER, 1, 0));
	succeeds(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 2, 0));
	succeeds(rdma_leave_multicast(id, to));
	fake_post_now(id, &ev); /* comes too late */
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_USER), 1);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_USER), 2);
	util_nothing(ch);
	fake_hold(true);
	succeeds(rdma_join_multicast(id, (struct sockaddr *)&second, NULL));
	succeeds(rdma_leave_multicast(id, (struct sockaddr *)&second)); /* cancels it */
	fake_hold(false);
	util_destroy(other);
	end(id);
}

/* The name of what was left may be another group's soon. */
McTest(leave__takes_along_what_waits_below)
{
	struct pollfd pfd = { .events = POLLIN };
	struct rdma_cm_id *id;

	ch = util_channel();
	pfd.fd = ch->fd;
	id = datagrams(ch, true);
	succeeds(rdma_join_multicast(id, to, NULL));
	cr_assert_eq(poll(&pfd, 1, 0), 1);
	succeeds(rdma_leave_multicast(id, to));
	cr_assert_eq(poll(&pfd, 1, 0), 0);
	succeeds(rdma_join_multicast(id, to, &group));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN), 0);
	util_nothing(ch);
	end(id);
}

McTest(leave__fails_and_is_over_all_the_same)
{
	struct rdma_cm_id *id;

	ch = util_channel();
	id = datagrams(ch, true);
	succeeds(rdma_join_multicast(id, to, NULL));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN), 0);
	fake_fail(FAKE_LEAVE, -EIO);
	mock_verbs_fail(MOCK_DETACH_MCAST, EINVAL);
	fails_with(EIO, rdma_leave_multicast(id, to));
	cr_assert_eq(mock_verbs_calls(MOCK_DETACH_MCAST), 1);
	fails_with(EADDRNOTAVAIL, rdma_leave_multicast(id, to));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

static void *leave_later(void *id)
{
	return (void *)(long)rdma_leave_multicast(id, to);
}

McTest(leave__waits_for_its_events_alone)
{
	struct rdma_cm_event *ev, *user;
	struct rdma_cm_id *id;
	struct later *l;

	ch = util_channel();
	id = datagrams(ch, true);
	succeeds(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0));
	user = util_next(ch, RDMA_CM_EVENT_USER);
	succeeds(rdma_join_multicast(id, to, NULL));
	ev = util_next(ch, RDMA_CM_EVENT_MULTICAST_JOIN);
	l = util_later(leave_later, id);
	cr_assert(util_still_runs(l, 100));
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_null(util_join(l));
	succeeds(rdma_ack_cm_event(user));
	end(id);
}

McTest(leave__complains_after_five_seconds)
{
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;
	struct later *l;

	ch = util_channel();
	id = datagrams(ch, true);
	succeeds(rdma_join_multicast(id, to, NULL));
	ev = util_next(ch, RDMA_CM_EVENT_MULTICAST_JOIN);
	l = util_later(leave_later, id);
	cr_assert(util_still_runs(l, IW_STALL_MS + 300));
	succeeds(rdma_ack_cm_event(ev));
	cr_assert_null(util_join(l));
	end(id);
}

McTest(leave__after_the_channel)
{
	struct rdma_cm_id *id;

	ch = util_channel();
	id = datagrams(ch, true);
	succeeds(rdma_join_multicast(id, to, NULL));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN), 0);
	rdma_destroy_event_channel(ch);
	succeeds(rdma_leave_multicast(id, to));
	ch = util_channel();
	end(id);
}

McTest(synchronous__join_waits_and_leave_acknowledges)
{
	struct rdma_cm_id *id = datagrams(NULL, true);

	succeeds(rdma_join_multicast(id, to, NULL));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_MULTICAST_JOIN);
	succeeds(rdma_leave_multicast(id, to));
	cr_assert_null(id->event);
	fake_fail(FAKE_JOIN_EVENT, -ENETUNREACH);
	fails_with(ENETUNREACH, rdma_join_multicast(id, to, NULL));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_MULTICAST_ERROR);
	succeeds(rdma_leave_multicast(id, to));
	util_destroy(id);
	util_all_gone();
}

/* The loss of a group says nothing about the next call, be it another join. */
McTest(synchronous__news_of_another_group_are_beside)
{
	struct rdma_cm_id *id = datagrams(NULL, true);
	struct sockaddr_in second = group;
	struct iw_cm_event lost;

	second.sin_addr.s_addr++;
	succeeds(rdma_join_multicast(id, to, NULL));
	lost = fake_joined(-ENETRESET);
	fake_post_now(id, &lost);
	succeeds(rdma_join_multicast(id, (struct sockaddr *)&second, &mine));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_MULTICAST_JOIN);
	cr_assert_eq(id->event->param.ud.private_data, &mine);
	fake_post_now(id, &lost);
	succeeds(rdma_resolve_addrinfo(id, "127.0.0.1", NULL, NULL));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDRINFO_RESOLVED);
	util_destroy(id);
	util_all_gone();
}

McTest(migrate__the_membership_goes_along)
{
	struct rdma_event_channel *next = util_channel();
	struct rdma_cm_id *id;

	ch = util_channel();
	id = datagrams(ch, true);
	succeeds(rdma_join_multicast(id, to, NULL));
	fake_pump(id);
	succeeds(rdma_migrate_id(id, next));
	rdma_destroy_event_channel(ch);
	ch = next;
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_MULTICAST_JOIN), 0);
	succeeds(rdma_leave_multicast(id, to));
	end(id);
}
