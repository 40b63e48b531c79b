/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Oopses and panics in the words of kernels from 3.x to 6.x on arm, arm64, x86 and riscv. */
#ifndef PMKMOD_TROUBLE_H
#define PMKMOD_TROUBLE_H

#include <stdbool.h>

#include "chroot/base/str.h"

enum trouble_kind { /* in order of weight */
	TROUBLE_NONE,
	TROUBLE_COMPLAINT, /* "BUG: scheduling while atomic" and its like: the kernel went on */
	TROUBLE_OOPS, /* what was running was ended */
	TROUBLE_PANIC, /* the whole kernel was */
};

/* The first trouble of a stream of kernel messages; a panic that follows an oops is added to it. */
struct trouble {
	enum trouble_kind kind;
	char *first; /* the line that began it, without its time */
	struct strbuf lines; /* from there to the end of the trace */
	char *function; /* where it happened: "start+0x14/0x1000 [mymodule]"; NULL: not told */
	char *caller; /* the nearest function of a module, if `function` is the kernel's own */
	size_t n; /* lines kept */
	bool open; /* the next lines belong to it, too */
	bool in_trace; /* the lines of the call trace have begun */
};

/* One line of the kernel's, with or without its time in front. */
void trouble_line(struct trouble *t, const char *line);
/* All lines of a text; NULL is none. */
void trouble_text(struct trouble *t, const char *text);
void trouble_free(struct trouble *t);
/* One word for the kind. */
const char *trouble_word(enum trouble_kind kind);
/* Function and caller in words, NULL if neither is known; the caller frees. */
char *trouble_where(const struct trouble *t);
/* Its lines are shown by themselves: in `log` one line takes their place. */
void trouble_cut(const struct trouble *t, struct strbuf *log);

#endif
