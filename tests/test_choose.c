// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Which driver serves what, by itself and as the ids see it: two drivers in
 * memory, and the small world of mock_netlink.h.
 */
#include "shim/choose.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/verbs_entry.h"
#include "shim/addr.h"
#include "shim/shim.h"
#include "tests/shim_util.h"

static int reachable;

/* In place of the weak answer of base/. */
int iw_verbs_reachable(void)
{
	return reachable;
}

static struct sockaddr_storage at(const char *text, uint16_t port)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in6 *v6 = (void *)&ss;
	struct sockaddr_in *v4 = (void *)&ss;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
		ss.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
		ss.ss_family = AF_INET6;
	shim_addr_set_port(&ss, htons(port));
	return ss;
}

static void use(const char *policy)
{
	if (policy)
		setenv("IWSHIM_DEVICE", policy, 1);
	else
		unsetenv("IWSHIM_DEVICE");
	shim_choose_forget();
}

static void setup(void)
{
	fake_soft(true);
}

/* ---- the rule */

static int local(const char *text)
{
	struct sockaddr_storage ss = text ? at(text, 1) : (struct sockaddr_storage){ 0 };
	enum iw_driver_kind kind;
	int rc = shim_choose_local(text ? (struct sockaddr *)&ss : NULL, &kind);

	return rc ? rc : (int)kind;
}

static int path(const char *src, const char *dst, struct shim_path *out)
{
	struct sockaddr_storage from = src ? at(src, 0) : (struct sockaddr_storage){ 0 };
	struct sockaddr_storage to = at(dst, PORT);
	int rc = shim_choose_path(src ? (struct sockaddr *)&from : NULL, (struct sockaddr *)&to,
				  out);

	return rc ? rc : (int)out->kind;
}

static bool is_at(const struct sockaddr_storage *ss, const char *text, uint16_t port)
{
	struct sockaddr_storage want = at(text, port);
	const struct sockaddr *a = (const struct sockaddr *)ss, *b = (struct sockaddr *)&want;

	if (ss->ss_family != want.ss_family || shim_addr_port(a) != shim_addr_port(b))
		return false;
	return ss->ss_family == AF_INET ? shim_addr_v4(a) == shim_addr_v4(b)
					: IN6_ARE_ADDR_EQUAL(shim_addr_v6(a), shim_addr_v6(b));
}

static const char *const locals[] = { NULL,  "0.0.0.0",	 "::",	    "127.0.0.1",
				      "::1", "10.0.0.1", "10.1.0.1" };

Test(choose, local__kernel_where_it_has_a_device, .init = setup)
{
	for (size_t i = 0; i < IW_ARRAY_SIZE(locals) - 1; i++)
		cr_assert_eq(local(locals[i]), IW_DRIVER_KERNEL, "%s", locals[i]);
	cr_assert_eq(local("10.1.0.1"), IW_DRIVER_SOFT);
	cr_assert_eq(local("fe80::1"), IW_DRIVER_SOFT);
}

Test(choose, local__software_without_kernel_devices, .init = setup)
{
	mock_netlink_any(false);
	for (size_t i = 0; i < IW_ARRAY_SIZE(locals); i++)
		cr_assert_eq(local(locals[i]), IW_DRIVER_SOFT, "%s", locals[i]);
	mock_netlink_any(true);
	for (size_t i = 0; i < IW_ARRAY_SIZE(locals); i++) {
		fake_fail(FAKE_PROBE, -EACCES);
		cr_assert_eq(local(locals[i]), IW_DRIVER_SOFT, "%s", locals[i]);
	}
}

