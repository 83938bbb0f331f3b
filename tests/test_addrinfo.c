// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* rdma_getaddrinfo(): the table of cases, faults, and the stock library beside it. */
#include <criterion/criterion.h>
#include <dlfcn.h>

#include "base/fault.h"
#include "tests/vm/prog/addrinfo_cases.h"

/* Criterion is silent about skipped tests unless it is verbose. */
#define SKIP(why)                                      \
	do {                                           \
		fprintf(stderr, "skipped: %s\n", why); \
		cr_skip(why);                          \
	} while (0)

static struct rdma_addrinfo *get(const char *node, const char *service,
				 const struct rdma_addrinfo *hints)
{
	struct rdma_addrinfo *rai = NULL;

	cr_assert_eq(rdma_getaddrinfo(node, service, hints, &rai), 0);
	return rai;
}

Test(addrinfo, get__gives_what_the_table_says)
{
	char line[256];
	size_t i;

	for (i = 0; i < ADDRINFO_CASES; i++) {
		addrinfo_run(&addrinfo_cases[i], rdma_getaddrinfo, rdma_freeaddrinfo, line,
			     sizeof(line));
		cr_expect_str_eq(line, addrinfo_cases[i].expect, "%s: %s, not %s",
				 addrinfo_cases[i].name, line, addrinfo_cases[i].expect);
	}
}

Test(addrinfo, get__agrees_with_the_stock_library)
{
	void *lib = dlopen("librdmacm.so.1", RTLD_NOW | RTLD_LOCAL);
	addrinfo_free_fn *stock_free;
	addrinfo_get_fn *stock_get;
	char line[256];
	size_t i;

	if (!lib)
		SKIP("no stock librdmacm here");
	*(void **)&stock_get = dlsym(lib, "rdma_getaddrinfo");
	*(void **)&stock_free = dlsym(lib, "rdma_freeaddrinfo");
	cr_assert(stock_get && stock_free && stock_get != rdma_getaddrinfo);
	if (addrinfo_run(&addrinfo_cases[0], stock_get, stock_free, line, sizeof(line)) == -1 &&
	    errno == ENODEV)
		SKIP("stock librdmacm needs an RDMA device: tests/vm/guest/addrinfo.sh");

	for (i = 0; i < ADDRINFO_CASES; i++) {
		if (addrinfo_cases[i].stock)
			continue;
		addrinfo_run(&addrinfo_cases[i], stock_get, stock_free, line, sizeof(line));
		cr_expect_str_eq(line, addrinfo_cases[i].expect, "%s: stock says %s",
				 addrinfo_cases[i].name, line);
	}
}

Test(addrinfo, get__fails_cleanly_at_each_fault)
{
	unsigned long nth;
	char line[256];
	size_t i;
	int ret;

	for (i = 0; i < ADDRINFO_CASES; i++) {
		for (nth = 1;; nth++) {
			iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
			ret = addrinfo_run(&addrinfo_cases[i], rdma_getaddrinfo, rdma_freeaddrinfo,
					   line, sizeof(line));
			if (iw_fault_passed() < nth)
				break;
			cr_expect(ret, "%s: fault %lu went unnoticed", addrinfo_cases[i].name, nth);
			cr_expect(!strcmp(line, "ENOMEM") || !strcmp(line, "EAI_SYSTEM"),
				  "%s: fault %lu gave %s", addrinfo_cases[i].name, nth, line);
		}
		iw_fault_arm(0, 0);
		cr_expect_str_eq(line, addrinfo_cases[i].expect);
	}
}

Test(addrinfo, get__leaves_the_result_alone_on_error)
{
	struct rdma_addrinfo *rai = (struct rdma_addrinfo *)&rai;

	cr_assert_eq(rdma_getaddrinfo("192.0.2.1", "nosuch-service", NULL, &rai), EAI_SERVICE);
	cr_assert_eq(rai, (struct rdma_addrinfo *)&rai);
	errno = 0;
	cr_assert_eq(rdma_getaddrinfo("192.0.2.1", NULL, NULL, NULL), -1);
	cr_assert_eq(errno, EINVAL);
}

