// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * nl_route against real routing tables: whatever ip-route(8) says about a
 * destination, nl_route_lookup() has to say. Then what ip does not show, and
 * the error numbers.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "netlink/nl_route.h"
#include "tests/nl_ns.h"

/* ---- what ip(8) says */

struct ip_says {
	int rc; /* 0 or -errno */
	bool is_local;
	char dev[IF_NAMESIZE], src[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN];
};

/* The text after "key":" up to the next quote; empty if the key is missing. */
static void json_string(const char *json, const char *key, char *value, size_t room)
{
	char quoted[32];
	const char *at;
	size_t len = 0;

	snprintf(quoted, sizeof(quoted), "\"%s\":\"", key);
	at = strstr(json, quoted);
	if (at) {
		at += strlen(quoted);
		len = iw_min_size(strcspn(at, "\""), room - 1);
		memcpy(value, at, len);
	}
	value[len] = '\0';
}

/* RTNETLINK answers: Network is unreachable */
static int error_of(const char *output)
{
	static const int known[] = { ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL, ENODEV, EAGAIN };

	for (size_t i = 0; i < IW_ARRAY_SIZE(known); i++)
		if (strstr(output, strerror(known[i])))
			return known[i] == EINVAL ? -ENETUNREACH : -known[i];
	cr_assert_fail("ip says: %s", output);
	return 0;
}

static void ask_ip(const char *dst, const char *src, const char *oif, struct ip_says *says)
{
	char command[256], output[2048], type[16];
	size_t len;
	FILE *pipe;

	snprintf(command, sizeof(command), "ip -j route get %s %s %s %s %s 2>&1", dst,
		 src ? "from" : "", src ? src : "", oif ? "oif" : "", oif ? oif : "");
	pipe = popen(command, "r");
	cr_assert_not_null(pipe);
	len = fread(output, 1, sizeof(output) - 1, pipe);
	output[len] = '\0';
	memset(says, 0, sizeof(*says));
	if (pclose(pipe) || strstr(output, "RTNETLINK")) {
		says->rc = error_of(output);
		return;
	}
	json_string(output, "type", type, sizeof(type));
	says->is_local = !strcmp(type, "local");
	json_string(output, "dev", says->dev, sizeof(says->dev));
	json_string(output, src ? "from" : "prefsrc", says->src, sizeof(says->src));
	json_string(output, strstr(output, "\"via\"") ? "host" : "gateway", says->gateway,
		    sizeof(says->gateway));
}

/* Of a question most need the destination alone. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct question {
	const char *dst, *src, *oif;
};

static unsigned int compared;

static void compare(const struct question *q)
{
	struct sockaddr_storage dst_sa, src_sa;
	const struct sockaddr *dst = ns_addr(q->dst, &dst_sa), *src = ns_addr(q->src, &src_sa);
	char bare[INET6_ADDRSTRLEN + IF_NAMESIZE], name[IF_NAMESIZE] = "";
	const char *scope = strchr(q->dst, '%');
	struct nl_route route;
	struct ip_says says;
	int rc;

	snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(q->dst, "%"), q->dst);
	ask_ip(bare, q->src, scope ? scope + 1 : q->oif, &says);
	rc = nl_route_lookup(dst, src, q->oif ? ns_ifindex(q->oif) : 0, &route);
	compared++;
	cr_assert_eq(rc, says.rc, "%s: %d, ip says %d", q->dst, rc, says.rc);
	if (rc)
		return;
	if_indextoname((unsigned int)route.ifindex, name);
	cr_expect_str_eq(name, says.dev, "%s: dev", q->dst);
	cr_expect_str_eq(ns_text(&route.src), says.src, "%s: src", q->dst);
	cr_expect_eq(route.is_local, says.is_local, "%s: local", q->dst);
	cr_expect_eq(route.has_gateway, says.gateway[0] != '\0', "%s: gateway", q->dst);
	if (route.has_gateway)
		cr_expect_str_eq(ns_text(&route.gateway), says.gateway, "%s: gateway", q->dst);
}

static void compare_all(const struct question *questions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		compare(&questions[i]);
}

#define COMPARE(...)                                                          \
	do {                                                                  \
		static const struct question questions[] = { __VA_ARGS__ };   \
		compare_all(questions, IW_ARRAY_SIZE(questions));             \
		cr_expect_eq(compared, IW_ARRAY_SIZE(questions), "compared"); \
	} while (0)

static int lookup(const char *dst, const char *src, struct nl_route *route)
{
	struct sockaddr_storage dst_sa, src_sa;

	return nl_route_lookup(ns_addr(dst, &dst_sa), ns_addr(src, &src_sa), 0, route);
}

/* ---- agreement with ip(8) */

