// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What no program should do, done to every public call: NULL, pointers to
 * something else, calls in the wrong state, calls in a forked child, and life
 * without descriptors or a usable device. Nothing may crash; each call gives
 * -1 and the errno that the table here names.
 *
 * usage: misuse null|stale|state|fork|fds|without ERRNO [x: as nobody]|later ERRNO
 * Prints a TAP result a line, without numbers or a plan. Exit: 0, 1.
 * Linked with our static libraries: the stock library would crash.
 */
#include "api.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int wrong;

static void result(bool fine, const char *fmt, const char *name, const char *got, const char *want)
{
	printf("%s %s", fine ? "ok" : "not ok", name);
	if (!fine)
		printf(fmt, got, want);
	putchar('\n');
	fflush(stdout);
	wrong += !fine;
}

/* @ret is -1 and errno @want (0: @ret is 0). */
static void is_error(const char *name, int ret, int want)
{
	char expected[32];
	const char *got = rc(ret);

	if (want)
		snprintf(expected, sizeof(expected), "-1 %s", strerrorname_np(want));
	else
		snprintf(expected, sizeof(expected), "0");
	result(!strcmp(got, expected), ": got %s, not %s", name, got, expected);
}

/* The same for calls that give a pointer. */
static void is_null(const char *name, const void *ptr, int want)
{
	is_error(name, ptr ? 0 : -1, want);
}

/* ---- the calls, on any id */

struct call {
	const char *name;
	int (*fn)(struct rdma_cm_id *id);
};

static struct rdma_event_channel *other_channel;

static int do_bind(struct rdma_cm_id *id)
{
	return rdma_bind_addr(id, sa(ADDR, 0));
}

static int do_resolve_addr(struct rdma_cm_id *id)
{
	return rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000);
}

static int do_resolve_route(struct rdma_cm_id *id)
{
	return rdma_resolve_route(id, 2000);
}

static int do_create_qp_ex(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr_ex attr = { .cap = { 1, 1, 1, 1, 0 }, .qp_type = IBV_QPT_RC };

	return rdma_create_qp_ex(id, &attr);
}

static int do_connect(struct rdma_cm_id *id)
{
	struct rdma_conn_param param = conn_param(NULL, 0);

	return rdma_connect(id, &param);
}

static int do_connect_null(struct rdma_cm_id *id)
{
	return rdma_connect(id, NULL);
}

static int do_listen(struct rdma_cm_id *id)
{
	return rdma_listen(id, 1);
}

static int do_accept(struct rdma_cm_id *id)
{
	struct rdma_conn_param param = conn_param(NULL, 0);

	return rdma_accept(id, &param);
}

static int do_accept_null(struct rdma_cm_id *id)
{
	return rdma_accept(id, NULL);
}

static int do_reject(struct rdma_cm_id *id)
{
	return rdma_reject(id, NULL, 0);
}

static int do_establish(struct rdma_cm_id *id)
{
	return rdma_establish(id);
}

static int do_notify(struct rdma_cm_id *id)
{
	return rdma_notify(id, IBV_EVENT_COMM_EST);
}

static int do_disconnect(struct rdma_cm_id *id)
{
	return rdma_disconnect(id);
}

static int do_set_option(struct rdma_cm_id *id)
{
	uint8_t tos = 1;

	return rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, sizeof(tos));
}

static int do_init_qp_attr(struct rdma_cm_id *id)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT };
	int mask;

	return rdma_init_qp_attr(id, &attr, &mask);
}

static int do_migrate(struct rdma_cm_id *id)
{
	return rdma_migrate_id(id, other_channel);
}

static int do_migrate_null(struct rdma_cm_id *id)
{
	return rdma_migrate_id(id, NULL);
}

static int do_destroy(struct rdma_cm_id *id)
{
	return rdma_destroy_id(id);
}

