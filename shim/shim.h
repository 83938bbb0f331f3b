/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What lies behind the public structs, and the functions that the files of the
 * shim call of each other. Nothing outside shim/ includes this.
 *
 * Inside, functions return 0 or a negative errno; the exported ones end in
 * shim_return(), which makes that 0, or -1 and errno.
 */
#ifndef IW_SHIM_H
#define IW_SHIM_H

#include <errno.h>
#include <poll.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/caller.h"
#include "base/fault.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/stall.h"
#include "driver/registry.h"
#include "shim/export.h"

struct shim_id;
struct shim_channel;
struct shim_device;

/* librdmacm hands private data out with an 8-bit length. */
#define SHIM_PRIVATE_DATA_MAX 255

/* What Linux carries: a frame of 255 bytes, 4 of them MPA's (RFC 6581). */
#define SHIM_PRIVATE_DATA_SENT 251

/*
 * An event on its way to the program. @ev comes first: it is the pointer that
 * the program gets and acknowledges.
 */
struct shim_member;   /* multicast.c */
struct shim_info_job; /* resolve_info.c */

struct shim_event {
	struct rdma_cm_event ev;
	struct shim_member
		*member; /* a multicast event's: its leave waits for the acknowledgement */
	TAILQ_ENTRY(shim_event) link;	  /* a channel's queue, an id's spares or unacked */
	TAILQ_ENTRY(shim_event) of_owner; /* its queued; in the channel's queue as well */
	struct shim_id *owner;		  /* whose destroy waits for the acknowledgement */
	struct shim_id *keeper;		  /* synchronous: has it as its event; NULL: none */
	unsigned int asked;		  /* the call to resolve that it answers; 0: none */
	bool left_behind;		  /* handed out on a channel that the id has left */
	bool of_sync;			  /* handed out while its owner was synchronous */
	uint32_t magic;			  /* SHIM_EVENT_MAGIC while the program has it */
	bool embedded;			  /* lives inside its owner, is never freed alone */
	uint8_t *private_data;		  /* SHIM_PRIVATE_DATA_MAX bytes; NULL: it never has any */
};
TAILQ_HEAD(shim_event_list, shim_event);

/* Where the program is with an id, as rdma_cm(7) orders the calls. */
enum shim_state {
	SHIM_IDLE,	     /* just made */
	SHIM_BOUND,	     /* has a local address, or may resolve again */
	SHIM_ADDR_QUERY,     /* ADDR_RESOLVED or ADDR_ERROR is due */
	SHIM_ADDR_RESOLVED,  /* bound to a device */
	SHIM_ROUTE_QUERY,    /* ROUTE_RESOLVED or ROUTE_ERROR is due */
	SHIM_ROUTE_RESOLVED, /* may connect */
	SHIM_CONNECT,	     /* connected, connecting or through with it; a child from birth */
	SHIM_LISTEN,
	SHIM_NSTATES
};

#define SHIM_OWN_EVENTS 2

/* rdma_set_option(3): the options of an id, as it was last given them. */
#define SHIM_OPTIONS 4
#define SHIM_OPTION_MAX 4

struct shim_option {
	uint8_t len; /* 0: not given */
	uint8_t value[SHIM_OPTION_MAX];
};

/* What rdma_create_ep(3) leaves for later calls. Constant. */
struct shim_endpoint {
	bool has_attr; /* a listener's children get a QP of @attr on @pd */
	struct ibv_pd *pd;
	struct ibv_qp_init_attr attr;
	uint8_t connect_len; /* @connect goes before the private data of rdma_connect(3) */
	uint8_t connect[SHIM_PRIVATE_DATA_SENT];
};

/*
 * @lock protects: state, cm and kind (cm from NULL to set, to that of another
 * driver, and back when the channel dies), parked, the options, the spares and promises, unacked,
 * dying, and the flags of the connection. It is taken inside a channel's lock, never around it, and
 * never held over a call into the core. The public fields belong to the program and to the thread
 * that retrieves the event which fills them, as with librdmacm. @moving is taken around a channel's
 * lock. stall.c reads state and the flags of the connection without the lock: they are written
 * atomically.
 */
