// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "verbs/ibv_forward.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "base/verbs_entry.h"
#include "tests/verbs_util.h"

static const char *const fake_places[] = { FAKE_VERBS, NULL };
static const char *const no_places[] = { "/nowhere/libibverbs.so.1", NULL };

Test(find, override__absolute)
{
	const struct ibv_real *real;

	use_fake(FAKE_VERBS);
	real = ibv_forward();
	cr_assert_str_eq(iw_verbs_real_path(), FAKE_VERBS);
#define LOOK(member, symbol, version) cr_assert(real->member, "%s", #symbol);
	IBV_REAL_SYMBOLS(LOOK)
	cr_assert(real->query_gid_type);
}

Test(find, override__relative_is_ignored)
{
	setenv("IWSHIM_LIBIBVERBS", "libfakeverbs_old.so", 1);
	ibv_forward_places = fake_places;
	cr_assert_str_eq(iw_verbs_real_path(), FAKE_VERBS);
}

Test(find, loaded__comes_before_the_places)
{
	char folder[] = "/tmp/iwshim-verbs-XXXXXX", path[64], command[256];

	cr_assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/libibverbs.so.1", folder);
	snprintf(command, sizeof(command), "cp %s %s", FAKE_VERBS_OLD, path);
	cr_assert_eq(system(command), 0);
	cr_assert(load_fake(path, 0));
	ibv_forward_places = fake_places;
	cr_assert_str_eq(iw_verbs_real_path(), path);
	unlink(path);
	rmdir(folder);
}

Test(find, other_library__goes_on)
{
	static const char *const places[] = { "libc.so.6", FAKE_VERBS, NULL };

	ibv_forward_places = places;
	cr_assert_str_eq(iw_verbs_real_path(), FAKE_VERBS);
}

Test(find, dlopen_fails__goes_on)
{
	static const char *const places[] = { FAKE_VERBS_OLD, FAKE_VERBS, NULL };

	ibv_forward_places = places;
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_str_eq(iw_verbs_real_path(), FAKE_VERBS);
}

Test(find, dlopen_fails__is_found_later)
{
	static const char *const places[] = { FAKE_VERBS, NULL };

	ibv_forward_places = places;
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_null(iw_verbs_real_path());
	cr_assert_str_eq(iw_verbs_real_path(), FAKE_VERBS);
}

Test(find, no_library__enosys_and_one_line)
{
	const char *log = use_log();

	ibv_forward_places = no_places;
	cr_assert_null(iw_verbs_real_path());
	errno = 0;
	cr_assert_null(IBV_FORWARD(NULL, alloc_pd, NULL));
	cr_assert_eq(errno, ENOSYS);
	cr_assert_eq(IBV_FORWARD(ENOSYS, dealloc_pd, NULL), ENOSYS);
	cr_assert_not(ibv_forward_is_real((void *)(uintptr_t)ibv_forward));
	cr_assert_eq(count_log(log, "no libibverbs.so.1 found"), 1);
}

Test(find, old_library__enosys_for_what_it_lacks)
{
	use_fake(FAKE_VERBS_OLD);
	cr_assert(ibv_forward()->get_device_list);
	errno = 0;
	cr_assert_null(IBV_FORWARD(NULL, import_dm, NULL, 0));
	cr_assert_eq(errno, ENOSYS);
	cr_assert_null(ibv_forward()->query_gid_type);
}

Test(is_real, address__of_each_side)
{
	struct fake_verbs *fake = use_fake(FAKE_VERBS);

	cr_assert(ibv_forward_is_real((void *)(uintptr_t)fake->list_from_inside));
	cr_assert_not(ibv_forward_is_real((void *)(uintptr_t)ibv_forward));
	cr_assert_not(ibv_forward_is_real(NULL));
}

/* This program exports nothing, so its own references are not seen. */
Test(reachable, nobody_else__yes)
{
	use_fake(FAKE_VERBS);
	cr_assert_eq(iw_verbs_reachable(), 0);
	cr_assert(ibv_forward_is_reachable());
}

Test(reachable, real_library_in_front__no_and_the_remedy_once)
{
	const char *log = use_log();

	setenv("IWSHIM_LIBIBVERBS", FAKE_VERBS, 1);
	cr_assert(load_fake(FAKE_VERBS, RTLD_GLOBAL));
	cr_assert_not(ibv_forward_is_reachable());
	cr_assert_eq(iw_verbs_reachable(), -ENOTSUP);
	cr_assert_eq(iw_verbs_reachable(), -ENOTSUP);
	cr_assert_eq(count_log(log, "iwshim run -- PROGRAM"), 1);
}
