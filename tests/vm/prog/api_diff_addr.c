// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Bind, resolve, routes and options.
 * The guest script adds: NODEV (an address on an interface without a device),
 * a route of each kind that refuses (192.0.2.x), and keeps 10.77.0.99 silent.
 */
#include "api_diff.h"

#include <arpa/inet.h>

#define NODEV "10.88.0.1"
#define NODEV_PEER "10.88.0.2"
#define SILENT "10.77.0.99"

static const char *where(struct rdma_cm_id *id)
{
	static char text[4][160];
	static int turn;
	char *t = text[turn++ % 4];

	snprintf(t, sizeof(text[0]), "src=%s dst=%s verbs=%d pd=%d port=%d",
		 name_of(rdma_get_local_addr(id)), name_of(rdma_get_peer_addr(id)), !!id->verbs,
		 !!id->pd, id->port_num);
	return t;
}

/* ---- bind */

static void bind_one(const char *name, const char *host, uint16_t port)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);
	const char *result;

	at("%s", name);
	result = rc(rdma_bind_addr(id, sa(host, port)));
	say("%s %s same_port=%d", result, where(id), port && rdma_get_src_port(id) == htons(port));
	rdma_destroy_id(id);
	rdma_destroy_event_channel(ch);
}

static void bind_kinds(void)
{
	bind_one("address", ADDR, fresh_port());
	bind_one("second_address", ADDR2, fresh_port());
	bind_one("port_0", ADDR, 0);
	bind_one("any", "0.0.0.0", fresh_port());
	bind_one("any_port_0", "0.0.0.0", 0);
	bind_one("loopback", "127.0.0.1", fresh_port());
	bind_one("v6", ADDR6, fresh_port());
	bind_one("v6_port_0", ADDR6, 0);
	bind_one("v6_any", "::", fresh_port());
	bind_one("v6_loopback", "::1", fresh_port());
	bind_one("link_local", "fe80::1", fresh_port());
	if (getenv("LINK_LOCAL"))
		bind_one("link_local_scoped", getenv("LINK_LOCAL"), fresh_port());
	bind_one("mapped", "::ffff:10.77.0.1", fresh_port());
	bind_one("foreign", "198.51.100.1", fresh_port());
	bind_one("foreign_v6", "2001:db8::1", fresh_port());
	bind_one("no_device", NODEV, fresh_port());
	bind_one("privileged", ADDR, 81);
	bind_one("broadcast", "10.77.0.255", fresh_port());
	bind_one("multicast", "224.0.0.5", fresh_port());
}

static void bind_families(void)
{
	static const int families[] = { AF_UNSPEC, AF_UNIX, AF_PACKET, 200 };
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);
	struct sockaddr *addr = sa(ADDR, 0);

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		addr->sa_family = (sa_family_t)families[i];
		at("%d", families[i]);
		say("%s", rc(rdma_bind_addr(id, addr)));
	}
	OBSERVE("still_usable", rdma_bind_addr(id, sa(ADDR, 0)));
}

static void bind_null(void)
{
	struct rdma_cm_id *id = new_id(new_channel());

	OBSERVE("address", rdma_bind_addr(id, NULL));
}

static void bind_states(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, BOUND, 0), *resolved, *listener;

	OBSERVE("bound", rdma_bind_addr(id, sa(ADDR, 0)));
	resolved = new_client(ch, ADDR_RESOLVED, htons(7));
	OBSERVE("resolved", rdma_bind_addr(resolved, sa(ADDR, 0)));
	listener = new_listener(ch, 1);
	OBSERVE("listening", rdma_bind_addr(listener, sa(ADDR, 0)));
	id = new_id(ch);
	OBSERVE("after_failure_1", rdma_bind_addr(id, sa("198.51.100.1", 0)));
	OBSERVE("after_failure_2", rdma_bind_addr(id, sa(ADDR, 0)));
}

/* One id on @first, then another on @second at the same port. */
static void clash(const char *name, const char *first, const char *second, bool share)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *a = new_id(ch), *b = new_id(ch);
	uint16_t port = fresh_port();
	int on = 1;
	const char *one, *two;

	at("%s", name);
	if (share) {
		need(!rdma_set_option(a, RDMA_OPTION_ID, RDMA_OPTION_ID_REUSEADDR, &on,
				      sizeof(on)));
		need(!rdma_set_option(b, RDMA_OPTION_ID, RDMA_OPTION_ID_REUSEADDR, &on,
				      sizeof(on)));
	}
	one = rc(rdma_bind_addr(a, sa(first, port)));
	two = rc(rdma_bind_addr(b, sa(second, port)));
	say("first=%s second=%s", one, two);
	at("%s_listen", name);
	one = rc(rdma_listen(a, 1));
	two = rc(rdma_listen(b, 1));
	say("first=%s second=%s", one, two);
	rdma_destroy_id(a);
	rdma_destroy_id(b);
	rdma_destroy_event_channel(ch);
}

