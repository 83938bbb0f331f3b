// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * RAI_SA over a driver in memory: rdma_resolve_addrinfo(3) by the subnet
 * administrator of an InfiniBand network, and what rdma_query_addrinfo(3) gives.
 */
#include <endian.h>
#include <infiniband/ib.h>

#include "shim/shim.h"
#include "tests/shim_util.h"

static const struct rdma_addrinfo by_sa = { .ai_flags = RAI_SA };

/* What others find, too, when all run in one process. */
static void infiniband(void)
{
	mock_verbs_transport(0, IBV_TRANSPORT_IB);
	mock_verbs_link_layer(IBV_LINK_LAYER_INFINIBAND);
	fake_services(1);
}

static void iwarp_again(void)
{
	mock_verbs_transport(0, IBV_TRANSPORT_IWARP);
	mock_verbs_link_layer(IBV_LINK_LAYER_INFINIBAND);
}

#define SaTest(suite, name) \
	Test(suite, name, .init = infiniband, .fini = iwarp_again, .timeout = 30)

static struct rdma_cm_id *bound_id(struct rdma_event_channel *ch)
{
	struct sockaddr_in local = fake_addr(0, 0);
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&local));
	cr_assert_not_null(id->verbs);
	return id;
}

static void end(struct rdma_cm_id *id, struct rdma_event_channel *ch)
{
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

static struct rdma_addrinfo *resolved(struct rdma_cm_id *id, struct rdma_event_channel *ch,
				      const char *service, const struct rdma_addrinfo *hints)
{
	struct rdma_addrinfo *list = NULL;

	succeeds(rdma_resolve_addrinfo(id, NULL, service, hints));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	succeeds(rdma_query_addrinfo(id, &list));
	return list;
}

/* ---- the question */

SaTest(sa, resolve__a_number_is_an_id_and_the_rest_a_name)
{
	static const struct {
		const char *text;
		uint64_t id;
		const char *name;
	} table[] = {
		{ "0x1122334455667788", 0x1122334455667788, "" },
		{ "4096", 4096, "" },
		{ "0", 0, "" },
		{ "storage", 0, "storage" },
		{ "9p server", 0, "9p server" },
		{ "-1", 0, "-1" },
		{ "012345678901234567890123456789012345678901234567890123456789abc", 0,
		  "012345678901234567890123456789012345678901234567890123456789abc" },
	};
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);

	for (size_t i = 0; i < IW_ARRAY_SIZE(table); i++) {
		rdma_freeaddrinfo(resolved(id, ch, table[i].text, &by_sa));
		cr_expect_str_eq(fake_last_service().name, table[i].name, "%s", table[i].text);
		if (!*table[i].name)
			cr_expect_eq(fake_last_service().id, table[i].id, "%s", table[i].text);
	}
	end(id, ch);
}

SaTest(sa, resolve__refuses_at_once_what_makes_no_sense)
{
	static const char long_name[] =
		"0123456789012345678901234567890123456789012345678901234567890abc";
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch), *unbound = util_id(ch);
	struct rdma_addrinfo hints = by_sa;

	fails_with(EINVAL, rdma_resolve_addrinfo(id, "192.0.2.1", "1", &hints));
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, NULL, &hints));
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, "", &hints));
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, long_name, &hints));
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, "0x10000000000000000", &hints));
	fails_with(EINVAL, rdma_resolve_addrinfo(unbound, NULL, "storage", &hints));
	hints.ai_flags = RAI_SA | RAI_DNS;
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, "storage", &hints));
	hints.ai_flags = RAI_SA | RAI_PASSIVE;
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, "storage", &hints));
	hints.ai_flags = RAI_SA | 0x40000000;
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, "storage", &hints));
	hints = by_sa;
	hints.ai_qp_type = IBV_QPT_UD;
	hints.ai_port_space = RDMA_PS_TCP;
	fails_with(ESOCKTNOSUPPORT, rdma_resolve_addrinfo(id, NULL, "storage", &hints));
	cr_assert_eq(fake_calls(FAKE_RESOLVE_SERVICE), 0);
	util_nothing(ch);
	util_destroy(unbound);
	end(id, ch);
}