Test(choose, local__the_environment_decides, .init = setup)
{
	use("soft");
	for (size_t i = 0; i < IW_ARRAY_SIZE(locals); i++)
		cr_assert_eq(local(locals[i]), IW_DRIVER_SOFT, "%s", locals[i]);
	fake_fail(FAKE_SOFT_PROBE, -EMFILE);
	cr_assert_eq(local("10.0.0.1"), -EMFILE);
	use("kernel");
	for (size_t i = 0; i < IW_ARRAY_SIZE(locals); i++)
		cr_assert_eq(local(locals[i]), IW_DRIVER_KERNEL, "%s", locals[i]);
	fake_fail(FAKE_PROBE, -EACCES);
	cr_assert_eq(local("10.0.0.1"), -EACCES);
	use("");
	cr_assert_eq(local("10.1.0.1"), IW_DRIVER_SOFT);
	cr_assert_eq(local("10.0.0.1"), IW_DRIVER_KERNEL);
	use("hardware"); /* unknown: as if not set */
	cr_assert_eq(local("10.1.0.1"), IW_DRIVER_SOFT);
	use("auto");
	cr_assert_eq(local("10.0.0.1"), IW_DRIVER_KERNEL);
}

Test(choose, any__one_driver_is_enough, .init = setup)
{
	cr_assert_eq(shim_choose_any(), 0);
	fake_fail(FAKE_PROBE, -ENODEV);
	cr_assert_eq(shim_choose_any(), 0);
	fake_fail(FAKE_PROBE, -ENODEV);
	fake_fail(FAKE_SOFT_PROBE, -ENOMEM);
	cr_assert_eq(shim_choose_any(), -ENOMEM);
	use("kernel");
	fake_fail(FAKE_PROBE, -EPERM);
	cr_assert_eq(shim_choose_any(), -EPERM);
	use("soft");
	fake_fail(FAKE_PROBE, -EPERM);
	cr_assert_eq(shim_choose_any(), 0);
}

Test(choose, any__without_the_software_device_the_kernel_says_why)
{
	fake_fail(FAKE_PROBE, -EACCES);
	cr_assert_eq(shim_choose_any(), -EACCES);
	cr_assert_eq(local("10.1.0.1"), IW_DRIVER_KERNEL);
	use("soft");
	cr_assert_eq(shim_choose_any(), -ENODEV);
}

Test(choose, software__not_where_its_objects_would_go_astray, .init = setup)
{
	struct shim_path p;

	reachable = -ENOTSUP;
	cr_assert_eq(shim_choose_any(), 0);
	cr_assert_eq(local("10.0.0.1"), IW_DRIVER_KERNEL);
	cr_assert_eq(local("10.1.0.1"), -ENOTSUP);
	cr_assert_eq(path(NULL, "10.1.0.9", &p), -ENOTSUP);
	fake_fail(FAKE_PROBE, -ENODEV);
	cr_assert_eq(shim_choose_any(), -ENOTSUP);
}

Test(choose, path__by_the_interface_of_the_source, .init = setup)
{
	struct shim_path p;

	cr_assert_eq(path(NULL, "10.0.0.9", &p), IW_DRIVER_KERNEL);
	cr_assert(is_at(&p.dst, "10.0.0.9", PORT));
	cr_assert_eq(p.src.ss_family, 0);
	cr_assert_eq(path("0.0.0.0", "10.0.0.9", &p), IW_DRIVER_KERNEL);
	cr_assert_eq(path("10.1.0.1", "10.0.0.9", &p), IW_DRIVER_SOFT);
	cr_assert(is_at(&p.src, "10.1.0.1", 0));
	cr_assert_eq(path("10.0.0.1", "10.1.0.9", &p), IW_DRIVER_KERNEL);
	cr_assert_eq(path(NULL, "10.1.0.9", &p), IW_DRIVER_SOFT);
	cr_assert(is_at(&p.dst, "10.1.0.9", PORT));
	cr_assert(is_at(&p.src, "10.1.0.1", 0), "the route's preferred source");
	mock_netlink_local(true);
	cr_assert_eq(path(NULL, "10.1.0.1", &p), IW_DRIVER_SOFT);
	cr_assert_eq(path(NULL, "10.0.0.1", &p), IW_DRIVER_KERNEL);
}

Test(choose, path__a_link_local_source_has_its_scope, .init = setup)
{
	struct shim_path p;

	cr_assert_eq(path(NULL, "fe80::9", &p), IW_DRIVER_SOFT);
	cr_assert_eq(((struct sockaddr_in6 *)&p.src)->sin6_scope_id, 9);
}

