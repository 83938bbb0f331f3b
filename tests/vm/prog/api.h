/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the programs that observe the API share: cases that run in a child of
 * their own (so that a crash or a hang is an observation like any other), one
 * line per observation, addresses and events as text, and a connected pair.
 *
 * Nothing here is specific to one librdmacm: what can differ from run to run
 * (ports, pointers, times) never gets into a line.
 */
#ifndef API_H
#define API_H

#include <errno.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum api_when {
	ALWAYS,
	DEADLY, /* stock librdmacm takes the kernel down: only with API_DEADLY */
	SLOW,	/* takes stock librdmacm, or the kernel, long: only with API_SLOW */
};

struct api_case {
	const char *name;
	void (*run)(void);
	unsigned int seconds; /* until it counts as a hang; 0: the default */
	enum api_when when;
};

/*
 * Runs each case of the @n tables whose name begins with @only (NULL: all) in a
 * child, API_WORKERS of them at a time: most only wait. 0 or 2 (no memory).
 * The order in which they begin is that of the tables.
 */
int api_run(const struct api_case *const *tables, size_t n, const char *only);

/* Names the observation that begins now: CASE.NAME; a crash is reported under it. */
void at(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints it: "CASE.NAME: TEXT". */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The preparation of a case failed: says so and ends the case. */
void give_up(const char *what) __attribute__((noreturn));
/* give_up() unless @ok. */
#define need(ok) ((ok) ? (void)0 : give_up(#ok))

/* "0", "-1 EINVAL", "5": the result of a call, with the errno it left. */
const char *rc(int ret);
/* The result of @call, made before the rest of the line is worked out. */
#define say_rc(call, fmt, ...)                    \
	do {                                      \
		const char *rc_ = rc((call));     \
		say("%s " fmt, rc_, __VA_ARGS__); \
	} while (0)
/* at(name), then the result of @call as the whole text. */
#define OBSERVE(name, call)            \
	do {                           \
		at("%s", name);        \
		say("%s", rc((call))); \
	} while (0)

/* ---- addresses: of the guest, from its environment */

#define ADDR getenv("ADDR")
#define ADDR2 getenv("ADDR2")
#define ADDR6 getenv("ADDR6")
/* Whether they are those of a device of InfiniBand's kind, as rxe0 is, not of iWARP. */
bool on_ib(void);
/* HOST[%INTERFACE] and port in one of a few static buffers. */
struct sockaddr *sa(const char *host, uint16_t port);
/* As text, the port as "port" or "0". */
const char *name_of(const struct sockaddr *addr);
/* A port that this process did not use before, in the range of its own. */
uint16_t fresh_port(void);

/* ---- events */

#define QUIET_MS 200
#define PATIENT_MS 10000
/* For what only InfiniBand's kind tells, or all others do. */
#define IF_IB_MS (on_ib() ? PATIENT_MS : QUIET_MS)
#define UNLESS_IB_MS (on_ib() ? QUIET_MS : PATIENT_MS)

/* The next event within @ms, NULL if there is none. To be acknowledged. */
struct rdma_cm_event *next_event(struct rdma_event_channel *ch, int ms);
/* "ESTABLISHED(0)", "none"; acknowledged already. */
const char *event_text(struct rdma_event_channel *ch, int ms);
/*
 * All that come until it is quiet, "DISCONNECTED(0) ..." or "none"; @due of
 * them are waited for with patience.
 */
const char *events_text(struct rdma_event_channel *ch, int due);
/* "client=... server=..." of two channels, @c and @s events being due. */
/* An event that only iWARP's kernel sends by itself. */
#define UNLESS_IB (on_ib() ? 0 : 1)
void say_events(struct rdma_event_channel *client, struct rdma_event_channel *server, int c, int s);
/* rr, depth, private data length and the rest of the connection's parameters. */
const char *param_text(const struct rdma_cm_event *ev);
/* Acknowledges; gives up if it is not the one that has to come. */
void expect(struct rdma_event_channel *ch, enum rdma_cm_event_type type);

/* ---- ids and pairs */

struct rdma_event_channel *new_channel(void);
struct rdma_cm_id *new_id(struct rdma_event_channel *ch);
/* Bound to ADDR, listening, port chosen by the library. */
struct rdma_cm_id *new_listener(struct rdma_event_channel *ch, int backlog);
/* How far a client is taken towards a listener. */
enum stage {
	FRESH,
	BOUND,
	ADDR_RESOLVED,
	ROUTE_RESOLVED,
	WITH_QP
};
struct rdma_cm_id *new_client(struct rdma_event_channel *ch, enum stage stage, __be16 port);
struct ibv_qp_init_attr qp_attr(void);
int make_qp(struct rdma_cm_id *id);
/* As last asked for by ibv_modify_qp: siw does not tell its own. */
const char *qp_state(struct ibv_qp *qp);

struct pair {
	struct rdma_event_channel *sch, *cch;
	struct rdma_cm_id *listener, *child, *client;
	struct rdma_cm_event *request; /* kept until pair_accept or by hand */
};
struct rdma_conn_param conn_param(const void *data, uint8_t len);
/* Listener, and a client that could connect. */
void pair_prepare(struct pair *p);
/* The request has been fetched: child and request are set, the child has a QP. */
void pair_request(struct pair *p);
/* Both sides are established. */
void pair_up(struct pair *p);
/*
 * The client disconnects and is told. InfiniBand tells it when the other side has
 * disconnected as well, and so that does.
 */
void pair_hang_up(struct pair *p);
/* One message from client to child; the number of bytes that arrived, or -1. */
int pair_talk(struct pair *p);
/* Destroys what is there. */
void pair_down(struct pair *p);

/* ---- doing two things at once */

/* Runs fn(arg) on a thread; task_done() tells within @ms whether it returned. */
struct task {
	int (*fn)(void *arg);
	void *arg;
	volatile int ret, err;
	volatile bool done;
};
void task_start(struct task *t);
bool task_done(struct task *t, int ms);

void sleep_ms(int ms);
int64_t now_ms(void);

#endif
