/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The counters behind iw_cm_get_stats(). */
#ifndef IW_STATS_H
#define IW_STATS_H

#include "iwcm-core/iw_cm.h"

extern struct iw_cm_stats iw_stats;

/* Who reads that an id was freed also sees all that was done with it before. */
#define iw_stat_inc(field) ((void)__atomic_add_fetch(&iw_stats.field, 1, __ATOMIC_RELEASE))

#endif
