// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/device_choice.h"
#include "base/fault.h"
#include "base/lock.h"
#include "base/log.h"

Test(bytes, copy__stops_at_the_room)
{
	char to[4] = "xxx";

	cr_assert_eq(iw_copy(to, 2, "abc", 3), 2);
	cr_assert_str_eq(to, "abx");
	cr_assert_eq(iw_copy(to, sizeof(to), NULL, 0), 0);
}

#ifdef IW_DEBUG
Test(lock, is_mine__only_while_held)
{
	struct iw_lock lock;

	iw_lock_init(&lock);
	cr_assert(!iw_lock_is_mine(&lock));
	iw_lock(&lock);
	cr_assert(iw_lock_is_mine(&lock));
	iw_unlock(&lock);
	cr_assert(!iw_lock_is_mine(&lock));
	iw_lock_fini(&lock);
}

Test(lock, trylock__takes_what_is_free_only)
{
	struct iw_lock lock;

	iw_lock_init(&lock);
	cr_assert(iw_trylock(&lock));
	cr_assert(!iw_trylock(&lock));
	iw_unlock(&lock);
	cr_assert(iw_trylock(&lock));
	iw_unlock(&lock);
	iw_lock_fini(&lock);
}

Test(lock, wait_ms__times_out_and_keeps_the_lock)
{
	struct iw_lock lock;
	struct iw_cond cond;

	iw_lock_init(&lock);
	iw_cond_init(&cond);
	iw_lock(&lock);
	cr_assert(!iw_cond_wait_ms(&cond, &lock, 5));
	cr_assert(iw_lock_is_mine(&lock));
	iw_unlock(&lock);
}
#endif

struct hand_over {
	struct iw_lock lock;
	struct iw_cond cond;
	bool done;
};

static void *set_done(void *arg)
{
	struct hand_over *h = arg;

	iw_lock(&h->lock);
	h->done = true;
	iw_cond_signal(&h->cond);
	iw_unlock(&h->lock);
	return NULL;
}

Test(lock, thread_start__runs_and_wakes)
{
	struct hand_over h = { .done = false };

	iw_lock_init(&h.lock);
	iw_cond_init(&h.cond);
	cr_assert_eq(iw_thread_start(set_done, &h, "iw-test"), 0);
	iw_lock(&h.lock);
	while (!h.done)
		iw_cond_wait(&h.cond, &h.lock);
	iw_unlock(&h.lock);
}

Test(lock, thread_start__fault)
{
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(iw_thread_start(set_done, NULL, "iw-test"), -EAGAIN);
}

Test(fault, calloc__the_nth_fails_once)
{
	void *p;

	iw_fault_arm(IW_FAULT_ALLOC, 2);
	p = iw_calloc(1, 8);
	cr_assert_not_null(p);
	free(p);
	errno = 0;
	cr_assert_null(iw_calloc(1, 8));
	cr_assert_eq(errno, ENOMEM);
	p = iw_calloc(1, 8);
	cr_assert_not_null(p);
	free(p);
	cr_assert_eq(iw_fault_passed(), 3);
	iw_fault_arm(0, 0);
}

Test(fault, hit__ignores_kinds_not_armed)
{
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert(!iw_fault(IW_FAULT_ALLOC));
	cr_assert(iw_fault(IW_FAULT_SYSCALL));
	iw_fault_arm(0, 0);
}

static void *passes(void *arg)
{
	*(bool *)arg = iw_fault(IW_FAULT_SYSCALL);
	return NULL;
}

Test(fault, hit__here_means_this_thread)
{
	bool failed = true;
	pthread_t thread;

	iw_fault_arm(IW_FAULT_SYSCALL | IW_FAULT_HERE, 1);
	cr_assert_eq(pthread_create(&thread, NULL, passes, &failed), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert(!failed);
	cr_assert(iw_fault(IW_FAULT_SYSCALL));
	iw_fault_arm(0, 0);
}

Test(device_choice, choice__by_the_environment)
{
	static const struct {
		const char *value;
		enum iw_device_choice choice;
		bool wrong;
	} cases[] = { { "", IW_DEVICE_AUTO, false },
		      { "auto", IW_DEVICE_AUTO, false },
		      { "kernel", IW_DEVICE_KERNEL, false },
		      { "soft", IW_DEVICE_SOFT, false },
		      { "Soft", IW_DEVICE_AUTO, true } };

	unsetenv("IWSHIM_DEVICE");
	cr_assert_eq(iw_device_choice(), IW_DEVICE_AUTO);
	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++) {
		setenv("IWSHIM_DEVICE", cases[i].value, 1);
		cr_expect_eq(iw_device_choice(), cases[i].choice, "%s", cases[i].value);
		cr_expect_eq(!!iw_device_choice_wrong(), cases[i].wrong, "%s", cases[i].value);
	}
	unsetenv("IWSHIM_DEVICE");
}

Test(log, level__from_the_environment_and_errno_survives)
{
	char path[] = "/tmp/iwshim-log-XXXXXX", text[512] = "";
	int fd = mkstemp(path);

	setenv("IWSHIM_LOG", "info", 1);
	setenv("IWSHIM_LOG_FILE", path, 1);
	errno = ENOENT;
	iw_info("answer %d", 42);
	iw_debug("not seen");
	cr_assert_eq(errno, ENOENT);
	cr_assert(read(fd, text, sizeof(text) - 1) > 0);
	cr_assert_not_null(strstr(text, "info: answer 42\n"));
	cr_assert_null(strstr(text, "not seen"));
	unlink(path);
}

Test(log, write__cuts_a_line_that_is_too_long)
{
	char path[] = "/tmp/iwshim-log-XXXXXX", text[4096] = "", big[3000];
	int fd = mkstemp(path);

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	setenv("IWSHIM_LOG_FILE", path, 1);
	iw_error("%s", big);
	cr_assert_leq(read(fd, text, sizeof(text) - 1), 1024);
	cr_assert_eq(text[strlen(text) - 1], '\n');
	unlink(path);
}
