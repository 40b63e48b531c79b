// SPDX-License-Identifier: GPL-3.0-or-later
/* What a package is for. Nothing it says reaches the terminal uncleaned. */
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/export/inspect.h"
#include "pmkmod/phone/phone.h"
#include "pmkmod/util/json.h"

/* ---- for people ---- */

static void print_text(const char *word, const char *text)
{
	_cleanup_free_ char *clean = text ? phone_clean(text, strlen(text)) : NULL;

	if (clean && *clean)
		printf("%-9s %s\n", word, clean);
}

static void print_format(const char *word, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void print_format(const char *word, const char *fmt, ...)
{
	struct strbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	print_text(word, b.s);
	strbuf_free(&b);
}

static char *deps_text(const struct apk_deps *l)
{
	_cleanup_strvec_ struct strvec words = {0};

	for (size_t i = 0; i < l->n; i++)
		strvec_take(&words, apk_dep_print(&l->v[i]));
	return strvec_join(&words, " ");
}

static void print_package(const struct inspection *i)
{
	const struct apk_pkg *p = &i->c.pkg;
	_cleanup_free_ char *depends = deps_text(&p->depends), *when = deps_text(&p->install_if);
	_cleanup_free_ char *provides = deps_text(&p->provides);

	print_format("package", "%s %s", p->name, p->version);
	print_text("arch", p->arch);
	print_text("about", p->desc);
	print_text("url", p->url);
	print_text("license", p->license);
	print_text("depends", depends);
	print_text("comes", *when ? "by itself, where these are installed:" : NULL);
	print_text("", when);
	print_text("provides", provides);
}

static void print_maker(const struct inspection *i)
{
	_cleanup_free_ char *signers = strvec_join(&i->c.signers, ", ");

	if (i->has_summary)
		print_format("made by", "pmkmod %s", i->summary.pmkmod ? i->summary.pmkmod : "");
	else if (i->by_pmkmod)
		print_text("made by", "pmkmod");
	else if (i->c.pkg.packager)
		print_format("made by", "%s, not by pmkmod", i->c.pkg.packager);
	else
		print_text("made by", "not by pmkmod");
	if (!i->untrusted)
		print_format("signed by", "%s, which is a known key", i->c.signed_by);
	else if (i->altered)
		print_format("signed by", "%s, but that does not hold: %s", signers, i->untrusted);
	else if (i->c.signers.n)
		print_format("signed by", "%s, which is no known key", signers);
	else
		print_text("signed by", "nobody");
	print_text("problem", i->summary_problem);
}

static void print_symvers(const struct package_summary *s)
{
	if (!s->symvers)
		print_text("symvers", "none: the kernel's exports are not known");
	else
		print_format("symvers", "%s: %llu exports, %llu of them modules'%s%s", s->symvers,
			(unsigned long long)s->exports, (unsigned long long)s->module_exports,
			s->symvers_lacks ? "; not known: " : "",
			s->symvers_lacks ? s->symvers_lacks : "");
}

static void print_summary(const struct package_summary *s)
{
	print_format("kernel", "%s %s", s->kernel, s->kernel_version);
	print_text("release", s->release);
	print_text("config", s->config);
	if (s->kernel_compiler || s->compiler)
		print_format("compiler", "%s; the kernel's: %s",
			s->compiler ? s->compiler : "not known",
			s->kernel_compiler ? s->kernel_compiler : "not known");
	print_symvers(s);
	print_text("source", s->source);
	if (s->verdict)
		print_format("fit", "%s (%llu passed, %llu failed, %llu not known)", s->verdict,
			(unsigned long long)s->pass, (unsigned long long)s->fail,
			(unsigned long long)s->unknown);
}

static void print_module(const struct inspected_module *m)
{
	_cleanup_free_ char *depends = strvec_join(&m->depends, " ");
	_cleanup_free_ char *softdeps = strvec_join(&m->softdeps, " ");

	print_text("module", m->path);
	if (m->problem) {
		print_text("  problem", m->problem);
		return;
	}
	print_text("  name", m->name);
	print_text("  version", m->version);
	print_text("  license", m->license);
	print_text("  depends", depends);
	print_text("  softdep", softdeps);
	for (size_t i = 0; i < m->firmware.n; i++)
		print_text(i ? "" : "  firmware", m->firmware.v[i]);
	print_text("  hardware", m->hardware);
	print_text("  magic", m->vermagic);
	if (m->is_signed)
		print_text("  signed", "yes");
}

static void print_all(const struct inspection *i)
{
	print_package(i);
	print_maker(i);
	if (i->has_summary)
		print_summary(&i->summary);
	for (size_t k = 0; k < i->n_modules; k++)
		print_module(&i->modules[k]);
	if (i->n_more)
		printf("module    and %zu more\n", i->n_more);
	for (size_t k = 0; i->by_pmkmod && k < i->others.n; k++)
		print_text(k ? "" : "file", i->others.v[k]);
	print_text("report", i->report);
}

/* ---- for programs ---- */

static void add_deps(struct json_object *o, const char *key, const struct apk_deps *l)
{
	_cleanup_strvec_ struct strvec words = {0};

	for (size_t i = 0; i < l->n; i++)
		strvec_take(&words, apk_dep_print(&l->v[i]));
	json_object_object_add(o, key, json_texts(&words));
}

static void add_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}

