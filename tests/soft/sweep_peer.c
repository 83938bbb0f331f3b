// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Sessions of fault_sweep whose other end is another process's, and that process.
 * Failures are in one end alone then; the other has to learn of them in time.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fault.h"
#include "tests/soft/sweep_steps.h"

/* What the peer is told, and what it answers. */
#define CONNECT 'c' /* and a port */
#define LISTEN 'l'  /* it answers with a port */
#define END 'e'

struct word {
	char what;
	bool in_vain; /* something that was due never came */
	uint16_t port;
};

static bool hear(int fd, struct word *word, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	ssize_t n;

	if (poll(&pfd, 1, ms) != 1 && (errno != EINTR || poll(&pfd, 1, ms) != 1))
		return false;
	do
		n = recv(fd, word, sizeof(*word), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*word);
}

static bool tell(int fd, struct word word)
{
	ssize_t n;

	do
		n = send(fd, &word, sizeof(word), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == sizeof(word);
}

/* The next event on @ch, unless the other end's word comes first. */
static struct rdma_cm_event *event_or_word(struct sweep *s, struct rdma_event_channel *ch)
{
	struct pollfd pfd[2] = { { .fd = ch->fd, .events = POLLIN },
				 { .fd = s->peer, .events = POLLIN } };
	int64_t end = sweep_now_ms() + sweep_wait_ms;
	struct rdma_cm_event *ev;

	while (sweep_now_ms() < end) {
		poll(pfd, 2, 100);
		if (!rdma_get_cm_event(ch, &ev))
			return ev;
		if (errno != EAGAIN)
			return NULL;
		if (pfd[1].revents && poll(pfd, 1, 300) == 0) {
			errno = ECONNREFUSED;
			return NULL;
		}
	}
	errno = ETIME;
	return NULL;
}

static int request(struct sweep *s)
{
	struct rdma_cm_event *ev;

	STEP(!(ev = event_or_word(s, s->server.events)));
	s->server.id = ev->id;
	rdma_ack_cm_event(ev);
	return 0;
}

static int arrives(struct sweep *s, struct sweep_end *end)
{
	struct ibv_wc wc;

	STEP(sweep_complete(s, end, &wc));
	return 0;
}

/* ---- the ends */

static int serve(struct sweep *s)
{
	struct rdma_conn_param cp = sweep_param();

	if (request(s) || sweep_equip(s, &s->server) || sweep_post_recv(s, &s->server, LARGE))
		return -1;
	STEP(rdma_accept(s->server.id, &cp));
	STEP(sweep_get(s->server.events, RDMA_CM_EVENT_ESTABLISHED, NULL));
	return arrives(s, &s->server);
}

static int use(struct sweep *s)
{
	struct rdma_conn_param cp = sweep_param();

	if (sweep_resolve(s) || sweep_equip(s, &s->client))
		return -1;
	STEP(rdma_connect(s->client.id, &cp));
	STEP(sweep_get(s->client.events, RDMA_CM_EVENT_ESTABLISHED, NULL));
	if (sweep_post(s, IBV_WR_SEND, LARGE, 0))
		return -1;
	return arrives(s, &s->client);
}

static int gone(struct sweep *s, struct sweep_end *end)
{
	STEP(sweep_get(end->events, RDMA_CM_EVENT_DISCONNECTED, NULL));
	return 0;
}

int sweep_run_passive(struct sweep *s)
{
	if (sweep_open_listener(s))
		return -1;
	s->told = tell(s->peer, (struct word){ .what = CONNECT, .port = s->port });
	if (serve(s))
		return -1;
	STEP(rdma_disconnect(s->server.id));
	return gone(s, &s->server);
}

int sweep_run_active(struct sweep *s)
{
	struct word at = { 0 };

	s->told = tell(s->peer, (struct word){ .what = LISTEN });
	errno = ETIME;
	if (!hear(s->peer, &at, sweep_wait_ms))
		return sweep_failed(s, "the peer does not listen");
	s->port = at.port;
	if (use(s))
		return -1;
	STEP(rdma_disconnect(s->client.id));
	return gone(s, &s->client);
}

/* ---- the other process */

static void peer_session(int fd, const struct word *word)
{
	struct sweep s = { .peer = fd, .port = word->port };
	bool in_vain;

	if (word->what == CONNECT) {
		if (!use(&s))
			gone(&s, &s.client);
	} else if (!sweep_open_listener(&s)) {
		tell(fd, (struct word){ .what = LISTEN, .port = s.port });
		if (!serve(&s))
			gone(&s, &s.server);
	}
	in_vain = s.step && s.err == ETIME;
	s.peer = 0;
	sweep_close(&s);
	tell(fd, (struct word){ .what = END, .in_vain = in_vain });
}

int sweep_peer_start(void)
{
	struct word word;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -1;
	signal(SIGCHLD, SIG_IGN);
	if (fork()) {
		close(fds[1]);
		return fds[0];
	}
	close(fds[0]);
	iw_fault_arm(0, 0);
	while (hear(fds[1], &word, -1))
		if (word.what != END)
			peer_session(fds[1], &word);
	_exit(0);
}

bool sweep_peer_is_done(int peer)
{
	struct word word = { 0 };

	tell(peer, (struct word){ .what = END });
	while (hear(peer, &word, 2 * sweep_wait_ms))
		if (word.what == END)
			return !word.in_vain;
	return false;
}
