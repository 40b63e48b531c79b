// SPDX-License-Identifier: GPL-3.0-or-later
/* Making headers packages for the kernel of a plan: inputs gathered, tools assembled, published. */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/apk/apk_read.h"
#include "chroot/base/fs.h"
#include "pmkmod/util/jobserver.h"
#include "pmkmod/build/assemble.h"
#include "pmkmod/build/diagnose.h"
#include "pmkmod/build/job.h"
#include "pmkmod/build/kernel_inputs.h"
#include "pmkmod/build/kernel_source.h"
#include "pmkmod/build/made_headers.h"
#include "pmkmod/build/pinned.h"
#include "pmkmod/export/export.h"
#include "pmkmod/headers/headers.h"
#include "pmkmod/kernel/root_path.h"
#include "pmkmod/util/exit_codes.h"

/* What one making gathers. */
struct making {
	struct plan *p;
	struct work work;
	const struct apk_pkg *kernel;
	char *kernel_apk; /* host path */
	struct kernel_facts facts;
	struct kernel_source source;
	struct kernel_inputs in;
	const char *compiler;
	bool clang;
	struct strvec native; /* content folders of the native root */
	char *cross;
	struct apk_signkey *key;
	struct headers_result result;
	char *packaged; /* the tree of a headers package to be repaired, NULL: none */
	char *provider;
	int log_fd;
	char *log_path;
};

static void making_free(struct making *m)
{
	work_close(&m->work);
	kernel_facts_free(&m->facts);
	free(m->kernel_apk);
	kernel_source_free(&m->source);
	kernel_inputs_free(&m->in);
	strvec_free(&m->native);
	free(m->cross);
	apk_signkey_free(m->key);
	headers_result_free(&m->result);
	free(m->packaged);
	free(m->provider);
	free(m->log_path);
	if (m->log_fd >= 0)
		close(m->log_fd);
}

/* ---- what the shipped kernel says ---- */

/* Its release, and what it exports, are only in the package that is on the phone. */
static int no_kernel_package(const struct plan *p, struct err *e)
{
	err_exit(e, EXIT_NO_HEADERS, -ENOENT,
		"the kernel package %s is in none of the repositories of channel %s (%s)",
		p->device.kernel, p->device.channel.name, p->device.arch->alpine);
	return err_hint(e,
		"`pmbootstrap build %s` makes it, and pmkmod finds it in pmbootstrap's work folder; or "
		"choose another kernel (--kernel) or channel",
		p->device.kernel);
}

static int read_kernel(struct making *m, struct err *e)
{
	struct plan *p = m->p;
	_cleanup_free_ char *cache = path_join(p->x->cache, "kernels");
	int r = repos_parse(&p->target_repos, e);

	if (r < 0)
		return r;
	m->kernel = repos_newest(&p->target_repos, p->device.kernel);
	if (!m->kernel)
		return no_kernel_package(p, e);
	r = repos_fetch(p->x, m->kernel, &m->kernel_apk, e);
	if (r == 0)
		r = fs_mkdirs(cache, 0700, e);
	if (r == 0)
		r = kernel_facts_read(
			&m->facts, m->kernel_apk, &m->kernel->identity, p->device.flavor, cache, e);
	return r;
}

static int gather(struct making *m, struct err *e)
{
	int r;

	if (m->packaged)
		return 0;
	r = kernel_source_get(&m->source, m->p->x, &m->p->device, e);
	if (r == 0)
		r = headers_check_folder(
			m->p->device.origin.kdir, m->source.dir, m->p->device.arch, e);
	if (r < 0)
		return r;
	r = kernel_inputs_gather(
		&m->in, &m->p->device.origin, &m->facts, m->kernel_apk, m->source.config, e);

	if (r < 0)
		return r;
	dprintf(m->log_fd, "# configuration: %s\n",
		m->in.config_from ? m->in.config_from : "the build folder's");
	dprintf(m->log_fd, "# exports: %s\n",
		m->in.symvers_from ? m->in.symvers_from : "the build folder's, if it has them");
	return 0;
}

/* ---- the build machine's tools ---- */

