// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/emit_parts.h"

#include <fcntl.h>

#include "chroot/base/fs.h"
#include "pmkmod/kernel/kernel.h"

#define TEXT_MAX (1u << 20)

static int take_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct emit_part *p = ctx;

	(void)e;
	if (en->type == APK_FILE)
		strvec_add(&p->files, en->name);
	return 0;
}

int emit_part_read(struct emit_part *p, const char *apk, struct err *e)
{
	static const struct apk_reader_ops ops = {.entry = take_entry};
	_cleanup_close_ int fd = open(apk, O_RDONLY | O_CLOEXEC);
	int r;

	*p = (struct emit_part){.apk = xstrdup(apk)};
	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s'", apk);
	r = apk_read_control(apk, NULL, &p->c, e);
	return r < 0 ? r : apk_read(fd, apk, NULL, NULL, NULL, &ops, p, e);
}

void emit_part_free(struct emit_part *p)
{
	free(p->apk);
	apk_control_free(&p->c);
	strvec_free(&p->files);
}

/* ---- words ---- */

void emit_quoted(struct strbuf *b, const char *s)
{
	for (; s && *s; s++) {
		if (strchr("\"\\$`", *s))
			strbuf_addc(b, '\\');
		strbuf_addc(b, *s == '\n' || *s == '\t' ? ' ' : *s);
	}
}

void emit_assign(struct strbuf *b, const char *name, const char *value)
{
	strbuf_addf(b, "%s=\"", name);
	emit_quoted(b, value);
	strbuf_adds(b, "\"\n");
}

void emit_assign_deps(struct strbuf *b, const char *name, const struct apk_deps *l)
{
	_cleanup_strvec_ struct strvec words = {0};
	_cleanup_free_ char *all = NULL;

	for (size_t i = 0; i < l->n; i++)
		strvec_take(&words, apk_dep_print(&l->v[i]));
	all = strvec_join(&words, " ");
	if (words.n)
		emit_assign(b, name, all);
}

/* ---- scripts ---- */

static char *script_name(const struct emit_part *p, size_t kind)
{
	return xasprintf("%s.%s", p->c.pkg.name, apk_script_names[kind]);
}

void emit_script_names(const struct emit_part *p, struct strvec *names)
{
	for (size_t i = 0; i < APK_SCRIPTS; i++)
		if (p->c.script[i])
			strvec_take(names, script_name(p, i));
}

int emit_write_scripts(const struct emit_part *p, const char *dir, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < APK_SCRIPTS; i++) {
		_cleanup_free_ char *name = script_name(p, i), *path = path_join(dir, name);

		if (p->c.script[i])
			r = fs_write_atomic(path, p->c.script[i], p->c.script_len[i], 0644, e);
	}
	return r;
}

/* ---- files ---- */

bool emit_is_overlay(const char *name)
{
	return ends_with(name, ".dtbo");
}

static int add_text(const struct emit_part *p, const char *name, struct strbuf *b, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = apk_read_file(p->apk, name, TEXT_MAX, &text, &len, e);

	if (r < 0)
		return r;
	/* what pmkmod has put there has no line of those words */
	strbuf_addf(b,
		"\tmkdir -p \"$pkgdir\"/%.*s\n"
		"\tcat >\"$pkgdir\"/%s <<'END OF THE FILE'\n%s%sEND OF THE FILE\n",
		(int)(path_base(name) - name - 1), name, name, text,
		len && text[len - 1] != '\n' ? "\n" : "");
	return 0;
}

int emit_texts(const struct emit_part *p, struct strbuf *b, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->files.n; i++)
		if (ko_stem(p->files.v[i]) == 0 && !emit_is_overlay(p->files.v[i]))
			r = add_text(p, p->files.v[i], b, e);
	return r;
}

void emit_subpackage(const struct emit_part *p, const char *function, struct strbuf *b)
{
	strbuf_addf(b, "\n%s() {\n", function);
	strbuf_addc(b, '\t');
	emit_assign(b, "pkgdesc", p->c.pkg.desc);
	strbuf_addc(b, '\t');
	emit_assign_deps(b, "depends", &p->c.pkg.depends);
	strbuf_addc(b, '\t');
	emit_assign_deps(b, "install_if", &p->c.pkg.install_if);
	strbuf_adds(b, "\tamove");
	for (size_t i = 0; i < p->files.n; i++)
		strbuf_addf(b, " \\\n\t\t%s", p->files.v[i]);
	strbuf_adds(b, "\n}\n");
}
