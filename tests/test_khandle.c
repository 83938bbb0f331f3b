// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>

#include "base/fault.h"
#include "driver/kernel/khandle.h"

Test(khandle, find__by_kind_while_it_lives)
{
	uint64_t handle = 0, next = 0;
	int object;

	iw_lock(&khandle_lock);
	cr_assert_null(khandle_find(KHANDLE_KID, 1ULL << 32));
	cr_assert_eq(khandle_add(KHANDLE_MEMBER, &object, &handle), 0);
	cr_assert_neq(handle, 0);
	cr_assert_eq(khandle_find(KHANDLE_MEMBER, handle), &object);
	cr_assert_null(khandle_find(KHANDLE_KID, handle));
	cr_assert_null(khandle_find(KHANDLE_MEMBER, handle + 1));
	khandle_remove(handle);
	cr_assert_null(khandle_find(KHANDLE_MEMBER, handle));
	cr_assert_null(khandle_find(KHANDLE_NONE, handle));
	cr_assert_eq(khandle_add(KHANDLE_KID, &object, &next), 0);
	cr_assert_neq(next, handle, "a slot is used again, a handle is not");
	iw_unlock(&khandle_lock);
}

Test(khandle, add__enomem)
{
	uint64_t handle = 7;

	iw_lock(&khandle_lock);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(khandle_add(KHANDLE_KID, &handle, &handle), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(handle, 7);
	cr_assert_eq(khandle_add(KHANDLE_KID, &handle, &handle), 0);
	iw_unlock(&khandle_lock);
}