Test(nl_route, lookup__agrees_on_direct_and_local)
{
	ns_enter_veth();
	COMPARE({ "10.1.0.9" }, { "10.2.0.9" }, { "10.1.0.1" }, { "10.1.0.2" }, { "10.2.0.1" },
		{ "127.0.0.1" }, { "127.9.9.9" }, { "0.0.0.0" }, { "10.1.0.255" },
		{ "255.255.255.255", NULL, "v0" }, { "10.1.0.9", "10.1.0.2" },
		{ "10.1.0.9", "10.2.0.1" }, { "10.1.0.9", "127.0.0.1" }, { "10.1.0.1", "10.2.0.1" },
		{ "10.1.0.9", NULL, "v0" }, { "10.1.0.9", NULL, "w0" }, { "99.0.0.1", NULL, "w0" },
		{ "fd01::9" }, { "fd02::9" }, { "fd01::1" }, { "fd02::1" }, { "::1" },
		{ "fd01::9", "fd01::2" }, { "fd01::9", "fd02::1" }, { "fd01::1", "fd02::1" },
		{ "fd01::9", NULL, "v0" }, { "fd01::9", NULL, "w0" }, { "fe80::9%v0" },
		{ "fe80::9%w0" }, { "fe80::9", NULL, "w0" }, { "ff02::1%v0" }, { "99.0.0.1" },
		{ "2000::1" });
}

Test(nl_route, lookup__agrees_on_gateways)
{
	ns_enter_veth();
	ns_run("ip route add default via 10.1.0.254; ip -6 route add default via fd01::254");
	ns_run("ip route add 20.0.0.0/8 via 10.2.0.254 src 10.1.0.2");
	ns_run("ip route add 20.1.0.0/16 dev w0 mtu 1400");
	ns_run("ip -6 route add fd20::/16 via fe80::254 dev w0");
	ns_run("ip -6 route add fd21::/16 via fd02::254 src fd01::2 mtu 1300");
	ns_run("ip route add 21.0.0.0/8 via 10.1.0.254 metric 5");
	ns_run("ip route add 21.0.0.0/8 via 10.2.0.254 metric 9");
	COMPARE({ "99.0.0.1" }, { "99.0.0.1", "10.1.0.2" }, { "99.0.0.1", "10.2.0.1" },
		{ "20.9.9.9" }, { "20.1.9.9" }, { "21.0.0.1" }, { "21.0.0.1", NULL, "w0" },
		{ "2000::1" }, { "2000::1", "fd02::1" }, { "fd20::1" }, { "fd21::1" },
		{ "fd21::1", "fd02::1" });
}

Test(nl_route, lookup__agrees_on_a_gateway_of_the_other_family)
{
	ns_enter_veth();
	ns_need("route via inet6", "ip route add 9.0.0.0/8 via inet6 fe80::99 dev v0");
	ns_run("ip route add 8.0.0.0/8 via inet6 fd02::99");
	COMPARE({ "9.9.9.9" }, { "9.9.9.9", "10.2.0.1" }, { "8.8.8.8" });
}

Test(nl_route, lookup__agrees_on_refusing_routes)
{
	static const char *const kinds[] = { "blackhole", "unreachable", "prohibit", "throw" };

	ns_enter_veth();
	for (size_t i = 0; i < IW_ARRAY_SIZE(kinds); i++) {
		ns_run("ip route add %s 30.%zu.0.0/16", kinds[i], i);
		ns_run("ip -6 route add %s fd3%zu::/16", kinds[i], i);
	}
	COMPARE({ "30.0.0.1" }, { "30.1.0.1" }, { "30.2.0.1" }, { "30.3.0.1" },
		{ "30.0.0.1", "10.1.0.2" }, { "30.1.0.1", "10.1.0.2" }, { "30.2.0.1", "10.1.0.2" },
		{ "fd30::1" }, { "fd31::1" }, { "fd32::1" }, { "fd32::1", "fd01::2" });
}

