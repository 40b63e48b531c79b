// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/plan.h"

#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/native_helpers.h"
#include "pmkmod/build/source.h"
#include "pmkmod/util/exit_codes.h"

char *plan_packages_dir(const struct context *x)
{
	return path_join(x->state, "packages");
}

char *plan_keys_dir(const struct context *x)
{
	return path_join(x->state, "keys");
}

static const char *compiler_of(const struct plan *p)
{
	return headers_compiler(&p->device.origin, &p->made);
}

/* postmarketOS' older compilers stand beside the current one: gcc6-aarch64-alpine-linux-musl-gcc */
static bool is_older_gcc(const char *compiler)
{
	return starts_with(compiler, "gcc") && compiler[3];
}

static void set_cross(struct plan *p, const char *prefix)
{
	const char *compiler = compiler_of(p);

	free(p->cross);
	p->cross = is_older_gcc(compiler) ? xasprintf("%s-%s", compiler, prefix) : xstrdup(prefix);
}

static int choose_emulation(struct plan *p, struct err *e)
{
	const struct arch_info *arch = p->device.arch;
	const char *prefix;

	free(p->cross);
	p->cross = xstrdup("");
	p->emulate = p->x->emulate;
	if (arch_runs_natively(arch))
		p->emulate = EMULATE_NONE;
	if (p->emulate != EMULATE_TOOLS)
		return 0;
	if (p->x->native_host) {
		_cleanup_free_ char *key = xasprintf("host_cross_%s", arch->alpine);

		prefix = config_get(p->x->config, "toolchain", key);
	} else {
		prefix = channel_cross_prefix(&p->device.channel, arch);
	}
	if (prefix) {
		set_cross(p, prefix);
		return 0;
	}
	if (p->x->native_host) {
		return err_exit(e, EXIT_USAGE, -EINVAL,
			"toolchain.host_cross_%s does not name the prefix of this "
			"machine's cross compiler",
			arch->alpine);
	}
	p->emulate = EMULATE_FULL;
	progress_note(&p->x->progress,
		"channel %s names no cross compiler for %s: building fully emulated",
		p->device.channel.name, arch->alpine);
	return 0;
}

/* What the device's profile and the module's recipe want beside the channel's tools. */
static void more_packages(const struct plan *p, struct strvec *out)
{
	const struct device *d = &p->device;

	for (size_t i = 0; i < d->packages.n; i++)
		channel_add_package(d->packages.v[i], d->arch, out);
	for (size_t i = 0; i < p->module.packages.n; i++)
		channel_add_package(p->module.packages.v[i], d->arch, out);
	for (size_t i = 0; !p->no_module && i < p->x->more_packages.n; i++)
		channel_add_package(p->x->more_packages.v[i], d->arch, out);
}

static int resolve_packages(struct plan *p, struct err *e)
{
	const struct device *d = &p->device;
	bool with_made = p->made.dev.name != NULL;
	_cleanup_free_ char *packages = plan_packages_dir(p->x), *keys = plan_keys_dir(p->x);
	_cleanup_free_ char *folder = path_join(packages, d->channel.name);
	_cleanup_free_ char *id = with_made ? apk_identity_text(&p->made.dev.identity) : NULL;
	struct own_repo own = {.packages = folder, .keys = keys, .id = id};
	_cleanup_strvec_ struct strvec build = {0};
	struct target_question q = {.device = d,
		.source_package = !p->no_module && p->module.kind == SOURCE_PACKAGE
					  ? p->module.location
					  : NULL,
		.build = p->emulate != EMULATE_TOOLS ? &build : NULL,
		.made_dev = with_made ? &p->made.dev : NULL,
		.made_scripts = &p->made.scripts};
	int r = repos_open(
		&p->target_repos, p->x, &d->channel, d->arch, with_made ? &own : NULL, e);

	strvec_add_all(&build, &d->channel.build);
	if (starts_with(compiler_of(p), "clang"))
		channel_more_packages(&d->channel, "clang", d->arch, &build);
	else if (is_older_gcc(compiler_of(p)))
		strvec_add(&build, compiler_of(p));
	more_packages(p, &build);
	if (p->module.overlays.n)
		channel_more_packages(&d->channel, "overlays", d->arch, &build);
	if (r == 0)
		r = resolve_target(&p->target, &p->target_repos, p->x, &q, e);
	if (r < 0)
		return r;
	pinned_set_id(&p->target.toolchain, d->arch, d->channel.usr_merge, NULL, p->toolchain_id);
	pinned_set_id(
		&p->target.headers, d->arch, d->channel.usr_merge, p->toolchain_id, p->kernel_id);
	return 0;
}

