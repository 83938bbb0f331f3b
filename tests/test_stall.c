// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Waits that say what they wait for: on conditions, on descriptors, and inside of
 * calls that another thread watches.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/caller.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/stall.h"
#include "tests/log_capture.h"

/* ---- whose call */

static void describe(const void *object, char *text, size_t room)
{
	snprintf(text, room, "id %s", (const char *)object);
}

static const char *caller_text(void)
{
	static char text[IW_CALLER_TEXT];

	return iw_caller_text(&iw_caller_now, text);
}

Test(caller, text__with_and_without_an_object)
{
	iw_caller_is(NULL, NULL, NULL);
	cr_assert_str_eq(caller_text(), "a thread of the library");
	iw_caller_is("rdma_create_id", NULL, describe);
	cr_assert_str_eq(caller_text(), "rdma_create_id");
	iw_caller_is("rdma_connect", "7", describe);
	cr_assert_str_eq(caller_text(), "rdma_connect of id 7");
	iw_caller_forget("8");
	cr_assert_str_eq(caller_text(), "rdma_connect of id 7");
	iw_caller_forget(iw_caller_now.object);
	cr_assert_str_eq(caller_text(), "rdma_connect");
}

Test(caller, text__is_cut_to_its_room)
{
	char object[2 * IW_CALLER_TEXT], call[2 * IW_CALLER_TEXT];

	memset(object, 'x', sizeof(object) - 1);
	memset(call, 'y', sizeof(call) - 1);
	object[sizeof(object) - 1] = call[sizeof(call) - 1] = 0;
	iw_caller_is("rdma_connect", object, describe);
	cr_assert_eq(strlen(caller_text()), IW_CALLER_TEXT - 1);
	iw_caller_is(call, object, describe);
	cr_assert_eq(strlen(caller_text()), IW_CALLER_TEXT - 1);
}

/* ---- told by the waiting thread */

#define STALL_MS 40

struct heard {
	unsigned int lines, seconds;
};

static void hear(const void *arg, unsigned int seconds)
{
	struct heard *heard = *(struct heard *const *)arg;

	heard->lines++;
	heard->seconds = seconds;
}

/* How many lines a wait of @ms has brought. */
static unsigned int lines_in(uint64_t ms)
{
	unsigned int n = 0;

	while (ms >= iw_stall_due(n))
		n++;
	return n;
}

Test(stall, due__doubles_from_the_beginning_of_the_wait)
{
	cr_assert_eq(iw_stall_due(0), IW_STALL_MS);
	cr_assert_eq(iw_stall_due(1), 2ull * IW_STALL_MS);
	cr_assert_eq(iw_stall_due(2), 4ull * IW_STALL_MS);
	cr_assert_eq(iw_stall_due(16), iw_stall_due(1000));
	cr_assert_eq(iw_stall_ms, 5000);
}

/* A line is said when it is due and not before; what is due while nobody looks is not made up. */
static void check_heard(const struct heard *heard, uint64_t at_least, uint64_t at_most)
{
	cr_assert_leq(heard->lines, lines_in(at_most));
	cr_assert_geq(heard->lines, lines_in(at_least) - 1);
	cr_assert_geq(heard->lines, 2);
}

Test(stall, wait_told__once_at_each_doubling)
{
	struct heard heard = { 0 }, *arg = &heard;
	struct iw_stall stall = IW_STALL(hear, &arg);
	struct iw_lock lock;
	struct iw_cond cond;
	uint64_t begin;

	iw_stall_ms = STALL_MS;
	iw_lock_init(&lock);
	iw_cond_init(&cond);
	iw_lock(&lock);
	begin = iw_now_ms();
	while (iw_now_ms() < begin + 5 * STALL_MS)
		iw_cond_wait_told(&cond, &lock, &stall);
	iw_unlock(&lock);
	check_heard(&heard, 5 * STALL_MS, iw_now_ms() - begin);
}

struct signaller {
	struct iw_lock lock;
	struct iw_cond cond;
	pthread_mutex_t mutex;
	pthread_cond_t plain;
	bool over, ended;
};

