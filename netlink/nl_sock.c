// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The sockets, their fork handling and the exchange of one question. The
 * messages are libnl's; the socket is our own, since libnl's receive path
 * allocates for each message and closes a descriptor that may not be ours any
 * more (programs that become daemons close what they do not know).
 */
#include "netlink/nl_sock.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/lock.h"
#include "base/log.h"

#define REQUEST_ROOM 512
#define ANSWER_ROOM 16384 /* grows if the kernel sends more at once */
#define ANSWER_MAX (1U << 22)
#define TRIES 4

struct nl_chan {
	/*
	 * Protects all below, and makes a question and its answers one: two
	 * askers at once would read each other's answers. Held over a fork.
	 */
	struct iw_lock lock;
	int protocol;
	int fd; /* -1: none */
	struct nl_msg *msg;
	unsigned char *buf;
	size_t room;
	uint32_t seq;
};

static struct nl_chan chans[] = {
	[NL_CHAN_ROUTE] = { .lock = IW_LOCK_STATIC, .protocol = NETLINK_ROUTE, .fd = -1 },
	[NL_CHAN_RDMA] = { .lock = IW_LOCK_STATIC, .protocol = NETLINK_RDMA, .fd = -1 },
};

static pthread_once_t setup_once = PTHREAD_ONCE_INIT;

static void fork_prepare(void)
{
	for (size_t i = 0; i < IW_ARRAY_SIZE(chans); i++)
		iw_lock(&chans[i].lock);
}

static void fork_parent(void)
{
	for (size_t i = IW_ARRAY_SIZE(chans); i-- > 0;)
		iw_unlock(&chans[i].lock);
}

/* At once, before the child can close the number and open something else. */
static void fork_child(void)
{
	for (size_t i = IW_ARRAY_SIZE(chans); i-- > 0;) {
		if (chans[i].fd >= 0)
			close(chans[i].fd);
		chans[i].fd = -1;
		iw_unlock(&chans[i].lock);
	}
}

static void setup(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

void nl_chan_setup(void)
{
	pthread_once(&setup_once, setup);
}

int nl_errno(int nlerr)
{
	switch (nlerr < 0 ? -nlerr : nlerr) {
	case NLE_SUCCESS:
		return 0;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_MSG_TOOSHORT:
	case NLE_PARSE_ERR:
		return -EBADMSG;
	default:
		return -EINVAL;
	}
}

static int chan_open(struct nl_chan *chan)
{
	iw_assert_held(&chan->lock);
	if (chan->fd >= 0)
		return 0;
	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	chan->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, chan->protocol);
	return chan->fd < 0 ? -errno : 0;
}

/* What is still queued on it would be taken for the next answer: away with it. */
static void chan_close(struct nl_chan *chan)
{
	iw_assert_held(&chan->lock);
	if (chan->fd >= 0)
		close(chan->fd);
	chan->fd = -1;
}

/* The number is not ours any more: somebody closed it, or even reused it. */
static void chan_forget(struct nl_chan *chan)
{
	iw_assert_held(&chan->lock);
	iw_info("netlink: descriptor %d is gone, made anew", chan->fd);
	chan->fd = -1;
}

static int chan_alloc(struct nl_chan *chan)
{
	iw_assert_held(&chan->lock);
	if (!chan->buf) {
		chan->buf = iw_calloc(1, ANSWER_ROOM);
		if (!chan->buf)
			return -ENOMEM;
		chan->room = ANSWER_ROOM;
	}
	if (!chan->msg) {
		if (iw_fault(IW_FAULT_ALLOC))
			return -ENOMEM;
		chan->msg = nlmsg_alloc_size(REQUEST_ROOM);
		if (!chan->msg)
			return -ENOMEM;
	}
	return 0;
}

int nl_chan_get(enum nl_chan_id id, const struct nl_head *head, struct nl_chan **chan,
		struct nl_msg **msg)
{
	struct nl_chan *c = &chans[id];
	int rc;

	nl_chan_setup();
	iw_lock(&c->lock);
	rc = chan_alloc(c);
	if (rc)
		goto unlock;
	rc = chan_open(c);
	if (rc)
		goto unlock;
	/* The one message serves all requests: put back to empty. */
	nlmsg_hdr(c->msg)->nlmsg_len = NLMSG_HDRLEN;
	nlmsg_put(c->msg, 0, 0, head->type, 0, NLM_F_REQUEST | head->flags);
	if (head->len && nlmsg_append(c->msg, (void *)head->data, head->len, NLMSG_ALIGNTO)) {
		rc = -ENOMEM;
		goto unlock;
	}
	*chan = c;
	*msg = c->msg;
	return 0;

unlock:
	iw_unlock(&c->lock);
	return rc;
}

void nl_chan_put(struct nl_chan *chan)
{
	iw_unlock(&chan->lock);
}

