// SPDX-License-Identifier: GPL-3.0-or-later
/* The plan folder: written by whoever submits, read by workers and by whoever merges. */
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/engine.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/json.h"

#define FORMAT 2
#define PLAN_MAX (512U << 20)

/* ---- writing ---- */

/* Others begin in other folders. What is neither a path from the top nor a reference is from here.
 */
static char *from_anywhere(const char *section, const char *key, const char *value)
{
	_cleanup_strvec_ struct strvec words = {0}, out = {0};

	if (!streq(section, "paths"))
		return xstrdup(value);
	/* one path may have blanks in it; a list is divided by them */
	if (streq(key, "profiles"))
		strvec_split(&words, value, " \t\n");
	else if (*value)
		strvec_add(&words, value);
	for (size_t i = 0; i < words.n; i++)
		strvec_take(&out, strchr("/{~", *words.v[i]) ? xstrdup(words.v[i])
							     : farm_absolute(words.v[i]));
	return strvec_join(&out, " ");
}

static void add_setting(void *ctx, const char *section, const char *key, const char *value)
{
	struct json_object *o = json_object_new_object();
	_cleanup_free_ char *absolute = from_anywhere(section, key, value);

	json_add_text(o, "section", section);
	json_add_text(o, "key", key);
	json_add_text(o, "value", absolute);
	json_object_array_add(ctx, o);
}

/* What a cell is called until its hash is known. */
static void open_id(const struct matrix *m, const struct matrix_cell *c, char id[HASH_HEX_MAX])
{
	const struct matrix_device *d = &m->devices[c->device];
	_cleanup_free_ char *headers = farm_headers_name(d);
	_cleanup_free_ char *text = xasprintf("open\n%s\n%s\n%s\n%s\n", headers ? headers : "",
		d->device, d->choice ? d->choice : "", m->modules[c->module].asked);
	struct hash h;

	hash_buf(HASH_SHA256, text, strlen(text), &h);
	hash_hex(&h, id);
}

static void add_flag(struct json_object *o, const char *key, bool set)
{
	if (set)
		json_object_object_add(o, key, json_object_new_boolean(true));
}

static struct json_object *cell_json(
	const struct matrix *m, const struct matrix_cell *c, const char *id)
{
	const struct matrix_device *d = &m->devices[c->device];
	_cleanup_free_ char *headers = farm_headers_name(d);
	struct json_object *o = json_object_new_object();

	json_add_text(o, "cell", id);
	json_add_text(o, "device", d->device);
	json_add_text(o, "kernel", d->choice);
	json_add_text(o, "headers", headers);
	json_add_text(o, "module", m->modules[c->module].asked);
	json_add_text(o, "plan", c->plan);
	add_flag(o, "open", !c->hash);
	return o;
}

static bool for_others(const struct matrix_cell *c)
{
	return c->state == CELL_WAITING && !c->here && (!c->hash || c->plan);
}

/*
 * Of which kernels all cells are one worker's: it makes their headers once, and has what others
 * depend on.
 */
static bool *kernels_together(const struct matrix *m)
{
	bool *together = xcalloc(m->n_cells + 1, sizeof(*together));

	for (size_t i = 0; i < m->n_cells; i++) {
		const struct matrix_cell *c = &m->cells[i];

		if (for_others(c) && c->kernel < m->n_cells &&
			(!c->hash || m->modules[c->module].depends.n))
			together[c->kernel] = true;
	}
	return together;
}

/*
 * As words of `matrix`, a line each: as they are called from any folder, and what patterns and
 * files mean may change.
 */
static void add_names(struct json_object *o, const struct matrix *m)
{
	_cleanup_strbuf_ struct strbuf d = {0}, k = {0};

	for (size_t i = 0; i < m->n_devices; i++)
		strbuf_addf(&d, "%s\n", m->devices[i].name);
	for (size_t i = 0; i < m->n_modules; i++)
		strbuf_addf(&k, "%s\n", m->modules[i].asked);
	json_add_text(o, "devices", d.s);
	json_add_text(o, "modules", k.s);
}

/* All that others can build, in the order it is best done; their hashes, a line each. */
static void add_cells(const struct matrix *m, const struct context *x, struct json_object *cells,
	struct strbuf *hashes, struct farm_size *size)
{
	bool *together = kernels_together(m);
	const struct matrix_cell *before = NULL;
	struct cell_order order;