Test(addrinfo, get__finds_services_by_name)
{
	struct rdma_addrinfo hints = { .ai_qp_type = IBV_QPT_RC }, *rai = NULL;

	if (!getservbyname("http", "tcp") || !getservbyname("tftp", "udp") ||
	    getservbyname("tftp", "tcp"))
		SKIP("/etc/services lacks http or tftp");
	rai = get("192.0.2.1", "http", NULL);
	cr_expect_eq(((struct sockaddr_in *)rai->ai_dst_addr)->sin_port, htons(80));
	cr_expect_eq(rai->ai_qp_type, (int)IBV_QPT_RC);
	rdma_freeaddrinfo(rai);

	/* A service that only datagrams have decides the type, or contradicts it. */
	rai = get("192.0.2.1", "tftp", NULL);
	cr_expect_eq(rai->ai_qp_type, (int)IBV_QPT_UD);
	cr_expect_eq(rai->ai_port_space, (int)RDMA_PS_UDP);
	rdma_freeaddrinfo(rai);
	cr_expect_eq(rdma_getaddrinfo("192.0.2.1", "tftp", &hints, &rai), EAI_SERVICE);
}

static void check_copies(const struct rdma_addrinfo *hints)
{
	struct rdma_addrinfo *rai = get(NULL, NULL, hints);

	cr_assert_eq(rai->ai_route_len, hints->ai_route_len);
	cr_assert_eq(memcmp(rai->ai_route, hints->ai_route, hints->ai_route_len), 0);
	cr_assert_neq(rai->ai_route, hints->ai_route);
	cr_assert_eq(rai->ai_connect_len, hints->ai_connect_len);
	cr_assert_eq(memcmp(rai->ai_connect, hints->ai_connect, hints->ai_connect_len), 0);
	cr_assert_str_eq(rai->ai_src_canonname, hints->ai_src_canonname);
	cr_assert_str_eq(rai->ai_dst_canonname, hints->ai_dst_canonname);
	cr_assert_null(rai->ai_next);
	rdma_freeaddrinfo(rai);
}

Test(addrinfo, get__copies_all_of_the_hints)
{
	char route[] = "route", connect[] = "hello", src[] = "me.example", dst[] = "you.example";
	struct rdma_addrinfo hints = {
		.ai_route = route,
		.ai_route_len = sizeof(route),
		.ai_connect = connect,
		.ai_connect_len = sizeof(connect),
		.ai_src_canonname = src,
		.ai_dst_canonname = dst,
	}, *rai;
	unsigned long nth;

	hints.ai_next = &hints;
	check_copies(&hints);
	for (nth = 1; nth <= 5; nth++) {
		rai = NULL;
		iw_fault_arm(IW_FAULT_ALLOC, nth);
		cr_expect_eq(rdma_getaddrinfo(NULL, NULL, &hints, &rai), -1);
		cr_expect_eq(errno, ENOMEM);
		cr_expect_null(rai);
	}
	iw_fault_arm(0, 0);
}

Test(addrinfo, get__brings_the_hinted_route_along)
{
	char route[] = "route", connect[] = "hello";
	struct rdma_addrinfo hints = { .ai_route = route,
				       .ai_route_len = sizeof(route),
				       .ai_connect = connect,
				       .ai_connect_len = sizeof(connect) };
	struct rdma_addrinfo *rai = get("192.0.2.1", "7471", &hints);

	cr_assert_eq(rai->ai_route_len, sizeof(route));
	cr_assert_str_eq(rai->ai_route, route);
	cr_assert_neq(rai->ai_route, (void *)route);
	cr_assert_eq(rai->ai_connect_len, sizeof(connect));
	cr_assert_str_eq(rai->ai_connect, connect);
	rdma_freeaddrinfo(rai);
}

