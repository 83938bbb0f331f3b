// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The loop's thread, its watches, its timers and the sockets that linger, over
 * real descriptors.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/soft/soft_fork.h"
#include "driver/soft/soft_loop.h"

/* Waits for @value at most 5 s. */
static bool becomes(unsigned int *value, unsigned int wanted)
{
	for (int i = 0; i < 5000; i++) {
		if (__atomic_load_n(value, __ATOMIC_ACQUIRE) == wanted)
			return true;
		usleep(1000);
	}
	return false;
}

/* ---- watches */

struct watched {
	struct soft_watch watch;
	unsigned int refs, ready, in_loop;
};

static struct watched *watched_of(struct soft_watch *watch)
{
	return iw_container_of(watch, struct watched, watch);
}

static void watch_get(struct soft_watch *watch)
{
	__atomic_fetch_add(&watched_of(watch)->refs, 1, __ATOMIC_RELAXED);
}

static void watch_put(struct soft_watch *watch)
{
	__atomic_fetch_sub(&watched_of(watch)->refs, 1, __ATOMIC_RELEASE);
}

static void watch_ready(struct soft_watch *watch, uint32_t events)
{
	struct watched *w = watched_of(watch);
	uint64_t n;

	if (events & EPOLLIN)
		cr_assert_eq(read(watch->fd, &n, sizeof(n)), 8);
	__atomic_store_n(&w->in_loop, soft_loop_is_self(), __ATOMIC_RELAXED);
	__atomic_fetch_add(&w->ready, 1, __ATOMIC_RELEASE);
}

static const struct soft_watch_ops watch_ops = { watch_get, watch_put, watch_ready };

static void post(int fd)
{
	uint64_t one = 1;

	cr_assert_eq(write(fd, &one, sizeof(one)), 8);
}

Test(soft_watch, ready__comes_on_the_thread_of_the_loop)
{
	struct watched w = { .watch.ops = &watch_ops };
	int fd = eventfd(0, EFD_NONBLOCK);

	cr_assert_eq(soft_loop_start(), 0);
	cr_assert_eq(soft_loop_start(), 0);
	cr_assert(!soft_loop_is_self());
	cr_assert_eq(soft_watch_add(&w.watch, soft_loop_fd(), fd, EPOLLIN), 0);
	post(fd);
	cr_assert(becomes(&w.ready, 1));
	cr_assert(w.in_loop);
	cr_assert(becomes(&w.refs, 0));

	soft_watch_remove(&w.watch);
	soft_watch_remove(&w.watch);
	cr_assert_eq(soft_watch_change(&w.watch, EPOLLIN), -ENOENT);
	post(fd);
	usleep(20000);
	cr_assert_eq(w.ready, 1);
	close(fd);
}

Test(soft_watch, change__decides_what_is_awaited)
{
	struct watched w = { .watch.ops = &watch_ops };
	int fd = eventfd(0, EFD_NONBLOCK);

	cr_assert_eq(soft_loop_start(), 0);
	cr_assert_eq(soft_watch_add(&w.watch, soft_loop_fd(), fd, 0), 0);
	post(fd);
	usleep(20000);
	cr_assert_eq(__atomic_load_n(&w.ready, __ATOMIC_ACQUIRE), 0);
	cr_assert_eq(soft_watch_change(&w.watch, EPOLLIN), 0);
	cr_assert(becomes(&w.ready, 1));
	soft_watch_remove(&w.watch);
	close(fd);
}

Test(soft_watch, dispatch__finds_nothing_behind_an_old_handle)
{
	struct watched old = { .watch.ops = &watch_ops }, new = old;
	int epfd = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK);
	uint64_t handle;

	cr_assert_eq(soft_watch_add(&old.watch, epfd, fd, 0), 0);
	handle = old.watch.handle;
	soft_watch_remove(&old.watch);
	cr_assert_eq(soft_watch_add(&new.watch, epfd, fd, 0), 0);
	cr_assert_eq((uint32_t) new.watch.handle, (uint32_t)handle, "the slot is used anew");
	soft_watch_dispatch(handle, 0);
	soft_watch_dispatch(0, 0);
	soft_watch_dispatch(1ull << 31, 0);
	cr_assert_eq(old.ready + new.ready, 0);
	soft_watch_dispatch(new.watch.handle, 0);
	cr_assert_eq(new.ready, 1);
	soft_watch_remove(&new.watch);
}

