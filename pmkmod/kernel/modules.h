/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What depmod and modprobe would know of a kernel's own modules: names, what each depends on, and
 * who answers to which alias.
 */
#ifndef PMKMOD_MODULES_H
#define PMKMOD_MODULES_H

#include "pmkmod/kernel/kernel.h"
#include "pmkmod/kernel/name_index.h"

struct kernel_module {
	const char *name; /* as the kernel knows it, '_' for '-' */
	const char *path; /* below lib/modules/<release>/; "": it is built in */
	const char *depends; /* names with commas between; "?": it could not be read */
	const char *softdeps; /* the same of those before and behind, in their order */
};
struct kernel_alias {
	const char *pattern; /* for fnmatch(3), '_' for '-' outside of brackets */
	uint32_t module; /* number in `v` */
	uint32_t next, hash, literal; /* of those with the same letters before the first wildcard */
	uint64_t runs, grams; /* three letters in a row: those it asks for, those in its text */
	bool looked_at; /* those two are filled */
};
struct kernel_modules {
	char *text; /* what the members point into */
	struct kernel_module *v;
	size_t n;
	struct name_index names; /* name -> number in `v` */
	struct kernel_alias *aliases; /* in byte order of the patterns */
	size_t n_aliases;
	uint32_t *heads, *lengths; /* see alias.c */
	size_t cap;
	char *dir; /* where those with "?" can still be read; NULL: nowhere */
	struct strvec late; /* what was read there */
	bool knows_builtin; /* aliases of what is built in are among them (modules.builtin.modinfo)
			     */
};

/* Where a kernel's modules can be read; all borrowed. */
struct kernel_modules_source {
	const char *apk; /* its package, or NULL */
	const struct hash *identity; /* of the package, NULL: nothing is kept */
	const char *flavor, *cache_dir; /* as of kernel_facts_read() */
	const char *dir; /* else a folder that holds what the facts name */
};
/*
 * Read .modinfo of every module the facts name, and modules.builtin.modinfo. A module that cannot
 * be read is there with "?". Of a package it is kept in the cache; in a folder where depmod has
 * been its lists do for the aliases. A kernel without any module is an empty table. -EFBIG: more
 * than any kernel has; else why it cannot be read.
 */
int kernel_modules_read(struct kernel_modules *m, const struct kernel_modules_source *from,
	const struct kernel_facts *facts, struct err *e);
void kernel_modules_free(struct kernel_modules *m);
/* What one of them depends on, read now if it has not been; NULL: it cannot be read. Borrowed. */
const char *kernel_modules_depends(struct kernel_modules *m, const struct kernel_module *one);
/* By its name, '_' for '-'; NULL: there is none. */
const struct kernel_module *kernel_modules_find(const struct kernel_modules *m, const char *name);

/* ---- modules_text.c: as text, for the cache: sealed, sorted ---- */
/* What is gathered before it is a table. */
struct modules_builder {
	struct strvec modules; /* "name\tpath\tdepends\tsoftdeps" */
	struct strvec aliases; /* "pattern\tnumber of the module" */
	size_t bytes;
	bool knows_builtin;
};
/* Add the module of that path (below lib/modules/<release>/) from its bytes, taken over. */
int modules_builder_add(struct modules_builder *b, const char *path, char *take, size_t len);
/*
 * The same of a folder where depmod has been, without opening any module: its modules.softdep and
 * modules.alias (cut up in place).
 */
int modules_builder_add_lists(
	struct modules_builder *b, const struct strvec *paths, char *softdep, char *alias);
/* depends= of a module's bytes, taken over, as a table has it; NULL: it is none. Caller frees. */
char *module_depends(char *take, size_t len);
/* Add all that modules.builtin.modinfo says ("name.key=value", NUL between), and `builtin`'s rest.
 */
int modules_builder_add_builtin(
	struct modules_builder *b, const struct strvec *builtin, const char *modinfo, size_t len);
char *modules_builder_print(struct modules_builder *b, size_t *len);
void modules_builder_free(struct modules_builder *b);
/* Takes over `text`. -EBADMSG: it is not what was written. */
int kernel_modules_parse(struct kernel_modules *m, char *text, size_t len);
/*
 * Names a softdep= value asks for: "pre: a b post: c" -> a b c; added to `out`. modprobe goes by
 * the first of a module's alone (kmod_module_get_softdeps()).
 */
void softdep_names(const char *value, struct strvec *out);

/* ---- alias.c ---- */
/*
 * Does fnmatch(pattern, text, 0) hold? Takes time by the product of the lengths, however many stars
 * there are; what it took is subtracted from *budget (may be NULL).
 */
bool alias_matches(const char *pattern, const char *text, int64_t *budget);
/* '-' -> '_' outside of brackets, as depmod and modprobe do. Caller frees. */
char *alias_normal(const char *alias);
/*
 * Call `use` for each alias of the kernel's that matches the text of `alias` (normal), or whose
 * text it matches, until that returns false. False: *budget has been used up before all were seen.
 * The first call makes the table ready for it.
 */
bool kernel_modules_claims(struct kernel_modules *m, const char *alias, int64_t *budget,
	bool (*use)(void *ctx, const struct kernel_alias *a), void *ctx);

/* The first alias that is this text, as it stands; NULL: none. More may follow in the table. */
const struct kernel_alias *kernel_modules_alias(const struct kernel_modules *m, const char *alias);

#endif
