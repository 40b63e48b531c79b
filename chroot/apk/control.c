// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/control.h"

#include "chroot/apk/pkg_field.h"
#include "chroot/apk/tar_read.h"

/* As in apk. */
#define SCRIPT_MAX 262144

const char *const apk_script_names[APK_SCRIPTS] = {
	[APK_PRE_INSTALL] = "pre-install",
	[APK_POST_INSTALL] = "post-install",
	[APK_PRE_UPGRADE] = "pre-upgrade",
	[APK_POST_UPGRADE] = "post-upgrade",
	[APK_PRE_DEINSTALL] = "pre-deinstall",
	[APK_POST_DEINSTALL] = "post-deinstall",
	[APK_TRIGGER] = "trigger",
};

void apk_control_free(struct apk_control *c)
{
	apk_pkg_free(&c->pkg);
	for (size_t i = 0; i < APK_SCRIPTS; i++)
		free(c->script[i]);
	free(c->signed_by);
	strvec_free(&c->signers);
	*c = (struct apk_control){0};
}

/* ---- signatures ---- */

static int add_signatures(struct apk_sigs *sigs, struct tar_reader *t, struct err *e)
{
	int r;

	do {
		_cleanup_strbuf_ struct strbuf content = {0};

		if (!apk_is_sig_name(t->en.name))
			return err_set(e, -EBADMSG,
				"%s: '%s' is in one gzip member with a signature, which cannot "
				"cover it there",
				t->shown, t->en.name);
		strbuf_add(&content, "", 0);
		r = tar_content(t, &content, APK_HEAD_MAX, e);
		if (r < 0)
			return r;
		apk_sigs_add(sigs, t->en.name, content.s, content.len);
	} while ((r = tar_next(t, e)) == 1);
	return r;
}

/* 1: the member held signatures (noted now); 0: it is the first one that does not. */
static int take_signatures(
	struct apk_sigs *sigs, const struct strbuf *text, const char *shown, struct err *e)
{
	struct tar_memory mem = {(const uint8_t *)text->s, text->len};
	_cleanup_(tar_reader_free) struct tar_reader t = {
		.take = tar_take_memory, .ctx = &mem, .shown = shown};
	int r = tar_next(&t, e);

	if (r < 0)
		return r;
	if (r == 0)
		return err_set(e, -EBADMSG, "%s: one of its gzip members is empty", shown);
	if (!apk_is_sig_name(t.en.name))
		return 0;
	r = add_signatures(sigs, &t, e);
	return r < 0 ? r : 1;
}

int apk_read_signatures(struct member *m, struct apk_sigs *sigs, size_t max, const char *part,
	struct strbuf *text, struct err *e)
{
	size_t head = 0;
	int r;

	for (;;) {
		strbuf_reset(text);
		r = member_start(m, apk_sig_algs, APK_SIG_ALGS, e);
		if (r < 0)
			return r;
		if (r == 0)
			return err_set(e, -EBADMSG, "%s ends before its %s", m->shown, part);
		r = member_read_all(m, text, max, part, e);
		if (r < 0 || (r = take_signatures(sigs, text, m->shown, e)) <= 0)
			return r;
		head += text->len;
		if (head > APK_HEAD_MAX)
			return err_set(e, -EFBIG, "%s: its signatures unpack to more than %u bytes",
				m->shown, APK_HEAD_MAX);
	}
}

/* ---- control ---- */

static int take_line(struct apk_pkg *p, char *line, struct err *e)
{
	char *equals;

	if (*line == '#' || !(equals = strstr(line, " = ")))
		return 0;
	*equals = '\0';
	return apk_pkg_set_key(p, line, equals + strlen(" = "), e);
}

static int parse_pkginfo(struct apk_pkg *p, char *text, size_t len, struct err *e)
{
	size_t line_no = 0;
	int r = 0;

	if (strlen(text) != len)
		return err_set(e, -EBADMSG, "there is a zero byte in it");
	if (p->name || p->version)
		return err_set(e, -EBADMSG, "there are two");
	for (char *l = text, *next; r == 0 && *l; l = next) {
		line_no++;
		/* a last line without an end counts, as it does for apk */
		next = strchrnul(l, '\n');
		if (*next)
			*next++ = '\0';
		r = take_line(p, l, e);
	}
	if (r < 0)
		return err_prefix(e, "line %zu", line_no);
	if (!p->name || !p->version)
		return err_set(e, -EBADMSG, "pkgname and pkgver must both be given");
	if (!apk_name_safe(p->name) || !apk_version_safe(p->version))
		return err_set(e, -EBADMSG,
			"pkgname '%.100s' and pkgver '%.100s' may only have letters, digits and ._+-",
			p->name, p->version);
	if (p->arch && !apk_name_safe(p->arch))
		return err_set(e, -EBADMSG, "arch '%.100s' is no name", p->arch);
	if (p->uninstallable)
		return err_set(e, -EBADMSG, "a 'depend' is not one that apk understands");
	if (p->datahash.alg == HASH_NONE)
		return err_set(e, -EBADMSG, "there is no datahash, so nothing protects the files");
	return 0;
}

static int take_script(struct apk_control *c, struct tar_reader *t, size_t which, struct err *e)
{
	struct strbuf text = {0};
	int r;

	if (c->script[which])
		return err_set(
			e, -EBADMSG, "%s has two scripts '%s'", t->shown, apk_script_names[which]);
	r = tar_content(t, &text, SCRIPT_MAX, e);
	c->script_len[which] = text.len;
	c->script[which] = strbuf_steal(&text); /* apk_control_free() has it */
	return r;
}

static int take_pkginfo(struct apk_control *c, struct tar_reader *t, struct err *e)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	int r;

	strbuf_add(&text, "", 0);
	r = tar_content(t, &text, APK_HEAD_MAX, e);
	if (r < 0)
		return r;
	r = parse_pkginfo(&c->pkg, text.s, text.len, e);
	if (r < 0)
		err_prefix(e, "%s: its .PKGINFO cannot be used", t->shown);
	return r;
}

static int take_entry(struct apk_control *c, struct tar_reader *t, struct err *e)
{
	const char *name = t->en.name;

	if (name[0] != '.' || strchr(name, '/'))
		return err_set(e, -EBADMSG,
			"%s: the file '%s' is in its control part, where apk takes it for data",
			t->shown, name);
	if (t->en.type != APK_FILE)
		return err_set(e, -EBADMSG, "%s: '%s' in its control part is no regular file",
			t->shown, name);
	if (streq(name, ".INSTALL") || apk_is_sig_name(name))
		return err_set(e, -EBADMSG, "%s: '%s' in its control part; apk refuses that",
			t->shown, name);
	if (streq(name, ".PKGINFO"))
		return take_pkginfo(c, t, e);
	for (size_t i = 0; i < APK_SCRIPTS; i++)
		if (streq(name + 1, apk_script_names[i]))
			return take_script(c, t, i, e);
	return 0; /* other hidden names are for other programs */
}

int apk_control_parse(
	struct apk_control *c, const struct strbuf *text, const char *shown, struct err *e)
{
	struct tar_memory mem = {(const uint8_t *)text->s, text->len};
	_cleanup_(tar_reader_free) struct tar_reader t = {
		.take = tar_take_memory, .ctx = &mem, .shown = shown};
	int r;

	while ((r = tar_next(&t, e)) == 1) {
		r = take_entry(c, &t, e);
		if (r < 0)
			return r;
	}
	if (r == 0 && !c->pkg.name)
		return err_set(e, -EBADMSG, "%s has no .PKGINFO in its control part", shown);
	return r;
}