void plan_native_world(const struct plan *p, const char *compiler, struct strvec *world)
{
	const struct channel *ch = &p->device.channel;

	channel_native_packages(ch, p->device.arch, world);
	if (starts_with(compiler, "clang"))
		channel_more_packages(ch, "clang", p->device.arch, world);
	else if (is_older_gcc(compiler) && p->device.arch == arch_native())
		strvec_add(world, compiler);
	else if (is_older_gcc(compiler))
		strvec_addf(world, "%s-%s", compiler, p->device.arch->alpine);
	more_packages(p, world);
}

static int resolve_native(struct plan *p, struct err *e)
{
	const struct channel *ch = &p->device.channel;
	_cleanup_strvec_ struct strvec world = {0};
	int r;

	if (p->emulate != EMULATE_TOOLS || p->x->native_host)
		return 0;
	plan_native_world(p, compiler_of(p), &world);
	if (p->module.overlays.n)
		channel_more_packages(ch, "overlays", p->device.arch, &world);
	r = repos_open(&p->native_repos, p->x, ch, arch_native(), NULL, e);
	if (r == 0)
		r = resolve_root(&p->native, &p->native_repos, p->x, &world, e);
	if (r < 0) {
		err_prefix(e, "native tools for %s", arch_native()->alpine);
		return err_hint(
			e, "`--emulate full` or `-o toolchain.native=host` does without them");
	}
	pinned_set_id(&p->native, arch_native(), ch->usr_merge, NULL, p->native_id);
	return 0;
}

/* Absolute path of a program on PATH, NULL if there is none; caller frees. */
static char *on_path(const char *name)
{
	_cleanup_strvec_ struct strvec dirs = {0};
	const char *path = getenv("PATH");

	strvec_split(&dirs, path ? path : "/usr/bin:/bin", ":");
	for (size_t i = 0; i < dirs.n; i++) {
		char *full = path_join(dirs.v[i], name);

		if (access(full, X_OK) == 0)
			return full;
		free(full);
	}
	return NULL;
}

/*
 * The host's compiler has no package hash of ours: its file's size and time stand for it, since
 * asking for its version would start a process.
 */
static int describe_host(struct plan *p, struct err *e)
{
	_cleanup_free_ char *name = xasprintf("%sgcc", p->cross);
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (p->emulate != EMULATE_TOOLS || !p->x->native_host)
		return 0;
	path = on_path(name);
	if (path && stat(path, &st) == 0) {
		p->host = xasprintf(
			"host %s %lld %lld", path, (long long)st.st_size, (long long)st.st_mtime);
		return 0;
	}
	err_exit(e, EXIT_SANDBOX, -ENOENT,
		"toolchain.native is host, but this machine has no %s on PATH", name);
	return err_hint(e,
		"on Debian: apt-get install gcc-%.*s make; or leave toolchain.native at layer",
		(int)(strlen(p->cross) - 1), p->cross);
}

static int resolve_all(struct plan *p, struct err *e)
{
	int r = choose_emulation(p, e);

	if (r == 0)
		r = resolve_packages(p, e);
	if (r == 0)
		r = resolve_native(p, e);
	if (r == 0)
		r = native_helpers_resolve(p, e);
	return r < 0 ? r : describe_host(p, e);
}

static void forget_resolved(struct plan *p)
{
	repos_close(&p->target_repos);
	repos_close(&p->native_repos);
	resolution_free(&p->target);
	p->target = (struct resolution){0};
	pinned_set_free(&p->native);
	p->native = (struct pinned_set){0};
	pinned_set_free(&p->helpers);
	p->helpers = (struct pinned_set){0};
	free(p->host);
	p->host = NULL;
}

/* Made headers are used for the kernel they are for, and if the porter names no other origin. */
static void load_made(struct plan *p)
{
	const struct kernel_origin *o = &p->device.origin;
	_cleanup_free_ char *now = headers_origin_given(o) ? headers_origin_hash(o) : NULL;

	made_headers_load(&p->made, p->x, &p->device);
	/* what pmaports has of source is no better than what the repositories have of headers */
	if (p->made.dev.name && now && !streq(now, p->made.origin) &&
		!(o->implied && made_headers_are_repaired(&p->made)))
		made_headers_free(&p->made);
}

static bool made_fits(const struct plan *p)
{
	return p->made.dev.name && hash_eq(&p->made.kernel, &p->target.kernel.identity);
}

