// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * One version of one source, packaged for two architectures, has the same helper programs but for
 * the machine they run on. What else goes into them is looked at: fixdep, genksyms and recordmcount
 * know no target (scripts/basic/fixdep.c, scripts/genksyms/, scripts/recordmcount.c); modpost is
 * compiled with scripts/mod/elfconfig.h and scripts/mod/devicetable-offsets.h, which are generated
 * for the kernel's architecture. A package that has them must have the same bytes as the phone's.
 */
#include "pmkmod/build/native_helpers.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/build/pinned.h"
#include "pmkmod/kernel/kernel.h"
#include "pmkmod/kernel/root_path.h"

/* Bumped whenever the rules below take other programs of the same packages. */
#define HELPERS_FORMAT 1
#define GENERATED_MAX (1u << 20)
#define REAL "modpost.real-"

static const struct {
	const char *end;
	enum helper_kind kind;
} kinds[] = {
	{"/scripts/basic/fixdep", HELPER_ANY_TARGET},
	{"/scripts/genksyms/genksyms", HELPER_ANY_TARGET},
	{"/scripts/recordmcount", HELPER_ANY_TARGET},
	{"/scripts/mod/modpost", HELPER_MODPOST},
};

enum helper_kind helper_kind(const char *path)
{
	static const char folder[] = "/scripts/mod/";
	const char *base = path_base(path);

	/* the folders that are links in a root with merged /usr stay what they are */
	if (!starts_with(path, "usr/"))
		return HELPER_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (ends_with(path, kinds[i].end))
			return kinds[i].kind;
	return starts_with(base, REAL) && (size_t)(base - path) >= sizeof(folder) - 1 &&
			       starts_with(base - (sizeof(folder) - 1), folder)
		       ? HELPER_MODPOST
		       : HELPER_NONE;
}

int helper_modpost_target(
	const char *path, const struct arch_info *arch, const struct arch_info *native)
{
	const char *name = path_base(path);
	bool alike = arch->elf_class == ELFCLASS64 && native->elf_class == ELFCLASS64 &&
		     arch->elf_data == native->elf_data;
	_cleanup_free_ char *ours =
		xasprintf(REAL "%s-64", arch->elf_data == ELFDATA2LSB ? "lsb" : "msb");

	if (!starts_with(name, REAL))
		return 0;
	return alike && streq(name, ours) ? 1 : -1;
}

/* ---- which packages ---- */

static const struct apk_pkg *find_same(
	const struct plan *p, const struct pinned *of, const char *only)
{
	const struct apk_pkg *native = repos_newest(&p->native_repos, of->name);
	const struct apk_pkg *target = repos_newest(&p->target_repos, of->name);

	if (!native || !target || !starts_with(of->name, only))
		return NULL;
	if (!streq(native->version, of->version) || !streq(target->version, of->version) ||
		!streq(native->origin ? native->origin : "", target->origin ? target->origin : ""))
		return NULL;
	/* one package for all architectures holds no program of this one */
	return hash_eq(&native->identity, &of->identity) ? NULL : native;
}

static int find_all(void *ctx, struct pinned_set *out, struct err *e)
{
	struct plan *p = ctx;
	const struct pinned_set *headers = &p->target.headers;
	/* where the programs have a package of their own, the headers need not be fetched */
	static const char *const names[] = {"kernel-scripts-", ""};
	int r = repos_parse(&p->target_repos, e);

	if (r == 0)
		r = repos_parse(&p->native_repos, e);
	for (size_t k = 0; r == 0 && !out->n && k < ARRAY_SIZE(names); k++)
		for (size_t i = 0; i < headers->n; i++) {
			const struct apk_pkg *same = find_same(p, &headers->v[i], names[k]);

			if (same)
				pinned_set_add(out, same);
		}
	return r;
}

static void make_id(struct plan *p)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	struct hash h;

	strbuf_addf(&b, "helpers %d\nkernel %s\n", HELPERS_FORMAT, p->kernel_id);
	pinned_set_print(&p->helpers, &b);
	hash_buf(HASH_SHA256, b.s, b.len, &h);
	hash_hex(&h, p->helpers_id);
}

int native_helpers_resolve(struct plan *p, struct err *e)
{
	const char *wish = config_get(p->x->config, "toolchain", "helpers");
	_cleanup_strbuf_ struct strbuf question = {0};
	char hex[HASH_HEX_MAX];
	int r;

	/* headers that pmkmod made have both machines' programs */
	if (p->emulate != EMULATE_TOOLS || !p->native.n || p->made.dev.name ||
		(wish && streq(wish, "emulated")))
		return 0;
	hash_hex(&p->target_repos.id, hex);
	strbuf_addf(&question, "helpers %s\n", hex);
	pinned_set_print(&p->target.headers, &question);
	r = resolve_by(&p->helpers, &p->native_repos, p->x, question.s, find_all, p, e);
	if (r == 0 && p->helpers.n)
		make_id(p);
	return r;
}

