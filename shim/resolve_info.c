// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * rdma_resolve_addrinfo(3): rdma_getaddrinfo(3) on a thread of its own, or with
 * RAI_SA the driver's look-up of a service (service.c); and the events that no
 * driver knows of: the thread's outcome and rdma_write_cm_event(3).
 *
 * getaddrinfo(3) can hang for as long as a name server likes and cannot be
 * cancelled. So the thread owns its job together with the id, whose destroy
 * takes itself out of the job and leaves the rest to the thread. A forked child
 * has no such thread, and no use of such an id (EACCES).
 */
#include "shim/addrinfo.h"
#include "shim/service.h"
#include "shim/shim.h"

#include <netdb.h>
#include <stdlib.h>

/*
 * @lock protects: id, result; held over the queueing of the event, so that
 * the id stays; taken around the id's locks. Constant: what is asked, and whom.
 */
struct shim_info_job {
	struct iw_lock lock;
	struct shim_id *id; /* NULL: wants it no more */
	unsigned int refs;  /* atomic; the id's, the thread's, and that of a query or an event */
	bool done;	    /* atomic; before the event */
	bool of_driver;	    /* RAI_SA: no thread, the driver tells the outcome */
	unsigned int asked; /* the number of the call; constant once it is the id's */
	char *node, *service;
	struct rdma_addrinfo *hints;
	struct rdma_addrinfo *result; /* NULL: failed, taken, or not there yet */
};

/* ---- jobs */

static void job_free(struct shim_info_job *job)
{
	rdma_freeaddrinfo(job->hints);
	rdma_freeaddrinfo(job->result);
	free(job->node);
	free(job->service);
	iw_lock_fini(&job->lock);
	free(job);
}

static void job_put(struct shim_info_job *job)
{
	if (!__atomic_sub_fetch(&job->refs, 1, __ATOMIC_ACQ_REL))
		job_free(job);
}

/* The id's reference: afterwards the thread does not touch the id. */
static void job_abandon(struct shim_info_job *job)
{
	if (!job)
		return;
	iw_lock(&job->lock);
	job->id = NULL;
	iw_unlock(&job->lock);
	job_put(job);
}

static int dup_text(char **to, const char *from)
{
	size_t size = from ? strlen(from) + 1 : 0;

	if (!from)
		return 0;
	*to = iw_calloc(1, size);
	if (!*to)
		return -ENOMEM;
	memcpy(*to, from, size);
	return 0;
}

static int job_new(struct shim_id *id, const char *node, const char *service,
		   const struct rdma_addrinfo *hints, struct shim_info_job **out)
{
	struct shim_info_job *job = iw_calloc(1, sizeof(*job));
	int rc;

	if (!job)
		return -ENOMEM;
	iw_lock_init(&job->lock);
	job->id = id;
	job->refs = 1;
	rc = dup_text(&job->node, node);
	if (!rc)
		rc = dup_text(&job->service, service);
	if (!rc && hints)
		rc = shim_addrinfo_copy(hints, &job->hints);
	if (rc)
		job_free(job);
	else
		*out = job;
	return rc;
}

static bool job_is_done(const struct shim_info_job *job)
{
	return __atomic_load_n(&job->done, __ATOMIC_ACQUIRE);
}

bool shim_info_is_pending(const struct shim_id *id)
{
	iw_assert_held(&id->lock);
	return id->info && !job_is_done(id->info);
}

/* ---- the outcome */