	*size = (struct farm_size){0};
	cell_order_make(&order, m, 0);
	for (size_t i = 0; i < order.n; i++) {
		const struct matrix_cell *c = &m->cells[order.v[i]];
		bool joined = c->kernel < m->n_cells && together[c->kernel];
		struct json_object *o;
		char id[HASH_HEX_MAX];

		if (!for_others(c))
			continue;
		open_id(m, c, id);
		o = cell_json(m, c, c->hash ? c->hash : id);
		add_flag(o, "again", c->again || x->rebuild);
		add_flag(o, "together", joined);
		json_object_array_add(cells, o);
		strbuf_addf(hashes, "%s\n", c->hash ? c->hash : id);
		size->cells++;
		size->parts += !(joined && before && before->kernel == c->kernel);
		before = c;
	}
	cell_order_free(&order);
	free(together);
}

static int write_plan(const struct matrix *m, struct context *x, bool only_failed, const char *dir,
	struct farm_size *size, struct err *e)
{
	struct json_object *o = json_object_new_object(), *cells = json_object_new_array(),
			   *settings = json_object_new_array();
	_cleanup_free_ char *plan = path_join(dir, "plan.json"), *list = path_join(dir, "cells");
	_cleanup_free_ char *text = NULL;
	_cleanup_strbuf_ struct strbuf hashes = {0};
	int r;

	add_cells(m, x, cells, &hashes, size);
	config_each(x->config, add_setting, settings);
	json_object_object_add(o, "format", json_object_new_int(FORMAT));
	json_add_text(o, "pmkmod", PMKMOD_VERSION);
	add_names(o, m);
	json_object_object_add(o, "force", json_object_new_boolean(x->force));
	json_object_object_add(o, "only_failed", json_object_new_boolean(only_failed));
	json_object_object_add(o, "settings", settings);
	json_object_object_add(o, "cells", cells);
	text = json_print(o);
	r = fs_write_atomic(list, hashes.s ? hashes.s : "", hashes.len, 0644, e);
	/* the last file: what has one is whole */
	return r < 0 ? r : fs_write_atomic(plan, text, strlen(text), 0644, e);
}

/* Only what pmkmod reads: the folders may lie in a home. */
static int copy_profiles(struct context *x, const char *dir, struct err *e)
{
	static const char *const kinds[] = {"devices", "modules"};
	_cleanup_strvec_ struct strvec folders = {0};
	int r = 0;

	config_list(x->config, "paths", "profiles", &folders);
	for (size_t i = 0; r == 0 && i < folders.n; i++) {
		_cleanup_free_ char *to = xasprintf("%s/profiles/%zu", dir, i);

		r = fs_mkdirs(to, 0755, e);
		for (size_t k = 0; r == 0 && k < ARRAY_SIZE(kinds); k++) {
			_cleanup_free_ char *from = path_join(folders.v[i], kinds[k]);
			_cleanup_free_ char *at = path_join(to, kinds[k]);

			if (fs_is_dir(from))
				r = fs_copy_tree(from, at, NULL, e);
		}
	}
	return r;
}

int farm_plan_write(const struct matrix *m, struct context *x, bool only_failed, const char *dir,
	struct farm_size *size, struct err *e)
{
	static const char *const folders[] = {"results", "moved", "trouble", "logs"};
	int r = fs_check_new_folder(dir, e);

	if (r < 0) {
		if (e)
			e->exit_code = EXIT_USAGE;
		return err_prefix(e, "--shared names the folder for a plan and its results");
	}
	r = fs_mkdirs(dir, 0755, e);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++) {
		_cleanup_free_ char *path = path_join(dir, folders[i]);

		r = fs_mkdirs(path, 0755, e);
	}
	if (r == 0)
		r = copy_profiles(x, dir, e);
	if (r == 0)
		r = farm_seed_write(m, x, dir, e);
	if (r == 0)
		r = write_plan(m, x, only_failed, dir, size, e);
	return r < 0 ? r : farm_plan_remember(x, dir, e);
}

/* ---- reading ---- */

static char *text_of(struct json_object *o, const char *key)
{
	return xstrdup(json_get_text(o, key));
}

static bool flag_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) && json_object_get_boolean(v);
}

