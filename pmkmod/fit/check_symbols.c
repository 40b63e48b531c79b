// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What resolve_symbol() of kernel/module/main.c does to each undefined symbol: find it, ask whether
 * the licence allows it, compare the CRC, ask for the namespace. Everything is collected first and
 * then told, one point a question.
 */
#include "pmkmod/fit/findings.h"

#include <elf.h>

/* Who supplies a symbol. */
struct definition {
	const char *owner; /* name of a module, NULL: the kernel itself */
	const char *ns;
	const struct ko *ko; /* of this build, else NULL */
	uint32_t crc;
	bool has_crc, is_extra;
	enum known gpl;
};

static enum known is_gpl_export(const char *export)
{
	if (!*export)
		return KNOWN_NOT;
	return strstr(export, "_GPL") && !ends_with(export, "_GPL_FUTURE") ? KNOWN_YES : KNOWN_NO;
}

static bool find_own(const struct fit_context *c, const char *name, struct definition *d)
{
	const uint32_t *at = name_index_get(&c->own, name);
	const struct own_export *o;

	if (!at)
		return false;
	o = &c->own_exports[*at];
	*d = (struct definition){.owner = o->ko->name,
		.ns = o->x->ns,
		.ko = o->ko,
		.crc = o->x->crc,
		.has_crc = o->x->has_crc,
		.gpl = o->x->gpl ? KNOWN_YES : KNOWN_NO};
	return true;
}

static bool find_in(const struct symvers *s, const char *name, struct definition *d, char **owner)
{
	const struct symvers_entry *en = s ? symvers_find(s, name) : NULL;

	if (!en)
		return false;
	*d = (struct definition){
		.ns = en->ns, .crc = en->crc, .has_crc = true, .gpl = is_gpl_export(en->export)};
	if (!streq(en->owner, "vmlinux")) {
		free(*owner);
		*owner = module_name_of(en->owner);
		d->owner = *owner;
	}
	return true;
}

/* Modules of this build come first: they are what will be loaded beside it. */
static bool find_definition(
	const struct fit_context *c, const char *name, struct definition *d, char **owner)
{
	if (find_own(c, name, d))
		return true;
	if (find_in(c->k->extra, name, d, owner)) {
		d->is_extra = true;
		return true;
	}
	return find_in(c->k->symvers, name, d, owner);
}

/* ignore_undef_symbol(): old assemblers leave it behind on x86 alone, nothing refers to it. */
static bool may_be_missing(const struct ko *ko, const struct ko_symbol *u)
{
	if (u->weak)
		return true;
	return (ko->elf_machine == EM_386 || ko->elf_machine == EM_X86_64) &&
	       streq(u->name, "_GLOBAL_OFFSET_TABLE_");
}

/* verify_module_namespace() (since 6.16): "module:kvm,kvm-*" names those who may use it. */
static bool namespace_names_module(const char *ns, const char *module)
{
	const char *p;

	if (!starts_with(ns, "module:"))
		return false;
	for (p = ns + strlen("module:"); *p; p += *p == ',') {
		size_t n = strcspn(p, ","), len = n;
		bool glob = n && p[n - 1] == '*';

		if (glob)
			len--;
		if (strncmp(p, module, len) == 0 && (glob || strlen(module) == len))
			return true;
		p += n;
	}
	return false;
}

static void look_at_crc(const struct fit_context *c, struct findings *f, const char *name,
	bool has_crc, uint64_t crc, const struct definition *d)
{
	/* CRCs of a kernel built without them say nothing */
	bool comparable = d->has_crc && (d->ko || d->is_extra || !f->kernel_crcs_unknown);

	if (c->modversions == KNOWN_NO)
		return;
	if (!has_crc)
		strvec_add(&f->crc_missing, name);
	else if (comparable && crc != d->crc)
		strvec_addf(&f->crc_wrong, "%s (module 0x%08llx, %s 0x%08x)", name,
			(unsigned long long)crc, d->owner ? d->owner : "kernel", d->crc);
	else if (comparable)
		f->n_crc_right++;
	else if (crc == 0)
		strvec_add(&f->crc_missing, name);
	else
		f->n_crc_unknown++;
}

static void look_at_owner(struct findings *f, const char *name, const struct definition *d)
{
	if (!d->ko || fit_gpl_compatible(d->ko->license) || f->proprietary_symbol)
		return;
	f->proprietary_symbol = xstrdup(name);
	f->proprietary_owner = xstrdup(d->owner);
}

static void look_at_namespace(
	const struct ko *ko, struct findings *f, const char *name, const struct definition *d)
{
	if (!*d->ns || strvec_has(&ko->import_ns, d->ns) || namespace_names_module(d->ns, ko->name))
		return;
	strvec_addf(&f->ns_missing, "%s (%s)", name, d->ns);
}

static void look_at(const struct fit_context *c, const struct ko *ko, const struct ko_symbol *u,
	struct findings *f)
{
	_cleanup_free_ char *owner = NULL;
	struct definition d;

