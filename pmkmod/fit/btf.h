/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Type information (BTF), judged by the rules of the kernel that loads a module with it. */
#ifndef PMKMOD_BTF_H
#define PMKMOD_BTF_H

#include <endian.h>
#include <stdint.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

enum btf_kind {
	BTF_VOID,
	BTF_INT,
	BTF_PTR,
	BTF_ARRAY,
	BTF_STRUCT,
	BTF_UNION,
	BTF_ENUM,
	BTF_FWD,
	BTF_TYPEDEF,
	BTF_VOLATILE,
	BTF_CONST,
	BTF_RESTRICT,
	BTF_FUNC,
	BTF_FUNC_PROTO,
	BTF_VAR,
	BTF_DATASEC,
	BTF_FLOAT,
	BTF_DECL_TAG,
	BTF_TYPE_TAG,
	BTF_ENUM64,
	BTF_KINDS
};
struct btf_type {
	uint32_t name, info, size; /* `size` is another type's number for some kinds */
	enum btf_kind kind;
	uint32_t n; /* vlen */
	bool flag; /* kind_flag */
	const char *rest; /* what follows, little-endian words */
};

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

/* How many numbers of types there are, those of the base and 0 (void) counted. */
uint32_t btf_count(const struct btf *b);
/* Type `id`, also of the base; number 0 is BTF_VOID. False: there is none. */
bool btf_type(const struct btf *b, uint32_t id, struct btf_type *t);
/* typedef, const and the like: `size` is the type's number that they are made of */
bool btf_is_modifier(enum btf_kind k);
static inline uint32_t btf_word(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}
/* The name at `at`, also of the base; NULL: there is none. */
const char *btf_string(const struct btf *b, uint32_t at);

/*
 * Since 6.11 a module may bring the types that its own build on (.BTF.base, the base of `b`): does
 * a kernel with the types `kernel` find the like of each among its own? -EBADMSG with what it says
 * no to. Format knowledge: btf_relocate() in tools/lib/bpf/btf_relocate.c, which is the kernel's.
 */
int btf_find_base(const struct btf *b, const struct btf *kernel, struct err *e);

#endif
