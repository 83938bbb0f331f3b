// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The tables of states, and every state with every event with every operation.
 * What is expected stands in tables of this file, written from iw_cm.h.
 */
#include "iwcm-core/iw_state.h"
#include "tests/core_fake.h"

/* ------------------------------------------------------------------ tables */

/* Rows: from; columns: to, in the order of the enum. */
static const char *const legal_rows[IW_CM_NSTATES] = {
	/* I L R S E C D */
	[IW_CM_IDLE] = ".xxx..x",	 [IW_CM_LISTEN] = "x.....x",
	[IW_CM_CONN_RECV] = "x...x.x",	 [IW_CM_CONN_SENT] = "x...x.x",
	[IW_CM_ESTABLISHED] = "x....xx", [IW_CM_CLOSING] = "x.....x",
	[IW_CM_DESTROYING] = ".......",
};

/* a: may be asked for, t: may be told by the driver, b: both. */
static const char *const qp_rows[IW_QP_NSTATES] = {
	/* RESET INIT RTR RTS SQD ERR */
	[IW_QP_RESET] = ".a.t.b", [IW_QP_INIT] = "a.at.b", [IW_QP_RTR] = "...b.b",
	[IW_QP_RTS] = "....ab",	  [IW_QP_SQD] = ".....b",  [IW_QP_ERR] = "a.....",
};

Test(iw_state, legal__is_the_table)
{
	for (int from = 0; from < IW_CM_NSTATES; from++)
		for (int to = 0; to < IW_CM_NSTATES; to++)
			cr_assert_eq(iw_state_legal(from, to), legal_rows[from][to] == 'x',
				     "%s -> %s", iw_cm_state_name(from), iw_cm_state_name(to));
	cr_assert(!iw_state_legal(IW_CM_NSTATES, IW_CM_IDLE));
	cr_assert(!iw_state_legal(IW_CM_IDLE, IW_CM_NSTATES));
}

Test(iw_state, qp_legal__is_the_table)
{
	for (int from = 0; from < IW_QP_NSTATES; from++)
		for (int to = 0; to < IW_QP_NSTATES; to++) {
			char c = qp_rows[from][to];

			cr_assert_eq(iw_qp_legal(from, to, IW_QP_ASKED), c == 'a' || c == 'b');
			cr_assert_eq(iw_qp_legal(from, to, IW_QP_TOLD), c == 't' || c == 'b');
		}
	cr_assert(!iw_qp_legal(IW_QP_NSTATES, IW_QP_ERR, IW_QP_ASKED));
	cr_assert(!iw_qp_legal(IW_QP_RESET, IW_QP_NSTATES, IW_QP_ASKED));
}

Test(iw_state, set__refuses_what_the_table_forbids)
{
	struct client *c = client_new(&fake_ops);
	struct iw_id *id = iw_id_of(c->id);

	iw_lock(&id->lock);
	cr_assert_eq(iw_state_set(id, IW_CM_CLOSING), -EINVAL);
	cr_assert_eq(id->state, IW_CM_IDLE);
	cr_assert_eq(iw_state_set(id, IW_CM_LISTEN), 0);
	cr_assert_eq(id->state, IW_CM_LISTEN);
	iw_unlock(&id->lock);
	client_free(c);
	fake_check_end();
}

Test(iw_state, names__all_and_unknown)
{
	cr_assert_str_eq(iw_cm_state_name(IW_CM_CONN_RECV), "CONN_RECV");
	cr_assert_str_eq(iw_cm_state_name(IW_CM_NSTATES), "?");
	cr_assert_str_eq(iw_cm_event_name(IW_CM_EVENT_CLOSE), "CLOSE");
	cr_assert_str_eq(iw_cm_event_name((enum iw_cm_event_type) - 1), "?");
	cr_assert_str_eq(iw_qp_state_name(IW_QP_SQD), "SQD");
	cr_assert_str_eq(iw_qp_state_name(IW_QP_NSTATES), "?");
	for (int i = 0; i < IW_CM_NEVENTS; i++)
		cr_assert_neq(iw_cm_event_name(i)[0], '?');
}

/* ------------------------------------------- state x event x operation */

struct input {
	enum iw_cm_event_type type;
	int status;
};