Test(choose, path__loopback, .init = setup)
{
	struct sockaddr_storage first = at("10.0.0.1", 0);
	struct shim_path p;

	mock_netlink_first(&first);
	for (const char *const *dst = (const char *[]){ "127.0.0.1", "127.8.8.8", "0.0.0.0", NULL };
	     *dst; dst++) {
		cr_assert_eq(path(NULL, *dst, &p), IW_DRIVER_KERNEL);
		cr_assert(is_at(&p.dst, "10.0.0.1", PORT), "%s: the first device's address", *dst);
	}
	cr_assert_eq(path("10.0.0.7", "127.0.0.1", &p), IW_DRIVER_KERNEL);
	cr_assert(is_at(&p.dst, "10.0.0.7", PORT));
	cr_assert_eq(path("10.1.0.1", "127.0.0.1", &p), IW_DRIVER_SOFT);
	cr_assert(is_at(&p.dst, "127.0.0.1", PORT));
	/* No kernel device has an address of the family. */
	cr_assert_eq(path(NULL, "::1", &p), IW_DRIVER_SOFT);
	cr_assert(is_at(&p.dst, "::1", PORT));
	use("soft");
	cr_assert_eq(path(NULL, "0.0.0.0", &p), IW_DRIVER_SOFT);
	cr_assert(is_at(&p.dst, "127.0.0.1", PORT));
	cr_assert(is_at(&p.src, "127.0.0.1", 0));
	cr_assert_eq(path(NULL, "::", &p), IW_DRIVER_SOFT);
	cr_assert(is_at(&p.dst, "::1", PORT));
}

Test(choose, path__errors_of_the_route, .init = setup)
{
	const int errors[] = { -ENETUNREACH, -EHOSTUNREACH, -EACCES, -EADDRNOTAVAIL, -EINVAL };
	struct shim_path p;

	for (int soft = 0; soft < 2; soft++) {
		use(soft ? "soft" : "auto");
		for (size_t i = 0; i < IW_ARRAY_SIZE(errors); i++) {
			mock_netlink_route(errors[i]);
			cr_assert_eq(path(NULL, "10.1.0.9", &p), errors[i]);
		}
		mock_netlink_route(-EMFILE); /* says nothing about the route */
		cr_assert_geq(path(NULL, "10.1.0.9", &p), 0);
		mock_netlink_route(0);
	}
}

Test(choose, path__infiniband_addresses_are_the_kernels, .init = setup)
{
	struct sockaddr_storage ib = { .ss_family = AF_IB };
	enum iw_driver_kind kind = IW_DRIVER_SOFT;
	struct shim_path p;

	cr_assert_eq(shim_choose_path(NULL, (struct sockaddr *)&ib, &p), 0);
	cr_assert_eq(p.kind, IW_DRIVER_KERNEL);
	cr_assert_eq(shim_choose_local((struct sockaddr *)&ib, &kind), 0);
	cr_assert_eq(kind, IW_DRIVER_KERNEL);
	fake_fail(FAKE_PROBE, -ENODEV);
	cr_assert_eq(shim_choose_path(NULL, (struct sockaddr *)&ib, &p), -ENODEV);
	fake_fail(FAKE_PROBE, -ENODEV);
	cr_assert_eq(shim_choose_local((struct sockaddr *)&ib, &kind), -ENODEV);
	use("soft");
	cr_assert_eq(shim_choose_path(NULL, (struct sockaddr *)&ib, &p), -EAFNOSUPPORT);
}

Test(choose, interface__of_ip_over_infiniband_is_the_kernels, .init = setup)
{
	struct shim_path p;

	mock_netlink_infiniband(true);
	cr_assert_eq(path(NULL, "10.1.0.9", &p), IW_DRIVER_KERNEL);
	cr_assert_eq(local("10.1.0.1"), IW_DRIVER_KERNEL);
	mock_netlink_infiniband(false);
	cr_assert_eq(local("10.1.0.1"), IW_DRIVER_SOFT);
}

