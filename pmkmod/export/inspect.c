// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Read twice: first it is all checked, and the summary tells whether there is more to look for; the
 * modules come before the summary. Both times it must be the same package: the identity of the
 * first reading is what the second one asks for.
 */
#include "pmkmod/export/inspect.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/export/export.h"
#include "pmkmod/export/hardware.h"
#include "pmkmod/fit/fit.h"
#include "pmkmod/util/json.h"

/* What one module may be, packed; ko_parse() bounds what comes out of it. */
#define MODULE_MAX (256u << 20)
/* More are counted alone: nobody's package has so many, and each may unpack to hundreds of MiB. */
#define MODULES_MAX 32
#define REPORT_MAX (16u << 20)
#define OTHERS_MAX 64 /* other files that are named */
#define WORDS_MAX 1024 /* firmware and softdeps of one module that are kept */

struct inspecting {
	struct inspection *out;
	char *summary_path;
	struct strbuf content; /* of the file that is wanted */
	bool wanted, too_large;
	char *name; /* of it */
	bool modules; /* the second reading */
	bool broken; /* a module was none: pmkmod packs no such, and unpacking more may take minutes
		      */
};

static int open_file(const char *path, struct err *e)
{
	/* a named pipe would be waited for */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return err_errno(e, -errno, "cannot open the package '%s'", path);
	if (fstat(fd, &st) < 0)
		return err_errno(e, -errno, "cannot read the package '%s'", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "'%s' is a folder, not an apk package", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "'%s' is no regular file", path);
	return steal_fd(&fd);
}

/* ---- reading ---- */

static int on_control(void *ctx, const struct apk_control *c, struct err *e)
{
	struct inspecting *in = ctx;

	(void)e;
	in->summary_path = summary_path(c->pkg.name);
	return 0;
}

static bool is_module(const char *name)
{
	return (starts_with(name, "lib/modules/") || starts_with(name, "usr/lib/modules/")) &&
	       ko_stem(name) != 0;
}

/* Read by systemd, and by OpenRC's service "modules" (modules-load.d(5)). */
static bool is_autoload(const struct apk_entry *en)
{
	static const char *const folders[] = {
		"etc/modules-load.d/", "usr/lib/modules-load.d/", "lib/modules-load.d/"};

	return en->type == APK_FILE && ends_with(en->name, ".conf") &&
	       behind_prefix(en->name, folders, ARRAY_SIZE(folders));
}

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct inspecting *in = ctx;

	(void)e;
	if (!in->modules && en->type == APK_FILE && !is_module(en->name) &&
		!streq(en->name, in->summary_path) && in->out->others.n < OTHERS_MAX)
		strvec_add(&in->out->others, en->name);
	if (!in->out->autoload && is_autoload(en))
		in->out->autoload = xstrdup(en->name);
	in->wanted = in->modules ? is_module(en->name) : streq(en->name, in->summary_path);
	in->wanted = in->wanted && en->type == APK_FILE;
	if (in->wanted && in->modules && (in->broken || in->out->n_modules == MODULES_MAX)) {
		in->out->n_more++;
		in->wanted = false;
	}
	in->too_large = en->size > (in->modules ? MODULE_MAX : SUMMARY_MAX);
	strbuf_reset(&in->content);
	if (in->wanted) {
		free(in->name);
		in->name = xstrdup(en->name);
	}
	return 0;
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	struct inspecting *in = ctx;

	(void)e;
	if (in->wanted && !in->too_large)
		strbuf_add(&in->content, p, n);
	return 0;
}

static void take_summary(struct inspecting *in)
{
	struct inspection *out = in->out;
	struct package_summary *s = &out->summary;
	struct err e = ERR_INIT;
	int r = in->too_large ? err_set(&e, -EFBIG, "%s is larger than any summary", in->name)
			      : summary_parse(s, in->name, in->content.s ? in->content.s : "",
					in->content.len, &e);

	if (r == 0 && !streq(s->package, out->c.pkg.name)) {
		r = err_set(&e, -EBADMSG, "%s is the summary of another package, %s", in->name,
			s->package);
		summary_free(s);
	}
	out->has_summary = r == 0;
	free(out->summary_problem);
	out->summary_problem = r < 0 ? xstrdup(e.text) : NULL;
}

static void keep_some(struct strvec *to, const struct strvec *from)
{
	for (size_t i = 0; i < from->n && i < WORDS_MAX; i++)
		strvec_add(to, from->v[i]);
}

static void take_module(struct inspecting *in)
{
	struct inspection *out = in->out;
	struct inspected_module *m;
	struct err e = ERR_INIT;
	struct ko k = {0};
	int r;

	out->modules = xrealloc(out->modules, out->n_modules + 1, sizeof(*out->modules));
	m = &out->modules[out->n_modules++];
	*m = (struct inspected_module){.path = xstrdup(in->name)};
	r = in->too_large ? err_set(&e, -EFBIG, "%s is larger than %u bytes", in->name, MODULE_MAX)
			  : ko_parse(&k, in->name, in->content.s ? in->content.s : "",
				    in->content.len, &e);
	if (r < 0) {
		m->problem = xstrdup(e.text);
		in->broken = true;
		return;
	}
	m->name = xstrdup(k.name);
	m->version = xstrdup(k.version);
	m->license = xstrdup(k.license);
	m->vermagic = xstrdup(k.vermagic);
	m->is_signed = k.is_signed;
	strvec_add_all(&m->depends, &k.depends);
	keep_some(&m->softdeps, &k.softdeps);
	keep_some(&m->firmware, &k.firmware);
	m->hardware = hardware_text(&k.aliases);
	for (size_t i = 0; i < k.aliases.n; i++)
		out->by_hardware |= hardware_alias(k.aliases.v[i]);
	ko_free(&k);
}

