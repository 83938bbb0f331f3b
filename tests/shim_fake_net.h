/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Inside the driver in memory: its ids and sources (shim_fake.c) as its ops
 * (shim_fake_ops.c) see them. One lock for all of it, never held over a call
 * into the core.
 */
#ifndef IW_SHIM_FAKE_NET_H
#define IW_SHIM_FAKE_NET_H

#include <pthread.h>

#include "base/bytes.h"
#include "base/list.h"
#include "tests/shim_fake.h"

#define DATA_MAX 256
#define FAKE_SOFT_DEVICE 99

struct fake_id;

/* One event that waits. Of a request, @peer is who asks. */
struct fake_event {
	TAILQ_ENTRY(fake_event) link;
	struct fake_id *id;
	struct fake_id *peer;
	struct iw_cm_event ev;
	uint8_t data[DATA_MAX];
};

struct iw_source {
	int fd;
	TAILQ_HEAD(, fake_event) queue;
	bool soft; /* read by @thread, until @stop */
	bool stop;
	pthread_t thread;
};

struct fake_id {
	TAILQ_ENTRY(fake_id) link;
	struct iw_cm_id *cm;
	struct iw_source *source;
	struct sockaddr_storage src, dst;
	struct fake_id *peer; /* the other end, while both know of each other */
	struct fake_id *listener;
	bool want;  /* active: a request is out */
	int device; /* -1: none; FAKE_SOFT_DEVICE */
	int busy;   /* pumps that post for it */
	/* The membership whose event a pump has, and the core not yet; or NULL. */
	const void *appending;
	bool listening, gone, connected, reuse, silent, routed;
	unsigned int unshown; /* events that wait for the end of its silence */
};

TAILQ_HEAD(fake_ids, fake_id);

/* Protects both below and every object. */
extern pthread_mutex_t fake_lock;
extern struct fake_ids fake_ids;
extern bool fake_holding;

extern const struct iw_cm_driver_ops fake_ops;

/* shim_fake_service.c */
int fake_resolve_service(struct iw_cm_id *cm, void *drv, const struct iw_cm_service *service);
int fake_query_service(struct iw_cm_id *cm, void *drv, struct iw_cm_service_info *info);

/* The driver as the registry has it, and its parts. */
int fake_source_open(struct iw_source **source, int *fd);
int fake_source_pump(struct iw_source *s);
void fake_source_close(struct iw_source *s);
extern const struct iw_driver fake_soft_driver;
extern bool fake_has_soft;

/* Counts the call; the error that it has to return, or 0. Not under the lock. */
int fake_called(enum fake_op op);
/* The device behind an address, as @f's driver sees it; -1: none. */
int fake_device_of(const struct fake_id *f, const struct sockaddr *addr);

/* Under the lock: an event for @f; of a request, @peer asks. */
void fake_put(struct fake_id *f, struct fake_id *peer, const struct iw_cm_event *ev);
void fake_put_plain(struct fake_id *f, enum iw_cm_event_type type, int status);
/* Leaves the group as a driver has to: then no event of it is on its way to the core. */
void fake_forget_group(struct fake_id *f, const void *membership);
/* Under the lock: takes the event out of its source. */
void fake_take(struct iw_source *s, struct fake_event *e);
/* Under the lock: @f has no peer any more, and the peer hears of it. */
void fake_part(struct fake_id *f, int status);
/* Under the lock: a request whose asker has gone is asked by nobody. */
void fake_forget_requests_of(struct fake_id *f);

int fake_id_new(struct iw_cm_id *cm, void *arg, void **drv);
void fake_id_gone(struct iw_cm_id *cm, void *drv);

#endif