Test(nl_route, lookup__agrees_on_policy_rules)
{
	ns_enter_veth();
	ns_need("policy routing", "ip rule add from 10.1.0.2 table 100");
	ns_run("ip -6 rule add from fd01::2 table 100");
	ns_run("ip route add default via 10.2.0.254 table 100");
	ns_run("ip -6 route add default via fd02::254 table 100");
	ns_run("ip rule add to 40.0.0.0/16 prohibit; ip rule add to 40.1.0.0/16 blackhole");
	ns_run("ip rule add to 40.2.0.0/16 unreachable; ip rule add oif w0 to 50.0.0.0/8 table 100");
	ns_run("ip -6 rule add to fd40::/32 prohibit; ip -6 rule add to fd41::/32 unreachable");
	ns_run("ip route add throw 60.0.0.0/8 table 100; ip route add 60.0.0.0/8 via 10.1.0.60");
	COMPARE({ "99.0.0.1" }, { "99.0.0.1", "10.1.0.2" }, { "99.0.0.1", "10.1.0.1" },
		{ "40.0.0.1" }, { "40.1.0.1" }, { "40.2.0.1" }, { "50.0.0.1", NULL, "w0" },
		{ "50.0.0.1" }, { "60.0.0.1", "10.1.0.2" }, { "60.0.0.1" },
		{ "2000::1", "fd01::2" }, { "2000::1", "fd01::1" }, { "2000::1" }, { "fd40::1" },
		{ "fd41::1" });
}

Test(nl_route, lookup__agrees_on_multipath)
{
	ns_enter_veth();
	ns_need("multipath", "ip route add 70.0.0.0/8 nexthop via 10.1.0.7 nexthop via 10.2.0.7");
	ns_run("ip -6 route add fd70::/16 nexthop via fd01::7 nexthop via fd02::7");
	COMPARE({ "70.0.0.1" }, { "70.0.0.2" }, { "70.0.0.3" }, { "70.0.0.4" },
		{ "70.0.0.1", "10.1.0.2" }, { "70.0.0.1", "10.2.0.1" }, { "70.0.0.1", NULL, "w0" },
		{ "fd70::1" }, { "fd70::2" }, { "fd70::3" }, { "fd70::1", "fd02::1" });
}

Test(nl_route, lookup__agrees_on_nexthop_objects)
{
	ns_enter_veth();
	ns_need("nexthop objects", "ip nexthop add id 1 via 10.1.0.7 dev v0");
	ns_run("ip nexthop add id 2 via fd02::7 dev w0; ip nexthop add id 3 blackhole");
	ns_run("ip route add 80.0.0.0/8 nhid 1; ip route add 81.0.0.0/8 nhid 2");
	ns_run("ip route add 82.0.0.0/8 nhid 3; ip -6 route add fd80::/16 nhid 2");
	COMPARE({ "80.0.0.1" }, { "81.0.0.1" }, { "82.0.0.1" }, { "fd80::1" });
}

Test(nl_route, lookup__agrees_in_a_vrf)
{
	ns_enter_veth();
	ns_need("VRF", "ip link add red type vrf table 10");
	ns_run("ip link set red up; ip link set w0 master red");
	ns_run("ip -6 addr add fd02::1/64 dev w0 nodad 2>/dev/null || :");
	ns_run("ip route add default via 10.2.0.254 table 10");
	ns_run("ip -6 route add default via fd02::254 dev w0 table 10");
	ns_run("ip route add unreachable 90.0.0.0/8 table 10");
	COMPARE({ "99.0.0.1", NULL, "red" }, { "99.0.0.1" }, { "10.2.0.9", NULL, "red" },
		{ "10.2.0.9" }, { "10.2.0.1", NULL, "red" }, { "99.0.0.1", NULL, "w0" },
		{ "90.0.0.1", NULL, "red" }, { "10.1.0.9", NULL, "red" },
		{ "99.0.0.1", "10.2.0.1", "red" }, { "2000::1", NULL, "red" },
		{ "fd02::9", NULL, "red" }, { "fd02::1", NULL, "red" }, { "fe80::9%w0" });
}