	if (!find_definition(c, u->name, &d, &owner)) {
		if (may_be_missing(ko, u))
			return;
		if (c->k->symvers && !c->k->symvers_partial)
			strvec_add(&f->unresolved, u->name);
		else
			f->n_unknown++;
		return;
	}
	/* for a module with this licence it does not exist, which a weak reference may */
	if (u->weak && !f->gpl_compatible && d.gpl == KNOWN_YES)
		return;
	f->n_resolved++;
	if (d.gpl == KNOWN_YES)
		f->uses_gpl_only = true;
	if (!f->gpl_compatible && d.gpl == KNOWN_YES)
		strvec_add(&f->gpl_refused, u->name);
	if (!f->gpl_compatible && d.gpl == KNOWN_NOT)
		f->n_gpl_unknown++;
	look_at_crc(c, f, u->name, u->has_crc, u->crc, &d);
	look_at_namespace(ko, f, u->name, &d);
	look_at_owner(f, u->name, &d);
}

/*
 * check_modstruct_version(): module_layout stands for the structures the loader itself reads. And
 * no CRC may have bits beyond 32 where an unsigned long has 64.
 */
static void look_at_versions(const struct fit_context *c, const struct ko *ko, struct findings *f)
{
	const struct symvers_entry *layout =
		c->k->symvers ? symvers_find(c->k->symvers, "module_layout") : NULL;
	const struct ko_version *have = NULL;

	for (size_t i = 0; i < ko->n_versions; i++) {
		if (!have && streq(ko->versions[i].name, "module_layout"))
			have = &ko->versions[i];
		if (ko->versions[i].crc > UINT32_MAX && c->modversions != KNOWN_NO)
			strvec_addf(
				&f->crc_wrong, "%s (its entry is damaged)", ko->versions[i].name);
	}
	if (layout)
		look_at_crc(c, f, "module_layout", have != NULL, have ? have->crc : 0,
			&(struct definition){.ns = "", .crc = layout->crc, .has_crc = true});
}

/* verify_exported_symbols(): a name the kernel has may not be exported again. */
static void look_at_exports(const struct fit_context *c, const struct ko *ko, struct findings *f)
{
	for (size_t i = 0; i < ko->n_exported && c->k->symvers; i++) {
		const struct symvers_entry *en = symvers_find(c->k->symvers, ko->exported[i].name);
		_cleanup_free_ char *owner = en ? module_name_of(en->owner) : NULL;

		if (owner && streq(en->owner, "vmlinux"))
			strvec_add(&f->exported_twice, ko->exported[i].name);
		else if (owner && !streq(owner, ko->name) && !strvec_has(&f->rivals, owner))
			strvec_add(&f->rivals, owner);
	}
}

void fit_check_symbols(struct fit_context *c, const struct ko *ko)
{
	struct findings f = {.gpl_compatible = fit_gpl_compatible(ko->license)};

	f.kernel_crcs_unknown = !c->k->symvers || symvers_all_zero(c->k->symvers);
	for (size_t i = 0; i < ko->n_undefined; i++)
		look_at(c, ko, &ko->undefined[i], &f);
	look_at_versions(c, ko, &f);
	look_at_exports(c, ko, &f);
	findings_report(c, ko, &f);
	findings_free(&f);
}

/* What is known of the owners of one module's symbols while they are gathered. */
struct gathering {
	struct fit_context *c;
	const struct ko *ko;
	struct fit_needs *n;
	struct name_index hard, weak; /* what is in n->owners and n->weak, which it borrows */
};

/* The name as it is kept for as long as the context; false: it was there before. */
static bool keep_once(struct name_index *seen, struct strvec *list, const char *name)
{
	if (name_index_get(seen, name))
		return false;
	strvec_add(list, name);
	name_index_add(seen, list->v[list->n - 1], 0);
	return true;
}

static void gather(struct gathering *g, const struct ko_symbol *u)
{
	struct fit_context *c = g->c;
	_cleanup_free_ char *owner = NULL;
	struct definition d;

	if (!find_definition(c, u->name, &d, &owner)) {
		if (!may_be_missing(g->ko, u) && (!c->k->symvers || c->k->symvers_partial))
			g->n->n_unknown++;
		return;
	}
	if (!d.owner || d.ko == g->ko)
		return;
	/* a module that takes another's place has to have its exports, too */
	if (!d.ko && !d.is_extra && name_index_get(&c->given, d.owner)) {
		if (!u->weak)
			strvec_addf(&g->n->lost, "%s (%s)", u->name, d.owner);
		return;
	}
	if (u->weak)
		keep_once(&g->weak, &g->n->weak, d.owner);
	else
		keep_once(&g->hard, &g->n->owners, d.owner);
	if (d.is_extra && !name_index_get(&c->others, d.owner)) {
		strvec_add(&c->module_names, d.owner);
		name_index_add(&c->others, c->module_names.v[c->module_names.n - 1], 0);
	}
}

void fit_find_owners(struct fit_context *c)
{
	c->needs = xcalloc(c->n_kos, sizeof(*c->needs));
	for (size_t i = 0; i < c->n_kos; i++)
		name_index_add(&c->given, c->kos[i].name, (uint32_t)i);
	for (size_t i = 0; i < c->n_kos; i++) {
		struct gathering g = {.c = c, .ko = &c->kos[i], .n = &c->needs[i]};

		for (size_t k = 0; k < c->kos[i].n_undefined; k++)
			gather(&g, &c->kos[i].undefined[k]);
		name_index_free(&g.hard);
		name_index_free(&g.weak);
	}
}
