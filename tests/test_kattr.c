// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include <criterion/criterion.h>
#include <endian.h>
#include <string.h>

#include "driver/kernel/kattr.h"

Test(kattr, path__of_query_route)
{
	struct ib_user_path_rec from = {
		.dlid = htobe16(3),
		.slid = htobe16(4),
		.raw_traffic = 1,
		.flow_label = htobe32(0x54321),
		.reversible = 1,
		.mtu = 4,
		.pkey = htobe16(0xffff),
		.hop_limit = 64,
		.traffic_class = 5,
		.numb_path = 6,
		.sl = 7,
		.mtu_selector = 2,
		.rate_selector = 1,
		.rate = 8,
		.packet_life_time_selector = 3,
		.packet_life_time = 9,
		.preference = 10,
	};
	struct ibv_sa_path_rec path;

	memset(&path, 0xaa, sizeof(path));
	from.dgid[15] = 1;
	from.sgid[0] = 2;
	kattr_path(&from, &path);
	cr_assert_eq(path.dgid.raw[15], 1);
	cr_assert_eq(path.sgid.raw[0], 2);
	cr_assert_eq(path.dlid, htobe16(3));
	cr_assert_eq(path.slid, htobe16(4));
	cr_assert_eq(path.raw_traffic, 1);
	cr_assert_eq(path.flow_label, htobe32(0x54321));
	cr_assert_eq(path.reversible, 1);
	cr_assert_eq(path.mtu, 4);
	cr_assert_eq(path.pkey, htobe16(0xffff));
	cr_assert_eq(path.hop_limit, 64);
	cr_assert_eq(path.traffic_class, 5);
	cr_assert_eq(path.numb_path, 6);
	cr_assert_eq(path.sl, 7);
	cr_assert_eq(path.mtu_selector, 2);
	cr_assert_eq(path.rate_selector, 1);
	cr_assert_eq(path.rate, 8);
	cr_assert_eq(path.packet_life_time_selector, 3);
	cr_assert_eq(path.packet_life_time, 9);
	cr_assert_eq(path.preference, 10);
}

Test(kattr, path__counts_as_one_where_the_kernel_does_not_count)
{
	const struct ib_user_path_rec from = { .reversible = 1 };
	const struct ib_path_rec_data packed = { .flags = 0 };
	struct ibv_sa_path_rec path;

	kattr_path(&from, &path);
	cr_assert_eq(path.numb_path, 1);
	kattr_path_packed(&packed, &path);
	cr_assert_eq(path.numb_path, 1);
}

/* By offsets in the MAD, as the InfiniBand specification has them. */
Test(kattr, path_packed__of_the_wire)
{
	static const uint8_t tail[] = {
		0,	    3,	      0,	4,    /* LIDs */
		0x80 | 0x5, 0x43,     0x21,	64,   /* raw traffic, flow label, hop limit */
		5,	    0x80 | 6, 0xff,	0xff, /* class, reversible and number, P_Key */
		0xab,	    0xc7,		      /* QoS class, SL */
		0x80 | 4,   0x40 | 8, 0xc0 | 9, 10,
	};
	struct ib_path_rec_data from;
	uint8_t *bytes = (uint8_t *)from.path_rec;
	struct ibv_sa_path_rec path;

	memset(&from, 0, sizeof(from));
	bytes[8 + 15] = 1;
	bytes[24] = 2;
	memcpy(bytes + 40, tail, sizeof(tail));
	memset(&path, 0xaa, sizeof(path));
	kattr_path_packed(&from, &path);
	cr_assert_eq(path.dgid.raw[15], 1);
	cr_assert_eq(path.sgid.raw[0], 2);
	cr_assert_eq(path.dlid, htobe16(3));
	cr_assert_eq(path.slid, htobe16(4));
	cr_assert_eq(path.raw_traffic, 1);
	cr_assert_eq(path.flow_label, htobe32(0x54321));
	cr_assert_eq(path.hop_limit, 64);
	cr_assert_eq(path.traffic_class, 5);
	cr_assert_eq(path.reversible, 1);
	cr_assert_eq(path.numb_path, 6);
	cr_assert_eq(path.pkey, htobe16(0xffff));
	cr_assert_eq(path.sl, 7);
	cr_assert_eq(path.mtu_selector, 2);
	cr_assert_eq(path.mtu, 4);
	cr_assert_eq(path.rate_selector, 1);
	cr_assert_eq(path.rate, 8);
	cr_assert_eq(path.packet_life_time_selector, 3);
	cr_assert_eq(path.packet_life_time, 9);
	cr_assert_eq(path.preference, 10);
}
