// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What every driver owes the core, and through it the program. Built once for
 * each driver, with its world (contract_*.c).
 */
#include "tests/driver_contract.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"

#define SEEN_MAX 16
/* Nothing that a call does may wait for a peer. */
#define AT_ONCE_MS 1000

struct seen {
	struct iw_cm_event ev[SEEN_MAX];
	char data[SEEN_MAX][IW_CM_PRIVATE_DATA_MAX];
	unsigned int n; /* atomic */
	bool end_it;	/* the handler asks for the id's end */
};

static struct iw_source *source, *other;
static struct seen seen; /* all but addressing */

static int on_event(struct iw_cm_id *id, const struct iw_cm_event *ev)
{
	unsigned int n = __atomic_load_n(&seen.n, __ATOMIC_RELAXED);

	if (ev->type == IW_CM_EVENT_ADDR || ev->type == IW_CM_EVENT_ROUTE || n == SEEN_MAX)
		return 0;
	seen.ev[n] = *ev;
	iw_copy(seen.data[n], sizeof(seen.data[n]), ev->param.private_data,
		ev->param.private_data_len);
	__atomic_store_n(&seen.n, n + 1, __ATOMIC_RELEASE);
	return seen.end_it;
}

static unsigned int count(void)
{
	return __atomic_load_n(&seen.n, __ATOMIC_ACQUIRE);
}

/* The @n-th event (from 0), which has to be @type. */
static const struct iw_cm_event *event(unsigned int n, enum iw_cm_event_type type)
{
	for (uint64_t end = iw_now_ms() + 5000; count() <= n && iw_now_ms() < end;)
		world_step(source);
	cr_assert_gt(count(), n, "no %s", iw_cm_event_name(type));
	cr_assert_eq(seen.ev[n].type, type, "%s", iw_cm_event_name(seen.ev[n].type));
	return &seen.ev[n];
}

static void no_more_than(unsigned int n)
{
	for (int i = 0; i < 30; i++)
		world_step(source);
	cr_assert_eq(count(), n);
}

/* -------------------------------------------------------------------- Ids */

static void setup(void)
{
	int fd;

	world_open();
	cr_assert_eq(world_driver()->source_open(&source, &fd), 0);
}

static struct iw_cm_id *make(void)
{
	struct iw_cm_open_arg arg = { .source = source, .ps = 0x106, .qp_type = 2 };
	struct iw_cm_id *id = NULL;

	cr_assert_eq(iw_cm_create(world_driver()->cm, &arg, on_event, NULL, &id), 0);
	return id;
}

static void end(struct iw_cm_id *id)
{
	uint64_t begin = iw_now_ms();
	unsigned int n = count();

	if (id)
		cr_assert_eq(iw_cm_destroy(id), 0);
	cr_assert_lt(iw_now_ms() - begin, AT_ONCE_MS);
	cr_assert_eq(count(), n, "a destroyed id has no events");
}

static void finish(struct iw_cm_id *id)
{
	struct iw_cm_stats stats;

	end(id);
	no_more_than(count());
	world_driver()->source_close(source);
	if (other)
		world_driver()->source_close(other);
	iw_cm_get_stats(&stats);
	cr_assert_eq(stats.ids_created, stats.ids_freed, "id_gone once, driver_put once");
	cr_assert_eq(stats.events_unexpected, 0);
	world_close();
}

static struct iw_cm_conn_param param_of(const char *data)
{
	return (struct iw_cm_conn_param){ .qp_num = world_qp(),
					  .responder_resources = 4,
					  .initiator_depth = 3,
					  .private_data = data,
					  .private_data_len = (uint16_t)strlen(data) };
}

static struct iw_cm_id *make_connecting(void)
{
	const struct iw_cm_conn_param param = param_of("hello");
	struct iw_cm_id *id = make();
	uint64_t begin;

	world_address(id);
	begin = iw_now_ms();
	cr_assert_eq(iw_cm_connect(id, &param), 0);
	cr_assert_lt(iw_now_ms() - begin, AT_ONCE_MS);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_CONN_SENT);
	return id;
}

static struct iw_cm_id *make_connected(void)
{
	struct iw_cm_id *id = make_connecting();