static void bind_clash(void)
{
	clash("same", ADDR, ADDR, false);
	clash("other_address", ADDR, ADDR2, false);
	clash("any_then_address", "0.0.0.0", ADDR, false);
	clash("address_then_any", ADDR, "0.0.0.0", false);
	clash("any_any", "0.0.0.0", "0.0.0.0", false);
	clash("v6_any_v4_any", "::", "0.0.0.0", false);
	clash("v4_any_v6_any", "0.0.0.0", "::", false);
	clash("v6_any_v4", "::", ADDR, false);
	clash("v4_v6", ADDR, ADDR6, false);
	clash("shared", ADDR, ADDR, true);
	clash("shared_any", "0.0.0.0", ADDR, true);
}

static void bind_reuse(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);
	uint16_t port = fresh_port();
	int tcp = socket(AF_INET, SOCK_STREAM, 0);

	need(!rdma_bind_addr(id, sa(ADDR, port)) && !rdma_listen(id, 1));
	rdma_destroy_id(id);
	id = new_id(ch);
	OBSERVE("after_destroy", rdma_bind_addr(id, sa(ADDR, port)));
	OBSERVE("after_destroy_listen", rdma_listen(id, 1));
	port = fresh_port();
	need(!bind(tcp, sa(ADDR, port), sizeof(struct sockaddr_in)) && !listen(tcp, 1));
	id = new_id(ch);
	OBSERVE("tcp_listens", rdma_bind_addr(id, sa(ADDR, port)));
	OBSERVE("tcp_listens_listen", rdma_listen(id, 1));
}

static void bind_unprivileged(void)
{
	struct rdma_cm_id *id;

	need(!setgid(65534) && !setuid(65534));
	id = new_id(new_channel());
	OBSERVE("port_82", rdma_bind_addr(id, sa(ADDR, 82)));
	OBSERVE("port_above", rdma_bind_addr(id, sa(ADDR, fresh_port())));
}

/* ---- resolve_addr */

static void resolve_to(struct rdma_cm_id *id, const char *src, const char *dst)
{
	const char *result = rc(rdma_resolve_addr(id, src ? sa(src, 0) : NULL, sa(dst, 7), 600));
	const char *event = strcmp(result, "0") ? "-" : event_text(id->channel, 4000);

	say("%s %s %s", result, event, where(id));
}

/* @again: after that, the same id to where it must succeed. */
static void resolve(const char *name, const char *src, const char *dst, bool again)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);

	at("%s", name);
	resolve_to(id, src, dst);
	if (again) {
		at("%s_again", name);
		resolve_to(id, NULL, ADDR);
	}
	rdma_destroy_id(id);
	rdma_destroy_event_channel(ch);
}

static void resolve_one(const char *name, const char *src, const char *dst)
{
	resolve(name, src, dst, false);
}

static void resolve_twice(const char *name, const char *src, const char *dst)
{
	resolve(name, src, dst, true);
}

static void resolve_kinds(void)
{
	resolve_one("address", NULL, ADDR);
	resolve_one("second_address", NULL, ADDR2);
	resolve_one("source", ADDR, ADDR2);
	resolve_one("source_any", "0.0.0.0", ADDR);
	resolve_twice("source_foreign", "198.51.100.1", ADDR);
	resolve_twice("source_no_device", NODEV, ADDR);
	resolve_one("v6", NULL, ADDR6);
	resolve_one("v6_source", ADDR6, ADDR6);
	if (getenv("LINK_LOCAL"))
		resolve_one("link_local_scoped", NULL, getenv("LINK_LOCAL"));
	resolve_twice("link_local_unscoped", NULL, "fe80::1");
	resolve_twice("neighbour_silent", NULL, SILENT);
	resolve_twice("no_device", NULL, NODEV_PEER);
	resolve_twice("no_device_own", NULL, NODEV);
}