static void *end_wait(void *arg)
{
	struct signaller *s = arg;

	iw_lock(&s->lock);
	s->over = true;
	iw_cond_broadcast(&s->cond);
	iw_unlock(&s->lock);
	pthread_mutex_lock(&s->mutex);
	s->ended = true;
	pthread_cond_broadcast(&s->plain);
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

Test(stall, wait__that_ends_in_time_says_nothing)
{
	struct heard heard = { 0 }, *arg = &heard;
	struct iw_stall told = IW_STALL(hear, &arg), plain = IW_STALL(hear, &arg);
	struct signaller s = { .mutex = PTHREAD_MUTEX_INITIALIZER,
			       .plain = PTHREAD_COND_INITIALIZER };
	pthread_t thread;

	iw_lock_init(&s.lock);
	iw_cond_init(&s.cond);
	iw_lock(&s.lock);
	cr_assert_eq(pthread_create(&thread, NULL, end_wait, &s), 0);
	while (!s.over)
		iw_cond_wait_told(&s.cond, &s.lock, &told);
	iw_unlock(&s.lock);
	pthread_mutex_lock(&s.mutex);
	while (!s.ended)
		iw_stall_wait(&s.plain, &s.mutex, &plain);
	pthread_mutex_unlock(&s.mutex);
	pthread_join(thread, NULL);
	cr_assert_eq(heard.lines, 0);
}

Test(stall, wait__on_a_condition_of_verbs)
{
	struct heard heard = { 0 }, *arg = &heard;
	struct iw_stall stall = IW_STALL(hear, &arg);
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	uint64_t begin = iw_now_ms();

	iw_stall_ms = STALL_MS;
	pthread_mutex_lock(&mutex);
	while (iw_now_ms() < begin + 5 * STALL_MS)
		iw_stall_wait(&cond, &mutex, &stall);
	pthread_mutex_unlock(&mutex);
	check_heard(&heard, 5 * STALL_MS, iw_now_ms() - begin);
}

Test(stall, timeout__of_a_poll)
{
	struct heard heard = { 0 }, *arg = &heard;
	struct iw_stall stall = IW_STALL(hear, &arg);
	uint64_t begin = iw_now_ms();

	cr_assert_gt(iw_stall_timeout(&stall), IW_STALL_MS - 1000);
	iw_stall_tell(&stall);
	cr_assert_eq(heard.lines, 0);
	iw_stall_ms = STALL_MS;
	while (iw_now_ms() < begin + 5 * STALL_MS) {
		poll(NULL, 0, iw_stall_timeout(&stall));
		iw_stall_tell(&stall);
	}
	check_heard(&heard, 5 * STALL_MS, iw_now_ms() - begin);
}

/* ---- told by another thread */

static unsigned int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static const struct iw_slow a_call = { "a call", "it sleeps", IW_LOG_ERROR };

/* Until @ms are over and the log has said @what @n times. */
static void sleep_until(unsigned int ms, const char *what, unsigned int n)
{
	struct iw_watch w;

	errno = ENOTTY;
	iw_watch_begin(&w, &a_call);
	cr_assert_eq(errno, ENOTTY);
	usleep(ms * 1000);
	cr_assert(!n || captured_wait(what, n), "%s", captured());
	errno = ENOTTY;
	iw_watch_end(&w);
	cr_assert_eq(errno, ENOTTY);
}

static void sleep_watched(unsigned int ms)
{
	sleep_until(ms, NULL, 0);
}

Test(watch, at_the_default_level__no_thread_and_no_line)
{
	const unsigned int before = threads();

	capture_begin(IW_LOG_ERROR, STALL_MS);
	sleep_watched(2 * STALL_MS);
	cr_assert_eq(threads(), before);
	cr_assert_str_eq(captured(), "");
	capture_end();
}

#define RETURNED                                                                     \
	"warn: rdma_connect of id 7 has waited 0 s for a call, which has returned: " \
	"it sleeps\n"

Test(watch, at_warn__speaks_when_the_call_is_back)
{
	const unsigned int before = threads();
	unsigned int over;
	uint64_t began;

	capture_begin(IW_LOG_WARN, STALL_MS);
	iw_caller_is("rdma_connect", "7", describe);
	began = iw_now_ms();
	sleep_watched(0);
	if (iw_now_ms() - began < STALL_MS) /* not if the machine was busy elsewhere */
		cr_assert_str_eq(captured(), "");
	over = captured_count(RETURNED);
	sleep_watched(3 * STALL_MS);
	cr_assert_eq(threads(), before);
	cr_assert_eq(captured_count(RETURNED), over + 1, "%s", captured());
	capture_end();
}

#define SAID "error: rdma_connect of id 7 has waited 0 s for a call to return (thread 0x"

Test(watch, at_info__another_thread_speaks_at_each_doubling)
{
	struct iw_watch w;
	unsigned int said, over;

	capture_begin(IW_LOG_INFO, STALL_MS);
	iw_caller_is("rdma_connect", "7", describe);
	sleep_watched(0);
	over = captured_count("which has returned"); /* on a busy machine */
	iw_watch_begin(&w, &a_call);
	cr_assert(captured_wait(SAID, 1));
	cr_assert_captured("): it sleeps\n");
	cr_assert_eq(captured_count("which has returned"), over);
	cr_assert(captured_wait(SAID, 3));
	iw_watch_end(&w);
	said = captured_count(SAID);
	cr_assert_eq(captured_count("which has returned"), over + 1);
	usleep(20 * STALL_MS * 1000);
	cr_assert_eq(captured_count(SAID), said, "of a call that is over: %s", captured());
	capture_end();
}

static void *sleep_in_thread(void *arg)
{
	char line[64];

	snprintf(line, sizeof(line), "rdma_disconnect of id %s has waited", (const char *)arg);
	iw_caller_is("rdma_disconnect", arg, describe);
	sleep_until(STALL_MS, line, 2);
	return NULL;
}

Test(watch, at_info__each_of_several_calls)
{
	static const char *const names[] = { "0", "1", "2", "3" };
	pthread_t thread[4];

	capture_begin(IW_LOG_INFO, STALL_MS);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, sleep_in_thread, (void *)names[i]),
			     0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	capture_end();
}