static const struct call calls[] = {
	{ "rdma_bind_addr", do_bind },
	{ "rdma_resolve_addr", do_resolve_addr },
	{ "rdma_resolve_route", do_resolve_route },
	{ "rdma_create_qp", make_qp },
	{ "rdma_create_qp_ex", do_create_qp_ex },
	{ "rdma_connect", do_connect },
	{ "rdma_connect without a parameter", do_connect_null },
	{ "rdma_listen", do_listen },
	{ "rdma_accept", do_accept },
	{ "rdma_accept without a parameter", do_accept_null },
	{ "rdma_reject", do_reject },
	{ "rdma_establish", do_establish },
	{ "rdma_notify", do_notify },
	{ "rdma_disconnect", do_disconnect },
	{ "rdma_set_option", do_set_option },
	{ "rdma_init_qp_attr", do_init_qp_attr },
	{ "rdma_migrate_id", do_migrate },
	{ "rdma_migrate_id to no channel", do_migrate_null },
	{ "rdma_destroy_id", do_destroy },
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static void all_calls(const char *of, struct rdma_cm_id *id, int want)
{
	char name[96];

	for (size_t i = 0; i < CALLS; i++) {
		snprintf(name, sizeof(name), "%s of %s", calls[i].name, of);
		is_error(name, calls[i].fn(id), want);
	}
}

/* ---- NULL and what is no id, channel or event */

/* Memory that holds no id; as large as ours are, so that no reader runs out of it. */
static void *zeroes(void)
{
	static _Alignas(64) char memory[8192];

	return memory;
}

static void null_arguments(struct rdma_event_channel *ch)
{
	struct rdma_cm_id *id = new_id(ch), *bound = new_client(ch, BOUND, 0);
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT };
	struct rdma_cm_event *ev;
	int mask;

	is_error("rdma_create_id for nobody", rdma_create_id(ch, NULL, NULL, RDMA_PS_TCP), EINVAL);
	is_error("rdma_create_id of a mad port space",
		 rdma_create_id(ch, &id, NULL, (enum rdma_port_space)77), EINVAL);
	is_error("rdma_create_id on no channel of ours",
		 rdma_create_id(zeroes(), &id, NULL, RDMA_PS_TCP), EINVAL);
	is_error("rdma_get_cm_event of NULL", rdma_get_cm_event(NULL, &ev), EINVAL);
	is_error("rdma_get_cm_event of no channel of ours", rdma_get_cm_event(zeroes(), &ev),
		 EINVAL);
	is_error("rdma_get_cm_event for nobody", rdma_get_cm_event(ch, NULL), EINVAL);
	is_error("rdma_ack_cm_event of NULL", rdma_ack_cm_event(NULL), EINVAL);
	is_error("rdma_bind_addr to NULL", rdma_bind_addr(id, NULL), EINVAL);
	is_error("rdma_resolve_addr to NULL", rdma_resolve_addr(id, NULL, NULL, 100), EINVAL);
	is_error("rdma_create_qp without attributes", rdma_create_qp(bound, NULL, NULL), EINVAL);
	is_error("rdma_create_qp_ex without attributes", rdma_create_qp_ex(bound, NULL), EINVAL);
	is_error("rdma_init_qp_attr without attributes", rdma_init_qp_attr(bound, NULL, &mask),
		 EINVAL);
	is_error("rdma_init_qp_attr without a mask", rdma_init_qp_attr(bound, &attr, NULL), EINVAL);
	is_error("rdma_set_option without a value", rdma_set_option(id, 0, 0, NULL, 1), EFAULT);
	is_error("rdma_migrate_id to no channel of ours", rdma_migrate_id(id, zeroes()), EINVAL);
	rdma_destroy_qp(NULL);
	rdma_destroy_qp(id);
	rdma_destroy_qp(zeroes());
	rdma_destroy_event_channel(NULL);
	rdma_destroy_event_channel(zeroes());
	rdma_free_devices(NULL);
	result(!rdma_get_src_port(NULL) && !rdma_get_dst_port(NULL), "", "ports of NULL are 0", "",
	       "");
	result(rdma_event_str((enum rdma_cm_event_type) - 7) != NULL, "", "mad events have a name",
	       "", "");
}

static void null_or_foreign(void)
{
	struct rdma_event_channel *ch = new_channel();

	all_calls("NULL", NULL, EINVAL);
	all_calls("something else", zeroes(), EINVAL);
	null_arguments(ch);
}

/* Memory that was an id: ours to tell as long as nothing else uses it. */
static void stale(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);

	need(!rdma_destroy_id(id));
	all_calls("a destroyed id", id, EINVAL);
}

/* ---- wrong states: the errno of each call, 0 where the state is right, - where it is not tried */

