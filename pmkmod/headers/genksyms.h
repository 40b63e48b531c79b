/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exports that are computed from source, for genksyms.c, crc_table.c and export_classes.c. */
#ifndef PMKMOD_HEADERS_GENKSYMS_H
#define PMKMOD_HEADERS_GENKSYMS_H

#include "pmkmod/headers/parts.h"
#include "pmkmod/image/image.h"
#include "pmkmod/kernel/name_index.h"

struct crc_table {
	struct name_index index; /* name -> row */
	struct crc_row {
		char *name, *owner, *ns; /* ns NULL: none */
		uint32_t crc;
		int class; /* enum export_class + 1; 0: not known */
	} * rows;
	size_t n;
};
void crc_table_add(struct crc_table *t, const char *name, const char *owner, uint32_t crc);
void crc_table_free(struct crc_table *t);

struct crc_comparison {
	size_t same, differ, missing;
	char *first; /* name of the first that differs; NULL: none */
};
/* `sample`: lines "name crc", the CRC in hex, may be NULL. The caller frees c->first. */
void crc_table_compare(const struct crc_table *t, const char *sample, struct crc_comparison *c);

/*
 * Class and namespace of the exports in preprocessed C, for the names that are in the table (which
 * keep what they have); `text` is changed. Forms: EXPORT_SYMBOL in include/linux/export.h
 * (module.h before 3.2): "___ksymtab_gpl+name" since 2.6.39, "__kstrtabns_name" since 5.4,
 * ".export_symbol" since 6.4.
 */
void export_classes_take(struct crc_table *t, char *text);
/* The same of one "EXPORT_SYMBOL_GPL(name" as it stands in assembler; `line` is changed. */
void export_macro_take(struct crc_table *t, char *line);

#endif
