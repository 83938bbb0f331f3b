// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Devices: opened when needed and once, removed, listed.
 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/shim_util.h"

static struct rdma_cm_id *bound(struct rdma_event_channel *ch, int device)
{
	struct sockaddr_in addr = fake_addr(device, 0);
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_bind_addr(id, (struct sockaddr *)&addr));
	return id;
}

Test(device, open__only_when_needed_and_once)
{
	struct pair p = util_pair();

	cr_assert_eq(mock_verbs_calls(MOCK_OPEN_DEVICE), 1);
	cr_assert_eq(mock_verbs_calls(MOCK_ALLOC_PD), 1);
	cr_assert_eq(mock_verbs_calls(MOCK_GET_DEVICE_LIST), 1);
	util_end_pair(&p);
	p = util_pair();
	cr_assert_eq(mock_verbs_calls(MOCK_OPEN_DEVICE), 1);
	util_end_pair(&p);
	cr_assert_eq(mock_verbs_contexts(), 2); /* kept: a context and its PD */
}

Test(device, open__two_devices_are_two)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *a = bound(ch, 0), *b = bound(ch, 1), *c = bound(ch, 1);

	cr_assert_neq(a->verbs, b->verbs);
	cr_assert_neq(a->pd, b->pd);
	cr_assert_eq(b->verbs, c->verbs);
	cr_assert_eq(b->pd, c->pd);
	cr_assert_eq(mock_verbs_calls(MOCK_OPEN_DEVICE), 2);
	util_destroy(a);
	util_destroy(b);
	util_destroy(c);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(device, open__by_guid_where_the_kernel_tells_no_index)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *a, *b, *c;

	mock_verbs_indices(false);
	a = bound(ch, 1);
	b = bound(ch, 0);
	c = bound(ch, 1);
	cr_assert_str_eq(a->verbs->device->name, "mock1");
	cr_assert_str_eq(b->verbs->device->name, "mock0");
	cr_assert_eq(a->verbs, c->verbs);
	util_destroy(a);
	util_destroy(b);
	util_destroy(c);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(device, open__each_failure_leaves_nothing)
{
	static const enum mock_call calls[] = { MOCK_GET_DEVICE_LIST, MOCK_OPEN_DEVICE,
						MOCK_QUERY_DEVICE, MOCK_ALLOC_PD };
	struct rdma_event_channel *ch = util_channel();
	struct sockaddr_in addr = fake_addr(0, 0);

	for (size_t i = 0; i < 4; i++) {
		struct rdma_cm_id *id = util_id(ch);

		mock_verbs_fail(calls[i], EPROTO);
		fails_with(EPROTO, rdma_bind_addr(id, (struct sockaddr *)&addr));
		cr_assert_null(id->verbs);
		cr_assert_null(id->pd);
		/* What was opened before the PD failed serves the next one. */
		cr_assert_eq(mock_verbs_contexts(), calls[i] == MOCK_ALLOC_PD);
		util_destroy(id);
	}
	for (unsigned long n = 1;; n++) {
		struct rdma_cm_id *id = util_id(ch);
		int rc;

		addr = fake_addr(1, 0);
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		rc = rdma_bind_addr(id, (struct sockaddr *)&addr);
		util_destroy(id);
		if (!rc)
			break;
		cr_assert_lt(n, 100);
	}
	iw_fault_arm(0, 0);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(device, open__gone_between_route_and_use)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct sockaddr_in addr = fake_addr(0, 0);

	mock_verbs_plug(0, false);
	fails_with(ENODEV, rdma_bind_addr(id, (struct sockaddr *)&addr));
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(device, removal__closed_with_its_last_id_and_opened_anew)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *a = bound(ch, 0), *b = bound(ch, 0), *c;
	struct ibv_context *verbs = a->verbs;

	fake_post_plain(a, IW_CM_EVENT_DEVICE_GONE, 0);
	fake_post_plain(b, IW_CM_EVENT_DEVICE_GONE, 0);
	util_expect(ch, RDMA_CM_EVENT_DEVICE_REMOVAL);
	util_expect(ch, RDMA_CM_EVENT_DEVICE_REMOVAL);
	util_destroy(a);
	cr_assert_eq(mock_verbs_contexts(), 2);
	c = bound(ch, 0); /* it came back */
	cr_assert_neq(c->verbs, verbs);
	cr_assert_eq(mock_verbs_contexts(), 4);
	util_destroy(b);
	cr_assert_eq(mock_verbs_contexts(), 2);
	util_destroy(c);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(device, removal__with_the_pd_still_in_use)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0);

	fake_post_plain(id, IW_CM_EVENT_DEVICE_GONE, 0);
	util_expect(ch, RDMA_CM_EVENT_DEVICE_REMOVAL);
	mock_verbs_fail(MOCK_DEALLOC_PD, EBUSY);
	util_destroy(id);
	cr_assert_eq(mock_verbs_contexts(), 2); /* the program's memory stays valid */
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