SaTest(sa, resolve__only_infiniband_has_an_administrator)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);

	mock_verbs_link_layer(IBV_LINK_LAYER_ETHERNET);
	fails_with(EOPNOTSUPP, rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	mock_verbs_link_layer(IBV_LINK_LAYER_INFINIBAND);
	mock_verbs_transport(0, IBV_TRANSPORT_IWARP);
	fails_with(EOPNOTSUPP, rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	mock_verbs_transport(0, IBV_TRANSPORT_IB);
	mock_verbs_link_layer(IBV_LINK_LAYER_UNSPECIFIED);
	rdma_freeaddrinfo(resolved(id, ch, "storage", &by_sa));
	end(id, ch);
}

/* An old kernel among them: -EOPNOTSUPP. */
SaTest(sa, resolve__errors_of_the_driver_and_of_verbs_come_back)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);

	fake_fail(FAKE_RESOLVE_SERVICE, -EOPNOTSUPP);
	fails_with(EOPNOTSUPP, rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	fake_fail(FAKE_RESOLVE_SERVICE, -EINVAL);
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	mock_verbs_fail(MOCK_QUERY_PORT, ENODEV);
	fails_with(ENODEV, rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	mock_verbs_fail(MOCK_QUERY_PORT, -1);
	fails_with(EIO, rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	util_nothing(ch);
	rdma_freeaddrinfo(resolved(id, ch, "storage", &by_sa));
	end(id, ch);
}

/* ---- the answer */

SaTest(sa, query__an_address_for_each_record)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);
	struct rdma_addrinfo *list, *rai, *none;
	struct sockaddr_ib sib;
	unsigned int n = 0;

	fake_services(3);
	list = resolved(id, ch, "storage", &by_sa);
	for (rai = list; rai; rai = rai->ai_next, n++) {
		struct in6_addr gid = fake_addr6((int)n, 0).sin6_addr;

		cr_assert_eq(rai->ai_flags, 0);
		cr_assert_eq(rai->ai_family, AF_IB);
		cr_assert_eq(rai->ai_qp_type, (int)IBV_QPT_RC, "the id's");
		cr_assert_eq(rai->ai_port_space, (int)RDMA_PS_TCP, "the id's");
		cr_assert_null(rai->ai_src_addr);
		cr_assert_eq(rai->ai_dst_len, sizeof(sib));
		memcpy(&sib, rai->ai_dst_addr, sizeof(sib));
		cr_assert_eq(sib.sib_family, AF_IB);
		cr_assert_eq(sib.sib_pkey, htobe16(0xffff));
		cr_assert_eq(be64toh(sib.sib_sid), FAKE_SERVICE + n);
		cr_assert_eq(sib.sib_sid_mask, UINT64_MAX);
		cr_assert_eq(memcmp(&sib.sib_addr, &gid, sizeof(gid)), 0);
		if (n % 2)
			cr_assert_null(rai->ai_dst_canonname);
		else
			cr_assert_str_eq(rai->ai_dst_canonname, "fake");
	}
	cr_assert_eq(n, 3);
	rdma_freeaddrinfo(list);
	fails_with(ENOENT, rdma_query_addrinfo(id, &none));
	end(id, ch);
}

SaTest(sa, query__the_hints_come_along)
{
	struct sockaddr_in src = fake_addr(0, 1);
	char route[] = "route";
	struct rdma_addrinfo hints = { .ai_flags = RAI_SA,
				       .ai_qp_type = IBV_QPT_UC,
				       .ai_port_space = RDMA_PS_IB,
				       .ai_src_addr = (struct sockaddr *)&src,
				       .ai_src_len = sizeof(src),
				       .ai_route = route,
				       .ai_route_len = sizeof(route) };
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);
	struct rdma_addrinfo *list;

	fake_services(2);
	list = resolved(id, ch, "storage", &hints);
	for (struct rdma_addrinfo *rai = list; rai; rai = rai->ai_next) {
		cr_assert_eq(rai->ai_qp_type, (int)IBV_QPT_UC);
		cr_assert_eq(rai->ai_port_space, (int)RDMA_PS_IB);
		cr_assert_eq(rai->ai_src_addr->sa_family, AF_INET);
		cr_assert_str_eq(rai->ai_route, "route");
	}
	rdma_freeaddrinfo(list);
	end(id, ch);
}

SaTest(sa, query__as_many_as_there_may_be)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);
	struct rdma_addrinfo *list;
	unsigned int n = 0;

	fake_services(IW_CM_SERVICE_RECORDS_MAX);
	list = resolved(id, ch, "storage", &by_sa);
	for (struct rdma_addrinfo *rai = list; rai; rai = rai->ai_next)
		n++;
	cr_assert_eq(n, IW_CM_SERVICE_RECORDS_MAX);
	rdma_freeaddrinfo(list);
	end(id, ch);
}

SaTest(sa, event__every_failure)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);
	struct rdma_addrinfo *none;

	fake_fail(FAKE_SERVICE_EVENT, -ETIMEDOUT);
	succeeds(rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_ERROR), -ETIMEDOUT);
	fake_fail(FAKE_QUERY_SERVICE, -EACCES);
	succeeds(rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_ERROR), -EACCES);
	fake_services(0);
	succeeds(rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_ERROR), -ENODATA);
	fails_with(ENOENT, rdma_query_addrinfo(id, &none));
	fake_services(1);
	rdma_freeaddrinfo(resolved(id, ch, "storage", &by_sa));
	end(id, ch);
}

/* The way that a program goes: to the first of those who offer it. */
SaTest(sa, query__its_address_can_be_resolved)
{
	struct sockaddr_storage local = fake_addr_ib(0, 0);
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_addrinfo *list;

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&local));
	list = resolved(id, ch, "storage", &by_sa);
	succeeds(rdma_resolve_addr(id, list->ai_src_addr, list->ai_dst_addr, 2000));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
	rdma_freeaddrinfo(list);
	end(id, ch);
}

