// SPDX-License-Identifier: GPL-3.0-or-later
/* The stages package and publish, and what is remembered of the cell. */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/cell.h"
#include "pmkmod/build/job.h"
#include "pmkmod/export/export.h"
#include "pmkmod/util/exit_codes.h"

static int package(
	struct job *j, const struct apk_signkey *key, struct export_result *out, struct err *e)
{
	struct plan *p = j->plan;
	const struct module *m = &p->module;
	_cleanup_free_ char *dir = path_join(j->work.dir, "packages");
	struct export_spec s = {.module = m->name,
		.module_version = p->version,
		.description = m->description,
		.url = m->url,
		.license = m->license,
		.userspace_package = m->userspace,
		.modules_load = m->autoload,
		.load = &m->load,
		.options = &m->options,
		.conflicts = &m->conflicts,
		.overlays = &j->extras.overlays,
		.overlays_dir = m->overlays_dir,
		.initramfs = m->initramfs,
		.split = m->split,
		.ko_paths = &j->ko,
		.kernel_package = p->target.kernel.name,
		.kernel_version = p->target.kernel.version,
		.kernel_flavor = p->device.flavor,
		.release = j->headers.release,
		.arch = p->device.arch->alpine,
		.compression = p->device.compression >= 0
				       ? (enum ko_compression)p->device.compression
				       : kconfig_module_compression(j->kconfig),
		.usr_merge = p->device.channel.usr_merge,
		.facts = &j->facts,
		.source_date = p->source_date,
		.key = key,
		.out_dir = dir};
	struct package_summary summary = {0};
	int r = fs_mkdirs(dir, 0700, e);

	if (r == 0)
		r = job_summary(j, &summary, e);
	if (r < 0)
		return r;
	s.summary = &summary;
	s.judge = job_check_package;
	s.judge_ctx = j;
	for (size_t i = 0; i < m->depends.n; i++)
		strvec_take(&s.depends, export_package_name(m->depends.v[i], p->device.flavor));
	strvec_add_all(&s.depends, &m->firmware);
	progress_stage(&p->x->progress, "package", "%s", m->name);
	r = job_firmware(j, e);
	s.firmware = j->extras.firmware;
	s.n_firmware = j->extras.n_firmware;
	s.initramfs_firmware = j->extras.initramfs_firmware;
	if (r == 0)
		r = export_package(&s, out, e);
	if (r == 0)
		r = job_write_report(j, out, e);
	if (r == 0)
		progress_done(&p->x->progress, "%s-%s", out->name, out->version);
	strvec_free(&s.depends);
	summary_free(&summary);
	return r;
}

static char *module_names(const struct job *j)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < j->ko.n; i++) {
		const char *base = path_base(j->ko.v[i]);

		strbuf_addf(&b, "%s%.*s", i ? " " : "", (int)(strlen(base) - strlen(".ko")), base);
	}
	return strbuf_steal(&b);
}

/* What the modules export, for those that depend on them. */
static int keep_exports(struct job *j, struct err *e)
{
	_cleanup_free_ char *from = path_join(j->kbuild_dir, "Module.symvers");
	_cleanup_free_ char *to = cell_symvers_path(j->plan), *text = NULL;
	size_t len;

	if (fs_read_regular(from, 64U << 20, &text, &len, NULL) < 0 || len == 0) {
		unlink(to);
		return 0;
	}
	return fs_write_atomic(to, text, len, 0644, e);
}

/* Where it was published, from where it was made. */
static char *published_parts(const char *dir, const struct export_result *exported)
{
	_cleanup_strvec_ struct strvec paths = {0};

	for (size_t i = 0; i < exported->parts.n; i++)
		strvec_take(&paths, path_join(dir, path_base(exported->parts.v[i])));
	return paths.n ? strvec_join(&paths, "\n") : NULL;
}

static int record(struct job *j, const struct export_result *exported, struct cell_result *result,
	struct err *e)
{
	struct plan *p = j->plan;
	_cleanup_free_ char *packages = plan_packages_dir(p->x);
	_cleanup_free_ char *dir =
		xasprintf("%s/%s/%s", packages, p->device.channel.name, p->device.arch->alpine);
	char hex[HASH_HEX_MAX];
	struct hash h;
	int r;

	*result = (struct cell_result){.built = true,
		.apk = path_join(dir, path_base(exported->path)),
		.meta = exported->meta_path ? path_join(dir, path_base(exported->meta_path)) : NULL,
		.parts = published_parts(dir, exported),
		.notes = j->extras.notes.n ? strvec_join(&j->extras.notes, "\n") : NULL,
		.package = xstrdup(exported->name),
		.version = xstrdup(exported->version),
		.release = xstrdup(j->headers.release),
		.verdict = xstrdup(fit_verdict(&j->report)),
		.key = xstrdup(p->key),
		.companions = companions_text(&p->companions),
		.build_lines = steps_aport_lines(j),
		.modules = module_names(j),
		.device = xstrdup(p->device.name),
		.asked = xstrdup(p->module.recipe ? p->module.name : p->module.location)};
	r = hash_file(AT_FDCWD, result->apk, HASH_SHA256, &h, e);
	if (r == 0)
		r = keep_exports(j, e);
	if (r < 0)
		return r;
	hash_hex(&h, hex);
	result->apk_sha256 = xstrdup(hex);
	return cell_store(p, result, e);
}

int job_export(struct job *j, struct cell_result *result, struct err *e)
{
	struct plan *p = j->plan;
	_cleanup_free_ char *packages = plan_packages_dir(p->x);
	_cleanup_free_ char *keys = plan_keys_dir(p->x);
	_cleanup_strvec_ struct strvec apks = {0}, key_dirs = {0};
	struct export_result exported = {0};
	struct apk_signkey *key = NULL;
	int r = export_key(keys, &key, e);

	if (r == 0)
		r = package(j, key, &exported, e);
	if (r == 0) {
		strvec_add(&apks, exported.path);
		strvec_add_all(&apks, &exported.parts);
		if (exported.meta_path)
			strvec_add(&apks, exported.meta_path);
		strvec_add(&key_dirs, keys);
		progress_stage(&p->x->progress, "publish", "%s", exported.name);
		r = publish(packages, p->device.channel.name, p->device.arch->alpine, &apks, key,
			&key_dirs, e);
	}
	free(p->key);
	p->key = plan_describe_key(p->x);
	if (r == 0)
		r = record(j, &exported, result, e);
	if (r == 0)
		progress_done(
			&p->x->progress, "%s/%s", p->device.channel.name, p->device.arch->alpine);
	if (r == -ENOSPC && e)
		e->exit_code = EXIT_NO_SPACE;
	apk_signkey_free(key);
	export_result_free(&exported);
	return r;
}
