/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The software driver's object for a connection id: its socket while nobody
 * else owns it, its QP while a stream lives, and the order of its events.
 *
 *   active	IDLE -> CONNECTING -> REPLY_DUE -> ATTACHING -> STREAMING -> IDLE
 *   passive	HANDSHAKE -> REQUESTED -> ANSWERING -> ATTACHING -> (RTR_DUE ->)
 *		STREAMING -> IDLE
 *   listener	IDLE -> LISTENING
 *
 * soft_active.c, soft_passive.c and soft_listen.c move it as far as ATTACHING,
 * soft_conn.c from there on and out of every phase.
 *
 * Nothing blocks. What happens runs on the program's threads (calls, a CQ that
 * is polled) and on the loop's. A callback of the loop holds a reference on the
 * one object that it serves and on no other; the id is told to the core as gone
 * (iw_cm_driver_put) with the last reference.
 */
#ifndef IW_SOFT_CONN_H
#define IW_SOFT_CONN_H

#include "driver/soft/soft_bind.h"
#include "driver/soft/soft_cm.h"
#include "driver/soft/soft_loop.h"
#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_setup.h"

enum soft_conn_phase {
	SOFT_CONN_IDLE, /* no connection; a socket may hold the port */
	SOFT_CONN_LISTENING,
	SOFT_CONN_HANDSHAKE, /* passive: the Request is being read; there is no id yet */
	SOFT_CONN_REQUESTED, /* passive: it waits for an answer; nobody watches the socket */
	SOFT_CONN_ANSWERING, /* passive: the Reply is being written */
	SOFT_CONN_CONNECTING,
	SOFT_CONN_REPLY_DUE, /* active: the Request is out, or being written */
	SOFT_CONN_ATTACHING, /* a thread hands the stream to the QP */
	SOFT_CONN_RTR_DUE,   /* passive: the stream waits for its first FPDU */
	SOFT_CONN_STREAMING,
};

/*
 * @lock protects all below it. It is taken before no other lock of soft.h but
 * those of soft_loop, and never held over a call into a QP or over one into the
 * core other than iw_cm_append(), which keeps the events of an id in order: the
 * drain that it may owe comes after (soft_conn_unlock).
 */
struct soft_conn {
	unsigned int refs; /* atomic: the id's, the stream's, callbacks that run */
	unsigned int generation;
	struct iw_cm_id *id; /* NULL until a handshake became a request */

	struct iw_lock lock;
	enum soft_conn_phase phase;
	bool passive;
	bool gone;    /* the core has let go: no more events */
	bool retried; /* with revision 1 */
	int fd;	      /* -1: none, or it is the QP's */
	struct soft_watch watch;
	struct soft_timer timer;
	uint64_t timer_due_ms;
	struct sockaddr_storage src, dst;
	struct soft_bind_opts opts;
	struct soft_setup *setup; /* from connect or accept(2) until attached */
	struct soft_stream stream;
	struct soft_qp *qp;   /* with a reference */
	int why;	      /* the reason for an attempt that we end: its status */
	bool got_fpdu, ended; /* what the QP said while ATTACHING */

	/* A handshake's; listed, in_line and the link are under the listener's lock. */
	struct soft_conn *listener; /* with a reference */
	bool listed;
	bool in_line;		 /* its good Request waits for room: those behind it wait as well */
	uint64_t waits_since_ms; /* its good Request stands in line; 0: it does not */
	TAILQ_ENTRY(soft_conn) pending_link;

	/* A child's, until the program deals with it; atomic. */
	struct soft_turn *turn;
	uint64_t turn_no;

	/* A listener's. */
	struct soft_turn *turns; /* set once, by the first listen */
	TAILQ_HEAD(soft_conn_list, soft_conn) pending;
	unsigned int npending, max_pending;
};

/* What is owed once the lock is released. */
struct soft_after {
	bool drain;
	struct soft_qp *abort;	 /* with a reference */
	struct soft_qp *release; /* with a reference */
	struct soft_qp *put;
};

/* One reference, for whom it is made. NULL: no memory. */
struct soft_conn *soft_conn_new(bool passive);
void soft_conn_get(struct soft_conn *conn);
void soft_conn_put(struct soft_conn *conn);
/* -EACCES in a process forked from the object's. */
int soft_conn_check(const struct soft_conn *conn);

void soft_conn_lock(struct soft_conn *conn, struct soft_after *after);
void soft_conn_unlock(struct soft_conn *conn, struct soft_after *after);

/* ---- all of these: the lock is held */

/* (Re)starts the timer of the phase. */
void soft_conn_time(struct soft_conn *conn, unsigned int ms);
/* Watches the socket for @events; also changes them. */
int soft_conn_watch(struct soft_conn *conn, uint32_t events);
/* No watch, no timer. */
void soft_conn_quiet(struct soft_conn *conn);
/* Quiet, and the socket closed. */
void soft_conn_shut(struct soft_conn *conn);
/* Sends @bytes, then closes in good order; the socket is no longer ours. */
void soft_conn_linger(struct soft_conn *conn, const void *bytes, size_t len);
/* Everything of an attempt that is no more; the QP goes to @after. -> IDLE. */
void soft_conn_reset(struct soft_conn *conn, struct soft_after *after);
/* An attempt fails: reset, and the event that is owed. @status: negative. */
void soft_conn_fail(struct soft_conn *conn, int status, const struct iw_cm_conn_param *param,
		    struct soft_after *after);
/*
 * Hands the socket over to conn->qp as conn->stream, releases the lock for it,
 * and ends with it released: the outcome has been posted, or is due by event.
 */
void soft_conn_attach_and_unlock(struct soft_conn *conn, struct soft_after *after);

/* ---- the ends, as iw_cm_driver_ops has them; no lock is held */

int soft_conn_disconnect(struct soft_conn *conn, bool abrupt);
void soft_conn_gone(struct soft_conn *conn);

/* ---- by file; no lock is held */

/* soft_active.c */
int soft_active_connect(struct soft_conn *conn, const struct iw_cm_conn_param *param);
void soft_active_ready(struct soft_conn *conn);
/* soft_passive.c */
int soft_passive_accept(struct soft_conn *conn, const struct iw_cm_conn_param *param);
int soft_passive_reject(struct soft_conn *conn, const void *data, size_t len);
void soft_passive_ready(struct soft_conn *conn);
/* The lock is held: a Reply with R, and -> IDLE. */
void soft_passive_refuse(struct soft_conn *conn, const void *data, uint16_t len);
/* soft_listen.c */
int soft_listen_start(struct soft_conn *conn, int backlog);
/* The program deals with this child: the next request may follow. No lock is held. */
void soft_listen_taken_up(struct soft_conn *conn);
/* Tries again for the first request in line. */
void soft_listen_next(struct soft_conn *listener);
void soft_listen_ready(struct soft_conn *conn);
void soft_listen_resume(struct soft_conn *conn);
void soft_listen_stop(struct soft_conn *conn);
void soft_listen_request_ready(struct soft_conn *conn);
void soft_listen_request_timeout(struct soft_conn *conn);

#endif