/* A reason, which is above 0, is for connections. */
SaTest(sa, event__has_an_errno)
{
	struct iw_cm_event ev = { .type = IW_CM_EVENT_ADDRINFO, .status = -EIO, .reason = 3 };
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);

	fake_hold(true);
	succeeds(rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	fake_post(id, &ev);
	fake_hold(false);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_ERROR), -EIO);
	end(id, ch);
}

SaTest(sa, event__nobody_asked_for_is_dropped)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);

	fake_post_plain(id, IW_CM_EVENT_ADDRINFO, 0);
	util_nothing(ch);
	rdma_freeaddrinfo(resolved(id, ch, "storage", &by_sa));
	fake_post_plain(id, IW_CM_EVENT_ADDRINFO, 0);
	util_nothing(ch);
	end(id, ch);
}

SaTest(sa, resolve__on_a_synchronous_id)
{
	struct sockaddr_in local = fake_addr(0, 0);
	struct rdma_addrinfo *list;
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	succeeds(rdma_bind_addr(id, (struct sockaddr *)&local));
	fake_fail(FAKE_SERVICE_EVENT, -ETIMEDOUT);
	fails_with(ETIMEDOUT, rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	succeeds(rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDRINFO_RESOLVED);
	succeeds(rdma_query_addrinfo(id, &list));
	rdma_freeaddrinfo(list);
	util_destroy(id);
	util_all_gone();
}

/* ---- one at a time, and ends in between */

SaTest(sa, resolve__one_at_a_time)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);
	struct rdma_addrinfo *list;

	fake_hold(true);
	succeeds(rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	fails_with(EBUSY, rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	fails_with(EBUSY, rdma_resolve_addrinfo(id, "192.0.2.1", "1", NULL));
	fails_with(ENOENT, rdma_query_addrinfo(id, &list));
	cr_assert_eq(fake_calls(FAKE_RESOLVE_SERVICE), 1);
	fake_post_plain(id, IW_CM_EVENT_ADDRINFO, 0);
	fake_hold(false);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	/* Not taken: freed by the next, or with the id. */
	succeeds(rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	end(id, ch);
}

SaTest(sa, destroy__while_the_administrator_is_silent)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch), *other = bound_id(ch);
	struct rdma_addrinfo *list;

	fake_hold(true);
	succeeds(rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	succeeds(rdma_resolve_addrinfo(other, NULL, "storage", &by_sa));
	fake_hold(false);
	util_destroy(other);
	rdma_destroy_event_channel(ch);
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	fails_with(ENOENT, rdma_query_addrinfo(id, &list));
	util_destroy(id);
	util_all_gone();
}

SaTest(sa, migrate__the_event_goes_along)
{
	struct rdma_event_channel *ch = util_channel(), *to = util_channel();
	struct rdma_cm_id *id = bound_id(ch);
	struct rdma_addrinfo *list;

	succeeds(rdma_resolve_addrinfo(id, NULL, "storage", &by_sa));
	succeeds(rdma_migrate_id(id, to));
	rdma_destroy_event_channel(ch);
	cr_assert_eq(util_expect(to, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	succeeds(rdma_query_addrinfo(id, &list));
	rdma_freeaddrinfo(list);
	end(id, to);
}

/* Nothing fails but by ENOMEM, at once or in the event; nothing is lost or leaks. */
SaTest(sa, resolve__each_fault)
{
	struct sockaddr_in src = fake_addr(0, 1);
	struct rdma_addrinfo hints = { .ai_flags = RAI_SA,
				       .ai_src_addr = (struct sockaddr *)&src,
				       .ai_src_len = sizeof(src) },
			     *list;
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound_id(ch);
	int refused = 0, late = 0, status;
	struct rdma_cm_event *ev;

	fake_services(3);
	cr_assert_eq(shim_events_promise((struct shim_id *)id, SHIM_OWN_EVENTS), 0);
	for (unsigned long n = 1;; n++) {
		iw_fault_arm(IW_FAULT_ALLOC, n);
		errno = 0;
		if (rdma_resolve_addrinfo(id, NULL, "storage", &hints)) {
			cr_assert_eq(errno, ENOMEM);
			refused++;
			continue;
		}
		succeeds(rdma_get_cm_event(ch, &ev));
		status = ev->status;
		cr_assert_eq(ev->event, status ? RDMA_CM_EVENT_ADDRINFO_ERROR
					       : RDMA_CM_EVENT_ADDRINFO_RESOLVED);
		succeeds(rdma_ack_cm_event(ev));
		if (!status)
			break;
		cr_assert_eq(status, -ENOMEM);
		late++;
	}
	iw_fault_arm(0, 0);
	cr_assert_geq(refused, 3);
	cr_assert_geq(late, 9);
	succeeds(rdma_query_addrinfo(id, &list));
	rdma_freeaddrinfo(list);
	end(id, ch);
}
