/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The RDMA connection manager, as programs see it: types and calls of
 * librdmacm.so.1, symbol versions RDMACM_1.0 to RDMACM_1.4.
 *
 * Names, values and layouts are those of rdma-core (tests/test_abi.c compares
 * them); this text is our own. Work requests and completions are in
 * rdma/rdma_verbs.h.
 *
 * Unless a comment says otherwise
 *  - a call returns 0, or -1 with errno set;
 *  - NULL where a pointer is required is EINVAL, and so is a call that the
 *    state of the id does not allow;
 *  - a call marked "event" starts something and reports the outcome as an event
 *    on the id's channel. On a synchronous id (made with a NULL channel) it
 *    blocks until that event has come, keeps it in id->event until the next
 *    such call, and turns its status into the return value;
 *  - a call not marked "event" does not block.
 * Threads: different ids are independent, and events may be fetched and
 * acknowledged at any time; calls on one id are for one thread at a time.
 */
#ifndef RDMA_CMA_H
#define RDMA_CMA_H
/* Tells this header from rdma-core's. */
#define RDMA_CMA_IWSHIM 1

#include <infiniband/verbs.h>
/* Programs rely on these three coming with us. */
#include <infiniband/sa.h>
#include <netinet/in.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Ids and what hangs on them ---------------------------------------- */

/* What port numbers count in. It also decides the QP type. */
enum rdma_port_space {
	RDMA_PS_IPOIB = 0x0002, /* UD, in an IPoIB subnet */
	RDMA_PS_TCP = 0x0106,	/* RC: the one for iWARP */
	RDMA_PS_UDP = 0x0111,	/* UD */
	RDMA_PS_IB = 0x013F,	/* any, addressed by AF_IB */
};

/* An AF_IB service id carries the port space above and the port below. */
#define RDMA_IB_IP_PORT_MASK 0xFFFFULL
#define RDMA_IB_IP_PS_MASK 0xFFFFFFFFFFFF0000ULL
#define RDMA_IB_IP_PS_TCP 0x01060000ULL
#define RDMA_IB_IP_PS_UDP 0x01110000ULL
#define RDMA_IB_PS_IB 0x013F0000ULL

/* Q_Key of every datagram QP that the connection manager sets up. */
#define RDMA_UDP_QKEY 0x01234567

/* Delivers events; fd polls readable while at least one waits. */
struct rdma_event_channel {
	int fd;
};

/* InfiniBand addresses of an id; zero on iWARP. */
struct rdma_ib_addr {
	union ibv_gid sgid;
	union ibv_gid dgid;
	__be16 pkey;
};

/* Both ends of an id; family 0 means not known yet. */
struct rdma_addr {
	__extension__ union {
		struct sockaddr src_addr;
		struct sockaddr_storage src_storage;
		struct sockaddr_in src_sin;
		struct sockaddr_in6 src_sin6;
	};
	__extension__ union {
		struct sockaddr dst_addr;
		struct sockaddr_storage dst_storage;
		struct sockaddr_in dst_sin;
		struct sockaddr_in6 dst_sin6;
	};
	union {
		struct rdma_ib_addr ibaddr;
	} addr;
};

struct rdma_route {
	struct rdma_addr addr;
	/* num_paths records, owned by the id; none on iWARP. */
	struct ibv_sa_path_rec *path_rec;
	int num_paths;
};

/*
 * One end of a connection, or a listener. Everything is for reading, but
 * context belongs to the program; verbs, pd and port_num are NULL or 0 until
 * the id is bound to a device.
 */
struct rdma_cm_id {
	struct ibv_context *verbs;
	struct rdma_event_channel *channel;
	void *context;
	struct ibv_qp *qp;
	struct rdma_route route;
	enum rdma_port_space ps;
	uint8_t port_num;
	/* Synchronous ids: the event of the last call that had one. */
	struct rdma_cm_event *event;
	/* Made by rdma_create_qp() if the program gave no CQ; else as given. */
	struct ibv_comp_channel *send_cq_channel;
	struct ibv_cq *send_cq;
	struct ibv_comp_channel *recv_cq_channel;
	struct ibv_cq *recv_cq;
	struct ibv_srq *srq;
	struct ibv_pd *pd;
	enum ibv_qp_type qp_type;
};

