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

	cr_assert_eq(judge(view), LIMIT / 12);
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

	cr_assert_eq(judge(view), LIMIT / 12);
	view.probes = 1; /* on its way */
	cr_assert_eq(judge(view), LIMIT / 12);
	view.probes = 2;
	cr_assert_eq(judge(view), SOFT_GUARD_DEAD);
}

/* It took back what it had allowed: TCP asks by retransmissions then. */
Test(soft_guard, judge__a_window_shut_over_bytes_in_flight)
{
	struct soft_guard_view view = { .unacked = 3, .silent_ms = 119000, .rto_ms = 120000 };

	cr_assert_eq(judge(view), LIMIT / 12);
	view.silent_ms = 240000;
	cr_assert_eq(judge(view), SOFT_GUARD_DEAD);
}

/* ---- what counts as an answer */

#define START 1000000

static uint32_t silence(struct soft_guard_past *past, uint64_t now_ms, struct soft_guard_view view)
{
	soft_guard_recall(past, &view, now_ms);
	return view.silent_ms;
}

Test(soft_guard, recall__nothing_was_owed_before)
{
	struct soft_guard_past past = { .answer_ms = START };

	cr_assert_eq(silence(&past, START + 5,
			     (struct soft_guard_view){ .silent_ms = 3600000, .acked = 1 }),
		     5);
	cr_assert_eq(silence(&past, START + 60000,
			     (struct soft_guard_view){ .silent_ms = 3659995, .acked = 1 }),
		     60000);
}

Test(soft_guard, recall__longer_silent_than_the_clock_runs)
{
	struct soft_guard_past past = { .answer_ms = 10 };

	cr_assert_eq(silence(&past, 20, (struct soft_guard_view){ .silent_ms = UINT32_MAX }), 10);
}

Test(soft_guard, recall__bytes_are_acknowledged)
{
	struct soft_guard_past past = { .answer_ms = START };

	silence(&past, START + 1000, (struct soft_guard_view){ .acked = 1 });
	cr_assert_eq(silence(&past, START + 6000,
			     (struct soft_guard_view){ .acked = 2, .silent_ms = 300 }),
		     300);
}

/* As the peer of a shut window does. */
Test(soft_guard, recall__a_segment_without_data)
{
	struct soft_guard_past past = { .answer_ms = START };

	silence(&past, START + 1000, (struct soft_guard_view){ .acked = 1, .bare = UINT32_MAX });
	cr_assert_eq(silence(&past, START + 6000,
			     (struct soft_guard_view){ .acked = 1, .bare = 0, .silent_ms = 300 }),
		     300);
}

/* We are not heard, it is: what it says again is old, and so is what that acknowledges. */
Test(soft_guard, recall__the_peer_says_again_what_it_said)
{
	struct soft_guard_past past = { .answer_ms = START };
	struct soft_guard_view view = { .acked = 700, .bare = 3, .silent_ms = 100 };

	cr_assert_eq(silence(&past, START + 1000, view), 100);
	cr_assert_eq(silence(&past, START + 2000, view), 1100);
	cr_assert_eq(silence(&past, START + 60900, view), 60000);
}

Test(soft_guard, recall__a_kernel_that_does_not_count)
{
	struct soft_guard_past past = { .answer_ms = START };
	struct soft_guard_view view = { .silent_ms = 100 };

	cr_assert_eq(silence(&past, START + 1000, view), 100);
	cr_assert_eq(silence(&past, START + 60900, view), 100);
}
