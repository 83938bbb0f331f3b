// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Memory, descriptors and threads: of this process, and of another. */
#include <dirent.h>
#include <malloc.h>
#include <netinet/in.h>
#include <unistd.h>

#include "tests/soak/soak_end.h"

#define WATCH_US 500000
#define SETTLE_MS 8000 /* sockets may take their time to close */

/* ---- this process */

static uint64_t heap_now(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void *watch(void *unused)
{
	while (true) {
		usleep(WATCH_US);
		ends_watch();
		atomic_set(&book->procs[self].heap, heap_now());
	}
	return unused;
}

/* What the library keeps for the rest of the process is there from the start. */
static void warm_up(void)
{
	struct rdma_event_channel *channel = new_channel();
	struct sockaddr_storage address = address_of(0, DOOR_V4);
	struct rdma_cm_id *id;

	((struct sockaddr_in *)&address)->sin_port = 0;
	if (rdma_create_id(channel, &id, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(id, (struct sockaddr *)&address) || rdma_listen(id, 1))
		fail("rdma_listen: %m");
	rdma_destroy_id(id);
	if (rdma_create_id(channel, &id, NULL, RDMA_PS_TCP) ||
	    rdma_resolve_addr(id, NULL, (struct sockaddr *)&address, 1000))
		fail("rdma_resolve_addr: %m");
	rdma_destroy_id(id);
	rdma_destroy_event_channel(channel);
}

void sample_self_start(void)
{
	struct proc *p = &book->procs[self];
	struct sample s = { 0 };
	pthread_t thread;

	warm_up();
	pthread_create(&thread, NULL, watch, NULL);
	pthread_detach(thread);
	sample_process(getpid(), &s);
	p->start_fds = (uint32_t)s.fds;
	p->start_threads = (uint32_t)s.threads;
	p->at_start = heap_now();
}

void sample_self_end(void)
{
	struct proc *p = &book->procs[self];
	uint32_t start = now_ms();
	struct sample s = { 0 };

	do {
		usleep(20000);
		sample_process(getpid(), &s);
	} while ((s.fds > p->start_fds || s.threads > p->start_threads) &&
		 now_ms() - start < SETTLE_MS);
	p->end_fds = (uint32_t)s.fds;
	p->end_threads = (uint32_t)s.threads;
	p->at_end = heap_now();
}

/* ---- any process */

static uint64_t count_fds(int pid)
{
	char path[64];
	uint64_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	for (struct dirent *d; (d = readdir(dir));)
		n += d->d_name[0] != '.';
	closedir(dir);
	return pid == getpid() ? n - 1 : n; /* dir's own */
}

bool sample_process(int pid, struct sample *s)
{
	unsigned long value;
	char text[256];
	FILE *f;

	snprintf(text, sizeof(text), "/proc/%d/status", pid);
	f = fopen(text, "r");
	if (!f)
		return false;
	while (fgets(text, sizeof(text), f)) {
		if (sscanf(text, "RssAnon: %lu", &value) == 1)
			s->rss_kb = value;
		else if (sscanf(text, "Threads: %lu", &value) == 1)
			s->threads = value;
	}
	fclose(f);
	s->fds = count_fds(pid);
	return true;
}

/* ---- trends */

static double value_of(const struct sample *s, size_t at)
{
	uint64_t value;

	memcpy(&value, (const char *)s + at, sizeof(value));
	return (double)value;
}

static double mean_of(const struct sample *s, unsigned int n, size_t at)
{
	double sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += value_of(&s[i], at);
	return n ? sum / n : 0;
}

struct trend trend_of(const struct sample *samples, unsigned int n, size_t at)
{
	const struct sample *s = samples + n / 3;
	unsigned int m = n - n / 3, part = m / 5 ? m / 5 : 1;
	double x, y, xx = 0, xy = 0;
	double x0 = mean_of(s, m, offsetof(struct sample, closed)), y0 = mean_of(s, m, at);
	struct trend t = { .first = mean_of(s, part, at), .last = mean_of(s + m - part, part, at) };

	for (unsigned int i = 0; i < m; i++) {
		x = (double)s[i].closed - x0;
		y = value_of(&s[i], at) - y0;
		xx += x * x;
		xy += x * y;
	}
	t.slope = xx > 0 ? xy / xx : 0;
	return t;
}
