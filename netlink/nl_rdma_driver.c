// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The kernel driver of an RDMA device, as its verbs device file tells
 * (RDMA_NLDEV_CMD_GET_CHARDEV).
 */
#include <errno.h>
#include <netlink/attr.h>
#include <rdma/rdma_netlink.h>
#include <stdbool.h>

#include "netlink/nl_link.h"
#include "netlink/nl_sock.h"

struct driver_answer {
	bool seen;
	uint32_t id;
};

static int take_driver(struct nlmsghdr *hdr, void *arg)
{
	struct driver_answer *answer = arg;
	struct nlattr *attr;

	if (!hdr) {
		answer->seen = false;
		return 0;
	}
	attr = nlmsg_find_attr(hdr, 0, RDMA_NLDEV_ATTR_UVERBS_DRIVER_ID);
	if (!attr || nla_len(attr) < (int)sizeof(uint32_t))
		return 0;
	answer->id = nla_get_u32(attr);
	answer->seen = true;
	return 0;
}

int nl_link_rdma_driver(uint32_t dev_index, uint32_t *driver_id)
{
	const struct nl_head head = {
		.type = (uint16_t)RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET_CHARDEV),
	};
	struct driver_answer answer;
	struct nl_chan *chan;
	struct nl_msg *msg;
	int rc;

	rc = nl_chan_get(NL_CHAN_RDMA, &head, &chan, &msg);
	if (rc)
		return rc;
	if (nla_put_u32(msg, RDMA_NLDEV_ATTR_DEV_INDEX, dev_index) < 0 ||
	    nla_put_string(msg, RDMA_NLDEV_ATTR_CHARDEV_TYPE, "uverbs") < 0)
		rc = -ENOMEM;
	else
		rc = nl_chan_ask(chan, take_driver, &answer);
	nl_chan_put(chan);
	if (rc)
		return rc;
	if (!answer.seen)
		return -ENOENT;
	*driver_id = answer.id;
	return 0;
}
