// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A runner for ThreadSanitizer builds, empty in all others but in the library that
 * tests/check_valgrind.sh preloads (IW_PRELOADED_MAIN).
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
#ifdef IW_PRELOADED_MAIN
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

/* Where the program's tests and suites stand; no suite in one without a TestSuite. */
static struct {
	struct criterion_test **first, **end;
	struct criterion_suite **first_suite, **end_suite;
} all;

#ifndef IW_PRELOADED_MAIN
extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[] __attribute__((weak));
extern struct criterion_suite *__stop_cr_sts[] __attribute__((weak));

static void find_tests(void)
{
	all.first = __start_cr_tst;
	all.end = __stop_cr_tst;
	all.first_suite = __start_cr_sts;
	all.end_suite = __stop_cr_sts;
}
#else
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The program itself comes first. */
static int base_of_program(struct dl_phdr_info *info, size_t size, void *base)
{
	*(uintptr_t *)base = info->dlpi_addr;
	return 1;
}

/* The program does not export these addresses: they are in its section headers. */
static void find_tests(void)
{
	const ElfW(Shdr) * s, *sections;
	const char *file, *names;
	const ElfW(Ehdr) * elf;
	char path[4096] = "";
	uintptr_t base = 0;
	struct stat st;
	int fd;

	/* Under valgrind opening the link itself would open valgrind. */
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return;
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return;
	dl_iterate_phdr(base_of_program, &base);
	elf = (const void *)file;
	sections = (const void *)(file + elf->e_shoff);
	names = file + sections[elf->e_shstrndx].sh_offset;
	for (s = sections; s < sections + elf->e_shnum; s++) {
		if (!strcmp(names + s->sh_name, "cr_tst")) {
			all.first = (void *)(base + s->sh_addr);
			all.end = (void *)(base + s->sh_addr + s->sh_size);
		} else if (!strcmp(names + s->sh_name, "cr_sts")) {
			all.first_suite = (void *)(base + s->sh_addr);
			all.end_suite = (void *)(base + s->sh_addr + s->sh_size);
		}
	}
}
#endif

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
	for (struct criterion_suite **s = all.first_suite; s < all.end_suite; s++)
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

	find_tests();
	for (struct criterion_test **t = all.first; t < all.end; t++) {
		if (!*t || (argc > 1 && !strstr((*t)->name, argv[1])))
			continue;
		tests++;
		failed += fork_and_run(*t);
	}
	printf("%d tests, %d failed\n", tests, failed);
	return failed || !tests;
}
#endif