/* ---- Events ------------------------------------------------------------ */

/*
 * The comment says who sees the event: the active side connects, the passive
 * side listens.
 */
enum rdma_cm_event_type {
	RDMA_CM_EVENT_ADDR_RESOLVED = 0,      /* active: device and source address are known */
	RDMA_CM_EVENT_ADDR_ERROR = 1,	      /* active */
	RDMA_CM_EVENT_ROUTE_RESOLVED = 2,     /* active: may connect */
	RDMA_CM_EVENT_ROUTE_ERROR = 3,	      /* active */
	RDMA_CM_EVENT_CONNECT_REQUEST = 4,    /* passive: id is new, listen_id the listener */
	RDMA_CM_EVENT_CONNECT_RESPONSE = 5,   /* active without QP; never on iWARP */
	RDMA_CM_EVENT_CONNECT_ERROR = 6,      /* both: set-up failed */
	RDMA_CM_EVENT_UNREACHABLE = 7,	      /* active: no answer */
	RDMA_CM_EVENT_REJECTED = 8,	      /* active: the peer said no, perhaps with data */
	RDMA_CM_EVENT_ESTABLISHED = 9,	      /* both: may send */
	RDMA_CM_EVENT_DISCONNECTED = 10,      /* both, once */
	RDMA_CM_EVENT_DEVICE_REMOVAL = 11,    /* the id's device went: destroy the id */
	RDMA_CM_EVENT_MULTICAST_JOIN = 12,    /* datagrams: joined */
	RDMA_CM_EVENT_MULTICAST_ERROR = 13,   /* datagrams: not joined, or lost the group */
	RDMA_CM_EVENT_ADDR_CHANGE = 14,	      /* the interface got another hardware address */
	RDMA_CM_EVENT_TIMEWAIT_EXIT = 15,     /* QP number free again; never on iWARP */
	RDMA_CM_EVENT_ADDRINFO_RESOLVED = 16, /* of rdma_resolve_addrinfo() */
	RDMA_CM_EVENT_ADDRINFO_ERROR = 17,    /* of rdma_resolve_addrinfo() */
	RDMA_CM_EVENT_USER = 18,	      /* of rdma_write_cm_event() */
	RDMA_CM_EVENT_INTERNAL = 19,	      /* never reaches a program */
};

/* "As much as the device can" for the two read depths below. */
enum {
	RDMA_MAX_RESP_RES = 0xFF,
	RDMA_MAX_INIT_DEPTH = 0xFF,
};

/*
 * Parameters of a connection, see rdma_connect(3) and rdma_accept(3). In an
 * event they describe what the peer asked for or granted.
 */
struct rdma_conn_param {
	const void *private_data;
	uint8_t private_data_len;    /* bytes; at most 251 on iWARP */
	uint8_t responder_resources; /* RDMA READs that we serve at a time (IRD) */
	uint8_t initiator_depth;     /* RDMA READs that we have out at a time (ORD) */
	uint8_t flow_control;	     /* this and the two below: InfiniBand only */
	uint8_t retry_count;
	uint8_t rnr_retry_count;
	/* Unused if the id has a QP. */
	uint8_t srq;
	uint32_t qp_num;
};

/* The same for datagrams: whom to send to, and how. */
struct rdma_ud_param {
	const void *private_data;
	uint8_t private_data_len;
	struct ibv_ah_attr ah_attr;
	uint32_t qp_num;
	uint32_t qkey;
};

/*
 * Valid until it is acknowledged, with all that it points at. status is 0, a
 * negative errno, or above 0 the reason that InfiniBand's CM gives. Datagram ids
 * (qp_type IBV_QPT_UD) have param.ud, others param.conn.
 */
struct rdma_cm_event {
	struct rdma_cm_id *id;
	struct rdma_cm_id *listen_id;
	enum rdma_cm_event_type event;
	int status;
	union {
		struct rdma_conn_param conn;
		struct rdma_ud_param ud;
		uint64_t arg; /* RDMA_CM_EVENT_USER */
	} param;
};

