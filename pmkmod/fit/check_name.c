// SPDX-License-Identifier: GPL-3.0-or-later
/* The name of a module, which nothing else in the kernel may have. */
#include "pmkmod/fit/check.h"

#include <ctype.h>

#define FORTIFIED_SINCE KERNEL_VERSION_CODE(4, 13)

/* The text with its NUL, not as the end of a longer one. */
static bool has_word(const char *bytes, size_t len, const char *word)
{
	const char *at = bytes, *end = bytes + len;

	for (; (at = memmem(at, (size_t)(end - at), word, strlen(word) + 1)); at++)
		if (at == bytes || (!isalnum((unsigned char)at[-1]) && at[-1] != '_'))
			return true;
	return false;
}

/*
 * "name" or "name.parameter" of the kernel's own parts that bear this name. The kernel's image has
 * the parameters under the name that counts, which a few parts change (MODULE_PARAM_PREFIX).
 */
static bool bears_name(struct fit_context *c, const char *attribute, const char *name)
{
	const struct kernel_image *im;
	size_t n = strlen(name);

	if (!starts_with(attribute, name) || (attribute[n] && attribute[n] != '.') ||
		(attribute[n] && c->k->taken))
		return false;
	im = attribute[n] ? fit_whole_image(c) : NULL;
	return !im || has_word(im->bytes, im->len, attribute);
}

/* mod_sysfs_init(): /sys/module/<name> is there already, for parameters or a version
 * (kernel/module/sysfs.c). */
static bool name_is_taken(struct fit_context *c, const struct ko *ko)
{
	const struct kernel_facts *f = c->k->facts;

	if (c->k->taken && strvec_has(c->k->taken, ko->name))
		return true;
	for (size_t i = 0; i < f->builtin_attributes.n; i++)
		if (bears_name(c, f->builtin_attributes.v[i], ko->name))
			return true;
	return false;
}

/* Of a kernel that installs no modules.builtin nothing says what is in it but its image. */
static bool lists_nothing(const struct kernel_facts *f)
{
	return !f->builtin.n && !f->builtin_attributes.n;
}

static bool is_file_name(const char *suffix)
{
	static const char *const suffixes[] = {
		"c", "h", "S", "o", "ko", "bin", "fw", "dat", "ini", "conf", "cfg", "txt", "img"};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
		if (streq(suffix, suffixes[i]))
			return true;
	return false;
}

/* A string of its own in the image that looks like "name.parameter"; NULL: there is none. */
static const char *parameter_in_image(const struct kernel_image *im, const char *name)
{
	size_t n = strlen(name) + 2; /* a NUL, the name, a dot */
	_cleanup_free_ char *begin = xcalloc(n, 1);
	const char *at = im->bytes, *end = im->bytes + im->len;

	memcpy(begin + 1, name, n - 2);
	begin[n - 1] = '.';
	for (; (at = memmem(at, (size_t)(end - at), begin, n)); at++) {
		const char *word = at + n, *p = word;

		while (p < end && (isalnum((unsigned char)*p) || *p == '_'))
			p++;
		if (p > word && p < end && !*p && !is_file_name(word))
			return at + 1;
	}
	return NULL;
}

static void tell_unlisted_name(struct fit_context *c, const struct ko *ko)
{
	const struct kernel_image *im = fit_whole_image(c);
	const char *parameter = im ? parameter_in_image(im, ko->name) : NULL;

	if (parameter)
		fit_add(c, ko, "name", FIT_UNKNOWN,
			"the kernel does not list what is built into it, and its image has '%s': if "
			"that is a parameter of a driver, the kernel refuses a module of the same name",
			parameter);
	else
		fit_add(c, ko, "name", FIT_PASS,
			"no module of the kernel is named '%s'; what is built in it does not list%s",
			ko->name, im ? ", and its image has no parameter under that name" : "");
}

static void tell_builtin_name(struct fit_context *c, const struct ko *ko)
{
	if (c->k->facts->builtin_attributes.n)
		fit_add(c, ko, "name", FIT_PASS,
			"'%s' is built into the kernel too, without parameters or a version, so that "
			"the kernel does not mind",
			ko->name);
	else
		fit_add(c, ko, "name", FIT_UNKNOWN,
			"'%s' is built into the kernel; if that has parameters or a version, the "
			"kernel refuses a module of the same name",
			ko->name);
}

/* Is the name, which find_module() and mod_sysfs_init() go by, where the kernel looks for it? */
static bool is_ordered(const struct fit_context *c, const struct ko *ko)
{
	uint64_t at = c->k->facts ? c->k->facts->layout.name : 0;

	if (at)
		return at == ko->memory.name_at;
	return fit_config(c, "MODULES") == KNOWN_YES && fit_config(c, "RANDSTRUCT") != KNOWN_YES &&
	       fit_config(c, "GCC_PLUGIN_RANDSTRUCT") != KNOWN_YES;
}

static bool has_name(struct fit_context *c, const struct ko *ko)
{
	enum known fortified = fit_config(c, "FORTIFY_SOURCE");

	if (!is_ordered(c, ko) || (!ko->memory.name_empty && !ko->memory.name_endless))
		return true;
	if (ko->memory.name_empty)
		fit_add(c, ko, "name", FIT_FAIL,
			"its struct module has no name, and the kernel refuses that; it was not "
			"finished by modpost");
	else if (fortified == KNOWN_NO || (c->version && c->version < FORTIFIED_SINCE))
		return true;
	else
		fit_add(c, ko, "name", fortified == KNOWN_YES ? FIT_FAIL : FIT_UNKNOWN,
			"the name in its struct module has no end, at which a kernel with "
			"CONFIG_FORTIFY_SOURCE crashes");
	return false;
}

/* A second module of one name cannot be loaded; one built in may have taken /sys/module/<name>. */
void fit_check_name(struct fit_context *c, const struct ko *ko)
{
	const uint32_t *at = name_index_get(&c->modules, ko->name);

	for (size_t i = 0; i < c->n_kos; i++) {
		if (&c->kos[i] == ko || !streq(c->kos[i].name, ko->name))
			continue;
		fit_add(c, ko, "name", FIT_FAIL,
			"'%s' and '%s' are both named '%s': only one of them can be loaded",
			ko->path, c->kos[i].path, ko->name);
		return;
	}
	if (!has_name(c, ko))
		return;
	/* core_param() of kernel/panic.c and others are below /sys/module/kernel */
	if (streq(ko->name, "kernel"))
		fit_add(c, ko, "name", FIT_FAIL,
			"the kernel's own parameters have the name 'kernel', and it refuses a module "
			"of that name; rename it");
	else if (!c->k->facts)
		fit_add(c, ko, "name", FIT_UNKNOWN,
			"'%s'; which modules the kernel package ships is not known", ko->name);
	else if (name_is_taken(c, ko))
		fit_add(c, ko, "name", FIT_FAIL,
			"the kernel itself has parameters or a version under the name '%s', and refuses "
			"a module of that name; rename it",
			ko->name);
	else if (!at && lists_nothing(c->k->facts))
		tell_unlisted_name(c, ko);
	else if (!at)
		fit_add(c, ko, "name", FIT_PASS, "no module of the kernel is named '%s'", ko->name);
	else if (*at == SHIPPED_MODULE)
		fit_add(c, ko, "name", FIT_PASS,
			"the kernel package ships a module '%s' too; only one of them can be loaded, "
			"and modprobe takes the one below updates/ or extra/",
			ko->name);
	else
		tell_builtin_name(c, ko);
}
