// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <errno.h>
#include <infiniband/ib.h>
#include <string.h>

#include "base/fault.h"
#include "tests/kdev_ends.h"
#include "tests/kdev_fake.h"

Test(kquery, path__of_ip_by_one_command, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();
	struct iw_cm_path_info info;

	k.route.src_addr.sin6_family = AF_INET;
	k.route.ib_route[0].sgid[15] = 1;
	k.route.ib_route[0].dgid[15] = 2;
	k.route.ib_route[0].pkey = 0xffff;
	cr_assert_eq(iw_cm_query_path(id, &info), 0);
	cr_assert_eq(info.num_paths, 0, "the route is not resolved");
	cr_assert_eq(info.sgid.raw[15], 1);
	cr_assert_eq(info.dgid.raw[15], 2);
	cr_assert_eq(info.pkey, 0xffff);
	k.route.num_paths = 77;
	k.route.ib_route[1].mtu = 3;
	cr_assert_eq(iw_cm_query_path(id, &info), 0);
	cr_assert_eq(info.num_paths, 2, "no more than there is room for");
	cr_assert_eq(info.paths[0].dgid.raw[15], 2);
	cr_assert_eq(info.paths[1].mtu, 3);
	cr_assert_eq(k.commands[RDMA_USER_CM_CMD_QUERY], 0);
	kdev_finish(id);
}

static void set_gid(struct __kernel_sockaddr_storage *to, uint8_t last)
{
	struct sockaddr_ib ib = { .sib_family = AF_IB };

	ib.sib_addr.sib_raw[15] = last;
	memcpy(to, &ib, sizeof(ib));
}

static void set_af_ib(void)
{
	k.route.src_addr.sin6_family = AF_IB;
	set_gid(&k.addr.src_addr, 1);
	set_gid(&k.addr.dst_addr, 2);
	k.addr.src_size = k.addr.dst_size = sizeof(struct sockaddr_ib);
	k.addr.pkey = 0xffff;
	k.path.num_paths = 1;
	((uint8_t *)k.path.path_data[0].path_rec)[8 + 15] = 2;
}

Test(kquery, path__of_af_ib_by_gid_and_path, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();
	struct iw_cm_path_info info;

	set_af_ib();
	cr_assert_eq(iw_cm_query_path(id, &info), 0);
	cr_assert_eq(info.sgid.raw[15], 1);
	cr_assert_eq(info.dgid.raw[15], 2);
	cr_assert_eq(info.pkey, 0xffff);
	cr_assert_eq(info.num_paths, 1);
	cr_assert_eq(info.paths[0].dgid.raw[15], 2);
	kdev_finish(id);
}

Test(kquery, addr__of_af_ib_is_whole, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();
	struct iw_cm_addr_info info;
	struct sockaddr_ib ib;

	set_af_ib();
	k.route.node_guid = 42;
	k.route.port_num = 1;
	cr_assert_eq(iw_cm_query(id, &info), 0);
	memcpy(&ib, &info.dst, sizeof(ib));
	cr_assert_eq(ib.sib_addr.sib_raw[15], 2);
	cr_assert_eq(info.port_num, 1);
	k.addr.src_size = UINT16_MAX;
	cr_assert_eq(iw_cm_query(id, &info), 0, "no more is read than there is");
	kdev_finish(id);
}

Test(kquery, any__faults_leave_the_output_alone, .init = kdev_setup)
{
	struct iw_cm_id *id = kdev_make();
	struct iw_cm_path_info path = { .num_paths = 9 };
	struct iw_cm_addr_info addr = { .port_num = 9 };
	unsigned long n;

	set_af_ib();
	for (n = 1;; n++) {
		iw_fault_arm(IW_FAULT_SYSCALL, n);
		if (!iw_cm_query_path(id, &path))
			break;
		cr_assert_eq(path.num_paths, 9);
	}
	cr_assert_eq(n, 4);
	for (n = 1;; n++) {
		iw_fault_arm(IW_FAULT_SYSCALL, n);
		if (!iw_cm_query(id, &addr))
			break;
		cr_assert_eq(addr.port_num, 9);
	}
	iw_fault_arm(0, 0);
	cr_assert_eq(n, 3);
	kdev_finish(id);
}