/* The columns of event_rows. */
static const struct input inputs[] = {
	{ IW_CM_EVENT_CONNECT_REQUEST, 0 },
	{ IW_CM_EVENT_CONNECT_REPLY, 0 },
	{ IW_CM_EVENT_CONNECT_REPLY, -ECONNREFUSED },
	{ IW_CM_EVENT_ESTABLISHED, 0 },
	{ IW_CM_EVENT_ESTABLISHED, -ECONNRESET },
	{ IW_CM_EVENT_DISCONNECT, 0 },
	{ IW_CM_EVENT_CLOSE, 0 },
	{ IW_CM_EVENT_DEVICE_GONE, 0 },
	{ IW_CM_EVENT_ADDR, 0 },
	{ IW_CM_EVENT_ROUTE, -ETIMEDOUT },
	{ IW_CM_EVENT_ADDR_CHANGE, 0 },
	{ IW_CM_EVENT_TIMEWAIT_EXIT, 0 },
	{ IW_CM_EVENT_MULTICAST, 0 },
	{ IW_CM_EVENT_CONNECT_RESPONSE, 0 },
	{ IW_CM_EVENT_ADDRINFO, 0 },
};

#define NINPUTS IW_ARRAY_SIZE(inputs)

/*
 * Two characters a column: the situation that follows (i idle, e ended,
 * l listen, r conn_recv, a accepted, s conn_sent, t established, c closing) and
 * what becomes of the event: d delivered, s silent, u unexpected, r refused by
 * the post.
 */
/* clang-format off */
static const char *const event_rows[S_NSITUATIONS] = {
	/*                REQ REP+ REP- EST+ EST- DISC CLOS GONE ADDR ROUT ACHG TIME MULT RESP INFO */
	[S_IDLE] = "ir  iu   iu   iu   iu   iu   iu   id   id   id   id   id   id   iu   id",
	[S_ENDED] = "er  eu   eu   eu   eu   eu   eu   ed   ed   ed   ed   ed   ed   eu   ed",
	[S_LISTEN] = "ld  lu   lu   lu   lu   lu   lu   ld   lu   lu   ld   ld   ld   lu   ld",
	[S_CONN_RECV] = "rr  iu   iu   iu   iu   iu   iu   rd   ru   ru   rd   rd   rd   iu   rd",
	[S_ACCEPTED] = "ar  au   au   td   ed   au   au   ad   au   au   ad   ad   ad   au   ad",
	[S_CONN_SENT] = "sr  td   ed   su   su   su   su   sd   su   su   sd   sd   sd   su   sd",
	[S_ESTABLISHED] = "tr  cu   cu   cu   cu   cs   ed   td   tu   tu   td   td   td   cu   td",
	[S_CLOSING] = "cr  cu   cu   cu   cu   cs   ed   cd   cu   cu   cd   cd   cd   cu   cd",
};

/* clang-format on */
static const char letters[] = "ielrastc";

static enum situation situation_by(char letter)
{
	return (enum situation)(strchr(letters, letter) - letters);
}

/* The @n-th pair of characters of a row, blanks skipped. */
static const char *cell(const char *row, size_t n)
{
	for (;; row++) {
		if (*row == ' ')
			continue;
		if (!n--)
			return row;
		row++;
	}
}

enum operation {
	O_BIND,
	O_RESOLVE_ADDR,
	O_RESOLVE_ROUTE,
	O_QUERY,
	O_SET_OPTION,
	O_NOTIFY,
	O_INIT_QP_ATTR,
	O_QUERY_PATH,
	O_QUERY_SERVICE,
	O_RESOLVE_SERVICE,
	O_JOIN_LEAVE,
	O_LISTEN,
	O_CONNECT,
	O_ACCEPT,
	O_REJECT,
	O_DISCONNECT,
	O_ABORT,
	O_ESTABLISH,
	O_MIGRATE,
	O_ATTACH,
	O_MODIFY,
	O_NOPERATIONS
};