static int damaged(const char *path, struct err *e)
{
	return err_exit(e, EXIT_USAGE, -EBADMSG,
		"'%s' is no plan of `pmkmod matrix --shared`, or it is damaged", path);
}

static bool is_hash(const char *s)
{
	return s && strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static bool take_cell(struct farm_cell *c, struct json_object *o)
{
	*c = (struct farm_cell){.hash = text_of(o, "cell"),
		.device = text_of(o, "device"),
		.choice = text_of(o, "kernel"),
		.headers = text_of(o, "headers"),
		.module = text_of(o, "module"),
		.text = text_of(o, "plan"),
		.open = flag_of(o, "open"),
		.together = flag_of(o, "together"),
		.again = flag_of(o, "again")};
	return is_hash(c->hash) && c->device && c->headers && c->module && (c->text || c->open);
}

static bool take_setting(struct farm_setting *s, struct json_object *o)
{
	*s = (struct farm_setting){.section = text_of(o, "section"),
		.key = text_of(o, "key"),
		.value = text_of(o, "value")};
	return s->section && s->key && s->value;
}

static bool take_all(struct farm_plan *p, struct json_object *o)
{
	struct json_object *cells, *settings;
	bool ok = json_object_object_get_ex(o, "cells", &cells) &&
		  json_object_is_type(cells, json_type_array) &&
		  json_object_object_get_ex(o, "settings", &settings) &&
		  json_object_is_type(settings, json_type_array);
	size_t n_cells = ok ? json_object_array_length(cells) : 0;
	size_t n_settings = ok ? json_object_array_length(settings) : 0;

	p->devices = text_of(o, "devices");
	p->modules = text_of(o, "modules");
	p->force = flag_of(o, "force");
	p->only_failed = flag_of(o, "only_failed");
	p->cells = xcalloc(n_cells + 1, sizeof(*p->cells));
	p->settings = xcalloc(n_settings + 1, sizeof(*p->settings));
	for (; ok && p->n < n_cells; p->n++)
		ok = take_cell(&p->cells[p->n], json_object_array_get_idx(cells, p->n));
	for (; ok && p->n_settings < n_settings; p->n_settings++)
		ok = take_setting(&p->settings[p->n_settings],
			json_object_array_get_idx(settings, p->n_settings));
	if (ok)
		farm_plan_index(p);
	return ok && p->devices && p->modules;
}

static int check_version(struct json_object *o, const char *path, struct err *e)
{
	struct json_object *format;
	_cleanup_free_ char *version = text_of(o, "pmkmod");
	int n = json_object_object_get_ex(o, "format", &format) ? json_object_get_int(format) : 0;

	if (!version || !n)
		return damaged(path, e);
	if (n == FORMAT && streq(version, PMKMOD_VERSION))
		return 0;
	err_exit(e, EXIT_USAGE, -EPROTO,
		"'%s' was made by pmkmod %s (format %d), and this is pmkmod %s (format %d): what they "
		"build may differ",
		path, version, n, PMKMOD_VERSION, FORMAT);
	return err_hint(e, "use the same version on all machines, or submit anew with this one");
}

int farm_plan_parse(
	struct farm_plan *p, const char *shown, const char *text, size_t len, struct err *e)
{
	struct json_object *o = strlen(text) == len ? json_tokener_parse(text) : NULL;
	int r;

	*p = (struct farm_plan){0};
	r = o && json_object_is_type(o, json_type_object) ? check_version(o, shown, e)
							  : damaged(shown, e);
	if (r == 0 && !take_all(p, o))
		r = damaged(shown, e);
	json_object_put(o);
	if (r < 0)
		farm_plan_free(p);
	return r;
}

int farm_plan_read(struct farm_plan *p, const char *dir, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, "plan.json"), *text = NULL;
	size_t len;
	int r = fs_read_regular(path, PLAN_MAX, &text, &len, e);

	*p = (struct farm_plan){0};
	if (r < 0) {
		if (e)
			e->exit_code = EXIT_USAGE;
		return err_hint(e, "--plan names the folder that --shared named when it was made");
	}
	r = farm_plan_parse(p, path, text, len, e);
	if (r < 0)
		return r;
	hash_buf(HASH_SHA256, text, len, &p->sum);
	p->dir = farm_absolute(dir);
	return 0;
}

