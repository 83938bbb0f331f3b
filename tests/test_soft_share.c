// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/soft/soft_share.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

#include "base/fault.h"

static void allow(rlim_t descriptors)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < descriptors)
		cr_skip_test("may not have that many descriptors");
	limit.rlim_cur = descriptors;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Test(soft_share, of_descriptors__a_part_of_the_limit)
{
	allow(1024);
	cr_assert_eq(soft_share_of_descriptors(SOFT_SHARE_HANDSHAKES), 512);
	cr_assert_eq(soft_share_of_descriptors(SOFT_SHARE_LINGERING), 256);
}

Test(soft_share, of_descriptors__follows_a_limit_that_changes)
{
	allow(512);
	cr_assert_eq(soft_share_of_descriptors(2), 256);
	allow(1000);
	cr_assert_eq(soft_share_of_descriptors(2), 500);
}

Test(soft_share, of_descriptors__a_few_always)
{
	allow(40);
	cr_assert_eq(soft_share_of_descriptors(4), SOFT_SHARE_LEAST);
}

Test(soft_share, of_descriptors__a_limit_that_cannot_be_read)
{
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(soft_share_of_descriptors(2), SOFT_SHARE_LEAST);
}
