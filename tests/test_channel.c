// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Channels: their descriptor, waiting, order, threads, forks, their end.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/shim.h"
#include "tests/shim_util.h"

static void set_blocking(struct rdma_event_channel *ch, bool blocking)
{
	fcntl(ch->fd, F_SETFL, blocking ? 0 : O_NONBLOCK);
}

static bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };

	cr_assert_geq(poll(&pfd, 1, 0), 0);
	cr_assert_eq(pfd.revents & ~POLLIN, 0);
	return pfd.revents & POLLIN;
}

/* ---- creation and bad pointers */

Test(channel, create__descriptor_is_cloexec_and_blocking)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();

	cr_assert_not_null(ch);
	cr_assert_eq(fcntl(ch->fd, F_GETFD), FD_CLOEXEC);
	cr_assert_eq(fcntl(ch->fd, F_GETFL) & O_NONBLOCK, 0);
	cr_assert(!readable(ch->fd));
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(channel, create__driver_cannot_serve)
{
	static const int errors[] = { ENODEV, EACCES, EPERM };

	for (size_t i = 0; i < 3; i++) {
		fake_fail(FAKE_PROBE, -errors[i]);
		errno = 0;
		cr_assert_null(rdma_create_event_channel());
		cr_assert_eq(errno, errors[i]);
	}
}

Test(channel, create__out_of_descriptors)
{
	struct rlimit limit;
	int fd = dup(0);

	close(fd);
	getrlimit(RLIMIT_NOFILE, &limit);
	for (int room = 0; room < 2; room++) {
		limit.rlim_cur = (rlim_t)(fd + room);
		setrlimit(RLIMIT_NOFILE, &limit);
		errno = 0;
		cr_assert_null(rdma_create_event_channel());
		cr_assert_eq(errno, EMFILE);
	}
	limit.rlim_cur = (rlim_t)(fd + 2);
	setrlimit(RLIMIT_NOFILE, &limit);
	rdma_destroy_event_channel(util_channel());
	util_all_gone();
}

Test(channel, create__each_fault)
{
	struct rdma_event_channel *ch;

	for (unsigned long n = 1;; n++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		errno = 0;
		ch = rdma_create_event_channel();
		if (ch)
			break;
		cr_assert(errno == ENOMEM || errno == EMFILE);
		cr_assert_lt(n, 100);
	}
	iw_fault_arm(0, 0);
	rdma_destroy_event_channel(ch);
	cr_assert_eq(fcntl(3, F_GETFD) == -1 && fcntl(4, F_GETFD) == -1, fcntl(3, F_GETFD) == -1);
}

Test(channel, get__null_and_foreign_pointers)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_event_channel foreign[64] = { { .fd = 0 } };
	struct rdma_cm_event *ev;

	fails_with(EINVAL, rdma_get_cm_event(ch, NULL));
	fails_with(EINVAL, rdma_get_cm_event(NULL, &ev));
	fails_with(EINVAL, rdma_get_cm_event(foreign, &ev));
	fails_with(EINVAL, rdma_ack_cm_event(NULL));
	rdma_destroy_event_channel(NULL);
	rdma_destroy_event_channel(foreign);
	rdma_destroy_event_channel(ch);
}

Test(channel, get__descriptor_closed_behind_our_back)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_event *ev;

	close(ch->fd);
	fails_with(EBADF, rdma_get_cm_event(ch, &ev));
	rdma_destroy_event_channel(ch);
}

/* ---- waiting */

Test(channel, get__follows_o_nonblock_of_the_moment)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_cm_event *ev;

	util_nothing(ch);
	succeeds(util_resolve(id, PORT));
	set_blocking(ch, true);
	succeeds(rdma_get_cm_event(ch, &ev));
	succeeds(rdma_ack_cm_event(ev));
	set_blocking(ch, false);
	for (int i = 0; i < 10; i++)
		util_nothing(ch);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

static void *get_one(void *arg)
{
	struct rdma_cm_event *ev = NULL;
	long rc = rdma_get_cm_event(arg, &ev);

	if (rc)
		return (void *)(long)-errno;
	rc = ev->event;
	rdma_ack_cm_event(ev);
	return (void *)rc;
}

