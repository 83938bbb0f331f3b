// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Prints what the librdmacm that serves this process makes of each case of
 * addrinfo_cases.h, so that two libraries can be compared with diff(1).
 * Without arguments only the cases without a documented difference; with "all"
 * every case.
 */
#include <stdbool.h>

#include "addrinfo_cases.h"

int main(int argc, char **argv)
{
	bool all = argc > 1 && !strcmp(argv[1], "all");
	char line[256];
	size_t i;

	for (i = 0; i < ADDRINFO_CASES; i++) {
		if (addrinfo_cases[i].stock && !all)
			continue;
		addrinfo_run(&addrinfo_cases[i], rdma_getaddrinfo, rdma_freeaddrinfo, line,
			     sizeof(line));
		printf("%s: %s\n", addrinfo_cases[i].name, line);
	}
	return 0;
}
