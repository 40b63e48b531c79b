/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Type information (BTF), judged by the rules of the kernel that loads a module with it. */
#ifndef PMKMOD_BTF_H
#define PMKMOD_BTF_H

#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

struct btf {
	const struct btf *base; /* whose types and strings the numbers go on from; NULL: none */
	const char *types, *strings; /* borrowed */
	uint32_t types_len, strings_len;
	uint32_t first_type, first_string; /* number of the first of its own */
	uint32_t *at; /* where each type begins in `types` */
	size_t n_types;
};
/*
 * Check `bytes`, little-endian, as a kernel of that version (kernel_version_code(); 0: the newest)
 * does, and fill `b`, which borrows the bytes and the base. -EBADMSG with what is wrong. Format
 * knowledge: include/uapi/linux/btf.h; btf_parse_hdr(), btf_parse_str_sec(), btf_check_all_metas()
 * and btf_check_type_tags() in kernel/bpf/btf.c, which are all that btf_parse_module() asks for.
 */
int btf_open(struct btf *b, const char *bytes, size_t len, const struct btf *base, uint32_t version,
	struct err *e);
/* Only what does not depend on the base: the header, and where things are. */
int btf_check_header(const char *bytes, size_t len, bool split, struct err *e);
/* The kernel's own inside of its unpacked image: the largest that is sound. NULL: none. */
const char *btf_find(const char *image, size_t len, size_t *btf_len);
void btf_close(struct btf *b);

#endif