Test(choose, interface__a_bare_one_is_remembered_for_a_while, .init = setup)
{
	struct shim_path p;
	unsigned int calls;

	cr_assert_eq(path(NULL, "10.1.0.9", &p), IW_DRIVER_SOFT);
	calls = mock_netlink_device_calls();
	cr_assert_eq(path(NULL, "10.1.0.9", &p), IW_DRIVER_SOFT);
	cr_assert_eq(local("10.1.0.1"), IW_DRIVER_SOFT);
	cr_assert_eq(mock_netlink_device_calls(), calls);
	usleep(1100 * 1000);
	cr_assert_eq(local("10.1.0.1"), IW_DRIVER_SOFT);
	cr_assert_eq(mock_netlink_device_calls(), calls + 1);
}

/* ---- ids */

static void expect_soft(struct rdma_cm_id *id)
{
	cr_assert_eq(((struct shim_id *)id)->kind, IW_DRIVER_SOFT);
	cr_assert_not_null(id->verbs);
	cr_assert_not_null(id->pd);
	cr_assert_eq(id->port_num, 1);
}

/* Events come from another thread: waits for them. */
static struct rdma_event_channel *blocking(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();

	cr_assert_not_null(ch);
	return ch;
}

static void resolve(struct rdma_cm_id *id, const char *text, uint16_t port)
{
	struct sockaddr_storage dst = at(text, port);

	succeeds(rdma_resolve_addr(id, NULL, (struct sockaddr *)&dst, 100));
	cr_assert_eq(util_expect(id->channel, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
}

static struct rdma_cm_id *listener_at(struct rdma_event_channel *ch, const char *text)
{
	struct sockaddr_storage addr = at(text, PORT);
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&addr));
	succeeds(rdma_listen(id, 4));
	return id;
}

Test(choose, id__a_whole_life_on_the_software_driver, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = blocking();
	struct rdma_cm_id *listener = listener_at(ch, "10.1.0.1"), *id = util_id(ch), *child;
	struct rdma_conn_param param = { .responder_resources = 1, .initiator_depth = 1 };
	struct rdma_cm_event *ev;

	expect_soft(listener);
	resolve(id, "10.1.0.1", PORT);
	expect_soft(id);
	cr_assert_eq(id->verbs, listener->verbs);
	succeeds(rdma_resolve_route(id, 100));
	util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED);
	util_qp(id);
	succeeds(rdma_connect(id, &param));
	ev = util_next(ch, RDMA_CM_EVENT_CONNECT_REQUEST);
	child = ev->id;
	succeeds(rdma_ack_cm_event(ev));
	expect_soft(child);
	util_qp(child);
	succeeds(rdma_accept(child, &param));
	util_expect(ch, RDMA_CM_EVENT_ESTABLISHED);
	util_expect(ch, RDMA_CM_EVENT_ESTABLISHED);
	succeeds(rdma_disconnect(id));
	util_expect(ch, RDMA_CM_EVENT_DISCONNECTED);
	util_expect(ch, RDMA_CM_EVENT_DISCONNECTED);
	for (struct rdma_cm_id **p = (struct rdma_cm_id *[]){ id, child, listener, NULL }; *p;
	     p++) {
		if ((*p)->qp)
			rdma_destroy_qp(*p);
		util_destroy(*p);
	}
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, id__both_drivers_on_one_channel, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = blocking();
	struct rdma_cm_id *soft = util_id(ch), *hard = util_id(ch);

	resolve(soft, "10.1.0.9", PORT);
	resolve(hard, "10.0.0.1", PORT);
	expect_soft(soft);
	cr_assert_eq(((struct shim_id *)hard)->kind, IW_DRIVER_KERNEL);
	cr_assert_neq(soft->verbs, hard->verbs);
	util_destroy(soft);
	util_destroy(hard);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, id__works_without_the_kernel, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id;

	use("soft");
	fake_fail(FAKE_PROBE, -ENODEV); /* would fail the first call that asks */
	ch = blocking();
	id = util_id(ch);
	resolve(id, "127.0.0.1", PORT);
	expect_soft(id);
	cr_assert_eq(fake_calls(FAKE_PROBE), 0);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, id__moves_between_channels, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = blocking(), *other = blocking();
	struct rdma_cm_id *id = util_id(ch);

	resolve(id, "10.1.0.9", PORT);
	succeeds(rdma_migrate_id(id, other));
	succeeds(rdma_resolve_route(id, 100));
	util_expect(other, RDMA_CM_EVENT_ROUTE_RESOLVED);
	succeeds(rdma_migrate_id(id, NULL));
	rdma_destroy_event_channel(ch);
	rdma_destroy_event_channel(other);
	util_destroy(id);
	util_all_gone();
}

