// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/hostile/hostile.h"

const struct theme theme_race = { .name = "race" };
