// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * An aport with one more certificate that its kernel trusts. Edits of texts that leave every other
 * byte as it was; what came out is read again before it is handed over.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/aport/apkbuild.h"
#include "pmkmod/aport/aport_parts.h"
#include "pmkmod/kernel/kernel.h"
#include "pmkmod/util/exit_codes.h"

#define CONFIG_MAX (16u << 20)
#define CERT_PEM "pmkmod-module-signing.pem"
#define CERT_DER "pmkmod-module-signing.x509"
/* the kernel's own certificates and ours in one file */
#define CERT_JOINED "pmkmod-trusted-keys.pem"

struct edit {
	size_t at, len; /* what is replaced */
	char *text;
};

struct emit {
	const struct aport *a;
	const struct module_signing *s;
	const char *work; /* the folder being made */
	struct strvec *done;
	bool force;
	bool der; /* the kernel finds *.x509 in its source: before 4.3 */
	char *joined; /* SYSTEM_TRUSTED_KEYS the kernel had before; NULL: none */
	struct edit edits[8 + 64];
	size_t n_edits;
};

static int add_edit(struct emit *m, size_t at, size_t len, char *text, struct err *e)
{
	if (m->n_edits == ARRAY_SIZE(m->edits)) {
		free(text);
		return err_exit(e, EXIT_GENERAL, -EINVAL,
			"%s/APKBUILD has too many places to change", m->a->dir);
	}
	m->edits[m->n_edits++] = (struct edit){at, len, text};
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct edit *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static char *apply_edits(struct emit *m, const char *text, size_t len, size_t *out_len)
{
	struct strbuf b = {0};
	size_t pos = 0;

	if (m->n_edits)
		qsort(m->edits, m->n_edits, sizeof(*m->edits), by_place);
	for (size_t i = 0; i < m->n_edits; i++) {
		strbuf_add(&b, text + pos, m->edits[i].at - pos);
		strbuf_adds(&b, m->edits[i].text);
		pos = m->edits[i].at + m->edits[i].len;
	}
	strbuf_add(&b, text + pos, len - pos);
	*out_len = b.len;
	return strbuf_steal(&b);
}

/* ---- configurations ---- */

/* Is this file of the aport a configuration for its architecture? */
static bool is_config(const struct aport *a, const struct aport_file *f)
{
	_cleanup_free_ char *suffix = xasprintf(".%s", a->arch->alpine);

	if (f->url)
		return false;
	return streq(f->name, path_base(a->config)) ||
	       (f->kind == APORT_CONFIG && ends_with(f->name, suffix));
}

static int judge(
	struct emit *m, const struct kconfig *c, const char *name, const char *text, struct err *e)
{
	unsigned version = config_file_version(text);
	const char *why = "", *old;

	if (!version)
		version = kernel_version_code(m->a->pkgver);
	switch (kernel_signing_need(c, version, &why)) {
	case SIGNING_NO_MODULES:
	case SIGNING_TOO_OLD:
		return err_exit(e, EXIT_NO_FIT, -EINVAL,
			"%s: %s; a certificate in it would be pointless", name, why);
	case SIGNING_OPTIONAL:
		if (!m->force) {
			err_exit(e, EXIT_NO_FIT, -EINVAL,
				"%s: %s; a certificate in it would be pointless", name, why);
			return err_hint(e,
				"just build your modules; --force writes the aport nevertheless");
		}
		break;
	case SIGNING_REQUIRED:
		break;
	}
	strvec_addf(m->done, "%s: %s", name, why);
	if (kconfig_yes(c, "TIMA_LKMAUTH"))
		strvec_addf(m->done,
			"%s: CONFIG_TIMA_LKMAUTH=y: Samsung's TrustZone must know each module, too; "
			"a signature is not enough",
			name);
	m->der = version && version < KERNEL_VERSION_CODE(4, 3) &&
		 !kconfig_known(c, "SYSTEM_TRUSTED_KEYS");
	old = kconfig_get(c, "SYSTEM_TRUSTED_KEYS");
	if (m->der || !old || !*old || streq(old, CERT_PEM) || streq(old, CERT_JOINED))
		return 0;
	if (starts_with(old, "pkcs11:") || strpbrk(old, "\"$`\\ "))
		return err_exit(e, EXIT_GENERAL, -EINVAL,
			"%s: CONFIG_SYSTEM_TRUSTED_KEYS is \"%s\", to which no file can be added",
			name, old);
	if (m->joined && !streq(m->joined, old))
		return err_exit(e, EXIT_GENERAL, -EINVAL,
			"the configurations of %s trust different certificates (%s and %s)",
			m->a->pkgname, m->joined, old);
	free(m->joined);
	m->joined = xstrdup(old);
	return 0;
}

/* Replace the old checksum of a file in the APKBUILD's text, wherever it stands. */
static int renew_sum(struct emit *m, const struct aport_file *f, const struct hash *h,
	const char *text, size_t len, struct err *e)
{
	char old[HASH_HEX_MAX], new[HASH_HEX_MAX];
	const char *p;

	if (f->sum.alg == HASH_NONE)
		return err_exit(e, EXIT_GENERAL, -EINVAL, "%s/APKBUILD has no sha512sum for %s",
			m->a->dir, f->name);
	hash_hex(&f->sum, old);
	hash_hex(h, new);
	p = memmem(text, len, old, strlen(old));
	if (!p)
		return err_exit(e, EXIT_GENERAL, -EINVAL,
			"the sha512sum of %s is not found in the text of %s/APKBUILD", f->name,
			m->a->dir);
	return add_edit(m, (size_t)(p - text), strlen(old), xstrdup(new), e);
}

static int edit_config(
	struct emit *m, const struct aport_file *f, const char *text, size_t len, struct err *e)
{
	_cleanup_free_ char *path = path_join(m->work, f->path), *old = NULL;
	_cleanup_strbuf_ struct strbuf config = {0};
	struct kconfig *c = NULL;
	struct hash h;
	size_t old_len;
	int r = fs_read(path, CONFIG_MAX, &old, &old_len, e);

	if (r == 0)
		r = kconfig_parse(&c, old, old_len, e);
	if (r == 0)
		r = judge(m, c, f->name, old, e);
	if (r == 0) {
		strbuf_add(&config, old, old_len);
		signing_config_edit(&config, c, m->der ? NULL : m->joined ? CERT_JOINED : CERT_PEM);
		r = fs_write_atomic(path, config.s, config.len, 0644, e);
	}
	kconfig_free(c);
	if (r < 0)
		return r;
	hash_buf(HASH_SHA512, config.s, config.len, &h);
	return renew_sum(m, f, &h, text, len, e);
}

/* ---- APKBUILD ---- */

static const struct apkbuild_assignment *last_plain(const struct apkbuild *b, const char *name)
{
	const struct apkbuild_assignment *found = NULL, *v;
	size_t n;

	v = apkbuild_assignments(b, &n);
	for (size_t i = 0; i < n; i++)
		if (streq(v[i].name, name) && !v[i].nested && !v[i].append)
			found = &v[i];
	return found;
}

/* One more item before the closing quote of a list; the text is laid out as the list is. */
static int add_item(struct emit *m, const struct apkbuild *b, const char *name, const char *item,
	const char *indent, struct err *e)
{
	const struct apkbuild_assignment *v = last_plain(b, name);
	size_t len, at;
	const char *text = apkbuild_text(b, &len);
	char quote = v && v->end > v->value + 1 ? text[v->value] : '\0';

	if ((quote != '"' && quote != '\'') || text[v->end - 1] != quote)
		return err_exit(e, EXIT_GENERAL, -EINVAL,
			"%s/APKBUILD: %s is no list in quotes, nothing is added", m->a->dir, name);
	at = v->end - 1;
	while (at > v->value + 1 && (text[at - 1] == ' ' || text[at - 1] == '\t'))
		at--;
	if (text[at - 1] == '\n')
		return add_edit(m, at, 0, xasprintf("%s%s\n", indent, item), e);
	return add_edit(m, v->end - 1, 0, xasprintf("\n%s%s", indent, item), e);
}

static int raise_pkgrel(struct emit *m, const struct apkbuild *b, struct err *e)
{
	const struct apkbuild_assignment *v = last_plain(b, "pkgrel");
	size_t len;
	const char *text = apkbuild_text(b, &len);
	_cleanup_free_ char *digits = v ? xstrndup(text + v->value, v->end - v->value) : NULL;

	if (!digits || !*digits || digits[strspn(digits, "0123456789")] || strlen(digits) > 9)
		return err_exit(e, EXIT_GENERAL, -EINVAL, "%s/APKBUILD: pkgrel is no plain number",
			m->a->dir);
	return add_edit(
		m, v->value, v->end - v->value, xasprintf("%lu", strtoul(digits, NULL, 10) + 1), e);
}

/* What prepare() does with the certificate, a tab before each line. */
static char *prepare_lines(const struct emit *m)
{
	const char *tree = m->a->source_var;
	struct strbuf b = {0};

	strbuf_adds(&b, "\n\t# modules signed by this certificate are accepted\n");
	if (m->der) {
		const char *out = m->a->outdir && !streq(m->a->outdir, ".") ? "/$_outdir" : "";

		/* 3.13 to 4.2 take all *.x509 of the source, 3.7 to 3.12 extra_certificates of the
		 * folder that is built in */
		strbuf_addf(&b, "\tcp \"$srcdir/" CERT_DER "\" \"$%s/" CERT_DER "\"\n", tree);
		if (*out)
			strbuf_addf(&b, "\tmkdir -p \"$%s%s\"\n", tree, out);
		strbuf_addf(&b, "\tcat \"$srcdir/" CERT_DER "\" > \"$%s%s/extra_certificates\"\n",
			tree, out);
	} else if (m->joined) {
		const char *slash = *m->joined == '/' ? "" : "/";

		strbuf_addf(&b, "\tcat \"%s%s%s%s\" \"$srcdir/" CERT_PEM "\" \\\n",
			*slash ? "$" : "", *slash ? tree : "", slash, m->joined);
		strbuf_addf(&b, "\t\t> \"$%s/" CERT_JOINED "\"\n", tree);
	} else {
		strbuf_addf(&b, "\tcp \"$srcdir/" CERT_PEM "\" \"$%s/" CERT_PEM "\"\n", tree);
	}
	return strbuf_steal(&b);
}

static int edit_prepare(struct emit *m, const struct apkbuild *b, struct err *e)
{
	_cleanup_free_ char *lines = prepare_lines(m);
	size_t start, end, len;
	const char *text = apkbuild_text(b, &len);

	if (apkbuild_function_span(b, "prepare", &start, &end)) {
		size_t at = end;

		while (at > start && (text[at - 1] == ' ' || text[at - 1] == '\t'))
			at--;
		if (at > start && text[at - 1] == '\n')
			return add_edit(m, at, 0, steal_ptr(lines), e);
		return add_edit(m, end, 0, xasprintf("\n%s", lines), e);
	}
	if (apkbuild_function(b, "prepare", NULL))
		return err_exit(e, EXIT_GENERAL, -EINVAL, "%s/APKBUILD makes its prepare() by eval",
			m->a->dir);
	return add_edit(m, len, 0,
		xasprintf("%s\nprepare() {\n\tdefault_prepare\n%s}\n",
			len && text[len - 1] != '\n' ? "\n" : "", lines),
		e);
}

/* The certificate in the form this kernel reads; its "sum  name" line in *sum. */
static int write_certificate(struct emit *m, const char **name, char **sum, struct err *e)
{
	_cleanup_free_ char *data = NULL, *path = NULL;
	char hex[HASH_HEX_MAX];
	struct hash h;
	size_t len;
	int r;

	*name = m->der ? CERT_DER : CERT_PEM;
	path = path_join(m->work, *name);
	if (m->der)
		r = module_signing_der(m->s, &data, &len, e);
	else
		r = fs_read(m->s->certificate, 1 << 16, &data, &len, e);
	if (r == 0)
		r = fs_write_atomic(path, data, len, 0644, e);
	if (r < 0)
		return r;
	hash_buf(HASH_SHA512, data, len, &h);
	hash_hex(&h, hex);
	*sum = xasprintf("%s  %s", hex, *name);
	return 0;
}

static int edit_apkbuild(struct emit *m, const struct apkbuild *b, struct err *e)
{
	_cleanup_free_ char *sum = NULL, *out = NULL, *path = path_join(m->work, "APKBUILD");
	const char *name, *text;
	size_t len, out_len;
	int r = write_certificate(m, &name, &sum, e);

	text = apkbuild_text(b, &len);
	for (size_t i = 0; r == 0 && i < m->a->n_files; i++)
		if (streq(m->a->files[i].name, name))
			r = err_exit(e, EXIT_GENERAL, -EINVAL,
				"%s has a certificate of pmkmod already (%s): take the aport without it",
				m->a->dir, name);
	if (r == 0)
		r = raise_pkgrel(m, b, e);
	if (r == 0)
		r = add_item(m, b, "source", name, "\t", e);
	if (r == 0)
		r = add_item(m, b, "sha512sums", sum, "", e);
	if (r == 0)
		r = edit_prepare(m, b, e);
	if (r < 0)
		return r;
	out = apply_edits(m, text, len, &out_len);
	return fs_write_atomic(path, out, out_len, 0644, e);
}

static int make_configs(struct emit *m, const struct apkbuild *b, struct err *e)
{
	size_t len;
	const char *text = apkbuild_text(b, &len);
	size_t n = 0;

	for (size_t i = 0; i < m->a->n_files; i++) {
		int r;

		if (!is_config(m->a, &m->a->files[i]))
			continue;
		r = edit_config(m, &m->a->files[i], text, len, e);
		if (r < 0)
			return r;
		n++;
	}
	if (!n)
		return err_exit(e, EXIT_GENERAL, -EINVAL, "%s is not in source= of %s/APKBUILD",
			path_base(m->a->config), m->a->dir);
	return 0;
}

/* ---- is it right? ---- */

static int verify_file(const struct aport *new, const struct aport_file *f, struct err *e)
{
	_cleanup_free_ char *path = aport_local_path(new, f);
	struct hash h;
	int r = hash_file(AT_FDCWD, path, HASH_SHA512, &h, e);

	if (r == 0 && !hash_eq(&h, &f->sum))
		return err_exit(e, EXIT_GENERAL, -EINVAL,
			"the emitted aport has a wrong sha512sum for %s", f->name);
	return r;
}

static int verify(const struct emit *m, struct err *e)
{
	const char *cert = m->der ? CERT_DER : CERT_PEM;
	struct aport new = {0};
	bool found = false;
	int r = aport_load(&new, m->work, m->a->arch, e);

	if (r == 0 && new.n_files != m->a->n_files + 1)
		r = err_exit(e, EXIT_GENERAL, -EINVAL,
			"source= of the emitted aport is not what it should be");
	for (size_t i = 0; r == 0 && i < new.n_files; i++) {
		bool is_cert = streq(new.files[i].name, cert);

		found |= is_cert;
		if (is_cert || is_config(&new, &new.files[i]))
			r = verify_file(&new, &new.files[i], e);
	}
	if (r == 0 && (!found || streq(new.version, m->a->version)))
		r = err_exit(e, EXIT_GENERAL, -EINVAL,
			"the emitted aport lacks the certificate or a new pkgrel");
	if (r < 0)
		err_hint(e,
			"%s/APKBUILD is written in a way pmkmod cannot extend; add the certificate "
			"'%s' by hand",
			m->a->dir, m->s->certificate);
	aport_free(&new);
	return r;
}

/*
 * pmaports shares patches between kernels by links that lead out of the aport; the emitted one must
 * be whole wherever it is put.
 */
static int resolve_links(const struct emit *m, struct err *e)
{
	for (size_t i = 0; i < m->a->n_files; i++) {
		const struct aport_file *f = &m->a->files[i];
		_cleanup_free_ char *from = NULL, *to = NULL, *real = NULL;
		struct stat st;
		int r;

		if (f->url)
			continue;
		from = aport_local_path(m->a, f);
		to = path_join(m->work, f->path);
		if (access(from, R_OK) < 0) {
			r = err_exit(e, f->kind == APORT_PATCH ? EXIT_PATCH_PATH : EXIT_GENERAL,
				-EINVAL,
				"the file %s that %s/APKBUILD names in source= is not there",
				f->path, m->a->dir);
			return r;
		}
		if (lstat(to, &st) < 0 || !S_ISLNK(st.st_mode))
			continue;
		real = realpath(from, NULL);
		if (!real)
			return err_errno(e, -errno, "cannot follow '%s'", from);
		unlink(to);
		r = fs_copy_file(real, to, e);
		if (r < 0)
			return r;
	}
	return 0;
}

static int make(struct emit *m, struct err *e)
{
	static const char *const not_copied[] = {".git", NULL};
	_cleanup_free_ char *path = path_join(m->a->dir, "APKBUILD");
	const struct apkbuild_env env[] = {{"CARCH", m->a->arch->alpine}, {"srcdir", "/srcdir"}};
	struct apkbuild *b = NULL;
	int r = fs_copy_tree(m->a->dir, m->work, not_copied, e);

	if (r == 0)
		r = resolve_links(m, e);
	if (r == 0)
		r = apkbuild_read(&b, path, env, ARRAY_SIZE(env), e);
	if (r == 0)
		r = make_configs(m, b, e);
	if (r == 0)
		r = edit_apkbuild(m, b, e);
	if (r == 0)
		r = verify(m, e);
	apkbuild_free(b);
	return r;
}

int aport_emit_signing(const struct aport *a, const struct module_signing *s, const char *to,
	bool force, struct strvec *done, struct err *e)
{
	_cleanup_free_ char *plain =
		xstrndup(to, strlen(to) - (strlen(to) > 1 && ends_with(to, "/")));
	_cleanup_free_ char *work = xasprintf("%s.new-%d", plain, (int)getpid());
	struct emit m = {.a = a, .s = s, .work = work, .done = done, .force = force};
	int r = fs_check_new_folder(plain, e);

	if (r < 0 && e)
		e->exit_code = EXIT_USAGE;
	if (r < 0)
		return r;
	if (!a->config)
		return err_exit(e, EXIT_GENERAL, -EINVAL,
			"%s has no configuration file for %s that could be changed", a->dir,
			a->arch->alpine);
	r = make(&m, e);
	if (r == 0 && rename(work, plain) < 0)
		r = err_errno(e, -errno, "cannot move '%s' to '%s'", work, plain);
	if (r < 0)
		fs_remove_tree(work, NULL);
	for (size_t i = 0; i < m.n_edits; i++)
		free(m.edits[i].text);
	free(m.joined);
	return r;
}
