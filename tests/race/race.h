/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The shim under races: threads that call it at random, by the rules of
 * THREAD_SAFETY.md, and an account of every event that has to come of it.
 *
 * plan.c draws what is called; life.c knows which ids there are and who may call
 * them now; op_*.c call; oracle.c judges; yield.c takes the processor away at
 * the locks of the library; watch.c wakes who waits for nothing and names who
 * waits for ever; driver_*.c is what the connections run over.
 *
 * The program's own bookkeeping orders threads no more than a program has to by
 * that contract: else it would hide races from ThreadSanitizer. Fields that
 * threads share are accessed by __atomic_* alone.
 */
#ifndef RACE_H
#define RACE_H

#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define THREADS_MAX 4
#define CHANNELS 3			      /* that live as long as a run */
#define CHANNELS_ALL (CHANNELS + THREADS_MAX) /* and one of each thread's, which goes and comes */
#define LISTENERS 2
#define SLOTS 20		  /* ids that any thread may call; the first are listeners */
#define WRITERS (THREADS_MAX + 1) /* the last is the watch */
#define WRITES_MAX 64		  /* RDMA_CM_EVENT_USER for one id by one writer */
#define STASH 3			  /* events that a thread may keep unacknowledged */
#define GROUPS 2

#define relaxed(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define relax(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define add(p, n) __atomic_add_fetch(p, n, __ATOMIC_RELAXED)

enum kind {
	ACTIVE,
	CHILD,
	LISTENER,
	DATAGRAM
};

/* A multicast group of an id. All atomic. */
struct group {
	int state;	   /* 0: none, 1: a join is under way, 2: joined, 3: a leave is */
	unsigned int nth;  /* how often it was joined: the context of the join */
	unsigned int told; /* the events of the nth */
};

/*
 * An id, from its creation to the next quiet point after its end: the context of
 * the id. All atomic but what is constant: kind.
 */
struct life {
	struct life *next; /* the graveyard's */
	enum kind kind;
	struct rdma_cm_id *id;
	int use;	    /* calls in progress; -1: one that excludes others */
	int alive;	    /* calls that a migration does not exclude; -1: it is destroyed */
	unsigned int moved; /* migrations; stored last */
	uint64_t where;	    /* channel; MOVING while a migration may be under way */
	bool dead;	    /* rdma_destroy_id has returned */
	int unacked;	    /* events that some thread has */
	unsigned int asked_addr, told_addr, asked_route, told_route;
	unsigned int established, failed, disconnected, removed;
	uint64_t established_before, disconnected_at; /* ticks */
	bool connected, accepted, ended;	      /* a call of that kind succeeded */
	unsigned int written[WRITERS];		      /* succeeded */
	unsigned int numbered[WRITERS];		      /* begun: the writer's own */
	uint64_t seen[WRITERS];			      /* a bit for each that came */
	uint64_t last[WRITERS];			      /* the latest, and when: see oracle.c */
	struct group groups[GROUPS];
};
#define MOVING (1ull << 32)

/* A channel, and who may use it. All atomic. */
struct chan {
	struct rdma_event_channel *ch;
	struct life *bell; /* an id whose events wake readers */
	int use;	   /* threads that read it, or put ids on it */
	bool closing;	   /* nobody else may begin to */
	bool blocks;	   /* not O_NONBLOCK, as it was set last */
};

/* An event that a thread has, and what is known of it. */
struct held {
	struct rdma_cm_event *ev;
	struct life *life;   /* to whom it is charged; NULL: of a child that nobody knows yet */
	struct group *group; /* and which, if it is a group's */
	unsigned int nth;
	int chan;
};

struct rng {
	uint64_t state;
};

/* One of the threads. Its own but for what the watch reads: atomic. */
struct racer {
	unsigned int index;
	pthread_t thread;
	struct rng plan, noise; /* what is called; all that depends on how it goes */
	struct held stash[STASH];
	unsigned int nstash;
	struct life *graveyard;
	int epfd; /* edge triggered, over all channels that live long */

	pid_t tid;
	const char *at;		/* the call that it is in; NULL: none */
	const char *around;	/* a call that others are part of; NULL: none */
	uint64_t since;		/* ms */
	int waits_on;		/* the channel whose event it waits for; -1: none */
	unsigned int signal_ms; /* a signal is to end what it is in, after so long; 0: none */
	bool arrived;		/* at the quiet point */
	unsigned long calls;
};

/* What connections run over. */
struct race_driver {
	const char *name;
	bool groups;   /* there is a device for datagrams */
	bool needs_qp; /* to connect and to accept */
	void (*setup)(void);
	struct sockaddr_in (*addr)(enum kind kind, uint16_t port); /* in network order */
	/* News from below for @life: of the kind that @dice says. NULL: there is none. */
	void (*notice)(struct life *life, uint64_t dice);
	/* What is left of all that was made; 0: nothing. */
	int (*left)(void);
};
extern const struct race_driver race_driver;

struct race {
	uint64_t seed;
	unsigned int threads;
	unsigned long operations;
	unsigned int seconds; /* 0: no limit */
	struct chan chans[CHANNELS_ALL];
	struct life *slots[SLOTS]; /* atomic */
	uint16_t ports[LISTENERS]; /* atomic; network order; 0: nobody listens */
	struct racer racers[THREADS_MAX];
	struct rdma_cm_id *ep; /* a synchronous listener, of the whole run */
	uint16_t ep_port;
	uint64_t ticks;		       /* atomic: the order of calls */
	unsigned long events, notices; /* atomic: that came; that were posted below */
	bool over;
};
extern struct race race;
extern __thread struct racer *racer; /* of this thread; NULL: none */