/* The interface is what the route names; what is below is nl_link's affair. */
static void compare_upper(const char *kind, const char *add)
{
	ns_enter_veth();
	ns_need(kind, "ip link add %s", add);
	ns_run("ip link set u0 up; ip addr add 10.5.0.1/24 dev u0");
	ns_run("ip addr add fd05::1/64 dev u0 nodad; ip route add 55.0.0.0/8 via 10.5.0.254");
	ns_await_link_local("u0");
	COMPARE({ "10.5.0.9" }, { "10.5.0.1" }, { "fd05::9" }, { "55.0.0.1" }, { "fe80::9%u0" },
		{ "10.5.0.9", "10.1.0.1" });
}

Test(nl_route, lookup__agrees_on_a_vlan)
{
	compare_upper("VLAN", "link v0 name u0 type vlan id 5");
}

Test(nl_route, lookup__agrees_on_a_macvlan)
{
	compare_upper("macvlan", "link v0 name u0 type macvlan");
}

Test(nl_route, lookup__agrees_on_a_bridge)
{
	compare_upper("bridge", "u0 type bridge && ip link set v1 master u0");
}

Test(nl_route, lookup__agrees_on_a_bond)
{
	compare_upper("bond", "u0 type bond mode active-backup && ip link set w1 down && "
			      "ip link set w1 master u0");
}

Test(nl_route, lookup__agrees_on_a_dummy)
{
	compare_upper("dummy", "u0 type dummy");
}

/* ---- what is promised beyond */

Test(nl_route, lookup__fills_scopes_mtu_and_nothing_else)
{
	struct sockaddr_in6 *src, *gateway;
	struct nl_route route;

	ns_enter_veth();
	ns_run("ip -6 route add fd20::/16 via fe80::254 dev w0; ip route add 20.0.0.0/8 dev v0 mtu 1400");
	cr_assert_eq(lookup("fe80::9%v0", NULL, &route), 0);
	src = (struct sockaddr_in6 *)&route.src;
	cr_assert_eq(src->sin6_scope_id, (uint32_t)ns_ifindex("v0"));
	cr_assert_eq(src->sin6_port, 0);
	cr_assert_eq(route.mtu, 0);
	cr_assert_eq(lookup("fd20::9", NULL, &route), 0);
	gateway = (struct sockaddr_in6 *)&route.gateway;
	cr_assert_eq(gateway->sin6_scope_id, (uint32_t)ns_ifindex("w0"));
	cr_assert_eq(src->sin6_scope_id, 0);
	cr_assert_eq(lookup("20.0.0.1", NULL, &route), 0);
	cr_assert_eq(route.mtu, 1400);
}

Test(nl_route, lookup__of_the_wildcard_means_this_host)
{
	struct nl_route route;

	ns_enter_veth();
	cr_assert_eq(lookup("::", NULL, &route), 0);
	cr_assert(route.is_local);
	cr_assert_str_eq(ns_text(&route.src), "::1");
	cr_assert_eq(lookup("10.1.0.9", "0.0.0.0", &route), 0);
	cr_assert_str_eq(ns_text(&route.src), "10.1.0.1");
	cr_assert_eq(lookup("fd01::9", "::", &route), 0);
}

Test(nl_route, lookup__takes_mapped_addresses_for_what_they_are)
{
	struct nl_route route;

	ns_enter_veth();
	ns_run("ip route add 20.0.0.0/8 via 10.2.0.254");
	cr_assert_eq(lookup("::ffff:10.1.0.9", NULL, &route), 0);
	cr_assert_eq(route.ifindex, ns_ifindex("v0"));
	cr_assert_str_eq(ns_text(&route.src), "::ffff:10.1.0.1");
	cr_assert_eq(lookup("::ffff:20.1.0.9", "::ffff:10.2.0.1", &route), 0);
	cr_assert_str_eq(ns_text(&route.src), "::ffff:10.2.0.1");
	cr_assert_eq(route.gateway.ss_family, AF_INET);
	cr_assert_eq(lookup("::ffff:10.1.0.9", "10.1.0.2", &route), 0);
	cr_assert_eq(lookup("::ffff:10.1.0.9", "fd01::1", &route), -EINVAL);
}