static void resolve_refused(void)
{
	resolve_twice("no_route", NULL, "198.51.100.1");
	resolve_twice("no_route_v6", NULL, "2001:db8::1");
	resolve_twice("unreachable", NULL, "192.0.2.1");
	resolve_twice("blackhole", NULL, "192.0.2.2");
	resolve_twice("prohibit", NULL, "192.0.2.3");
	resolve_twice("throw", NULL, "192.0.2.4");
}

static void resolve_loopback(void)
{
	resolve_one("v4", NULL, "127.0.0.1");
	resolve_one("v4_other", NULL, "127.1.2.3");
	resolve_one("any", NULL, "0.0.0.0");
	resolve_one("v6", NULL, "::1");
	resolve_one("v6_any", NULL, "::");
}

static void resolve_families(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);
	struct sockaddr *bad = sa(ADDR, 7);

	bad->sa_family = AF_UNSPEC;
	OBSERVE("dst_0", rdma_resolve_addr(id, NULL, bad, 500));
	bad->sa_family = 200;
	OBSERVE("dst_200", rdma_resolve_addr(id, NULL, bad, 500));
	OBSERVE("src_200", rdma_resolve_addr(id, bad, sa(ADDR, 7), 500));
	OBSERVE("src_v6_dst_v4", rdma_resolve_addr(id, sa(ADDR6, 0), sa(ADDR, 7), 500));
	OBSERVE("src_v4_dst_v6", rdma_resolve_addr(id, sa(ADDR, 0), sa(ADDR6, 7), 500));
	rdma_destroy_id(id);
	id = new_id(ch);
	need(!rdma_bind_addr(id, sa(ADDR6, 0)));
	OBSERVE("bound_v6_dst_v4", rdma_resolve_addr(id, NULL, sa(ADDR, 7), 500));
}

static void resolve_null(void)
{
	struct rdma_cm_id *id = new_id(new_channel());

	OBSERVE("dst", rdma_resolve_addr(id, NULL, NULL, 500));
}

static void resolve_states(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_client(ch, ADDR_RESOLVED, htons(7));

	OBSERVE("resolved", rdma_resolve_addr(id, NULL, sa(ADDR, 7), 500));
	OBSERVE("listening", rdma_resolve_addr(new_listener(ch, 1), NULL, sa(ADDR, 7), 500));
	id = new_id(ch);
	need(!rdma_resolve_addr(id, NULL, sa(SILENT, 7), 3000));
	OBSERVE("pending", rdma_resolve_addr(id, NULL, sa(ADDR, 7), 500));
	OBSERVE("pending_bind", rdma_bind_addr(id, sa(ADDR, 0)));
	rdma_destroy_id(id);
	id = new_client(ch, BOUND, 0);
	at("bound_ignores_source");
	say_rc(rdma_resolve_addr(id, sa(ADDR2, 0), sa(ADDR2, 7), 2000), "%s", event_text(ch, 4000));
	at("bound_source");
	say("%s", where(id));
	id = new_id(ch);
	need(!rdma_bind_addr(id, sa("0.0.0.0", fresh_port())));
	at("bound_any");
	say_rc(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 2000), "%s", event_text(ch, 4000));
	at("bound_any_source");
	say("%s", where(id));
}

static void resolve_timeouts(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);
	const char *event;
	int64_t start;

	at("0_ms");
	say_rc(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 0), "%s", event_text(ch, 4000));
	id = new_id(ch);
	at("negative");
	say_rc(rdma_resolve_addr(id, NULL, sa(ADDR, 7), -1), "%s", event_text(ch, 4000));
	id = new_id(ch);
	need(!rdma_resolve_addr(id, NULL, sa("10.77.0.98", 7), 700));
	at("silent_700_ms");
	start = now_ms();
	event = event_text(ch, 6000);
	start = now_ms() - start;
	say("%s in_time=%d", event, start >= 500 && start < 2500);
}

/* ---- resolve_route */

static void route(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch);

	need(!rdma_bind_addr(id, sa(ADDR, 0)));
	OBSERVE("bound", rdma_resolve_route(id, 500));
	OBSERVE("listening", rdma_resolve_route(new_listener(ch, 1), 500));
	id = new_client(ch, ADDR_RESOLVED, htons(7));
	OBSERVE("0_ms", rdma_resolve_route(id, 0));
	at("resolved");
	say_rc(rdma_resolve_route(id, 500), "%s", event_text(ch, 4000));
	at("fields");
	say("paths=%d rec=%d %s", id->route.num_paths, !!id->route.path_rec, where(id));
	OBSERVE("repeat", rdma_resolve_route(id, 500));
	OBSERVE("bind_after", rdma_bind_addr(id, sa(ADDR, 0)));
	id = new_client(ch, ADDR_RESOLVED, htons(7));
	at("negative_ms");
	say_rc(rdma_resolve_route(id, -1), "%s", event_text(ch, 4000));
}

