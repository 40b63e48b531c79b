// SPDX-License-Identifier: GPL-3.0-or-later
/* Which change in the kernel's interfaces explains an error, and in what words. */
#include <ctype.h>

#include "pmkmod/build/diagnose_parts.h"

/*
 * Which kinds of rows can explain an error of that use in a kernel that has the change (the source
 * is older), and in one that does not have it yet (it is newer).
 */
#define BIT(kind) (1U << (kind))
static const struct {
	unsigned has, lacks;
} explains[] = {
	[USE_NAME] = {BIT(API_REMOVED) | BIT(API_RENAMED) | BIT(API_INCLUDE) | BIT(API_CALL),
		BIT(API_ADDED)},
	[USE_MEMBER] = {BIT(API_REMOVED) | BIT(API_RENAMED), BIT(API_ADDED)},
	[USE_CALL] = {BIT(API_CALL), BIT(API_CALL)},
	[USE_CALLBACK] = {BIT(API_CALLBACK) | BIT(API_CALL), BIT(API_CALLBACK) | BIT(API_CALL)},
	[USE_WRITE] = {BIT(API_READ_ONLY), 0},
	[USE_HEADER] = {BIT(API_HEADER), BIT(API_ADDED)},
	[USE_EXPORT] = {BIT(API_REMOVED) | BIT(API_RENAMED) | BIT(API_UNEXPORTED), BIT(API_ADDED)},
	[USE_DEFINED] = {BIT(API_ADDED), 0},
};

/* "const struct net_device" -> "net_device" */
static const char *bare(const char *name)
{
	static const char *const prefixes[] = {
		"const ", "volatile ", "struct ", "union ", "enum ", NULL};

	for (size_t i = 0; prefixes[i]; i++)
		if (starts_with(name, prefixes[i]))
			name += strlen(prefixes[i]);
	return name;
}

static bool same_name(const char *a, const char *name)
{
	size_t n = strlen(a);

	/* what gcc says behind the name of a structure: "x {aka ...}", "x *" */
	return strncmp(a, name, n) == 0 && !isalnum((unsigned char)name[n]) && name[n] != '_' &&
	       name[n] != '.' && name[n] != '/';
}

/* A renamed thing is also one that is there since. */
static bool is_new_name(const struct api_change *c, const char *name)
{
	return c->kind == API_RENAMED && c->instead && same_name(bare(c->instead), name);
}

static bool better(
	const struct api_change *found, bool found_newer, const struct api_change *c, bool newer)
{
	if (!found || found_newer != newer)
		return !found || found_newer;
	/* the last change that the kernel has, the first that it lacks */
	return newer ? c->since < found->since : c->since > found->since;
}

/*
 * Stable releases of the kernel just before a change sometimes have it, too. That a name is not
 * there is certain, that a function is as it was before is not.
 */
static bool may_have_it(const struct api_change *c, uint32_t version)
{
	return (c->kind == API_CALL || c->kind == API_CALLBACK) && (version & 0xff) &&
	       (version >> 8) + 1 == c->since >> 8;
}

static void consider(const struct api_change *c, const char *name, const char *of, enum use use,
	uint32_t version, const struct api_change **found, bool *newer)
{
	bool has = version >= c->since;

	if (c->of && *of && !same_name(c->of, of))
		return;
	if (same_name(bare(c->name), name)) {
		if ((has ? explains[use].has : explains[use].lacks) & BIT(c->kind) &&
			(has || !may_have_it(c, version)) && better(*found, *newer, c, !has)) {
			*found = c;
			*newer = !has;
		}
	} else if (is_new_name(c, name) && explains[use].lacks & BIT(API_ADDED) &&
		   version < (c->instead_since ? c->instead_since : c->since) &&
		   better(*found, *newer, c, true)) {
		*found = c;
		*newer = true;
	}
}

/* A member of several structures says nothing if it is not known which of them is meant. */
static bool in_several(const char *name)
{
	const char *of = NULL;

	for (const struct api_change *c = api_members; c->name; c++) {
		if (!same_name(c->name, name))
			continue;
		if (of && !streq(of, c->of))
			return true;
		of = c->of;
	}
	return false;
}

/*
 * Stable releases of an older series took some changes over: a member that this structure lacks
 * before the release that did away with it. A missing include takes no member away; an option of
 * the configuration does, but diagnose_config.c has none of those that are in this table.
 */
static const struct api_change *find_backported(const char *name, const char *of, uint32_t version)
{
	for (const struct api_change *c = api_members; *of && c->name; c++)
		if ((c->kind == API_REMOVED || c->kind == API_RENAMED) && version < c->since &&
			same_name(c->name, name) && same_name(c->of, of))
			return c;
	return NULL;
}

