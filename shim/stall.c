// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What the log says of calls that block: whose id, where it stands, and what it
 * waits for. The waits themselves are where they are; base/stall.h has the clock.
 */
#include <stdio.h>

#include "shim/addr.h"
#include "shim/shim.h"

/* ---- where an id stands */

enum doing {
	UNBOUND,
	BOUND,
	RESOLVING_ADDR,
	RESOLVED_ADDR,
	RESOLVING_ROUTE,
	RESOLVED_ROUTE,
	LISTENING,
	CONNECTING,
	RESPONDED,
	REQUESTED,
	ACCEPTED,
	CONNECTED,
	CLOSED,
	FAILED,
	NDOINGS
};

static const struct {
	const char *text;
	bool due; /* an event will come, or may without any call of this program */
} doings[NDOINGS] = {
	[UNBOUND] = { "without an address", false },
	[BOUND] = { "bound", false },
	[RESOLVING_ADDR] = { "resolving an address", true },
	[RESOLVED_ADDR] = { "with its address resolved", false },
	[RESOLVING_ROUTE] = { "resolving a route", true },
	[RESOLVED_ROUTE] = { "not connecting yet", false },
	[LISTENING] = { "listening for clients", true },
	[CONNECTING] = { "waiting for the peer's answer", true },
	[RESPONDED] = { "waiting for rdma_establish", false },
	[REQUESTED] = { "waiting for rdma_accept or rdma_reject", false },
	[ACCEPTED] = { "accepted, waiting for the client", true },
	[CONNECTED] = { "connected", true },
	[CLOSED] = { "disconnected", false },
	[FAILED] = { "refused or failed", false },
};