/* ---- the layer ---- */

/* One package being read. */
struct taking {
	const struct arch_info *arch; /* the phone's */
	const char *kernel, *dir; /* the phone's layer, and the one being made */
	char *path; /* host path of the file being taken, NULL: none is */
	int fd;
	bool generated; /* it is one of generated_headers[], and kept in `text` */
	struct strbuf text;
	struct strvec modposts; /* host paths of those whose name does not say what they are for */
	bool same_texts[2]; /* as in the table below */
};
static const char *const generated_headers[] = {
	"/scripts/mod/elfconfig.h", "/scripts/mod/devicetable-offsets.h"};

static bool is_for(const char *path, uint16_t machine)
{
	struct stat st;
	struct elf_facts f;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && elf_peek(path, &f) == 0 &&
	       f.machine == machine;
}

static bool wanted(const struct taking *t, const struct apk_entry *en)
{
	_cleanup_free_ char *theirs = path_join(t->kernel, en->name);

	return helper_kind(en->name) != HELPER_NONE && is_for(theirs, t->arch->elf_machine) &&
	       helper_modpost_target(en->name, t->arch, arch_native()) >= 0;
}

static int start_program(struct taking *t, const struct apk_entry *en, struct err *e)
{
	_cleanup_free_ char *parent = NULL;
	int r;

	t->path = path_join(t->dir, en->name);
	parent = xstrndup(t->path, (size_t)(path_base(t->path) - t->path) - 1);
	r = fs_mkdirs(parent, 0755, e);
	if (r < 0)
		return r;
	t->fd = open(t->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	return t->fd < 0 ? err_errno(e, -errno, "cannot create '%s'", t->path) : 0;
}

static int take_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct taking *t = ctx;

	if (en->type != APK_FILE)
		return 0;
	if (wanted(t, en))
		return start_program(t, en, e);
	for (size_t i = 0; i < ARRAY_SIZE(generated_headers); i++)
		if (ends_with(en->name, generated_headers[i]) && en->size <= GENERATED_MAX) {
			t->generated = true;
			t->path = path_join(t->kernel, en->name);
		}
	return 0;
}

static int take_data(void *ctx, const void *data, size_t n, struct err *e)
{
	struct taking *t = ctx;
	int r = 0;

	if (t->generated)
		strbuf_add(&t->text, data, n);
	else if (t->fd >= 0)
		r = fs_write_all(t->fd, data, n);
	return r < 0 ? err_errno(e, r, "cannot write '%s'", t->path) : 0;
}

static void end_generated(struct taking *t)
{
	_cleanup_free_ char *theirs = NULL;
	size_t len;

	if (fs_read_regular(t->path, GENERATED_MAX, &theirs, &len, NULL) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(generated_headers); i++)
		if (ends_with(t->path, generated_headers[i]))
			t->same_texts[i] = len == t->text.len &&
					   memcmp(theirs, t->text.s ? t->text.s : "", len) == 0;
}

static int take_end(void *ctx, struct err *e)
{
	struct taking *t = ctx;

	(void)e;
	if (t->generated)
		end_generated(t);
	else if (t->fd >= 0 && !is_for(t->path, arch_native()->elf_machine))
		unlink(t->path);
	else if (t->fd >= 0 && helper_kind(t->path + strlen(t->dir) + 1) == HELPER_MODPOST &&
		 helper_modpost_target(t->path, t->arch, arch_native()) == 0)
		strvec_add(&t->modposts, t->path);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->generated = false;
	strbuf_reset(&t->text);
	free(t->path);
	t->path = NULL;
	return 0;
}

/* It stays if it is proven to be for the phone's objects, or only calls one that is. */
static void judge_modposts(const struct taking *t)
{
	const struct arch_info *arch = t->arch;

	for (size_t i = 0; i < t->modposts.n; i++) {
		_cleanup_free_ char *real = xasprintf("%s.real-%s-%d", t->modposts.v[i],
			arch->elf_data == ELFDATA2LSB ? "lsb" : "msb",
			arch->elf_class == ELFCLASS64 ? 64 : 32);

		if (!fs_exists(real) && !(t->same_texts[0] && t->same_texts[1]))
			unlink(t->modposts.v[i]);
	}
}