Test(choose, id__at_all_addresses_goes_with_whom_the_way_needs, .init = setup, .timeout = 30)
{
	struct sockaddr_storage any = at("0.0.0.0", 7001);
	struct rdma_event_channel *ch = blocking();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_storage src;
	uint8_t tos = 3;

	succeeds(rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 1));
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&any));
	cr_assert_eq(((struct shim_id *)id)->kind, IW_DRIVER_KERNEL);
	cr_assert_eq(fake_calls(FAKE_SET_OPTION), 1);
	resolve(id, "10.1.0.9", PORT);
	expect_soft(id);
	cr_assert_eq(fake_calls(FAKE_SET_OPTION), 2, "the options come along");
	cr_assert_eq(ntohs(rdma_get_src_port(id)), 7001);
	src = fake_last_src();
	cr_assert(is_at(&src, "10.1.0.1", 7001));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, id__cannot_change_drivers, .init = setup, .timeout = 30)
{
	struct sockaddr_storage any = at("0.0.0.0", 7001), dst = at("10.1.0.9", PORT);
	struct rdma_event_channel *ch = blocking();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&any));
	fake_fail(FAKE_ID_NEW, -ENOMEM);
	fails_with(ENOMEM, rdma_resolve_addr(id, NULL, (struct sockaddr *)&dst, 100));
	fake_fail(FAKE_BIND, -EADDRINUSE);
	fails_with(EADDRINUSE, rdma_resolve_addr(id, NULL, (struct sockaddr *)&dst, 100));
	cr_assert_eq(((struct shim_id *)id)->kind, IW_DRIVER_KERNEL);
	cr_assert_eq(ntohs(rdma_get_src_port(id)), 7001);
	resolve(id, "10.0.0.1", PORT);
	cr_assert_eq(((struct shim_id *)id)->kind, IW_DRIVER_KERNEL);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, id__a_port_of_no_importance_may_change, .init = setup, .timeout = 30)
{
	struct sockaddr_storage any = at("0.0.0.0", 0);
	struct rdma_event_channel *ch = blocking();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&any));
	fake_fail(FAKE_BIND, -EADDRINUSE);
	resolve(id, "10.1.0.9", PORT);
	expect_soft(id);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, id__at_one_address_stays_with_its_driver, .init = setup, .timeout = 30)
{
	struct sockaddr_storage soft = at("10.1.0.1", 7001), hard = at("10.0.0.1", 7001);
	struct rdma_event_channel *ch = blocking();
	struct rdma_cm_id *a = util_id(ch), *b = util_id(ch);

	succeeds(rdma_bind_addr(a, (struct sockaddr *)&soft));
	succeeds(rdma_bind_addr(b, (struct sockaddr *)&hard));
	resolve(a, "10.0.0.1", PORT);
	resolve(b, "10.1.0.9", PORT);
	expect_soft(a);
	cr_assert_eq(((struct shim_id *)b)->kind, IW_DRIVER_KERNEL);
	util_destroy(a);
	util_destroy(b);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, id__after_a_failure_may_go_elsewhere, .init = setup, .timeout = 30)
{
	struct sockaddr_storage dst = at("10.0.0.1", PORT);
	struct rdma_event_channel *ch = blocking();
	struct rdma_cm_id *id = util_id(ch);

	fake_fail(FAKE_ADDR_EVENT, -ETIMEDOUT);
	succeeds(rdma_resolve_addr(id, NULL, (struct sockaddr *)&dst, 100));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_ERROR), -ETIMEDOUT);
	resolve(id, "10.1.0.9", PORT);
	expect_soft(id);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, id__goes_and_comes_back, .init = setup, .timeout = 30)
{
	struct sockaddr_storage any = at("0.0.0.0", 7001), away = at("10.1.0.9", PORT);
	struct rdma_event_channel *ch = blocking(), *other = blocking();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&any));
	fake_fail(FAKE_RESOLVE_ADDR, -ENOMEM);
	fails_with(ENOMEM, rdma_resolve_addr(id, NULL, (struct sockaddr *)&away, 100));
	cr_assert_eq(fake_calls(FAKE_BIND), 2);
	resolve(id, "10.0.0.1", PORT);
	cr_assert_eq(fake_calls(FAKE_BIND), 2, "it has the port still");
	cr_assert_eq(((struct shim_id *)id)->kind, IW_DRIVER_KERNEL);
	succeeds(rdma_migrate_id(id, other));
	cr_assert_eq(fake_soft_ids(), 0);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	rdma_destroy_event_channel(other);
	util_all_gone();
}

