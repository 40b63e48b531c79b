/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of a dkms.conf that only assigns: its state, its variables and its words. */
#ifndef PMKMOD_DKMS_READER_H
#define PMKMOD_DKMS_READER_H

#include "pmkmod/module/dkms_parts.h"

struct reader {
	char *text; /* a copy without the CR of CRLF */
	const char *p, *end;
	const char *shown;
	const struct dkms_kernel *k;
	struct dkms_vars vars; /* all that the file sets; value NULL: cleared again */
	uint32_t *table; /* hash of name and index -> place in `vars` plus one */
	size_t table_size;
	size_t bytes; /* of all values that were made */
	const char *why;
	struct err *e;
};

struct word {
	struct strbuf text;
	bool quoted; /* had quotes: it is there although it is empty */
	bool element; /* of an array: unquoted blanks and patterns in a value mean something */
};

/* A shell has to read the file, for `why`: 1. */
int reader_ask(struct reader *r, const char *why);
/* The file is wrong at `where`: negative. */
int reader_broken(struct reader *r, const char *where, const char *what);

/* dkms_table.c: the variables that the file has set so far; values are borrowed, NULL: not set */
const char *reader_get(struct reader *r, const char *name, unsigned index);
int reader_set(struct reader *r, const char *name, unsigned index, char *value); /* takes value */
void reader_clear(struct reader *r, const char *name); /* all elements */
unsigned reader_end_of(const struct reader *r, const char *name); /* highest index plus one */
void reader_grow_table(struct reader *r); /* once before anything is set */

/* dkms_word.c: what stands at r->p */
bool reader_shells_own(const char *name);
size_t reader_name_length(const struct reader *r, const char *p);
/* "[12]" at `p`: its length; 0: there is none. */
size_t reader_index_length(const struct reader *r, const char *p, unsigned *index);
bool reader_is_blank(char c);
bool reader_ends_word(const struct reader *r, const struct word *w);
/* Up to its end, quotes and variables resolved; w->text is the caller's, also on an error. */
int reader_read_word(struct reader *r, struct word *w);

#endif