static const struct apk_pkg *of_index(struct plan *p, const struct pinned *want, struct err *e)
{
	const struct apk_pkg *pkg = NULL;

	if (repos_parse(&p->native_repos, e) < 0)
		return NULL;
	pkg = repos_newest(&p->native_repos, want->name);
	if (pkg && hash_eq(&pkg->identity, &want->identity))
		return pkg;
	err_set(e, -ENOENT, "package %s-%s has vanished from the index", want->name, want->version);
	return NULL;
}

int native_helpers_take(const char *apk, const struct hash *identity, const struct arch_info *arch,
	const char *kernel, const char *dir, struct err *e)
{
	const struct apk_reader_ops ops = {.entry = take_entry, .data = take_data, .end = take_end};
	struct taking t = {.arch = arch, .kernel = kernel, .dir = dir, .fd = -1};
	_cleanup_close_ int fd = open(apk, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? err_errno(e, -errno, "cannot open '%s'", apk) : 0;

	if (r == 0)
		r = apk_read(fd, apk, identity, NULL, NULL, &ops, &t, e);
	if (r == 0)
		judge_modposts(&t);
	if (t.fd >= 0)
		close(t.fd);
	free(t.path);
	strbuf_free(&t.text);
	strvec_free(&t.modposts);
	return r;
}

static int take_package(struct plan *p, const struct pinned *want, const char *kernel,
	const char *dir, struct err *e)
{
	const struct apk_pkg *pkg = of_index(p, want, e);
	_cleanup_free_ char *path = pkg ? repos_cached(p->x, pkg) : NULL;

	if (!pkg)
		return e && e->code ? e->code : -ENOENT;
	if (!path)
		return err_set(e, -ENOENT, "package %s was not fetched", pkg->name);
	return native_helpers_take(path, &pkg->identity, p->device.arch, kernel, dir, e);
}

struct making {
	struct plan *p;
	const char *kernel;
};

static int make_layer(void *ctx, const char *dir, struct err *e)
{
	const struct making *m = ctx;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->p->helpers.n; i++)
		r = take_package(m->p, &m->p->helpers.v[i], m->kernel, dir, e);
	return r;
}

int native_helpers_list(struct plan *p, struct fetch_list *list, struct err *e)
{
	struct layer_store *store;
	_cleanup_free_ char *there = NULL;
	int r = p->helpers.n ? context_layers(p->x, &store, e) : 0;

	if (r < 0 || !p->helpers.n)
		return r;
	there = layer_find(store, p->helpers_id, false);
	for (size_t i = 0; !there && i < p->helpers.n; i++) {
		const struct apk_pkg *pkg = of_index(p, &p->helpers.v[i], e);

		if (!pkg)
			return e && e->code ? e->code : -ENOENT;
		fetch_list_add(list, pkg);
	}
	return 0;
}

/* Has the folder this machine's program where the phone's has its? */
static bool has_program(const char *content, const char *kernel, const char *program)
{
	_cleanup_(root_path_free) struct root_path at = {0};
	_cleanup_strvec_ struct strvec roots = {0};
	_cleanup_free_ char *inside = NULL, *ours = NULL;
	struct kernel_headers h;

	strvec_add(&roots, kernel);
	if (kernel_headers_find(&h, &roots, NULL, NULL) < 0)
		return false;
	inside = path_join(h.build_dir, program);
	kernel_headers_free(&h);
	if (root_path_resolve(&at, &roots, inside) < 0)
		return false;
	ours = path_join(content, at.inside);
	return fs_exists(ours);
}

int native_helpers_layer(
	struct plan *p, const char *kernel, char **content, bool *whole, struct err *e)
{
	_cleanup_strbuf_ struct strbuf text = {0};
	_cleanup_strvec_ struct strvec none = {0};
	struct making m = {p, kernel};
	struct layer_recipe recipe = {
		.id = p->helpers_id, .below = &none, .make = make_layer, .ctx = &m};
	_cleanup_free_ char *usr = NULL;
	struct layer_store *store;
	int r;

	*content = NULL;
	*whole = false;
	if (!p->helpers.n)
		return 0;
	r = context_layers(p->x, &store, e);
	if (r < 0)
		return r;
	pinned_set_print(&p->helpers, &text);
	recipe.description = text.s ? text.s : "";
	r = layer_get(store, &recipe, content, NULL, e);
	if (r < 0)
		return r;
	usr = path_join(*content, "usr");
	if (!fs_is_dir(usr)) {
		free(*content);
		*content = NULL;
		return 0;
	}
	*whole = has_program(*content, kernel, "scripts/basic/fixdep") &&
		 has_program(*content, kernel, "scripts/mod/modpost");
	return 0;
}