/*
 * Opens a channel; its descriptor is close-on-exec and may be made non-blocking
 * with fcntl(2). NULL on error: ENODEV (no RDMA device), EMFILE, ENFILE, EACCES,
 * ENOMEM, EPERM (the kernel speaks another version). rdma_create_event_channel(3)
 */
struct rdma_event_channel *rdma_create_event_channel(void);

/*
 * Closes a channel, after its ids are destroyed and its events acknowledged.
 * rdma_destroy_event_channel(3)
 */
void rdma_destroy_event_channel(struct rdma_event_channel *channel);

/*
 * Fetches the next event and blocks until there is one, unless the descriptor
 * is non-blocking: EAGAIN. A signal gives EINTR. Each event fetched has to be
 * acknowledged once. rdma_get_cm_event(3)
 */
int rdma_get_cm_event(struct rdma_event_channel *channel, struct rdma_cm_event **event);

/* Gives an event back: *event and its private data are gone. rdma_ack_cm_event(3) */
int rdma_ack_cm_event(struct rdma_cm_event *event);

/*
 * The enumerator's name as a constant string, never NULL; one fixed text for
 * all other numbers. rdma_event_str(3)
 */
const char *rdma_event_str(enum rdma_cm_event_type event);

/* ---- Creating and destroying ids --------------------------------------- */

/*
 * Makes an id whose events arrive on channel; NULL makes a synchronous id.
 * EINVAL for an unknown port space, ENOMEM, ENODEV. rdma_create_id(3)
 */
int rdma_create_id(struct rdma_event_channel *channel, struct rdma_cm_id **id, void *context,
		   enum rdma_port_space ps);

/*
 * Cancels what is under way, closes a connection, drops events that nobody has
 * fetched, and frees the id. Blocks until every event fetched for the id is
 * acknowledged. The QP has to be destroyed before. rdma_destroy_id(3)
 */
int rdma_destroy_id(struct rdma_cm_id *id);

/*
 * Moves an id and its waiting events to another channel (NULL: the id becomes
 * synchronous; EINVAL if it is already). Blocks while events fetched from the
 * old channel are unacknowledged. rdma_migrate_id(3)
 */
int rdma_migrate_id(struct rdma_cm_id *id, struct rdma_event_channel *channel);

/* ---- Addresses --------------------------------------------------------- */

/*
 * Sets the source. A wildcard address or port 0 is allowed (a port is chosen at
 * once); an interface's own address also binds the id to its device.
 * EADDRNOTAVAIL (not ours), ENODEV (no RDMA device there), EADDRINUSE, EACCES
 * (low port), EINVAL (bound before, IPv6 link-local without scope).
 * rdma_bind_addr(3)
 */
int rdma_bind_addr(struct rdma_cm_id *id, struct sockaddr *addr);

/*
 * Event ADDR_RESOLVED or ADDR_ERROR: finds the device and the source address
 * (src_addr, or what routing prefers if that is NULL) for dst_addr within
 * timeout_ms milliseconds. Fails at once with ENETUNREACH or EHOSTUNREACH (no
 * route), EADDRNOTAVAIL, ENODEV (src_addr), EINVAL (family).
 * rdma_resolve_addr(3)
 */
int rdma_resolve_addr(struct rdma_cm_id *id, struct sockaddr *src_addr, struct sockaddr *dst_addr,
		      int timeout_ms);

/*
 * Event ROUTE_RESOLVED or ROUTE_ERROR: comes after ADDR_RESOLVED and before
 * rdma_connect(). EINVAL if timeout_ms is 0. rdma_resolve_route(3)
 */
int rdma_resolve_route(struct rdma_cm_id *id, int timeout_ms);

/* Ports in network byte order, 0 if there is none. rdma_get_src_port(3) */
__be16 rdma_get_src_port(struct rdma_cm_id *id);
__be16 rdma_get_dst_port(struct rdma_cm_id *id);

