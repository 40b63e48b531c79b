// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/index_kernels.h"

#include "chroot/base/fs.h"
#include "chroot/base/sealed.h"
#include "pmkmod/kernel/kernel.h"

#define TEXT_MAX (1u << 20)
#define FIRST_LINE "pmkmod index-kernels\n"

/* ---- as text: "name version identity headers|-" ---- */

static bool take_line(struct index_kernels *k, const char *line)
{
	_cleanup_strvec_ struct strvec f = {0};
	struct index_kernel *new;
	struct hash identity;

	strvec_split(&f, line, " ");
	if (f.n != 4 || apk_identity_parse(&identity, f.v[2]) < 0)
		return false;
	k->v = xrealloc(k->v, k->n + 1, sizeof(*k->v));
	new = &k->v[k->n++];
	*new = (struct index_kernel){.name = xstrdup(f.v[0]),
		.version = xstrdup(f.v[1]),
		.identity = identity,
		.headers = streq(f.v[3], "headers")};
	return true;
}

static bool take_text(struct index_kernels *k, const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};

	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (!take_line(k, lines.v[i])) {
			index_kernels_free(k);
			return false;
		}
	return true;
}

static bool load(struct index_kernels *k, const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t len, body;

	if (fs_read_regular(path, TEXT_MAX, &text, &len, NULL) < 0)
		return false;
	body = sealed_body(text, len, FIRST_LINE);
	if (!body)
		return false;
	text[body] = '\0';
	return take_text(k, text + strlen(FIRST_LINE));
}

/* What cannot be kept only costs time. */
static void save(const char *dir, const char *path, const char *text)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	strbuf_addf(&b, FIRST_LINE "%s", text);
	sealed_end(&b);
	if (fs_mkdirs(dir, 0700, NULL) == 0)
		fs_write_atomic(path, b.s, b.len, 0600, NULL);
}

/* ---- out of the indexes ---- */

static bool has_headers(const struct repo_set *s, const struct apk_pkg *kernel)
{
	_cleanup_free_ char *name = xasprintf("%s-dev", kernel->name);

	for (size_t i = 0; i < s->n_repos; i++)
		for (size_t k = 0; k < s->repos[i].n_pkgs; k++) {
			const struct apk_pkg *p = &s->repos[i].pkgs[k];

			if (streq(p->name, name) && streq(p->version, kernel->version))
				return true;
		}
	return false;
}

/* What else is called linux-* (headers, firmware, ...) is nobody's kernel and does no harm. */
static char *print(struct repo_set *s)
{
	_cleanup_strvec_ struct strvec seen = {0};
	struct strbuf b = {0};

	if (repos_parse(s, NULL) < 0)
		return xstrdup("");
	for (size_t i = 0; i < s->n_repos; i++)
		for (size_t k = 0; k < s->repos[i].n_pkgs; k++) {
			const char *name = s->repos[i].pkgs[k].name;
			const struct apk_pkg *p;
			_cleanup_free_ char *q = NULL;

			if (!starts_with(name, "linux-") || starts_with(name, "linux-firmware") ||
				ends_with(name, "-dev") || strvec_has(&seen, name))
				continue;
			strvec_add(&seen, name);
			p = repos_newest(s, name);
			q = apk_identity_text(&p->identity);
			strbuf_addf(&b, "%s %s %s %s\n", p->name, p->version, q,
				has_headers(s, p) ? "headers" : "-");
		}
	return b.s ? strbuf_steal(&b) : xstrdup("");
}

void index_kernels_read(struct index_kernels *k, const struct context *x, const struct channel *ch,
	const struct arch_info *arch)
{
	_cleanup_free_ char *dir = path_join(x->cache, "index-kernels"), *path = NULL, *text = NULL;
	char hex[HASH_HEX_MAX];
	struct repo_set s;

	*k = (struct index_kernels){0};
	if (repos_at_hand(&s, x, ch, arch, NULL) < 0)
		return;
	hash_hex(&s.id, hex);
	path = path_join(dir, hex);
	if (load(k, path)) {
		fs_note_use(path);
	} else {
		text = print(&s);
		take_text(k, text);
		if (s.urls.n)
			save(dir, path, text);
	}
	repos_close(&s);
}

const struct index_kernel *index_kernel(const struct index_kernels *k, const char *name)
{
	for (size_t i = 0; i < k->n; i++)
		if (streq(k->v[i].name, name))
			return &k->v[i];
	return NULL;
}

char *index_kernel_release(
	const struct index_kernel *k, const struct context *x, const char *flavor)
{
	_cleanup_free_ char *dir = path_join(x->cache, "kernels");
	struct kernel_facts f;
	char *release;

	if (kernel_facts_cached(&f, &k->identity, flavor, dir) < 0)
		return NULL;
	release = steal_ptr(f.release);
	kernel_facts_free(&f);
	return release;
}

void index_kernels_free(struct index_kernels *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i].name);
		free(k->v[i].version);
	}
	free(k->v);
	*k = (struct index_kernels){0};
}
