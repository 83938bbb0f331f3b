// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Ten thousand connections at a time in one process, on the software device, to
 * a second one: opened as fast as it goes, left idle, each used in both
 * directions, a tenth closed and opened again, all closed in random order. TAP.
 *
 * usage: many [-1] [-n CONNECTIONS] [-r SEED]
 *	-1  both ends in one process: 20,000 sockets
 *
 * Each side has one thread, which makes all calls for its ids: it sleeps on the
 * event channel, the completion channel and the jobs that main() gives it.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <infiniband/verbs.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES 4 /* 127.0.0.1 and so on: each has its ports */
#define WINDOW 512  /* connections under way at a time */
#define STEPS 64    /* of a job between two looks at the events */
#define SPARE_FDS 200
#define WARM_UP 64
#define IDLE_S 2
#define IDLE_CPU_MS 20
#define REOPEN 10 /* one of so many */
#define PATIENCE_S 60
#define DEARER 2.5

/* When all is closed: tables that have grown for all of them. */
#define HEAP_REST (4u << 20)

#define fail(...)                                      \
	do {                                           \
		fprintf(stderr, "many: " __VA_ARGS__); \
		fputc('\n', stderr);                   \
		exit(1);                               \
	} while (0)

enum side_of {
	CLIENT,
	SERVER,
	SIDES
};
enum what {
	NOTHING,
	OPEN,
	CLOSE,
	SEND
};

struct message {
	uint32_t index, round, from, sum;
};

struct one {
	struct rdma_cm_id *id;
	bool up;
	uint32_t round; /* how often it was opened */
	struct message in, out;
};

/* What main() wants done; the side's thread takes it when @what is set. */
struct job {
	enum what what; /* atomic; NOTHING: all has been begun */
	const uint32_t *indices;
	unsigned int n, next;
};

struct held {
	size_t heap;
	unsigned long rss_kb;
	unsigned int fds;
};

/* Shared by both processes; what is made by one side is its own. */
struct side {
	enum side_of which;
	struct rdma_event_channel *channel;
	struct rdma_cm_id *listeners[ADDRESSES];
	struct ibv_comp_channel *comp;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	struct one *ones;
	struct job job;
	int wake;
	bool quit, measure; /* atomic; @measure: @held is wanted */
	struct held held;
	pthread_t thread;
	pid_t pid; /* of the client's process */
	/* Atomic. */
	unsigned int begun, established, disconnected, sent, received, bad;
};

static struct side *sides;
static in_port_t *ports;
static unsigned int wanted = 10000;
static bool one_process;
static uint64_t dice;
static int tests, failed;

#define get(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define count(p) __atomic_add_fetch(p, 1, __ATOMIC_ACQ_REL)

static uint32_t random_below(uint32_t n)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(dice >> 33) % n;
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void test(bool good, const char *what)
{
	tests++;
	failed += !good;
	printf("%sok %d - %s\n", good ? "" : "not ", tests, what);
}

/* ---- what the process holds */

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	if (!dir)
		fail("/proc/self/fd: %m");
	for (struct dirent *d; (d = readdir(dir));)
		n += d->d_name[0] != '.';
	closedir(dir);
	return n - 1;
}

static unsigned long rss_kb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kb = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %lu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static double cpu_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Of both sides. */
static double cpu_s(void)
{
	double cpu = cpu_of(CLOCK_PROCESS_CPUTIME_ID);
	clockid_t clock;

	if (!one_process && !clock_getcpuclockid(sides[CLIENT].pid, &clock))
		cpu += cpu_of(clock);
	return cpu;
}

/* ---- one connection */

static struct message message_of(const struct side *s, uint32_t index, enum side_of from)
{
	struct message m = { .index = index, .round = s->ones[index].round, .from = from };

	m.sum = (m.index * 2654435761u) ^ (m.round * 40503u) ^ (m.from + 1);
	return m;
}

static uint64_t wr_id_of(uint32_t index, bool send)
{
	return (uint64_t)index << 1 | send;
}

