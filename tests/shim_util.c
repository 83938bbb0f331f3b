// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Helpers of the shim's tests.
 */
#include "tests/shim_util.h"

#include "base/clock.h"
#include "tests/asleep.h"
#include "tests/interrupt.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define BUSY_MS 5000
#define LOOKS 3 /* one may see it asleep on its way */

struct rdma_event_channel *util_channel(void)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();

	cr_assert_not_null(ch, "errno %d", errno);
	fcntl(ch->fd, F_SETFL, O_NONBLOCK);
	return ch;
}

struct rdma_cm_id *util_id(struct rdma_event_channel *ch)
{
	struct rdma_cm_id *id = NULL;

	succeeds(rdma_create_id(ch, &id, NULL, RDMA_PS_TCP));
	return id;
}

struct rdma_cm_event *util_next(struct rdma_event_channel *ch, enum rdma_cm_event_type type)
{
	struct rdma_cm_event *ev = NULL;

	cr_assert_eq(rdma_get_cm_event(ch, &ev), 0, "no %s: errno %d", rdma_event_str(type), errno);
	cr_assert_eq(ev->event, type, "%s instead of %s, status %d", rdma_event_str(ev->event),
		     rdma_event_str(type), ev->status);
	return ev;
}

int util_expect(struct rdma_event_channel *ch, enum rdma_cm_event_type type)
{
	struct rdma_cm_event *ev = util_next(ch, type);
	int status = ev->status;

	succeeds(rdma_ack_cm_event(ev));
	return status;
}

void util_nothing(struct rdma_event_channel *ch)
{
	struct rdma_cm_event *ev;

	fails_with(EAGAIN, rdma_get_cm_event(ch, &ev));
}

struct rdma_cm_id *util_listen(struct rdma_event_channel *ch, uint16_t port)
{
	struct sockaddr_in addr = fake_addr(0, port);
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&addr));
	succeeds(rdma_listen(id, 16));
	return id;
}

struct ibv_qp_init_attr util_qp_attr(void)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	return attr;
}

void util_qp(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr attr = util_qp_attr();

	succeeds(rdma_create_qp(id, NULL, &attr));
}

int util_resolve(struct rdma_cm_id *id, uint16_t port)
{
	struct sockaddr_in addr = fake_addr(0, port);

	return rdma_resolve_addr(id, NULL, (struct sockaddr *)&addr, 1000);
}

struct rdma_cm_id *util_client(struct rdma_event_channel *ch, uint16_t port)
{
	struct rdma_cm_id *id = util_id(ch);

	succeeds(util_resolve(id, port));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
	util_qp(id);
	succeeds(rdma_resolve_route(id, 1000));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ROUTE_RESOLVED), 0);
	return id;
}

struct pair util_request(void)
{
	struct pair p = { .ch = util_channel() };
	struct rdma_cm_event *ev;

	p.listener = util_listen(p.ch, PORT);
	p.client = util_client(p.ch, PORT);
	succeeds(rdma_connect(p.client, NULL));
	ev = util_next(p.ch, RDMA_CM_EVENT_CONNECT_REQUEST);
	cr_assert_eq(ev->listen_id, p.listener);
	p.child = ev->id;
	succeeds(rdma_ack_cm_event(ev));
	util_qp(p.child);
	return p;
}

struct pair util_pair(void)
{
	struct pair p = util_request();

	succeeds(rdma_accept(p.child, NULL));
	cr_assert_eq(util_expect(p.ch, RDMA_CM_EVENT_ESTABLISHED), 0);
	cr_assert_eq(util_expect(p.ch, RDMA_CM_EVENT_ESTABLISHED), 0);
	return p;
}

void util_destroy(struct rdma_cm_id *id)
{
	if (!id)
		return;
	rdma_destroy_qp(id);
	succeeds(rdma_destroy_id(id));
}

void util_end_pair(struct pair *p)
{
	util_destroy(p->client);
	util_destroy(p->child);
	util_destroy(p->listener);
	rdma_destroy_event_channel(p->ch);
	util_all_gone();
}

void util_all_gone(void)
{
	struct iw_cm_stats stats;

	iw_cm_get_stats(&stats);
	cr_assert_eq(stats.ids_created, stats.ids_freed, "ids of the core are left");
	cr_assert_eq(fake_live(), 0, "%d objects of the driver are left", fake_live());
	cr_assert_eq(mock_verbs_live(), 0, "%d verbs objects are left", mock_verbs_live());
	cr_assert_eq(mock_verbs_misuses(), 0);
}

struct later {
	pthread_t thread;
	void *(*fn)(void *);
	void *arg;
	pid_t tid; /* atomic; 0: it has not begun */
	bool done;
};

static void *run_later(void *arg)
{
	struct later *l = arg;
	void *result;

	__atomic_store_n(&l->tid, gettid(), __ATOMIC_RELAXED);
	result = l->fn(l->arg);
	__atomic_store_n(&l->done, true, __ATOMIC_RELEASE);
	return result;
}

struct later *util_later(void *(*fn)(void *), void *arg)
{
	struct later *l = calloc(1, sizeof(*l));

	l->fn = fn;
	l->arg = arg;
	cr_assert_eq(pthread_create(&l->thread, NULL, run_later, l), 0);
	return l;
}

static bool has_slept(const struct later *l)
{
	pid_t tid = __atomic_load_n(&l->tid, __ATOMIC_RELAXED);

	return tid && is_asleep(tid);
}

bool util_still_runs(struct later *l, unsigned int ms)
{
	struct timespec tick = { .tv_nsec = 1000000 };
	uint64_t since = iw_now_ms(), until = since + ms + BUSY_MS;
	unsigned int looks = 0;

	while ((looks < LOOKS || iw_now_ms() < since + ms) && iw_now_ms() < until) {
		if (__atomic_load_n(&l->done, __ATOMIC_ACQUIRE))
			return false;
		nanosleep(&tick, NULL);
		looks++;
		if (!has_slept(l)) {
			since = iw_now_ms();
			looks = 0;
		}
	}
	return true;
}

void *util_interrupt(struct later *l)
{
	void *result = interrupt_and_join(l->thread);

	free(l);
	return result;
}

void *util_join(struct later *l)
{
	void *result;

	pthread_join(l->thread, &result);
	free(l);
	return result;
}

/* Criterion's runner forgets a few bytes for tests with a time limit. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libcriterion\n";
}

/* As in tests/asan.supp, for those who run a test by hand. */
__attribute__((visibility("default"))) const char *__asan_default_suppressions(void);

const char *__asan_default_suppressions(void)
{
	return "interceptor_name:sigaltstack\n";
}