struct shim_id {
	struct rdma_cm_id id;
	uint32_t magic;
	unsigned int generation; /* of the process that made it */
	struct shim_channel *channel;
	TAILQ_ENTRY(shim_id) link;  /* the channel's ids; under the channel's lock */
	struct shim_device *device; /* set once, after id.verbs; see shim_id_device() */
	struct shim_endpoint *ep;   /* NULL: not made by rdma_create_ep(), or nothing to keep */
	bool srq_has_cq;	    /* id.recv_cq was made for the SRQ and goes with it */

	struct iw_lock moving; /* keeps the channel in place for those that are no handler */

	struct iw_lock attaching; /* keeps the QP in place for multicast.c; around calls of verbs */
	struct iw_lock lock;
	struct iw_cond acked;
	enum shim_state state;
	struct iw_cm_id *cm;	  /* NULL until a call needs a driver */
	enum iw_driver_kind kind; /* whose cm is */
	struct iw_cm_id *parked;  /* what it was with the other driver; NULL: nothing */
	struct shim_option options[SHIM_OPTIONS];
	struct shim_event_list spares;
	unsigned int nspares;
	unsigned int promised;		/* events that calls in flight still may cause */
	unsigned int asked;		/* calls to resolve that were begun: each has its number */
	unsigned int way;		/* that of the last one for an address or a route */
	struct shim_event_list unacked; /* handed to the program */
	struct shim_event_list queued;	/* in the channel's queue; under the channel's lock */
	bool dying;
	bool waiting; /* a synchronous call waits for its event; the next one has to wait for it */
	bool taken;   /* off its channel's queue is its request; under the channel's lock */
	bool sync;    /* has a private channel; written under @lock */
	bool passive; /* child of a listener */
	bool established;		   /* ESTABLISHED was queued */
	bool closed;			   /* DISCONNECTED was handed out */
	bool failed;			   /* the outcome of connect or accept was a failure */
	bool answered;			   /* passive: rdma_accept(3) has succeeded */
	bool removed;			   /* DEVICE_REMOVAL was queued */
	bool any_port;			   /* bound to port 0 by the program */
	uint8_t request_rr, request_depth; /* what the request offered; for accept(NULL) */
	bool responded;			   /* CONNECT_RESPONSE was queued: establish or reject */
	struct iw_cm_ece local_ece;	   /* rdma_set_local_ece(3); as the public fields */
	struct iw_cm_ece remote_ece;	   /* of the request or the response; likewise */
	TAILQ_HEAD(, shim_member) members; /* multicast.c; under @lock */
	struct shim_event *kept;	   /* id.event, unless the program took that away */
	struct shim_info_job *info;	   /* resolve_info.c; under @lock */
	struct shim_event own[SHIM_OWN_EVENTS];
	uint8_t own_data[SHIM_PRIVATE_DATA_MAX]; /* of the first; no two of a connection have some
						  */
	struct shim_event removal;
};
TAILQ_HEAD(shim_id_list, shim_id);

/* So many threads that were given an event are waited for at once. */
#define SHIM_READERS_AWAY 4

/* Who is inside of a channel's rdma_get_cm_event(3). All atomic; see readers.c. */
struct shim_readers {
	unsigned int word;
	iw_thread_id away[SHIM_READERS_AWAY]; /* got an event and have not come back; 0: nobody */
	uint64_t since; /* when the last got it, or when its acknowledgement was waited for; ms */
};

/*
 * @lock protects: the queues, signalled, the sources, the list of ids, and the
 * step from readers to no readers. Descriptors are constant from creation on.
 */
