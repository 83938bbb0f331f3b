// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "shim/service.h"

#include <endian.h>
#include <infiniband/ib.h>
#include <stdlib.h>

#include "shim/addrinfo.h"

/* ---- the question */

/* A number is a service id; anything else a name, also if it begins with a digit. */
static int read_text(const char *text, struct iw_cm_service *service)
{
	size_t len = strlen(text);
	char *end;

	memset(service, 0, sizeof(*service));
	if (*text >= '0' && *text <= '9') {
		errno = 0;
		service->id = strtoull(text, &end, 0);
		if (!*end)
			return errno ? -EINVAL : 0;
	}
	if (!len || len >= sizeof(service->name))
		return -EINVAL;
	memcpy(service->name, text, len);
	return 0;
}

int shim_service_read(const char *node, const char *text, int flags, struct iw_cm_service *service)
{
	if (node || !text || flags & (RAI_DNS | RAI_PASSIVE))
		return -EINVAL;
	return read_text(text, service);
}

int shim_service_port(struct shim_id *id)
{
	struct ibv_port_attr attr;
	int rc;

	if (!id->id.verbs || !shim_id_cm(id))
		return -EINVAL;
	if (id->id.verbs->device->transport_type != IBV_TRANSPORT_IB)
		return -EOPNOTSUPP;
	rc = iw_fault(IW_FAULT_SYSCALL) ? ENOMEM
					: ibv_query_port(id->id.verbs, id->id.port_num, &attr);
	if (rc) /* some providers return -1 */
		return rc < 0 ? shim_errno_or(-EIO) : -rc;
	/* That of RoCE; old providers leave InfiniBand's unsaid. */
	return attr.link_layer == IBV_LINK_LAYER_ETHERNET ? -EOPNOTSUPP : 0;
}

/* ---- the answer */

static int make_one(const struct rdma_addrinfo *hints, struct iw_cm_service_record *record,
		    struct rdma_addrinfo **out)
{
	struct rdma_addrinfo found = *hints;
	struct sockaddr_ib sib = {
		.sib_family = AF_IB,
		.sib_pkey = record->pkey,
		.sib_sid = record->id,
		.sib_sid_mask = htobe64(UINT64_MAX),
	};

	memcpy(&sib.sib_addr, record->gid.raw, sizeof(sib.sib_addr));
	found.ai_flags = 0;
	found.ai_family = AF_IB;
	found.ai_dst_addr = (struct sockaddr *)&sib;
	found.ai_dst_len = sizeof(sib);
	found.ai_dst_canonname = record->name[0] ? record->name : NULL;
	return shim_addrinfo_copy(&found, out);
}

int shim_service_list(struct iw_cm_id *cm, const struct rdma_addrinfo *hints,
		      struct rdma_addrinfo **list)
{
	struct rdma_addrinfo *first = NULL, **next = &first;
	struct iw_cm_service_info info;
	int rc = iw_cm_query_service(cm, &info);

	if (!rc && !info.num_records)
		rc = -ENODATA;
	if (rc)
		return rc;
	for (unsigned int i = 0; i < info.num_records; i++) {
		rc = make_one(hints, &info.records[i], next);
		if (rc)
			goto free_list;
		next = &(*next)->ai_next;
	}
	*list = first;
	return 0;

free_list:
	rdma_freeaddrinfo(first);
	return rc;
}