Test(addrinfo, get__a_hinted_gid)
{
	struct sockaddr_ib sib = { .sib_family = AF_IB, .sib_pkey = 7 }, *got;
	struct rdma_addrinfo hints = { .ai_flags = RAI_PASSIVE,
				       .ai_family = AF_IB,
				       .ai_src_addr = (struct sockaddr *)&sib,
				       .ai_src_len = sizeof(sib) };
	struct rdma_addrinfo *rai;

	sib.sib_addr.sib_addr8[15] = 9;
	rai = get(NULL, "1", &hints); /* stands in for the node */
	got = (struct sockaddr_ib *)(void *)rai->ai_src_addr;
	cr_assert_eq(rai->ai_src_len, sizeof(sib));
	cr_assert_eq(memcmp(&got->sib_addr, &sib.sib_addr, sizeof(sib.sib_addr)), 0);
	cr_assert_eq(got->sib_pkey, 7);
	cr_assert_eq(be64toh(got->sib_sid), RDMA_IB_IP_PS_TCP | 1);
	rdma_freeaddrinfo(rai);

	hints.ai_flags = RAI_NUMERICHOST | RAI_FAMILY;
	rai = get("fe80::2", "1", &hints);
	got = (struct sockaddr_ib *)(void *)rai->ai_src_addr;
	cr_assert_eq(memcmp(got, &sib, sizeof(sib)), 0, "as hinted");
	cr_assert_eq(rai->ai_dst_addr->sa_family, AF_IB);
	rdma_freeaddrinfo(rai);

	hints.ai_flags = RAI_PASSIVE;
	hints.ai_src_len = sizeof(sib) - 1; /* too short to stand in */
	rai = get(NULL, "1", &hints);
	cr_assert_neq(rai->ai_src_addr->sa_family, AF_IB);
	rdma_freeaddrinfo(rai);
}

Test(addrinfo, get__refuses_more_than_anything_carries)
{
	static char bytes[4096];
	struct rdma_addrinfo hints = { .ai_connect = bytes, .ai_connect_len = 256 };
	struct rdma_addrinfo *rai = NULL;

	cr_expect_eq(rdma_getaddrinfo(NULL, NULL, &hints, &rai), -1);
	cr_expect_eq(errno, EINVAL);
	hints.ai_connect_len = 255;
	hints.ai_route = bytes;
	hints.ai_route_len = sizeof(bytes);
	errno = 0;
	cr_expect_eq(rdma_getaddrinfo("192.0.2.1", NULL, &hints, &rai), -1);
	cr_expect_eq(errno, EINVAL);
	hints.ai_route_len = 0;
	rai = get("192.0.2.1", NULL, &hints);
	cr_expect_eq(rai->ai_connect_len, 255);
	rdma_freeaddrinfo(rai);
}

Test(addrinfo, get__refuses_hinted_addresses_of_a_mad_length)
{
	struct sockaddr_storage addr = { .ss_family = AF_INET };
	struct rdma_addrinfo hints = { .ai_src_addr = (struct sockaddr *)&addr,
				       .ai_src_len = sizeof(addr) + 1 };
	struct rdma_addrinfo *rai = NULL;

	cr_expect_eq(rdma_getaddrinfo("192.0.2.1", NULL, &hints, &rai), -1);
	cr_expect_eq(errno, EINVAL);
	hints.ai_src_len = 1;
	cr_expect_eq(rdma_getaddrinfo("192.0.2.1", NULL, &hints, &rai), -1);
	cr_expect_eq(errno, EINVAL);

	/* A pointer without a length, and the reverse, are no address. */
	hints.ai_src_len = 0;
	rai = get("192.0.2.1", NULL, &hints);
	cr_expect(!rai->ai_src_addr && !rai->ai_src_len);
	rdma_freeaddrinfo(rai);
	hints.ai_src_addr = NULL;
	hints.ai_src_len = sizeof(addr);
	rai = get("192.0.2.1", NULL, &hints);
	cr_expect(!rai->ai_src_addr && !rai->ai_src_len);
	rdma_freeaddrinfo(rai);

	/* Too short for its family: copied as given, but no stand-in for a node. */
	hints = (struct rdma_addrinfo){ .ai_flags = RAI_PASSIVE,
					.ai_src_addr = (struct sockaddr *)&addr,
					.ai_src_len = 4,
					.ai_family = AF_INET };
	rai = get(NULL, "7471", &hints);
	cr_expect_eq(rai->ai_src_len, sizeof(struct sockaddr_in));
	rdma_freeaddrinfo(rai);
}

Test(addrinfo, free__takes_a_chain_and_nothing)
{
	struct rdma_addrinfo *list = get("192.0.2.1", "1", NULL);

	list->ai_next = get("192.0.2.1", "2", NULL);
	list->ai_next->ai_next = get("192.0.2.1", "3", NULL);
	rdma_freeaddrinfo(list);
	rdma_freeaddrinfo(NULL);
}
