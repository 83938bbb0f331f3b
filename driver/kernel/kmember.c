// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kmember.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "driver/kernel/ucma.h"

/* Of one that is given up. Where the kernel keeps it, its events stay nobody's. */
static int leave(struct kmember *member)
{
	struct kid *kid = member->kid;
	uint32_t reported = 0;
	int ret;

	ret = ucma_leave(kid->source->fd, member->kernel_id, &reported);
	if (ret)
		iw_warn("membership %u of kernel id %u is not left: %s", member->kernel_id,
			kid->kernel_id, strerror(-ret));
	else
		iw_debug("membership %u left after %u events", member->kernel_id, reported);
	/* Those were fetched; once they have found the id, the name is not needed. */
	kid_flush(kid);
	if (!ret)
		kid_member_free(member);
	return ret;
}

int kmember_join(struct kid *kid, const struct iw_cm_join *join)
{
	struct ucma_group group = { .id = kid->kernel_id,
				    .flags = join->flags,
				    .addr = join->addr };
	struct kmember *member;
	uint32_t kernel_id;
	int ret;

	if (!join->membership)
		return -EINVAL;
	ret = kid_member_new(kid, join->membership, &member);
	if (ret)
		return ret;
	group.uid = member->handle;
	ret = ucma_join(kid->source->fd, &group, &kernel_id);
	if (ret) {
		kid_member_free(member);
		return ret;
	}
	/* Left again by its first event, before the kernel's name for it was known. */
	if (!kid_member_name(member, kernel_id))
		leave(member);
	return 0;
}

int kmember_leave(struct kid *kid, void *membership)
{
	struct kmember *member;
	bool named = false;

	if (!membership)
		return -EINVAL;
	member = kid_member_give_up(kid, membership, &named);
	if (!member)
		return -ENOENT;
	if (named)
		return leave(member);
	kid_flush(kid);
	return 0;
}
