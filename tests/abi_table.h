/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The two tables that abi_table.c becomes: one compiled against our headers, one
 * against rdma-core's. This file includes neither.
 */
#ifndef ABI_TABLE_H
#define ABI_TABLE_H

#include <stddef.h>

/* A struct (size, alignment), a field (size, offset) or a constant (size, value). */
struct abi_row {
	const char *name;
	size_t size;
	long long value;
};

extern const struct abi_row abi_ours[], abi_stock[];
extern const size_t abi_ours_rows, abi_stock_rows;
/* Which rdma_cma.h each was built with: "ours" or "stock". */
extern const char abi_ours_header[], abi_stock_header[];

#endif
