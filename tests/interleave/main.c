// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/interleave/sched.h"

int main(void)
{
	return 0;
}
