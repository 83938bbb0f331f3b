// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The time limits of the software device, by IWSHIM_PEER_TIMEOUT. Where they
 * hold is with those who wait.
 */
#include "driver/soft/soft_limit.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"

unsigned int soft_limit_parse(const char *text)
{
	unsigned long seconds;
	char *end;

	if (!text || !*text)
		return SOFT_LIMIT_DEAD_PEER_S;
	seconds = strtoul(text, &end, 10);
	if (*end || *text < '0' || *text > '9') {
		iw_warn("IWSHIM_PEER_TIMEOUT=%s is no number of seconds: %u", text,
			SOFT_LIMIT_DEAD_PEER_S);
		return SOFT_LIMIT_DEAD_PEER_S;
	}
	if (seconds < SOFT_LIMIT_MIN_S)
		return SOFT_LIMIT_MIN_S;
	return seconds > SOFT_LIMIT_MAX_S ? SOFT_LIMIT_MAX_S : (unsigned int)seconds;
}

unsigned int soft_limit_dead_peer_s(void)
{
	static unsigned int known;
	unsigned int seconds = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (!seconds) {
		seconds = soft_limit_parse(secure_getenv("IWSHIM_PEER_TIMEOUT"));
		__atomic_store_n(&known, seconds, __ATOMIC_RELAXED);
	}
	return seconds;
}

unsigned int soft_limit_ms(unsigned int ms)
{
	return (unsigned int)((uint64_t)ms * soft_limit_dead_peer_s() / SOFT_LIMIT_DEAD_PEER_S);
}
