// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/lock.h"
#include "driver/kernel/kid.h"

static struct iw_cm_id core_id;
static int puts_seen;

/* The core's side of it. */
void iw_cm_driver_put(struct iw_cm_id *id)
{
	cr_assert_eq(id, &core_id);
	__atomic_add_fetch(&puts_seen, 1, __ATOMIC_SEQ_CST);
}

static struct iw_source source_a, source_b;

static void setup(void)
{
	TAILQ_INIT(&source_a.children);
	TAILQ_INIT(&source_b.children);
}

static struct kid *make(bool passive)
{
	struct kid *kid = NULL;

	cr_assert_eq(kid_new(&source_a, passive, &kid), 0);
	kid->id = &core_id;
	return kid;
}

Test(kid, pin__by_handle_only_while_it_lives, .init = setup)
{
	struct kid *kid = make(false), *next;
	uint64_t handle = kid->handle;

	cr_assert_neq(handle, 0);
	cr_assert_eq(kid_pin(handle), kid);
	kid_unpin(kid);
	cr_assert_null(kid_pin(0));
	cr_assert_null(kid_pin(handle + 1));
	cr_assert_null(kid_pin(handle ^ 1ULL << 32));
	cr_assert_null(kid_pin(UINT64_MAX));
	cr_assert_null(kid_pin((uintptr_t)kid));
	kid_free(kid);
	cr_assert_null(kid_pin(handle));
	next = make(false);
	cr_assert_neq(next->handle, handle, "a slot is used again, a handle is not");
	cr_assert_null(kid_pin(handle));
	kid_free(next);
	kid_free(NULL);
}

