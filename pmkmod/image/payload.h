/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of kernel_image_unwrap(), for this room alone. */
#ifndef PMKMOD_IMAGE_PAYLOAD_H
#define PMKMOD_IMAGE_PAYLOAD_H

#include "pmkmod/image/image.h"

/* A magic and its length without the NUL of the literal. */
#define MAGIC(s) s, sizeof(s) - 1

bool image_has(const struct kernel_image *im, size_t at, const char *magic, size_t n);
uint32_t image_le32(const struct kernel_image *im, size_t at);
/* Replace the bytes by a part of themselves; -EBADMSG when that is empty or not all there. */
int image_take_part(
	struct kernel_image *im, uint64_t at, uint64_t n, const char *what, struct err *e);

/* Each takes one wrapping off: 1 done, 0 it is none of these, or an error. android.c */
int image_strip_android(struct kernel_image *im, struct err *e);
int image_strip_vendor(struct kernel_image *im, struct err *e);

/* refuse.c: what people try that is no kernel: -ENOTSUP with what it is; 0: none of these. */
int image_refuse_other(const struct kernel_image *im, struct err *e);
/* When nothing more can be taken off: -ENOTSUP unless it is a kernel (it has a banner, or is ELF).
 */
int image_refuse_unknown(const struct kernel_image *im, struct err *e);

#endif
