// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Counters of this process. Each is exact; together they are no snapshot. */
#include "iwcm-core/iw_stats.h"

struct iw_cm_stats iw_stats;

#define READ(field) __atomic_load_n(&iw_stats.field, __ATOMIC_ACQUIRE)

void iw_cm_get_stats(struct iw_cm_stats *stats)
{
	*stats = (struct iw_cm_stats){
		.ids_created = READ(ids_created),
		.ids_freed = READ(ids_freed),
		.events_posted = READ(events_posted),
		.events_delivered = READ(events_delivered),
		.events_discarded = READ(events_discarded),
		.events_unexpected = READ(events_unexpected),
		.requests_refused = READ(requests_refused),
	};
}
