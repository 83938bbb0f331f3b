// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The kernel driver below the core on a real device, without the shim: one
 * process that connects to itself and to raw TCP peers. Prints TAP.
 * usage: kdrv_test ADDRESS...    addresses of an iWARP device, numeric
 *        kdrv_test -c ADDRESS    connects, then sleeps until it is killed
 */
#include <arpa/inet.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "driver/kernel/kpark.h"
#include "driver/registry.h"

#define PORT 7471
#define RAW_PORT 7472
#define PATIENCE_MS 5000
#define AT_ONCE_MS 100.0

/* --------------------------------------------------------------------- TAP */

static int ntests, nfailed;

static void ok(bool good, const char *text)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++ntests, text);
	nfailed += !good;
}

static void is(long got, long want, const char *text)
{
	ok(got == want, text);
	if (got != want)
		printf("#   got %ld, want %ld\n", got, want);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void at_once(double since, const char *text)
{
	double took = now_ms() - since;

	ok(took < AT_ONCE_MS, text);
	if (took >= AT_ONCE_MS)
		printf("#   took %.1f ms\n", took);
}

/* -------------------------------------------------------------------- Ends */

#define EVENTS_MAX 8

/* One side of a connection, or a listener. */
struct end {
	struct iw_cm_id *id;
	struct ibv_qp *qp;
	struct iw_source *source;
	int fd;
	struct iw_cm_event events[EVENTS_MAX];
	char data[EVENTS_MAX][256];
	unsigned int nevents;
};

static const struct iw_driver *driver;
static struct ibv_context *context;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static unsigned int patience = PATIENCE_MS;

static int on_event(struct iw_cm_id *id, const struct iw_cm_event *ev)
{
	struct end *end = id->context;
	unsigned int n = end->nevents;

	if (n == EVENTS_MAX)
		return 0;
	end->events[n] = *ev;
	iw_copy(end->data[n], sizeof(end->data[n]), ev->param.private_data,
		ev->param.private_data_len);
	if (ev->type == IW_CM_EVENT_CONNECT_REQUEST)
		iw_cm_request_taken(ev->child);
	end->nevents++;
	return 0;
}

/* Pumps until @end has an event of the type; NULL after the patience. */
static const struct iw_cm_event *await(struct end *end, enum iw_cm_event_type type)
{
	double until = now_ms() + patience;

	for (;;) {
		struct pollfd p = { .fd = end->fd, .events = POLLIN };

		for (unsigned int i = 0; i < end->nevents; i++)
			if (end->events[i].type == type)
				return &end->events[i];
		if (now_ms() > until)
			return NULL;
		if (poll(&p, 1, 20) > 0)
			driver->source_pump(end->source);
	}
}

static int status_of(struct end *end, enum iw_cm_event_type type)
{
	const struct iw_cm_event *ev = await(end, type);

	return ev ? ev->status : 1;
}

static int end_new(struct end *end, struct iw_source *source, int fd)
{
	struct iw_cm_open_arg arg = { .source = source, .ps = 0x106, .qp_type = IBV_QPT_RC };

	memset(end, 0, sizeof(*end));
	end->source = source;
	end->fd = fd;
	return iw_cm_create(driver->cm, &arg, on_event, end, &end->id);
}

/* Makes @end the side of a child that a request brought. */
static void end_adopt(struct end *end, const struct end *listener, struct iw_cm_id *child)
{
	memset(end, 0, sizeof(*end));
	end->id = child;
	end->source = listener->source;
	end->fd = listener->fd;
	child->context = end;
}

static int end_qp(struct end *end)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.qp_type = IBV_QPT_RC,
		.cap = { .max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1 },
	};
	int ret;

	end->qp = ibv_create_qp(pd, &attr);
	if (!end->qp)
		return -errno;
	ret = iw_cm_qp_attach(end->id, end->qp);
	return ret ? ret : iw_cm_qp_modify(end->id, IW_QP_INIT);
}

