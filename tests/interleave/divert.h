/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Before everything else in the core's files: their memory is the explorer's. */
#ifndef IL_DIVERT_H
#define IL_DIVERT_H

#include <stdlib.h>
#include <string.h>

#include "tests/interleave/sched.h"

#define calloc(n, size) il_calloc(n, size)
#define free(memory) il_free(memory)

#endif
