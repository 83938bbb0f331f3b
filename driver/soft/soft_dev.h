/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Software devices: one for each interface that is up, named usiw_<interface>;
 * their contexts, what they can do, and asynchronous events.
 */
#ifndef IW_SOFT_DEV_H
#define IW_SOFT_DEV_H

#include <errno.h>
#include <infiniband/verbs.h>
#include <sys/socket.h>

#include "driver/soft/soft.h"

#define SOFT_DEV_PREFIX "usiw_"

/*
 * Made at first sight of an interface and kept for the life of the process, so
 * that pointers to it stay good. Constant but for ifindex and mtu (atomic), which
 * each look at the interfaces reads anew.
 */
struct soft_device {
	struct ibv_device ibv; /* comes first */
	/* libibverbs' private part lies behind ibv_device; its code must find zeros there. */
	uint8_t slack[256];
	uint64_t seen; /* by which look at the interfaces, last */
	unsigned int ifindex;
	uint64_t guid;	/* network order; locally administered, from MAC and name */
	uint8_t mac[6]; /* made up, locally administered, where there is none */
	unsigned int mtu;
};

/*
 * The devices of all interfaces that are up now, newly looked up; @list has
 * room for *@n on entry and *@n is the count on return. -ENOSPC: more than fit
 * (*@n says how many). -ENODEV: switched off by IWSHIM_DEVICE=kernel.
 */
int soft_dev_list(struct soft_device **list, unsigned int *n);
/*
 * The device of the interface that holds the local address @addr (all of 127/8:
 * lo). -ENODEV: none does. What was seen within the last second is believed.
 */
int soft_dev_by_addr(const struct sockaddr *addr, struct soft_device **dev);
int soft_dev_by_guid(uint64_t guid, struct soft_device **dev);
/* True if @dev is one of ours. Any pointer; looks at no byte of it. */
bool soft_dev_is_ours(const struct ibv_device *dev);

/* What a context is made of. @verbs.context is what the program sees. */
struct soft_context {
	struct soft_device *dev;
	unsigned int generation;
	/* Async events: 16-byte records (struct ib_uverbs_async_event_desc) in a pipe. */
	int async_write_fd;   /* the read end is verbs.context.async_fd */
	struct iw_lock lock;  /* protects: the async events and their counts, objects, closed */
	unsigned int objects; /* PDs, CQs, channels, QPs, SRQs that are alive */
	bool closed;	      /* by the program; freed with its last object */
	STAILQ_HEAD(, soft_async_record) pending; /* found no room in the pipe */
	struct verbs_context verbs;		  /* comes last, like in libibverbs */
};

static inline struct soft_context *soft_context_of(struct ibv_context *ctx)
{
	return iw_container_of(ctx, struct soft_context, verbs.context);
}

/* True if @ctx is one of ours; NULL is not. */
bool soft_context_is_ours(const struct ibv_context *ctx);
/* 0, or -EACCES in a process forked after the context was opened. */
static inline int soft_context_check(struct ibv_context *ctx)
{
	return soft_context_of(ctx)->generation == soft_generation() ? 0 : -EACCES;
}

/* -ENOMEM, -EMFILE. Every open makes a context of its own. */
int soft_context_open(struct soft_device *dev, struct soft_context **ctx);
/*
 * Objects that still live keep working; the memory goes with the last of them.
 * Unread async events and async_fd go at once.
 */
int soft_context_close(struct soft_context *ctx);
void soft_context_get(struct soft_context *ctx); /* an object is born */
void soft_context_put(struct soft_context *ctx);

/* True limits (soft.h). */
void soft_query_device(struct soft_context *ctx, struct ibv_device_attr *attr);
int soft_query_device_ex(struct soft_context *ctx, const struct ibv_query_device_ex_input *input,
			 struct ibv_device_attr_ex *attr, size_t size);
int soft_query_port(struct soft_context *ctx, uint8_t port, struct ibv_port_attr *attr,
		    size_t size);
/* One GID: the MAC, then zeros. -EINVAL for other ports and indices. */
int soft_query_gid(struct soft_context *ctx, uint8_t port, int index, union ibv_gid *gid);
/* No partitions on iWARP: always -EINVAL. */
int soft_query_pkey(struct soft_context *ctx, uint8_t port, int index, __be16 *pkey);

/*
 * Queues an asynchronous event for ibv_get_async_event(3); never blocks, never
 * loses one but for want of memory. @element: the ibv_cq, ibv_qp, ibv_srq pointer
 * that @type concerns, NULL for the port's and the device's own. Counted in the
 * element's async_events when it is read; its destroy purges, then waits for
 * that many acknowledgements. Takes ctx->lock, innermost.
 */
void soft_async_post(struct soft_context *ctx, enum ibv_event_type type, void *element);
/* Blocks by the O_NONBLOCK of async_fd. -EAGAIN, -EINTR. */
int soft_async_get(struct soft_context *ctx, struct ibv_async_event *event);
/* Drops unread events of @element (it is being destroyed). */
void soft_async_purge(struct soft_context *ctx, void *element);

/* The largest that the enum has and a frame of the interface carries. */
static inline enum ibv_mtu soft_verbs_mtu(unsigned int mtu)
{
	enum ibv_mtu best = IBV_MTU_256;

	while (best < IBV_MTU_4096 && mtu >= 256u << best)
		best++;
	return best;
}

#endif
