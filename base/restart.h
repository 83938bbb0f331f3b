/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What SA_RESTART means for calls that wait by poll(2) but promise to wait as
 * read(2) does.
 */
#ifndef IW_RESTART_H
#define IW_RESTART_H

#include <stdbool.h>

/*
 * After an EINTR of poll(2): true if read(2) would have gone on. poll does not
 * tell which signal came. Where every handler that may run on this thread wants
 * a restart, the answer is clear; where they differ the program hears of it.
 */
bool iw_may_restart(void);

#endif
