/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * One schedule: its actors, the objects they touch and what each is about to
 * do. run.c runs it; who goes on is asked of a policy (explore.c, replay.c).
 *
 * An actor says what it does next (il_announce), then others may go on; when it
 * is picked, the operation takes place together with all code up to its next
 * one. So what each actor would do next is always known without doing it.
 */
#ifndef IL_RUN_H
#define IL_RUN_H

#include <stdint.h>

#include "tests/interleave/coro.h"
#include "tests/interleave/sched.h"

/* All actors of a schedule, those that have ended too. */
#define IL_SLOTS 16
#define IL_STEPS_MAX 4096

enum il_kind {
	IL_START,
	IL_POINT,
	IL_WAIT, /* may go on when op.ready says so */
	IL_LOCK, /* may go on when the lock is free */
	IL_TRYLOCK,
	IL_UNLOCK,
	IL_SLEEP, /* cond_wait: queues itself and lets the lock go; an IL_LOCK follows */
	IL_SIGNAL,
	IL_FINI,
};

/* Steps of each actor that come before; an actor is at index slot. */
struct il_clock {
	uint16_t at[IL_SLOTS];
};

struct iw_lock;

/* A lock, a condition, or what il_point() names. */
struct il_object {
	const void *address;
	const char *name; /* of the kind, or given by il_name() */
	unsigned int number;
	unsigned long schedule; /* the one that this entry is of */
	struct il_clock clock;
	int last; /* the explorer's: the last step that touched it */
};

#define IL_TOUCHES 2

struct il_op {
	enum il_kind kind;
	const char *what, *where;
	struct il_object *object[IL_TOUCHES]; /* NULL: none */
	bool (*ready)(void *arg);
	void *arg;
};

enum il_state {
	IL_READY,  /* about to do @op, which may have to wait */
	IL_ASLEEP, /* until @cond is signalled */
	IL_ENDED,
};

struct il_actor {
	struct il_coro coro;
	char name[24];
	void (*fn)(void *arg);
	void *arg;
	bool service; /* of iw_thread_start: may wait for ever */
	void *thread_arg;
	enum il_state state;
	struct il_op op;
	const void *cond;
	unsigned long queued; /* since when it is asleep, by order */
	struct il_clock clock;
	bool released; /* the step has let go what it touched: who follows on it sees no more */
};

enum il_end {
	IL_RUNNING,
	IL_COMPLETE,
	IL_CUT, /* the policy had enough */
	IL_VIOLATED,
};

/* Who decides. Slots of actors are numbers below IL_SLOTS; sets are masks. */
struct il_policy {
	/* Who of @ready (never empty) goes on; -1: nobody, end here. */
	int (*pick)(uint32_t ready);
	unsigned int (*choose)(unsigned int n);
	/* @slot's next operation has become known. */
	void (*announced)(int slot);
	/* @slot was picked: its clock is already that of the step. */
	void (*step)(int slot);
};

struct il_run {
	const struct il_policy *policy;
	unsigned int steps_max;
	struct il_actor actors[IL_SLOTS];
	int nactors;
	int current; /* -1: none, the explorer itself runs */
	bool asking; /* somebody's op.ready runs, on whoever's stack */
	unsigned int steps;
	unsigned long asleep; /* counts those who fell asleep */
	unsigned long schedule;
	enum il_end end;
	char report[512];
};

extern struct il_run il_run;

/* Runs @scenario once. */
enum il_end il_run_schedule(const struct il_scenario *scenario, const struct il_policy *policy,
			    unsigned int steps_max);

/* Of the running actor; @where may be NULL. Returns when it was picked. */
void il_step(enum il_kind kind, const char *what, const char *where, const void *first,
	     const void *second);
/* Falls asleep, to take @lock when woken. Returns when it may have it. */
void il_sleep(const char *where, const struct iw_lock *lock);
/* Of another actor, whose operation has changed: it was woken. */
void il_announce(struct il_actor *actor);
/* -1: no room for another actor. */
int il_actor_new(const char *name, void (*fn)(void *arg), void *arg, bool service);
struct il_actor *il_self(void); /* NULL outside of actors */

bool il_is_ready(const struct il_actor *actor);
bool il_dependent(const struct il_op *a, const struct il_op *b);

/* object.c */
struct il_object *il_object_of(const void *address, const char *kind);
void il_object_print(const struct il_object *object, char *buf, size_t size);

/* memory.c */
void il_memory_begin(void);
/* NULL, or what is wrong: written to after free, or never freed. */
const char *il_memory_end(void);
/* "block#2+16", for reports */
void il_memory_print(const void *address, char *buf, size_t size);
/* Within memory of ours that is not allocated now. */
bool il_memory_is_dead(const void *address);

/* statics.c: the static data of the section il_state, as it was when first asked */
void il_statics_restore(void);
void il_statics_print(const void *address, char *buf, size_t size);

static inline void il_clock_join(struct il_clock *clock, const struct il_clock *other)
{
	for (int i = 0; i < IL_SLOTS; i++)
		if (clock->at[i] < other->at[i])
			clock->at[i] = other->at[i];
}

#endif
