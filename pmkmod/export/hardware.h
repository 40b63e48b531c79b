/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which hardware has a module loaded by itself: what its aliases say. */
#ifndef PMKMOD_EXPORT_HARDWARE_H
#define PMKMOD_EXPORT_HARDWARE_H

#include <stdbool.h>

#include "chroot/base/str.h"

/*
 * "of:N*T*Cvendor,chip", "usb:v1234...": what a bus says of its devices (MODALIAS in their uevent),
 * for which udev has modprobe look. Other aliases are names that the kernel asks for by itself.
 */
bool hardware_alias(const char *alias);
/* "usb 10, of 2" of all of them; NULL: none is of hardware. Caller frees. */
char *hardware_text(const struct strvec *aliases);

#endif