static void post_receive(struct side *s, uint32_t index)
{
	struct one *one = &s->ones[index];
	struct ibv_sge sge = { (uintptr_t)&one->in, sizeof(one->in), s->mr->lkey };
	struct ibv_recv_wr wr = { .wr_id = wr_id_of(index, false), .sg_list = &sge, .num_sge = 1 };
	struct ibv_recv_wr *bad;

	if (ibv_post_recv(one->id->qp, &wr, &bad))
		fail("ibv_post_recv");
}

static void open_end(struct side *s, uint32_t index)
{
	struct one *one = &s->ones[index];
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 2, .max_recv_wr = 2, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};

	if (!s->cq) {
		s->comp = ibv_create_comp_channel(one->id->verbs);
		s->cq = ibv_create_cq(one->id->verbs, (int)(4 * wanted), NULL, s->comp, 0);
		s->mr = ibv_reg_mr(one->id->pd, s->ones, wanted * sizeof(*s->ones),
				   IBV_ACCESS_LOCAL_WRITE);
		if (!s->cq || !s->mr || ibv_req_notify_cq(s->cq, 0))
			fail("a CQ: %m");
	}
	attr.send_cq = attr.recv_cq = s->cq;
	if (rdma_create_qp(one->id, NULL, &attr))
		fail("rdma_create_qp %u: %m", index);
	post_receive(s, index);
}

static void begin(struct side *s, uint32_t index)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK + index % ADDRESSES),
				  .sin_port = ports[index % ADDRESSES] };
	struct one *one = &s->ones[index];

	one->round++;
	count(&s->begun);
	if (rdma_create_id(s->channel, &one->id, one, RDMA_PS_TCP) ||
	    rdma_resolve_addr(one->id, NULL, (struct sockaddr *)&to, 10000))
		fail("rdma_resolve_addr %u: %m", index);
}

static void send_message(struct side *s, uint32_t index)
{
	struct one *one = &s->ones[index];
	struct ibv_sge sge = { (uintptr_t)&one->out, sizeof(one->out), s->mr->lkey };
	struct ibv_send_wr wr = { .wr_id = wr_id_of(index, true),
				  .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND },
			   *bad;

	one->out = message_of(s, index, s->which);
	if (ibv_post_send(one->id->qp, &wr, &bad))
		fail("ibv_post_send");
}

static void close_end(struct side *s, struct rdma_cm_id *id)
{
	struct one *one = id->context;

	rdma_destroy_qp(id);
	if (rdma_destroy_id(id))
		fail("rdma_destroy_id: %m");
	one->id = NULL;
	one->up = false;
	count(&s->disconnected);
}

/* ---- events */

static void on_request(struct side *s, const struct rdma_cm_event *ev)
{
	struct rdma_conn_param param = { .responder_resources = 1, .initiator_depth = 1 };
	struct one *one;
	uint32_t index;

	memcpy(&index, ev->param.conn.private_data, sizeof(index));
	if (ev->param.conn.private_data_len < sizeof(index) || index >= wanted || s->ones[index].id)
		fail("a request of nobody");
	one = &s->ones[index];
	one->id = ev->id;
	one->id->context = one;
	one->round++;
	count(&s->begun);
	open_end(s, index);
	if (rdma_accept(one->id, &param))
		fail("rdma_accept %u: %m", index);
}

static void do_connect(struct side *s, struct rdma_cm_id *id)
{
	uint32_t index = (uint32_t)((struct one *)id->context - s->ones);
	struct rdma_conn_param param = { .responder_resources = 1,
					 .initiator_depth = 1,
					 .private_data = &index,
					 .private_data_len = sizeof(index) };

	open_end(s, index);
	if (rdma_connect(id, &param))
		fail("rdma_connect %u: %m", index);
}