struct shim_channel {
	struct rdma_event_channel ch; /* fd: an epoll descriptor over all below */
	uint32_t magic;
	unsigned int generation;
	int wake_fd;	 /* eventfd: readable while events wait that no source shows */
	int wait_credit; /* see channel_should_wait(); atomic, a hint only */
	struct shim_readers readers;

	struct iw_lock lock;
	struct shim_event_list queue;
	struct shim_event_list aside; /* before it: passed over by a synchronous call that waits */
	bool signalled;
	struct iw_source *sources[IW_DRIVER_NKINDS];
	int source_fds[IW_DRIVER_NKINDS];
	struct shim_id_list ids;
};

#define SHIM_ID_MAGIC 0x49574944u
#define SHIM_CHANNEL_MAGIC 0x49574348u
#define SHIM_EVENT_MAGIC 0x49574556u

static inline int shim_return(int rc)
{
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

/* What stall.c reads; under the id's lock, but for answered. */
static inline void shim_flag(bool *flag, bool value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELAXED);
}

/* NULL: not bound to one. A handler may do that while another thread calls. */
static inline struct shim_device *shim_id_device(const struct shim_id *id)
{
	return __atomic_load_n(&id->device, __ATOMIC_ACQUIRE);
}

/* Of an id that is bound to a device. */
static inline bool shim_is_iwarp(const struct shim_id *id)
{
	return id->id.verbs->device->transport_type == IBV_TRANSPORT_IWARP;
}

static inline bool shim_is_datagram(const struct shim_id *id)
{
	return id->id.qp_type == IBV_QPT_UD;
}

/* For calls of libibverbs that return NULL and may have set errno. */
static inline int shim_errno_or(int otherwise)
{
	return errno ? -errno : otherwise;
}

static inline bool shim_is_request(const struct shim_event *event)
{
	return event->ev.event == RDMA_CM_EVENT_CONNECT_REQUEST;
}

/* The id of a request's new connection. */
static inline struct shim_id *shim_child_of(const struct shim_event *event)
{
	return (struct shim_id *)(void *)event->ev.id;
}

static inline struct shim_event *shim_event_of(struct rdma_cm_event *ev)
{
	return (struct shim_event *)(void *)ev;
}

/* ---------------------------------------------------------------- fork.c */

/*
 * The number of forks between the first process and this one, since the shim
 * came up. An object of another generation belongs to a parent.
 */
unsigned int shim_generation(void);

/* ------------------------------------------------------------- channel.c */

/* NULL, foreign or dead: -EINVAL; of the parent process: -EACCES. */
int shim_channel_check(struct rdma_event_channel *ch, struct shim_channel **channel);
int shim_channel_new(struct shim_channel **channel);
/*
 * Ends all that is left on it; the ids survive as empty shells. Threads inside
 * of shim_channel_get() leave it first and block for good.
 */
void shim_channel_free(struct shim_channel *channel);
/* The channel's source of @kind, opened on first need. */
int shim_channel_source(struct shim_channel *channel, enum iw_driver_kind kind,
			struct iw_source **source);
/* Appends; cannot fail. The event's owner must be set. */
void shim_channel_queue(struct shim_channel *channel, struct shim_event *event);
/*
 * Blocks as rdma_get_cm_event(3) does, by the O_NONBLOCK of the channel's fd.
 * The calling thread's cancellation is disabled; while it blocks, @cancel.
 * On a channel that is destroyed meanwhile it blocks until the process ends, or
 * until a signal that wants no restart: -EBADF, as at once with O_NONBLOCK.
 * @of_call: for a synchronous call, which leaves what the program wrote
 * (rdma_write_cm_event(3)) for the program to fetch.
 */
int shim_channel_get(struct shim_channel *channel, int cancel, bool of_call,
		     struct shim_event **event);
/* Reads all that the sources hold into the queue. */
void shim_channel_drain(struct shim_channel *channel);
/* Looks at the sources' descriptors anew: events moved there wake nobody. */
void shim_channel_recheck(struct shim_channel *channel);
/*
 * Takes the events that @id owns, or those of @member alone, out of the queue into
 * @list. However many wait for other ids, it costs the same.
 */