static bool is_set(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static enum doing doing_in_connection(const struct shim_id *id)
{
	if (is_set(&id->closed))
		return CLOSED;
	if (is_set(&id->failed))
		return FAILED;
	if (is_set(&id->established))
		return CONNECTED;
	if (id->passive)
		return is_set(&id->answered) ? ACCEPTED : REQUESTED;
	return is_set(&id->responded) ? RESPONDED : CONNECTING;
}

/* Without a lock: what it says may be over. */
static enum doing doing_of(const struct shim_id *id)
{
	switch (__atomic_load_n(&id->state, __ATOMIC_RELAXED)) {
	case SHIM_BOUND:
		return BOUND;
	case SHIM_ADDR_QUERY:
		return RESOLVING_ADDR;
	case SHIM_ADDR_RESOLVED:
		return RESOLVED_ADDR;
	case SHIM_ROUTE_QUERY:
		return RESOLVING_ROUTE;
	case SHIM_ROUTE_RESOLVED:
		return RESOLVED_ROUTE;
	case SHIM_CONNECT:
		return doing_in_connection(id);
	case SHIM_LISTEN:
		return LISTENING;
	default:
		return UNBOUND;
	}
}

/* ---- an id */

#define ENDPOINT_TEXT (SHIM_ADDR_TEXT + 8)

static const char *endpoint(const struct sockaddr_storage *ss, char text[ENDPOINT_TEXT])
{
	const struct sockaddr *addr = (const struct sockaddr *)ss;
	char host[SHIM_ADDR_TEXT];

	if (!addr->sa_family)
		return "none";
	snprintf(text, ENDPOINT_TEXT, "%s:%u", shim_addr_text(addr, host),
		 ntohs(shim_addr_port(addr)));
	return text;
}

void shim_id_describe(const void *object, char *text, size_t room)
{
	const struct shim_id *id = object;
	char src[ENDPOINT_TEXT], dst[ENDPOINT_TEXT];

	snprintf(text, room, "id %p (%s -> %s, %s, %s)", object,
		 endpoint(&id->id.route.addr.src_storage, src),
		 endpoint(&id->id.route.addr.dst_storage, dst),
		 id->device ? id->device->verbs->device->name : "no device yet",
		 doings[doing_of(id)].text);
}

void shim_channel_describe(const void *object, char *text, size_t room)
{
	snprintf(text, room, "channel %p", object);
}

/* ---- events that were not acknowledged */

/* rdma_event_str(3) keeps to the words of librdmacm, which has none for this. */
static const char *name_of(unsigned int type)
{
	return type == RDMA_CM_EVENT_USER ? "RDMA_CM_EVENT_USER"
					  : rdma_event_str((enum rdma_cm_event_type)type);
}

/* "2 x RDMA_CM_EVENT_ESTABLISHED, 1 x RDMA_CM_EVENT_DISCONNECTED" */
static void name_unacked(const struct shim_acks *acks, char *text, size_t room)
{
	unsigned int n[RDMA_CM_EVENT_INTERNAL + 1] = { 0 };
	const struct shim_event *ev;
	size_t used = 0;

	iw_assert_held(&acks->id->lock);
	text[0] = 0;
	TAILQ_FOREACH (ev, &acks->id->unacked, link)
		if ((!acks->member || ev->member == acks->member) &&
		    (!acks->left_behind || ev->left_behind) &&

		    (unsigned int)ev->ev.event < IW_ARRAY_SIZE(n))
			n[ev->ev.event]++;
	for (unsigned int type = 0; type < IW_ARRAY_SIZE(n); type++)
		if (n[type] && used < room)
			used += (size_t)snprintf(text + used, room - used, "%s%u x %s",
						 used ? ", " : "", n[type], name_of(type));
}

void shim_acks_tell(const void *arg, unsigned int seconds)
{
	const struct shim_acks *acks = arg;
	char who[IW_CALLER_TEXT], events[400];

	name_unacked(acks, events, sizeof(events));
	iw_error("%s has waited %u s for events that rdma_get_cm_event gave out and nobody has "
		 "acknowledged by rdma_ack_cm_event: %s",
		 iw_caller_text(&iw_caller_now, who), seconds, events);
}

/* ---- a channel without events */

struct count {
	unsigned int ids, names, groups, doing[NDOINGS];
	bool due;
};

static void count_id(struct count *count, struct shim_id *id)
{
	enum doing doing = doing_of(id);

	iw_lock(&id->lock);
	if (shim_info_is_pending(id)) {
		count->names++;
		count->due = true;
	}
	if (!TAILQ_EMPTY(&id->members)) {
		count->groups++;
		count->due = true;
	}
	iw_unlock(&id->lock);
	count->ids++;
	count->doing[doing]++;
	count->due |= doings[doing].due;
}

static void append(char *text, size_t room, unsigned int n, const char *what)
{
	size_t used = strlen(text);

	if (n)
		snprintf(text + used, room - used, "%s%u %s", used ? ", " : "", n, what);
}

static const char *dead_end(const struct count *count)
{
	if (count->due)
		return "";
	return count->ids ? "; nothing is under way on them, so no event will come (a call that "
			    "failed causes none)"
			  : "; it has no ids, so no event will come";
}

/* Names a thread that waits; the channel lives, since it is inside. */
void shim_channel_tell(const void *arg, unsigned int seconds)
{
	struct shim_channel *c = *(struct shim_channel *const *)arg;
	char who[IW_CALLER_TEXT], text[400] = "";
	struct count count = { 0 };
	struct shim_id *id;

	iw_lock(&c->lock);
	TAILQ_FOREACH (id, &c->ids, link)
		count_id(&count, id);
	iw_unlock(&c->lock);
	for (int i = 0; i < NDOINGS; i++)
		append(text, sizeof(text), count.doing[i], doings[i].text);
	append(text, sizeof(text), count.names, "looking up names");
	append(text, sizeof(text), count.groups, "in multicast groups");
	iw_info("%s has waited %u s for an event; ids of its channel: %s%s",
		iw_caller_text(&iw_caller_now, who), seconds, *text ? text : "none",
		dead_end(&count));
}

void shim_park_tell(const void *arg, unsigned int seconds)
{
	char who[IW_CALLER_TEXT];

	iw_info("%s has waited %u s for the end of the process: its channel was destroyed by "
		"rdma_destroy_event_channel while it was inside, and nothing wakes it but a signal",
		iw_caller_text(&iw_caller_now, who), seconds);
}
