// SPDX-License-Identifier: GPL-3.0-or-later
/* Modules and packages held against a kernel, as if all of them were loaded. */
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "chroot/base/heap.h"
#include "pmkmod/build/known_kernel.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/export/inspect.h"
#include "pmkmod/fit/check_package.h"
#include "pmkmod/image/package.h"
#include "pmkmod/kernel/name_index.h"
#include "pmkmod/phone/phone.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/json.h"

#define PACKAGE_KO_MAX 4096 /* modules in one package */

/* One argument: a module, or a package with modules in it. */
struct unit {
	const char *shown;
	dev_t device;
	ino_t inode;
	bool package;
	struct inspection head; /* of a package */
	struct strvec paths; /* host paths of its modules */
	size_t round; /* those of one round would be loaded beside each other */
	struct fit_report report;
};

struct checking {
	struct context *x;
	const struct options *o;
	struct known_kernel kernel;
	struct work work;
	bool work_open;
	struct apk_keys *keys; /* that are known; read when a package is given */
	struct unit *units;
	size_t n;
};

/* ---- packages are unpacked, their modules alone ---- */

struct unpacking {
	struct unit *u;
	const char *dir;
	int fd; /* the module that is being written, -1: none */
};

static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	struct unpacking *t = ctx;
	_cleanup_free_ char *dir = NULL;
	char *path;
	int r;

	if (en->type != APK_FILE || !ko_stem(en->name))
		return 0;
	if (t->u->paths.n == PACKAGE_KO_MAX)
		return err_set(
			e, -EFBIG, "'%s' has more than %d modules", t->u->shown, PACKAGE_KO_MAX);
	/* two may have one name */
	dir = xasprintf("%s/%zu", t->dir, t->u->paths.n);
	r = fs_mkdirs(dir, 0700, e);
	if (r < 0)
		return r;
	path = path_join(dir, path_base(en->name));
	strvec_take(&t->u->paths, path);
	t->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return t->fd < 0 ? err_errno(e, -errno, "cannot write '%s'", path) : 0;
}

static int on_data(void *ctx, const void *p, size_t n, struct err *e)
{
	struct unpacking *t = ctx;
	int r = t->fd < 0 ? 0 : fs_write_all(t->fd, p, n);

	return r < 0 ? err_errno(e, r, "cannot unpack a module of '%s'", t->u->shown) : 0;
}

static int on_end(void *ctx, struct err *e)
{
	struct unpacking *t = ctx;

	(void)e;
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	return 0;
}

/* Damaged; the sentence may have said what to do. */
static int damaged(const struct unit *u, int r, struct err *e)
{
	if (r == -EBADMSG && e && !strstr(e->text, "again"))
		return err_hint(e, "if '%s' is a package of Alpine's apk, copy or build it again",
			u->shown);
	return r;
}

