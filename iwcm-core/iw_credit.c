// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Request credits, shared by a listener and its children. */
#include "iwcm-core/iw_credit.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/lock.h"

/* @lock protects both counts: children come and go on threads of their own. */
struct iw_credits {
	struct iw_lock lock;
	unsigned int left;
	unsigned int users;
};

struct iw_credits *iw_credits_new(unsigned int slots)
{
	struct iw_credits *credits = iw_calloc(1, sizeof(*credits));

	if (!credits)
		return NULL;
	iw_lock_init(&credits->lock);
	credits->left = slots;
	credits->users = 1;
	return credits;
}

int iw_credits_take(struct iw_credits *credits)
{
	int rc = -EBUSY;

	iw_lock(&credits->lock);
	if (credits->left) {
		credits->left--;
		credits->users++;
		rc = 0;
	}
	iw_unlock(&credits->lock);
	return rc;
}

void iw_credits_give(struct iw_credits *credits)
{
	iw_lock(&credits->lock);
	credits->left++;
	iw_unlock(&credits->lock);
}

void iw_credits_put(struct iw_credits *credits)
{
	unsigned int users;

	if (!credits)
		return;
	iw_lock(&credits->lock);
	users = --credits->users;
	iw_unlock(&credits->lock);
	if (users)
		return;
	iw_lock_fini(&credits->lock);
	free(credits);
}
