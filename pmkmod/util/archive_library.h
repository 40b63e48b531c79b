/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PMKMOD_ARCHIVE_LIBRARY_H
#define PMKMOD_ARCHIVE_LIBRARY_H

#include "chroot/base/err.h"

/*
 * Load libarchive, before the first call of any archive_ function. It is not linked: its own
 * libraries (libxml2, ICU, libstdc++) would double the start-up time of every run, and most runs
 * unpack nothing. -ENOSYS names the package to install.
 */
int archive_library_load(struct err *e);

#endif
