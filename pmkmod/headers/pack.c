// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The two packages. `linux-<flavor>-dev` has Alpine's layout, one folder in /usr/src and the link
 * lib/modules/<release>/build to it; its programs are links into `kernel-scripts-<flavor>`, which
 * has them for the phone and, in a folder beside, for the build machine.
 */
#include "pmkmod/headers/parts.h"

#include <fcntl.h>
#include <libelf.h>
#include <gelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/apk/apk_write.h"
#include "chroot/base/fs.h"

#define TEXT_MAX (4u << 20)

static char *headers_dir(const struct maker *m)
{
	return xasprintf("usr/src/linux-headers-%s", m->release);
}

static int add_text(const struct maker *m, struct apk_writer *w, const char *name, const char *text,
	struct err *e)
{
	_cleanup_free_ char *dir = headers_dir(m), *to = path_join(dir, name);

	return apk_writer_file(w, to, text, strlen(text), 0644, e);
}

/* With the compiler's flags that remedies need, so that `make M=` has them on the phone too. */
static int add_makefile(
	const struct maker *m, struct apk_writer *w, const char *host, struct err *e)
{
	_cleanup_free_ char *text = NULL, *pinned = NULL;
	int r = fs_read(host, TEXT_MAX, &text, NULL, e);

	if (r == 0)
		r = remedies_pin_cc_flags(&pinned, text, &m->remedies.cc_flags, e);
	return r < 0 || !pinned ? r : add_text(m, w, "Makefile", pinned, e);
}

/* ---- linux-<flavor>-dev ---- */

static int add_link(struct apk_writer *w, const char *to, const char *host, struct err *e)
{
	char target[4096];
	ssize_t n = readlink(host, target, sizeof(target) - 1);

	if (n < 0)
		return err_errno(e, -errno, "cannot read the link '%s'", host);
	target[n] = '\0';
	/* one that leads to another place of this machine leads nowhere on the phone */
	return *target == '/' ? 0 : apk_writer_symlink(w, to, target, e);
}

/* Programs are links into the other package; those nobody asked for are left out. */
static bool is_program(const char *name, const struct stat *st, int fd)
{
	char magic[4] = "";

	return starts_with(name, "scripts/") && (st->st_mode & 0111) && !ends_with(name, ".so") &&
	       pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

static int add_picked(
	const struct maker *m, struct apk_writer *w, const struct picked *p, struct err *e)
{
	_cleanup_free_ char *dir = headers_dir(m), *to = path_join(dir, p->name);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(p->host, &st) == 0 && S_ISLNK(st.st_mode))
		return strvec_has(&m->phone_programs, p->name) ? 0 : add_link(w, to, p->host, e);
	if (streq(p->name, "Makefile"))
		return add_makefile(m, w, p->host, e);
	fd = open(p->host, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, -errno, "cannot read '%s'", p->host);
	if (!S_ISREG(st.st_mode) || is_program(p->name, &st, fd) ||
		strvec_has(&m->phone_programs, p->name))
		return 0;
	return apk_writer_file_fd(w, to, fd, st.st_mode & 0111 ? 0755 : 0644, e);
}

/* What says the release: the phone's, whatever this build would have called itself. */
static const char *const release_files[] = {
	"include/config/kernel.release", "include/generated/utsrelease.h", "Module.symvers"};

static bool is_release_file(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(release_files); i++)
		if (streq(name, release_files[i]))
			return true;
	return false;
}

static int add_release_files(const struct maker *m, struct apk_writer *w, struct err *e)
{
	_cleanup_free_ char *release = xasprintf("%s\n", m->release);
	_cleanup_free_ char *header = xasprintf("#define UTS_RELEASE \"%s\"\n", m->release);
	int r = add_text(m, w, release_files[0], release, e);

	if (r == 0)
		r = add_text(m, w, release_files[1], header, e);
	if (r == 0 && m->s->symvers)
		r = add_text(m, w, release_files[2], m->s->symvers, e);
	return r;
}

static int add_build_link(const struct maker *m, struct apk_writer *w, struct err *e)
{
	_cleanup_free_ char *dir = headers_dir(m), *to = xasprintf("/%s", dir);
	_cleanup_free_ char *link =
		xasprintf("%s/modules/%s/build", m->s->usr_merge ? "usr/lib" : "lib", m->release);

	return apk_writer_symlink(w, link, to, e);
}

static char *programs_dir(const struct maker *m, const char *arch)
{
	return xasprintf("usr/lib/kernel-scripts/%s/%s", m->release, arch);
}

static int add_program_links(const struct maker *m, struct apk_writer *w, struct err *e)
{
	_cleanup_free_ char *dir = headers_dir(m);
	_cleanup_free_ char *programs = programs_dir(m, m->s->arch->alpine);
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->phone_programs.n; i++) {
		_cleanup_free_ char *link = path_join(dir, m->phone_programs.v[i]);
		_cleanup_free_ char *to = xasprintf("/%s/%s", programs, m->phone_programs.v[i]);

		r = apk_writer_symlink(w, link, to, e);
	}
	return r;
}

static void fill(const struct maker *m, struct apk_pkg *p, const char *name)
{
	p->name = xstrdup(name);
	p->version = xstrdup(m->s->kernel_version);
	p->arch = xstrdup(m->s->arch->alpine);
	p->url = xstrdup("https://kernel.org");
	p->license = xstrdup("GPL-2.0-only");
	p->origin = xstrdup(m->s->kernel_package);
	p->packager = xstrdup("pmkmod");
	p->build_time = m->s->source_date;
}

