/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Headers packages that pmkmod made itself, because the kernel has none: what is remembered of them
 * (<state>/headers/<channel>-<arch>-<kernel>/record, log beside), and making them.
 */
#ifndef PMKMOD_MADE_HEADERS_H
#define PMKMOD_MADE_HEADERS_H

#include "pmkmod/build/resolve.h"

struct plan;

struct made_headers {
	struct pinned dev, scripts; /* in pmkmod's own repository; dev.name NULL: none were made */
	struct hash kernel; /* identity of the kernel package they are for */
	char *origin; /* hex hash over what they were made from */
	char *provider; /* what they were made from, and why, in words */
	char *compiler; /* "gcc", "gcc6", "clang": which one modules need */
	char *release;
	char *symvers; /* where their Module.symvers is from; NULL: an older pmkmod made them */
	char *content; /* headers_origin_content(); NULL: repaired, or an older pmkmod made them */
};

/* Folder of the record of this device's kernel; caller frees. */
char *made_headers_dir(const struct context *x, const struct device *d);
/* The text of such a record, which is no larger than this; -EINVAL: it is none. */
#define MADE_HEADERS_MAX 65536
int made_headers_parse(struct made_headers *h, const char *text);
/* What is remembered; nothing if a package of it is no longer in the repository. */
void made_headers_load(struct made_headers *h, const struct context *x, const struct device *d);
/* Make it the record; the folder is there. */
int made_headers_store(const struct made_headers *h, const struct context *x,
	const struct device *d, struct err *e);
/* Hold the record's lock; a descriptor. */
int made_headers_lock(const struct context *x, const struct device *d, struct err *e);
void made_headers_free(struct made_headers *h);
/* Are they those of the repositories with programs made anew (made_headers_repair())? */
bool made_headers_are_repaired(const struct made_headers *h);
#define MADE_HEADERS_REPAIRED "repaired" /* then their origin */

/* Does the porter name where the headers are to come from (--kdir, --source, --aport)? */
bool headers_origin_given(const struct kernel_origin *o);
/* Is something of it a file below that folder? */
bool headers_origin_below(const struct kernel_origin *o, const char *dir);
/*
 * Hash over the origin as it is now: names, sizes and times of files, a source's Makefile and git
 * commit; not the content of a whole source tree, which would take seconds each time.
 */
char *headers_origin_hash(const struct kernel_origin *o);
/*
 * The same without what differs from machine to machine: contents instead of times, the commit
 * instead of branches, no paths; of a source folder also names and sizes of all files. It takes
 * about a second where the other one takes none.
 */
char *headers_origin_content(const struct kernel_origin *o);

/* What they would be made from, and why, in words; only if an origin is given. Caller frees. */
char *headers_provider(const struct device *d);

/*
 * Make both packages for the kernel of `p` and publish them, or wait for another run that does. The
 * record is renewed. Everything about how is in headers/.
 */
int made_headers_make(struct plan *p, struct err *e);
/*
 * The same from the headers package of the repositories, in which a program that building a module
 * runs is missing or of another architecture.
 */
int made_headers_repair(struct plan *p, struct err *e);
/* "gcc", "gcc6", "clang": of --cc, else of the headers made; "gcc" when nobody says. */
const char *headers_compiler(const struct kernel_origin *o, const struct made_headers *h);

#endif
