/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sees each access of instrumented code to the arena and to il_state: what is
 * freed must not be touched, and of two accesses to the same byte of which one
 * writes, one comes before the other by what the schedule's objects say. So it
 * is no assumption that independent steps share nothing.
 */
#ifndef IL_WATCH_H
#define IL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The memory that is watched; at most IL_WATCH_AREAS of them. */
#define IL_WATCH_AREAS 2
/* 0 or -ENOMEM. */
int il_watch_area(const void *memory, size_t size);
void il_watch_access(const void *memory, size_t size, bool write, uintptr_t pc);

#endif