	world_peer_accepts(id, "");
	cr_assert_eq(event(0, IW_CM_EVENT_CONNECT_REPLY)->status, 0);
	return id;
}

static struct iw_cm_id *make_listener(unsigned int slots)
{
	struct iw_cm_id *id = make();

	world_bind(id);
	cr_assert_eq(iw_cm_listen(id, (int)slots, slots), 0);
	return id;
}

/* The next event is the request of peer @n. */
static struct iw_cm_id *request(struct iw_cm_id *listener, unsigned int n)
{
	unsigned int next = count();

	world_peer_asks(listener, n, "hi");
	return event(next, IW_CM_EVENT_CONNECT_REQUEST)->child;
}

static void accept_it(struct iw_cm_id *child, unsigned int n)
{
	const struct iw_cm_conn_param param = param_of("welcome");
	unsigned int next = count();

	cr_assert_eq(iw_cm_accept(child, &param), 0);
	world_peer_hears(child, n);
	cr_assert_eq(event(next, IW_CM_EVENT_ESTABLISHED)->status, 0);
	cr_assert_eq(iw_cm_get_state(child), IW_CM_ESTABLISHED);
}

/* --------------------------------------------------------------------- Life */

Test(contract, id_new__and_id_gone, .init = setup)
{
	struct iw_cm_id *a = make(), *b = make();

	end(a);
	finish(b);
}

Test(contract, id_new__without_memory_makes_nothing, .init = setup)
{
	struct iw_cm_open_arg arg = { .source = source, .ps = 0x106, .qp_type = 2 };
	struct iw_cm_id *id = NULL;
	unsigned long n;

	for (n = 1; n < 20; n++) {
		iw_fault_arm(IW_FAULT_ALLOC, n);
		if (!iw_cm_create(world_driver()->cm, &arg, on_event, NULL, &id))
			break;
	}
	iw_fault_arm(0, 0);
	cr_assert(n > 1 && n < 20);
	finish(id);
}

Test(contract, destroy__bound, .init = setup)
{
	struct iw_cm_id *id = make();

	world_bind(id);
	finish(id);
}

Test(contract, destroy__listening, .init = setup)
{
	finish(make_listener(2));
}

Test(contract, destroy__connecting, .init = setup)
{
	finish(make_connecting());
}

Test(contract, destroy__connected, .init = setup)
{
	finish(make_connected());
}

Test(contract, destroy__closing, .init = setup)
{
	struct iw_cm_id *id = make_connected();

	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	finish(id);
}

Test(contract, destroy__ended, .init = setup)
{
	struct iw_cm_id *id = make_connected();

	world_peer_closes(id, 0);
	event(1, IW_CM_EVENT_CLOSE);
	finish(id);
}

Test(contract, destroy__accepting, .init = setup)
{
	const struct iw_cm_conn_param param = param_of("");
	struct iw_cm_id *listener = make_listener(2), *child = request(listener, 0);

	cr_assert_eq(iw_cm_accept(child, &param), 0);
	cr_assert_eq(iw_cm_destroy(child), 0);
	finish(listener);
}

Test(contract, destroy__by_the_handler, .init = setup)
{
	seen.end_it = true;
	world_peer_rejects(make_connecting(), "");
	event(0, IW_CM_EVENT_CONNECT_REPLY);
	finish(NULL);
}

/* ------------------------------------------------------------------- Connect */

Test(contract, connect__accepted, .init = setup)
{
	struct iw_cm_id *id = make_connecting();
	const struct iw_cm_event *ev;

	world_peer_accepts(id, "welcome");
	ev = event(0, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(ev->status, 0);
	cr_assert_eq(ev->param.private_data_len, 7);
	cr_assert_arr_eq(seen.data[0], "welcome", 7);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_ESTABLISHED);
	no_more_than(1);
	finish(id);
}

Test(contract, connect__rejected, .init = setup)
{
	struct iw_cm_id *id = make_connecting();
	const struct iw_cm_event *ev;

	world_peer_rejects(id, "no");
	ev = event(0, IW_CM_EVENT_CONNECT_REPLY);
	cr_assert_eq(ev->status, -ECONNREFUSED);
	cr_assert_eq(ev->param.private_data_len, 2);
	cr_assert_arr_eq(seen.data[0], "no", 2);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_IDLE);
	cr_assert_eq(iw_cm_disconnect(id, false), 0, "it is over");
	no_more_than(1);
	finish(id);
}