Test(channel, get__blocks_until_an_event_of_a_source, .timeout = 20)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct later *l;

	for (int i = 0; i < 20; i++) { /* through every opinion about waiting first */
		struct rdma_cm_id *other = util_id(ch);

		set_blocking(ch, true);
		l = util_later(get_one, ch);
		cr_assert(util_still_runs(l, 3));
		succeeds(util_resolve(other, PORT));
		cr_assert_eq((long)util_join(l), RDMA_CM_EVENT_ADDR_RESOLVED);
		set_blocking(ch, false);
		util_destroy(other);
	}
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

static void on_signal(int sig)
{
}

static void *kick_later(void *arg)
{
	struct rdma_cm_id *id = arg;

	usleep(150000);
	util_resolve(id, PORT);
	return NULL;
}

static void interrupt_me(int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };
	struct itimerval when = { .it_value = { .tv_usec = 30000 } };

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
}

Test(channel, get__eintr_without_sa_restart, .timeout = 20)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_event *ev;

	set_blocking(ch, true);
	interrupt_me(0);
	fails_with(EINTR, rdma_get_cm_event(ch, &ev));
	rdma_destroy_event_channel(ch);
}

Test(channel, get__goes_on_waiting_with_sa_restart, .timeout = 20)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	sigset_t alarm_only;
	struct later *l;

	/* The other thread must not be the one that is interrupted. */
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm_only, NULL);
	l = util_later(kick_later, id);
	pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
	set_blocking(ch, true);
	interrupt_me(SA_RESTART);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED), 0);
	util_join(l);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

#ifdef __SANITIZE_THREAD__
#define CANNOT_CANCEL true /* TSan does not follow a cancelled thread's stack */
#else
#define CANNOT_CANCEL false
#endif

Test(channel, get__a_cancelled_reader_leaves_the_channel_usable, .timeout = 20)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct later *l;

	if (CANNOT_CANCEL)
		cr_skip("not under a sanitizer");
	set_blocking(ch, true);
	l = util_later(get_one, ch);
	cr_assert(util_still_runs(l, 20));
	pthread_cancel(*(pthread_t *)(void *)l); /* the first member */
	cr_assert_eq(util_join(l), PTHREAD_CANCELED);
	set_blocking(ch, false);
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* Cancelled before it begins: every cancellation point on the way is met. */
static void *get_cancelled(void *arg)
{
	pthread_cancel(pthread_self());
	return get_one(arg);
}

Test(channel, get__cancelled_at_once_holds_no_lock, .timeout = 20)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *a = util_id(ch), *b = util_id(ch);

	if (CANNOT_CANCEL)
		cr_skip("not under a sanitizer");
	succeeds(util_resolve(a, PORT));
	succeeds(util_resolve(b, PORT));
	util_join(util_later(get_cancelled, ch)); /* with a source that shows events */
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	util_destroy(a);
	util_destroy(b);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- the descriptor */

Test(channel, fd__readable_while_an_event_waits)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *a = util_id(ch), *b = util_id(ch);
	fd_set set;
	struct timeval now = { 0 };
	int copy = dup(ch->fd);

	succeeds(util_resolve(a, PORT));
	succeeds(util_resolve(b, PORT));
	for (int left = 2; left; left--) {
		cr_assert(readable(ch->fd));
		cr_assert(readable(copy));
		FD_ZERO(&set);
		FD_SET(ch->fd, &set);
		cr_assert_eq(select(ch->fd + 1, &set, NULL, NULL, &now), 1);
		util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	}
	cr_assert(!readable(ch->fd));
	cr_assert(!readable(copy));
	close(copy);
	util_destroy(a);
	util_destroy(b);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(channel, fd__epoll_level_and_edge)
{
	static const uint32_t modes[] = { EPOLLIN, EPOLLIN | EPOLLET };
	struct rdma_event_channel *ch = util_channel();

	for (size_t i = 0; i < 2; i++) {
		struct epoll_event want = { .events = modes[i] }, got;
		int ep = epoll_create1(0);

		cr_assert_eq(epoll_ctl(ep, EPOLL_CTL_ADD, ch->fd, &want), 0);
		for (int round = 0; round < 3; round++) {
			struct rdma_cm_id *id = util_id(ch);

			cr_assert_eq(epoll_wait(ep, &got, 1, 0), 0);
			succeeds(util_resolve(id, PORT));
			cr_assert_eq(epoll_wait(ep, &got, 1, 1000), 1);
			util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
			util_nothing(ch);
			util_destroy(id);
		}
		close(ep);
	}
	rdma_destroy_event_channel(ch);
}

