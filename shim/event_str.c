// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Names of events for people. */
#include <rdma/rdma_cma.h>

#include "shim/export.h"

#define NAME(event) [event] = #event

/* USER and INTERNAL have no name, as in rdma-core. */
static const char *const event_names[] = {
	NAME(RDMA_CM_EVENT_ADDR_RESOLVED),     NAME(RDMA_CM_EVENT_ADDR_ERROR),
	NAME(RDMA_CM_EVENT_ROUTE_RESOLVED),    NAME(RDMA_CM_EVENT_ROUTE_ERROR),
	NAME(RDMA_CM_EVENT_CONNECT_REQUEST),   NAME(RDMA_CM_EVENT_CONNECT_RESPONSE),
	NAME(RDMA_CM_EVENT_CONNECT_ERROR),     NAME(RDMA_CM_EVENT_UNREACHABLE),
	NAME(RDMA_CM_EVENT_REJECTED),	       NAME(RDMA_CM_EVENT_ESTABLISHED),
	NAME(RDMA_CM_EVENT_DISCONNECTED),      NAME(RDMA_CM_EVENT_DEVICE_REMOVAL),
	NAME(RDMA_CM_EVENT_MULTICAST_JOIN),    NAME(RDMA_CM_EVENT_MULTICAST_ERROR),
	NAME(RDMA_CM_EVENT_ADDR_CHANGE),       NAME(RDMA_CM_EVENT_TIMEWAIT_EXIT),
	NAME(RDMA_CM_EVENT_ADDRINFO_RESOLVED), NAME(RDMA_CM_EVENT_ADDRINFO_ERROR),
};

IW_EXPORT const char *rdma_event_str(enum rdma_cm_event_type event)
{
	size_t n = (unsigned int)event;

	return n < sizeof(event_names) / sizeof(event_names[0]) ? event_names[n] : "UNKNOWN EVENT";
}