Test(nl_route, lookup__names_each_error)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNIX }, v0;
	struct nl_route route;

	ns_enter_veth();
	ns_run("ip route add blackhole 30.0.0.0/16; ip route add unreachable 30.1.0.0/16");
	ns_run("ip route add prohibit 30.2.0.0/16; ip route add throw 30.3.0.0/16");
	ns_run("ip -6 route add blackhole fd30::/16; ip -6 route add unreachable fd31::/16");
	ns_run("ip -6 route add prohibit fd32::/16; ip -6 route add throw fd33::/16");
	cr_assert_eq(nl_route_lookup(NULL, NULL, 0, &route), -EINVAL);
	cr_assert_eq(nl_route_lookup((void *)&sa, NULL, 0, &route), -EINVAL);
	cr_assert_eq(nl_route_lookup(ns_addr("10.1.0.9", &v0), (void *)&sa, 0, &route), -EINVAL);
	cr_assert_eq(lookup("10.1.0.9", "fd01::1", &route), -EINVAL);
	cr_assert_eq(lookup("fe80::9", NULL, &route), -EINVAL);
	cr_assert_eq(lookup("fd01::9", "fe80::9", &route), -EINVAL);
	cr_assert_eq(nl_route_lookup(ns_addr("fe80::9%v0", &v0), NULL, ns_ifindex("w0"), &route),
		     -EINVAL);
	cr_assert_eq(lookup("99.0.0.1", NULL, &route), -ENETUNREACH);
	cr_assert_eq(lookup("2000::1", NULL, &route), -ENETUNREACH);
	cr_assert_eq(lookup("30.0.0.1", NULL, &route), -ENETUNREACH);
	cr_assert_eq(lookup("30.0.0.1", "10.1.0.1", &route), -ENETUNREACH);
	cr_assert_eq(lookup("30.1.0.1", NULL, &route), -EHOSTUNREACH);
	cr_assert_eq(lookup("30.2.0.1", NULL, &route), -EACCES);
	cr_assert_eq(lookup("30.3.0.1", NULL, &route), -ENETUNREACH);
	cr_assert_eq(lookup("fd30::1", NULL, &route), -ENETUNREACH);
	cr_assert_eq(lookup("fd31::1", NULL, &route), -EHOSTUNREACH);
	cr_assert_eq(lookup("fd32::1", NULL, &route), -EACCES);
	cr_assert_eq(lookup("fd33::1", NULL, &route), -ENETUNREACH);
}

Test(nl_route, lookup__refuses_a_foreign_source)
{
	struct nl_route route;

	ns_enter_veth();
	cr_assert_eq(lookup("10.1.0.9", "10.1.0.77", &route), -EADDRNOTAVAIL);
	cr_assert_eq(lookup("10.1.0.9", "10.1.0.9", &route), -EADDRNOTAVAIL);
	cr_assert_eq(lookup("fd01::9", "fd01::77", &route), -EADDRNOTAVAIL);
	cr_assert_eq(lookup("127.0.0.1", "8.8.8.8", &route), -EADDRNOTAVAIL);
	cr_assert_eq(lookup("::1", "fd09::1", &route), -EADDRNOTAVAIL);
}

Test(nl_route, lookup__without_any_address_has_no_source)
{
	struct nl_route route;

	ns_enter();
	ns_run("ip link set lo down; ip link add v0 type veth peer name v1");
	ns_run("echo 1 >/proc/sys/net/ipv6/conf/v0/addr_gen_mode; ip link set v0 up; ip link set v1 up");
	ns_run("ip route add 10.1.0.0/24 dev v0");
	ns_run("ip -6 addr flush dev v0; ip -6 addr flush dev v1; ip -6 route add fd01::/64 dev v0");
	cr_assert_eq(lookup("fd01::9", NULL, &route), -EADDRNOTAVAIL);
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), -EADDRNOTAVAIL);
}

Test(nl_route, lookup__follows_the_table_as_it_changes)
{
	struct nl_route route;

	ns_enter_veth();
	cr_assert_eq(lookup("99.0.0.1", NULL, &route), -ENETUNREACH);
	ns_run("ip route add 99.0.0.0/8 via 10.2.0.254");
	cr_assert_eq(lookup("99.0.0.1", NULL, &route), 0);
	ns_run("ip link set w0 down");
	cr_assert_eq(lookup("99.0.0.1", NULL, &route), -ENETUNREACH);
}
