/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory that is sure to be used, had at once. */
#ifndef PMKMOD_HEAP_H
#define PMKMOD_HEAP_H

#include <stddef.h>

/*
 * Let malloc() have so many bytes that are in memory already, and keep what is freed. Each page
 * that is first touched costs an exception; in a virtual machine that is most of what reading some
 * megabytes takes (25 us each were measured, populating them together 1 us, in pages of 2 MiB less
 * than that). Where this cannot be done nothing happens.
 */
void heap_prepare(size_t bytes);

#endif
