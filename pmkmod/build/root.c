// SPDX-License-Identifier: GPL-3.0-or-later
/* The sandbox of one build, made of its layers. */
#include <dirent.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/assemble.h"
#include "pmkmod/kernel/root_path.h"
#include "pmkmod/util/command_output.h"
#include "pmkmod/util/exit_codes.h"

/* Where the phone's own libraries are in a root whose `/` is native. */
#define FOREIGN_ROOT "/target"

static const char *keep(struct build_root *b, char *path)
{
	strvec_take(&b->paths, path);
	return path;
}

static struct sandbox_mount *add_mount(struct build_root *b)
{
	b->mounts = xrealloc(b->mounts, b->n_mounts + 1, sizeof(*b->mounts));
	b->spec.mounts = b->mounts;
	b->spec.n_mounts = b->n_mounts + 1;
	b->mounts[b->n_mounts] = (struct sandbox_mount){0};
	return &b->mounts[b->n_mounts++];
}

void build_root_bind(struct build_root *b, const char *source, const char *target, bool writable)
{
	struct sandbox_mount *m = add_mount(b);

	m->kind = writable ? SANDBOX_BIND_RW : SANDBOX_BIND_RO;
	m->source = keep(b, xstrdup(source));
	m->target = keep(b, xstrdup(target));
}

/*
 * On the host's own root the headers' folders are bound one by one: an overlay over /usr/lib would
 * mix the phone's libraries with the host's.
 */
static void bind_entries(struct build_root *b, const char *layer, const char *folder)
{
	_cleanup_free_ char *dir = path_join(layer, folder);
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		_cleanup_free_ char *source = path_join(dir, de->d_name);
		_cleanup_free_ char *target = xasprintf("/%s/%s", folder, de->d_name);

		if (de->d_name[0] == '.' || streq(de->d_name, "apk") ||
			streq(de->d_name, "modules") || !fs_is_dir(source))
			continue;
		build_root_bind(b, source, target, false);
	}
	if (d)
		closedir(d);
}

static void bind_headers(struct build_root *b, const char *layer)
{
	static const char *const folders[] = {
		"usr/src", "usr/lib", "usr/lib/modules", "lib", "lib/modules"};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		bind_entries(b, layer, folders[i]);
}

static void add_foreign_root(struct build_root *b, const struct layers *l)
{
	struct sandbox_mount *m;

	/* not the headers: what a kbuild program reads of them must be the file make sees */
	strvec_add(&b->foreign, l->toolchain);
	m = add_mount(b);
	m->kind = SANDBOX_OVERLAY_RO;
	m->layers = &b->foreign;
	m->target = FOREIGN_ROOT;
	b->spec.foreign_root = FOREIGN_ROOT;
}

/* Would this machine's program find its loader in the root the build has? */
static bool can_run(const struct layers *l, const char *program)
{
	_cleanup_(root_path_free) struct root_path at = {0};
	_cleanup_strvec_ struct strvec native = {0};
	struct elf_facts f;

	if (elf_peek(program, &f) < 0)
		return false;
	if (!*f.interp)
		return true;
	if (!l->native)
		return fs_exists(f.interp);
	strvec_add(&native, l->native);
	return root_path_resolve(&at, &native, f.interp) == 0;
}

/*
 * Headers made by pmkmod have the helper programs for this machine beside the phone's: laid over
 * those, nothing needs to be emulated.
 */
static void bind_native_programs(
	struct build_root *b, const struct plan *p, const struct layers *l, const char *release)
{
	_cleanup_free_ char *inside =
		xasprintf("/usr/lib/kernel-scripts/%s/%s", release, p->device.arch->alpine);
	_cleanup_free_ char *native = xasprintf(
		"%s/usr/lib/kernel-scripts/%s/%s", l->kernel, release, arch_native()->alpine);
	_cleanup_free_ char *fixdep = path_join(native, "scripts/basic/fixdep");

	if (!fs_exists(fixdep) || !can_run(l, fixdep))
		return;
	build_root_bind(b, native, inside, false);
	b->native_helpers = true;
}

static void fill_env(struct build_root *b, const struct plan *p)
{
	command_env(&b->env, p->source_date);
	strvec_addf(&b->env, "ARCH=%s", p->device.arch->linux_arch);
	if (*p->cross)
		strvec_addf(&b->env, "CROSS_COMPILE=%s", p->cross);
}

int build_root_init(struct build_root *b, const struct plan *p, const struct layers *l,
	const char *release, struct err *e)
{
	unsigned long long timeout, max_file;
	int r = config_number(p->x->config, "build", "timeout", 3600, &timeout, e);

	if (r == 0)
		r = config_number(p->x->config, "build", "max_file", 8ULL << 30, &max_file, e);
	if (r < 0)
		return r;
	*b = (struct build_root){0};
	b->spec = (struct sandbox_spec){.privilege = SANDBOX_BUILD,
		.timeout_s = (unsigned)timeout,
		.max_file_bytes = max_file,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.uname_release = release,
		.uname_machine = p->device.arch->uname};
	if (p->emulate != EMULATE_NONE) {
		b->spec.emulate = p->device.arch;
		b->spec.qemu_path = config_get(p->x->config, "toolchain", "qemu");
	}
	if (p->emulate != EMULATE_TOOLS) {
		strvec_add_all(&b->layers, &l->target);
	} else if (l->native) {
		if (l->helpers)
			strvec_add(&b->layers, l->helpers);
		b->native_helpers = l->helpers_whole;
		strvec_add(&b->layers, l->kernel);
		strvec_add(&b->layers, l->native);
	} else {
		b->spec.host_root = true;
		bind_headers(b, l->kernel);
	}
	if (p->emulate == EMULATE_TOOLS) {
		add_foreign_root(b, l);
		bind_native_programs(b, p, l, release);
	}
	if (!b->spec.host_root)
		b->spec.layers = &b->layers;
	fill_env(b, p);
	b->spec.env = (const char *const *)b->env.v;
	return 0;
}

void build_root_free(struct build_root *b)
{
	strvec_free(&b->layers);
	strvec_free(&b->foreign);
	strvec_free(&b->env);
	strvec_free(&b->paths);
	free(b->mounts);
	*b = (struct build_root){0};
}

int run_in_sandbox(const struct sandbox_spec *s, struct sandbox_result *result, struct err *e)
{
	int r = sandbox_run(s, result, e);
	/* these are the command's or the porter's doing, not the machine's */
	bool refused = r < 0 && r != -EINTR && r != -ETIMEDOUT && r != -EFBIG && r != -ENOSPC &&
		       r != -EDQUOT && !result->status;

	if (refused && e && !e->exit_code)
		e->exit_code = EXIT_SANDBOX;
	return r;
}
