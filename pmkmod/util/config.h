/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration: `section.key` -> text. Later sources win: the built-in pmkmod.ini,
 * /etc/pmkmod.ini, $XDG_CONFIG_HOME/pmkmod/pmkmod.ini (or only the file of --config), -o.
 * Syntax by inih: indented lines continue a value; a key given twice in one file is a list.
 */
#ifndef PMKMOD_CONFIG_H
#define PMKMOD_CONFIG_H

#include <stdbool.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

struct config;

/*
 * Load everything. `file` (may be NULL) is the argument of --config: then /etc and XDG are not
 * read. `settings` are -o arguments, "section.key=value" (the last dot before '=' separates).
 */
int config_load(
	struct config **out, const char *file, const struct strvec *settings, struct err *e);
void config_free(struct config *c);

/* As -o does; a usage error says what is wrong with one. */
int config_apply(struct config *c, const struct strvec *settings, struct err *e);
/* The shipped pmkmod.ini alone. */
int config_load_builtin(struct config **out, struct err *e);
/*
 * All that is set, as it stands: references are kept, and only the home folder, which may be
 * another one elsewhere, is put in.
 */
void config_each(struct config *c,
	void (*take)(void *ctx, const char *section, const char *key, const char *value),
	void *ctx);

/* A configuration without any source, for tests. */
struct config *config_new(void);

/* Read one more file into `c`; its values win over what is there. */
int config_read_file(struct config *c, const char *path, struct err *e);
void config_set(struct config *c, const char *section, const char *key, const char *value);
/* As config_set(), but only over the built-in pmkmod.ini: what the user says of the key stays. */
void config_set_default(struct config *c, const char *section, const char *key, const char *value);

/*
 * The value with `{section.key}` references replaced and a leading `~/` made $HOME; NULL if unset
 * or empty. The text belongs to the configuration.
 */
const char *config_get(struct config *c, const char *section, const char *key);
/* As config_get(), split at blanks and newlines, each item expanded; appended to `out`. */
void config_list(struct config *c, const char *section, const char *key, struct strvec *out);
/* yes/no/true/false/1/0/on/off; anything else is an error that names the key. */
int config_bool(struct config *c, const char *section, const char *key, bool fallback, bool *out,
	struct err *e);
/* A number without sign; a suffix k, M or G (1024) is allowed. */
int config_number(struct config *c, const char *section, const char *key,
	unsigned long long fallback, unsigned long long *out, struct err *e);

/* Names of all sections that begin with `prefix`, without it, in order of appearance. */
void config_sections(struct config *c, const char *prefix, struct strvec *out);
bool config_has_section(struct config *c, const char *section);
/* Keys of one section, in order of appearance. */
void config_keys(struct config *c, const char *section, struct strvec *out);

#endif