static int operate(struct iw_cm_id *id, enum operation o)
{
	static const struct iw_cm_conn_param param;
	static int qp, group;
	const struct iw_cm_join join = { .addr = (void *)&group, .membership = &group };

	switch (o) {
	case O_BIND:
		return iw_cm_bind(id, NULL);
	case O_RESOLVE_ADDR:
		return iw_cm_resolve_addr(id, NULL, NULL, 1000);
	case O_RESOLVE_ROUTE:
		return iw_cm_resolve_route(id, 1000);
	case O_QUERY:
		return iw_cm_query(id, NULL);
	case O_SET_OPTION:
		return iw_cm_set_option(id, 0, 1, "", 1);
	case O_NOTIFY:
		return iw_cm_notify(id, 1);
	case O_INIT_QP_ATTR:
		return iw_cm_init_qp_attr(id, NULL, NULL);
	case O_QUERY_PATH:
		return iw_cm_query_path(id, NULL);
	case O_QUERY_SERVICE:
		return iw_cm_query_service(id, NULL);
	case O_RESOLVE_SERVICE:
		return iw_cm_resolve_service(id, NULL);
	case O_JOIN_LEAVE:
		return iw_cm_join(id, &join) ?: iw_cm_leave(id, &group);
	case O_LISTEN:
		return iw_cm_listen(id, 1, 1);
	case O_CONNECT:
		return iw_cm_connect(id, &param);
	case O_ACCEPT:
		return iw_cm_accept(id, &param);
	case O_REJECT:
		return iw_cm_reject(id, "no", 2, 0);
	case O_DISCONNECT:
		return iw_cm_disconnect(id, false);
	case O_ABORT:
		return iw_cm_disconnect(id, true);
	case O_ESTABLISH:
		return iw_cm_establish(id);
	case O_MIGRATE:
		return iw_cm_migrate(id, NULL, NULL, NULL);
	case O_ATTACH:
		return iw_cm_qp_attach(id, &qp) ?: iw_cm_qp_detach(id);
	default: /* no QP is attached */
		return iw_cm_qp_modify(id, IW_QP_INIT);
	}
}

/* The situation that follows, or '-': -EINVAL and nothing changes. */
static const char *const operation_rows[S_NSITUATIONS] = {
	/* bind, 2 resolve, query, option, notify, attr, path, service, its resolution,
	 * join and leave, listen, connect, accept, reject, disconnect, abrupt, establish, migrate,
	 * attach, modify
	 */
	[S_IDLE] = "iiiiiiiiiiils-----ii-",	   [S_ENDED] = "eeeeeeeeeeels--ee-ee-",
	[S_LISTEN] = "---llllll-l-------ll-",	   [S_CONN_RECV] = "---rrrrrr-r--ai---rr-",
	[S_ACCEPTED] = "---aaaaaa-a----aa-aa-",	   [S_CONN_SENT] = "---ssssss-s----ss-ss-",
	[S_ESTABLISHED] = "---tttttt-t----cc-tt-", [S_CLOSING] = "---cccccc-c----cc-cc-",
};

/* Whether iw_cm_disconnect tells the two kinds of IDLE apart as it should. */
static void check_situation(struct client *c, enum situation want, const char *what)
{
	cr_assert_eq(iw_cm_get_state(c->id), state_of[want], "%s: %s instead of %s", what,
		     iw_cm_state_name(iw_cm_get_state(c->id)), situation_name[want]);
	if (want == S_IDLE)
		cr_assert_eq(iw_cm_disconnect(c->id, true), -EINVAL, "%s", what);
	if (want == S_ENDED)
		cr_assert_eq(iw_cm_disconnect(c->id, true), 0, "%s", what);
}

static int post_member(struct iw_cm_id *id)
{
	static int group;
	const struct iw_cm_join join = { .addr = (void *)&group, .membership = &group };
	int rc = iw_cm_join(id, &join);

	cr_assert(rc == 0 || rc == -EEXIST);
	return fake_post_member(id, &group, 0);
}

static int post_input(struct stage *stage, const struct input *in)
{
	struct client *other;
	struct iw_cm_event ev = { .type = in->type };
	int rc;

	if (in->type == IW_CM_EVENT_MULTICAST)
		return post_member(stage->c->id);
	if (in->type != IW_CM_EVENT_CONNECT_REQUEST)
		return fake_post(stage->c->id, in->type, in->status);
	if (iw_cm_get_state(stage->c->id) == IW_CM_LISTEN) {
		rc = fake_request(stage->c->id);
		client_free(stage->c->child);
		return rc;
	}
	/* A child of somebody else. */
	other = client_new(&fake_ops);
	cr_assert_eq(iw_cm_listen(other->id, 1, 1), 0);
	cr_assert_eq(fake_child(other->id, &ev.child), 0);
	rc = iw_cm_post(stage->c->id, &ev);
	client_free(other);
	return rc;
}