/* The id's own addresses, never NULL. rdma_get_local_addr(3), rdma_get_peer_addr(3) */
static inline struct sockaddr *rdma_get_local_addr(struct rdma_cm_id *id)
{
	return &id->route.addr.src_addr;
}

static inline struct sockaddr *rdma_get_peer_addr(struct rdma_cm_id *id)
{
	return &id->route.addr.dst_addr;
}

/* ---- Queue pairs ------------------------------------------------------- */

/*
 * Makes the id's QP, ready for receives. The id has to be bound to a device;
 * pd NULL takes the device's default one; missing CQs are made and kept in the
 * id. *qp_init_attr returns what was granted. EINVAL (unbound, a second QP, pd
 * or CQ of another device), EOPNOTSUPP (QP type), ENOMEM. rdma_create_qp(3)
 */
int rdma_create_qp(struct rdma_cm_id *id, struct ibv_pd *pd, struct ibv_qp_init_attr *qp_init_attr);
/* The same with ibv_create_qp_ex(3)'s attributes; the PD is in them. */
int rdma_create_qp_ex(struct rdma_cm_id *id, struct ibv_qp_init_attr_ex *qp_init_attr);

/*
 * Destroys the id's QP and the CQs that were made for it. Blocks until their
 * completion events are acknowledged. rdma_destroy_qp(3)
 */
void rdma_destroy_qp(struct rdma_cm_id *id);

/*
 * Fills *qp_attr and *qp_attr_mask for a move to qp_attr->qp_state, for programs
 * that own their QP. EINVAL if the id has no device or the state has no meaning
 * there. rdma_init_qp_attr(3)
 */
int rdma_init_qp_attr(struct rdma_cm_id *id, struct ibv_qp_attr *qp_attr, int *qp_attr_mask);

/* ---- Connecting -------------------------------------------------------- */

/*
 * Event ESTABLISHED, REJECTED, UNREACHABLE or CONNECT_ERROR. NULL conn_param:
 * device maxima, no private data. With some devices blocks for the TCP
 * connection and fails with its errno (ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH);
 * EINVAL for depths above the device's and for more than 251 bytes of private
 * data. On iWARP this side has to send first. rdma_connect(3)
 */
int rdma_connect(struct rdma_cm_id *id, struct rdma_conn_param *conn_param);

/*
 * Makes the id a listener. backlog bounds the requests not fetched yet; 0 or
 * less is the system's limit. An unbound id gets a port and listens on all
 * devices. EADDRINUSE. rdma_listen(3)
 */
int rdma_listen(struct rdma_cm_id *id, int backlog);

/*
 * Synchronous listeners: blocks for the next request and returns it as a
 * synchronous id, whose event is the CONNECT_REQUEST. rdma_get_request(3)
 */
int rdma_get_request(struct rdma_cm_id *listen, struct rdma_cm_id **id);

/*
 * Event ESTABLISHED or CONNECT_ERROR: answers the request that made this id.
 * NULL conn_param: as requested, within the device's limits. A conn_param out of
 * the event needs the event unacknowledged. EINVAL (not a request, answered
 * already, more than 251 bytes), ECONNRESET (the peer has gone).
 * rdma_accept(3)
 */
int rdma_accept(struct rdma_cm_id *id, struct rdma_conn_param *conn_param);

/* Refuses the request that made this id, which lives on. rdma_reject(3) */
int rdma_reject(struct rdma_cm_id *id, const void *private_data, uint8_t private_data_len);

/*
 * Active side without a QP on the id: completes the connection after
 * CONNECT_RESPONSE. EINVAL if the id has a QP. iWARP connections complete
 * themselves: 0 if that has happened. rdma_establish(3)
 */
int rdma_establish(struct rdma_cm_id *id);

/*
 * Tells of an asynchronous event (IBV_EVENT_COMM_EST) that the program saw on
 * the QP; without effect on iWARP. rdma_notify(3)
 */
int rdma_notify(struct rdma_cm_id *id, enum ibv_event_type event);

/*
 * Event DISCONNECTED: closes the connection and flushes the QP. 0 without
 * another event if it is closed already; EINVAL if it never was one.
 * rdma_disconnect(3)
 */
