/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking the phone what kernel it runs, for a device, and holding that against everybody else. */
#ifndef PMKMOD_PHONE_KERNEL_H
#define PMKMOD_PHONE_KERNEL_H

#include "pmkmod/build/context.h"
#include "pmkmod/phone/record.h"

struct phone_kernel {
	struct phone_record record;
	char *dir; /* <state>/phones/<device>: what the phone gave is there now */
	char *shown; /* the phone's address */
	struct strvec contradictions; /* in words, with what follows from them */
};
/*
 * Read the phone of [phone] and write <state>/phones/<device>, where builds for that device find
 * it. What it contradicts (profile, repositories, kernel package) is told, not an error.
 */
int phone_kernel_read(struct phone_kernel *k, struct context *x, const char *device, struct err *e);
void phone_kernel_free(struct phone_kernel *k);

#endif