/* ---- plan.c: what to call */

uint64_t rng_next(struct rng *rng);
void rng_seed(struct rng *rng, uint64_t seed, unsigned int stream);
static inline unsigned int below(struct rng *rng, unsigned int n)
{
	return (unsigned int)(rng_next(rng) >> 32) % n;
}
/* Draws and does one operation. */
void plan_step(struct racer *r);
/* How often each kind was done. */
void plan_print(void);

/* ---- life.c: which ids there are, and who may call them */

struct life *life_new(struct racer *r, enum kind kind, int chan);
void life_bury(struct racer *r, struct life *life);
void life_free_all(struct racer *r);
struct life *slot_get(unsigned int slot);
/* The slot becomes @life, if it is empty. */
bool slot_put(unsigned int slot, struct life *life);
bool slot_put_anywhere(struct life *life);
void slot_clear(struct life *life);
/* An ordinary call; any number at once. */
bool life_share(struct life *life);
void life_unshare(struct life *life);
/* A migration: no other call but rdma_write_cm_event(3). */
bool life_take(struct life *life);
void life_give(struct life *life);
/* A call that a migration may meet. */
bool life_hold(struct life *life);
void life_let(struct life *life);
/* A destroy: nothing else, for ever. */
bool life_claim(struct life *life);
int life_chan(const struct life *life);

/* A thread that reads the channel or puts an id on it. False: it is closing. */
bool chan_enter(int chan);
void chan_leave(int chan);
void chan_open(struct racer *r, int chan);
/* The end of the ids on a channel that nobody else puts any on; and of its bell. */
void chan_empty(struct racer *r, int chan);
void chan_silence(struct racer *r, int chan);
void chan_block(int chan, bool blocks);

/* ---- oracle.c: what has to come of it */

/* Prints the seed, the thread and its call, and ends the process. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
uint64_t tick(void);
/* @rc of a call that may fail with those: true if it succeeded. The list ends with 0. */
bool legal(int rc, const char *call, const int *errnos);
/* An event was retrieved from @chan by a call that began at @began. */
struct held oracle_got(int chan, struct rdma_cm_event *ev, uint64_t began);
void oracle_ack(struct held *held);
/* The next number for an event of the program's; false: the life has had enough. */
bool oracle_number(struct life *life, unsigned int writer, uint64_t *arg);
void oracle_destroyed(struct life *life);
/* Whether something must come that no other call is needed for. */
bool oracle_owes(const struct life *life);
/* While nothing else runs: all has come. */
void oracle_quiet(void);
/* When all ids have gone. */
void oracle_end(void);
void oracle_begin(void);

/* ---- op_*.c: the calls. False: there was nothing to call it on. */

bool op_create(struct racer *r, uint64_t dice);
bool op_resolve_addr(struct racer *r, uint64_t dice);
bool op_resolve_route(struct racer *r, uint64_t dice);
bool op_connect(struct racer *r, uint64_t dice);
bool op_answer(struct racer *r, uint64_t dice);
bool op_disconnect(struct racer *r, uint64_t dice);
bool op_destroy(struct racer *r, uint64_t dice);
bool op_migrate(struct racer *r, uint64_t dice);
bool op_notice(struct racer *r, uint64_t dice);
void life_end(struct racer *r, struct life *life); /* claimed */
void give_qp(struct rdma_cm_id *id);		   /* if connections need one */
uint16_t port_of(uint64_t dice);
void op_answer_child(struct racer *r, struct life *child, unsigned int how);

bool op_get(struct racer *r, uint64_t dice);
bool op_ack(struct racer *r, uint64_t dice);
bool op_toggle(struct racer *r, uint64_t dice);
bool op_poll(struct racer *r, uint64_t dice);
bool op_epoll(struct racer *r, uint64_t dice);
bool op_write(struct racer *r, uint64_t dice);
bool op_signal(struct racer *r, uint64_t dice);
bool op_guest(struct racer *r, uint64_t dice);
void ack_all(struct racer *r);
void got(struct racer *r, int chan, struct rdma_cm_event *ev, uint64_t began, bool keep);

bool op_join(struct racer *r, uint64_t dice);
bool op_leave(struct racer *r, uint64_t dice);

bool op_sync_resolve(struct racer *r, uint64_t dice);
bool op_sync_connect(struct racer *r, uint64_t dice);
bool op_get_request(struct racer *r, uint64_t dice);
void sync_begin(void);
void sync_quiet(void);
void sync_end(void);

/* ---- yield.c: who loses the processor where */

void yield_install(void);
/* A new mode, drawn by the seed, for the next round. */
void yield_round(unsigned int round);
void yield_here(void);

/* ---- watch.c */

void watch_start(void);
void watch_stop(void);
/* At quiet points. */
void watch_pause(bool pause);
void racer_enter(struct racer *r, const char *call);
void racer_wait(struct racer *r, const char *call, int chan, unsigned int signal_ms);
void racer_leave(struct racer *r);
/* A long operation, made of such calls; NULL: it is over. */
void racer_begin(struct racer *r, const char *operation);
/* Whether the thread sleeps in the kernel, and has been in its call for @ms. */
bool racer_sleeps(const struct racer *r, unsigned int ms);

#endif