/* True: the id's end, after the ack. */
static bool on_event(struct side *s, const struct rdma_cm_event *ev)
{
	switch (ev->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		if (rdma_resolve_route(ev->id, 10000))
			fail("rdma_resolve_route: %m");
		return false;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		do_connect(s, ev->id);
		return false;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		on_request(s, ev);
		return false;
	case RDMA_CM_EVENT_ESTABLISHED:
		((struct one *)ev->id->context)->up = true;
		count(&s->established);
		return false;
	case RDMA_CM_EVENT_DISCONNECTED:
		return true;
	default:
		fail("%s, status %d", rdma_event_str(ev->event), ev->status);
	}
}

static void take_events(struct side *s)
{
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;
	bool end;

	while (!rdma_get_cm_event(s->channel, &ev)) {
		id = ev->id;
		end = on_event(s, ev);
		rdma_ack_cm_event(ev);
		if (end)
			close_end(s, id);
	}
	if (errno != EAGAIN)
		fail("rdma_get_cm_event: %m");
}

static void on_receive(struct side *s, uint32_t index)
{
	struct message want = message_of(s, index, !s->which);

	if (memcmp(&want, &s->ones[index].in, sizeof(want)))
		count(&s->bad);
	post_receive(s, index);
	count(&s->received);
	if (s->which == SERVER)
		send_message(s, index);
}

static void take_completions(struct side *s)
{
	struct ibv_wc wc[32];
	struct ibv_cq *cq;
	void *context;
	int n;

	if (ibv_get_cq_event(s->comp, &cq, &context) || ibv_req_notify_cq(cq, 0))
		fail("ibv_get_cq_event: %m");
	ibv_ack_cq_events(cq, 1);
	while ((n = ibv_poll_cq(cq, 32, wc)) > 0)
		for (int i = 0; i < n; i++) {
			if (wc[i].status == IBV_WC_WR_FLUSH_ERR)
				continue; /* the receive of one that has ended */
			if (wc[i].status)
				count(&s->bad);
			else if (wc[i].wr_id & 1)
				count(&s->sent);
			else
				on_receive(s, (uint32_t)(wc[i].wr_id >> 1));
		}
}

/* ---- the thread of a side */

static void step(struct side *s, uint32_t index)
{
	switch (s->job.what) {
	case OPEN:
		begin(s, index);
		break;
	case CLOSE:
		if (rdma_disconnect(s->ones[index].id))
			fail("rdma_disconnect %u: %m", index);
		break;
	default:
		send_message(s, index);
	}
}

static bool may_step(const struct side *s)
{
	return get(&s->job.what) == OPEN ? s->begun - s->established < WINDOW
					 : get(&s->job.what) != NOTHING;
}

static void do_job(struct side *s)
{
	for (unsigned int i = 0; i < STEPS && may_step(s); i++) {
		step(s, s->job.indices[s->job.next++]);
		if (s->job.next == s->job.n)
			__atomic_store_n(&s->job.what, NOTHING, __ATOMIC_RELEASE);
	}
}

static void measure_here(struct side *s)
{
	malloc_trim(0);
	s->held = (struct held){ .heap = heap(), .rss_kb = rss_kb(), .fds = count_fds() };
	__atomic_store_n(&s->measure, false, __ATOMIC_RELEASE);
}

static void *run(void *arg)
{
	struct side *s = arg;
	uint64_t unused;

	while (!get(&s->quit)) {
		struct pollfd pfd[3] = { { .fd = s->channel->fd, .events = POLLIN },
					 { .fd = s->wake, .events = POLLIN },
					 { .fd = s->comp ? s->comp->fd : -1, .events = POLLIN } };

		if (poll(pfd, 3, may_step(s) ? 0 : -1) < 0 && errno != EINTR)
			fail("poll: %m");
		if (pfd[1].revents && read(s->wake, &unused, sizeof(unused)) < 0)
			fail("eventfd: %m");
		if (pfd[0].revents)
			take_events(s);
		if (pfd[2].revents)
			take_completions(s);
		do_job(s);
		if (get(&s->measure))
			measure_here(s);
	}
	return NULL;
}

static void wake(struct side *s)
{
	uint64_t one = 1;

	if (write(s->wake, &one, sizeof(one)) < 0)
		fail("eventfd: %m");
}

