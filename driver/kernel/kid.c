// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/list.h"
#include "driver/kernel/khandle.h"

void kid_fork_begin(void)
{
	iw_lock(&khandle_lock);
}

void kid_fork_end(void)
{
	iw_unlock(&khandle_lock);
}

/* Takes the object and its memberships out of the table. */
static void unname(struct kid *kid)
{
	const struct kmember *member;

	iw_assert_held(&khandle_lock);
	khandle_remove(kid->handle);
	TAILQ_FOREACH (member, &kid->members, link)
		khandle_remove(member->handle);
	if (kid->listed)
		TAILQ_REMOVE(&kid->source->children, kid, sibling);
	kid->listed = false;
}

/* -------------------------------------------------------------------- Life */

int kid_new(struct iw_source *source, bool passive, struct kid **kid)
{
	struct kid *new = iw_calloc(1, sizeof(*new));
	int ret;

	if (!new)
		return -ENOMEM;
	new->source = source;
	new->passive = passive;
	TAILQ_INIT(&new->members);
	iw_cond_init(&new->finished);
	iw_lock(&khandle_lock);
	ret = khandle_add(KHANDLE_KID, new, &new->handle);
	iw_unlock(&khandle_lock);
	if (ret) {
		iw_cond_fini(&new->finished);
		free(new);
		return ret;
	}
	*kid = new;
	return 0;
}

void kid_name(struct kid *kid, struct iw_cm_id *id, uint32_t kernel_id)
{
	iw_lock(&khandle_lock);
	kid->id = id;
	kid->kernel_id = kernel_id;
	iw_unlock(&khandle_lock);
}

static void free_members(struct kid *kid)
{
	struct kmember *member;

	while ((member = TAILQ_FIRST(&kid->members))) {
		TAILQ_REMOVE(&kid->members, member, link);
		free(member);
	}
}

/* Of an object that the table does not name any more. */
static void release(struct kid *kid)
{
	free_members(kid);
	iw_cond_fini(&kid->finished);
	free(kid);
}

void kid_free(struct kid *kid)
{
	if (!kid)
		return;
	iw_lock(&khandle_lock);
	unname(kid);
	iw_unlock(&khandle_lock);
	release(kid);
}

void kid_list_child(struct kid *kid)
{
	iw_lock(&khandle_lock);
	TAILQ_INSERT_TAIL(&kid->source->children, kid, sibling);
	kid->listed = true;
	iw_unlock(&khandle_lock);
}

struct kid *kid_pin(uint64_t handle)
{
	struct kid *kid;

	iw_lock(&khandle_lock);
	kid = khandle_find(KHANDLE_KID, handle);
	if (kid)
		kid->busy++;
	iw_unlock(&khandle_lock);
	return kid;
}

/*
 * Kernels before 5.10 can show ESTABLISHED with uid 0, so this walk is rare.
 * The kernel uses its ids again: of two equal ones the older still waits for
 * an event that was fetched before the younger was born.
 */
struct kid *kid_pin_child(struct iw_source *source, uint32_t kernel_id)
{
	struct kid *kid;

	iw_lock(&khandle_lock);
	TAILQ_FOREACH (kid, &source->children, sibling)
		if (kid->kernel_id == kernel_id)
			break;
	if (kid)
		kid->busy++;
	iw_unlock(&khandle_lock);
	return kid;
}

/* ----------------------------------------------------------------- Attempts */

void kid_attempt(struct kid *kid, bool begun)
{
	iw_lock(&khandle_lock);
	kid->pending = begun;
	kid->responded = false;
	iw_unlock(&khandle_lock);
}

static enum kid_hearing hear(const struct kid *kid)
{
	iw_assert_held(&khandle_lock);
	if (kid->parked && kid->pending)
		return KID_HEARD_BY_PARK;
	return kid->parked || kid->cancelled ? KID_HEARD_BY_NOBODY : KID_HEARD_BY_CORE;
}

enum kid_hearing kid_outcome(struct kid *kid)
{
	enum kid_hearing hearing;

	iw_lock(&khandle_lock);
	hearing = hear(kid);
	kid->pending = false;
	iw_unlock(&khandle_lock);
	return hearing;
}

enum kid_hearing kid_response(struct kid *kid)
{
	enum kid_hearing hearing;

	iw_lock(&khandle_lock);
	hearing = hear(kid);
	kid->responded = hearing == KID_HEARD_BY_CORE;
	kid->pending = kid->responded;
	iw_unlock(&khandle_lock);
	return hearing;
}

void kid_close(struct kid *kid)
{
	iw_lock(&khandle_lock);
	kid->closed = true;
	iw_unlock(&khandle_lock);
}

bool kid_park(struct kid *kid)
{
	bool pending;

	iw_lock(&khandle_lock);
	kid->parked = true;
	pending = kid->pending;
	iw_unlock(&khandle_lock);
	return pending;
}

bool kid_cancel(struct kid *kid)
{
	bool now;

	iw_lock(&khandle_lock);
	now = kid->pending && !kid->cancelled;
	kid->cancelled |= now;
	iw_unlock(&khandle_lock);
	return now;
}

static bool read_flag(const bool *flag)
{
	bool value;

	iw_lock(&khandle_lock);
	value = *flag;
	iw_unlock(&khandle_lock);
	return value;
}