const struct api_change *api_find(
	const char *name, const char *of, enum use use, uint32_t version, bool *newer)
{
	const struct api_change *found = NULL;
	bool members = use == USE_MEMBER || use == USE_CALLBACK || use == USE_WRITE;

	*newer = false;
	name = bare(name);
	of = bare(of);
	members = members && (*of || !in_several(name));
	if (!version || !*name || use == USE_NONE)
		return NULL;
	for (const struct api_change *c = api_members; members && c->name; c++)
		consider(c, name, of, use, version, &found, newer);
	for (const struct api_change *c = api_names; use != USE_MEMBER && c->name; c++)
		consider(c, name, of, use, version, &found, newer);
	return found || use != USE_MEMBER ? found : find_backported(name, of, version);
}

/* ---- words ---- */

static void add_version(struct strbuf *b, uint32_t version)
{
	strbuf_addf(b, "%u.%u", version >> 16, (version >> 8) & 0xff);
}

/* Not a type, a constant or a macro that looks like one. */
static bool is_function(const char *name)
{
	if (ends_with(name, "_t"))
		return false;
	for (const char *s = name; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '_')
			return false;
	return true;
}

static void add_subject(struct strbuf *b, const struct api_change *c, const char *name, bool called)
{
	if (c->of)
		strbuf_addf(b, "the member %s of struct %s", name, c->of);
	else
		strbuf_addf(b, "%s%s", name, called && is_function(name) ? "()" : "");
}

/* What replaces it, in parentheses. */
static void add_instead(struct strbuf *b, const struct api_change *c)
{
	if (!c->instead)
		return;
	strbuf_adds(b, " (");
	if (c->instead_since && c->instead_since < c->since) {
		strbuf_adds(b, "since ");
		add_version(b, c->instead_since);
		strbuf_adds(b, c->kind == API_RENAMED ? " it is called " : " there is ");
	} else {
		strbuf_adds(b, c->kind == API_RENAMED ? "now called " : "instead: ");
	}
	strbuf_addf(b, "%s%s)", c->instead,
		c->kind == API_RENAMED && !c->of && is_function(c->instead) ? "()" : "");
}

static void say_newer(struct strbuf *b, const struct api_change *c, const char *name)
{
	bool renamed = is_new_name(c, name);
	uint32_t since = renamed && c->instead_since ? c->instead_since : c->since;

	strbuf_adds(b, "the source uses ");
	add_subject(b, c, name, true);
	if (c->kind == API_CALL || c->kind == API_CALLBACK) {
		strbuf_adds(b, " as it is since Linux ");
		add_version(b, since);
		strbuf_addf(b, " (%s)", c->instead);
		return;
	}
	strbuf_adds(b, ", which Linux has since ");
	add_version(b, since);
	if (renamed)
		strbuf_addf(b, " (before: %s)", c->name);
	else if (c->instead)
		strbuf_addf(b, " (before: %s)", c->instead);
}

static void say_older(struct strbuf *b, const struct api_change *c, const char *name)
{
	strbuf_addf(b, "the source %s ",
		c->kind == API_HEADER  ? "includes"
		: c->kind == API_ADDED ? "defines"
				       : "uses");
	add_subject(b, c, name, c->kind != API_HEADER && c->kind != API_KBUILD);
	switch (c->kind) {
	case API_CALL:
	case API_CALLBACK:
		strbuf_adds(b, " as it was before Linux ");
		add_version(b, c->since);
		strbuf_addf(b, " (now: %s)", c->instead);
		break;
	case API_INCLUDE:
		strbuf_addf(b, " without including %s, which is needed since Linux ", c->instead);
		add_version(b, c->since);
		break;
	case API_ADDED:
		strbuf_adds(b, " itself, which Linux has since ");
		add_version(b, c->since);
		break;
	case API_READ_ONLY:
		strbuf_adds(b, " to write to it; since Linux ");
		add_version(b, c->since);
		strbuf_addf(b, " %s does that", c->instead);
		break;
	case API_UNEXPORTED:
		strbuf_adds(b, ", which is not for modules any more since Linux ");
		add_version(b, c->since);
		add_instead(b, c);
		break;
	case API_REMOVED:
	case API_RENAMED:
	case API_HEADER:
	case API_KBUILD:
		strbuf_adds(b, ", which Linux ");
		add_version(b, c->since);
		strbuf_adds(b, " removed");
		add_instead(b, c);
		break;
	}
}

char *api_sentence(const struct api_change *c, const char *name, uint32_t version, bool newer)
{
	struct strbuf b = {0};

	/* in the table's own spelling: behind a name there may be what a compiler says of it */
	name = is_new_name(c, bare(name)) ? c->instead : c->name;
	if (newer)
		say_newer(&b, c, name);
	else
		say_older(&b, c, name);
	/* find_backported() */
	if (!newer && version < c->since)
		strbuf_adds(&b, ", and so did stable releases of older series, as it seems");
	return strbuf_steal(&b);
}