char *farm_absolute(const char *dir)
{
	const char *pwd = getenv("PWD");
	_cleanup_free_ char *here = NULL;
	struct stat a, b;

	if (*dir == '/')
		return xstrdup(dir);
	/* the way the user came here */
	if (pwd && *pwd == '/' && stat(pwd, &a) == 0 && stat(".", &b) == 0 &&
		a.st_ino == b.st_ino && a.st_dev == b.st_dev)
		return path_join(pwd, dir);
	here = realpath(".", NULL);
	return here ? path_join(here, dir) : xstrdup(dir);
}

void farm_plan_free(struct farm_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct farm_cell *c = &p->cells[i];
		char *const texts[] = {
			c->hash, c->device, c->choice, c->headers, c->module, c->text};

		for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
			free(texts[k]);
	}
	for (size_t i = 0; i < p->n_settings; i++) {
		free(p->settings[i].section);
		free(p->settings[i].key);
		free(p->settings[i].value);
	}
	free(p->cells);
	free(p->by_hash);
	free(p->by_place);
	free(p->settings);
	free(p->dir);
	free(p->devices);
	free(p->modules);
	*p = (struct farm_plan){0};
}

/* ---- the configuration ---- */

/*
 * A worker's own folders: on the machine itself, since many small files are read there. The usual
 * place is one that everybody can make folders in, so it must be ours.
 */
static int worker_folder(struct config *c, char **dir, struct err *e)
{
	const char *named = config_get(c, "matrix", "worker");
	struct stat st;

	*dir = named ? xstrdup(named) : xasprintf("/var/tmp/pmkmod-worker-%u", geteuid());
	if (**dir != '/')
		return err_exit(e, EXIT_USAGE, -EINVAL, "matrix.worker is not an absolute path");
	if (mkdir(*dir, 0700) == 0 || errno == ENOENT)
		return 0;
	if (errno != EEXIST)
		return err_errno(e, -errno, "cannot make the worker's folder '%s'", *dir);
	if (lstat(*dir, &st) < 0)
		return err_errno(e, -errno, "cannot look at '%s'", *dir);
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022))
		return 0;
	err_exit(e, EXIT_USAGE, -EPERM,
		"the worker's folder '%s' is another user's, or others may write to it", *dir);
	return err_hint(e, "-o matrix.worker=DIR names another one");
}

static int use_own_folders(struct config *c, struct err *e)
{
	_cleanup_free_ char *dir = NULL, *state = NULL, *cache = NULL;
	int r = worker_folder(c, &dir, e);

	if (r < 0)
		return r;
	state = path_join(dir, "state");
	cache = path_join(dir, "cache");
	config_set(c, "paths", "state", state);
	config_set(c, "paths", "cache", cache);
	/* nothing is to be put anywhere but into the plan's folder */
	config_set(c, "publish", "pmbootstrap", "no");
	return 0;
}

static void use_copied_profiles(struct config *c, const struct farm_plan *p)
{
	_cleanup_strvec_ struct strvec before = {0};
	_cleanup_strbuf_ struct strbuf b = {0};

	config_list(c, "paths", "profiles", &before);
	/* a reference, since a blank in the path would split the list */
	config_set(c, "farm", "plan", p->dir);
	for (size_t i = 0; i < before.n; i++)
		strbuf_addf(&b, "{farm.plan}/profiles/%zu ", i);
	config_set(c, "paths", "profiles", b.s ? b.s : "");
}

int farm_plan_config(const struct farm_plan *p, bool worker, const struct strvec *settings,
	struct config **out, struct err *e)
{
	/* what each machine says itself */
	static const char *const own[] = {"qemu", "jobs"};
	struct config *c;
	int r = config_load_builtin(&c, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < p->n_settings; i++) {
		const struct farm_setting *s = &p->settings[i];
		bool of_machine = false;

		for (size_t k = 0; worker && k < ARRAY_SIZE(own); k++)
			of_machine = of_machine || streq(s->key, own[k]);
		if (!of_machine)
			config_set(c, s->section, s->key, s->value);
	}
	if (worker)
		use_copied_profiles(c, p);
	r = config_apply(c, settings, e);
	if (r == 0 && worker)
		r = use_own_folders(c, e);
	if (r < 0)
		config_free(c);
	else
		*out = c;
	return r;
}
