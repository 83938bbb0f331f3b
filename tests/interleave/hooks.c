// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * What -fsanitize=thread makes the compiler call, in place of the sanitizer's
 * own library. Atomic operations are no races and order nothing.
 */
#include "tests/interleave/sanitize.h"

typedef int il_not_empty; /* ISO C wants something in every file */

#if !defined(IL_TSAN) && !defined(IL_ASAN)
#include <stdint.h>
#include <string.h>

#include "tests/interleave/sched.h"
#include "tests/interleave/watch.h"

#define PC ((uintptr_t)__builtin_return_address(0))

void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
}

void __tsan_func_exit(void)
{
}

#define HOOKS(size)                                       \
	void __tsan_read##size(void *memory);             \
	void __tsan_write##size(void *memory);            \
	void __tsan_unaligned_read##size(void *memory);   \
	void __tsan_unaligned_write##size(void *memory);  \
	void __tsan_read##size(void *memory)              \
	{                                                 \
		il_watch_access(memory, size, false, PC); \
	}                                                 \
	void __tsan_write##size(void *memory)             \
	{                                                 \
		il_watch_access(memory, size, true, PC);  \
	}                                                 \
	void __tsan_unaligned_read##size(void *memory)    \
	{                                                 \
		il_watch_access(memory, size, false, PC); \
	}                                                 \
	void __tsan_unaligned_write##size(void *memory)   \
	{                                                 \
		il_watch_access(memory, size, true, PC);  \
	}
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

void __tsan_read_range(void *memory, size_t size);
void __tsan_write_range(void *memory, size_t size);

void __tsan_read_range(void *memory, size_t size)
{
	il_watch_access(memory, size, false, PC);
}

void __tsan_write_range(void *memory, size_t size)
{
	il_watch_access(memory, size, true, PC);
}

void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memset(void *memory, int byte, size_t size);

void *__tsan_memcpy(void *to, const void *from, size_t size)
{
	il_watch_access(from, size, false, PC);
	il_watch_access(to, size, true, PC);
	return memcpy(to, from, size);
}

void *__tsan_memset(void *memory, int byte, size_t size)
{
	il_watch_access(memory, size, true, PC);
	return memset(memory, byte, size);
}

#define ATOMICS(bits)                                                                            \
	uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order); \
	void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t value,      \
					 int order);                                             \
	uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile uint##bits##_t *at,              \
						       uint##bits##_t value, int order);         \
	uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order)  \
	{                                                                                        \
		return *at;                                                                      \
	}                                                                                        \
	void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t value,      \
					 int order)                                              \
	{                                                                                        \
		*at = value;                                                                     \
	}                                                                                        \
	uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile uint##bits##_t *at,              \
						       uint##bits##_t value, int order)          \
	{                                                                                        \
		uint##bits##_t before = *at;                                                     \
                                                                                                 \
		*at = (uint##bits##_t)(before + value);                                          \
		return before;                                                                   \
	}
ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)
#endif
