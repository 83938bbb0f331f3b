// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* When a peer that owes an acknowledgement counts as dead, and the options of streams. */
#include <criterion/criterion.h>

#include "driver/soft/soft_guard.h"

#define LIMIT 60000

static int judge(struct soft_guard_view view)
{
	return soft_guard_judge(&view, LIMIT);
}

Test(soft_guard, judge__nothing_is_under_way)
{
	cr_assert_eq(judge((struct soft_guard_view){ .silent_ms = 10 * LIMIT }), SOFT_GUARD_IDLE);
}

Test(soft_guard, judge__looks_again_when_the_limit_is_reached)
{
	struct soft_guard_view view = { .unacked = 1, .silent_ms = 20000, .window = 65536 };

	cr_assert_eq(judge(view), 40000);
	view.silent_ms = LIMIT - 1;
	cr_assert_eq(judge(view), 1);
}

Test(soft_guard, judge__no_acknowledgement)
{
	struct soft_guard_view view = {
		.unacked = 1, .silent_ms = LIMIT, .window = 65536, .rto_ms = 2 * LIMIT
	};

	cr_assert_eq(judge(view), SOFT_GUARD_DEAD);
	view.window = UINT32_MAX; /* a kernel that does not say */
	cr_assert_eq(judge(view), SOFT_GUARD_DEAD);
}

/* Asked every two minutes, it speaks every two minutes. */
Test(soft_guard, judge__a_shut_window_of_a_peer_that_answers)
{
	struct soft_guard_view view = { .notsent = 1, .silent_ms = 119000 };

	cr_assert_eq(judge(view), LIMIT / 6);
	view.probes = 1; /* on its way */
	cr_assert_eq(judge(view), LIMIT / 6);
	view.probes = 2;
	cr_assert_eq(judge(view), SOFT_GUARD_DEAD);
}

/* It took back what it had allowed: TCP asks by retransmissions then. */
Test(soft_guard, judge__a_window_shut_over_bytes_in_flight)
{
	struct soft_guard_view view = { .unacked = 3, .silent_ms = 119000, .rto_ms = 120000 };

	cr_assert_eq(judge(view), LIMIT / 6);
	view.silent_ms = 240000;
	cr_assert_eq(judge(view), SOFT_GUARD_DEAD);
}
