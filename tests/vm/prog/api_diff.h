/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The tables of cases of api_diff, one a file; each ends with a NULL name. */
#ifndef API_DIFF_H
#define API_DIFF_H

#include "api.h"

extern const struct api_case api_ids[];	    /* api_diff_ids.c: channels, ids, devices */
extern const struct api_case api_addr[];    /* api_diff_addr.c: bind, resolve, options */
extern const struct api_case api_qp[];	    /* api_diff_qp.c: QPs, their attributes */
extern const struct api_case api_conn[];    /* api_diff_conn.c: connect, accept, reject */
extern const struct api_case api_private[]; /* api_diff_private.c: private data, parameters */
extern const struct api_case api_end[];	    /* api_diff_end.c: disconnect, destroy, death */
extern const struct api_case api_misc[];    /* api_diff_misc.c: migrate, synchronous ids, fork */
extern const struct api_case api_ib[];	    /* api_diff_ib.c: paths, own QPs, ECE, AF_IB */
extern const struct api_case api_ud[];	    /* api_diff_ud.c: datagrams, multicast, endpoints */

#endif
