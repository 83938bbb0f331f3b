// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * netbench TEST: one figure on stdout. Forks before it touches either library:
 * the parent is the client on core 0, the child the server on core 1.
 */
#include "bench/net/net.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

void meet(struct bench *b)
{
	char c = 'x';

	MUST(write(b->ctl, &c, 1) == 1);
	if (read(b->ctl, &c, 1) != 1)
		exit(1); /* the other process has said why */
}

uint16_t share_port(struct bench *b, uint16_t port)
{
	if (b->server)
		MUST(write(b->ctl, &port, sizeof(port)) == sizeof(port));
	else if (read(b->ctl, &port, sizeof(port)) != sizeof(port))
		exit(1);
	((struct sockaddr_in *)(void *)&b->addr)->sin_port = htons(port);
	return port;
}

uint64_t rss(void)
{
	unsigned long all, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%lu %lu", &all, &resident) != 2)
		DIE("statm");
	fclose(f);
	return resident * 4096ull;
}

static void run(struct bench *b, const char *test)
{
	const bool tcp = !strncmp(test, "tcp_", 4);
	const char *what = strchr(test, '_') ? strchr(test, '_') + 1 : "";

	if (!strcmp(what, "lat"))
		tcp ? lat_tcp(b) : lat_rdma(b);
	else if (!strcmp(what, "bw"))
		bw_tcp(b);
	else if (!strncmp(what, "bw_", 3))
		bw_rdma(b, what + 3);
	else if (!strcmp(what, "rate"))
		tcp ? rate_tcp(b) : rate_rdma(b);
	else if (!strcmp(what, "setup"))
		tcp ? setup_tcp(b) : setup_rdma(b);
	else if (!strncmp(what, "many_", 5))
		many_rdma(b, what + 5);
	else
		DIE("no such test: %s", test);
}

static void usage(void)
{
	fprintf(stderr,
		"usage: netbench [-a ADDR] [-s SIZE] [-n COUNT] [-c CONNECTIONS] [-e] [-l] [-P] TEST\n"
		"  TEST  {tcp,rdma}_lat _rate _setup, tcp_bw, rdma_bw_{write,send,read},\n"
		"        rdma_many_{lat,rate,mem}\n"
		"  -e    sleep for completions   -l  post in lists   -P  do not pin to cores\n");
	exit(2);
}

static void pin(int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core % (int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void parse_addr(struct bench *b, const char *text)
{
	struct sockaddr_in *sin = (void *)&b->addr;

	sin->sin_family = AF_INET;
	b->addr_len = sizeof(*sin);
	if (inet_pton(AF_INET, text, &sin->sin_addr) != 1)
		DIE("bad address: %s", text);
}

int main(int argc, char **argv)
{
	struct bench b = { .size = 64, .n = 10000, .conns = 10 };
	bool pinned = true;
	int o, sv[2], status = 0;
	pid_t child;

	parse_addr(&b, "127.0.0.1");
	while ((o = getopt(argc, argv, "a:s:n:c:elP")) != -1) {
		switch (o) {
		case 'a':
			parse_addr(&b, optarg);
			break;
		case 's':
			b.size = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			b.n = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'c':
			b.conns = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'e':
			b.event = true;
			break;
		case 'l':
			b.list = true;
			break;
		case 'P':
			pinned = false;
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || !b.n || !b.size)
		usage();
	MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	child = fork();
	MUST(child >= 0);
	b.server = !child;
	b.ctl = sv[b.server];
	close(sv[!b.server]);
	if (b.server)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pinned)
		pin(b.server);
	run(&b, argv[optind]);
	if (b.server)
		return 0;
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
