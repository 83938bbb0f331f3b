// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Timers of the loop: a wheel of LEVELS digits, base SLOTS, over one timerfd.
 * Start and stop are O(1) and need no memory, however many run.
 *
 * The wheel's time is always at or behind the clock. A timer stands on the level
 * of the highest digit in which its due time differs from the wheel's time, in
 * the slot of that digit. When the wheel reaches the beginning of a slot of a
 * higher level, the timers of it are put in anew and fall to lower ones.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/soft/soft_fork.h"
#include "driver/soft/soft_loop.h"

#define DIGIT 6
#define SLOTS (1u << DIGIT)
#define LEVELS 11 /* all 64 bits of a time */

TAILQ_HEAD(timer_list, soft_timer);

/* @lock protects: all of it, and link and due_ms of the timers. Innermost. */
static struct {
	struct iw_lock lock;
	uint64_t time;		 /* ms; 0: never used */
	uint64_t set_for;	 /* what the timerfd waits for; 0: nothing */
	uint64_t filled[LEVELS]; /* bit n: slot n is not empty */
	struct timer_list slots[LEVELS][SLOTS];
	int fd;
} wheel = { .lock = IW_LOCK_STATIC, .fd = -1 };

static unsigned int level_of(uint64_t due)
{
	uint64_t differ = due ^ wheel.time;

	return differ ? (63 - (unsigned int)__builtin_clzll(differ)) / DIGIT : 0;
}

static unsigned int digit_of(uint64_t time, unsigned int level)
{
	return (time >> (level * DIGIT)) & (SLOTS - 1);
}

static void insert(struct soft_timer *timer)
{
	unsigned int level = level_of(timer->due_ms), digit = digit_of(timer->due_ms, level);

	TAILQ_INSERT_TAIL(&wheel.slots[level][digit], timer, link);
	wheel.filled[level] |= 1ull << digit;
}

static void take_out(struct soft_timer *timer)
{
	unsigned int level = level_of(timer->due_ms), digit = digit_of(timer->due_ms, level);
	struct timer_list *list = &wheel.slots[level][digit];

	TAILQ_REMOVE(list, timer, link);
	if (TAILQ_EMPTY(list))
		wheel.filled[level] &= ~(1ull << digit);
}

/* The lowest level that holds a timer holds the next one. LEVELS: none does. */
static unsigned int lowest_level(void)
{
	unsigned int level = 0;

	while (level < LEVELS && !wheel.filled[level])
		level++;
	return level;
}

/* When the wheel has to turn next: never after a due time. UINT64_MAX: no timer runs. */
static uint64_t next_turn(void)
{
	unsigned int level = lowest_level(), shift = level * DIGIT;
	uint64_t below;

	if (level == LEVELS)
		return UINT64_MAX;
	below = wheel.time >> shift & ~(uint64_t)(SLOTS - 1);
	return (below | (uint64_t)__builtin_ctzll(wheel.filled[level])) << shift;
}

static void set_clock(void)
{
	uint64_t turn = next_turn();
	struct itimerspec its = { 0 };

	iw_assert_held(&wheel.lock);
	/* One that waits for an earlier time does no harm: it sets itself anew. */
	if (turn == UINT64_MAX || (wheel.set_for && wheel.set_for <= turn))
		return;
	its.it_value.tv_sec = (time_t)(turn / 1000);
	its.it_value.tv_nsec = (long)(turn % 1000) * 1000000;
	timerfd_settime(wheel.fd, TFD_TIMER_ABSTIME, &its, NULL);
	wheel.set_for = turn;
}

/*
 * The wheel's time catches up if no slot has to be turned for it. It never goes
 * back: @now may have been read before another thread's.
 */
static void catch_up(uint64_t now)
{
	if (now > wheel.time && now < next_turn())
		wheel.time = now;
}

int soft_timer_open(void)
{
	int fd = -1;

	if (!iw_fault(IW_FAULT_SYSCALL))
		fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	else
		errno = EMFILE;
	if (fd < 0)
		return -errno;
	soft_fork_guard(&wheel.lock);
	iw_lock(&wheel.lock);
	/* A child of fork(2) finds its parent's timers. */
	memset(wheel.filled, 0, sizeof(wheel.filled));
	wheel.set_for = 0;
	for (unsigned int level = 0; level < LEVELS; level++)
		for (unsigned int i = 0; i < SLOTS; i++)
			TAILQ_INIT(&wheel.slots[level][i]);
	wheel.time = iw_now_ms();
	wheel.fd = fd;
	iw_unlock(&wheel.lock);
	return fd;
}

void soft_timer_start(struct soft_timer *timer, unsigned int ms)
{
	uint64_t now = iw_now_ms();

	iw_lock(&wheel.lock);
	if (timer->due_ms)
		take_out(timer);
	catch_up(now);
	/* A started millisecond does not count. */
	timer->due_ms = now + ms + 1;
	if (timer->due_ms <= wheel.time)
		timer->due_ms = wheel.time + 1;
	insert(timer);
	set_clock();
	iw_unlock(&wheel.lock);
}

bool soft_timer_stop(struct soft_timer *timer)
{
	bool running;

	iw_lock(&wheel.lock);
	running = timer->due_ms != 0;
	if (running)
		take_out(timer);
	timer->due_ms = 0;
	iw_unlock(&wheel.lock);
	return running;
}

static void fire(struct soft_timer *timer)
{
	take_out(timer);
	timer->due_ms = 0;
	timer->ops->get(timer);
	iw_unlock(&wheel.lock);
	timer->ops->fire(timer);
	timer->ops->put(timer);
	iw_lock(&wheel.lock);
}

/* Turns to the next filled slot, which begins at or before the clock. */
static void turn(void)
{
	unsigned int level = lowest_level(),
		     digit = (unsigned int)__builtin_ctzll(wheel.filled[level]);
	struct timer_list *list = &wheel.slots[level][digit], moving;
	struct soft_timer *timer;

	wheel.time = next_turn();
	if (!level) {
		fire(TAILQ_FIRST(list));
		return;
	}
	TAILQ_INIT(&moving);
	TAILQ_CONCAT(&moving, list, link);
	wheel.filled[level] &= ~(1ull << digit);
	while ((timer = TAILQ_FIRST(&moving))) {
		TAILQ_REMOVE(&moving, timer, link);
		insert(timer);
	}
}

void soft_timer_run(int fd)
{
	uint64_t expirations, now = iw_now_ms();
	ssize_t n;

	n = read(fd, &expirations, sizeof(expirations));
	iw_lock(&wheel.lock);
	if (n > 0)
		wheel.set_for = 0;
	while (next_turn() <= now)
		turn();
	catch_up(now);
	set_clock();
	iw_unlock(&wheel.lock);
}