static void *set_some(void *id)
{
	uint8_t tos = 1;

	for (int i = 0; i < 1000; i++)
		rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 1);
	return NULL;
}

Test(choose, id__changes_drivers_under_another_call, .init = setup, .timeout = 60)
{
	struct sockaddr_storage any = at("0.0.0.0", 7001);
	struct sockaddr_storage to[] = { at("10.1.0.9", PORT), at("10.0.0.1", PORT) };
	struct rdma_event_channel *ch = blocking();
	struct rdma_cm_id *id = util_id(ch);
	struct later *l;

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&any));
	l = util_later(set_some, id);
	for (int i = 0; i < 50; i++) {
		fake_fail(FAKE_RESOLVE_ADDR, -ENOMEM);
		fails_with(ENOMEM, rdma_resolve_addr(id, NULL, (struct sockaddr *)&to[i % 2], 100));
	}
	util_join(l);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, device__is_opened_once_and_each_fault_is_told, .init = setup, .timeout = 30)
{
	struct sockaddr_storage dst = at("10.1.0.9", PORT);
	struct rdma_event_channel *ch = blocking();
	struct rdma_cm_id *a = util_id(ch), *b = util_id(ch);

	fake_fail(FAKE_OPEN_VERBS, -EMFILE);
	succeeds(rdma_resolve_addr(a, NULL, (struct sockaddr *)&dst, 100));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_ERROR), -EMFILE);
	mock_verbs_fail(MOCK_QUERY_DEVICE, EIO);
	succeeds(rdma_resolve_addr(a, NULL, (struct sockaddr *)&dst, 100));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_ERROR), -EIO);
	resolve(a, "10.1.0.9", PORT);
	resolve(b, "10.1.0.9", PORT);
	cr_assert_eq(a->verbs, b->verbs);
	cr_assert_eq(fake_calls(FAKE_OPEN_VERBS), 3);
	util_destroy(a);
	util_destroy(b);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(choose, log__says_who_serves, .init = setup, .timeout = 30)
{
	char log[] = "/tmp/iwshim-choose-XXXXXX", text[8192] = "";
	struct rdma_event_channel *ch;
	struct rdma_cm_id *id, *all;
	int fd = mkstemp(log);

	setenv("IWSHIM_LOG", "info", 1);
	setenv("IWSHIM_LOG_FILE", log, 1);
	ch = blocking();
	id = util_id(ch);
	resolve(id, "10.1.0.9", PORT);
	all = listener_at(ch, "0.0.0.0");
	cr_assert_gt(read(fd, text, sizeof(text) - 1), 0);
	cr_assert_not_null(strstr(text, ": 10.1.0.1 is served by mock1 (software)"), "%s", text);
	cr_assert_not_null(strstr(text, ": 0.0.0.0 is served by all kernel devices"), "%s", text);
	unlink(log);
	util_destroy(id);
	util_destroy(all);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}