static struct held measure(struct side *s)
{
	__atomic_store_n(&s->measure, true, __ATOMIC_RELEASE);
	wake(s);
	for (int i = 0; get(&s->measure); i++) {
		if (i > 10000)
			fail("a side does not answer");
		usleep(1000);
	}
	return s->held;
}

static void begin_job(struct side *s, enum what what, const uint32_t *indices, unsigned int n)
{
	if (!n)
		return;
	s->job.indices = indices;
	s->job.n = n;
	s->job.next = 0;
	__atomic_store_n(&s->job.what, what, __ATOMIC_RELEASE);
	wake(s);
}

/* ---- what main() waits for */

static void await(const unsigned int *counter, unsigned int n, const char *what)
{
	double until = now_s() + PATIENCE_S;

	while (get(counter) < n) {
		if (now_s() > until)
			fail("%s: %u of %u after %d s", what, get(counter), n, PATIENCE_S);
		usleep(500);
	}
}

static void await_both(size_t at, unsigned int more, const unsigned int before[SIDES],
		       const char *what)
{
	for (int i = 0; i < SIDES; i++)
		await((const unsigned int *)((const char *)&sides[i] + at), before[i] + more, what);
}

#define AT(field) offsetof(struct side, field)

static void open_all(const uint32_t *indices, unsigned int n)
{
	unsigned int before[SIDES] = { sides[0].established, sides[1].established };

	begin_job(&sides[CLIENT], OPEN, indices, n);
	await_both(AT(established), n, before, "established");
}

/* The first @half by the client, the others by the server. */
static void close_all(const uint32_t *indices, unsigned int n)
{
	unsigned int before[SIDES] = { sides[0].disconnected, sides[1].disconnected };
	unsigned int half = n / 2;

	begin_job(&sides[CLIENT], CLOSE, indices, half);
	begin_job(&sides[SERVER], CLOSE, indices + half, n - half);
	await_both(AT(disconnected), n, before, "disconnected");
}

static void talk_all(const uint32_t *indices, unsigned int n)
{
	unsigned int received[SIDES] = { sides[0].received, sides[1].received };
	unsigned int sent[SIDES] = { sides[0].sent, sides[1].sent };

	begin_job(&sides[CLIENT], SEND, indices, n);
	await_both(AT(received), n, received, "messages");
	await_both(AT(sent), n, sent, "completions of Sends");
}

static void shuffle(uint32_t *indices, unsigned int n)
{
	for (unsigned int i = n; i > 1; i--) {
		uint32_t j = random_below(i), index = indices[i - 1];

		indices[i - 1] = indices[j];
		indices[j] = index;
	}
}

/* ---- start and end */

static void listen_all(struct side *s)
{
	for (unsigned int i = 0; i < ADDRESSES; i++) {
		struct sockaddr_in sin = { .sin_family = AF_INET,
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK + i) };

		if (rdma_create_id(s->channel, &s->listeners[i], NULL, RDMA_PS_TCP) ||
		    rdma_bind_addr(s->listeners[i], (struct sockaddr *)&sin) ||
		    rdma_listen(s->listeners[i], 2 * WINDOW))
			fail("rdma_listen: %m");
		__atomic_store_n(&ports[i], rdma_get_src_port(s->listeners[i]), __ATOMIC_RELEASE);
	}
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap: %m");
	return p;
}

static void side_new(enum side_of which)
{
	struct side *s = &sides[which];

	s->which = which;
	s->ones = shared(wanted * sizeof(*s->ones));
	s->wake = eventfd(0, EFD_CLOEXEC);
	if (s->wake < 0)
		fail("eventfd: %m");
}

static void side_up(struct side *s)
{
	s->channel = rdma_create_event_channel();
	if (!s->channel)
		fail("rdma_create_event_channel: %m");
	fcntl(s->channel->fd, F_SETFL, O_NONBLOCK);
	if (s->which == SERVER)
		listen_all(s);
}