void shim_channel_purge(struct shim_channel *channel, struct shim_id *id,
			const struct shim_member *member, struct shim_event_list *list);

/* ---------------------------------------------------------------- wait.c */

/*
 * 0: @fd is readable. -EAGAIN: it is O_NONBLOCK; -EINTR; -EBADF. The thread's
 * state of cancellation is @cancel while it blocks and disabled afterwards.
 * @stall speaks at info: without that it is not asked, and no clock either.
 */
int shim_wait(int fd, int cancel, struct iw_stall *stall);
/* Blocks in the same way for nothing; -EBADF once a signal wants no restart. */
int shim_park(int cancel);

/* --------------------------------------------------------------- stall.c */

/* For struct iw_caller: a struct shim_id, a struct shim_channel. */
void shim_id_describe(const void *id, char *text, size_t room);
void shim_channel_describe(const void *channel, char *text, size_t room);

/* Whose acknowledgements are waited for; member NULL: of all events. */
struct shim_acks {
	struct shim_id *id;
	const struct shim_member *member;
	bool left_behind; /* of those alone */
};

/* For struct iw_stall. With a struct shim_acks, its id's lock held. */
void shim_acks_tell(const void *acks, unsigned int seconds);
/* With a pointer to the pointer of a channel that the thread is inside of. */
void shim_channel_tell(const void *channel, unsigned int seconds);
/* With nothing. */
void shim_park_tell(const void *arg, unsigned int seconds);

/* ------------------------------------------------------------- readers.c */

/*
 * A thread that was given an event @away_ms ago at most is waited for, for
 * @return_ms. Constant but for tests.
 */
extern struct shim_readers_patience {
	unsigned int away_ms, return_ms;
} shim_readers_patience;

/*
 * Every thread that reads the channel enters and then leaves once. False: the
 * channel is being destroyed, and is left by shim_readers_leave_ended().
 */
bool shim_readers_enter(struct shim_readers *readers);
void shim_readers_leave(struct shim_readers *readers, bool with_event);
/* The channel is the destroyer's alone from here on. */
void shim_readers_leave_ended(struct shim_readers *readers);
/* Whoever was given an event last may go on only now. */
void shim_readers_acked(struct shim_readers *readers);
bool shim_readers_ended(const struct shim_readers *readers);
/* Begins the end; true: some thread is inside and has to be woken. */
bool shim_readers_end(struct shim_readers *readers);
/* Waits until nobody is inside. False: somebody does not leave. */
bool shim_readers_left(const struct shim_readers *readers);
/*
 * If other threads were given an event a moment ago and are not back, waits a
 * little: they are about to ask for the next.
 */
void shim_readers_await_return(const struct shim_readers *readers);

/* --------------------------------------------------------------- event.c */

/* The core's handler of every id. */
int shim_handler(struct iw_cm_id *cm, const struct iw_cm_event *ev);
/* Makes sure that @n more events can be delivered without allocating. */
int shim_events_promise(struct shim_id *id, unsigned int n);
void shim_events_unpromise(struct shim_id *id, unsigned int n);
/* Gives up an event that was never handed out; a request's child with it. */
void shim_event_drop(struct shim_event *event);
int shim_event_ack(struct shim_event *event);
/* Makes it the event of a synchronous id, until it is acknowledged, by whomever. */
void shim_event_keep(struct shim_event *event, struct shim_id *id);
/* Neither knows of the other any more: the event is acknowledged, or the id goes first. */
void shim_event_unkeep(struct shim_id *id);
/* Acknowledges the event that the program finds in the id, if there is one. */
void shim_event_ack_kept(struct shim_id *id);
/* Charges the event, which is on no list, to its owner. */
void shim_event_hand_out(struct shim_event *event);
/*
 * Queues an event that no driver knows of. ADDRINFO_* must have been promised
 * (shim_events_promise), and @arg is the number of the call that they answer; USER
 * takes memory now: -ENOMEM. Any thread that holds the id alive; safe against a
 * migration. -EINVAL: the channel is gone.
 */