static int write_dev(struct maker *m, struct err *e)
{
	struct apk_writer *w = apk_writer_new(m->s->source_date);
	_cleanup_free_ char *scripts = xasprintf("%s=%s", m->s->scripts_name, m->s->kernel_version);
	struct picked_files files;
	struct apk_pkg p = {0};
	int r = pick_files(&files, m, e);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		if (interrupted())
			r = err_set(e, -EINTR, "interrupted");
		else if (!is_release_file(files.v[i].name))
			r = add_picked(m, w, &files.v[i], e);
	}
	if (r == 0)
		r = add_release_files(m, w, e);
	if (r == 0)
		r = add_build_link(m, w, e);
	if (r == 0)
		r = add_program_links(m, w, e);
	fill(m, &p, m->s->dev_name);
	p.desc = xasprintf("Headers to build modules for %s %s", m->s->kernel_package, m->release);
	if (r == 0)
		r = apk_deps_parse(&p.depends, scripts, e);
	if (r == 0) {
		m->out->dev_path = xasprintf("%s/%s-%s.apk", m->s->out_dir, p.name, p.version);
		r = apk_writer_finish(w, &p, m->s->key, m->out->dev_path, e);
	}
	picked_files_free(&files);
	apk_pkg_free(&p);
	apk_writer_free(w);
	return r;
}

/* ---- kernel-scripts-<flavor> ---- */

/* Names of the libraries a program needs (DT_NEEDED), appended to `out`. */
static int needed_libraries(const char *path, struct strvec *out, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf_Scn *scn = NULL;
	Elf *elf;

	if (fd < 0)
		return err_errno(e, -errno, "cannot open '%s'", path);
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	while (elf && (scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		Elf_Data *data;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_DYNAMIC || !sh.sh_entsize)
			continue;
		data = elf_getdata(scn, NULL);
		for (size_t i = 0; data && i < sh.sh_size / sh.sh_entsize; i++) {
			GElf_Dyn dyn;
			const char *name;

			if (!gelf_getdyn(data, (int)i, &dyn) || dyn.d_tag != DT_NEEDED)
				continue;
			name = elf_strptr(elf, sh.sh_link, dyn.d_un.d_val);
			if (name && *name && !strvec_has(out, name))
				strvec_add(out, name);
		}
	}
	elf_end(elf);
	return elf ? 0 : err_set(e, -EBADMSG, "'%s' cannot be read as ELF", path);
}

/*
 * The programs of one architecture. Optional ones that need more than the C library are left out: a
 * module is built without them (sign-file, insert-sys-cert), and the phone need not have OpenSSL.
 */
static int add_programs(struct maker *m, struct apk_writer *w, const char *which, const char *arch,
	struct strvec *programs, struct strvec *libraries, struct err *e)
{
	const char *needed[KERNEL_PROGRAMS_MAX];
	size_t n_needed = kernel_programs_needed(m->config, needed), kept = 0;
	_cleanup_free_ char *dir = programs_dir(m, arch);
	int r = 0;

	for (size_t i = 0; r == 0 && i < programs->n; i++) {
		const char *name = programs->v[i];
		_cleanup_free_ char *host = xasprintf("%s/%s/%s", m->work, which, name);
		_cleanup_free_ char *to = path_join(dir, name);
		_cleanup_strvec_ struct strvec libs = {0};
		_cleanup_close_ int fd = open(host, O_RDONLY | O_CLOEXEC);
		bool needs = false;

		if (fd < 0)
			return err_errno(e, -errno, "cannot open '%s'", host);
		for (size_t k = 0; k < n_needed; k++)
			needs = needs || streq(needed[k], name);
		r = needed_libraries(host, &libs, e);
		if (r < 0)
			return r;
		if (!needs && libs.n > 1) {
			dprintf(m->s->log_fd, "# %s for %s is left out: it needs more than libc\n",
				name, arch);
			free(programs->v[i]);
			continue;
		}
		r = apk_writer_file_fd(w, to, fd, 0755, e);
		for (size_t k = 0; libraries && k < libs.n; k++)
			if (!strvec_has(libraries, libs.v[k]))
				strvec_add(libraries, libs.v[k]);
		programs->v[kept++] = programs->v[i];
	}
	if (r == 0) {
		programs->n = kept;
		if (programs->v)
			programs->v[kept] = NULL;
	}
	return r;
}

static int write_scripts(struct maker *m, struct err *e)
{
	bool same = m->s->arch == arch_native();
	struct apk_writer *w = apk_writer_new(m->s->source_date);
	_cleanup_strvec_ struct strvec libraries = {0};
	struct apk_pkg p = {0};
	int r = add_programs(m, w, same ? "native" : "phone", m->s->arch->alpine,
		&m->phone_programs, &libraries, e);

	if (r == 0 && !same)
		r = add_programs(
			m, w, "native", arch_native()->alpine, &m->native_programs, NULL, e);
	fill(m, &p, m->s->scripts_name);
	p.desc = xasprintf(
		"Programs that build modules for %s %s", m->s->kernel_package, m->release);
	for (size_t i = 0; r == 0 && i < libraries.n; i++) {
		_cleanup_free_ char *so = xasprintf("so:%s", libraries.v[i]);

		r = apk_deps_parse(&p.depends, so, e);
	}
	if (r == 0) {
		m->out->scripts_path = xasprintf("%s/%s-%s.apk", m->s->out_dir, p.name, p.version);
		r = apk_writer_finish(w, &p, m->s->key, m->out->scripts_path, e);
	}
	apk_pkg_free(&p);
	apk_writer_free(w);
	return r;
}

int maker_pack(struct maker *m, struct err *e)
{
	int r = fs_mkdirs(m->s->out_dir, 0755, e);

	/* the programs first: what is kept of them has its links in the other */
	if (r == 0)
		r = write_scripts(m, e);
	return r < 0 ? r : write_dev(m, e);
}