static void end_free(struct end *end)
{
	if (end->id)
		iw_cm_destroy(end->id);
	if (end->qp)
		ibv_destroy_qp(end->qp);
	memset(end, 0, sizeof(*end));
}

static struct sockaddr_storage address(const char *text, uint16_t port)
{
	struct sockaddr_storage ss = { .ss_family = AF_INET };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_port = htons(port);
	} else {
		ss.ss_family = AF_INET6;
		inet_pton(AF_INET6, text, &v6->sin6_addr);
		v6->sin6_port = htons(port);
	}
	return ss;
}

static int end_listen(struct end *end, const char *where, unsigned int slots)
{
	struct sockaddr_storage ss = address(where, PORT);
	int ret = iw_cm_bind(end->id, (struct sockaddr *)&ss);

	return ret ? ret : iw_cm_listen(end->id, 16, slots);
}

/* Up to and with the call of connect. */
static int end_connect(struct end *end, const char *where, uint16_t port)
{
	struct sockaddr_storage ss = address(where, port);
	struct iw_cm_conn_param param = { .private_data = "hello",
					  .private_data_len = 5,
					  .responder_resources = 7,
					  .initiator_depth = 5 };
	struct iw_cm_addr_info info;
	int ret;

	ret = iw_cm_resolve_addr(end->id, NULL, (struct sockaddr *)&ss, 2000);
	if (!ret)
		ret = status_of(end, IW_CM_EVENT_ADDR);
	if (!ret)
		ret = iw_cm_query(end->id, &info);
	if (!ret)
		ret = iw_cm_resolve_route(end->id, 2000);
	if (!ret)
		ret = status_of(end, IW_CM_EVENT_ROUTE);
	if (!ret)
		ret = end_qp(end);
	if (ret)
		return ret;
	param.qp_num = end->qp->qp_num;
	return iw_cm_connect(end->id, &param);
}

static int end_accept(struct end *end)
{
	struct iw_cm_conn_param param = { .private_data = "welcome",
					  .private_data_len = 7,
					  .responder_resources = 3,
					  .initiator_depth = 2 };
	int ret = end_qp(end);

	if (ret)
		return ret;
	param.qp_num = end->qp->qp_num;
	return iw_cm_accept(end->id, &param);
}

/* A listener, its child and a client, on one source. */
struct trio {
	struct iw_source *source;
	int fd;
	struct end listener, child, client;
};

/* Stops at the first error, with what there is by then. */
static int trio_connect(struct trio *t, const char *where)
{
	const struct iw_cm_event *ev;
	int ret;

	memset(t, 0, sizeof(*t));
	ret = driver->source_open(&t->source, &t->fd);
	if (ret)
		return ret;
	ret = end_new(&t->listener, t->source, t->fd);
	if (!ret)
		ret = end_listen(&t->listener, where, 4);
	if (!ret)
		ret = end_new(&t->client, t->source, t->fd);
	if (!ret)
		ret = end_connect(&t->client, where, PORT);
	if (ret)
		return ret;
	ev = await(&t->listener, IW_CM_EVENT_CONNECT_REQUEST);
	if (!ev)
		return -ETIMEDOUT;
	end_adopt(&t->child, &t->listener, ev->child);
	ret = end_accept(&t->child);
	if (!ret)
		ret = status_of(&t->client, IW_CM_EVENT_CONNECT_REPLY);
	return ret ? ret : status_of(&t->child, IW_CM_EVENT_ESTABLISHED);
}

static void trio_free(struct trio *t)
{
	end_free(&t->client);
	end_free(&t->child);
	end_free(&t->listener);
	if (t->source)
		driver->source_close(t->source);
}

static long ids_alive(void)
{
	struct iw_cm_stats stats;

	iw_cm_get_stats(&stats);
	return (long)(stats.ids_created - stats.ids_freed);
}

/* ------------------------------------------------------------------- Tests */

