// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/fault.h"
#include "driver/kernel/kid.h"
#include "tests/kdev_ends.h"
#include "tests/kdev_fake.h"

static const struct sockaddr_in group = { .sin_family = AF_INET };
static int name_a, name_b;

static int join(struct iw_cm_id *id, void *membership)
{
	const struct iw_cm_join join = { .addr = (const struct sockaddr *)&group,
					 .membership = membership };

	return iw_cm_join(id, &join);
}

Test(kmember, join__its_events_name_it, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make_datagram();
	struct rdma_ucm_event_resp *resp;

	cr_assert_eq(join(id, &name_a), 0);
	cr_assert_eq(join(id, &name_b), 0);
	resp = queue_member_event(1, UCMA_EVENT_MULTICAST_JOIN);
	resp->param.ud.qkey = 5;
	queue_member_event(0, UCMA_EVENT_MULTICAST_ERROR)->status = (uint32_t)-ENETUNREACH;
	kdev_pump_all();
	cr_assert_eq(nseen, 2);
	cr_assert_eq(seen[0].type, IW_CM_EVENT_MULTICAST);
	cr_assert_eq(seen[0].membership, &name_b);
	cr_assert_eq(seen[0].status, 0);
	cr_assert_eq(seen[0].param.qkey, 5);
	cr_assert_eq(seen[1].membership, &name_a);
	cr_assert_eq(seen[1].status, -ENETUNREACH);
	kdev_finish(id);
}

Test(kmember, leave__its_events_count_as_the_ids, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make_datagram();

	cr_assert_eq(join(id, &name_a), 0);
	queue_member_event(0, UCMA_EVENT_MULTICAST_JOIN);
	kdev_pump_all();
	queue_member_event(0, UCMA_EVENT_MULTICAST_ERROR);
	cr_assert_eq(iw_cm_leave(id, &name_a), 0);
	cr_assert_not(k.members[0].used);
	kdev_pump_all();
	cr_assert_eq(nseen, 1, "what was unread is gone");
	cr_assert_eq(iw_cm_leave(id, &name_a), -ENOENT);
	cr_assert_eq(driver->cm->leave(id, id->drv, &name_a), -ENOENT);
	cr_assert_eq(driver->cm->leave(id, id->drv, NULL), -EINVAL);
	kdev_finish(id);
}

Test(kmember, leave__what_the_kernel_keeps_is_nobodys, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make_datagram();

	cr_assert_eq(join(id, &name_a), 0);
	k.fail_cmd = RDMA_USER_CM_CMD_LEAVE_MCAST;
	k.fail_errno = ENXIO;
	cr_assert_eq(iw_cm_leave(id, &name_a), -ENXIO);
	k.fail_cmd = -1;
	queue_member_event(0, UCMA_EVENT_MULTICAST_JOIN);
	kdev_pump_all();
	cr_assert_eq(nseen, 0);
	cr_assert_eq(join(id, &name_a), 0, "the name is free");
	queue_member_event(1, UCMA_EVENT_MULTICAST_JOIN);
	queue_member_event(0, UCMA_EVENT_MULTICAST_ERROR);
	kdev_pump_all();
	cr_assert_eq(nseen, 1);
	kdev_finish(id);
}

static struct iw_cm_id *joining;

static void leave_meanwhile(void)
{
	cr_assert_eq(driver->cm->leave(joining, joining->drv, &name_a), 0);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_LEAVE_MCAST], 0, "the kernel's name is not known");
}

Test(kmember, leave__before_join_has_returned, .init = kdev_setup)
{
	joining = kdev_make_datagram();
	while_joining = leave_meanwhile;
	cr_assert_eq(join(joining, &name_a), 0);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_LEAVE_MCAST], 1);
	cr_assert_not(k.members[0].used);
	kdev_finish(joining);
}

Test(kmember, join__faults, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make_datagram();
	const struct iw_cm_join nameless = { .addr = (const struct sockaddr *)&group };
	unsigned long n;

	for (n = 1;; n++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		if (!join(id, &name_a))
			break;
		cr_assert_not(k.members[0].used);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(n, 4, "the core's, ours, the command");
	cr_assert_eq(driver->cm->join(id, id->drv, &nameless), -EINVAL);
	kdev_finish(id);
}

Test(kmember, pump__what_is_no_membership_is_ignored, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make_datagram();
	struct rdma_ucm_event_resp *resp;

	cr_assert_eq(join(id, &name_a), 0);
	queue_event(0, UCMA_EVENT_MULTICAST_JOIN, 0);		/* the uid of an id */
	resp = queue_member_event(0, UCMA_EVENT_ADDR_RESOLVED); /* that of a membership */
	cr_assert_neq(resp->uid, k.ids[0].uid);
	kdev_pump_all();
	cr_assert_eq(nseen, 0);
	k.ids[0].reported = 0;
	kdev_finish(id);
}

Test(kmember, fork__the_child_leaves_nothing, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make_datagram();

	cr_assert_eq(join(id, &name_a), 0);
	source->forks--; /* as if this process were a child */
	cr_assert_eq(iw_cm_leave(id, &name_a), -EACCES);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_LEAVE_MCAST], 0);
	source->forks++;
	kdev_finish(id);
}
