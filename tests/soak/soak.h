/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The soak: what its processes share. The supervisor (soak.c) starts two servers
 * and several clients (this program again), kills, stops and samples them, and in
 * the end judges every connection by the book.
 *
 *   soak_plan     what happens to connection number N: both ends, and the judge,
 *                 work it out from the seed alone
 *   soak_book     the memory that outlives a killed process: records, counters
 *   soak_end      one end of a short connection: slots, deadlines, completions
 *   soak_client   short connections, active; soak_server: passive; soak_sync: both
 *                 ends of synchronous ones
 *   soak_long     long connections, both ends: traffic whose order is checked
 *   soak_chaos    kills and stops; soak_sample: memory, descriptors, threads
 *   soak_judge    what must hold for each record; soak_report: the table, TAP
 *
 * Everything is done by the plain librdmacm and libibverbs ABI.
 */
#ifndef SOAK_H
#define SOAK_H

#include <infiniband/verbs.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVERS 2
#define SHORT_CLIENTS 3
#define LONG_CLIENTS 2
#define ROLES (SERVERS + SHORT_CLIENTS + LONG_CLIENTS)
#define FLOWS_EACH 12 /* long connections of a client, half of them to each server */
#define PROCS 4096    /* all that were ever started */
#define RECORDS (4u << 20)
#define FLOWS 65536
#define LATENCIES 40 /* by powers of two, in microseconds */

/* A connection whose end does not come in this time is stuck. No stop is as long. */
#define DEADLINE_MS 40000

/* The roles that must live to the end: their memory tells of all the time. */
#define STEADY_SERVER 0
#define STEADY_LONG (SERVERS + SHORT_CLIENTS)

/* Ports of a server, from the first of its own. */
enum door {
	DOOR_V4,
	DOOR_V6,
	DOOR_SYNC,
	DOOR_LONG,
	DOORS
};

/* ---- the plan (soak_plan.c) */

enum answer {
	ANSWER_ACCEPT,
	ANSWER_LATE,
	ANSWER_REJECT,
	ANSWER_DROP
};
/* Where the active end gives up of its own. */
enum giving_up {
	GIVE_UP_NOT,
	GIVE_UP_RESOLVING,
	GIVE_UP_ROUTE,
	GIVE_UP_CONNECTING
};
enum ending {
	END_CLIENT,
	END_SERVER,
	END_CLIENT_DESTROYS,
	END_SERVER_DESTROYS
};

#define MAX_OPS 4
#define MAX_PAYLOAD 2048
enum op {
	OP_SEND,
	OP_WRITE_READ,
	OP_FETCH_ADD,
	OPS
};

struct plan {
	uint32_t number;
	enum door door;
	unsigned int server;
	enum answer answer;
	enum giving_up giving_up;
	enum ending ending;
	unsigned int nops, left; /* left: Sends that nobody waits for, at the end */
	enum op ops[MAX_OPS];
	uint32_t sizes[MAX_OPS];
	uint32_t late_us;
	bool sleeps; /* for completions, instead of polling */
};

/* @sync: of the synchronous ones, which do less. */
struct plan plan_of(uint32_t number, bool sync);
uint64_t random_next(uint64_t *state);
uint32_t random_below(uint64_t *state, uint32_t n);
/* Bytes that depend on @key and their place. */
void fill(void *bytes, size_t len, uint64_t key);
bool is_filled(const void *bytes, size_t len, uint64_t key);

/* ---- the book (soak_book.c) */

/* What one end saw. */
enum seen {
	SEEN_BEGUN = 1 << 0,
	SEEN_ESTABLISHED = 1 << 1,
	SEEN_REJECTED = 1 << 2, /* with the private data of the plan; or has rejected */
	SEEN_FAILED = 1 << 3,	/* CONNECT_ERROR, UNREACHABLE, an error of connect or accept */
	SEEN_DISCONNECTED = 1 << 4,
	SEEN_GAVE_UP = 1 << 5, /* destroyed its id with no end seen */
	SEEN_WORK_DONE = 1 << 6,
	SEEN_DONE = 1 << 7,
	SEEN_TWICE = 1 << 8, /* an event that cannot come, or comes again */
	SEEN_BAD = 1 << 9,   /* wrong bytes */
	SEEN_SYNC = 1 << 10,
	SEEN_LONG = 1 << 11,
	SEEN_REFUSED = 1 << 12, /* REJECTED without private data */
};

enum side {
	ACTIVE,
	PASSIVE,
	SIDES
};

/* Zero: never begun. Atomic. */
struct record {
	uint32_t seen[SIDES];
	uint16_t proc[SIDES];
	uint32_t begun_ms, done_ms; /* of the active end */
};