struct state {
	const char *name;
	const char *allowed; /* a letter for each call: y succeeds, n EINVAL, - skip */
};

static const struct state states[] = {
	{ "idle", "--nnnnn-nnnnnnyn---" },
	{ "bound", "n-n--nn-nnnnnnyy---" },
	{ "addr resolved", "nn---nnnnnnnnnyy---" },
	{ "route resolved", "nnn--nnnnnnnnnyy---" },
	{ "listening", "nnnnnnnnnnnnynyn---" },
	{ "connected", "nnnnnnnnnnnny-yy---" },
	{ "connected child", "nnnnnnnnnnnny-yy---" },
};

static struct rdma_cm_id *in_state(size_t i, struct pair *p)
{
	struct rdma_event_channel *ch = new_channel();

	switch (i) {
	case 0:
		return new_id(ch);
	case 1:
		return new_client(ch, BOUND, 0);
	case 2:
		return new_client(ch, ADDR_RESOLVED, htons(7));
	case 3:
		return new_client(ch, ROUTE_RESOLVED, htons(7));
	case 4:
		return new_listener(ch, 1);
	default:
		pair_up(p);
		return i == 5 ? p->client : p->child;
	}
}

static void wrong_states(void)
{
	struct rdma_cm_id *id;
	struct pair p;
	char name[96];

	for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
		id = in_state(s, &p);
		for (size_t i = 0; i < CALLS; i++) {
			if (states[s].allowed[i] == '-')
				continue;
			snprintf(name, sizeof(name), "%s when %s", calls[i].name, states[s].name);
			is_error(name, calls[i].fn(id), states[s].allowed[i] == 'y' ? 0 : EINVAL);
		}
		if (s >= 5)
			result(pair_talk(&p) == 16, "", "the connection has survived that", "", "");
		if (id->qp)
			rdma_destroy_qp(id);
		snprintf(name, sizeof(name), "rdma_destroy_id when %s", states[s].name);
		is_error(name, rdma_destroy_id(id), 0);
	}
}

static void wrong_values(void)
{
	static char data[256];
	struct rdma_conn_param param = conn_param(data, 252);
	struct pair p;

	pair_prepare(&p);
	is_error("rdma_connect with 252 bytes", rdma_connect(p.client, &param), EINVAL);
	param = conn_param(NULL, 1);
	is_error("rdma_connect with a length and no data", rdma_connect(p.client, &param), EINVAL);
	param = conn_param(NULL, 0);
	param.responder_resources = 200;
	is_error("rdma_connect with too many resources", rdma_connect(p.client, &param), EINVAL);
	pair_request(&p);
	is_error("rdma_reject with 252 bytes", rdma_reject(p.child, data, 252), EINVAL);
	is_error("rdma_reject with a length and no data", rdma_reject(p.child, NULL, 1), EINVAL);
	param = conn_param(data, 255);
	is_error("rdma_accept with 255 bytes", rdma_accept(p.child, &param), EINVAL);
	param = conn_param(NULL, 0);
	is_error("and the request can still be accepted", rdma_accept(p.child, &param), 0);
	rdma_ack_cm_event(p.request);
	expect(p.sch, RDMA_CM_EVENT_ESTABLISHED);
	expect(p.cch, RDMA_CM_EVENT_ESTABLISHED);
	result(pair_talk(&p) == 16, "", "and is a good connection", "", "");
}

/* ---- fork */

static void in_child(struct pair *p)
{
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;

	all_calls("the parent's client", p->client, EACCES);
	all_calls("the parent's child", p->child, EACCES);
	all_calls("the parent's listener", p->listener, EACCES);
	is_error("rdma_create_id on the parent's channel",
		 rdma_create_id(p->cch, &id, NULL, RDMA_PS_TCP), EACCES);
	is_error("rdma_get_cm_event of the parent's channel", rdma_get_cm_event(p->cch, &ev),
		 EACCES);
	other_channel = NULL;
	id = new_client(new_channel(), ROUTE_RESOLVED, htons(7));
	is_error("an id of the child's own", rdma_destroy_id(id), 0);
	rdma_destroy_event_channel(p->cch);
	rdma_destroy_event_channel(p->sch);
	fflush(stdout);
	_exit(wrong ? 1 : 0);
}