/* Brings an event into a situation and checks what the table says. */
static enum situation put_event(struct stage *stage, enum situation s, size_t input)
{
	const char *want = cell(event_rows[s], input);
	unsigned int before = client_count(stage->c);
	struct iw_cm_stats a, b;
	char what[80];
	int rc;

	snprintf(what, sizeof(what), "%s, %s %d", situation_name[s],
		 iw_cm_event_name(inputs[input].type), inputs[input].status);
	iw_cm_get_stats(&a);
	rc = post_input(stage, &inputs[input]);
	iw_cm_get_stats(&b);
	cr_assert_eq(rc, want[1] == 'r' ? -EINVAL : 0, "%s: %d", what, rc);
	cr_assert_eq(client_count(stage->c) - before, want[1] == 'd', "%s", what);
	cr_assert_eq(b.events_unexpected - a.events_unexpected, want[1] == 'u', "%s", what);
	check_situation(stage->c, situation_by(want[0]), what);
	return situation_by(want[0]);
}

static enum situation put_operation(struct stage *stage, enum situation s, enum operation o)
{
	char want = operation_rows[s][o];
	char what[80];
	int rc;

	snprintf(what, sizeof(what), "%s, operation %d", situation_name[s], o);
	rc = operate(stage->c->id, o);
	cr_assert_eq(rc, want == '-' ? -EINVAL : 0, "%s: %d", what, rc);
	if (want != '-')
		s = situation_by(want);
	check_situation(stage->c, s, what);
	return s;
}

Test(iw_state, event_then_operation__every_triple, .timeout = 60)
{
	for (int s = 0; s < S_NSITUATIONS; s++)
		for (size_t e = 0; e < NINPUTS; e++)
			for (int o = 0; o < O_NOPERATIONS; o++) {
				struct stage stage = stage_set(s, &fake_ops);

				put_operation(&stage, put_event(&stage, s, e), o);
				stage_clear(&stage);
			}
	fake_check_end();
}

Test(iw_state, operation_then_event__every_triple, .timeout = 60)
{
	for (int s = 0; s < S_NSITUATIONS; s++)
		for (int o = 0; o < O_NOPERATIONS; o++)
			for (size_t e = 0; e < NINPUTS; e++) {
				struct stage stage = stage_set(s, &fake_ops);

				put_event(&stage, put_operation(&stage, s, o), e);
				stage_clear(&stage);
			}
	fake_check_end();
}

/* Events in every order of two, so that what one leaves behind meets the next. */
Test(iw_state, event_then_event__every_pair, .timeout = 60)
{
	for (int s = 0; s < S_NSITUATIONS; s++)
		for (size_t e = 0; e < NINPUTS; e++)
			for (size_t f = 0; f < NINPUTS; f++) {
				struct stage stage = stage_set(s, &fake_ops);
				bool twice = e == f && inputs[e].type == IW_CM_EVENT_DEVICE_GONE;
				enum situation next = put_event(&stage, s, e);

				if (!twice)
					put_event(&stage, next, f);
				stage_clear(&stage);
			}
	fake_check_end();
}

/* Another thread destroys the id and waits for the driver meanwhile. */
static void *destroy_it(void *arg)
{
	cr_assert_eq(iw_cm_destroy(arg), 0);
	return NULL;
}

