// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Static data that has to be the same at the start of every schedule: the
 * section il_state, into which the core's data are renamed when the checker is
 * linked (local.mk) and scenarios put their own by IL_STATE.
 */
#include <stdlib.h>

#include "tests/interleave/run.h"
#include "tests/interleave/sanitize.h"
#include "tests/interleave/watch.h"

/* Of the linker; absent if nothing is in the section. */
extern char __start_il_state[] __attribute__((weak));
extern char __stop_il_state[] __attribute__((weak));

static char *snapshot;

/* By byte, and volatile: AddressSanitizer's memcpy would stop at its red zones. */
__attribute__((no_sanitize_address)) static void copy(char *to, const char *from, size_t size)
{
	volatile unsigned long *words = (void *)to;
	const unsigned long *source = (const void *)from;
	volatile char *bytes = to;
	size_t n = size / sizeof(*words);

	for (size_t i = 0; i < n; i++)
		words[i] = source[i];
	for (size_t i = n * sizeof(*words); i < size; i++)
		bytes[i] = from[i];
}

void il_statics_print(const void *address, char *buf, size_t size)
{
	snprintf(buf, size, "il_state+%zu", (size_t)((const char *)address - __start_il_state));
}

void il_statics_restore(void)
{
	size_t size = (size_t)(__stop_il_state - __start_il_state);

	if (!size)
		return;
	if (!snapshot) {
		snapshot = malloc(size);
		if (!snapshot)
			abort(); /* a test that cannot begin */
		copy(snapshot, __start_il_state, size);
		il_watch_area(__start_il_state, size);
	}
	copy(__start_il_state, snapshot, size);
}
