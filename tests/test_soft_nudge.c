// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Zero-length Writes to a responder that may have missed our first FPDU. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "soft_qp_fake.h"

#define EMPTY_WRITE 20 /* bytes of its FPDU */

static char buf[4096];

static void setup(void)
{
	fake_setup(16);
}

TestSuite(nudge, .init = setup, .fini = fake_teardown);

/* An initiator, to a peer that is not ours. */
static struct soft_stream to_siw(bool peer_to_peer)
{
	return (struct soft_stream){ .initiator = true,
				     .crc = true,
				     .peer_to_peer = peer_to_peer,
				     .rtr = MPA_RTR_WRITE,
				     .ird = 4,
				     .ord = 2 };
}

/* The loop's thread comes round. */
static void fire(void)
{
	struct soft_timer *timer = &fake.qp->nudge.timer;

	fake.nudge_ms = 0;
	timer->ops->get(timer);
	timer->ops->fire(timer);
	timer->ops->put(timer);
}

static void expect_empty_write(const char *when)
{
	static const uint8_t golden[EMPTY_WRITE] = { 0, 0x0e, 0xc1, 0x40, 0,	0,   0,
						     1, 0,    0,    0,	  0,	0,   0,
						     0, 0,    0xeb, 0xd3, 0x4c, 0x5f };
	uint8_t got[256];

	cr_assert_eq(fake_read(got, sizeof(got)), EMPTY_WRITE, "%s", when);
	cr_assert_arr_eq(got, golden, EMPTY_WRITE, "%s", when);
}

static void expect_silence(void)
{
	uint8_t got[256];

	cr_assert_eq(fake_read(got, sizeof(got)), 0);
}

Test(nudge, fire__some_times_while_nobody_answers)
{
	static const unsigned int distance[] = { 20, 100, 500 };

	cr_assert_eq(fake_attach(to_siw(true), SOCK_STREAM), 0);
	expect_empty_write("the RTR");
	for (unsigned int i = 0; i < IW_ARRAY_SIZE(distance); i++) {
		cr_assert_eq(fake.nudge_ms, distance[i]);
		fire();
		expect_empty_write("a nudge");
	}
	cr_assert_eq(fake.nudge_ms, 0, "enough of it");
	cr_assert_eq(fake.n_wc, 0);
}

Test(nudge, fire__the_first_message_may_have_been_missed)
{
	uint8_t got[256];

	cr_assert_eq(fake_attach(to_siw(false), SOCK_STREAM), 0);
	cr_assert_eq(fake.nudge_ms, 20);
	fire();
	expect_silence(); /* the first word is the program's */
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 16, 0), 0);
	cr_assert_gt(fake_read(got, sizeof(got)), 16);
	fire();
	expect_empty_write("a nudge");
}

Test(nudge, fire__work_waits_for_what_was_missed)
{
	uint8_t got[256];

	cr_assert_eq(fake_attach(to_siw(true), SOCK_STREAM), 0);
	expect_empty_write("the RTR");
	cr_assert_eq(fake_post(IBV_WR_RDMA_READ, buf, 8, 0), 0);
	cr_assert_gt(fake_read(got, sizeof(got)), 8);
	cr_assert_eq(fake_post(IBV_WR_SEND, buf, 8, IBV_SEND_FENCE), 0);
	expect_silence();
	fire();
	expect_empty_write("a nudge");
}

Test(nudge, fire__the_peer_has_spoken)
{
	cr_assert_eq(fake_attach(to_siw(true), SOCK_STREAM), 0);
	expect_empty_write("the RTR");
	__atomic_store_n(&fake.qp->rx.heard, true, __ATOMIC_RELAXED);
	fire();
	expect_silence();
	cr_assert_eq(fake.nudge_ms, 0);
}

/* Its last words, perhaps: with more behind them a nudge would be answered by a reset. */
Test(nudge, fire__what_the_peer_said_is_not_read_yet)
{
	cr_assert_eq(fake_attach(to_siw(true), SOCK_STREAM), 0);
	expect_empty_write("the RTR");
	cr_assert_eq(write(fake.peer, "word", 4), 4);
	fire();
	expect_silence();
	cr_assert_eq(fake.nudge_ms, 0);
}

Test(nudge, fire__the_peer_has_closed)
{
	cr_assert_eq(fake_attach(to_siw(true), SOCK_STREAM), 0);
	expect_empty_write("the RTR");
	cr_assert_eq(shutdown(fake.peer, SHUT_WR), 0);
	fire();
	expect_silence();
	cr_assert_eq(fake.nudge_ms, 0);
}

Test(nudge, fire__not_inside_a_message)
{
	static uint8_t all[1 << 20];
	size_t len = 0;
	ssize_t n;

	cr_assert_eq(fake_attach(to_siw(true), SOCK_STREAM), 0);
	expect_empty_write("the RTR");
	for (unsigned int i = 0; i < 16; i++)
		cr_assert_eq(fake_post(IBV_WR_RDMA_WRITE, all, sizeof(all), 0), 0);
	cr_assert(fake.wants_write);
	fire();
	cr_assert_not(fake.qp->tx.at.nudge_due);
	cr_assert_eq(fake.nudge_ms, 100);
	/* The rest leaves; of 16 Writes nothing is empty. */
	while ((n = (ssize_t)fake_read(all, sizeof(all))) > 0 && len < 1u << 24)
		len += (size_t)n;
	cr_assert_gt(len, 0);
}

Test(nudge, start__not_to_ours_and_not_by_a_responder)
{
	struct soft_stream s = to_siw(true);

	s.extensions = true;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	cr_assert_eq(fake.nudge_ms, 0);
	fake_teardown();
	setup();
	s = to_siw(true);
	s.initiator = false;
	cr_assert_eq(fake_attach(s, SOCK_STREAM), 0);
	cr_assert_eq(fake.nudge_ms, 0);
}

Test(nudge, stop__when_the_stream_ends)
{
	struct soft_failure why = { .status = 0 };

	cr_assert_eq(fake_attach(to_siw(true), SOCK_STREAM), 0);
	cr_assert_neq(fake.nudge_ms, 0);
	soft_qp_fail(fake.qp, &why);
	soft_qp_settle(fake.qp);
	cr_assert_eq(fake.nudge_ms, 0);
	fire(); /* it was on its way */
	cr_assert_eq(fake.nudge_ms, 0);
}
