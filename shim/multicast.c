// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The multicast groups of a datagram id: joining, attaching the QP when the
 * group is there, and leaving, which waits for the group's events as a destroy
 * does for the id's. iWARP has no datagrams, and no groups.
 */
#include <stdlib.h>

#include "shim/addr.h"
#include "shim/shim.h"

/* The join's outcome, and the loss of the group. */
#define MEMBER_EVENTS 2

/*
 * Also the membership's name in the core, which is why an event can find it. qp
 * and the group's names are under the id's attaching, promised belongs to the
 * handler and, when there is none any more, to leave; the rest is constant.
 */
struct shim_member {
	TAILQ_ENTRY(shim_member) link;
	struct sockaddr_storage addr;
	void *context;
	bool sends_only; /* its QP shall not receive */
	unsigned int promised;
	struct ibv_qp *qp; /* attached to the group; NULL: none */
	union ibv_gid mgid;
	uint16_t mlid;
};

/* ---- the QP */

static int attach_qp(struct shim_id *id, struct shim_member *member, const struct iw_cm_event *ev)
{
	struct ibv_qp *qp = id->id.qp;
	struct ibv_ah_attr ah;
	int rc;

	iw_assert_held(&id->attaching);
	if (!qp || member->sends_only || member->qp)
		return 0;
	memcpy(&ah, ev->param.ah, sizeof(ah));
	member->mgid = ah.grh.dgid;
	member->mlid = ah.dlid;
	errno = 0;
	rc = iw_fault(IW_FAULT_SYSCALL) ? ENOMEM
					: ibv_attach_mcast(qp, &member->mgid, member->mlid);
	if (rc) /* some providers return -1 */
		return rc < 0 ? shim_errno_or(-EIO) : -rc;
	member->qp = qp;
	return 0;
}

static int attach(struct shim_id *id, struct shim_member *member, const struct iw_cm_event *ev)
{
	int rc;

	iw_lock(&id->attaching);
	rc = attach_qp(id, member, ev);
	iw_unlock(&id->attaching);
	return rc;
}

static void detach_qp(struct shim_id *id, struct shim_member *member)
{
	struct ibv_qp *qp = member->qp;
	int rc;

	iw_assert_held(&id->attaching);
	member->qp = NULL;
	if (!qp || qp != id->id.qp)
		return;
	rc = ibv_detach_mcast(qp, &member->mgid, member->mlid);
	if (rc)
		iw_warn("id %p: the QP was not detached: %s", (void *)id, strerror(abs(rc)));
}

static void detach(struct shim_id *id, struct shim_member *member)
{
	iw_lock(&id->attaching);
	detach_qp(id, member);
	iw_unlock(&id->attaching);
}

struct ibv_qp *shim_members_take_qp(struct shim_id *id)
{
	struct shim_member *member;
	struct ibv_qp *qp;

	iw_lock(&id->attaching);
	TAILQ_FOREACH (member, &id->members, link)
		detach_qp(id, member);
	qp = id->id.qp;
	id->id.qp = NULL;
	iw_unlock(&id->attaching);
	return qp;
}

/* ---- events */

void shim_member_event(struct shim_id *id, const struct iw_cm_event *ev)
{
	struct shim_member *member = ev->membership;
	struct iw_cm_event out = *ev;

	if (member->promised) {
		member->promised--;
	} else if (shim_events_promise(id, 1)) {
		iw_error("no memory for the news of a multicast group of id %p: lost", (void *)id);
		return;
	}
	if (!out.status)
		out.status = attach(id, member, ev);
	shim_event_ud(id, out.status ? RDMA_CM_EVENT_MULTICAST_ERROR : RDMA_CM_EVENT_MULTICAST_JOIN,
		      &out, member, member->context);
}

void shim_member_acked(struct shim_event *event)
{
	iw_cond_broadcast(&event->owner->acked);
}

/* ---- joining */

static int check(const struct shim_id *id, const struct sockaddr *addr)
{
	if (!shim_addr_known(addr) || !shim_id_device(id) || !shim_is_datagram(id))
		return -EINVAL;
	return shim_is_iwarp(id) ? -EOPNOTSUPP : 0;
}

/* The last one first: of two memberships in one group it is the one to leave. */
static void add_member(struct shim_id *id, struct shim_member *member)
{
	iw_lock(&id->lock);
	TAILQ_INSERT_HEAD(&id->members, member, link);
	iw_unlock(&id->lock);
}

/* False: a leave has taken it meanwhile. */
static bool remove_member(struct shim_id *id, const struct shim_member *which)
{
	struct shim_member *member;

	iw_lock(&id->lock);
	TAILQ_FOREACH (member, &id->members, link)
		if (member == which)
			break;
	if (member)
		TAILQ_REMOVE(&id->members, member, link);
	iw_unlock(&id->lock);
	return member;
}

static int member_new(struct shim_id *id, const struct sockaddr *addr, uint16_t flags,
		      struct shim_member **out)
{
	struct shim_member *member = iw_calloc(1, sizeof(*member));
	int rc = member ? shim_events_promise(id, MEMBER_EVENTS) : -ENOMEM;

