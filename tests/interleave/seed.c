// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Decisions as text and back: a letter an actor, "=n" an answer of il_choose(). */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/interleave/explore.h"

static size_t run_length(const struct il_decision *decisions, size_t n)
{
	size_t same = 1;

	while (same < n && !decisions[same].choice && decisions[same].value == decisions[0].value)
		same++;
	return same;
}

void il_seed_print(const struct il_decision *decisions, size_t n, char *buf, size_t size)
{
	size_t at = 0, used = 0, same;

	buf[0] = '\0';
	while (at < n && used < size) {
		if (decisions[at].choice) {
			used += (size_t)snprintf(buf + used, size - used, "=%u",
						 decisions[at].value);
			at++;
			continue;
		}
		same = run_length(decisions + at, n - at);
		used += (size_t)snprintf(buf + used, size - used, "%c", 'a' + decisions[at].value);
		if (same > 1 && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%zu", same);
		at += same;
	}
}

/* Appends @times of the decision. False: no room. */
static bool append(struct il_decision *decisions, size_t max, size_t *n, struct il_decision one,
		   unsigned long times)
{
	if (times > max - *n)
		return false;
	while (times--)
		decisions[(*n)++] = one;
	return true;
}

int il_seed_parse(const char *seed, struct il_decision *decisions, size_t max)
{
	struct il_decision one;
	unsigned long number;
	size_t n = 0;
	char *end;

	while (*seed) {
		one.choice = *seed == '=';
		if (!one.choice && (*seed < 'a' || *seed >= 'a' + IL_SLOTS))
			return -EINVAL;
		one.value = one.choice ? 0 : (uint8_t)(*seed - 'a');
		number = 1;
		seed++;
		if (isdigit((unsigned char)*seed)) {
			number = strtoul(seed, &end, 10);
			seed = end;
		} else if (one.choice) {
			return -EINVAL;
		}
		if (one.choice) {
			if (number > UINT8_MAX)
				return -EINVAL;
			one.value = (uint8_t)number;
			number = 1;
		}
		if (!append(decisions, max, &n, one, number))
			return -EINVAL;
	}
	return (int)n;
}
