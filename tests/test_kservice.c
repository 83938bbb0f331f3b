// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Services of InfiniBand over a kernel that the test plays: one that knows the
 * command, as of Linux 6.18, and one that does not. No real one was asked.
 */
#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "tests/kdev_ends.h"
#include "tests/kdev_fake.h"

static const struct iw_cm_service by_name = { .name = "storage", .id = 7 };
static const struct iw_cm_service by_id = { .id = 0x1122334455667788 };

static void new_kernel(void)
{
	memset(&k.services, 0, sizeof(k.services));
	memset(k.commands, 0, sizeof(k.commands));
	nseen = 0;
	k.knows_services = true;
	kdev_setup();
}

static void old_kernel(void)
{
	new_kernel();
	k.knows_services = false;
}

static void add_record(uint64_t id, uint8_t gid, const char *name)
{
	struct ucma_service_record *record = &k.services.records[k.services.num_records++];

	record->id = htobe64(id);
	record->gid[15] = gid;
	record->pkey = htobe16(0x8001);
	iw_copy(record->name, sizeof(record->name), name, strlen(name));
}

static unsigned int asked(void)
{
	return k.commands[UCMA_CMD_RESOLVE_SERVICE];
}

/* ---- the question */

Test(kservice, resolve__by_name_or_by_id, .init = new_kernel)
{
	struct iw_cm_id *id = kdev_make();

	cr_assert_eq(iw_cm_resolve_service(id, &by_name), 0);
	cr_assert_eq(k.service.flags, UCMA_SERVICE_BY_NAME);
	cr_assert_str_eq((const char *)k.service.name, "storage");
	cr_assert_eq(k.service.service_id, 0);
	cr_assert_eq(iw_cm_resolve_service(id, &by_id), 0);
	cr_assert_eq(k.service.flags, UCMA_SERVICE_BY_ID);
	cr_assert_eq(k.service.service_id, 0x1122334455667788);
	cr_assert_eq(k.service.name[0], 0);
	cr_assert_eq(asked(), 3, "a file is asked once whether it knows the command");
	kdev_finish(id);
}

Test(kservice, resolve__a_kernel_without_the_command, .init = old_kernel)
{
	struct iw_cm_id *id = kdev_make();

	cr_assert_eq(iw_cm_resolve_service(id, &by_name), -EOPNOTSUPP);
	cr_assert_eq(iw_cm_resolve_service(id, &by_id), -EOPNOTSUPP);
	cr_assert_eq(asked(), 1);
	kdev_finish(id);
}

Test(kservice, resolve__errors_of_a_known_command_are_the_kernels, .init = new_kernel)
{
	struct iw_cm_id *id = kdev_make();

	cr_assert_eq(iw_cm_resolve_service(id, &by_name), 0);
	k.fail_cmd = UCMA_CMD_RESOLVE_SERVICE;
	k.fail_errno = EINVAL;
	cr_assert_eq(iw_cm_resolve_service(id, &by_name), -EINVAL);
	k.fail_cmd = -1;
	cr_assert_eq(iw_cm_resolve_service(id, &by_name), 0);
	kdev_finish(id);
}

/* What goes wrong with the first question is no answer to it. */
Test(kservice, resolve__a_failed_question_is_asked_again, .init = new_kernel)
{
	struct iw_cm_id *id = kdev_make();

	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(iw_cm_resolve_service(id, &by_name), -ENOMEM);
	iw_fault_arm(IW_FAULT_SYSCALL, 2);
	cr_assert_eq(iw_cm_resolve_service(id, &by_name), -ENOMEM);
	iw_fault_arm(0, 0);
	k.fail_cmd = UCMA_CMD_RESOLVE_SERVICE;
	k.fail_errno = EACCES;
	cr_assert_eq(iw_cm_resolve_service(id, &by_name), -EACCES);
	k.fail_cmd = -1;
	cr_assert_eq(iw_cm_resolve_service(id, &by_name), 0);
	kdev_finish(id);
}

/* ---- the answer */

Test(kservice, event__both_outcomes, .init = new_kernel)
{
	struct iw_cm_id *id = kdev_make();

	queue_event(0, UCMA_EVENT_ADDRINFO_RESOLVED, 0);
	kdev_pump_all();
	queue_event(0, UCMA_EVENT_ADDRINFO_ERROR, 0)->status = (uint32_t)-ETIMEDOUT;
	kdev_pump_all();
	queue_event(0, UCMA_EVENT_ADDRINFO_ERROR, 0);
	kdev_pump_all();
	cr_assert_eq(nseen, 3);
	for (unsigned int i = 0; i < nseen; i++)
		cr_assert_eq(seen[i].type, IW_CM_EVENT_ADDRINFO);
	cr_assert_eq(seen[0].status, 0);
	cr_assert_eq(seen[1].status, -ETIMEDOUT);
	cr_assert_eq(seen[2].status, -EIO);
	kdev_finish(id);
}

Test(kservice, query__gives_the_records, .init = new_kernel)
{
	static const char longest[] =
		"0123456789012345678901234567890123456789012345678901234567890123";
	struct iw_cm_id *id = kdev_make();
	struct iw_cm_service_info info;

	add_record(0x1000, 1, "storage");
	add_record(0x1001, 2, longest);
	cr_assert_eq(iw_cm_query_service(id, &info), 0);
	cr_assert_eq(info.num_records, 2);
	cr_assert_eq(be64toh(info.records[0].id), 0x1000);
	cr_assert_eq(info.records[0].gid.raw[15], 1);
	cr_assert_eq(be16toh(info.records[0].pkey), 0x8001);
	cr_assert_str_eq(info.records[0].name, "storage");
	cr_assert_str_eq(info.records[1].name, longest, "all 64 bytes, and an end");
	kdev_finish(id);
}

Test(kservice, query__no_more_than_there_is_room_for, .init = new_kernel)
{
	struct iw_cm_id *id = kdev_make();
	struct iw_cm_service_info info;

	for (unsigned int i = 0; i < UCMA_SERVICES_MAX; i++)
		add_record(i, 1, "");
	k.services.num_records = UINT32_MAX;
	cr_assert_eq(iw_cm_query_service(id, &info), 0);
	cr_assert_eq(info.num_records, UCMA_SERVICES_MAX);
	cr_assert_eq(be64toh(info.records[UCMA_SERVICES_MAX - 1].id), UCMA_SERVICES_MAX - 1);
	kdev_finish(id);
}

Test(kservice, query__errors_leave_the_output_alone, .init = new_kernel)
{
	struct iw_cm_service_info info = { .num_records = 9 };
	struct iw_cm_id *id = kdev_make();

	cr_assert_eq(iw_cm_query_service(id, &info), -ENODATA);
	add_record(1, 1, "");
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(iw_cm_query_service(id, &info), -ENOMEM);
	iw_fault_arm(0, 0);
	cr_assert_eq(info.num_records, 9);
	kdev_finish(id);
}