Test(contract, connect__closed_without_an_answer, .init = setup)
{
	struct iw_cm_id *id = make_connecting();

	world_peer_vanishes(id);
	cr_assert_lt(event(0, IW_CM_EVENT_CONNECT_REPLY)->status, 0);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_IDLE);
	no_more_than(1);
	finish(id);
}

Test(contract, connect__an_error_owes_nothing, .init = setup)
{
	static char data[IW_CM_PRIVATE_DATA_MAX];
	struct iw_cm_conn_param param = param_of("");
	struct iw_cm_id *id = make();

	world_address(id);
	param.private_data = data;
	param.private_data_len = sizeof(data);
	cr_assert_eq(iw_cm_connect(id, &param), -EINVAL);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_IDLE);
	no_more_than(0);
	param.private_data_len = 0;
	cr_assert_eq(iw_cm_connect(id, &param), 0, "and may be tried again");
	finish(id);
}

Test(contract, events__the_reply_comes_before_the_end, .init = setup)
{
	struct iw_cm_id *id = make_connecting();

	world_peer_accepts_and_closes(id);
	cr_assert_eq(event(0, IW_CM_EVENT_CONNECT_REPLY)->status, 0);
	cr_assert_eq(event(1, IW_CM_EVENT_CLOSE)->status, 0);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_IDLE);
	no_more_than(2);
	finish(id);
}

/* ---------------------------------------------------------------- Disconnect */

Test(contract, disconnect__while_connecting, .init = setup)
{
	struct iw_cm_id *id = make_connecting();
	uint64_t begin = iw_now_ms();

	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	cr_assert_lt(iw_now_ms() - begin, AT_ONCE_MS);
	cr_assert_lt(event(0, IW_CM_EVENT_CONNECT_REPLY)->status, 0);
	cr_assert_eq(iw_cm_get_state(id), IW_CM_IDLE);
	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	no_more_than(1);
	finish(id);
}

static void disconnect_both_ways(bool abrupt)
{
	struct iw_cm_id *id = make_connected();

	cr_assert_eq(iw_cm_disconnect(id, abrupt), 0);
	world_we_close(id);
	cr_assert_eq(event(1, IW_CM_EVENT_CLOSE)->status, 0);
	cr_assert_eq(iw_cm_disconnect(id, abrupt), 0, "once more changes nothing");
	no_more_than(2);
	finish(id);
}

Test(contract, disconnect__graceful, .init = setup)
{
	disconnect_both_ways(false);
}

Test(contract, disconnect__abrupt, .init = setup)
{
	disconnect_both_ways(true);
}

Test(contract, disconnect__never_connected, .init = setup)
{
	struct iw_cm_id *id = make();

	world_bind(id);
	cr_assert_eq(iw_cm_disconnect(id, false), -EINVAL);
	finish(id);
}

Test(contract, close__by_the_peer, .init = setup)
{
	struct iw_cm_id *id = make_connected();

	world_peer_closes(id, 0);
	cr_assert_eq(event(1, IW_CM_EVENT_CLOSE)->status, 0);
	cr_assert_eq(iw_cm_disconnect(id, false), 0);
	no_more_than(2);
	finish(id);
}

/* -------------------------------------------------------------------- Listen */

Test(contract, listen__a_request_comes, .init = setup)
{
	struct iw_cm_id *listener = make_listener(2), *child = request(listener, 0);
	const struct iw_cm_conn_param *said = &seen.ev[0].param;

	cr_assert_eq(iw_cm_get_state(child), IW_CM_CONN_RECV);
	cr_assert_eq(said->private_data_len, 2);
	cr_assert_arr_eq(seen.data[0], "hi", 2);
	cr_assert_eq(said->responder_resources, 5, "what the peer will issue");
	cr_assert_eq(said->initiator_depth, 7, "what it serves");
	no_more_than(1);
	end(child);
	cr_assert(world_peer_is_refused(0));
	finish(listener);
}

