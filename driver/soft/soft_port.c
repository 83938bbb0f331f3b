// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/soft/soft_port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/soft/soft.h"

#define RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range"
#define RESERVED_FILE "/proc/sys/net/ipv4/ip_local_reserved_ports"
#define RANGE_MS 1000 /* a range that changes within a second is as it was */
#define DRAWS 8	      /* to find one that is not reserved */

/* Each thread may be in a network namespace of its own. */
static _Thread_local struct {
	bool known;
	uint64_t since_ms; /* 0: never read */
	struct soft_port_range range;
} cache;

/* ------------------------------------------------------------------- Range */

static bool is_blank(const char *text)
{
	return !text[strspn(text, " \t\n")];
}

bool soft_port_parse(const char *range, const char *reserved, struct soft_port_range *out)
{
	size_t len = strlen(reserved);
	unsigned int low, high;

	if (sscanf(range, "%u %u", &low, &high) != 2)
		return false;
	if (!low || low > high || high > UINT16_MAX || len >= sizeof(out->reserved))
		return false;
	*out = (struct soft_port_range){ .low = (uint16_t)low, .high = (uint16_t)high };
	if (!is_blank(reserved))
		memcpy(out->reserved, reserved, len);
	return true;
}

bool soft_port_is_reserved(const struct soft_port_range *range, uint16_t port)
{
	const char *at = range->reserved;
	unsigned long from, to;
	char *end;

	for (; *at; at = end + strspn(end, ",\n")) {
		from = to = strtoul(at, &end, 10);
		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		/* One that is not understood keeps all ports. */
		if (end == at || (port >= from && port <= to))
			return true;
	}
	return false;
}

/* The whole file as a string; -ENOSPC if it is longer. */
static int read_file(const char *path, char *text, size_t size)
{
	ssize_t n;
	int fd;

	fd = iw_fault(IW_FAULT_SYSCALL) ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	n = iw_fault(IW_FAULT_SYSCALL) ? -1 : read(fd, text, size);
	close(fd);
	if (n < 0)
		return -EIO;
	if ((size_t)n == size)
		return -ENOSPC;
	text[n] = '\0';
	return 0;
}

static bool know_range(void)
{
	char range[64], reserved[sizeof(cache.range.reserved)];
	uint64_t now = iw_now_ms();

	if (cache.since_ms && now - cache.since_ms < RANGE_MS)
		return cache.known;
	cache.since_ms = now;
	cache.known = !read_file(RANGE_FILE, range, sizeof(range)) &&
		      !read_file(RESERVED_FILE, reserved, sizeof(reserved)) &&
		      soft_port_parse(range, reserved, &cache.range);
	return cache.known;
}

/* -------------------------------------------------------------------- Draw */

in_port_t soft_port_draw(bool odd)
{
	const struct soft_port_range *range = &cache.range;
	uint32_t random, port;

	if (!know_range())
		return 0;
	for (unsigned int i = 0; i < DRAWS; i++) {
		if (iw_fault(IW_FAULT_SYSCALL) ||
		    getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
			return 0;
		port = range->low + random % (range->high - range->low + 1u);
		/* connect(2) prefers the parity of the lowest. */
		if (odd && (port - range->low) % 2 == 0 && port < range->high)
			port++;
		if (!soft_port_is_reserved(range, (uint16_t)port))
			return htons((uint16_t)port);
	}
	return 0;
}
