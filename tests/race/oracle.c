// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What has to come of the calls: each event once, in the order of its writer or
 * its connection, on a channel where the id was, before the end of its id, and
 * all of it by the next quiet point.
 *
 * The threads tell of an event only after the library has: which of two was
 * first is known only if one was told before the call for the other began.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/race/race.h"

#define QUIET_MS 10000 /* for what drivers with threads of their own owe */
#define TICK_BITS 40

static int fds_at_first;

void fail(const char *format, ...)
{
	static int one;
	struct racer *r = racer;
	va_list args;

	if (__atomic_exchange_n(&one, 1, __ATOMIC_RELAXED))
		pause();
	printf("# seed %llu: ", (unsigned long long)race.seed);
	if (r)
		printf("thread %u after %lu calls, %s: ", r->index, r->calls,
		       r->at ? r->at : "between calls");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

uint64_t tick(void)
{
	return add(&race.ticks, 1);
}

bool legal(int rc, const char *call, const int *errnos)
{
	int error = errno;

	if (!rc)
		return true;
	if (rc != -1)
		fail("%s returned %d", call, rc);
	while (*errnos && *errnos != error)
		errnos++;
	errno = error;
	if (!*errnos)
		fail("%s: errno %d (%m)", call, error);
	return false;
}

/* ---- events of the program's own: life, writer and number are their argument */

bool oracle_number(struct life *life, unsigned int writer, uint64_t *arg)
{
	unsigned int n = relaxed(&life->numbered[writer]);

	if (writer < THREADS_MAX && n >= WRITES_MAX)
		return false;
	relax(&life->numbered[writer], n + 1);
	*arg = (uint64_t)writer << 32 | n;
	return true;
}

static void check_order(struct life *life, unsigned int writer, uint32_t n, uint64_t began)
{
	uint64_t now = tick(), last = relaxed(&life->last[writer]);
	uint64_t mine = (uint64_t)(n + 1) << TICK_BITS | now;

	while (last >> TICK_BITS < n + 1)
		if (__atomic_compare_exchange_n(&life->last[writer], &last, mine, true,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return;
	if (last >> TICK_BITS > n + 1 && (last & ((1ull << TICK_BITS) - 1)) < began)
		fail("event %u of writer %u came after a later one", n, writer);
}

static void got_user(struct life *life, const struct rdma_cm_event *ev, uint64_t began)
{
	unsigned int writer = (unsigned int)(ev->param.arg >> 32);
	uint32_t n = (uint32_t)ev->param.arg;
	uint64_t bit = 1ull << (n % WRITES_MAX);

	if (writer >= WRITERS || ev->status != (int)n)
		fail("an event that nobody wrote: %u of writer %u, status %d", n, writer,
		     ev->status);
	check_order(life, writer, n, began);
	if (writer == THREADS_MAX) /* one at a time: a bit would not do for so many */
		add(&life->seen[writer], 1);
	else if (__atomic_fetch_or(&life->seen[writer], bit, __ATOMIC_RELAXED) & bit)
		fail("event %u of writer %u came twice", n, writer);
}

static unsigned int told_user(const struct life *life, unsigned int writer)
{
	uint64_t seen = relaxed(&life->seen[writer]);

	return writer == THREADS_MAX ? (unsigned int)seen
				     : (unsigned int)__builtin_popcountll(seen);
}

/* ---- events of connections */

static void once(unsigned int *count, const char *what)
{
	if (add(count, 1) > 1)
		fail("%s came twice", what);
}

static void no_more_than(unsigned int *told, const unsigned int *asked, const char *what)
{
	if (add(told, 1) > relaxed(asked))
		fail("%s came more often than it was asked for", what);
}

static void got_established(struct life *life, uint64_t began)
{
	uint64_t end = relaxed(&life->disconnected_at);

	once(&life->established, "ESTABLISHED");
	if (end && end < began)
		fail("ESTABLISHED came after DISCONNECTED");
	if (relaxed(&life->failed))
		fail("ESTABLISHED of a connection that failed");
}

static void got_disconnected(struct life *life)
{
	once(&life->disconnected, "DISCONNECTED");
	relax(&life->disconnected_at, tick());
}

static void got_group(struct held *held)
{
	unsigned int name = (unsigned int)(uintptr_t)held->ev->param.ud.private_data;

	held->group = &held->life->groups[name % GROUPS];
	held->nth = name / GROUPS;
	if (held->nth == relaxed(&held->group->nth) && add(&held->group->told, 1) > 1)
		fail("the news of a group came twice");
}

static void got_news(struct held *held, uint64_t began)
{
	struct life *life = held->life;

	switch (held->ev->event) {
	case RDMA_CM_EVENT_USER:
		got_user(life, held->ev, began);
		break;
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ADDR_ERROR:
		no_more_than(&life->told_addr, &life->asked_addr, "ADDR_RESOLVED");
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_ERROR:
		no_more_than(&life->told_route, &life->asked_route, "ROUTE_RESOLVED");
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		got_established(life, began);
		break;
	case RDMA_CM_EVENT_REJECTED:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_CONNECT_ERROR:
		once(&life->failed, "the failure");
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		got_disconnected(life);
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		once(&life->removed, "DEVICE_REMOVAL");
		break;
	case RDMA_CM_EVENT_MULTICAST_JOIN:
	case RDMA_CM_EVENT_MULTICAST_ERROR:
		got_group(held);
		break;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
	case RDMA_CM_EVENT_ADDR_CHANGE:
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		break;
	default:
		fail("%s, status %d", rdma_event_str(held->ev->event), held->ev->status);
	}
}

/* ---- where and when: as soon as it has come, and as long as it is not acknowledged */

static void check_held(const struct held *held)
{
	uint64_t where = relaxed(&held->life->where);

	if (relaxed(&held->life->dead))
		fail("%s of an id whose destroy has returned", rdma_event_str(held->ev->event));
	if (!(where & MOVING) && (int)where != held->chan)
		fail("%s on channel %d of an id that has migrated to %d",
		     rdma_event_str(held->ev->event), held->chan, (int)where);
	if (held->group &&
	    (relaxed(&held->group->nth) != held->nth || !relaxed(&held->group->state)))
		fail("%s of a group that was left", rdma_event_str(held->ev->event));
}

struct held oracle_got(int chan, struct rdma_cm_event *ev, uint64_t began)
{
	bool request = ev->event == RDMA_CM_EVENT_CONNECT_REQUEST;
	struct rdma_cm_id *id = request ? ev->listen_id : ev->id;
	struct held held = { .ev = ev, .chan = chan };

	add(&race.events, 1);
	held.life = __atomic_load_n(&id->context, __ATOMIC_ACQUIRE);
	if (relaxed(&held.life->id) != id) { /* a child whose request another thread just got */
		held.life = NULL;
		return held;
	}
	add(&held.life->unacked, 1);
	check_held(&held);
	got_news(&held, began);
	check_held(&held);
	return held;
}

void oracle_ack(struct held *held)
{
	if (held->life) {
		check_held(held);
		add(&held->life->unacked, -1);
	}
	if (rdma_ack_cm_event(held->ev))
		fail("rdma_ack_cm_event: %m");
}

void oracle_destroyed(struct life *life)
{
	int n = relaxed(&life->unacked);

	relax(&life->dead, true);
	if (n)
		fail("rdma_destroy_id returned while %d events were not acknowledged", n);
}

/* ---- quiet points */

bool oracle_owes(const struct life *life)
{
	for (unsigned int i = 0; i < WRITERS; i++)
		if (told_user(life, i) < relaxed(&life->written[i]))
			return true;
	return relaxed(&life->told_addr) < relaxed(&life->asked_addr) ||
	       relaxed(&life->told_route) < relaxed(&life->asked_route);
}

/* What a life lacks that nobody has to do anything for; NULL: nothing. */
static const char *lacks(const struct life *life)
{
	if (!life)
		return NULL;
	for (unsigned int i = 0; i < WRITERS; i++)
		if (told_user(life, i) != relaxed(&life->written[i]))
			return "events that were written to it";
	if (life->told_addr != life->asked_addr)
		return "ADDR_RESOLVED";
	if (life->told_route != life->asked_route)
		return "ROUTE_RESOLVED";
	if (life->ended && !life->failed && !life->disconnected)
		return "DISCONNECTED, or why it did not connect";
	for (unsigned int i = 0; i < GROUPS; i++)
		if (life->groups[i].state == 2 && !life->groups[i].told)
			return "MULTICAST_JOIN";
	return NULL;
}

static const char *anybody_lacks(void)
{
	const char *what = NULL;

	for (unsigned int i = 0; i < SLOTS && !what; i++)
		what = lacks(slot_get(i));
	for (unsigned int i = 0; i < CHANNELS_ALL && !what; i++)
		what = race.chans[i].ch ? lacks(race.chans[i].bell) : NULL;
	return what;
}

static bool is_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

/* The descriptor tells the truth where nothing happens by itself. */
static void drain(int chan)
{
	int fd = race.chans[chan].ch->fd;
	struct rdma_cm_event *ev;
	bool readable;
	int rc;

	chan_block(chan, false);
	do {
		readable = is_readable(fd);
		rc = rdma_get_cm_event(race.chans[chan].ch, &ev);
		if (rc && errno != EAGAIN)
			fail("rdma_get_cm_event: %m");
		if (!rc && !readable && !race_driver.needs_qp)
			fail("an event waits and the descriptor is not readable");
		if (!rc)
			got(racer, chan, ev, tick(), false);
	} while (!rc);
	if (is_readable(fd) && !race_driver.needs_qp)
		fail("the descriptor stays readable and nothing waits");
}

void oracle_quiet(void)
{
	uint64_t until = iw_now_ms() + QUIET_MS;
	struct timespec nap = { .tv_nsec = 1000000 };

	for (;;) {
		for (int i = 0; i < CHANNELS_ALL; i++)
			if (race.chans[i].ch)
				drain(i);
		if (!anybody_lacks())
			return;
		if (!race_driver.needs_qp || iw_now_ms() > until)
			fail("an id lacks %s", anybody_lacks());
		nanosleep(&nap, NULL);
	}
}

/* ---- all of it */

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void name_fds(void)
{
	char path[64], to[128];
	ssize_t n;

	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, to, sizeof(to));
		if (n > 0)
			printf("# descriptor %d: %.*s\n", fd, (int)n, to);
	}
}

void oracle_begin(void)
{
	fds_at_first = count_fds();
}

void oracle_end(void)
{
	uint64_t until = iw_now_ms() + QUIET_MS;
	struct timespec nap = { .tv_nsec = 1000000 };
	int left, fds;

	/* The software device closes its connections on a thread of its own. */
	while ((left = race_driver.left()) | ((fds = count_fds()) > fds_at_first) &&
	       race_driver.needs_qp && iw_now_ms() < until)
		nanosleep(&nap, NULL);
	if (left)
		fail("%d objects are left below", left);
	if (fds > fds_at_first) {
		name_fds();
		fail("%d descriptors at first and %d in the end", fds_at_first, fds);
	}
}