static void side_down(struct side *s)
{
	for (unsigned int i = 0; i < ADDRESSES && s->listeners[i]; i++)
		rdma_destroy_id(s->listeners[i]);
	if (ibv_dereg_mr(s->mr) || ibv_destroy_cq(s->cq) || ibv_destroy_comp_channel(s->comp))
		fail("a CQ does not go: %m");
	rdma_destroy_event_channel(s->channel);
}

static void *live(void *arg)
{
	side_up(arg);
	run(arg);
	side_down(arg);
	return NULL;
}

/* Before anything of the library is used here. */
static void start_side(struct side *s, bool process)
{
	pid_t parent = getpid();

	if (!process) {
		if (pthread_create(&s->thread, NULL, live, s))
			fail("pthread_create");
		return;
	}
	s->pid = fork();
	if (s->pid < 0)
		fail("fork: %m");
	if (s->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		live(s);
	exit(0);
}

static void end_side(struct side *s)
{
	int status = 0;

	__atomic_store_n(&s->quit, true, __ATOMIC_RELEASE);
	wake(s);
	if (s->pid)
		waitpid(s->pid, &status, 0);
	else
		pthread_join(s->thread, NULL);
	if (status)
		fail("the client's process ended with %#x", status);
}

/* In CI the means have to be there. */
static void check_limit(void)
{
	const unsigned int need = (one_process ? 2 : 1) * wanted + SPARE_FDS;
	const char *ci = getenv("CI");
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	/* Who has the right lifts the hard limit, too. */
	if (limit.rlim_max < need) {
		struct rlimit more = { .rlim_cur = need, .rlim_max = need };

		if (!setrlimit(RLIMIT_NOFILE, &more))
			return;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max >= need)
		return;
	if (ci && *ci && strcmp(ci, "false")) {
		printf("not ok 1 - %u descriptors; %lu are allowed\n1..1\n", 2 * wanted + SPARE_FDS,
		       (unsigned long)limit.rlim_max);
		exit(1);
	}
	printf("1..0 # SKIP %u descriptors are needed, %lu are allowed (ulimit -Hn)\n", need,
	       (unsigned long)limit.rlim_max);
	exit(0);
}

/* Sockets may take two seconds to close. */
static struct held settled(struct side *s, unsigned int fds)
{
	struct held h = measure(s);

	for (int i = 0; i < 200 && h.fds > fds; i++) {
		usleep(20000);
		h = measure(s);
	}
	return h;
}

static void stay_idle(void)
{
	double cpu;

	usleep(300000);
	cpu = cpu_s();
	sleep(IDLE_S);
	cpu = (cpu_s() - cpu) * 1e3;
	printf("# idle: %.1f ms of CPU in %d s\n", cpu, IDLE_S);
	test(cpu <= IDLE_CPU_MS, "idle connections cost no CPU");
}

/* CPU time for each, in seconds. */
static double timed(const char *what, void (*all)(const uint32_t *, unsigned int),
		    const uint32_t *indices, unsigned int n)
{
	double start = now_s(), cpu = cpu_s();

	all(indices, n);
	start = now_s() - start;
	cpu = cpu_s() - cpu;
	printf("# %-8s %6u in %6.2f s, %6.1f us each, CPU %6.1f us each\n", what, n, start,
	       start / n * 1e6, cpu / n * 1e6);
	return cpu / n;
}

static unsigned int count_up(const struct side *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < wanted; i++)
		n += s->ones[i].up;
	return n;
}

static void say_held(const char *when, const struct held *was)
{
	unsigned int last = one_process ? 1 : 2;

	for (unsigned int i = 0; i < last; i++) {
		struct held h = measure(&sides[i]);

		printf("# %s, %s: each %.0f bytes malloc'ed, %.0f resident; %u descriptors\n", when,
		       one_process ? "both ends"
		       : i	   ? "server"
				   : "client",
		       (double)(h.heap - was[i].heap) / wanted,
		       ((double)h.rss_kb - (double)was[i].rss_kb) * 1024 / wanted, h.fds);
	}
}

/* What grows with their number shows here: of all at a time each costs no more. */
static void test_cost(double all, double few, const char *what)
{
	test(all < DEARER * few, what);
}

