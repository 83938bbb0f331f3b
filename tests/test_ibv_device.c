// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>

#include "base/fault.h"
#include "tests/fake_soft.h"
#include "tests/verbs_util.h"
#include "verbs/ibv_forward.h"

static struct fake_verbs *fake;

static void set_up(void)
{
	fake = use_fake(FAKE_VERBS);
	cr_assert(fake);
}

TestSuite(list, .init = set_up);
TestSuite(device, .init = set_up);

/* Names in one line, and the list is freed. */
static const char *names(void)
{
	static char line[1024];
	struct ibv_device **list;
	int n = -1, i;

	*line = 0;
	list = ibv_get_device_list(&n);
	if (!list)
		return NULL;
	for (i = 0; list[i]; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", i ? " " : "",
			 list[i]->name);
	cr_assert_eq(n, i);
	ibv_free_device_list(list);
	cr_assert_eq(fake->lists, 0);
	return line;
}

Test(list, auto__both)
{
	cr_assert_str_eq(names(), "real0 real1 usiw_0 usiw_1");
}

Test(list, auto__kernel_device_on_an_interface)
{
	fake_kernel_ifindex = 1;
	cr_assert_str_eq(names(), "real0 real1 usiw_1");
	fake_soft_up = 1;
	cr_assert_str_eq(names(), "real0 real1");
}

Test(list, kernel__real_alone)
{
	setenv("IWSHIM_DEVICE", "kernel", 1);
	cr_assert_str_eq(names(), "real0 real1");
}

Test(list, soft__ours_alone)
{
	setenv("IWSHIM_DEVICE", "soft", 1);
	fake_kernel_ifindex = 1;
	cr_assert_str_eq(names(), "usiw_0 usiw_1");
	fake_soft_up = 0;
	cr_assert_str_eq(names(), "");
}

Test(list, nonsense__auto_and_a_warning)
{
	const char *log = use_log();

	setenv("IWSHIM_LOG", "warn", 1);
	setenv("IWSHIM_DEVICE", "sofd", 1);
	cr_assert_str_eq(names(), "real0 real1 usiw_0 usiw_1");
	cr_assert_eq(count_log(log, "IWSHIM_DEVICE=sofd"), 1);
}

Test(list, more_than_expected__all)
{
	struct ibv_device **list;
	int n;

	fake_soft_up = FAKE_SOFT_NDEVICES;
	list = ibv_get_device_list(&n);
	cr_assert_eq(n, 2 + FAKE_SOFT_NDEVICES);
	cr_assert_null(list[n]);
	ibv_free_device_list(list);
}

Test(list, no_count__fine)
{
	struct ibv_device **list = ibv_get_device_list(NULL);

	cr_assert_str_eq(list[2]->name, "usiw_0");
	ibv_free_device_list(list);
}

Test(list, real_fails__ours_alone)
{
	fake->list_error = ENOSYS;
	cr_assert_str_eq(names(), "usiw_0 usiw_1");
}

Test(list, real_fails_and_no_interface__its_error)
{
	int n = 7;

	fake->list_error = EPERM;
	fake_soft_up = 0;
	errno = 0;
	cr_assert_null(ibv_get_device_list(&n));
	cr_assert_eq(errno, EPERM);
	cr_assert_eq(n, 0);
}

Test(list, soft_switched_off__real_alone)
{
	fake_soft_list_error = -ENODEV;
	cr_assert_str_eq(names(), "real0 real1");
}

Test(list, soft_fails__the_kernels_own)
{
	fake_soft_list_error = -EMFILE;
	cr_assert_str_eq(names(), "real0 real1");
	cr_assert_eq(fake->lists, 0);
}

Test(list, soft_alone_fails__its_error)
{
	setenv("IWSHIM_DEVICE", "soft", 1);
	fake_soft_list_error = -EMFILE;
	errno = 0;
	cr_assert_null(ibv_get_device_list(NULL));
	cr_assert_eq(errno, EMFILE);
	cr_assert_eq(fake->lists, 0);
}

Test(list, no_memory__enomem_and_nothing_kept)
{
	unsigned long n;

	for (n = 1; n < 10; n++) {
		iw_fault_arm(IW_FAULT_ALLOC, n);
		errno = 0;
		if (names())
			break;
		cr_assert_eq(errno, ENOMEM);
		cr_assert_eq(fake->lists, 0);
	}
	cr_assert_eq(n, 3);
}

Test(list, two_at_once__freed_apart)
{
	struct ibv_device **a = ibv_get_device_list(NULL), **b = ibv_get_device_list(NULL);

	ibv_free_device_list(a);
	cr_assert_str_eq(b[3]->name, "usiw_1");
	ibv_free_device_list(b);
	cr_assert_eq(fake->lists, 0);
}