bool kid_is_pending(struct kid *kid)
{
	return read_flag(&kid->pending);
}

bool kid_is_cancelled(struct kid *kid)
{
	return read_flag(&kid->cancelled);
}

bool kid_is_responded(struct kid *kid)
{
	return read_flag(&kid->responded);
}

bool kid_is_closed(struct kid *kid)
{
	return read_flag(&kid->closed);
}

/* ------------------------------------------------------------- Memberships */

static struct kmember *find_member(const struct kid *kid, const void *membership)
{
	struct kmember *member;

	iw_assert_held(&khandle_lock);
	TAILQ_FOREACH (member, &kid->members, link)
		if (member->membership == membership)
			return member;
	return NULL;
}

int kid_member_new(struct kid *kid, void *membership, struct kmember **member)
{
	struct kmember *new = iw_calloc(1, sizeof(*new));
	int ret;

	if (!new)
		return -ENOMEM;
	new->kid = kid;
	new->membership = membership;
	iw_lock(&khandle_lock);
	ret = find_member(kid, membership) ? -EEXIST
					   : khandle_add(KHANDLE_MEMBER, new, &new->handle);
	if (!ret)
		TAILQ_INSERT_TAIL(&kid->members, new, link);
	iw_unlock(&khandle_lock);
	if (ret)
		free(new);
	else
		*member = new;
	return ret;
}

bool kid_member_name(struct kmember *member, uint32_t kernel_id)
{
	bool wanted;

	iw_lock(&khandle_lock);
	member->kernel_id = kernel_id;
	member->named = true;
	wanted = member->membership;
	iw_unlock(&khandle_lock);
	return wanted;
}

struct kmember *kid_member_give_up(struct kid *kid, void *membership, bool *named)
{
	struct kmember *member;

	iw_lock(&khandle_lock);
	member = find_member(kid, membership);
	if (member) {
		member->membership = NULL;
		*named = member->named;
	}
	iw_unlock(&khandle_lock);
	return member;
}

void kid_member_free(struct kmember *member)
{
	iw_lock(&khandle_lock);
	khandle_remove(member->handle);
	TAILQ_REMOVE(&member->kid->members, member, link);
	iw_unlock(&khandle_lock);
	free(member);
}

struct kid *kid_pin_member(uint64_t handle, void **membership)
{
	struct kmember *member;
	struct kid *kid = NULL;

	iw_lock(&khandle_lock);
	member = khandle_find(KHANDLE_MEMBER, handle);
	if (member) {
		*membership = member->membership;
		kid = member->kid;
		kid->busy++;
	}
	iw_unlock(&khandle_lock);
	return kid;
}

void kid_flush(struct kid *kid)
{
	struct iw_source *source;

	iw_lock(&khandle_lock);
	source = kid->source;
	iw_unlock(&khandle_lock);
	iw_lock(&source->order);
	iw_unlock(&source->order);
}

/* ---------------------------------------------------------------------- End */

static bool all_seen(const struct kid *kid, uint32_t reported)
{
	return (int32_t)(kid->seen - reported) >= 0;
}

/* Takes the object out of the table if nobody needs it any more. */
static bool remove_if_done(struct kid *kid)
{
	iw_assert_held(&khandle_lock);
	if (!kid->gone || kid->busy || !all_seen(kid, kid->reported))
		return false;
	unname(kid);
	return true;
}

static void put_and_release(struct kid *kid)
{
	struct iw_cm_id *id = kid->id;

	release(kid);
	iw_cm_driver_put(id);
}

void kid_unpin(struct kid *kid)
{
	bool done;

	iw_lock(&khandle_lock);
	kid->busy--;
	kid->seen++;
	if (kid->waiting)
		iw_cond_broadcast(&kid->finished);
	done = remove_if_done(kid);
	iw_unlock(&khandle_lock);
	if (done)
		put_and_release(kid);
}

void kid_retire(struct kid *kid, const uint32_t *reported)
{
	bool done;

	iw_lock(&khandle_lock);
	kid->gone = true;
	kid->reported = reported ? *reported : kid->seen;
	done = remove_if_done(kid);
	iw_unlock(&khandle_lock);
	if (done)
		put_and_release(kid);
}

void kid_drop(struct kid *kid)
{
	struct iw_cm_id *id = kid->id;

	iw_lock(&khandle_lock);
	unname(kid);
	iw_unlock(&khandle_lock);
	/* The condition stays: destroying it would wait for the parent's waiter. */
	free_members(kid);
	free(kid);
	iw_cm_driver_put(id);
}

bool kid_move(struct kid *kid, uint32_t reported, struct iw_source *source, unsigned int ms)
{
	bool in_time = true;

	iw_lock(&khandle_lock);
	kid->waiting++;
	while (in_time && (kid->busy || !all_seen(kid, reported)))
		in_time = iw_cond_wait_ms(&kid->finished, &khandle_lock, ms);
	kid->waiting--;
	if (kid->listed) {
		TAILQ_REMOVE(&kid->source->children, kid, sibling);
		TAILQ_INSERT_TAIL(&source->children, kid, sibling);
	}
	kid->source = source;
	iw_unlock(&khandle_lock);
	return in_time;
}
