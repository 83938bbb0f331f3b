/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ids of the core over the kernel driver, and what their handler has seen. */
#ifndef IW_TEST_KDEV_ENDS_H
#define IW_TEST_KDEV_ENDS_H

#include "driver/registry.h"

#define SEEN_MAX 16

extern const struct iw_driver *driver;
extern struct iw_source *source;
extern struct iw_cm_event seen[SEEN_MAX];
extern unsigned int nseen;

/* Opens the source: .init of a test. */
void kdev_setup(void);
int kdev_on_event(struct iw_cm_id *id, const struct iw_cm_event *ev);
struct iw_cm_id *kdev_make(void);
struct iw_cm_id *kdev_make_datagram(void);
struct iw_cm_id *kdev_listener(unsigned int slots);
/* On iWARP, with a connect that the kernel has taken. */
struct iw_cm_id *kdev_pending(void);
void kdev_pump_all(void);
/* Destroys @id, if any, and sees that nothing is left. */
void kdev_finish(struct iw_cm_id *id);

#endif