static void test_connection(const char *where)
{
	const struct iw_cm_event *request, *reply, *established;
	struct iw_cm_addr_info info;
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT };
	struct trio t;
	int mask = 0;

	printf("# a whole connection to %s\n", where);
	is(trio_connect(&t, where), 0, "connect and accept");
	request = &t.listener.events[0];
	is(request->param.responder_resources, 5, "the request tells the client's ORD");
	is(request->param.initiator_depth, 7, "and its IRD");
	ok(request->param.private_data_len == 5 && !memcmp(t.listener.data[0], "hello", 5),
	   "and its private data");
	reply = await(&t.client, IW_CM_EVENT_CONNECT_REPLY);
	established = await(&t.child, IW_CM_EVENT_ESTABLISHED);
	if (reply && established) {
		is(reply->detail, 9, "detail is the kernel's number");
		ok(reply->param.private_data_len == 7, "the reply has the server's private data");
		is(reply->param.responder_resources, 2, "the reply tells the server's ORD");
		is(reply->param.initiator_depth, 5, "and its IRD");
		is(established->param.responder_resources, 5,
		   "the server hears of the client's ORD");
		is(established->param.initiator_depth, 2, "and of what the client serves");
	}
	is(iw_cm_query(t.child.id, &info), 0, "query");
	ok(info.node_guid && info.port_num == 1 && info.ibdev_index >= 0, "names the device");
	is(info.src.ss_family, address(where, 0).ss_family, "and has the address");
	is(iw_cm_init_qp_attr(t.client.id, &attr, &mask), 0, "QP attributes");
	is(mask, IBV_QP_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_PORT, "have the iWARP mask");
	is(iw_cm_disconnect(t.client.id, false), 0, "disconnect");
	is(status_of(&t.client, IW_CM_EVENT_CLOSE), 0, "the client's end closes");
	is(status_of(&t.child, IW_CM_EVENT_CLOSE), 0, "the server's end closes");
	is(iw_cm_disconnect(t.child.id, false), 0, "a second disconnect is content");
	trio_free(&t);
	is(ids_alive(), 0, "nothing is left");
}

static void test_refusals(const char *where)
{
	struct end listener, first, second;
	struct iw_source *source;
	int fd;

	printf("# refusals\n");
	driver->source_open(&source, &fd);
	end_new(&first, source, fd);
	is(end_connect(&first, where, PORT), -ECONNREFUSED, "nobody listens: connect says so");
	end_free(&first);

	end_new(&listener, source, fd);
	is(end_listen(&listener, where, 1), 0, "a listener with one credit");
	end_new(&first, source, fd);
	end_new(&second, source, fd);
	is(end_connect(&first, where, PORT), 0, "the first client");
	ok(await(&listener, IW_CM_EVENT_CONNECT_REQUEST), "its request arrives");
	is(iw_cm_reject(listener.events[0].child, "no", 2, 0), 0, "and is rejected");
	is(status_of(&first, IW_CM_EVENT_CONNECT_REPLY), -ECONNREFUSED, "as the client hears");
	iw_cm_destroy(listener.events[0].child);
	iw_cm_destroy(listener.id);
	is(end_connect(&second, where, PORT), -ECONNREFUSED, "a destroyed listener is none");
	end_free(&first);
	end_free(&second);
	driver->source_close(source);
	is(ids_alive(), 0, "nothing is left");
}

static int keep_credit(struct iw_cm_id *id, const struct iw_cm_event *ev)
{
	struct end *end = id->context;

	if (ev->type == IW_CM_EVENT_CONNECT_REQUEST)
		end->events[end->nevents++] = *ev;
	return 0;
}

static void test_credits(const char *where)
{
	struct end listener, clients[2];
	struct iw_source *source;
	int fd;

	printf("# more requests than credits, then none is left to answer\n");
	driver->source_open(&source, &fd);
	end_new(&listener, source, fd);
	listener.id->handler = keep_credit;
	is(end_listen(&listener, where, 1), 0, "a listener with one credit");
	for (int i = 0; i < 2; i++) {
		end_new(&clients[i], source, fd);
		is(end_connect(&clients[i], where, PORT), 0, "a client connects");
	}
	is(status_of(&clients[1], IW_CM_EVENT_CONNECT_REPLY), -ECONNREFUSED,
	   "the second is refused");
	is(listener.nevents, 1, "the first waits");
	iw_cm_destroy(listener.events[0].child);
	is(status_of(&clients[0], IW_CM_EVENT_CONNECT_REPLY), -ECONNREFUSED,
	   "until the server drops it");
	end_free(&listener);
	end_free(&clients[0]);
	end_free(&clients[1]);
	driver->source_close(source);
	is(ids_alive(), 0, "nothing is left");
}