/* ---- rdma_get_devices */

Test(device, open__a_provider_that_returns_minus_one)
{
	struct rdma_event_channel *ch = util_channel();
	struct sockaddr_in addr = fake_addr(0, 0);
	struct rdma_cm_id *id = util_id(ch);

	mock_verbs_fail(MOCK_QUERY_DEVICE, -1);
	cr_assert_eq(rdma_bind_addr(id, (struct sockaddr *)&addr), -1);
	cr_assert_eq(errno, EIO);
	cr_assert_null(id->verbs);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(device, fork__a_child_opens_its_own, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 0);
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct rdma_cm_id *own = bound(util_channel(), 0);

		_exit(own->verbs == id->verbs || own->pd == id->pd);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(get_devices, list__the_contexts_that_ids_use)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = bound(ch, 1);
	struct ibv_context **list, **again;
	int n = 0;

	list = rdma_get_devices(&n);
	cr_assert_eq(n, 2);
	cr_assert_not_null(list);
	cr_assert_eq(list[1], id->verbs);
	cr_assert_null(list[2]);
	again = rdma_get_devices(NULL);
	cr_assert_eq(again[0], list[0]);
	cr_assert_eq(mock_verbs_calls(MOCK_OPEN_DEVICE), 2);
	rdma_free_devices(list);
	rdma_free_devices(again);
	/* What was handed out stays open, removed or not. */
	fake_post_plain(id, IW_CM_EVENT_DEVICE_GONE, 0);
	util_expect(ch, RDMA_CM_EVENT_DEVICE_REMOVAL);
	util_destroy(id);
	cr_assert_eq(mock_verbs_contexts(), 3);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

Test(get_devices, list__none_and_failures)
{
	struct ibv_context **list;
	int n = 9;

	mock_verbs_fail(MOCK_GET_DEVICE_LIST, ENOSYS);
	errno = 0;
	cr_assert_null(rdma_get_devices(&n));
	cr_assert_eq(errno, ENOSYS);
	cr_assert_eq(n, 0);
	mock_verbs_fail(MOCK_OPEN_DEVICE, EACCES); /* that one is left out */
	list = rdma_get_devices(&n);
	cr_assert_eq(n, 1);
	cr_assert_str_eq(list[0]->device->name, "mock1");
	rdma_free_devices(list);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	errno = 0;
	cr_assert_null(rdma_get_devices(&n));
	cr_assert_eq(errno, ENOMEM);
	cr_assert_eq(n, 0);
	iw_fault_arm(0, 0);
	mock_verbs_plug(0, false);
	mock_verbs_plug(1, false);
	errno = 0;
	cr_assert_null(rdma_get_devices(&n));
	cr_assert_eq(errno, ENODEV);
	mock_verbs_plug(0, true);
	mock_verbs_fail(MOCK_OPEN_DEVICE, EACCES);
	errno = 0;
	cr_assert_null(rdma_get_devices(NULL));
	cr_assert_eq(errno, ENODEV);
	rdma_free_devices(NULL);
}
