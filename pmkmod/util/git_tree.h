/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A commit's tree from what git's plumbing prints, so that no attribute of the repository
 * (export-ignore, export-subst, eol, filters) changes a byte of it. Formats: git-ls-tree(1) with
 * -r -z, git-cat-file(1) "BATCH OUTPUT".
 */
#ifndef PMKMOD_GIT_TREE_H
#define PMKMOD_GIT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

enum git_entry_kind { GIT_FILE, GIT_PROGRAM, GIT_LINK, GIT_SUBMODULE };
struct git_entry {
	enum git_entry_kind kind;
	char *object; /* hex */
	char *path; /* checked: relative, no "", ".", "..", ".git" in it */
};
struct git_tree {
	struct git_entry *v; /* files before links, which could lead elsewhere */
	size_t n;
};

/* Output of `git ls-tree -r -z --full-tree`. -EINVAL: it is none, or names a path that is no good;
 * -EFBIG: too many. */
int git_tree_parse(struct git_tree *t, const char *data, size_t len, struct err *e);
void git_tree_free(struct git_tree *t);

/* Input of `git cat-file --batch` for the files and links of the tree; caller frees. */
char *git_tree_wanted(const struct git_tree *t);

/* Writes the files of a tree as that prints them. */
struct git_writer {
	const struct git_tree *tree;
	int dir; /* of the new folder */
	time_t mtime; /* of all files: none is older than another for make */
	uint64_t max; /* bytes of all files */
	/* ---- of its own: start with zeros ---- */
	size_t at; /* entry */
	uint64_t total, left; /* bytes of the object that are still to come */
	enum { GIT_HEADER, GIT_BODY, GIT_END } state;
	struct strbuf text; /* header, or a link's target */
	int fd; /* of the file that is written, while in GIT_BODY */
	int error; /* the first, negative errno; what comes after is passed over */
	struct err *e;
};
/* More of the output; errors are kept in w->error and w->e. */
void git_writer_take(void *writer, const char *data, size_t len);
/* After all of it: w->error, or -EBADMSG if something is missing. Frees what it holds. */
int git_writer_end(struct git_writer *w);

#endif