static void test_listener_dies_with_requests(const char *where)
{
	struct iw_source *source, *other;
	struct end listener, clients[3];
	int fd, other_fd;

	printf("# a listener dies with requests that nobody fetched\n");
	driver->source_open(&source, &fd);
	driver->source_open(&other, &other_fd);
	end_new(&listener, source, fd);
	end_listen(&listener, where, 4);
	for (int i = 0; i < 3; i++) {
		end_new(&clients[i], other, other_fd);
		is(end_connect(&clients[i], where, PORT), 0, "a client connects");
	}
	/* siw forgets a request that is still on its way to iw_cm. */
	usleep(500000);
	end_free(&listener);
	for (int i = 0; i < 3; i++) {
		is(status_of(&clients[i], IW_CM_EVENT_CONNECT_REPLY), -ECONNREFUSED,
		   "and is refused");
		end_free(&clients[i]);
	}
	driver->source_close(source);
	driver->source_close(other);
	is(ids_alive(), 0, "nothing is left");
}

static int raw_listen(const char *where)
{
	struct sockaddr_storage ss = address(where, RAW_PORT);
	int one = 1, s = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&ss, sizeof(ss)) || listen(s, 8))
		printf("# cannot listen: %s\n", strerror(errno));
	return s;
}

static void test_silent_peer(const char *where)
{
	struct end first, second;
	struct iw_source *source;
	int fd, raw, peers[2];
	double t;

	printf("# attempts whose peer never answers\n");
	raw = raw_listen(where);
	driver->source_open(&source, &fd);
	end_new(&first, source, fd);
	is(end_connect(&first, where, RAW_PORT), 0, "connect");
	peers[0] = accept(raw, NULL, NULL);
	t = now_ms();
	is(iw_cm_destroy(first.id), 0, "destroy");
	at_once(t, "returns at once");
	is(kpark_count(), 1, "the kernel's id is parked");

	end_new(&second, source, fd);
	is(end_connect(&second, where, RAW_PORT), 0, "connect");
	peers[1] = accept(raw, NULL, NULL);
	t = now_ms();
	is(iw_cm_disconnect(second.id, false), 0, "disconnect");
	at_once(t, "returns at once");
	is(status_of(&second, IW_CM_EVENT_CONNECT_REPLY), -ECANCELED, "the attempt ends");
	t = now_ms();
	is(iw_cm_destroy(second.id), 0, "destroy");
	driver->source_close(source);
	at_once(t, "with its source, at once");
	is(kpark_count(), 2, "parked as well");

	close(peers[0]);
	close(peers[1]);
	close(raw);
	usleep(300000);
	kpark_reap();
	is(kpark_count(), 0, "both end with their peers");
	ibv_destroy_qp(first.qp);
	ibv_destroy_qp(second.qp);
	is(ids_alive(), 0, "nothing is left");
}

static void test_unread_outcome(const char *where)
{
	struct end listener, child, client;
	struct iw_source *source, *other;
	const struct iw_cm_event *ev;
	int fd, other_fd;

	printf("# destroyed with the outcome unread\n");
	driver->source_open(&source, &fd);
	driver->source_open(&other, &other_fd);
	end_new(&listener, source, fd);
	end_listen(&listener, where, 4);
	end_new(&client, other, other_fd);
	is(end_connect(&client, where, PORT), 0, "connect");
	ev = await(&listener, IW_CM_EVENT_CONNECT_REQUEST);
	if (ev) {
		end_adopt(&child, &listener, ev->child);
		is(end_accept(&child), 0, "accept");
		is(status_of(&client, IW_CM_EVENT_CONNECT_REPLY), 0, "the client is connected");
		end_free(&child);
		is(kpark_count(), 0, "the server's end does not linger");
		is(status_of(&client, IW_CM_EVENT_CLOSE), 0, "and the client hears of it");
	}
	end_free(&client);
	end_free(&listener);
	driver->source_close(source);
	driver->source_close(other);
	is(ids_alive(), 0, "nothing is left");
}