static int find_cross(struct making *m, struct err *e)
{
	const struct plan *p = m->p;
	const struct arch_info *arch = p->device.arch;
	_cleanup_free_ char *key = xasprintf("host_cross_%s", arch->alpine);
	const char *prefix = "";

	if (arch != arch_native())
		prefix = p->x->native_host ? config_get(p->x->config, "toolchain", key)
					   : channel_cross_prefix(&p->device.channel, arch);
	if (!prefix) {
		err_exit(e, EXIT_USAGE, -EINVAL,
			"there is no cross compiler for %s, with which this machine could prepare the "
			"kernel's source",
			arch->alpine);
		return err_hint(e,
			p->x->native_host ? "toolchain.host_cross_%s names its prefix"
					  : "cross_%s of the channel names its prefix",
			arch->alpine);
	}
	m->cross = starts_with(m->compiler, "gcc") && m->compiler[3]
			   ? xasprintf("%s-%s", m->compiler, prefix)
			   : xstrdup(prefix);
	return 0;
}

static int make_native_layer(struct making *m, struct err *e)
{
	struct plan *p = m->p;
	const struct channel *ch = &p->device.channel;
	_cleanup_strvec_ struct strvec world = {0};
	struct pinned_set set = {0};
	struct repo_set repos = {0};
	char id[HASH_HEX_MAX], *content = NULL;
	int r;

	if (p->x->native_host)
		return 0;
	plan_native_world(p, m->compiler, &world);
	channel_more_packages(ch, "prepare", p->device.arch, &world);
	r = repos_open(&repos, p->x, ch, arch_native(), NULL, e);
	if (r == 0)
		r = resolve_root(&set, &repos, p->x, &world, e);
	if (r == 0) {
		pinned_set_id(&set, arch_native(), ch->usr_merge, NULL, id);
		r = assemble_fetch_set(p->x, &repos, &set, NULL, e);
	}
	if (r == 0)
		r = assemble_layer(p->x, &repos, &set, ch, id, NULL, NULL, &content, e);
	if (r == 0)
		strvec_take(&m->native, content);
	else
		err_prefix(e, "native tools to prepare a kernel for %s", p->device.arch->alpine);
	pinned_set_free(&set);
	repos_close(&repos);
	return r;
}

/* ---- the whole ---- */

static int make_packages(struct making *m, struct err *e)
{
	struct plan *p = m->p;
	const struct kernel_origin *o = &p->device.origin;
	_cleanup_free_ char *out_dir = path_join(m->work.dir, "packages");
	_cleanup_free_ char *keys = plan_keys_dir(p->x);
	unsigned long long timeout = 0, max_file = 0;
	struct headers_spec s = {.arch = p->device.arch,
		.kernel_package = m->kernel->name,
		.kernel_version = m->kernel->version,
		.dev_name = p->device.headers,
		.scripts_name = p->device.scripts,
		.release = m->facts.release,
		.packaged = m->packaged,
		.kdir = o->kdir,
		.source = m->source.dir,
		.config = m->in.config,
		.config_from = m->in.config_from,
		.symvers = m->in.symvers,
		.sample = m->in.sample,
		.native_layers = &m->native,
		.host_root = p->x->native_host,
		.cross = m->cross,
		.clang = m->clang,
		.jobs = p->x->jobserver ? p->x->jobserver->held : p->x->jobs,
		.work_dir = m->work.dir,
		.log_fd = m->log_fd,
		.verbose = p->x->verbose,
		.progress = &p->x->progress,
		.usr_merge = p->device.channel.usr_merge,
		.source_date = m->kernel->build_time,
		.out_dir = out_dir};
	int r = config_number(p->x->config, "build", "timeout", 3600, &timeout, e);

	if (r == 0)
		r = config_number(p->x->config, "build", "max_file", 8ULL << 30, &max_file, e);
	/* made on first use, which takes seconds: not before it is known that there is a use */
	if (r == 0)
		r = export_key(keys, &m->key, e);
	if (r < 0)
		return r;
	s.timeout_s = (unsigned)timeout;
	s.max_file_bytes = max_file;
	s.key = m->key;
	r = headers_make(&s, &m->result, e);
	if (r == -ECANCELED)
		return diagnose_hint(e, m->log_path);
	if (r < 0 && r != -EINTR)
		err_hint(e, "the whole log: %s", m->log_path);
	return r;
}

static int pin(struct pinned *out, const char *path, const char *what, struct err *e)
{
	struct apk_control c;
	int r = apk_read_control(path, NULL, &c, e);

	if (r < 0)
		return err_prefix(e, "the %s package", what);
	pinned_from(out, &c.pkg);
	apk_control_free(&c);
	return 0;
}