/* A long connection's messages. Atomic. */
struct flow_book {
	uint64_t sent[SIDES], received[SIDES], bytes[SIDES];
	uint32_t number;
	bool finished[SIDES]; /* in good order */
};

/* One process. Atomic but for what the supervisor alone uses. */
struct proc {
	unsigned int role;
	int pid;
	bool ready, killed, over;
	unsigned int listening; /* threads of a server that listen; atomic */
	uint32_t began_ms, ready_ms, ended_ms;
	/* By the process itself, every half second. */
	uint64_t heap, ends, closed, events, at_start, at_end;
	uint32_t start_fds, end_fds, start_threads, end_threads;
	uint64_t latency[LATENCIES], latency_n, latency_us, latency_max_us;
};

enum phase {
	PHASE_RUN,
	PHASE_STOP,
	PHASE_STOP_LONG,
	PHASE_QUIT
};

struct book {
	uint64_t seed, began_ms;
	uint16_t port;
	uint32_t phase; /* enum phase; atomic */
	uint32_t next_record, next_flow;
	struct proc procs[PROCS];
	struct flow_book flows[FLOWS];
	struct record records[RECORDS];
};

extern struct book *book;
extern unsigned int self; /* own index in procs */

#define atomic_get(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define atomic_set(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define atomic_add(p, n) __atomic_add_fetch(p, n, __ATOMIC_RELAXED)

/* Since the soak began. */
uint32_t now_ms(void);
uint64_t now_us(void);
enum phase phase(void);
void book_make(int *fd);
void book_open(int fd);
/* UINT32_MAX: it is full. */
uint32_t book_number(void);
void book_begin(uint32_t number, enum side side, uint32_t kind);
/* An end may see each thing once. */
void book_see(uint32_t number, enum side side, uint32_t what);
void book_done(uint32_t number, enum side side);
void book_latency(uint64_t us);
struct sockaddr_storage address_of(unsigned int server, enum door door);

/* ---- the roles */

void server_run(unsigned int server);
void client_run(void);
void long_client_run(void);
/* Threads of a server and of a client. */
void *sync_serve(void *server);
void *sync_connect(void *unused);
void *long_serve(void *server);

/* Writes down what the process holds; every half second by a thread of its own. */
void sample_self_start(void);
void sample_self_end(void);

/* ---- the supervisor */

/* One process at a time; linear over the ends that have closed. */
struct sample {
	uint32_t ms;
	uint64_t closed, heap, rss_kb, fds, threads;
};
#define SAMPLES 4096

struct trend {
	double first, last, slope; /* of the mean in the first and last tenth; per end */
};

/* False: no such process. */
bool sample_process(int pid, struct sample *s);
/* @at: the place of an uint64_t in a sample. The first third is warm-up. */
struct trend trend_of(const struct sample *samples, unsigned int n, size_t at);

struct chaos {
	uint64_t dice;
	uint32_t next_ms, resume_ms[ROLES], restart_ms[ROLES]; /* 0: nothing is due */
	unsigned int kills[ROLES], stops[ROLES];
	uint32_t stopped_ms;
};

/* What the roles are run by; index in procs. */
extern unsigned int running[ROLES];
void start_role(unsigned int role);
void chaos_tick(struct chaos *c);
/* No more: all go on. */
void chaos_end(struct chaos *c);

enum kind_of {
	KIND_V4,
	KIND_V6,
	KIND_SYNC,
	KIND_LONG,
	KINDS
};
enum fate {
	FATE_WHOLE, /* established, all work done, ended by either side */
	FATE_DESTROYED,
	FATE_REJECTED,
	FATE_DROPPED,
	FATE_GAVE_UP, /* by the active end, before it was established */
	FATE_CUT,     /* by a kill */
	FATES
};

struct verdict {
	unsigned long fates[KINDS][FATES], bad, cut_flows, whole_flows;
	uint64_t messages, bytes;
};

struct verdict judge_all(void);
/* Prints the table; TAP. The status of the process. */
int report(const struct verdict *v, const struct chaos *c, const struct sample *samples,
	   unsigned int n, bool silent);
extern const char *role_names[ROLES];

/* The process ends with a message and status 1; the supervisor says more. */
#define fail(...)                                                                            \
	do {                                                                                 \
		fprintf(stderr, "soak: pid %d, %u ms: ", (int)getpid(), (unsigned)now_ms()); \
		fprintf(stderr, __VA_ARGS__);                                                \
		fputc('\n', stderr);                                                         \
		_exit(1);                                                                    \
	} while (0)

#endif