static void route_idle(void)
{
	OBSERVE("idle", rdma_resolve_route(new_id(new_channel()), 500));
}

static void route_pending(void)
{
	struct rdma_cm_id *id = new_id(new_channel());

	need(!rdma_resolve_addr(id, NULL, sa("10.77.0.96", 7), 3000));
	OBSERVE("pending", rdma_resolve_route(id, 500));
}

static void route_wildcard(void)
{
	struct rdma_cm_id *id = new_id(new_channel());

	need(!rdma_bind_addr(id, sa("0.0.0.0", 0)));
	OBSERVE("wildcard", rdma_resolve_route(id, 500));
}

/* ---- options */

static void option(struct rdma_cm_id *id, const char *state)
{
	static const struct {
		const char *name;
		int level, option;
		size_t len;
	} table[] = {
		{ "tos", 0, RDMA_OPTION_ID_TOS, 1 },
		{ "tos_len_4", 0, RDMA_OPTION_ID_TOS, 4 },
		{ "reuse", 0, RDMA_OPTION_ID_REUSEADDR, 4 },
		{ "reuse_len_1", 0, RDMA_OPTION_ID_REUSEADDR, 1 },
		{ "af_only", 0, RDMA_OPTION_ID_AFONLY, 4 },
		{ "af_only_len_8", 0, RDMA_OPTION_ID_AFONLY, 8 },
		{ "ack_timeout", 0, RDMA_OPTION_ID_ACK_TIMEOUT, 1 },
		{ "ack_timeout_len_0", 0, RDMA_OPTION_ID_ACK_TIMEOUT, 0 },
		{ "name_9", 0, 9, 4 },
		{ "level_7", 7, 0, 4 },
		{ "ib_path", RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, 0 },
	};
	uint8_t on[8] = { 1 }, off[8] = { 0 };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *one, *two;

		at("%s_%s", state, table[i].name);
		one = rc(rdma_set_option(id, table[i].level, table[i].option, on, table[i].len));
		two = rc(rdma_set_option(id, table[i].level, table[i].option, off, table[i].len));
		say("on=%s off=%s", one, two);
	}
}

static void options(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *udp;

	option(new_id(ch), "idle");
	option(new_client(ch, BOUND, 0), "bound");
	option(new_client(ch, ROUTE_RESOLVED, htons(7)), "resolved");
	option(new_listener(ch, 1), "listening");
	OBSERVE("bad_pointer", rdma_set_option(new_id(ch), 0, RDMA_OPTION_ID_TOS, (void *)8, 1));
	need(!rdma_create_id(ch, &udp, NULL, RDMA_PS_UDP));
	OBSERVE("udp_ack_timeout",
		rdma_set_option(udp, 0, RDMA_OPTION_ID_ACK_TIMEOUT, &(uint8_t){ 1 }, 1));
}

const struct api_case api_addr[] = {
	{ "bind", bind_kinds, 0, ALWAYS },
	{ "bind_family", bind_families, 0, ALWAYS },
	{ "bind_null", bind_null, 3, ALWAYS },
	{ "bind_state", bind_states, 0, ALWAYS },
	{ "bind_clash", bind_clash, 0, ALWAYS },
	{ "bind_reuse", bind_reuse, 0, ALWAYS },
	{ "bind_nobody", bind_unprivileged, 0, ALWAYS },
	{ "resolve", resolve_kinds, 30, ALWAYS },
	{ "resolve_refused", resolve_refused, 0, ALWAYS },
	{ "resolve_loopback", resolve_loopback, 0, ALWAYS },
	{ "resolve_family", resolve_families, 0, ALWAYS },
	{ "resolve_null", resolve_null, 3, ALWAYS },
	{ "resolve_state", resolve_states, 0, ALWAYS },
	{ "resolve_time", resolve_timeouts, 0, ALWAYS },
	{ "route", route, 0, ALWAYS },
	{ "route_idle", route_idle, 3, ALWAYS },
	{ "route_pending", route_pending, 5, ALWAYS },
	{ "route_wildcard", route_wildcard, 3, ALWAYS },
	{ "option", options, 0, ALWAYS },
	{ NULL, NULL, 0, ALWAYS },
};