Test(list, from_inside_the_real_library__ours_hidden)
{
	cr_assert_eq(fake->list_from_inside(ibv_get_device_list), 2);
	setenv("IWSHIM_DEVICE", "soft", 1);
	cr_assert_eq(fake->list_from_inside(ibv_get_device_list), 2);
}

/* Where calls go to the real library, nobody gets a device of ours. */
Test(list, unreachable__ours_hidden)
{
	const char *log = use_log();

	load_fake(FAKE_VERBS, RTLD_GLOBAL);
	cr_assert_str_eq(names(), "real0 real1");
	setenv("IWSHIM_DEVICE", "soft", 1);
	cr_assert_str_eq(names(), "");
	cr_assert_eq(count_log(log, "iwshim run"), 1);
}

Test(list, old_library__both)
{
	fake = use_fake(FAKE_VERBS_OLD);
	cr_assert_str_eq(ibv_get_device_list(NULL)[2]->name, "usiw_0");
}

Test(device, ours__name_guid_index)
{
	struct ibv_device **list = ibv_get_device_list(NULL);

	cr_assert_str_eq(ibv_get_device_name(list[2]), "usiw_0");
	cr_assert_eq(ibv_get_device_guid(list[3]), 101);
	cr_assert_eq(ibv_get_device_index(list[2]), -1);
	ibv_free_device_list(list);
	cr_assert_null(fake->last);
}

/* Each call, for a context of ours and for another: who has answered. */
#define ANSWERS(call, name)                                                        \
	do {                                                                       \
		ctx = &fake_soft_context;                                          \
		dev = &fake_soft_devices[0].ibv;                                   \
		fake_soft_last = fake->last = NULL;                                \
		cr_assert_eq((long)(call), FAKE_SOFT_RC, "%s of ours", name);      \
		cr_assert_str_eq(fake_soft_last, name);                            \
		cr_assert_null(fake->last);                                        \
		ctx = &real;                                                       \
		dev = &fake->devices[0];                                           \
		fake_soft_last = NULL;                                             \
		cr_assert_eq((long)(call), FAKE_VERBS_RC, "%s of the real", name); \
		cr_assert_str_eq(fake->last, name);                                \
		cr_assert_null(fake_soft_last);                                    \
	} while (0)

Test(device, calls__answered_by_whose_it_is)
{
	struct ibv_context real = { .device = &fake->devices[0] }, *ctx;
	struct ibv_device *dev;

	ANSWERS(ibv_open_device(dev), "open_device");
	ANSWERS(ibv_close_device(ctx), "close_device");
	ANSWERS(ibv_query_device(ctx, NULL), "query_device");
	ANSWERS(ibv_query_port(ctx, 1, NULL), "query_port");
	ANSWERS(_ibv_query_gid_ex(ctx, 1, 0, NULL, 0, 0), "query_gid_ex");
	ANSWERS(_ibv_query_gid_table(ctx, NULL, 0, 0, 0), "query_gid_table");
	ANSWERS(ibv_query_pkey(ctx, 1, 0, NULL), "query_pkey");
	ANSWERS(ibv_get_pkey_index(ctx, 1, 0), "get_pkey_index");
	ANSWERS(ibv_get_async_event(ctx, NULL), "get_async_event");
}

Test(device, query_gid__answered_by_whose_it_is)
{
	struct ibv_context real = { .device = &fake->devices[0] };
	union ibv_gid gid;

	cr_assert_eq(ibv_query_gid(&fake_soft_context, 1, 0, &gid), 0);
	cr_assert_str_eq(fake_soft_last, "query_gid");
	cr_assert_eq(ibv_query_gid(&real, 1, 0, &gid), FAKE_VERBS_RC);
	cr_assert_str_eq(fake->last, "query_gid");
}

Test(device, query_gid_type__no_roce)
{
	struct ibv_context real = { .device = &fake->devices[0] };
	int type = 7;

	cr_assert_eq(iw_query_gid_type(&fake_soft_context, 1, 1, &type), -1);
	cr_assert_eq(type, 7);
	cr_assert_eq(iw_query_gid_type(&fake_soft_context, 1, 0, &type), 0);
	cr_assert_eq(type, 0);
	cr_assert_eq(iw_query_gid_type(&real, 1, 0, &type), FAKE_VERBS_RC);
	cr_assert_str_eq(fake->last, "query_gid_type");
}

Test(device, real__forwarded)
{
	struct ibv_device *dev = &fake->devices[0];

	cr_assert_eq((long)ibv_get_device_name(dev), FAKE_VERBS_RC);
	cr_assert_eq(ibv_get_device_guid(dev), FAKE_VERBS_RC);
	cr_assert_eq(ibv_get_device_index(dev), FAKE_VERBS_RC);
	cr_assert_eq((long)ibv_import_device(3), FAKE_VERBS_RC);
	cr_assert_str_eq(fake->last, "import_device");
}

Test(device, no_context__not_ours)
{
	cr_assert_eq(ibv_close_device(NULL), FAKE_VERBS_RC);
}
