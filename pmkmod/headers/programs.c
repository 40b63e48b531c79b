// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The helper programs of a kernel's scripts folder, for the phone and for this machine. What kbuild
 * made for one machine is made for another by its recorded commands (replay.c), in a scratch folder
 * each.
 */
#include "pmkmod/headers/parts.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

#define CMD_MAX (1u << 20)
#define DEPTH_MAX 3

/* Nothing that builds a module is in these: programs for configuring, device trees, packaging. */
static const char *const skipped[] = {
	"kconfig", "dtc", "gdb", "package", "atomic", "selinux", "dummy-tools", "lxdialog", NULL};

static bool is_skipped(const char *name)
{
	for (const char *const *s = skipped; *s; s++)
		if (streq(*s, name))
			return true;
	return name[0] == '.';
}

static bool is_elf_program(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	unsigned char b[EI_NIDENT + 2] = {0};
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111) &&
	       pread(fd, b, sizeof(b), 0) == sizeof(b) && memcmp(b, ELFMAG, SELFMAG) == 0 &&
	       (b[EI_NIDENT] || b[EI_NIDENT + 1]) && b[EI_NIDENT] != ET_REL &&
	       b[EI_NIDENT + 1] != ET_REL;
}

static char *cmd_path(const struct maker *m, const char *target)
{
	const char *base = path_base(target);

	return xasprintf("%s/%.*s.%s.cmd", m->out_dir, (int)(base - target), target, base);
}

static void find_programs(const struct maker *m, const char *dir, int depth, struct strvec *out)
{
	_cleanup_free_ char *host = path_join(m->out_dir, dir);
	DIR *d = opendir(host);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		_cleanup_free_ char *name = xasprintf("%s/%s", dir, de->d_name);
		_cleanup_free_ char *path = path_join(m->out_dir, name);
		struct stat st;

		if (is_skipped(de->d_name) || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			find_programs(m, name, depth + 1, out);
		/* plugins of the compiler are no programs */
		else if (S_ISREG(st.st_mode) && is_elf_program(path) && !ends_with(name, ".so"))
			strvec_add(out, name);
	}
	if (d)
		closedir(d);
}

/* ---- a Makefile of recorded commands ---- */

struct rules {
	struct maker *m;
	const char *compiler;
	char *recorded; /* the source folder the commands were recorded with */
	struct strvec done; /* targets that have a rule */
	struct strbuf text;
};

static void add_word(struct strbuf *b, const char *word)
{
	strbuf_adds(b, " '");
	for (const char *p = word; *p; p++) {
		if (*p == '\'')
			strbuf_adds(b, "'\\''");
		else if (*p == '$')
			strbuf_adds(b, "$$");
		else
			strbuf_addc(b, *p);
	}
	strbuf_addc(b, '\'');
}

static int add_rule(struct rules *r, const char *target, int depth, struct err *e)
{
	_cleanup_free_ char *path = cmd_path(r->m, target), *text = NULL;
	struct replay_command c;
	int ret;

	if (strvec_has(&r->done, target))
		return 0;
	if (depth > DEPTH_MAX || target[strcspn(target, " :=\t$%#'\"\\")])
		return err_set(e, -EINVAL, "'%s' is no name of an object", target);
	ret = fs_read(path, CMD_MAX, &text, NULL, e);
	if (ret == 0)
		ret = replay_parse(&c, text, r->recorded, KERNEL_OUT, KERNEL_SOURCE, e);
	if (ret < 0)
		return err_prefix(e, "the record of how %s was made", target);
	for (size_t i = 0; ret == 0 && i < c.objects.n; i++)
		ret = add_rule(r, c.objects.v[i], depth + 1, e);
	if (ret == 0) {
		strvec_add(&r->done, target);
		strbuf_addf(&r->text, "%s:", target);
		for (size_t i = 0; i < c.objects.n; i++)
			strbuf_addf(&r->text, " %s", c.objects.v[i]);
		strbuf_addf(&r->text, "\n\t@mkdir -p %.*s\n\t%s", (int)(path_base(target) - target),
			target, r->compiler);
		for (size_t i = 0; i < c.argv.n; i++)
			add_word(&r->text, c.argv.v[i]);
		strbuf_addc(&r->text, '\n');
	}
	replay_command_free(&c);
	return ret;
}

/* Where the commands were recorded: what stands before scripts/basic/fixdep.c in fixdep's. */
static char *recorded_source(const struct maker *m)
{
	static const char file[] = "/scripts/basic/fixdep.c";
	_cleanup_free_ char *path = cmd_path(m, "scripts/basic/fixdep"), *text = NULL;
	const char *at, *from;

	if (fs_read(path, CMD_MAX, &text, NULL, NULL) < 0)
		return xstrdup("");
	text[strcspn(text, "\n")] = '\0';
	at = strstr(text, file);
	for (from = at; from && from > text && !strchr(" '\"", from[-1]); from--)
		;
	return at ? xstrndup(from, (size_t)(at - from)) : xstrdup("");
}

/*
 * A Makefile that makes `names` from their records. What cannot be made is told in the log alone:
 * whether it is needed is found out later.
 */
