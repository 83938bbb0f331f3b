// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Multicast groups: joining, leaving, and where their events wait. They change
 * no state. What the network knows of a group is the driver's.
 */
#include "iwcm-core/iw_member.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "iwcm-core/iw_ref.h"
#include "iwcm-core/iw_stats.h"

static struct iw_member *member_find(struct iw_id *id, const void *name)
{
	struct iw_member *member;

	iw_assert_held(&id->lock);
	TAILQ_FOREACH (member, &id->members, link)
		if (member->name == name)
			return member;
	return NULL;
}

int iw_member_record(struct iw_id *id, const void *name, struct iw_record **rec)
{
	struct iw_member *member = member_find(id, name);

	if (!member || member->left)
		return -ENOENT;
	for (int i = 0; i < IW_MEMBER_RECORDS; i++)
		if (!member->records[i].waiting) {
			*rec = &member->records[i];
			return 0;
		}
	return -EBUSY;
}

void iw_members_free(struct iw_id *id)
{
	struct iw_member *member, *next;

	TAILQ_FOREACH_SAFE (member, &id->members, link, next)
		free(member);
}

/* A handler that this thread is inside of cannot be waited for. */
static bool is_told_elsewhere(struct iw_id *id, const struct iw_member *member)
{
	return id->telling == member->name && !iw_thread_is_self(id->drainer);
}

/*
 * No event of it is delivered from here on. Waits for a running handler. The
 * events of an id that is being destroyed are its destroyer's.
 */
static void member_silence(struct iw_id *id, struct iw_member *member)
{
	const struct iw_wait wait = { id, "a handler of the group's events" };
	struct iw_stall stall = IW_STALL(iw_wait_tell, &wait);
	struct iw_record *rec;

	iw_assert_held(&id->lock);
	member->left = true;
	for (rec = member->records; rec < member->records + IW_MEMBER_RECORDS; rec++) {
		if (!rec->waiting || id->dying)
			continue;
		TAILQ_REMOVE(&id->queue, rec, link);
		rec->waiting = false;
		iw_stat_inc(events_discarded);
	}
	while (is_told_elsewhere(id, member))
		iw_cond_wait_told(&id->cond, &id->lock, &stall);
}

/* The call is over; the last one of a member that was left frees it. */
static void member_put(struct iw_id *id, struct iw_member *member)
{
	iw_assert_held(&id->lock);
	if (--member->busy || !member->left || id->dying)
		return;
	TAILQ_REMOVE(&id->members, member, link);
	free(member);
}

/* No state. Blocks as the driver does. */
int iw_cm_join(struct iw_cm_id *pub, const struct iw_cm_join *join)
{
	struct iw_id *id = iw_id_of(pub);
	struct iw_member *member;
	struct iw_op op;
	int rc;

	if (!pub->ops->join)
		return -EOPNOTSUPP;
	if (!join || !join->addr || !join->membership)
		return -EINVAL;
	member = iw_calloc(1, sizeof(*member));
	if (!member)
		return -ENOMEM;
	for (int i = 0; i < IW_MEMBER_RECORDS; i++)
		member->records[i].param = &member->params[i];
	member->name = join->membership;
	member->busy = 1;
	rc = iw_op_begin(id, &op);
	if (rc)
		goto free_member;
	if (member_find(id, member->name)) {
		iw_op_leave_and_unlock(id, &op);
		rc = -EEXIST;
		goto free_member;
	}
	TAILQ_INSERT_TAIL(&id->members, member, link);
	iw_unlock(&id->lock);

	rc = pub->ops->join(pub, pub->drv, join);

	iw_lock(&id->lock);
	if (rc)
		member_silence(id, member);
	member_put(id, member);
	iw_op_leave_and_unlock(id, &op);
	return rc;

free_member:
	free(member);
	return rc;
}

/* No state. Blocks as the driver does, then for a running handler. */
int iw_cm_leave(struct iw_cm_id *pub, void *membership)
{
	struct iw_id *id = iw_id_of(pub);
	struct iw_member *member;
	struct iw_op op;
	int rc;

	if (!pub->ops->leave)
		return -EOPNOTSUPP;
	rc = iw_op_begin(id, &op);
	if (rc)
		return rc;
	member = member_find(id, membership);
	if (!member || member->leaving || member->left) {
		iw_op_leave_and_unlock(id, &op);
		return -ENOENT;
	}
	member->leaving = true;
	member->busy++;
	iw_unlock(&id->lock);

	rc = pub->ops->leave(pub, pub->drv, membership);

	iw_lock(&id->lock);
	member_silence(id, member);
	member_put(id, member);
	iw_op_leave_and_unlock(id, &op);
	return rc;
}