Test(soft_watch, add__many_then_none)
{
	static struct watched w[500];
	int epfd = epoll_create1(0), fd[500];

	for (int i = 0; i < 500; i++) {
		w[i].watch.ops = &watch_ops;
		fd[i] = eventfd(1, EFD_NONBLOCK);
		cr_assert_eq(soft_watch_add(&w[i].watch, epfd, fd[i], EPOLLIN), 0);
	}
	while (soft_watch_run(epfd, 0) > 0)
		;
	for (int i = 0; i < 500; i++) {
		cr_assert_eq(w[i].ready, 1);
		soft_watch_remove(&w[i].watch);
		close(fd[i]);
	}
	cr_assert_eq(soft_watch_run(-1, 0), -EBADF);
}

/* A site of its own, once; the process lives without it. */
static void listen_to_forks(void)
{
	static struct iw_lock lock = IW_LOCK_STATIC;

	soft_fork_guard(&lock);
}

Test(soft_watch, add__undoes_itself_at_each_fault)
{
	struct watched w = { .watch.ops = &watch_ops };
	int epfd = epoll_create1(0), fd = eventfd(0, EFD_NONBLOCK);

	listen_to_forks();
	for (unsigned long nth = 1; nth <= 2; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		cr_assert_eq(soft_watch_add(&w.watch, epfd, fd, EPOLLIN), -ENOMEM);
		cr_assert_eq(w.watch.handle, 0);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(soft_watch_add(&w.watch, epfd, -1, EPOLLIN), -EBADF);
	cr_assert_eq(w.watch.handle, 0);
	cr_assert_eq(soft_watch_add(&w.watch, epfd, fd, EPOLLIN), 0);
	soft_watch_remove(&w.watch);
}

Test(soft_loop, start__fails_in_good_order_and_can_be_repeated)
{
	/* The table of watches, once there, stays: so from the last site to the first. */
	static const int wanted[] = { -EMFILE, -EMFILE, -ENOMEM, -EAGAIN, -EAGAIN };

	listen_to_forks();
	for (unsigned long nth = 5; nth; nth--) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		cr_assert_eq(soft_loop_start(), wanted[nth - 1]);
		cr_assert_eq(soft_loop_fd(), -1);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(soft_loop_start(), 0);
	cr_assert_geq(soft_loop_fd(), 0);
}

/* ---- timers */

struct timed {
	struct soft_timer timer;
	unsigned int refs, fired, again;
	uint64_t at;
};

static struct timed *timed_of(struct soft_timer *timer)
{
	return iw_container_of(timer, struct timed, timer);
}

static void timer_get(struct soft_timer *timer)
{
	__atomic_fetch_add(&timed_of(timer)->refs, 1, __ATOMIC_RELAXED);
}

static void timer_put(struct soft_timer *timer)
{
	__atomic_fetch_sub(&timed_of(timer)->refs, 1, __ATOMIC_RELEASE);
}

static void timer_fire(struct soft_timer *timer)
{
	struct timed *t = timed_of(timer);

	t->at = iw_now_ms();
	if (t->again) {
		t->again--;
		soft_timer_start(timer, 1);
	}
	__atomic_fetch_add(&t->fired, 1, __ATOMIC_RELEASE);
}

static const struct soft_timer_ops timer_ops = { timer_get, timer_put, timer_fire };

Test(soft_timer, fire__never_early_and_in_order)
{
	static const unsigned int ms[] = { 200, 0, 70, 1, 130, 64, 63, 5 };
	struct timed t[8] = { 0 };
	uint64_t began;

	cr_assert_eq(soft_loop_start(), 0);
	began = iw_now_ms();
	for (int i = 0; i < 8; i++) {
		t[i].timer.ops = &timer_ops;
		soft_timer_start(&t[i].timer, ms[i]);
	}
	for (int i = 0; i < 8; i++) {
		cr_assert(becomes(&t[i].fired, 1));
		cr_assert_geq(t[i].at, began + ms[i]);
		cr_assert_lt(t[i].at, began + ms[i] + 2000);
		cr_assert(becomes(&t[i].refs, 0));
	}
	cr_assert_leq(t[5].at, t[2].at);
	cr_assert_leq(t[2].at, t[4].at);
	cr_assert(!soft_timer_stop(&t[0].timer));
}

/* 0: a thread, an epoll and a clock of its own. */
static int loop_of_a_child(void)
{
	struct timed t = { .timer.ops = &timer_ops };

	if (soft_loop_start())
		return 1;
	soft_timer_start(&t.timer, 5);
	return becomes(&t.fired, 1) && becomes(&t.refs, 0) ? 0 : 2;
}

Test(soft_loop, start__begins_anew_in_a_child)
{
	struct timed t = { .timer.ops = &timer_ops };
	int status;
	pid_t pid;

#ifdef __SANITIZE_THREAD__
	cr_skip_test("ThreadSanitizer knows no threads after a fork");
#endif
	cr_assert_eq(soft_loop_start(), 0);
	soft_timer_start(&t.timer, 300);
	pid = fork();
	if (!pid)
		_exit(loop_of_a_child() ? 1 : 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	cr_assert(becomes(&t.fired, 1), "the parent's timers go on");
}

Test(soft_timer, stop__before_the_time)
{
	struct timed t = { .timer.ops = &timer_ops };

	cr_assert_eq(soft_loop_start(), 0);
	cr_assert(!soft_timer_stop(&t.timer));
	soft_timer_start(&t.timer, 30);
	cr_assert(soft_timer_stop(&t.timer));
	cr_assert(!soft_timer_stop(&t.timer));
	usleep(60000);
	cr_assert_eq(__atomic_load_n(&t.fired, __ATOMIC_ACQUIRE), 0);
}

Test(soft_timer, start__moves_a_running_one)
{
	struct timed t = { .timer.ops = &timer_ops };
	uint64_t began;

	cr_assert_eq(soft_loop_start(), 0);
	soft_timer_start(&t.timer, UINT32_MAX);
	began = iw_now_ms();
	soft_timer_start(&t.timer, 40);
	cr_assert(becomes(&t.fired, 1));
	cr_assert_geq(t.at, began + 40);
	t.again = 3;
	soft_timer_start(&t.timer, 1);
	cr_assert(becomes(&t.fired, 5));
}

Test(soft_timer, start__ten_thousand)
{
	static struct timed t[10000];
	unsigned int stopped = 0, fired = 0;

	cr_assert_eq(soft_loop_start(), 0);
	for (unsigned int i = 0; i < 10000; i++) {
		t[i].timer.ops = &timer_ops;
		soft_timer_start(&t[i].timer, 20 + i * 7919 % 300);
	}
	for (unsigned int i = 0; i < 10000; i += 2)
		stopped += soft_timer_stop(&t[i].timer);
	cr_assert_geq(stopped, 1);
	for (unsigned int i = 1; i < 10000; i += 2)
		cr_assert(becomes(&t[i].fired, 1));
	for (unsigned int i = 0; i < 10000; i++)
		fired += __atomic_load_n(&t[i].fired, __ATOMIC_ACQUIRE);
	cr_assert_eq(fired + stopped, 10000);
}

static void *start_and_stop(void *arg)
{
	struct timed *t = arg;
	unsigned int stopped = 0;

	for (unsigned int i = 0; i < 3000; i++) {
		soft_timer_start(&t->timer, i % 3);
		if (i % 2)
			stopped += soft_timer_stop(&t->timer);
	}
	return (void *)(uintptr_t)stopped;
}

Test(soft_timer, start__from_many_threads)
{
	static struct timed t[4];
	pthread_t thread[4];

	cr_assert_eq(soft_loop_start(), 0);
	for (int i = 0; i < 4; i++) {
		t[i].timer.ops = &timer_ops;
		pthread_create(&thread[i], NULL, start_and_stop, &t[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		soft_timer_stop(&t[i].timer);
		cr_assert(becomes(&t[i].refs, 0));
	}
}

/* ---- lingering */

/* A connected pair of TCP sockets over the loopback. */
static void tcp_pair(int fd[2])
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(listener, (struct sockaddr *)&sin, len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(fd[0], (struct sockaddr *)&sin, len), 0);
	fd[1] = accept(listener, NULL, NULL);
	cr_assert_geq(fd[1], 0);
	close(listener);
}

static bool is_closed(int fd)
{
	for (int i = 0; i < 5000; i++) {
		if (fcntl(fd, F_GETFD) < 0)
			return true;
		usleep(1000);
	}
	return false;
}

Test(soft_linger, linger__last_words_survive_unread_bytes)
{
	char buf[16];
	int fd[2];

	tcp_pair(fd);
	cr_assert_eq(write(fd[1], "unread", 6), 6);
	usleep(10000);
	soft_loop_linger(fd[0], "terminate", 9, 1000);
	cr_assert_eq(write(fd[1], "more", 4), 4);
	cr_assert_eq(recv(fd[1], buf, sizeof(buf), MSG_WAITALL), 9);
	cr_assert_eq(memcmp(buf, "terminate", 9), 0);
	cr_assert_neq(fcntl(fd[0], F_GETFD), -1, "waits for our FIN");
	close(fd[1]);
	cr_assert(is_closed(fd[0]));
}

Test(soft_linger, linger__ends_with_its_time)
{
	uint64_t began = iw_now_ms();
	int fd[2];

	tcp_pair(fd);
	soft_loop_linger(fd[0], NULL, 0, 50);
	cr_assert(is_closed(fd[0]));
	cr_assert_geq(iw_now_ms(), began + 50);
}

Test(soft_linger, linger__says_nothing_while_held)
{
	uint64_t began = iw_now_ms();
	char buf[16];
	int fd[2];

	tcp_pair(fd);
	soft_loop_linger_held(fd[0], "terminate", 9, 100, 1000);
	cr_assert_eq(write(fd[1], "more", 4), 4);
	cr_assert_eq(recv(fd[1], buf, sizeof(buf), MSG_WAITALL), 9);
	cr_assert_geq(iw_now_ms(), began + 90);
	close(fd[1]);
	cr_assert(is_closed(fd[0]));
}

Test(soft_linger, linger__held_ends_when_the_peer_closes)
{
	uint64_t began = iw_now_ms();
	int fd[2];

	tcp_pair(fd);
	soft_loop_linger_held(fd[0], "terminate", 9, 60000, 1000);
	close(fd[1]);
	cr_assert(is_closed(fd[0]));
	cr_assert_lt(iw_now_ms(), began + 10000);
}

Test(soft_linger, linger__held_has_its_time_afterwards)
{
	uint64_t began = iw_now_ms();
	int fd[2];

	tcp_pair(fd);
	soft_loop_linger_held(fd[0], NULL, 0, 50, 50);
	cr_assert(is_closed(fd[0]));
	cr_assert_geq(iw_now_ms(), began + 100);
}

Test(soft_linger, linger__held_survives_exit)
{
	uint64_t began = iw_now_ms();
	int fd[2], status;
	char buf[16];
	pid_t pid;

	tcp_pair(fd);
	pid = fork();
	if (!pid) {
		soft_loop_linger_held(fd[0], "terminate", 9, 100, 1000);
		exit(0);
	}
	close(fd[0]);
	cr_assert_eq(recv(fd[1], buf, sizeof(buf), MSG_WAITALL), 9);
	cr_assert_geq(iw_now_ms(), began + 90);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	close(fd[1]);
}

Test(soft_linger, linger__says_the_rest_when_the_socket_has_room)
{
	size_t len = 8 << 20, have = 0;
	char *bytes = malloc(len), buf[65536];
	int fd[2];
	ssize_t n;

	memset(bytes, 7, len);
	tcp_pair(fd);
	soft_loop_linger(fd[0], bytes, len, 5000);
	free(bytes);
	while ((n = read(fd[1], buf, sizeof(buf))) > 0)
		have += (size_t)n;
	cr_assert_eq(n, 0);
	cr_assert_eq(have, len);
	close(fd[1]);
	cr_assert(is_closed(fd[0]));
}

Test(soft_linger, linger__without_memory_closes_at_once)
{
	int fd[2];

	char heard = 0;

	cr_assert_eq(soft_loop_start(), 0);
	tcp_pair(fd);
	for (unsigned long nth = 1; nth <= 2; nth++) {
		int copy = dup(fd[0]);

		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, nth);
		soft_loop_linger(copy, "x", 1, 1000);
		cr_assert_eq(fcntl(copy, F_GETFD), -1);
		cr_assert_eq(recv(fd[1], &heard, 1, MSG_DONTWAIT), nth == 1 ? 1 : -1,
			     "the last words need no memory");
	}
	iw_fault_arm(0, 0);
}

Test(soft_linger, linger__a_dead_peer_closes_it)
{
	struct linger reset = { .l_onoff = 1 };
	int fd[2];

	tcp_pair(fd);
	setsockopt(fd[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd[1]);
	usleep(10000);
	soft_loop_linger(fd[0], "x", 1, 1000);
	cr_assert(is_closed(fd[0]));
}

Test(soft_linger, linger__beyond_the_limit_the_oldest_goes)
{
	static int ours[SOFT_LINGER_MAX + 1];
	int pair[2];

	/* One peer for all: what lingers is a copy of the descriptor. */
	tcp_pair(pair);
	for (int i = 0; i <= SOFT_LINGER_MAX; i++) {
		ours[i] = dup(pair[0]);
		if (ours[i] < 0)
			cr_skip("too few descriptors");
	}
	for (int i = 0; i <= SOFT_LINGER_MAX; i++)
		soft_loop_linger(ours[i], NULL, 0, 60000);
	cr_assert(is_closed(ours[0]));
	cr_assert_neq(fcntl(ours[1], F_GETFD), -1);
	close(pair[1]);
	cr_assert(is_closed(ours[SOFT_LINGER_MAX]));
}
