// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The name of a schedule up to the order of independent steps. A step is told
 * by its actor and its clock, which says what came before it and had to; the
 * sum over all steps does not depend on their order. Two schedules with equal
 * sums have run the same code on the same data (64 bits: by chance once in
 * 10^5 scenarios of 10^7 states).
 */
#include "tests/interleave/explore.h"

#define CHOICE 0x100

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	return x;
}

static uint64_t clock_hash(uint64_t seed, const struct il_clock *clock)
{
	uint64_t hash = mix(seed + 1);

	for (int i = 0; i < IL_SLOTS; i += 4) {
		uint64_t word = (uint64_t)clock->at[i] | (uint64_t)clock->at[i + 1] << 16 |
				(uint64_t)clock->at[i + 2] << 32 | (uint64_t)clock->at[i + 3] << 48;

		hash = mix(hash ^ word) + (uint64_t)i;
	}
	return hash;
}

uint64_t il_trace_step(int slot, const struct il_clock *clock)
{
	return clock_hash((uint64_t)slot, clock);
}

uint64_t il_trace_choice(int slot, const struct il_clock *clock, unsigned int answer)
{
	return clock_hash(((uint64_t)answer << 16) + CHOICE + (uint64_t)slot, clock);
}
