// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Prints one line for each observation of librdmacm's behaviour, by the plain
 * ABI, so that guest/api_diff.sh can compare ours with the stock library.
 * usage: api_diff [BEGINNING OF A CASE'S NAME]
 */
#include "api_diff.h"

int main(int argc, char **argv)
{
	static const struct api_case *const all[] = { api_ids,	api_addr,    api_qp,
						      api_conn, api_private, api_end,
						      api_misc, api_ib,	     api_ud };
	const char *only = argc > 1 ? argv[1] : NULL;

	if (!ADDR || !ADDR2 || !ADDR6) {
		fprintf(stderr, "ADDR, ADDR2 and ADDR6 name the addresses of the device\n");
		return 2;
	}
	return api_run(all, sizeof(all) / sizeof(all[0]), only);
}
