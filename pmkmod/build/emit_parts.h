/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One of the packages that a build has made, as its aport has to say it. */
#ifndef PMKMOD_EMIT_PARTS_H
#define PMKMOD_EMIT_PARTS_H

#include "chroot/apk/apk_read.h"

struct emit_part {
	char *apk;
	struct apk_control c;
	struct strvec files; /* all that are in it */
};
int emit_part_read(struct emit_part *p, const char *apk, struct err *e);
void emit_part_free(struct emit_part *p);

/* Inside double quotes of the shell; line ends become blanks. */
void emit_quoted(struct strbuf *b, const char *s);
/* abuild's words, inside double quotes; line ends become blanks. */
void emit_assign(struct strbuf *b, const char *name, const char *value);
void emit_assign_deps(struct strbuf *b, const char *name, const struct apk_deps *l);

/* Names of its scripts' files beside the APKBUILD. */
void emit_script_names(const struct emit_part *p, struct strvec *names);
int emit_write_scripts(const struct emit_part *p, const char *dir, struct err *e);
/* Lines of package() that write its files of text: all but modules and overlays. */
int emit_texts(const struct emit_part *p, struct strbuf *b, struct err *e);
/* Is the file one that is compiled? */
bool emit_is_overlay(const char *name);
/* A subpackage's function of that name, which takes its files out of the main package. */
void emit_subpackage(const struct emit_part *p, const char *function, struct strbuf *b);

#endif