Test(watch, at_info__no_thread_to_be_had)
{
	capture_begin(IW_LOG_INFO, STALL_MS);
	for (unsigned int nth = 1; nth <= 2; nth++) { /* the fork handler, the thread */
		iw_fault_arm(IW_FAULT_SYSCALL, nth);
		sleep_watched(3 * STALL_MS);
		iw_fault_arm(0, 0);
		cr_assert_eq(captured_count("to return"), 0);
		cr_assert_eq(captured_count("which has returned"), nth);
	}
	sleep_until(STALL_MS, "to return", 1); /* the next one finds a thread */
	capture_end();
}

Test(watch, at_info__in_a_forked_child_too)
{
	struct iw_watch w;
	int status;
	pid_t pid;

#ifdef __SANITIZE_THREAD__
	cr_skip_test("ThreadSanitizer knows no threads after a fork");
#endif
	capture_begin(IW_LOG_INFO, STALL_MS);
	iw_watch_begin(&w, &a_call); /* is the parent's alone */
	cr_assert(captured_wait("to return", 1));
	iw_watch_end(&w);
	iw_watch_begin(&w, &a_call);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (!pid) {
		iw_caller_is("rdma_destroy_id", NULL, NULL);
		sleep_until(STALL_MS, "rdma_destroy_id has waited", 1);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	iw_watch_end(&w);
	cr_assert_eq(status, 0);
	cr_assert_geq(captured_count("rdma_destroy_id has waited 0 s for a call to return"), 1);
	capture_end();
}

static void *begin_and_end(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		struct iw_watch w;

		iw_watch_begin(&w, &a_call);
		iw_watch_end(&w);
	}
	return arg;
}

Test(watch, at_info__many_calls_at_once)
{
	pthread_t thread[4];

	capture_begin(IW_LOG_INFO, 2000);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, begin_and_end, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	cr_assert_str_eq(captured(), "");
	capture_end();
}

static void *sleep_cancelled(void *arg)
{
	sleep_until(STALL_MS, "to return", 2);
	for (;;)
		pause();
	return arg;
}

Test(watch, at_info__a_cancelled_call_ends_first)
{
	pthread_t thread;
	void *result;

	capture_begin(IW_LOG_INFO, STALL_MS);
	cr_assert_eq(pthread_create(&thread, NULL, sleep_cancelled, NULL), 0);
	cr_assert(captured_wait("to return", 1));
	pthread_cancel(thread);
	pthread_join(thread, &result);
	cr_assert_eq(result, PTHREAD_CANCELED);
	cr_assert_eq(captured_count("which has returned"), 1);
	usleep(5 * STALL_MS * 1000);
	capture_end();
}