/* An event's status is an errno: EAI_* overlap with those. -1 has its own. */
static int errno_of(int ret)
{
	switch (ret) {
	case 0:
		return 0;
	case -1:
	case EAI_SYSTEM:
		return shim_errno_or(-EIO);
	case EAI_NONAME:
	case EAI_SERVICE:
		return -ENOENT;
	case EAI_NODATA:
		return -ENODATA;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_FAMILY:
	case EAI_ADDRFAMILY:
		return -EAFNOSUPPORT;
	case EAI_SOCKTYPE:
		return -ESOCKTNOSUPPORT;
	case EAI_MEMORY:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/* Before the event that tells of it. */
static void job_finish(struct shim_info_job *job, struct rdma_addrinfo *result)
{
	iw_assert_held(&job->lock);
	job->result = result;
	__atomic_store_n(&job->done, true, __ATOMIC_RELEASE);
}

/* What was found belongs to the job, if anybody still wants it. */
static void job_end(struct shim_info_job *job, struct rdma_addrinfo *result, int status)
{
	iw_lock(&job->lock);
	job_finish(job, result);
	if (job->id &&
	    shim_event_own(job->id,
			   status ? RDMA_CM_EVENT_ADDRINFO_ERROR : RDMA_CM_EVENT_ADDRINFO_RESOLVED,
			   status, job->asked))
		iw_error("id %p: the outcome of rdma_resolve_addrinfo is lost", (void *)job->id);
	iw_unlock(&job->lock);
	job_put(job);
}

static void *run(void *arg)
{
	struct rdma_addrinfo *result = NULL;
	struct shim_info_job *job = arg;
	int status;

	errno = 0;
	status = errno_of(rdma_getaddrinfo(job->node, job->service, job->hints, &result));
	job_end(job, result, status);
	return NULL;
}

/* ---- calls */

/* Makes @job the id's. @old: the one before, which is over. */
static int claim(struct shim_id *id, struct shim_info_job *job, struct shim_info_job **old)
{
	int rc = 0;

	iw_lock(&id->lock);
	*old = id->info;
	if (*old && !job_is_done(*old))
		rc = -EBUSY;
	if (!rc) {
		id->info = job;
		job->asked = ++id->asked;
	}
	iw_unlock(&id->lock);
	return rc;
}

static void give_back(struct shim_id *id, struct shim_info_job *old)
{
	iw_lock(&id->lock);
	id->info = old;
	iw_unlock(&id->lock);
}

static int start_thread(struct shim_info_job *job)
{
	int rc;

	__atomic_add_fetch(&job->refs, 1, __ATOMIC_RELAXED);
	rc = iw_thread_start(run, job, "iwshim-names");
	if (rc)
		job_put(job);
	return rc;
}

/*
 * @service: what the driver is to look up; NULL: it is the thread's to find out.
 * @asked: which call it is.
 */
static int start(struct shim_id *id, struct shim_info_job *job, const struct iw_cm_service *service,
		 unsigned int *asked)
{
	struct shim_info_job *old;
	int rc = claim(id, job, &old);

	if (rc)
		return rc;
	*asked = job->asked;
	rc = service ? iw_cm_resolve_service(shim_id_cm(id), service) : start_thread(job);
	if (rc)
		give_back(id, old);
	else
		job_abandon(old);
	return rc;
}

static int check(struct shim_id *id, const char *node, const char *service,
		 const struct rdma_addrinfo *hints)
{
	struct rdma_addrinfo rest;

	if (!id->channel || (!node && !service && !hints))
		return -EINVAL;
	if (hints) {
		rest = *hints;
		rest.ai_flags &= ~RAI_SA; /* there is an id to ask through */
		hints = &rest;
	}
	errno = 0;
	return errno_of(shim_addrinfo_check(hints));
}

/* Starts @job, which is the id's then, or gone. */
static int launch(struct shim_id *id, struct shim_info_job *job,
		  const struct iw_cm_service *service)
{
	const bool sync = id->sync;
	unsigned int asked;
	int rc = shim_events_promise(id, 1);

	if (rc)
		goto put_job;
	rc = start(id, job, service, &asked);
	if (rc)
		goto unpromise;
	return sync ? shim_complete_info(id, asked) : 0;

unpromise:
	shim_events_unpromise(id, 1);
put_job:
	job_put(job);
	return rc;
}

/* RAI_SA. What the hints leave open the id knows. */
static int resolve_service(struct shim_id *id, const char *node, const char *text,
			   const struct rdma_addrinfo *hints)
{
	struct iw_cm_service service;
	struct shim_info_job *job;
	int rc = shim_service_read(node, text, hints->ai_flags, &service);

	if (!rc)
		rc = shim_service_port(id);
	if (!rc)
		rc = job_new(id, NULL, NULL, hints, &job);
	if (rc)
		return rc;
	job->of_driver = true;
	if (!job->hints->ai_qp_type)
		job->hints->ai_qp_type = (int)id->id.qp_type;
	if (!job->hints->ai_port_space)
		job->hints->ai_port_space = (int)id->id.ps;
	return launch(id, job, &service);
}

static int resolve(struct shim_id *id, const char *node, const char *service,
		   const struct rdma_addrinfo *hints)
{
	struct shim_info_job *job;
	int rc = check(id, node, service, hints);

	if (rc)
		return rc;
	if (hints && hints->ai_flags & RAI_SA)
		return resolve_service(id, node, service, hints);
	rc = job_new(id, node, service, hints, &job);
	return rc ? rc : launch(id, job, NULL);
}

IW_EXPORT int rdma_resolve_addrinfo(struct rdma_cm_id *id, const char *node, const char *service,
				    const struct rdma_addrinfo *hints)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : resolve(priv, node, service, hints));
}

