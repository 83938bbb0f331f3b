/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Internal to netlink/: the two netlink sockets of the process, and one
 * question with its answers. Knows no routes, no links and no RDMA.
 *
 * A channel is made on first use and costs one system call then; a question
 * costs one send and one receive for each datagram of the answer. A forked
 * child gets its own. The sockets stay in the network namespace of the thread
 * that made them.
 */
#ifndef IW_NL_SOCK_H
#define IW_NL_SOCK_H

#include <netlink/msg.h>
#include <stddef.h>
#include <stdint.h>

enum nl_chan_id {
	NL_CHAN_ROUTE, /* NETLINK_ROUTE */
	NL_CHAN_RDMA,  /* NETLINK_RDMA; the kernel may lack it */
};

struct nl_chan;

/* The fixed head of a request, before its attributes. */
struct nl_head {
	uint16_t type;
	uint16_t flags;	  /* besides NLM_F_REQUEST; NLM_F_DUMP, NLM_F_ACK */
	const void *data; /* rtmsg and the like, copied; may be NULL */
	size_t len;
};

/*
 * Called with NULL before the first answer, and again if the whole exchange
 * has to start anew: drop what was collected. Then once for each message.
 * A negative return ends the exchange with that error.
 */
typedef int (*nl_answer_fn)(struct nlmsghdr *answer, void *arg);

/*
 * Takes the channel for the caller, until nl_chan_put(): one question at a time
 * each. *@msg is a request with @head, ready for nla_put(). Do not free it.
 * -ENOMEM; -EPROTONOSUPPORT, -EMFILE and others of socket(2).
 */
int nl_chan_get(enum nl_chan_id id, const struct nl_head *head, struct nl_chan **chan,
		struct nl_msg **msg);

/*
 * Sends the request and hands every answer to @fn. 0, the error that @fn
 * returned, or the kernel's: whatever its error message carries. A lost socket
 * is remade once, an interrupted dump repeated. The channel stays usable.
 */
int nl_chan_ask(struct nl_chan *chan, nl_answer_fn fn, void *arg);

void nl_chan_put(struct nl_chan *chan);

/* Registers the fork handlers; callers with locks above ours need them first. */
void nl_chan_setup(void);

/* -errno of a libnl error code. */
int nl_errno(int nlerr);

#endif