int shim_event_own(struct shim_id *id, enum rdma_cm_event_type type, int status, uint64_t arg);
/* For multicast.c: a promised event of @id with the parameters of datagrams. */
void shim_event_ud(struct shim_id *id, enum rdma_cm_event_type type, const struct iw_cm_event *ev,
		   struct shim_member *member, void *context);

/* ------------------------------------------------------------ retrieve.c */

/*
 * For synchronous ids: acknowledges the last event, waits for the next, keeps
 * it in id->event. 0 if it is @want with status 0; otherwise what it means.
 */
int shim_complete(struct shim_id *id, enum rdma_cm_event_type want);
/* The same for the join of @member, whatever other groups tell meanwhile. */
int shim_complete_join(struct shim_id *id, const struct shim_member *member);
/* The same for rdma_resolve_addrinfo(3), the call of number @asked. */
int shim_complete_info(struct shim_id *id, unsigned int asked);
/* The first two parts of that: the next event of a synchronous id. */
int shim_next(struct shim_id *id, struct shim_event **event);
/* What @ev means to a call that waits for @want: 0 or a negative errno. */
int shim_meaning(const struct rdma_cm_event *ev, enum rdma_cm_event_type want);

/* ------------------------------------------------------------------ qp.c */

/* A CQ of @size entries with a channel of its own, and the end of both; NULL is none. */
int shim_cq_new(struct rdma_cm_id *id, uint32_t size, struct ibv_cq **cq,
		struct ibv_comp_channel **channel);
void shim_cq_end(struct ibv_cq **cq, struct ibv_comp_channel **channel);

/* ----------------------------------------------------------- multicast.c */

/* MULTICAST from the core: attaches the QP and queues JOIN or ERROR. In the handler. */
void shim_member_event(struct shim_id *id, const struct iw_cm_event *ev);
/*
 * An event of a membership was acknowledged; the id's lock is held, and the
 * event is not among the unacknowledged any more.
 */
void shim_member_acked(struct shim_event *event);
/* The id's QP goes: it cannot while it is attached, and is not the id's afterwards. */
struct ibv_qp *shim_members_take_qp(struct shim_id *id);
/* At the end of an id, when the core has none of it any more. */
void shim_members_free(struct shim_id *id);

/* -------------------------------------------------------- resolve_info.c */

/* Gives up what rdma_resolve_addrinfo(3) began; afterwards it touches the id no more. */
void shim_info_end(struct shim_id *id);
/* Whether that is under way; the id's lock is held. */
bool shim_info_is_pending(const struct shim_id *id);
/*
 * ADDRINFO from the driver below, @cm, in its handler: keeps the result for
 * rdma_query_addrinfo(3) and turns @status into that of the program's event.
 * Returns the number of the call that it answers; 0: nobody has asked.
 */
unsigned int shim_info_answer(struct shim_id *id, struct iw_cm_id *cm, int *status);

/* ------------------------------------------------------------- connect.c */

/* rdma_reject(3) with a reason of the InfiniBand CM; 0: the program wishes it. */
int shim_reject(struct shim_id *id, const void *private_data, uint8_t len, uint8_t reason);

/* ------------------------------------------------------------- resolve.c */

/* ADDR_RESOLVED -> ROUTE_QUERY, with the one event it will cause. -EINVAL, -ENOMEM. */
int shim_route_begin(struct shim_id *id);
/* The driver said @rc to that: back, or on to the event of a @sync id. */
int shim_route_begun(struct shim_id *id, bool sync, int rc);

/* ---------------------------------------------------------------- path.c */

/* GIDs, P_Key and path records of an id on InfiniBand or RoCE, from @cm; else nothing. */
int shim_path_refresh(struct shim_id *id, struct iw_cm_id *cm);