Test(contract, listen__without_credit_the_peer_is_refused, .init = setup)
{
	struct iw_cm_id *listener = make_listener(1), *child = request(listener, 0);

	world_peer_asks(listener, 1, "");
	no_more_than(1);
	cr_assert(world_peer_is_refused(1));
	iw_cm_request_taken(child);
	end(request(listener, 2));
	end(child);
	finish(listener);
}

Test(contract, listen__children_outlive_it, .init = setup)
{
	struct iw_cm_id *listener = make_listener(2), *child = request(listener, 0);

	accept_it(child, 0);
	end(listener);
	world_peer_closes(child, 0);
	event(2, IW_CM_EVENT_CLOSE);
	finish(child);
}

Test(contract, listen__the_handler_refuses, .init = setup)
{
	struct iw_cm_id *listener = make_listener(2);

	seen.end_it = true;
	request(listener, 0);
	cr_assert(world_peer_is_refused(0));
	finish(listener);
}

/* ----------------------------------------------------------- Accept, reject */

Test(contract, accept__then_the_peer_closes, .init = setup)
{
	struct iw_cm_id *listener = make_listener(2), *child = request(listener, 0);

	accept_it(child, 0);
	world_peer_closes(child, 0);
	cr_assert_eq(event(2, IW_CM_EVENT_CLOSE)->status, 0);
	no_more_than(3);
	end(child);
	finish(listener);
}

Test(contract, accept__then_we_close, .init = setup)
{
	struct iw_cm_id *listener = make_listener(2), *child = request(listener, 0);

	accept_it(child, 0);
	cr_assert_eq(iw_cm_disconnect(child, false), 0);
	world_we_close(child);
	cr_assert_eq(event(2, IW_CM_EVENT_CLOSE)->status, 0);
	no_more_than(3);
	end(child);
	finish(listener);
}

Test(contract, accept__an_error_refuses_the_peer, .init = setup)
{
	static char data[IW_CM_PRIVATE_DATA_MAX];
	struct iw_cm_id *listener = make_listener(2), *child = request(listener, 0);
	struct iw_cm_conn_param param = param_of("");

	param.private_data = data;
	param.private_data_len = sizeof(data);
	cr_assert_eq(iw_cm_accept(child, &param), -EINVAL);
	cr_assert_eq(iw_cm_get_state(child), IW_CM_IDLE);
	cr_assert(world_peer_is_refused(0));
	no_more_than(1);
	end(child);
	finish(listener);
}

Test(contract, reject__tells_the_peer_and_nobody_here, .init = setup)
{
	struct iw_cm_id *listener = make_listener(2), *child = request(listener, 0);
	const struct iw_cm_conn_param param = param_of("");

	cr_assert_eq(iw_cm_reject(child, "no", 2, 0), 0);
	cr_assert(world_peer_is_refused(0));
	cr_assert_eq(iw_cm_reject(child, NULL, 0, 0), -EINVAL);
	cr_assert_eq(iw_cm_accept(child, &param), -EINVAL);
	no_more_than(1);
	end(child);
	finish(listener);
}

/* ------------------------------------------------------------------- Sources */

Test(contract, migrate__events_follow, .init = setup)
{
	struct iw_cm_id *id = make_connecting();
	struct iw_source *first = source;
	int fd;

	cr_assert_eq(world_driver()->source_open(&other, &fd), 0);
	cr_assert_eq(iw_cm_migrate(id, other, NULL, NULL), 0);
	source = other;
	world_peer_accepts(id, "");
	cr_assert_eq(event(0, IW_CM_EVENT_CONNECT_REPLY)->status, 0);
	world_peer_closes(id, 0);
	cr_assert_eq(event(1, IW_CM_EVENT_CLOSE)->status, 0);
	other = first;
	finish(id);
}

Test(contract, query__an_id_bound_to_nothing, .init = setup)
{
	struct iw_cm_addr_info info;
	struct iw_cm_id *id = make();

	cr_assert_eq(iw_cm_query(id, &info), 0);
	cr_assert_eq(info.node_guid, 0);
	cr_assert_eq(info.port_num, 0);
	cr_assert_eq(info.ibdev_index, -1);
	cr_assert_eq(info.dst.ss_family, 0);
	finish(id);
}
