// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The table, and what must be flat. TAP. */
#include "tests/soak/soak.h"

/* Per connection that has closed; a leak of any object is far more. */
#define HEAP_SLOPE 32.0
#define RSS_SLOPE 0.0625 /* kB */
#define FD_SLOPE 0.005
#define THREAD_SLOPE 0.005
/* From start to end, when all is closed: the device, and tables that have grown. */
#define HEAP_REST (1u << 20)

static int tests, bad;

static void test(bool good, const char *what)
{
	tests++;
	bad += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

/* ---- the table */

static void print_fates(const struct verdict *v)
{
	static const char *const kinds[KINDS] = { "IPv4", "IPv6", "synchronous", "long" };

	printf("# connections     whole destroyed  rejected   dropped   gave up  cut by kill\n");
	for (int kind = 0; kind < KINDS; kind++) {
		printf("# %-12s", kinds[kind]);
		for (int fate = 0; fate < FATES; fate++)
			printf("%10lu", v->fates[kind][fate]);
		putchar('\n');
	}
	printf("# long: %lu ended in good order, %lu cut; %llu messages, %.1f MB\n", v->whole_flows,
	       v->cut_flows, (unsigned long long)v->messages, (double)v->bytes / 1e6);
}

static void print_chaos(const struct chaos *c)
{
	for (unsigned int role = 0; role < ROLES; role++)
		printf("# %-14s killed %3u times, stopped %3u times\n", role_names[role],
		       c->kills[role], c->stops[role]);
	printf("# stopped for %.1f s in all\n", c->stopped_ms / 1e3);
}

static void print_latencies(void)
{
	uint64_t n = 0, us = 0, max = 0, below = 0, hist[LATENCIES] = { 0 };
	uint64_t events = 0;
	int i = 0;

	for (unsigned int p = 0; p < PROCS && book->procs[p].pid; p++) {
		const struct proc *proc = &book->procs[p];

		n += proc->latency_n;
		us += proc->latency_us;
		max = proc->latency_max_us > max ? proc->latency_max_us : max;
		events += proc->events;
		for (int b = 0; b < LATENCIES; b++)
			hist[b] += proc->latency[b];
	}
	while (i < LATENCIES - 1 && (below += hist[i]) < n - n / 100)
		i++;
	printf("# rdma_connect to ESTABLISHED: %llu, mean %.0f us, 99%% below %llu us, "
	       "most %.1f ms (stops included)\n",
	       (unsigned long long)n, n ? (double)us / (double)n : 0.0, 1ull << i,
	       (double)max / 1e3);
	printf("# %llu events\n", (unsigned long long)events);
}

static void print_trend(const char *what, struct trend t)
{
	printf("# server: %-12s %12.1f at the begin %12.1f at the end %+12.6f per connection\n",
	       what, t.first, t.last, t.slope);
}

/* ---- what must hold */

static void test_flat(const struct sample *s, unsigned int n)
{
	struct trend heap = trend_of(s, n, offsetof(struct sample, heap));
	struct trend rss = trend_of(s, n, offsetof(struct sample, rss_kb));
	struct trend fds = trend_of(s, n, offsetof(struct sample, fds));
	struct trend threads = trend_of(s, n, offsetof(struct sample, threads));

	print_trend("heap, bytes", heap);
	print_trend("RSS, kB", rss);
	print_trend("descriptors", fds);
	print_trend("threads", threads);
	test(n >= 20, "enough samples");
	test(heap.slope < HEAP_SLOPE, "malloc'ed memory of the server is flat");
	test(rss.slope < RSS_SLOPE, "resident memory of the server is flat");
	test(fds.slope < FD_SLOPE, "descriptors of the server are flat");
	test(threads.slope < THREAD_SLOPE, "threads of the server are flat");
}

static bool ended_as_it_began(const struct proc *p)
{
	bool good = p->end_fds <= p->start_fds && p->end_threads <= p->start_threads &&
		    p->at_end <= p->at_start + HEAP_REST;

	printf("# %-14s descriptors %u to %u, threads %u to %u, heap %llu to %llu, "
	       "%llu ends closed%s\n",
	       role_names[p->role], p->start_fds, p->end_fds, p->start_threads, p->end_threads,
	       (unsigned long long)p->at_start, (unsigned long long)p->at_end,
	       (unsigned long long)p->closed, good ? "" : " <--");
	return good;
}

static void test_ends(void)
{
	bool good = true, none = true;

	for (unsigned int i = 0; i < PROCS && book->procs[i].pid; i++) {
		const struct proc *p = &book->procs[i];

		if (p->killed)
			continue;
		good = ended_as_it_began(p) && good;
		none = none && !p->ends;
	}
	test(good, "every process ends with what it began with");
	test(none, "no end is left");
}

static bool all_kinds(const struct verdict *v)
{
	for (int kind = 0; kind < KINDS; kind++)
		if (!v->fates[kind][FATE_WHOLE])
			return false;
	return v->fates[KIND_V4][FATE_DESTROYED] && v->fates[KIND_V4][FATE_REJECTED] &&
	       v->fates[KIND_V4][FATE_DROPPED] && v->fates[KIND_V4][FATE_GAVE_UP];
}

int report(const struct verdict *v, const struct chaos *c, const struct sample *samples,
	   unsigned int n, bool silent)
{
	print_fates(v);
	print_chaos(c);
	print_latencies();
	test(v->bad == 0, "each connection has one outcome and one end, and both ends agree");
	test(all_kinds(v), "connections of all kinds");
	test_flat(samples, n);
	test_ends();
	test(silent, "the library has logged no error");
	printf("1..%d\n", tests);
	return bad != 0;
}