int rdma_disconnect(struct rdma_cm_id *id);

/* ---- Options ----------------------------------------------------------- */

enum {
	RDMA_OPTION_ID = 0, /* level of RDMA_OPTION_ID_* */
	RDMA_OPTION_IB = 1, /* level of RDMA_OPTION_IB_* */
};

enum {
	RDMA_OPTION_ID_TOS = 0,		/* uint8_t: IP type of service */
	RDMA_OPTION_ID_REUSEADDR = 1,	/* int: as SO_REUSEADDR */
	RDMA_OPTION_ID_AFONLY = 2,	/* int: as IPV6_V6ONLY */
	RDMA_OPTION_ID_ACK_TIMEOUT = 3, /* uint8_t: 4.096 us * 2^n; RC only */
};

enum {
	RDMA_OPTION_IB_PATH = 1, /* struct ibv_path_data[] */
};

/*
 * optlen bytes at optval. ENOSYS (unknown level or name), EINVAL (length,
 * state), EFAULT. rdma_set_option(3)
 */
int rdma_set_option(struct rdma_cm_id *id, int level, int optname, void *optval, size_t optlen);

/* ---- Devices ----------------------------------------------------------- */

/*
 * A NULL-terminated array of open devices, which stay open until the process
 * ends; num_devices may be NULL. NULL on error: ENODEV, ENOMEM.
 * rdma_get_devices(3)
 */
struct ibv_context **rdma_get_devices(int *num_devices);

/* Frees the array, not the devices. rdma_free_devices(3) */
void rdma_free_devices(struct ibv_context **list);

/* ---- Names ------------------------------------------------------------- */

/* Bits of ai_flags. */
#define RAI_PASSIVE 0x01     /* for a listener: fill the source */
#define RAI_NUMERICHOST 0x02 /* node is a number: ask no name server */
#define RAI_NOROUTE 0x04     /* resolve no InfiniBand path */
#define RAI_FAMILY 0x08	     /* ai_family says how to read node */
#define RAI_SA 0x10	     /* rdma_resolve_addrinfo(): ask the subnet administrator */
#define RAI_DNS 0x20	     /* rdma_resolve_addrinfo(): ask the name server (default) */

struct rdma_addrinfo {
	int ai_flags;
	int ai_family;	   /* AF_INET, AF_INET6, AF_IB or 0 */
	int ai_qp_type;	   /* enum ibv_qp_type, 0 in hints: any */
	int ai_port_space; /* enum rdma_port_space, 0 in hints: any */
	socklen_t ai_src_len;
	socklen_t ai_dst_len;
	struct sockaddr *ai_src_addr;
	struct sockaddr *ai_dst_addr;
	char *ai_src_canonname;
	char *ai_dst_canonname;
	size_t ai_route_len;
	void *ai_route;
	size_t ai_connect_len;
	void *ai_connect; /* goes in front of the program's private data */
	struct rdma_addrinfo *ai_next;
};

/*
 * Translates node and service, guided by hints, of which one at least is given.
 * Blocks while a name server is asked. Returns 0, an EAI_* code of
 * getaddrinfo(3), or -1: EINVAL, ENOMEM. rdma_getaddrinfo(3)
 */
int rdma_getaddrinfo(const char *node, const char *service, const struct rdma_addrinfo *hints,
		     struct rdma_addrinfo **res);

/* Frees a whole list; NULL is allowed. */
void rdma_freeaddrinfo(struct rdma_addrinfo *res);

/*
 * RDMACM_1.4. Event ADDRINFO_RESOLVED or ADDRINFO_ERROR: rdma_getaddrinfo()
 * without blocking, one at a time for an id (EBUSY). The status of a failure is a
 * negative errno (ENOENT: no such name or service). RAI_SA: service is a number or a
 * name, id is bound to an InfiniBand port (EINVAL; EOPNOTSUPP for other devices and
 * before Linux 6.18). rdma_resolve_addrinfo(3)
 */
int rdma_resolve_addrinfo(struct rdma_cm_id *id, const char *node, const char *service,
			  const struct rdma_addrinfo *hints);

