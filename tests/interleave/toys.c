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

/* Two actors in turn: each gets on by the other's steps alone. */
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

void toy_turns(const void *arg)
{
	il_spawn("even", even, (void *)(uintptr_t)arg);
	il_spawn("odd", odd, NULL);
}

/* ------------------------------------------------------------------ misuse */

struct block {
	struct iw_lock lock;
	int value;
};

static IL_STATE struct block *block;

static void block_new(void)
{
	block = il_calloc(1, sizeof(*block));
	iw_lock_init(&block->lock);
}

static void block_use(void *arg)
{
	iw_lock(&block->lock);
	block->value++;
	iw_unlock(&block->lock);
}

static void block_free(void *arg)
{
	iw_lock(&block->lock);
	iw_unlock(&block->lock);
	iw_lock_fini(&block->lock);
	il_free(block);
}

static void hold_a(void *arg)
{
	iw_lock(&lock_a);
	il_point("hold", &flag);
	iw_unlock(&lock_a);
}

static void unlock_a(void *arg)
{
	iw_unlock(&lock_a);
}

static void lock_a_twice(void *arg)
{
	iw_lock(&lock_a);
	iw_lock(&lock_a);
}

static void fini_a(void *arg)
{
	iw_lock_fini(&lock_a);
}

static void fini_c(void *arg)
{
	iw_cond_fini(&cond_c);
}

static void assert_a(void *arg)
{
	il_point("assert", &flag);
	iw_assert_held(&lock_a);
}

static void free_and_write(void *arg)
{
	il_free(block);
	block->value = 1;
}

static void free_twice(void *arg)
{
	il_free(block);
	il_free(block);
}

static void free_and_read(void *arg)
{
	il_free(block);
	il_check(block->value != 1, "never");
}

/* What it checks may be another when it has the lock. */
static void check_and_set(void *arg)
{
	if (flag)
		return;
	set_flag(NULL);
}

static void unlock_and_set(void *arg)
{
	iw_lock(&lock_a);
	iw_unlock(&lock_a);
	flag = true;
}

static void do_nothing(void *arg)
{
}

void toy_misuse(const void *arg)
{
	static const struct {
		void (*one)(void *arg), (*other)(void *arg);
	} misuses[TOY_MISUSES] = {
		[TOY_USE_AFTER_FREE] = { block_use, block_free },
		[TOY_FREE_TWICE] = { free_twice, do_nothing },
		[TOY_LEAK] = { block_use, do_nothing },
		[TOY_UNLOCK_FOREIGN] = { hold_a, unlock_a },
		[TOY_LOCK_TWICE] = { lock_a_twice, do_nothing },
		[TOY_FINI_HELD] = { hold_a, fini_a },
		[TOY_FINI_AWAITED] = { wait_for_flag, fini_c },
		[TOY_NOT_HELD] = { assert_a, hold_a },
		[TOY_READ_AFTER_FREE] = { free_and_read, do_nothing },
		[TOY_WRITE_AFTER_FREE] = { free_and_write, do_nothing },
		[TOY_CHECK_OUTSIDE] = { check_and_set, check_and_set },
		[TOY_WRITE_AFTER_UNLOCK] = { unlock_and_set, set_flag },
	};
	enum toy_misuse misuse = *(const enum toy_misuse *)arg;

	if (misuse <= TOY_LEAK || misuse == TOY_READ_AFTER_FREE || misuse == TOY_WRITE_AFTER_FREE)
		block_new();
	il_spawn("one", misuses[misuse].one, NULL);
	il_spawn("other", misuses[misuse].other, NULL);
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