/* A driver's thread queues what no source shows: each event is an edge of its own. */
Test(channel, fd__an_edge_for_each_event_queued_by_others)
{
	struct rdma_event_channel *ch = util_channel();
	struct epoll_event want = { .events = EPOLLIN | EPOLLET }, got;
	struct iw_cm_event change = { .type = IW_CM_EVENT_ADDR_CHANGE };
	struct rdma_cm_id *id = util_client(ch, PORT);
	int ep = epoll_create1(0);

	cr_assert_eq(epoll_ctl(ep, EPOLL_CTL_ADD, ch->fd, &want), 0);
	for (int i = 0; i < 3; i++) {
		fake_post_now(id, &change);
		cr_assert_eq(epoll_wait(ep, &got, 1, 1000), 1, "no edge for event %d", i);
	}
	for (int i = 0; i < 3; i++) {
		cr_assert(readable(ch->fd));
		util_expect(ch, RDMA_CM_EVENT_ADDR_CHANGE);
	}
	cr_assert(!readable(ch->fd));
	close(ep);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- order and threads */

Test(channel, get__first_in_first_out_across_ids)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *ids[8];

	for (int i = 0; i < 8; i++) {
		ids[i] = util_id(ch);
		succeeds(util_resolve(ids[i], PORT));
	}
	for (int i = 0; i < 8; i++) {
		struct rdma_cm_event *ev = util_next(ch, RDMA_CM_EVENT_ADDR_RESOLVED);

		cr_assert_eq(ev->id, ids[i]);
		succeeds(rdma_ack_cm_event(ev));
	}
	for (int i = 0; i < 8; i++)
		util_destroy(ids[i]);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

#define READERS 4
#define EVENTS 400

struct readers {
	struct rdma_event_channel *ch;
	unsigned int got;
};

static void *read_all(void *arg)
{
	struct readers *r = arg;
	struct rdma_cm_event *ev;

	while (__atomic_load_n(&r->got, __ATOMIC_RELAXED) < EVENTS) {
		if (rdma_get_cm_event(r->ch, &ev)) {
			if (errno != EAGAIN)
				return (void *)(long)errno;
			sched_yield();
			continue;
		}
		__atomic_add_fetch((unsigned int *)ev->id->context, 1, __ATOMIC_RELAXED);
		rdma_ack_cm_event(ev);
		__atomic_add_fetch(&r->got, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

Test(channel, get__each_event_goes_to_exactly_one_thread, .timeout = 60)
{
	static unsigned int seen[EVENTS];
	struct rdma_cm_id *ids[EVENTS];
	struct readers r = { .ch = util_channel() };
	struct later *threads[READERS];

	for (int i = 0; i < READERS; i++)
		threads[i] = util_later(read_all, &r);
	for (int i = 0; i < EVENTS; i++) {
		succeeds(rdma_create_id(r.ch, &ids[i], &seen[i], RDMA_PS_TCP));
		succeeds(util_resolve(ids[i], PORT));
	}
	for (int i = 0; i < READERS; i++)
		cr_assert_null(util_join(threads[i]));
	for (int i = 0; i < EVENTS; i++) {
		cr_assert_eq(seen[i], 1);
		util_destroy(ids[i]);
	}
	util_nothing(r.ch);
	rdma_destroy_event_channel(r.ch);
	util_all_gone();
}

/* ---- sources */

Test(channel, source__not_opened_before_it_is_needed)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &(uint8_t){ 1 }, 1));
	cr_assert_eq(fake_calls(FAKE_SOURCE_OPEN), 0);
	succeeds(util_resolve(id, PORT));
	cr_assert_eq(fake_calls(FAKE_SOURCE_OPEN), 1);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(channel, source__open_fails_and_may_be_tried_again)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	fake_fail(FAKE_SOURCE_OPEN, -EACCES);
	fails_with(EACCES, util_resolve(id, PORT));
	iw_fault_arm(IW_FAULT_SYSCALL, 1); /* epoll_ctl */
	fails_with(ENOMEM, util_resolve(id, PORT));
	iw_fault_arm(0, 0);
	succeeds(util_resolve(id, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(channel, source__an_error_of_its_own_is_the_callers)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_cm_event *ev;

	succeeds(util_resolve(id, PORT));
	fake_fail(FAKE_PUMP, -EIO);
	fails_with(EIO, rdma_get_cm_event(ch, &ev));
	cr_assert(readable(ch->fd));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- the end */

Test(channel, destroy__with_live_ids_leaves_shells)
{
	struct sockaddr_in addr = fake_addr(0, PORT);
	struct rdma_cm_id *fresh, *bound, *ready, *listener, *resolved;
	struct rdma_event_channel *ch = util_channel(), *other = util_channel();

	fresh = util_id(ch);
	bound = util_id(ch);
	addr.sin_port = 0;
	succeeds(rdma_bind_addr(bound, (struct sockaddr *)&addr));
	ready = util_client(ch, PORT);
	listener = util_listen(ch, PORT);
	resolved = util_id(ch);
	succeeds(util_resolve(resolved, PORT));
	util_expect(ch, RDMA_CM_EVENT_ADDR_RESOLVED);
	rdma_destroy_event_channel(ch);

	cr_assert_null(ready->channel);
	fails_with(EINVAL, rdma_connect(ready, NULL));
	fails_with(EINVAL, rdma_disconnect(ready));
	fails_with(EINVAL, rdma_resolve_route(resolved, 1000));
	fails_with(EINVAL, rdma_bind_addr(fresh, (struct sockaddr *)&addr));
	fails_with(EINVAL, util_resolve(fresh, PORT));
	fails_with(EINVAL, rdma_listen(bound, 1));
	fails_with(EINVAL, rdma_migrate_id(ready, other));
	fails_with(EINVAL, rdma_accept(listener, NULL));
	util_destroy(fresh);
	util_destroy(bound);
	util_destroy(ready);
	util_destroy(listener);
	util_destroy(resolved);
	rdma_destroy_event_channel(other);
	util_all_gone();
}

Test(channel, destroy__closes_connections_and_drops_unread_requests)
{
	struct rdma_event_channel *server = util_channel(), *ch = util_channel();
	struct rdma_cm_id *listener = util_listen(server, PORT);
	struct rdma_cm_id *client = util_client(ch, PORT), *second = util_client(ch, PORT);
	struct rdma_cm_event *ev;
	struct rdma_cm_id *child;

	succeeds(rdma_connect(client, NULL));
	ev = util_next(server, RDMA_CM_EVENT_CONNECT_REQUEST);
	child = ev->id;
	succeeds(rdma_ack_cm_event(ev));
	util_qp(child);
	succeeds(rdma_accept(child, NULL));
	util_expect(ch, RDMA_CM_EVENT_ESTABLISHED);
	succeeds(rdma_connect(second, NULL));
	/* Fetched by the child's event, which comes first. */
	util_expect(server, RDMA_CM_EVENT_ESTABLISHED);
	rdma_destroy_event_channel(server);
	/* The listener goes first, and its request with it. */
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_REJECTED), -ECONNRESET);
	util_expect(ch, RDMA_CM_EVENT_DISCONNECTED);
	fails_with(EINVAL, rdma_disconnect(child));
	util_destroy(child);
	util_destroy(listener);
	util_destroy(client);
	util_destroy(second);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* For the sanitizers: the child's event lives in the child. */
Test(channel, destroy__drops_a_request_whose_child_has_an_event)
{
	struct rdma_event_channel *server = util_channel(), *ch = util_channel();
	struct shim_channel *priv = (struct shim_channel *)(void *)server;
	struct iw_cm_event gone = { .type = IW_CM_EVENT_DEVICE_GONE };
	struct rdma_cm_id *listener = util_listen(server, PORT);
	struct rdma_cm_id *client = util_client(ch, PORT);

	succeeds(rdma_connect(client, NULL));
	fake_pump(listener);
	cr_assert_not(TAILQ_EMPTY(&priv->queue));
	fake_post_now(TAILQ_FIRST(&priv->queue)->ev.id, &gone);
	cr_assert_not_null(TAILQ_NEXT(TAILQ_FIRST(&priv->queue), link));
	rdma_destroy_event_channel(server);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_REJECTED), -ECONNRESET);
	util_destroy(listener);
	util_destroy(client);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- forks */

static void use_all(struct pair *p, struct rdma_event_channel *other, struct rdma_cm_event *ev)
{
	struct ibv_qp_init_attr attr = util_qp_attr();
	struct sockaddr_in addr = fake_addr(0, 0);
	struct rdma_cm_id *id;
	struct rdma_cm_event *e;
	struct ibv_qp_attr qp_attr = { 0 };
	uint32_t one = 1;
	int mask;

	fails_with(EACCES, rdma_create_id(p->ch, &id, NULL, RDMA_PS_TCP));
	fails_with(EACCES, rdma_get_cm_event(p->ch, &e));
	fails_with(EACCES, rdma_bind_addr(p->client, (struct sockaddr *)&addr));
	fails_with(EACCES, rdma_resolve_addr(p->client, NULL, (struct sockaddr *)&addr, 1));
	fails_with(EACCES, rdma_resolve_route(p->client, 1));
	fails_with(EACCES, rdma_connect(p->client, NULL));
	fails_with(EACCES, rdma_listen(p->listener, 1));
	fails_with(EACCES, rdma_accept(p->child, NULL));
	fails_with(EACCES, rdma_reject(p->child, NULL, 0));
	fails_with(EACCES, rdma_establish(p->client));
	fails_with(EACCES, rdma_notify(p->client, IBV_EVENT_COMM_EST));
	fails_with(EACCES, rdma_disconnect(p->client));
	fails_with(EACCES, rdma_create_qp(p->client, NULL, &attr));
	fails_with(EACCES, rdma_init_qp_attr(p->client, &qp_attr, &mask));
	fails_with(EACCES, rdma_migrate_id(p->client, other));
	fails_with(EACCES, rdma_set_option(p->client, 0, RDMA_OPTION_ID_REUSEADDR, &one, 4));
	fails_with(EACCES, rdma_destroy_id(p->client));
	cr_assert_eq(rdma_get_dst_port(p->client), htons(PORT));
	rdma_destroy_qp(p->client);
	rdma_destroy_event_channel(p->ch);
	rdma_destroy_event_channel(p->ch);
}

/* A driver's file that stays open in the child outlives the parent's connections. */
static int source_fd(struct rdma_event_channel *ch)
{
	return ((struct shim_channel *)(void *)ch)->source_fds[IW_DRIVER_KERNEL];
}

Test(channel, fork__the_child_is_refused_and_the_parent_unharmed, .timeout = 30)
{
	struct pair p = util_pair();
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct rdma_event_channel *own = util_channel();

		cr_assert_not_null(own);
		cr_assert_neq(fcntl(source_fd(p.ch), F_GETFD), -1);
		use_all(&p, own, NULL);
		cr_assert_eq(fcntl(source_fd(p.ch), F_GETFD), -1);
		util_destroy(util_id(own));
		rdma_destroy_event_channel(own);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	succeeds(rdma_disconnect(p.client));
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	util_expect(p.ch, RDMA_CM_EVENT_DISCONNECTED);
	util_end_pair(&p);
}