/* ------------------------------------------------------------------ id.c */

/*
 * NULL, foreign or dead: -EINVAL; of the parent process: -EACCES. What the calling
 * function waits for from here on, it waits for in the name of this id.
 */
#define shim_id_check(id, priv) shim_id_check_for(__func__, (id), (priv))
int shim_id_check_for(const char *call, struct rdma_cm_id *id, struct shim_id **priv);
int shim_id_new(struct shim_channel *channel, void *context, enum rdma_port_space ps,
		struct shim_id **priv);
/* Frees an id that the program never saw, or that is through. */
void shim_id_free(struct shim_id *id);
/* Ends the connection below; afterwards no handler of the id runs. */
void shim_id_detach(struct shim_id *id);
/* Forgets what the id was with another driver than its own. */
void shim_id_drop_parked(struct shim_id *id);
/* The core's id below, NULL if there is none (any more). */
struct iw_cm_id *shim_id_cm(struct shim_id *id);
/*
 * The core's id below, made on first need with the driver of @kind. An id that
 * another driver has is made anew with this one, with the options and the local
 * address that the program gave; if that fails the id is as before. Not for one
 * that is bound to a device, listens or has a connection.
 */
int shim_id_attach(struct shim_id *id, enum iw_driver_kind kind, struct iw_cm_id **cm);
/*
 * Reads the addresses and the device from @cm, the id below, into the public
 * fields. In a handler that is the handler's: a destroy takes id->cm at once.
 */
int shim_id_refresh(struct shim_id *id, struct iw_cm_id *cm);
enum shim_state shim_id_state(struct shim_id *id);
bool shim_id_move(struct shim_id *id, enum shim_state from, enum shim_state to);
void shim_id_set_state(struct shim_id *id, enum shim_state to);
/* Waits until the program has acknowledged all it was given. */
void shim_id_wait_acked(struct shim_id *id);
/* What it was given on a channel that the id has left, alone. */
void shim_id_wait_left_behind(struct shim_id *id);
/* Of the events of a membership alone. */
void shim_id_wait_member_acked(struct shim_id *id, struct shim_member *member);
/* Puts an id that is on no channel on this one. */
void shim_id_on_channel(struct shim_id *id, struct shim_channel *channel);

/* ------------------------------------------------------------- migrate.c */

/* Gives a sync listener's child a channel of its own. */
int shim_id_make_private(struct shim_id *id);

/* -------------------------------------------------------------- option.c */

/* Gives @cm what the program has set. */
int shim_options_replay(struct shim_id *id, struct iw_cm_id *cm);

/* -------------------------------------------------------------- device.c */

/* What a device can do; read once when it is opened. */
struct shim_device {
	TAILQ_ENTRY(shim_device) link;
	struct ibv_context *verbs;
	struct ibv_pd *pd;
	struct ibv_xrcd *xrcd; /* opened on first need */
	uint64_t guid;
	int index;		 /* of RDMA netlink; -1: not known, or none of the kernel's */
	unsigned int users;	 /* ids bound to it */
	unsigned int generation; /* of the process that opened it */
	bool handed_out;	 /* by rdma_get_devices: open for good */
	bool gone;
	uint8_t max_responder_resources;
	uint8_t max_initiator_depth;
};

/*
 * Opens the device that the driver of @kind calls so on first need, with a
 * default PD. -ENODEV, -ENOMEM, verbs' errors.
 */
int shim_device_get(enum iw_driver_kind kind, const struct iw_cm_addr_info *info,
		    struct shim_device **device);
void shim_device_put(struct shim_device *device);
/* The default XRC domain of a device, as long as it is open. Verbs' errors. */
int shim_device_xrcd(struct shim_device *device, struct ibv_xrcd **xrcd);
/* The device was removed: it is closed when its last id has gone. */
void shim_device_gone(struct shim_device *device);

#endif