/* 0, -ESTALE: the descriptor is not ours any more; -errno. */
static int chan_send(struct nl_chan *chan)
{
	static const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *hdr = nlmsg_hdr(chan->msg);

	iw_assert_held(&chan->lock);
	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOBUFS;
	hdr->nlmsg_seq = ++chan->seq;
	/* The address makes most sockets that reuse the number refuse. */
	while (sendto(chan->fd, hdr, hdr->nlmsg_len, MSG_NOSIGNAL, (const struct sockaddr *)&kernel,
		      sizeof(kernel)) < 0) {
		switch (errno) {
		case EINTR:
			break;
		case ENOMEM:
		case ENOBUFS:
		case EPERM:
		case EACCES:
		case ECONNREFUSED:
			return -errno;
		default:
			chan_forget(chan);
			return -ESTALE;
		}
	}
	return 0;
}

static int chan_grow(struct nl_chan *chan, size_t need)
{
	unsigned char *buf;

	iw_assert_held(&chan->lock);
	if (need > ANSWER_MAX)
		return -EMSGSIZE;
	buf = iw_calloc(1, need);
	if (!buf)
		return -ENOMEM;
	free(chan->buf);
	chan->buf = buf;
	chan->room = need;
	return 0;
}

/*
 * Bytes of one datagram of the kernel; -ESTALE: ask again; -errno. Does not
 * wait: the kernel has answered when the send returns, and has the next part of
 * a dump ready when this one is read. So a foreign socket cannot hold us.
 */
static int chan_recv(struct nl_chan *chan)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_len;
	ssize_t n;
	int rc;

	iw_assert_held(&chan->lock);
	if (iw_fault(IW_FAULT_SYSCALL))
		return -ENOMEM;
	do {
		from_len = sizeof(from);
		n = recvfrom(chan->fd, chan->buf, chan->room, MSG_TRUNC | MSG_DONTWAIT,
			     (struct sockaddr *)&from, &from_len);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid));
	rc = n < 0 ? -errno : 0;
	if (rc == -ENOMEM)
		return rc;
	if (rc == -ENOBUFS)
		return -ESTALE;
	if (n <= 0 || from.nl_family != AF_NETLINK) {
		chan_forget(chan);
		return -ESTALE;
	}
	if ((size_t)n > chan->room) {
		rc = chan_grow(chan, (size_t)n);
		return rc ? rc : -ESTALE;
	}
	return (int)n;
}

static int answer_error(struct nlmsghdr *hdr)
{
	const struct nlmsgerr *err = nlmsg_data(hdr);

	if (nlmsg_datalen(hdr) < (int)sizeof(err->error))
		return -EBADMSG;
	return err->error < 0 ? err->error : 0;
}

/*
 * One message. 0: more follow; 1: that was the last; -ESTALE: the table changed
 * under a dump, ask again; -errno: the exchange is over, @last if nothing of it
 * is left in the socket.
 */
static int take_answer(struct nlmsghdr *hdr, nl_answer_fn fn, void *arg, bool *last)
{
	int rc;

	*last = true;
	switch (hdr->nlmsg_type) {
	case NLMSG_NOOP:
		*last = false;
		return 0;
	case NLMSG_ERROR:
		rc = answer_error(hdr);
		return rc ? rc : 1;
	case NLMSG_DONE:
		if (hdr->nlmsg_flags & NLM_F_DUMP_INTR)
			return -ESTALE;
		/* A dump that fails late says so here. */
		rc = nlmsg_datalen(hdr) >= (int)sizeof(int) ? *(int *)nlmsg_data(hdr) : 0;
		return rc < 0 ? rc : 1;
	default:
		*last = !(hdr->nlmsg_flags & NLM_F_MULTI);
		if (hdr->nlmsg_flags & NLM_F_DUMP_INTR) {
			*last = false;
			return -ESTALE;
		}
		rc = fn(hdr, arg);
		return rc < 0 ? rc : *last;
	}
}

/* The messages of one datagram; as take_answer(). */
static int take_datagram(struct nl_chan *chan, int len, nl_answer_fn fn, void *arg, bool *last)
{
	struct nlmsghdr *hdr = (struct nlmsghdr *)chan->buf;
	int rc = 0;

	*last = false;
	for (; nlmsg_ok(hdr, len) && !rc; hdr = nlmsg_next(hdr, &len))
		if (hdr->nlmsg_seq == chan->seq)
			rc = take_answer(hdr, fn, arg, last);
	return rc;
}

static int ask_once(struct nl_chan *chan, nl_answer_fn fn, void *arg)
{
	bool last;
	int rc;

	rc = chan_open(chan);
	if (rc)
		return rc;
	rc = fn(NULL, arg);
	if (rc < 0)
		return rc;
	rc = chan_send(chan);
	if (rc)
		return rc;
	do {
		rc = chan_recv(chan);
		if (rc < 0)
			goto close;
		rc = take_datagram(chan, rc, fn, arg, &last);
	} while (!rc);
	if (rc < 0 && !last)
		goto close;
	return rc < 0 ? rc : 0;

close:
	chan_close(chan);
	return rc;
}

int nl_chan_ask(struct nl_chan *chan, nl_answer_fn fn, void *arg)
{
	int rc = -ESTALE;

	iw_assert_held(&chan->lock);
	for (int i = 0; i < TRIES && rc == -ESTALE; i++)
		rc = ask_once(chan, fn, arg);
	return rc == -ESTALE ? -EBUSY : rc;
}