static int on_end(void *ctx, struct err *e)
{
	struct inspecting *in = ctx;

	(void)e;
	if (in->wanted && in->modules)
		take_module(in);
	else if (in->wanted && !in->out->has_summary)
		take_summary(in);
	return 0;
}

/* ---- the signature ---- */

/* Only a package that cannot be read is an error. */
static int read_head(
	struct inspection *out, const char *path, const struct apk_keys *keys, struct err *e)
{
	struct err why = ERR_INIT;
	int r = apk_read_control(path, keys, &out->c, &why);

	if (r == 0)
		return 0;
	if (r != -EKEYREJECTED) {
		if (e)
			*e = why;
		return r;
	}
	out->untrusted = xstrndup(why.text, strcspn(why.text, "\n"));
	r = apk_read_control(path, NULL, &out->c, e);
	for (size_t i = 0; r == 0 && i < out->c.signers.n; i++)
		out->altered = out->altered || apk_keys_has(keys, out->c.signers.v[i]);
	return r;
}

/* ---- the report beside ---- */

static bool report_is_of(const char *path, const struct hash *identity)
{
	_cleanup_free_ char *text = NULL, *wanted = apk_identity_text(identity);
	struct json_object *top, *o;
	size_t len;
	bool same;

	if (fs_read_regular(path, REPORT_MAX, &text, &len, NULL) < 0)
		return false;
	top = json_tokener_parse(text);
	same = json_object_is_type(top, json_type_object) &&
	       json_object_object_get_ex(top, "identity", &o) &&
	       json_object_is_type(o, json_type_string) && streq(json_object_get_string(o), wanted);
	json_object_put(top);
	return same;
}

static void find_report(struct inspection *out, const char *path)
{
	_cleanup_free_ char *report = publish_report_path(path);

	if (report_is_of(report, &out->c.pkg.identity))
		out->report = steal_ptr(report);
}

/* ---- the whole ---- */

static int read_again(struct inspecting *in, int fd, const char *path, struct err *e)
{
	static const struct apk_reader_ops ops = {
		.entry = on_entry, .data = on_data, .end = on_end};

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, -errno, "cannot read the package '%s'", path);
	in->modules = true;
	return apk_read(fd, path, &in->out->c.pkg.identity, NULL, NULL, &ops, in, e);
}

static int read_all(struct inspecting *in, int fd, const char *path, struct err *e)
{
	static const struct apk_reader_ops ops = {
		.control = on_control, .entry = on_entry, .data = on_data, .end = on_end};
	struct inspection *out = in->out;
	int r = apk_read(fd, path, &out->c.pkg.identity, NULL, NULL, &ops, in, e);

	if (r < 0)
		return r;
	out->by_pmkmod =
		out->has_summary || (out->c.pkg.packager && streq(out->c.pkg.packager, "pmkmod"));
	return out->by_pmkmod ? read_again(in, fd, path, e) : 0;
}

int inspect_head(
	struct inspection *out, const char *path, const struct apk_keys *keys, struct err *e)
{
	int r;

	*out = (struct inspection){0};
	r = read_head(out, path, keys, e);
	if (r < 0)
		inspection_free(out);
	return r;
}

int inspect_package(
	struct inspection *out, const char *path, const struct apk_keys *keys, struct err *e)
{
	_cleanup_close_ int fd = open_file(path, e);
	struct inspecting in = {.out = out};
	int r;

	*out = (struct inspection){0};
	if (fd < 0)
		return fd;
	r = read_head(out, path, keys, e);
	if (r == 0)
		r = read_all(&in, fd, path, e);
	if (r == 0 && out->has_summary)
		find_report(out, path);
	free(in.summary_path);
	free(in.name);
	strbuf_free(&in.content);
	if (r < 0)
		inspection_free(out);
	return r;
}

void inspection_free(struct inspection *i)
{
	for (size_t k = 0; k < i->n_modules; k++) {
		struct inspected_module *m = &i->modules[k];

		free(m->path);
		free(m->name);
		free(m->version);
		free(m->license);
		free(m->vermagic);
		free(m->problem);
		free(m->hardware);
		strvec_free(&m->depends);
		strvec_free(&m->softdeps);
		strvec_free(&m->firmware);
	}
	free(i->modules);
	strvec_free(&i->others);
	free(i->autoload);
	apk_control_free(&i->c);
	free(i->untrusted);
	summary_free(&i->summary);
	free(i->summary_problem);
	free(i->report);
	*i = (struct inspection){0};
}