/* Without paths: it ends in packages. */
static const char *symvers_origin(const struct making *m)
{
	const struct kernel_origin *o = &m->p->device.origin;

	if (m->packaged)
		return "the kernel's headers package";
	if (o->symvers)
		return "a Module.symvers that the porter named";
	if (o->kdir)
		return "the kernel's build folder";
	if (!m->in.symvers)
		return "computed from the kernel's source";
	return m->facts.symvers_name ? "the kernel's package" : "recovered from the kernel's image";
}

static int store_record(struct making *m, struct err *e)
{
	const struct device *d = &m->p->device;
	struct made_headers h = {.kernel = m->kernel->identity,
		.origin = m->packaged ? xstrdup(MADE_HEADERS_REPAIRED)
				      : headers_origin_hash(&d->origin),
		.provider = xstrdup(m->provider),
		.compiler = xstrdup(m->compiler),
		.release = xstrdup(m->result.release),
		.symvers = xstrdup(symvers_origin(m)),
		.content = m->packaged ? NULL : headers_origin_content(&d->origin)};
	int r = pin(&h.dev, m->result.dev_path, "headers", e);

	if (r == 0)
		r = pin(&h.scripts, m->result.scripts_path, "helper programs'", e);
	if (r == 0)
		r = made_headers_store(&h, m->p->x, d, e);
	made_headers_free(&h);
	return r;
}

static int publish_both(struct making *m, struct err *e)
{
	const struct device *d = &m->p->device;
	_cleanup_free_ char *packages = plan_packages_dir(m->p->x), *keys = plan_keys_dir(m->p->x);
	_cleanup_strvec_ struct strvec apks = {0}, key_dirs = {0};

	strvec_add(&apks, m->result.dev_path);
	strvec_add(&apks, m->result.scripts_path);
	strvec_add(&key_dirs, keys);
	return publish(packages, d->channel.name, d->arch->alpine, &apks, m->key, &key_dirs, e);
}

char *headers_provider(const struct device *d)
{
	const struct kernel_origin *o = &d->origin;

	if (o->kdir)
		return xasprintf(
			"build folder '%s', because --kdir or kernel.kdir names it", o->kdir);
	if (o->source)
		return xasprintf("source '%s', because %s has no headers package and --source or "
				 "kernel.source names it",
			o->source, d->kernel);
	return xasprintf("the source of the aport '%s', because %s has no headers package and %s",
		o->aport, d->kernel,
		o->implied ? "pmaports has it for this kernel"
			   : "--aport or kernel.aport names it");
}

static int open_log(struct making *m, const char *dir, struct err *e)
{
	m->log_path = path_join(dir, "log");
	m->log_fd = open(m->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (m->log_fd < 0)
		return err_errno(e, -errno, "cannot open the log '%s'", m->log_path);
	dprintf(m->log_fd, "# headers of %s for %s: %s\n", m->p->device.kernel, m->p->device.name,
		m->provider);
	return 0;
}

/* Where code of two compilers does not go together, naming the other one is no choice. */
static int check_family(const struct making *m, const struct kconfig *c, struct err *e)
{
	static const char *const strict[] = {"CFI_CLANG", "CFI", "SHADOW_CALL_STACK", "LTO_CLANG",
		"LTO_CLANG_THIN", "LTO_CLANG_FULL"};

	if (!kconfig_yes(c, "CC_IS_CLANG") || m->clang)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(strict); i++) {
		if (!kconfig_yes(c, strict[i]))
			continue;
		err_exit(e, EXIT_SANDBOX, -EINVAL,
			"the kernel was built by clang with CONFIG_%s: a module built by %s would not "
			"run in it",
			strict[i], m->compiler);
		return err_hint(e, "leave --cc away, or say --cc clang");
	}
	return 0;
}

static int learn_compiler(struct making *m, struct err *e)
{
	const struct kernel_origin *o = &m->p->device.origin;
	const char *dir = m->packaged ? m->packaged : o->kdir;
	_cleanup_free_ char *path = dir ? path_join(dir, ".config") : NULL;
	struct kconfig *c = NULL;
	int r = path ? kconfig_read(&c, path, e)
		     : kconfig_parse(&c, m->in.config, strlen(m->in.config), e);

	if (r < 0)
		return err_prefix(e, "the kernel's configuration");
	/* a configuration knows clang; which of several gccs it was, only the aport does */
	m->compiler = o->cc			      ? o->cc
		      : kconfig_yes(c, "CC_IS_CLANG") ? "clang"
		      : m->source.compiler && starts_with(m->source.compiler, "gcc")
			      ? m->source.compiler
			      : "gcc";
	m->clang = starts_with(m->compiler, "clang");
	r = check_family(m, c, e);
	kconfig_free(c);
	return r;
}

