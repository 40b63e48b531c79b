// SPDX-License-Identifier: GPL-3.0-or-later
/* What is said about a dkms.conf that is read all the same. */
#include "pmkmod/module/dkms_parts.h"

static const struct {
	const char *name, *why;
} useless[] = {
	{"CLEAN", "every build begins with a fresh copy of the source"},
	{"REMAKE_INITRD", "DKMS knows it no more; postmarketOS's own trigger makes the initramfs"},
	{"MODULES_CONF", "DKMS knows it no more"},
	{"MODULES_CONF_OBSOLETES", "DKMS knows it no more"},
	{"MODULES_CONF_ALIAS_TYPE", "DKMS knows it no more"},
	{"MODULES_CONF_OBSOLETE_ONLY", "DKMS knows it no more"},
	{"NO_WEAK_MODULES", "a package is for one kernel, so there are no weak modules"},
};

/* Those whose words are split anyway, so that blanks and line ends between them do not count. */
static bool is_list(const char *name)
{
	static const char *const lists[] = {
		"BUILD_DEPENDS", "BUILD_EXCLUSIVE_CONFIG", "MAKE", "CLEAN"};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		if (streq(lists[i], name))
			return true;
	return starts_with(name, "PRE_") || starts_with(name, "POST_");
}

/*
 * DKMS prints each value without quotes and reads it back between double quotes: what differs then?
 * NULL: nothing. A `$` in a command is left out: the command is evaluated when it is run, too.
 */
static const char *garbled(const struct dkms_var *v)
{
	bool command = streq(v->name, "MAKE") || streq(v->name, "CLEAN");
	const char *s = v->value;

	if (strchr(s, '"'))
		return "DKMS ends it at its first \" and runs what follows";
	for (const char *p = s; *p; p++) {
		if (*p == '`' || (*p == '$' && (p[1] == '(')))
			return "DKMS runs the command in it while it reads the file";
		if (*p == '\\' && p[1] && strchr("$`\\", p[1]))
			return "DKMS takes the backslash in it away";
		if (*p == '$' && !command &&
			(p[1] == '{' || p[1] == '_' || (p[1] >= 'A' && p[1] <= 'Z') ||
				(p[1] >= 'a' && p[1] <= 'z')))
			return "DKMS puts a variable's value in, although it stands in quotes "
			       "that forbid that";
	}
	if (is_list(v->name) ? !strchr(s, '\'') : *s == 0)
		return NULL;
	if (strchr(s, '\n') || strchr(s, '\t') || strstr(s, "  ") || *s == ' ' || ends_with(s, " "))
		return "DKMS makes one blank of several";
	return NULL;
}

/* DKMS 3.0 looks at as many elements as there are, beginning with 0, wherever they are. */
static void warn_of_gaps(struct strvec *warnings, const struct dkms_vars *vars)
{
	static const char *const arrays[] = {"MAKE", "PATCH"};

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		unsigned end = dkms_end(vars, arrays[i]), n = 0;

		for (unsigned index = 0; index < end; index++)
			n += dkms_get(vars, arrays[i], index) != NULL;
		if (n != end)
			strvec_addf(warnings,
				"%s has gaps; all of its elements are used here, while DKMS "
				"ignores those from %s[%u] on",
				arrays[i], arrays[i], n);
	}
}

void dkms_warn(struct strvec *warnings, const struct dkms_vars *vars)
{
	for (size_t i = 0; i < ARRAY_SIZE(useless); i++)
		if (dkms_end(vars, useless[i].name) > 0)
			strvec_addf(
				warnings, "%s has no effect: %s", useless[i].name, useless[i].why);
	warn_of_gaps(warnings, vars);
	for (size_t i = 0; i < vars->n; i++) {
		const struct dkms_var *v = &vars->v[i];
		const char *why = v->value ? garbled(v) : NULL;

		if (why)
			strvec_addf(warnings, "%s[%u] is taken as it is written; %s", v->name,
				v->index, why);
	}
}