/* With a reference, if it is over. */
static struct shim_info_job *job_over(struct shim_id *id)
{
	struct shim_info_job *job;

	iw_lock(&id->lock);
	job = id->info;
	if (job && !job_is_done(job))
		job = NULL;
	if (job)
		__atomic_add_fetch(&job->refs, 1, __ATOMIC_RELAXED);
	iw_unlock(&id->lock);
	return job;
}

/* With a reference, if the driver has it and has not told the outcome yet. */
static struct shim_info_job *job_of_driver(struct shim_id *id)
{
	struct shim_info_job *job;

	iw_lock(&id->lock);
	job = id->info;
	if (job && (!job->of_driver || job_is_done(job)))
		job = NULL;
	if (job)
		__atomic_add_fetch(&job->refs, 1, __ATOMIC_RELAXED);
	iw_unlock(&id->lock);
	return job;
}

unsigned int shim_info_answer(struct shim_id *id, struct iw_cm_id *cm, int *status)
{
	struct shim_info_job *job = job_of_driver(id);
	struct rdma_addrinfo *result = NULL;
	unsigned int asked;

	if (!job)
		return 0;
	asked = job->asked;
	if (!*status)
		*status = shim_service_list(cm, job->hints, &result);
	iw_lock(&job->lock);
	job_finish(job, result);
	iw_unlock(&job->lock);
	job_put(job);
	return asked;
}

/* The job stays the id's: its thread may still be about to tell. */
static int query(struct shim_id *id, struct rdma_addrinfo **info)
{
	struct shim_info_job *job = job_over(id);
	struct rdma_addrinfo *result;

	if (!job)
		return -ENOENT;
	iw_lock(&job->lock);
	result = job->result;
	job->result = NULL;
	iw_unlock(&job->lock);
	job_put(job);
	if (!result)
		return -ENOENT;
	*info = result;
	return 0;
}

IW_EXPORT int rdma_query_addrinfo(struct rdma_cm_id *id, struct rdma_addrinfo **info)
{
	struct shim_id *priv;
	int rc = info ? shim_id_check(id, &priv) : -EINVAL;

	return shim_return(rc ? rc : query(priv, info));
}

void shim_info_end(struct shim_id *id)
{
	struct shim_info_job *job;

	iw_lock(&id->lock);
	job = id->info;
	id->info = NULL;
	iw_unlock(&id->lock);
	job_abandon(job);
}

/* ---- events of the program's own */

/*
 * Linux 6.18 has a command for this (WRITE_CM_EVENT), which sends the event through
 * the kernel's queue of the id. Ours stays in the process on every kernel: the
 * order of a channel's events is this library's own, an id may have no kernel file
 * at all, and one behaviour serves kernels and the software device alike.
 * RDMA_CM_EVENT_INTERNAL is for the library, which has no need of it here.
 */
IW_EXPORT int rdma_write_cm_event(struct rdma_cm_id *id, enum rdma_cm_event_type event, int status,
				  uint64_t arg)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	if (!rc && event != RDMA_CM_EVENT_USER)
		rc = -EINVAL;
	return shim_return(rc ? rc : shim_event_own(priv, event, status, arg));
}