	if (rc) {
		free(member);
		return rc;
	}
	member->promised = MEMBER_EVENTS;
	memcpy(&member->addr, addr, shim_addr_size(addr));
	member->sends_only = flags == RDMA_MC_JOIN_FLAG_SENDONLY_FULLMEMBER;
	*out = member;
	return 0;
}

/* When the core knows nothing of it. */
static void member_end(struct shim_id *id, struct shim_member *member)
{
	shim_events_unpromise(id, member->promised);
	free(member);
}

static int join(struct shim_id *id, const struct sockaddr *addr, uint16_t flags, void *context)
{
	struct iw_cm_id *cm = shim_id_cm(id);
	struct iw_cm_join wish = { .addr = addr, .flags = flags };
	const bool sync = id->sync;
	struct shim_member *member;
	int rc = check(id, addr);

	if (rc)
		return rc;
	if (!cm)
		return -EINVAL;
	rc = member_new(id, addr, flags, &member);
	if (rc)
		return rc;
	member->context = context;
	wish.membership = member; /* others may leave it from here on */
	add_member(id, member);
	rc = iw_cm_join(cm, &wish);
	if (!rc)
		return sync ? shim_complete_join(id, member) : 0;
	if (remove_member(id, member))
		member_end(id, member);
	return rc;
}

IW_EXPORT int rdma_join_multicast(struct rdma_cm_id *id, struct sockaddr *addr, void *context)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : join(priv, addr, RDMA_MC_JOIN_FLAG_FULLMEMBER, context));
}

static int check_attr(const struct rdma_cm_join_mc_attr_ex *attr)
{
	const uint32_t needed = RDMA_CM_JOIN_MC_ATTR_ADDRESS | RDMA_CM_JOIN_MC_ATTR_JOIN_FLAGS;

	if (!attr)
		return -EINVAL;
	if (attr->comp_mask >= RDMA_CM_JOIN_MC_ATTR_RESERVED)
		return -ENOTSUP;
	if ((attr->comp_mask & needed) != needed)
		return -EINVAL;
	return attr->join_flags >= RDMA_MC_JOIN_FLAG_RESERVED ? -EINVAL : 0;
}

IW_EXPORT int rdma_join_multicast_ex(struct rdma_cm_id *id,
				     struct rdma_cm_join_mc_attr_ex *mc_join_attr, void *context)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	if (!rc)
		rc = check_attr(mc_join_attr);
	if (!rc)
		rc = join(priv, mc_join_attr->addr, (uint16_t)mc_join_attr->join_flags, context);
	return shim_return(rc);
}

/* ---- leaving */

static bool same_group(const struct sockaddr_storage *ours, const struct sockaddr *addr)
{
	const struct sockaddr *to = (const struct sockaddr *)ours;

	if (to->sa_family != addr->sa_family)
		return false;
	switch (addr->sa_family) {
	case AF_INET: /* a group has no port */
		return shim_addr_v4(to) == shim_addr_v4(addr);
	case AF_INET6:
		return IN6_ARE_ADDR_EQUAL(shim_addr_v6(to), shim_addr_v6(addr));
	default:
		return !memcmp(to, addr, shim_addr_size(addr));
	}
}

/* Takes it off the list: one call leaves it. */
static struct shim_member *take_member(struct shim_id *id, const struct sockaddr *addr)
{
	struct shim_member *member;

	iw_lock(&id->lock);
	TAILQ_FOREACH (member, &id->members, link)
		if (same_group(&member->addr, addr))
			break;
	if (member)
		TAILQ_REMOVE(&id->members, member, link);
	iw_unlock(&id->lock);
	return member;
}

/* What is queued is dropped; what a synchronous id keeps nobody else acknowledges. */
static void drop_events(struct shim_id *id, struct shim_member *member)
{
	struct shim_event_list list = TAILQ_HEAD_INITIALIZER(list);
	struct shim_event *ev;

	if (id->channel)
		shim_channel_purge(id->channel, id, member, &list);
	while ((ev = TAILQ_FIRST(&list))) {
		TAILQ_REMOVE(&list, ev, link);
		shim_event_drop(ev);
	}
	if (id->sync && id->id.event && shim_event_of(id->id.event)->member == member)
		shim_event_ack_kept(id);
}

static int leave(struct shim_id *id, const struct sockaddr *addr)
{
	struct shim_member *member;
	struct iw_cm_id *cm;
	int rc = 0;

	if (!shim_addr_known(addr))
		return -EINVAL;
	member = take_member(id, addr);
	if (!member)
		return -EADDRNOTAVAIL;
	cm = shim_id_cm(id);
	if (cm)
		rc = iw_cm_leave(cm, member);
	detach(id, member);
	drop_events(id, member);
	shim_id_wait_member_acked(id, member);
	member_end(id, member);
	return rc;
}

IW_EXPORT int rdma_leave_multicast(struct rdma_cm_id *id, struct sockaddr *addr)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : leave(priv, addr));
}

void shim_members_free(struct shim_id *id)
{
	struct shim_member *member;

	while ((member = TAILQ_FIRST(&id->members))) {
		TAILQ_REMOVE(&id->members, member, link);
		free(member);
	}
}
