/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the folders beside verbs/ may ask of it: whether the program's ibv_*
 * calls arrive in this library, and which libibverbs stands behind it.
 *
 * verbs/ibv_forward.c answers. A program without it (unit tests of other
 * folders) gets the weak answers of base/verbs_entry.c, and may give its own.
 */
#ifndef IW_VERBS_ENTRY_H
#define IW_VERBS_ENTRY_H

/*
 * 0: the program's verbs calls come to us first, so it may have objects of the
 * software device. -ENOTSUP: they go to the real libibverbs, which must never
 * see such an object; the first time the log names the remedy. Looked up once
 * in a process; any thread; no lock is held over it.
 */
int iw_verbs_reachable(void);

/* The absolute path of the real libibverbs; NULL: none, or nothing stands between. */
const char *iw_verbs_real_path(void);

#endif