static void test_migrate(const char *where)
{
	struct iw_source *other;
	struct trio t;
	int other_fd;

	printf("# migration\n");
	is(trio_connect(&t, where), 0, "connect and accept");
	driver->source_open(&other, &other_fd);
	is(iw_cm_migrate(t.child.id, other, NULL, NULL), 0, "migrate the server's end");
	t.child.source = other;
	t.child.fd = other_fd;
	is(iw_cm_disconnect(t.client.id, false), 0, "disconnect");
	is(status_of(&t.client, IW_CM_EVENT_CLOSE), 0, "the client's end closes");
	is(t.child.nevents, 1, "the server's is not told on the old source");
	is(status_of(&t.child, IW_CM_EVENT_CLOSE), 0, "but on the new one");
	trio_free(&t);
	driver->source_close(other);
	is(ids_alive(), 0, "nothing is left");
}

static void test_killed_peer(const char *where, const char *self)
{
	const struct iw_cm_event *ev;
	struct iw_source *source;
	struct end listener, child;
	pid_t pid;
	int fd;

	printf("# a peer that is killed\n");
	driver->source_open(&source, &fd);
	end_new(&listener, source, fd);
	end_listen(&listener, where, 4);
	pid = fork();
	if (!pid) {
		execl(self, self, "-c", where, NULL);
		_exit(127);
	}
	ev = await(&listener, IW_CM_EVENT_CONNECT_REQUEST);
	ok(ev, "its request");
	if (ev) {
		end_adopt(&child, &listener, ev->child);
		is(end_accept(&child), 0, "accept");
		is(status_of(&child, IW_CM_EVENT_ESTABLISHED), 0, "established");
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (ev) {
		is(status_of(&child, IW_CM_EVENT_CLOSE), 0, "the end closes");
		is(child.nevents, 2, "once");
		end_free(&child);
	}
	end_free(&listener);
	driver->source_close(source);
	is(ids_alive(), 0, "nothing is left");
}

static int in_child(struct trio *t)
{
	struct sockaddr_storage ss = address("10.77.0.1", 1);
	struct iw_cm_addr_info info;
	struct end end;
	double start = now_ms();

	if (end_new(&end, t->source, t->fd) != -EACCES)
		return 1;
	if (iw_cm_query(t->client.id, &info) != -EACCES)
		return 2;
	if (driver->source_pump(t->source) != -EACCES)
		return 3;
	if (iw_cm_bind(t->listener.id, (struct sockaddr *)&ss) == 0)
		return 4;
	iw_cm_destroy(t->client.id);
	iw_cm_destroy(t->child.id);
	iw_cm_destroy(t->listener.id);
	driver->source_close(t->source);
	if (driver->source_open(&t->source, &t->fd) || end_new(&end, t->source, t->fd))
		return 5;
	iw_cm_destroy(end.id);
	driver->source_close(t->source);
	return now_ms() - start < 1000 ? 0 : 6;
}

static void test_fork(const char *where)
{
	struct trio t;
	int status = -1;
	pid_t pid;

	printf("# a forked child\n");
	is(trio_connect(&t, where), 0, "connect and accept");
	pid = fork();
	if (!pid) {
		alarm(20);
		_exit(in_child(&t));
	}
	waitpid(pid, &status, 0);
	is(status, 0, "has no access, and destroys what it has without hanging");
	is(t.client.nevents, 3, "the parent's connection stands");
	is(iw_cm_disconnect(t.client.id, false), 0, "and obeys");
	is(status_of(&t.child, IW_CM_EVENT_CLOSE), 0, "to its end");
	trio_free(&t);
	is(ids_alive(), 0, "nothing is left");
}

static void test_faults(const char *where)
{
	unsigned long n, passed;
	long leaked = 0, succeeded = 0;
	struct trio t;

	printf("# each allocation and system call of a connection fails once\n");
	patience = 300;
	for (n = 1; n < 1000; n++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		succeeded += !trio_connect(&t, where);
		trio_free(&t);
		passed = iw_fault_passed();
		iw_fault_arm(0, 0);
		kpark_reap();
		leaked += ids_alive() != 0;
		if (passed < n)
			break;
	}
	patience = PATIENCE_MS;
	printf("# %lu sites, %ld sweeps connected nevertheless\n", n - 1, succeeded);
	ok(n > 20 && n < 1000, "the sweep ends");
	is(leaked, 0, "no id leaks");
	is(trio_connect(&t, where), 0, "and a connection works afterwards");
	trio_free(&t);
	for (int i = 0; i < 120 && kpark_count(); i++) {
		usleep(100000);
		kpark_reap();
	}
	is(kpark_count(), 0, "nothing stays parked");
}

/* A kernel that cannot look up services is told from one that refuses this id. */
static void test_services(const char *where)
{
	const struct sockaddr_storage addr = address(where, 0);
	const struct iw_cm_service service = { .id = 1 };
	unsigned int major = 0, minor = 0;
	struct utsname kernel;
	struct iw_source *source;
	struct end end;
	bool old;
	int fd;

	printf("# services\n");
	uname(&kernel);
	sscanf(kernel.release, "%u.%u", &major, &minor);
	old = major < 6 || (major == 6 && minor < 18);
	driver->source_open(&source, &fd);
	is(end_new(&end, source, fd), 0, "an id");
	is(iw_cm_resolve_service(end.id, &service) == -EOPNOTSUPP, old, "unbound");
	is(iw_cm_bind(end.id, (const struct sockaddr *)&addr), 0, "bind");
	is(iw_cm_resolve_service(end.id, &service) == -EOPNOTSUPP, old, "bound");
	end_free(&end);
	driver->source_close(source);
	is(ids_alive(), 0, "nothing is left");
}

/* -------------------------------------------------------------------- Main */

static int client_forever(const char *where)
{
	struct iw_source *source;
	struct end client;
	int fd;

	if (driver->source_open(&source, &fd) || end_new(&client, source, fd) ||
	    end_connect(&client, where, PORT) || status_of(&client, IW_CM_EVENT_CONNECT_REPLY))
		return 1;
	for (;;)
		pause();
}

static int open_device(void)
{
	struct ibv_device **list = ibv_get_device_list(NULL);

	for (int i = 0; list && list[i] && !context; i++)
		if (list[i]->transport_type == IBV_TRANSPORT_IWARP)
			context = ibv_open_device(list[i]);
	ibv_free_device_list(list);
	pd = context ? ibv_alloc_pd(context) : NULL;
	cq = pd ? ibv_create_cq(context, 64, NULL, NULL, 0) : NULL;
	return cq ? 0 : -ENODEV;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	driver = iw_driver_get(IW_DRIVER_KERNEL);
	if (argc < 2 || driver->probe() || open_device()) {
		printf("Bail out! no address or no iWARP device\n");
		return 1;
	}
	if (argc == 3 && !strcmp(argv[1], "-c"))
		return client_forever(argv[2]);
	for (int i = 1; i < argc; i++)
		test_connection(argv[i]);
	test_refusals(argv[1]);
	test_credits(argv[1]);
	test_listener_dies_with_requests(argv[1]);
	test_silent_peer(argv[1]);
	test_unread_outcome(argv[1]);
	test_migrate(argv[1]);
	test_killed_peer(argv[1], argv[0]);
	test_fork(argv[1]);
	test_services(argv[1]);
	test_faults(argv[1]);
	printf("1..%d\n", ntests);
	return nfailed != 0;
}