/*
 * RDMACM_1.4. Takes the result after ADDRINFO_RESOLVED, once (then ENOENT); free
 * it with rdma_freeaddrinfo(). rdma_query_addrinfo(3)
 */
int rdma_query_addrinfo(struct rdma_cm_id *id, struct rdma_addrinfo **info);

/*
 * RDMACM_1.4. Queues an event of the program's own on the id's channel; event has to
 * be RDMA_CM_EVENT_USER. Any thread; ENOMEM. rdma_write_cm_event(3)
 */
int rdma_write_cm_event(struct rdma_cm_id *id, enum rdma_cm_event_type event, int status,
			uint64_t arg);

/* ---- Endpoints: id, address and QP in one step ------------------------- */

/*
 * Makes a synchronous id from a result of rdma_getaddrinfo(): resolved and, with
 * qp_init_attr, with a QP; or, for RAI_PASSIVE, bound, its children getting QPs
 * on pd. Blocks for resolving (2 s a step). Errors as of the calls that it
 * stands for. rdma_create_ep(3)
 */
int rdma_create_ep(struct rdma_cm_id **id, struct rdma_addrinfo *res, struct ibv_pd *pd,
		   struct ibv_qp_init_attr *qp_init_attr);

/* Destroys QP, SRQ and id; blocks like rdma_destroy_id(). rdma_destroy_ep(3) */
void rdma_destroy_ep(struct rdma_cm_id *id);

/* ---- Enhanced connection establishment (InfiniBand) --------------------- */

/* RDMACM_1.3. As rdma_reject(), blaming the options. */
int rdma_reject_ece(struct rdma_cm_id *id, const void *private_data, uint8_t private_data_len);

/*
 * RDMACM_1.3. Options to send, and those that the peer sent (zero on iWARP), for
 * programs that own their QP: EINVAL if the id has one.
 * rdma_set_local_ece(3), rdma_get_remote_ece(3)
 */
int rdma_set_local_ece(struct rdma_cm_id *id, struct ibv_ece *ece);
int rdma_get_remote_ece(struct rdma_cm_id *id, struct ibv_ece *ece);

/* ---- Multicast: datagrams of InfiniBand and RoCE; EOPNOTSUPP on iWARP ------- */

/* Which fields of struct rdma_cm_join_mc_attr_ex are set. */
enum rdma_cm_join_mc_attr_mask {
	RDMA_CM_JOIN_MC_ATTR_ADDRESS = 0x1,
	RDMA_CM_JOIN_MC_ATTR_JOIN_FLAGS = 0x2,
	RDMA_CM_JOIN_MC_ATTR_RESERVED = 0x4, /* first bit without a meaning */
};

enum rdma_cm_mc_join_flags {
	RDMA_MC_JOIN_FLAG_FULLMEMBER = 0,
	RDMA_MC_JOIN_FLAG_SENDONLY_FULLMEMBER = 1,
	RDMA_MC_JOIN_FLAG_RESERVED = 2, /* first number without a meaning */
};

struct rdma_cm_join_mc_attr_ex {
	uint32_t comp_mask;  /* of enum rdma_cm_join_mc_attr_mask */
	uint32_t join_flags; /* one of enum rdma_cm_mc_join_flags */
	struct sockaddr *addr;
};

/*
 * Event MULTICAST_JOIN or MULTICAST_ERROR, with context in its
 * param.ud.private_data. rdma_join_multicast(3)
 */
int rdma_join_multicast(struct rdma_cm_id *id, struct sockaddr *addr, void *context);
/* RDMACM_1.1. ENOTSUP for unknown comp_mask bits. rdma_join_multicast_ex(3) */
int rdma_join_multicast_ex(struct rdma_cm_id *id, struct rdma_cm_join_mc_attr_ex *mc_join_attr,
			   void *context);

/*
 * Leaves, or cancels the join; blocks until the group's events are acknowledged.
 * EADDRNOTAVAIL if the id is not in that group. rdma_leave_multicast(3)
 */
int rdma_leave_multicast(struct rdma_cm_id *id, struct sockaddr *addr);

#ifdef __cplusplus
}
#endif

#endif