static struct json_object *signature_json(const struct inspection *i)
{
	struct json_object *o = json_object_new_object();

	add_bool(o, "known", !i->untrusted);
	json_add_text(o, "by", i->c.signed_by);
	json_object_object_add(o, "signers", json_texts(&i->c.signers));
	add_bool(o, "altered", i->altered);
	json_add_text(o, "problem", i->untrusted);
	return o;
}

static struct json_object *module_json(const struct inspected_module *m)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "path", m->path);
	if (m->problem) {
		json_add_text(o, "problem", m->problem);
		return o;
	}
	json_add_text(o, "name", m->name);
	json_add_text(o, "version", m->version);
	json_add_text(o, "license", m->license);
	json_object_object_add(o, "depends", json_texts(&m->depends));
	json_object_object_add(o, "softdeps", json_texts(&m->softdeps));
	json_object_object_add(o, "firmware", json_texts(&m->firmware));
	json_add_text(o, "hardware", m->hardware);
	json_add_text(o, "vermagic", m->vermagic);
	add_bool(o, "signed", m->is_signed);
	return o;
}

static void write_json(const struct inspection *i)
{
	struct json_object *o = json_object_new_object(), *modules = json_object_new_array();
	const struct apk_pkg *p = &i->c.pkg;
	_cleanup_free_ char *identity = apk_identity_text(&p->identity);
	const struct {
		const char *key, *value;
	} members[] = {{"package", p->name}, {"version", p->version}, {"arch", p->arch},
		{"description", p->desc}, {"url", p->url}, {"license", p->license},
		{"packager", p->packager}, {"origin", p->origin}, {"identity", identity}};

	for (size_t k = 0; k < ARRAY_SIZE(members); k++)
		json_add_text(o, members[k].key, members[k].value);
	add_deps(o, "depends", &p->depends);
	add_deps(o, "install_if", &p->install_if);
	add_deps(o, "provides", &p->provides);
	json_object_object_add(o, "signature", signature_json(i));
	add_bool(o, "by_pmkmod", i->by_pmkmod);
	json_object_object_add(o, "summary", i->has_summary ? summary_json(&i->summary) : NULL);
	json_add_text(o, "summary_problem", i->summary_problem);
	for (size_t k = 0; k < i->n_modules; k++)
		json_object_array_add(modules, module_json(&i->modules[k]));
	json_object_object_add(o, "modules", modules);
	json_object_object_add(o, "more_modules", json_object_new_int64((int64_t)i->n_more));
	json_object_object_add(o, "files", json_texts(&i->others));
	json_add_text(o, "report", i->report);
	json_write(o);
	putchar('\n');
}

/* ---- the whole ---- */

static int exit_code_of(int r)
{
	switch (r) {
	case -EBADMSG:
	case -EFBIG:
		return EXIT_UNTRUSTED;
	case -EPROTONOSUPPORT:
	case -EINVAL:
	case -ENOENT:
	case -EISDIR:
		return EXIT_USAGE;
	}
	return 0;
}

int cmd_info(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct apk_keys *keys = NULL;
	struct inspection i;
	int r = known_keys(x, &keys, e);

	if (r < 0)
		return r;
	r = inspect_package(&i, o->args.v[1], keys, e);
	if (r < 0) {
		if (e && !e->exit_code)
			e->exit_code = exit_code_of(r);
	} else {
		(o->json ? write_json : print_all)(&i);
		*status = i.altered ? EXIT_UNTRUSTED : 0;
		inspection_free(&i);
	}
	apk_keys_free(keys);
	return r;
}