static int unpack(struct checking *c, struct unit *u, size_t number, struct err *e)
{
	static const struct apk_reader_ops ops = {
		.entry = on_entry, .data = on_data, .end = on_end};
	_cleanup_free_ char *dir = NULL;
	_cleanup_close_ int fd = open(u->shown, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct unpacking t = {.u = u, .fd = -1};
	int r = 0;

	if (fd < 0)
		return err_exit(e, EXIT_USAGE, -errno, "cannot open the package '%s': %s", u->shown,
			strerror(errno));
	if (!c->work_open) {
		r = work_open(&c->work, c->x, "check", e);
		c->work_open = r == 0;
	}
	if (r == 0 && !c->keys)
		r = known_keys(c->x, &c->keys, e);
	if (r == 0)
		r = inspect_head(&u->head, u->shown, c->keys, e);
	if (r < 0)
		return damaged(u, r, e);
	if (u->head.altered) {
		err_exit(e, EXIT_UNTRUSTED, -EKEYREJECTED,
			"'%s' was altered or damaged after it was signed, so that apk will not take it: "
			"%s",
			u->shown, u->head.untrusted);
		return damaged(u, -EBADMSG, e);
	}
	dir = xasprintf("%s/%zu", c->work.dir, number);
	t.dir = dir;
	r = apk_read(fd, u->shown, NULL, NULL, NULL, &ops, &t, e);
	if (t.fd >= 0)
		close(t.fd);
	return damaged(u, r, e);
}

/* ---- what is given ---- */

/* A pipe would be waited for, and a device may have no end. */
static int check_kind(const struct unit *u, const struct stat *st, struct err *e)
{
	if (S_ISREG(st->st_mode))
		return 0;
	if (S_ISDIR(st->st_mode))
		return usage_error(e,
			"'%s' is a folder: give the .ko and .apk files that are in it", u->shown);
	return usage_error(e,
		"'%s' is no regular file but a pipe, socket or device: write what comes from it into "
		"a file, and give that",
		u->shown);
}

/* What is it? A module stays one under any name. */
static int look_at(struct unit *u, struct err *e)
{
	_cleanup_close_ int fd = open(u->shown, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char magic[SELFMAG] = {0};
	struct stat st;
	int r = 0;

	/* a socket cannot be opened, and says so by ENXIO */
	if (fd < 0 && errno == ENXIO && stat(u->shown, &st) == 0)
		return check_kind(u, &st, e);
	if (fd < 0)
		return err_exit(
			e, EXIT_USAGE, -errno, "cannot open '%s': %s", u->shown, strerror(errno));
	if (fstat(fd, &st) < 0)
		return err_errno(e, -errno, "cannot look at '%s'", u->shown);
	r = check_kind(u, &st, e);
	if (r < 0)
		return r;
	u->device = st.st_dev;
	u->inode = st.st_ino;
	u->package = ends_with(u->shown, ".apk") &&
		     (read(fd, magic, SELFMAG) != SELFMAG || memcmp(magic, ELFMAG, SELFMAG) != 0);
	return 0;
}

/* It would be judged as two modules of one name. */
static int check_twice(const struct checking *c, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (c->units[i].device == c->units[n].device &&
			c->units[i].inode == c->units[n].inode)
			return usage_error(e, "'%s' and '%s' are one file: give it once",
				c->units[i].shown, c->units[n].shown);
	return 0;
}

/* A package without modules, such as a meta package, is nothing to be said of beside others. */
static int check_any_module(const struct checking *c, struct err *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->units[i].paths.n)
			return 0;
	err_exit(e, EXIT_USAGE, -EINVAL, "there is no module in the package '%s'",
		c->units[0].shown);
	return err_hint(e, "only .ko files in the package itself count, not those in archives or "
			   "packages inside of it: unpack it, and give what is in there");
}

/* What is wrong with a file is another thing than a disk that is full. */
static int exit_code_of(int r)
{
	return r == -ENOSPC || r == -EDQUOT  ? EXIT_NO_SPACE
	       : r == -EROFS || r == -EACCES ? EXIT_GENERAL
					     : EXIT_UNTRUSTED;
}

static int read_units(struct checking *c, struct err *e)
{
	int r = 0;

	c->n = c->o->args.n - 1;
	c->units = xcalloc(c->n, sizeof(*c->units));
	for (size_t i = 0; r == 0 && i < c->n; i++) {
		struct unit *u = &c->units[i];

		u->shown = c->o->args.v[i + 1];
		r = look_at(u, e);
		if (r == 0)
			r = check_twice(c, i, e);
		if (r == 0 && u->package)
			r = unpack(c, u, i, e);
		else if (r == 0)
			strvec_add(&u->paths, u->shown);
		if (r < 0 && e && !e->exit_code)
			e->exit_code = exit_code_of(r);
	}
	return r == 0 ? check_any_module(c, e) : r;
}

static int find_kernel(struct checking *c, struct err *e)
{
	struct config *config = c->x->config;
	const char *image = config_get(config, "kernel", "image");
	const char *device = c->o->device, *dir = c->o->kernel_dir;

	if (device && dir)
		return usage_error(
			e, "--device and --kernel-dir name two kernels: one is checked against");
	if (device)
		return known_kernel_of_device(&c->kernel, c->x, device, e);
	if (dir)
		return known_kernel_of_folder(&c->kernel, c->x, dir, e);
	if (image)
		return known_kernel_of_image(&c->kernel, c->x, image, e);
	usage_error(e, "which kernel is it to be checked against?");
	return err_hint(e,
		"--device NAME (the kernel package of its channel), --kernel-dir DIR (a build folder, "
		"headers, or /lib/modules/<release>) or --image FILE (a kernel image or package)");
}

/* Of lines "module: what", those of one argument's modules. */
static void take_lines(const struct unit *u, const struct strvec *from, struct strvec *to)
{
	for (size_t i = 0; i < from->n; i++)
		for (size_t k = 0; k < u->paths.n; k++) {
			_cleanup_free_ char *name = module_name_of(u->paths.v[k]);
			size_t n = strlen(name);

			if (starts_with(from->v[i], name) && from->v[i][n] == ':')
				strvec_add(to, from->v[i]);
		}
}

/* A module of a package is in the package, not where it was unpacked to. Caller frees. */
static char *with_shown_paths(const struct checking *c, const char *text)
{
	struct strbuf b = {0};

	while (*text) {
		const char *at = c->work_open ? strstr(text, c->work.dir) : NULL;
		size_t unit, n;
		char *end = NULL;

		unit = at ? strtoul(at + strlen(c->work.dir) + 1, &end, 10) : 0;
		if (!at || unit >= c->n || *end != '/')
			break;
		/* "<work>/<unit>/<number>/<name>" */
		n = strspn(end + 1, "0123456789");
		strbuf_addf(&b, "%.*s%s:", (int)(at - text), text, c->units[unit].shown);
		text = end + 1 + n + (end[1 + n] == '/');
	}
	strbuf_adds(&b, text);
	return strbuf_steal(&b);
}

/* What was found of one argument's modules. */
static void take_points(
	const struct checking *c, struct unit *u, const struct fit_report *all, size_t first)
{
	for (size_t i = 0; i < all->n_points; i++) {
		const struct fit_point *p = &all->points[i];

		if (p->path >= first && p->path - first < u->paths.n) {
			_cleanup_free_ char *text = with_shown_paths(c, p->text);

			fit_report_add(&u->report, p->module, p->point, p->result, text);
		}
	}
	take_lines(u, &all->unresolved, &u->report.unresolved);
	take_lines(u, &all->loads, &u->report.loads);
}

/* Of packages of one name a phone has one: how many of them were given before this one. */
static size_t round_of(const struct checking *c, size_t unit)
{
	const struct unit *u = &c->units[unit];
	size_t n = 0;

	for (size_t i = 0; u->package && i < unit; i++)
		n += c->units[i].package && streq(c->units[i].head.c.pkg.name, u->head.c.pkg.name);
	return n;
}

/* *any: is there one of this round at all? */
static int check_round(struct checking *c, size_t round, bool *any, struct err *e)
{
	_cleanup_strvec_ struct strvec paths = {0};
	struct fit_report all;
	size_t first = 0;
	int r;

	*any = false;
	for (size_t i = 0; i < c->n; i++)
		if (c->units[i].round == round) {
			strvec_add_all(&paths, &c->units[i].paths);
			*any = true;
		}
	if (!*any)
		return 0;
	r = fit_check(&c->kernel.fit, &paths, &all, e);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = EXIT_USAGE;
	if (r < 0)
		return r;
	for (size_t i = 0; i < c->n; i++)
		if (c->units[i].round == round) {
			take_points(c, &c->units[i], &all, first);
			first += c->units[i].paths.n;
		}
	fit_report_free(&all);
	return 0;
}

/* All at once, for they would be loaded beside each other. */
static int check_modules(struct checking *c, struct err *e)
{
	bool any = true;
	int r = 0;

	for (size_t i = 0; i < c->n; i++)
		c->units[i].round = round_of(c, i);
	for (size_t round = 0; r == 0 && any; round++)
		r = check_round(c, round, &any, e);
	return r;
}

/* Where the kernel is a package, too. */
static void check_packages(struct checking *c)
{
	const struct known_kernel *k = &c->kernel;
	const struct apk_pkg **given = xcalloc(c->n, sizeof(*given));
	struct fit_packages f = {.kernel = k->package,
		.version = k->version,
		.arch = k->arch ? k->arch->alpine : NULL,
		.given = given};

	for (size_t i = 0; i < c->n; i++)
		if (c->units[i].package)
			given[f.n++] = &c->units[i].head.c.pkg;
	for (size_t i = 0; i < c->n; i++) {
		struct unit *u = &c->units[i];
		const char *name = u->package ? u->head.c.pkg.name : NULL;

		if (name && !u->paths.n)
			fit_report_add(&u->report, name, "package", FIT_PASS,
				"there is no module in it, which is nothing to be checked");
		else if (name && f.kernel && streq(name, f.kernel))
			fit_report_add(&u->report, name, "package", FIT_PASS,
				"it is a package of the kernel itself");
		else if (name && f.kernel && f.arch)
			fit_check_package(&f, &u->head.c.pkg, &u->report);
	}
	free(given);
}

/* ---- telling ---- */

/* What a module says of itself may be meant for the terminal. */
static char *clean(const char *text)
{
	return phone_clean(text, strlen(text));
}

static void print_unit(const struct checking *c, const struct unit *u)
{
	_cleanup_free_ char *shown = clean(u->shown);

	printf("%s: %s\n", shown, fit_verdict(&u->report));
	for (size_t i = 0; i < u->report.n_points; i++) {
		const struct fit_point *p = &u->report.points[i];
		_cleanup_free_ char *module = clean(p->module), *text = clean(p->text);

		if (p->result == FIT_PASS && c->x->progress.quiet)
			continue;
		printf("  %-7s ", fit_result_words[p->result]);
		if (u->paths.n > 1)
			printf("%s: ", module);
		printf("%-10s %s\n", p->point, text);
	}
}

static struct json_object *kernel_json(const struct known_kernel *k)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "name", k->shown);
	json_add_text(o, "arch", k->arch ? k->arch->alpine : NULL);
	json_add_text(o, "release", k->release);
	json_add_text(o, "vermagic", k->fit.vermagic);
	json_add_text(o, "config", k->config_from);
	json_add_text(o, "symvers", k->symvers_from);
	json_object_object_add(o, "notes", json_texts(&k->notes));
	return o;
}