static int run_all(struct making *m, struct err *e)
{
	struct plan *p = m->p;
	int (*const steps[])(struct making *, struct err *) = {gather, learn_compiler, find_cross,
		make_native_layer, make_packages, publish_both, store_record};
	int r = read_kernel(m, e);

	if (r == 0)
		r = work_open(&m->work, p->x, "headers", e);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
		r = interrupted() ? err_set(e, -EINTR, "interrupted") : steps[i](m, e);
	return r;
}

/* Whoever had the lock may have made the very same. */
static bool made_meanwhile(const struct making *m)
{
	struct plan *p = m->p;
	_cleanup_free_ char *now = m->packaged ? xstrdup(MADE_HEADERS_REPAIRED)
					       : headers_origin_hash(&p->device.origin);
	const struct apk_pkg *kernel;
	struct made_headers h;
	bool same;

	if (p->x->remake_headers || repos_parse(&p->target_repos, NULL) < 0)
		return false;
	kernel = repos_newest(&p->target_repos, p->device.kernel);
	made_headers_load(&h, p->x, &p->device);
	same = h.dev.name && streq(h.origin, now) && kernel &&
	       hash_eq(&h.kernel, &kernel->identity);
	made_headers_free(&h);
	return same;
}

static void tell(const struct making *m, const struct strvec *notes)
{
	for (size_t i = 0; i < notes->n; i++) {
		progress_note(&m->p->x->progress, "%s", notes->v[i]);
		dprintf(m->log_fd, "# note: %s\n", notes->v[i]);
	}
}

static int make_locked(struct making *m, const char *dir, struct err *e)
{
	struct plan *p = m->p;
	int r;

	progress_stage(&p->x->progress, "headers", "%s", p->device.kernel);
	r = open_log(m, dir, e);
	if (r == 0)
		r = run_all(m, e);
	if (r < 0) {
		if (m->log_fd >= 0 && e)
			dprintf(m->log_fd, "# failed\n%s\n", e->text);
		return r;
	}
	progress_done(&p->x->progress, "%s for %s, from %s", p->device.headers, m->result.release,
		m->provider);
	tell(m, &m->source.notes);
	tell(m, &m->in.notes);
	tell(m, &m->result.notes);
	return 0;
}

static int lock_and_make(struct making *m, struct err *e)
{
	struct plan *p = m->p;
	_cleanup_free_ char *dir = made_headers_dir(p->x, &p->device);
	_cleanup_close_ int lock = made_headers_lock(p->x, &p->device, e);

	if (lock < 0)
		return lock;
	return made_meanwhile(m) ? 0 : make_locked(m, dir, e);
}

/* Beside other builds it may have as many processors as are free when it begins. */
static int lock_and_make_by_jobs(struct making *m, struct err *e)
{
	struct jobserver *js = m->p->x->jobserver;
	int r = js ? jobserver_take(js, js->tokens - 1, e) : 0;

	if (r == 0)
		r = lock_and_make(m, e);
	if (js)
		jobserver_give(js);
	return r;
}

int made_headers_make(struct plan *p, struct err *e)
{
	_cleanup_(making_free) struct making m = {.p = p, .work = WORK_INIT, .log_fd = -1};

	m.provider = headers_provider(&p->device);
	return lock_and_make_by_jobs(&m, e);
}

/* The tree of the headers package in the kernel layer, as one folder of the host. */
static int find_packaged(struct making *m, struct err *e)
{
	struct plan *p = m->p;
	_cleanup_(root_path_free) struct root_path at = {0};
	struct kernel_headers h = {0};
	struct layers l = {0};
	int r = assemble(p, &l, e);

	if (r == 0)
		r = kernel_headers_find(&h, &l.target, NULL, e);
	if (r == 0)
		r = root_path_resolve(&at, &l.target, h.build_dir);
	if (r == 0)
		m->packaged = xstrdup(at.host);
	kernel_headers_free(&h);
	layers_free(&l);
	return r;
}

int made_headers_repair(struct plan *p, struct err *e)
{
	_cleanup_(making_free) struct making m = {.p = p, .work = WORK_INIT, .log_fd = -1};
	int r = find_packaged(&m, e);

	if (r < 0)
		return r;
	m.provider = xasprintf("the package %s-%s, repaired: its helper programs are made anew",
		p->device.headers, p->target.kernel.version);
	return lock_and_make_by_jobs(&m, e);
}
