// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <limits.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>

/* Criterion is silent about skipped tests unless it is verbose. */
#define SKIP(why)                                      \
	do {                                           \
		fprintf(stderr, "skipped: %s\n", why); \
		cr_skip(why);                          \
	} while (0)

Test(event_str, event_str__is_the_enumerators_name)
{
	cr_expect_str_eq(rdma_event_str(RDMA_CM_EVENT_ADDR_RESOLVED),
			 "RDMA_CM_EVENT_ADDR_RESOLVED");
	cr_expect_str_eq(rdma_event_str(RDMA_CM_EVENT_TIMEWAIT_EXIT),
			 "RDMA_CM_EVENT_TIMEWAIT_EXIT");
	cr_expect_str_eq(rdma_event_str(RDMA_CM_EVENT_ADDRINFO_RESOLVED),
			 "RDMA_CM_EVENT_ADDRINFO_RESOLVED");
	cr_expect_str_eq(rdma_event_str(RDMA_CM_EVENT_ADDRINFO_ERROR),
			 "RDMA_CM_EVENT_ADDRINFO_ERROR");
}

Test(event_str, event_str__has_one_text_for_all_else)
{
	static const int others[] = {
		RDMA_CM_EVENT_USER, RDMA_CM_EVENT_INTERNAL, 20, -1, INT_MAX, INT_MIN
	};
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_expect_str_eq(rdma_event_str((enum rdma_cm_event_type)others[i]),
				 "UNKNOWN EVENT");
}

Test(event_str, event_str__agrees_with_the_stock_library)
{
	void *lib = dlopen("librdmacm.so.1", RTLD_NOW | RTLD_LOCAL);
	const char *(*stock)(enum rdma_cm_event_type);
	int i;

	if (!lib)
		SKIP("no stock librdmacm here");
	*(void **)&stock = dlsym(lib, "rdma_event_str");
	cr_assert(stock && stock != rdma_event_str);
	/* 16 and 17 are newer than version 44. */
	for (i = -2; i < 32; i++)
		if (i != RDMA_CM_EVENT_ADDRINFO_RESOLVED && i != RDMA_CM_EVENT_ADDRINFO_ERROR)
			cr_expect_str_eq(rdma_event_str((enum rdma_cm_event_type)i),
					 stock((enum rdma_cm_event_type)i));
}