static void all_phases(uint32_t *indices, const struct held *was)
{
	double open, close;

	open = timed("open", open_all, indices, wanted);
	say_held("open", was);
	test(count_up(&sides[CLIENT]) == wanted && count_up(&sides[SERVER]) == wanted,
	     "all are established at a time");
	stay_idle();
	timed("messages", talk_all, indices, wanted);
	shuffle(indices, wanted);
	close = timed("close", close_all, indices, wanted / REOPEN);
	test_cost(open, timed("reopen", open_all, indices, wanted / REOPEN),
		  "to open all costs each no more than to open some");
	timed("messages", talk_all, indices, wanted);
	shuffle(indices, wanted);
	test_cost(timed("close", close_all, indices, wanted), close,
		  "to close all costs each no more than to close some");
}

/* What stays for the rest of the process is made by the first few. */
static void warm_up(const uint32_t *indices, struct held *was)
{
	open_all(indices, WARM_UP);
	talk_all(indices, WARM_UP);
	for (int i = 0; i < SIDES; i++)
		was[i] = measure(&sides[i]);
	close_all(indices, WARM_UP);
	for (int i = 0; i < SIDES; i++)
		was[i] = settled(&sides[i], was[i].fds - (one_process ? 2 : 1) * WARM_UP);
}

static void test_held(const struct held *was)
{
	for (int i = 0; i < SIDES; i++) {
		struct held h = settled(&sides[i], was[i].fds);

		printf("# %s: heap %zu to %zu, resident %lu to %lu kB, descriptors %u to %u\n",
		       i == CLIENT ? "client" : "server", was[i].heap, h.heap, was[i].rss_kb,
		       h.rss_kb, was[i].fds, h.fds);
		test(h.fds == was[i].fds, "all descriptors are closed");
		test(h.heap < was[i].heap + HEAP_REST, "all memory is free");
	}
}

static void test_counts(void)
{
	unsigned int n = WARM_UP + wanted + wanted / REOPEN;

	for (int i = 0; i < SIDES; i++) {
		const struct side *s = &sides[i];

		printf("# %s: %u begun, %u established, %u disconnected, %u sent, %u received, "
		       "%u bad\n",
		       i == CLIENT ? "client" : "server", s->begun, s->established, s->disconnected,
		       s->sent, s->received, s->bad);
		test(s->begun == n && s->established == n && s->disconnected == n && !count_up(s),
		     "each connection is established once and ends once");
		test(s->sent == 2 * wanted + WARM_UP && s->received == s->sent && !s->bad,
		     "each message came, and was right");
	}
}

static uint32_t *all_indices(void)
{
	uint32_t *indices = shared(wanted * sizeof(*indices));

	for (uint32_t i = 0; i < wanted; i++)
		indices[i] = i;
	return indices;
}

static int do_all(void)
{
	uint32_t *indices = all_indices();
	struct held was[SIDES];

	sides = shared(SIDES * sizeof(*sides));
	ports = shared(ADDRESSES * sizeof(*ports));
	side_new(CLIENT);
	side_new(SERVER);
	start_side(&sides[CLIENT], !one_process);
	start_side(&sides[SERVER], false);
	while (!get(&ports[ADDRESSES - 1]))
		usleep(1000);
	warm_up(indices, was);
	all_phases(indices, was);
	test_held(was);
	test_counts();
	end_side(&sides[CLIENT]);
	end_side(&sides[SERVER]);
	printf("1..%d\n", tests);
	return failed != 0;
}

int main(int argc, char **argv)
{
	int o;

	dice = (uint64_t)time(NULL);
	while ((o = getopt(argc, argv, "1n:r:")) != -1) {
		if (o == '1')
			one_process = true;
		else if (o == 'n')
			wanted = (unsigned int)strtoul(optarg, NULL, 0);
		else if (o == 'r')
			dice = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	if (wanted < WARM_UP)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	check_limit();
	setenv("IWSHIM_DEVICE", "soft", 1);
	printf("# %u connections, seed %llu\n", wanted, (unsigned long long)dice);
	return do_all();
}
