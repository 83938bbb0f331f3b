/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Which sanitizer there is, and what AddressSanitizer has to be told. */
#ifndef IL_SANITIZE_H
#define IL_SANITIZE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define IL_ASAN
#elif defined(__SANITIZE_THREAD__)
#define IL_TSAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IL_ASAN
#elif __has_feature(thread_sanitizer)
#define IL_TSAN
#endif
#endif

#ifdef IL_ASAN
#include <sanitizer/asan_interface.h>
#endif

static inline void il_poison(const void *memory, size_t size)
{
#ifdef IL_ASAN
	__asan_poison_memory_region(memory, size);
#endif
}

static inline void il_unpoison(const void *memory, size_t size)
{
#ifdef IL_ASAN
	__asan_unpoison_memory_region(memory, size);
#endif
}

#endif