Test(kid, new__many_and_enomem, .init = setup)
{
	struct kid *kids[300], *none = NULL;

	for (int i = 0; i < 300; i++)
		kids[i] = make(false);
	for (int i = 0; i < 300; i++)
		cr_assert_eq(kid_pin(kids[i]->handle), kids[i]);
	for (int i = 0; i < 300; i++)
		kid_free(kids[i]);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	cr_assert_eq(kid_new(&source_a, false, &none), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_null(none);
}

Test(kid, new__enomem_of_the_table, .init = setup)
{
	struct kid *none = NULL;

	iw_fault_arm(IW_FAULT_ALLOC, 2);
	cr_assert_eq(kid_new(&source_a, false, &none), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_null(none);
	kid_free(make(false));
}

Test(kid, retire__at_once_if_all_was_seen, .init = setup)
{
	struct kid *kid = make(false);
	uint32_t reported = 2;

	for (int i = 0; i < 2; i++) {
		cr_assert_not_null(kid_pin(kid->handle));
		kid_unpin(kid);
	}
	kid_retire(kid, &reported);
	cr_assert_eq(puts_seen, 1);
}

Test(kid, retire__after_the_last_event, .init = setup)
{
	struct kid *kid = make(false);
	uint64_t handle = kid->handle;
	uint32_t reported = 2;

	cr_assert_not_null(kid_pin(handle));
	kid_retire(kid, &reported);
	kid_unpin(kid);
	cr_assert_eq(puts_seen, 0, "one event is still on its way");
	cr_assert_eq(kid_pin(handle), kid);
	kid_unpin(kid);
	cr_assert_eq(puts_seen, 1);
	cr_assert_null(kid_pin(handle));
}

Test(kid, retire__never_under_a_pump, .init = setup)
{
	struct kid *kid = make(false);
	uint32_t reported = 0; /* a kernel that miscounts */

	cr_assert_not_null(kid_pin(kid->handle));
	kid_retire(kid, &reported);
	cr_assert_eq(puts_seen, 0);
	kid_unpin(kid);
	cr_assert_eq(puts_seen, 1);
	kid = make(false);
	cr_assert_not_null(kid_pin(kid->handle));
	kid_retire(kid, NULL);
	cr_assert_eq(puts_seen, 1);
	kid_unpin(kid);
	cr_assert_eq(puts_seen, 2);
}

Test(kid, retire__counters_wrap, .init = setup)
{
	struct kid *kid = make(false);
	uint32_t reported = 0;

	kid->seen = UINT32_MAX;
	kid_retire(kid, &reported);
	cr_assert_eq(puts_seen, 0);
	cr_assert_not_null(kid_pin(kid->handle));
	kid_unpin(kid);
	cr_assert_eq(puts_seen, 1);
}

Test(kid, drop__does_not_wait_for_pumps_of_the_parent, .init = setup)
{
	struct kid *kid = make(true);
	uint64_t handle = kid->handle;

	kid_list_child(kid);
	cr_assert_not_null(kid_pin(handle));
	kid_drop(kid);
	cr_assert_eq(puts_seen, 1);
	cr_assert_null(kid_pin(handle));
	cr_assert(TAILQ_EMPTY(&source_a.children));
}

Test(kid, pin_child__the_oldest_of_its_source, .init = setup)
{
	struct kid *old = make(true), *young = make(true);
	uint32_t reported = 1;

	old->kernel_id = young->kernel_id = 5;
	kid_list_child(old);
	kid_retire(old, &reported);
	kid_list_child(young);
	cr_assert_null(kid_pin_child(&source_a, 6));
	cr_assert_null(kid_pin_child(&source_b, 5));
	cr_assert_eq(kid_pin_child(&source_a, 5), old);
	kid_unpin(old);
	cr_assert_eq(puts_seen, 1);
	cr_assert_eq(kid_pin_child(&source_a, 5), young);
	kid_unpin(young);
	kid_free(young);
}

Test(kid, attempt__outcome_and_cancel, .init = setup)
{
	struct kid *kid = make(false);

	cr_assert(!kid_cancel(kid), "nothing is pending");
	kid_attempt(kid, true);
	cr_assert(kid_is_pending(kid));
	kid_attempt(kid, false);
	cr_assert(!kid_is_pending(kid));
	kid_attempt(kid, true);
	cr_assert_eq(kid_outcome(kid), KID_HEARD_BY_CORE);
	cr_assert(!kid_is_pending(kid));
	cr_assert(!kid_cancel(kid), "too late");
	kid_attempt(kid, true);
	cr_assert(kid_cancel(kid));
	cr_assert(!kid_cancel(kid), "once");
	cr_assert(kid_is_cancelled(kid));
	cr_assert(kid_is_pending(kid), "the kernel does not know");
	cr_assert_eq(kid_outcome(kid), KID_HEARD_BY_NOBODY, "the core was told already");
	cr_assert(!kid_is_pending(kid));
	kid_free(kid);
}

Test(kid, park__one_of_the_two_ends_it, .init = setup)
{
	struct kid *kid = make(false);

	kid_attempt(kid, true);
	cr_assert(kid_park(kid));
	cr_assert_eq(kid_outcome(kid), KID_HEARD_BY_PARK, "fetched before it was parked");
	cr_assert_eq(kid_outcome(kid), KID_HEARD_BY_NOBODY, "it has ended");
	kid_free(kid);
	kid = make(false);
	kid_attempt(kid, true);
	cr_assert_eq(kid_outcome(kid), KID_HEARD_BY_CORE);
	cr_assert(!kid_park(kid), "whoever parks it ends it");
	kid_free(kid);
}

static void *finish_later(void *arg)
{
	usleep(50000);
	kid_unpin(arg);
	return NULL;
}

Test(kid, move__waits_for_the_pump, .init = setup)
{
	struct kid *kid = make(true);

	kid_list_child(kid);
	cr_assert_not_null(kid_pin(kid->handle));
	cr_assert_eq(iw_thread_start(finish_later, kid, "iw-test"), 0);
	cr_assert(kid_move(kid, 1, &source_b, 5000));
	cr_assert_eq(kid->source, &source_b);
	cr_assert_eq(kid->seen, 1);
	cr_assert(TAILQ_EMPTY(&source_a.children));
	cr_assert_eq(TAILQ_FIRST(&source_b.children), kid);
	kid_free(kid);
}

Test(kid, move__does_not_wait_for_ever, .init = setup)
{
	struct kid *kid = make(false);

	cr_assert(!kid_move(kid, 1, &source_b, 10));
	cr_assert_eq(kid->source, &source_b);
	kid_free(kid);
}

#define STRESS_KIDS 2000
#define STRESS_EVENTS 3

static struct {
	uint64_t handles[STRESS_KIDS];
	unsigned int next, handled; /* of the events of all objects */
} stress;

/* What pumps do: each event goes to one of them. */
static void *pump_all(void *arg)
{
	struct kid *kid;
	unsigned int n;

	while ((n = __atomic_fetch_add(&stress.next, 1, __ATOMIC_RELAXED)) <
	       STRESS_KIDS * STRESS_EVENTS) {
		kid = kid_pin(stress.handles[n / STRESS_EVENTS]);
		cr_assert_not_null(kid);
		kid_unpin(kid);
		__atomic_add_fetch(&stress.handled, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

Test(kid, retire__while_pumps_run, .init = setup)
{
	struct kid *kids[STRESS_KIDS];
	uint32_t reported = STRESS_EVENTS;

	for (int i = 0; i < STRESS_KIDS; i++) {
		kids[i] = make(false);
		stress.handles[i] = kids[i]->handle;
	}
	for (int i = 0; i < 4; i++)
		cr_assert_eq(iw_thread_start(pump_all, NULL, "iw-test"), 0);
	for (int i = 0; i < STRESS_KIDS; i++)
		kid_retire(kids[i], &reported);
	while (__atomic_load_n(&stress.handled, __ATOMIC_ACQUIRE) < STRESS_KIDS * STRESS_EVENTS)
		usleep(1000);
	cr_assert_eq(__atomic_load_n(&puts_seen, __ATOMIC_SEQ_CST), STRESS_KIDS);
	for (int i = 0; i < STRESS_KIDS; i++)
		cr_assert_null(kid_pin(stress.handles[i]));
}