static void forked(void)
{
	struct pair p;
	pid_t pid;
	int status = -1;

	pair_up(&p);
	other_channel = new_channel();
	fflush(stdout);
	pid = fork();
	if (!pid)
		in_child(&p);
	waitpid(pid, &status, 0);
	is_error("the child's exit", status, 0);
	result(pair_talk(&p) == 16, "", "the parent's connection has survived", "", "");
	is_error("the parent disconnects", rdma_disconnect(p.client), 0);
	expect(p.cch, RDMA_CM_EVENT_DISCONNECTED);
	expect(p.sch, RDMA_CM_EVENT_DISCONNECTED);
	pair_down(&p);
}

/* ---- no descriptors */

/* As far as a process with @max descriptors gets: 0, or the errno that stopped it. */
static int get_far(int max)
{
	struct rlimit limit = { (rlim_t)max, (rlim_t)max };
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id;
	struct rdma_cm_event *ev;

	setrlimit(RLIMIT_NOFILE, &limit);
	errno = 0;
	ch = rdma_create_event_channel();
	if (!ch || rdma_create_id(ch, &id, NULL, RDMA_PS_TCP) ||
	    rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000))
		return errno;
	ev = next_event(ch, PATIENT_MS);
	if (!ev)
		return errno ? errno : ETIME;
	if (ev->event != RDMA_CM_EVENT_ADDR_RESOLVED)
		return -ev->status;
	rdma_ack_cm_event(ev);
	if (make_qp(id))
		return errno;
	rdma_destroy_qp(id);
	return rdma_destroy_id(id) ? errno : 0;
}

static void without_descriptors(void)
{
	bool through = false;
	char name[64];
	int status;
	pid_t pid;

	/* Where libibverbs is refused one, it may say ENOSYS. */
	for (int max = 3; max < 40 && !through; max++) {
		fflush(stdout);
		pid = fork();
		if (!pid)
			_exit(get_far(max));
		waitpid(pid, &status, 0);
		snprintf(name, sizeof(name), "with %d descriptors", max);
		through = WIFEXITED(status) && !WEXITSTATUS(status);
		errno = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
		if (!through)
			is_error(name, WIFEXITED(status) ? -1 : status,
				 errno == ENOSYS ? ENOSYS : EMFILE);
	}
	result(through, "", "with enough descriptors", "", "");
}

/* ---- no device, no permission, a foreign ABI: what the caller arranged gives @want */

static void without(int want)
{
	struct rdma_cm_id *id;
	int n = -1;

	is_null("rdma_create_event_channel", rdma_create_event_channel(), want);
	is_error("rdma_create_id of a synchronous id", rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP),
		 want);
	is_null("rdma_create_event_channel again", rdma_create_event_channel(), want);
	if (want == ENODEV && getenv("NO_DEVICE")) {
		is_null("rdma_get_devices", rdma_get_devices(&n), ENODEV);
		result(n == 0, "", "it counts none", "", "");
	}
}

/* The kernel's file is opened by the first call that needs it. */
static void later(int want)
{
	struct rdma_cm_id *id = new_id(new_channel());

	is_error("rdma_bind_addr", rdma_bind_addr(id, sa(ADDR, 0)), want);
	is_error("rdma_resolve_addr", rdma_resolve_addr(id, NULL, sa(ADDR, 7), 100), want);
	is_error("rdma_listen", rdma_listen(id, 1), want);
	is_error("rdma_destroy_id", rdma_destroy_id(id), 0);
}

static int errno_named(const char *name)
{
	for (int e = 1; e < 134; e++)
		if (strerrorname_np(e) && !strcmp(strerrorname_np(e), name))
			return e;
	fprintf(stderr, "no errno %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc > 3) {
		/* As somebody else. */
		if (setgid(65534) || setuid(65534))
			return 2;
	}
	if (!strcmp(what, "null"))
		null_or_foreign();
	else if (!strcmp(what, "stale"))
		stale();
	else if (!strcmp(what, "state"))
		wrong_states(), wrong_values();
	else if (!strcmp(what, "fork"))
		forked();
	else if (!strcmp(what, "fds"))
		without_descriptors();
	else if (!strcmp(what, "without") && argc > 2)
		without(errno_named(argv[2]));
	else if (!strcmp(what, "later") && argc > 2)
		later(errno_named(argv[2]));
	else
		return 2;
	return wrong ? 1 : 0;
}