static char *records_makefile(struct maker *m, const struct strvec *names, const char *compiler)
{
	struct rules rules = {.m = m, .compiler = compiler, .recorded = recorded_source(m)};
	struct strbuf all = {0};

	strbuf_adds(&all, "all:");
	for (size_t i = 0; i < names->n; i++) {
		struct err why = ERR_INIT;

		if (add_rule(&rules, names->v[i], 0, &why) < 0)
			dprintf(m->s->log_fd, "# %s: %s\n", names->v[i], why.text);
		else
			strbuf_addf(&all, " %s", names->v[i]);
	}
	strbuf_addf(&all, "\n%s", rules.text.s ? rules.text.s : "");
	strbuf_free(&rules.text);
	strvec_free(&rules.done);
	free(rules.recorded);
	return strbuf_steal(&all);
}

/* Make every one of `names` with `compiler` in work/<which>; `built` gets those that came out. */
static int compile_all(struct maker *m, const struct strvec *names, const char *which,
	const char *compiler, struct strvec *built, struct err *e)
{
	_cleanup_free_ char *dir = path_join(m->work, which),
			    *makefile = path_join(dir, "Makefile");
	_cleanup_free_ char *inside = xasprintf(KERNEL_WORK "/%s", which);
	_cleanup_free_ char *jobs = xasprintf("-j%u", m->s->jobs ? m->s->jobs : 1);
	const char *argv[] = {"make", "-k", jobs, "-f", "Makefile", "all", NULL};
	_cleanup_free_ char *text = m->s->packaged ? recipes_makefile(m, names, compiler)
						   : records_makefile(m, names, compiler);
	int r = fs_mkdirs(dir, 0755, e);

	if (r == 0)
		r = fs_write_atomic(makefile, text, strlen(text), 0644, e);
	if (r == 0)
		r = maker_run(m, argv, inside, e);
	for (size_t i = 0; r >= 0 && i < names->n; i++) {
		_cleanup_free_ char *path = path_join(dir, names->v[i]);

		if (is_elf_program(path))
			strvec_add(built, names->v[i]);
	}
	return r < 0 ? r : 0;
}

static int copy_all(struct maker *m, const struct strvec *names, const char *which,
	struct strvec *built, struct err *e)
{
	for (size_t i = 0; i < names->n; i++) {
		_cleanup_free_ char *from = path_join(m->out_dir, names->v[i]);
		_cleanup_free_ char *to = xasprintf("%s/%s/%s", m->work, which, names->v[i]);
		_cleanup_free_ char *dir = xstrndup(to, (size_t)(path_base(to) - to));
		int r = fs_mkdirs(dir, 0755, e);

		if (r == 0)
			r = fs_copy_file(from, to, e);
		if (r < 0)
			return r;
		strvec_add(built, names->v[i]);
	}
	return 0;
}

static int missing(const struct maker *m, const char *name, const char *whose, struct err *e)
{
	err_exit(e, EXIT_NO_HEADERS, -ENOEXEC,
		"the kernel's helper program %s, which this configuration needs, could not be made for "
		"%s",
		name, whose);
	return err_hint(e, "%s",
		m->writable_out
			? "the log has the compiler's words; a C library of that architecture "
			  "must be there for the cross compiler"
			: "the build folder must be a complete one: with its scripts and their "
			  ".cmd files (`make modules_prepare`, or a whole build)");
}

static int check_needed(struct maker *m, struct err *e)
{
	const char *names[KERNEL_PROGRAMS_MAX];
	size_t n = kernel_programs_needed(m->config, names);

	for (size_t i = 0; i < n; i++) {
		if (!strvec_has(&m->phone_programs, names[i]))
			return missing(m, names[i], m->s->arch->alpine, e);
		if (!strvec_has(&m->native_programs, names[i]))
			return missing(m, names[i], arch_native()->alpine, e);
	}
	return 0;
}

/* Which programs to make: all a build has, or of a packaged tree those a module needs. */
static void name_programs(const struct maker *m, struct strvec *names)
{
	const char *needed[KERNEL_PROGRAMS_MAX];
	size_t n = kernel_programs_needed(m->config, needed);

	if (m->s->packaged)
		for (size_t i = 0; i < n; i++)
			strvec_add(names, needed[i]);
	else
		find_programs(m, "scripts", 0, names);
	strvec_sort(names);
}

/* Its own build system leaves no records: it is only there for a phone of this architecture. */
static int take_objtool(struct maker *m, struct err *e)
{
	_cleanup_free_ char *path = path_join(m->out_dir, "tools/objtool/objtool");
	_cleanup_strvec_ struct strvec one = {0};

	if (m->s->arch != arch_native() || m->s->packaged || !is_elf_program(path))
		return 0;
	strvec_add(&one, "tools/objtool/objtool");
	return copy_all(m, &one, "native", &m->native_programs, e);
}

int maker_programs(struct maker *m, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	_cleanup_free_ char *cross = xasprintf("%sgcc", m->s->cross);
	bool same = m->s->arch == arch_native();
	int r;

	name_programs(m, &names);
	if (m->writable_out)
		r = copy_all(m, &names, "native", &m->native_programs, e);
	else
		r = compile_all(m, &names, "native", "gcc", &m->native_programs, e);
	if (r == 0)
		r = take_objtool(m, e);
	if (r == 0 && same)
		strvec_add_all(&m->phone_programs, &m->native_programs);
	else if (r == 0)
		r = compile_all(m, &names, "phone", cross, &m->phone_programs, e);
	return r < 0 ? r : check_needed(m, e);
}
