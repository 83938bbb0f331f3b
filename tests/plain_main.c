// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A runner for ThreadSanitizer builds, empty in all others.
 *
 * Criterion keeps its tests in an arena at addresses that ThreadSanitizer
 * reserves, so that its own main() cannot start. This one forks for each test
 * and knows what our tests use: init, fini, skip, and assertions, the first of
 * which that fails ends the test.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IW_PLAIN_MAIN
#endif
#elif defined(__SANITIZE_THREAD__)
#define IW_PLAIN_MAIN
#endif

typedef int iw_not_empty; /* ISO C wants something in every file */

#ifdef IW_PLAIN_MAIN
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77

extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
/* Absent in a program without a TestSuite. */
extern struct criterion_suite *__start_cr_sts[] __attribute__((weak));
extern struct criterion_suite *__stop_cr_sts[] __attribute__((weak));

/* What the macros of Criterion call, in place of the library's. */

void criterion_internal_test_setup(void)
{
}

void criterion_internal_test_main(void (*fn)(void))
{
	fn();
}

void criterion_internal_test_teardown(void)
{
}

void criterion_send_assert(struct criterion_assert_stats *stats)
{
	if (!stats->passed)
		printf("%s:%u: %s\n", stats->file, stats->line, stats->message);
}

void criterion_abort_test(void)
{
	fflush(stdout);
	_exit(1);
}

void criterion_skip_test(const char *format, ...)
{
	_exit(SKIPPED);
}

/* What the test's suite says for those that say nothing; NULL: it has none. */
static const struct criterion_test_extra_data *suite_of(const struct criterion_test *test)
{
	for (struct criterion_suite **s = __start_cr_sts; s < __stop_cr_sts; s++)
		if (*s && !strcmp((*s)->name, test->category))
			return (*s)->data;
	return NULL;
}

static void run(struct criterion_test *test)
{
	const struct criterion_test_extra_data *suite = suite_of(test);

	if (test->data->init)
		test->data->init();
	else if (suite && suite->init)
		suite->init();
	test->test();
	if (test->data->fini)
		test->data->fini();
	else if (suite && suite->fini)
		suite->fini();
	fflush(stdout);
	exit(0); /* with the sanitizer's own verdict */
}

/* 0: passed or skipped. */
static int fork_and_run(struct criterion_test *test)
{
	const char *verdict;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid)
		run(test);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		status = -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		verdict = "SKIP";
	else
		verdict = status ? "FAIL" : "PASS";
	printf("[%s] %s::%s\n", verdict, test->category, test->name);
	return strcmp(verdict, "FAIL") == 0;
}

#ifdef __SANITIZE_THREAD__
/* A forked child that exits would be told to leak what its parent has not joined yet. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "report_thread_leaks=0";
}
#endif

int main(int argc, char **argv)
{
	int failed = 0, tests = 0;

	for (struct criterion_test **t = __start_cr_tst; t < __stop_cr_tst; t++) {
		if (!*t || (argc > 1 && !strstr((*t)->name, argv[1])))
			continue;
		tests++;
		failed += fork_and_run(*t);
	}
	printf("%d tests, %d failed\n", tests, failed);
	return failed != 0;
}
#endif
