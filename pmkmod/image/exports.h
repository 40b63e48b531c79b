/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the table of exports is found in an image; for this room alone. */
#ifndef PMKMOD_IMAGE_EXPORTS_H
#define PMKMOD_IMAGE_EXPORTS_H

#include "pmkmod/image/image.h"

/* ---- memory.c: the kernel as it lies in memory ---- */
struct image_memory {
	unsigned char *p; /* owned if `copied` */
	size_t len;
	uint64_t base; /* address of p[0], if known (an ELF vmlinux, or found) */
	bool base_known, copied;
	unsigned word; /* bytes of a long: 4, 8, or 0: not known */
};
/* -ENOTSUP big endian or no executable, -EBADMSG damaged. Borrows the image's bytes if it can. */
int image_memory_open(struct image_memory *m, const struct kernel_image *im, struct err *e);
void image_memory_close(struct image_memory *m);
uint32_t memory_u32(const struct image_memory *m, size_t at);
uint64_t memory_word(const struct image_memory *m, size_t at, unsigned bytes);

/* ---- pool.c: where names stand close together ---- */
struct pool {
	size_t start, end; /* bytes; the last one is a NUL */
	size_t strings;
	bool *is_name; /* by place in the pool: does a name begin (or, as a tail, go on) here? */
};
/* At most `max` pools, the largest first; returns how many. */
size_t pools_find(const struct image_memory *m, struct pool *out, size_t max);
/* Fill is_name, which table_find() needs. */
void pool_mark_names(struct pool *pool, const struct image_memory *m);
void pool_free(struct pool *p);

/* ---- reference.c: words that point to names ---- */
enum reference { REF_PLACE, REF_ABS32, REF_ABS64 };
/*
 * Addresses of the image's first byte that would make words before the pool point to beginnings of
 * its strings, most votes first; returns how many of at most `max`.
 */
size_t bases_vote(const struct image_memory *m, const struct pool *p, unsigned word, uint64_t *out,
	size_t max);
/* Could a pointer of `word` bytes have this value? 64-bit kernels live in the upper half. */
bool can_point(uint64_t value, unsigned word);
struct ballot {
	uint64_t *v;
	size_t n, cap;
};
void ballot_add(struct ballot *b, uint64_t value);
/*
 * The values that are among `v` at least so many times, most often first, in at most `max` places;
 * returns how many. Sorts `v`.
 */
#define FREQUENT_MAX 8
size_t most_frequent(uint64_t *v, size_t n, size_t least, uint64_t *out, size_t max);
/* Relocations of arm64 and riscv kernels that move themselves (Elf64_Rela, R_*_RELATIVE). */
struct rela_run {
	size_t at, n;
	uint32_t relative; /* the type in it */
};
bool rela_find(const struct image_memory *m, struct rela_run *run);
/* As bases_vote(), from the addends. */
size_t rela_vote(const struct image_memory *m, const struct rela_run *run, const struct pool *p,
	uint64_t *out, size_t max);
/* Write every addend to its place, in a copy, as the kernel would at an offset of 0. */
void rela_apply(struct image_memory *m, const struct rela_run *run, uint64_t base);

/* ---- table.c: entries in a row ---- */
struct table {
	enum reference ref;
	unsigned words; /* an entry: 2 {value, name} or 3 {value, name, namespace} */
	uint64_t base;
	size_t *at; /* place of each entry */
	size_t n, end; /* `end`: behind the last one */
	size_t lowest, highest; /* names and namespaces: first byte, and behind the last NUL */
};
unsigned reference_size(enum reference ref);
/* Where the word at `at` points to in the image; SIZE_MAX: nowhere. */
size_t table_target(const struct image_memory *m, const struct table *t, size_t at);
const char *table_name(const struct image_memory *m, const struct table *t, size_t i);
const char *table_namespace(const struct image_memory *m, const struct table *t, size_t i);
/* The longest rows of entries before the pool whose names lie in it; false: none worth the name. */
bool table_find(struct table *t, const struct image_memory *m, const struct pool *p,
	enum reference ref, unsigned words, uint64_t base);
void table_free(struct table *t);

/* ---- crc.c: __kcrctab* and __kflagstab ---- */
struct crc_table {
	unsigned size; /* bytes a CRC: 4, 8, or 0: none */
	bool relative; /* each is the distance to the CRC (CONFIG_MODULE_REL_CRCS) */
	size_t at, flags_at; /* flags_at 0: no __kflagstab */
};
/* -EBADMSG: what lies between the table and its names is of no layout that is known. */
int crc_table_find(
	struct crc_table *c, const struct image_memory *m, const struct table *t, struct err *e);
uint32_t crc_table_get(const struct crc_table *c, const struct image_memory *m, size_t i);

/* ---- classes.c: which entries are whose ---- */
/*
 * Give each entry its class, from the kernel's own list of its tables (struct symsearch, if it is
 * found), else from the order of names, which starts anew in each table.
 */
void classes_find(struct image_exports *x, const struct image_memory *m, const struct table *t,
	const struct crc_table *c);

#endif