static int make_headers_now(struct plan *p, struct err *e)
{
	int r;

	/* what was chosen without them is of no use, but the indexes are */
	if (!p->target_repos.arch) {
		r = repos_open(&p->target_repos, p->x, &p->device.channel, p->device.arch, NULL, e);
		if (r < 0)
			return r;
	}
	r = made_headers_make(p, e);
	forget_resolved(p);
	made_headers_free(&p->made);
	if (r < 0)
		return r;
	p->x->remake_headers = false;
	load_made(p);
	return resolve_all(p, e);
}

static int resolve_with_headers(struct plan *p, struct err *e)
{
	const struct kernel_origin *o = &p->device.origin;
	bool given = headers_origin_given(o), wanted;
	/* the aport that pmaports has is for kernels without a headers package */
	bool named = given && !o->implied;
	int r;

	if (!p->x->remake_headers)
		load_made(p);
	r = resolve_all(p, e);
	if (r == 0 && made_headers_are_repaired(&p->made) && !made_fits(p)) {
		/* the repositories have those of this kernel, too */
		forget_resolved(p);
		made_headers_free(&p->made);
		r = resolve_all(p, e);
	}
	wanted = r == 0 ? (p->made.dev.name ? !made_fits(p) : named)
			: e && e->exit_code == EXIT_NO_HEADERS;
	if (!wanted || !given)
		return r;
	if (!p->x->make_headers) {
		p->headers_todo = headers_provider(&p->device);
		err_clear(e);
		return 0;
	}
	err_clear(e);
	return make_headers_now(p, e);
}

/* Whether another key helps is a matter of preflight, which knows more of it. */
static bool excluded(const struct plan *p)
{
	const struct device *d = &p->device;
	const struct kernel_origin *o = &d->origin;

	/* the porter's own configuration or kernel is not what pmaports says */
	if (!d->judged || o->kdir || o->config || o->image)
		return false;
	switch (d->verdict) {
	case VERDICT_SIGNED:
		return d->firmware_decides || !p->sign_key;
	case VERDICT_NO_MODULES:
	case VERDICT_ARCH:
		return true;
	default:
		return false;
	}
}

/* What pmaports says of the kernel is known before anything is fetched or made. */
static int look_at_verdict(const struct plan *p, struct err *e)
{
	const struct device *d = &p->device;

	if (p->no_module || !excluded(p))
		return 0;
	if (p->x->force) {
		progress_note(&p->x->progress, "going on because of --force: %s", d->why);
		return 0;
	}
	err_set(e, -ENOTSUP, "%s cannot take this module (verdict: %s)\n%s", d->kernel,
		verdict_names[d->verdict], d->why);
	err_hint(e, "%s\nnothing was built; --force goes on all the same", d->remedy);
	if (e)
		e->exit_code = EXIT_EXCLUDED;
	return -ENOTSUP;
}

int plan_root(struct plan *p, struct err *e)
{
	int r = plan_sign_key(p, e);

	if (r == 0)
		r = look_at_verdict(p, e);
	return r < 0 ? r : resolve_with_headers(p, e);
}

int plan_make(
	struct plan *p, struct context *x, const char *device, const char *module, struct err *e)
{
	int r;

	*p = (struct plan){.x = x, .no_module = !module};
	r = device_load(&p->device, x->config, device, e);
	for (size_t i = 0; r == 0 && i < p->device.notes.n; i++)
		progress_note(&x->progress, "%s", p->device.notes.v[i]);
	if (r == 0 && module)
		r = module_load(&p->module, x->config, module, e);
	p->module.autoload = p->module.autoload || p->device.autoload;
	for (size_t i = 0; r == 0 && i < p->module.depends.n; i++)
		companion_find(&p->companions, x, device, p->module.depends.v[i]);
	if (r == 0)
		r = plan_root(p, e);
	if (r == 0 && module && !p->headers_todo)
		r = source_describe(p, e);
	if (r < 0) {
		plan_free(p);
		return r;
	}
	if (!p->headers_todo)
		plan_finish(p);
	return 0;
}

void plan_free(struct plan *p)
{
	device_free(&p->device);
	module_free(&p->module);
	repos_close(&p->target_repos);
	repos_close(&p->native_repos);
	resolution_free(&p->target);
	pinned_set_free(&p->native);
	pinned_set_free(&p->helpers);
	free(p->source);
	strvec_free(&p->patches);
	free(p->version);
	free(p->text);
	free(p->key);
	free(p->host);
	free(p->cross);
	free(p->headers_todo);
	made_headers_free(&p->made);
	companions_free(&p->companions);
	strvec_free(&p->asks_for);
	sign_key_free(p->sign_key);
	*p = (struct plan){0};
}
