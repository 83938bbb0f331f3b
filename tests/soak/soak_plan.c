// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What happens to each connection, drawn from the seed and its number. */
#include "tests/soak/soak.h"

uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint32_t random_below(uint64_t *state, uint32_t n)
{
	return (uint32_t)(random_next(state) >> 32) % n;
}

static enum answer draw_answer(uint64_t *state)
{
	uint32_t dice = random_below(state, 100);

	return dice < 78   ? ANSWER_ACCEPT
	       : dice < 84 ? ANSWER_LATE
	       : dice < 93 ? ANSWER_REJECT
			   : ANSWER_DROP;
}

static enum giving_up draw_giving_up(uint64_t *state)
{
	uint32_t dice = random_below(state, 100);

	return dice < 5	   ? GIVE_UP_RESOLVING
	       : dice < 8  ? GIVE_UP_ROUTE
	       : dice < 16 ? GIVE_UP_CONNECTING
			   : GIVE_UP_NOT;
}

/* A synchronous end has no time at which it could give up, and no second thread. */
struct plan plan_of(uint32_t number, bool sync)
{
	uint64_t state = book->seed + number * 0x2545f4914f6cdd1dull;
	struct plan p = {
		.number = number,
		.door = random_below(&state, 4) ? DOOR_V4 : DOOR_V6,
		.server = random_below(&state, SERVERS),
		.answer = draw_answer(&state),
		.giving_up = draw_giving_up(&state),
		.ending = random_below(&state, 4),
		.nops = random_below(&state, MAX_OPS + 1),
		.left = random_below(&state, 3),
		.late_us = random_below(&state, 5000) >> random_below(&state, 8),
		.sleeps = random_below(&state, 2),
	};

	for (unsigned int i = 0; i < MAX_OPS; i++) {
		p.ops[i] = random_below(&state, OPS);
		p.sizes[i] = 1 + random_below(&state, MAX_PAYLOAD);
	}
	if (!sync)
		return p;
	p.door = DOOR_SYNC;
	p.giving_up = GIVE_UP_NOT;
	p.ending %= 2;
	p.left = 0;
	return p;
}

static uint64_t key_at(uint64_t key, size_t i)
{
	return (key + i) * 0x9e3779b97f4a7c15;
}

void fill(void *bytes, size_t len, uint64_t key)
{
	uint8_t *at = bytes;
	uint64_t word;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		word = key_at(key, i);
		n = len - i < sizeof(word) ? len - i : sizeof(word);
		memcpy(at + i, &word, n);
	}
}

bool is_filled(const void *bytes, size_t len, uint64_t key)
{
	const uint8_t *at = bytes;
	uint64_t word;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		word = key_at(key, i);
		n = len - i < sizeof(word) ? len - i : sizeof(word);
		if (memcmp(at + i, &word, n))
			return false;
	}
	return true;
}