/* One file a line. */
static void print_json(const struct checking *c)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "format", json_object_new_int(1));
	json_object_object_add(o, "kernel", kernel_json(&c->kernel));
	json_write_open(o);
	fputs(",\"files\":[", stdout);
	for (size_t i = 0; i < c->n; i++) {
		struct json_object *file = fit_report_json(&c->units[i].report);

		json_add_text(file, "file", c->units[i].shown);
		fputs(i ? ",\n" : "\n", stdout);
		json_write(file);
	}
	puts("\n]}");
}

static void tell(const struct checking *c)
{
	const struct known_kernel *k = &c->kernel;

	if (c->o->json) {
		print_json(c);
		return;
	}
	progress_note(&c->x->progress, "kernel %s%s%s: configuration %s; exports %s", k->shown,
		k->release ? ", release " : "", k->release ? k->release : "",
		k->config_from ? k->config_from : "not known",
		k->symvers_from ? k->symvers_from : "not known");
	for (size_t i = 0; i < k->notes.n; i++)
		progress_note(&c->x->progress, "%s", k->notes.v[i]);
	for (size_t i = 0; i < c->n; i++)
		print_unit(c, &c->units[i]);
}

static void checking_free(struct checking *c)
{
	for (size_t i = 0; i < c->n; i++) {
		strvec_free(&c->units[i].paths);
		fit_report_free(&c->units[i].report);
		if (c->units[i].package)
			inspection_free(&c->units[i].head);
	}
	free(c->units);
	apk_keys_free(c->keys);
	known_kernel_free(&c->kernel);
	if (c->work_open)
		work_close(&c->work);
}

/* No answer is one, too, for a program that waits for JSON. */
static void print_json_error(const struct err *e)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "format", json_object_new_int(1));
	json_add_text(o, "error", e->text);
	json_write(o);
	putchar('\n');
}

/* What is kept of a usual kernel takes that much. */
#define HEAP (14u << 20)

int cmd_check(struct context *x, const struct options *o, int *status, struct err *e)
{
	struct checking c = {.x = x, .o = o, .work = WORK_INIT};
	int r;

	heap_prepare(HEAP);
	r = find_kernel(&c, e);
	if (r == 0)
		r = read_units(&c, e);
	if (r == 0)
		r = check_modules(&c, e);
	if (r == 0) {
		check_packages(&c);
		tell(&c);
	}
	for (size_t i = 0; r == 0 && i < c.n; i++)
		if (c.units[i].report.n_fail)
			*status = EXIT_NO_FIT;
	if (r < 0 && o->json && e)
		print_json_error(e);
	checking_free(&c);
	return r;
}