Test(iw_state, destroying__every_event_and_operation_hears_shutdown, .timeout = 60)
{
	for (int s = 0; s < S_NSITUATIONS; s++) {
		struct stage stage = stage_set(s, &fake_ops);
		struct iw_cm_id *id = stage.c->id;
		unsigned int before = fake_gone_count(id); /* an old id at this address */
		pthread_t thread;

		fake.defer_put = true;
		pthread_create(&thread, NULL, destroy_it, id);
		cr_assert(wait_for(fake_gone_count(id) == before + 1));
		cr_assert_eq(iw_cm_get_state(id), IW_CM_DESTROYING);
		for (size_t e = 1; e < NINPUTS; e++)
			cr_assert_eq(fake_post(id, inputs[e].type, inputs[e].status), -ESHUTDOWN);
		cr_assert_eq(fake_request(id), -ESHUTDOWN);
		for (int o = 0; o < O_NOPERATIONS; o++)
			cr_assert_eq(operate(id, o), -ESHUTDOWN, "operation %d", o);
		cr_assert_eq(iw_cm_destroy(id), -EALREADY);
		cr_assert_eq(client_count(stage.c), 0);
		fake_put_all();
		pthread_join(thread, NULL);
		fake.defer_put = false;
		stage.c->id = NULL;
		stage_clear(&stage);
	}
	fake_check_end();
}

Test(iw_state, operations__without_a_driver_op_are_not_supported)
{
	static const struct iw_cm_driver_ops *const full = &fake_ops;
	struct iw_cm_driver_ops bare = { .name = "bare",
					 .id_new = full->id_new,
					 .id_gone = full->id_gone };
	struct client *c = client_new(&bare);

	for (int o = 0; o <= O_MIGRATE; o++)
		cr_assert_eq(operate(c->id, o), -EOPNOTSUPP, "operation %d", o);
	cr_assert_eq(operate(c->id, O_ATTACH), 0);
	cr_assert_eq(iw_cm_qp_attach(c->id, &bare), 0);
	cr_assert_eq(iw_cm_qp_modify(c->id, IW_QP_INIT), -EOPNOTSUPP);
	client_free(c);
	fake_check_end();
}

/* All driver errors come back unchanged and leave IDLE as it was. */
Test(iw_state, operations__pass_the_error_of_the_driver)
{
	static const enum fake_op ops[] = {
		F_BIND,	  F_RESOLVE_ADDR, F_RESOLVE_ROUTE, F_QUERY,	    F_SET_OPTION,
		F_NOTIFY, F_INIT_QP_ATTR, F_QUERY_PATH,	   F_QUERY_SERVICE, F_RESOLVE_SERVICE,
		F_JOIN,	  F_LISTEN,	  F_CONNECT
	};
	struct client *c = client_new(&fake_ops);

	for (size_t i = 0; i < IW_ARRAY_SIZE(ops); i++) {
		fake.fail[ops[i]] = -EADDRINUSE;
		cr_assert_eq(operate(c->id, (enum operation)i), -EADDRINUSE);
		cr_assert_eq(iw_cm_get_state(c->id), IW_CM_IDLE);
	}
	fake.fail[F_MIGRATE] = -EADDRINUSE;
	cr_assert_eq(operate(c->id, O_MIGRATE), -EADDRINUSE);
	client_free(c);
	fake_check_end();
}

Test(iw_state, log__names_every_change_of_a_state)
{
	char path[] = "/tmp/iwshim-log-XXXXXX", text[4096] = "";
	int fd = mkstemp(path);
	struct client *c;
	static int qp;

	setenv("IWSHIM_LOG", "debug", 1);
	setenv("IWSHIM_LOG_FILE", path, 1);
	c = client_new(&fake_ops);
	iw_cm_qp_attach(c->id, &qp);
	operate(c->id, O_CONNECT);
	fake_post(c->id, IW_CM_EVENT_CONNECT_REPLY, 0);
	iw_cm_qp_detach(c->id);
	fake_post(c->id, IW_CM_EVENT_CONNECT_REPLY, 0);
	client_free(c);
	cr_assert(read(fd, text, sizeof(text) - 1) > 0);
	cr_assert_not_null(strstr(text, "IDLE -> CONN_SENT"));
	cr_assert_not_null(strstr(text, "CONN_SENT -> ESTABLISHED"));
	cr_assert_not_null(strstr(text, "QP RESET -> RTS, by the driver"));
	cr_assert_not_null(strstr(text, "warn: id"));
	cr_assert_not_null(strstr(text, "CONNECT_REPLY (status 0) in ESTABLISHED is dropped"));
	cr_assert_not_null(strstr(text, "ESTABLISHED -> CLOSING"));
	cr_assert_not_null(strstr(text, "CLOSING -> DESTROYING"));
	unlink(path);
}
