// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/interleave/toys.h"

#include <string.h>

#include "base/lock.h"

#define ACTORS_MAX 4

/* ------------------------------------------------------------ plain steps */

static IL_STATE int things[ACTORS_MAX];
static IL_STATE const struct toy_steps *counted;

static void take_steps(void *arg)
{
	for (unsigned int i = 0; i < counted->steps; i++)
		il_point("step", arg);
}

void toy_steps(const void *arg)
{
	counted = arg;
	for (unsigned int i = 0; i < counted->actors; i++)
		il_spawn("walker", take_steps, &things[counted->shared ? 0 : i]);
}

/* ----------------------------------------------------- known ends and races */

static IL_STATE struct iw_lock lock_a = IW_LOCK_STATIC, lock_b = IW_LOCK_STATIC;
static IL_STATE struct iw_cond cond_c = IW_COND_STATIC;
static IL_STATE bool flag;
static IL_STATE unsigned int turn;

static void a_then_b(void *arg)
{
	iw_lock(&lock_a);
	iw_lock(&lock_b);
	iw_unlock(&lock_b);
	iw_unlock(&lock_a);
}

static void b_then_a(void *arg)
{
	iw_lock(&lock_b);
	iw_lock(&lock_a);
	iw_unlock(&lock_a);
	iw_unlock(&lock_b);
}

void toy_abba(const void *arg)
{
	il_spawn("ab", a_then_b, NULL);
	il_spawn("ba", b_then_a, NULL);
}

static void wait_for_flag(void *arg)
{
	iw_lock(&lock_a);
	while (!flag)
		iw_cond_wait(&cond_c, &lock_a);
	iw_unlock(&lock_a);
}

static void set_flag(void *arg)
{
	iw_lock(&lock_a);
	flag = true;
	iw_cond_signal(&cond_c);
	iw_unlock(&lock_a);
}

/* Checks and waits in two critical sections: the signal can come between. */
static void wait_for_flag_wrongly(void *arg)
{
	bool set;

	iw_lock(&lock_a);
	set = flag;
	iw_unlock(&lock_a);
	iw_lock(&lock_a);
	if (!set)
		iw_cond_wait(&cond_c, &lock_a);
	iw_unlock(&lock_a);
}

void toy_lost_wakeup(const void *arg)
{
	il_spawn("waiter", *(const bool *)arg ? wait_for_flag_wrongly : wait_for_flag, NULL);
	il_spawn("waker", set_flag, NULL);
}

static void spin(void *arg)
{
	do {
		il_point("look", &flag);
	} while (!flag);
}

void toy_livelock(const void *arg)
{
	il_spawn("spinner", spin, NULL);
}

/* Two actors in turn: each needs the other's step in the midst of its own. */
static void odd(void *arg)
{
	for (unsigned int i = 0; i < 4; i++) {
		il_point("odd", &turn);
		if (turn % 2)
			turn++;
	}
}

static void even(void *arg)
{
	const unsigned int *bad = arg;

	for (unsigned int i = 0; i < 4; i++) {
		il_point("even", &turn);
		if (turn % 2 == 0)
			turn++;
		il_check(turn != *bad, "turn %u", turn);
	}
}

void toy_race(const void *arg)
{
	il_spawn("even", even, (void *)(uintptr_t)arg);
	il_spawn("odd", odd, NULL);
}

/* --------------------------------------------------------- random programs */

#define OPS_MAX 5

static IL_STATE uint8_t program[ACTORS_MAX][OPS_MAX];
static IL_STATE int shared_object;

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static void section_of(struct iw_lock *lock)
{
	iw_lock(lock);
	iw_unlock(lock);
}

static void nested(void)
{
	iw_lock(&lock_a);
	section_of(&lock_b);
	iw_unlock(&lock_a);
}

static void try_both(void)
{
	if (!iw_trylock(&lock_b))
		return;
	il_point("tried", &shared_object);
	iw_unlock(&lock_b);
}

static void answer(void)
{
	if (il_choose("which", 2))
		section_of(&lock_b);
}

static bool is_odd(void *arg)
{
	return *(unsigned int *)arg % 2;
}

static void run_op(uint8_t op)
{
	switch (op) {
	case 0:
		section_of(&lock_a);
		break;
	case 1:
		section_of(&lock_b);
		break;
	case 2:
		nested();
		break;
	case 3:
		try_both();
		break;
	case 4:
		il_point("object", &shared_object);
		break;
	case 5:
		wait_for_flag(NULL);
		break;
	case 6:
		set_flag(NULL);
		break;
	case 7:
		answer();
		break;
	case 8:
		il_wait("odd", &turn, is_odd, &turn);
		break;
	case 9:
		il_point("turn", &turn);
		turn++;
		break;
	case 10:
		iw_lock(&lock_a);
		iw_cond_broadcast(&cond_c);
		iw_unlock(&lock_a);
		break;
	}
}

static void run_program(void *arg)
{
	const uint8_t *ops = arg;

	for (unsigned int i = 0; i < OPS_MAX && ops[i]; i++)
		run_op((uint8_t)(ops[i] - 1));
}

void toy_random(const void *arg)
{
	uint64_t state = *(const uint64_t *)arg;
	unsigned int actors = 2 + (unsigned int)next_random(&state) % 2;
	unsigned int most = actors == 2 ? 3 : 2;

	for (unsigned int i = 0; i < actors; i++) {
		unsigned int ops = 1 + (unsigned int)next_random(&state) % most;

		for (unsigned int j = 0; j < ops; j++)
			program[i][j] = (uint8_t)(1 + next_random(&state) % 11);
		il_spawn("random", run_program, program[i]);
	}
}
