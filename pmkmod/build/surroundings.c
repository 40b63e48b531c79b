// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Makefiles and scripts of modules are written for the machine that builds and runs them. Here they
 * find the phone's kernel where they look for it, and what they would do to the machine is written
 * down instead.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/jobserver.h"
#include "pmkmod/build/job.h"

#define NOTED_MAX (64U << 10)
#define NOTES_SHOWN 5

/* Programs that change the machine: they succeed and do nothing. */
static const char *const harmless[] = {"depmod", "insmod", "modprobe", "rmmod", "update-initramfs",
	"dracut", "mkinitcpio", "mkinitfs", "mkinitramfs", "systemctl", "service", "rc-service",
	"udevadm", "dkms", "akms", "weak-modules", "ldconfig", "update-grub", "grub-mkconfig",
	"mokutil", "reboot", "shutdown", "apt-get", "apt", "apk", "dnf", "yum", "pacman"};

static const char harmless_text[] = "#!/bin/sh\n"
				    "echo \"${0##*/} $*\" >>" JOB_RUN "/noted\n"
				    "echo \"pmkmod: not done here: ${0##*/} $*\" >&2\n";

/* The program of that name behind ours, with the words the shell has. */
#define EXEC_REAL(name)                                                                            \
	"IFS=:\n"                                                                                  \
	"for dir in ${PATH#" JOB_RUN "/bin:}; do\n"                                                \
	"	if [ -x \"$dir/" name "\" ]; then unset IFS; exec \"$dir/" name "\" \"$@\"; fi\n"  \
	"done\n"                                                                                   \
	"echo \"" name ": not found\" >&2\n"                                                       \
	"exit 127\n"

/* There is no other user to become. */
static const char sudo_text[] = "#!/bin/sh\n"
				"while :; do\n"
				"	case ${1:-} in\n"
				"	-u | -g | -C | -h | -p) shift 2 ;;\n"
				"	--) shift; break ;;\n"
				"	-*) shift ;;\n"
				"	*=*) export \"$1\"; shift ;;\n"
				"	*) break ;;\n"
				"	esac\n"
				"done\n"
				"[ $# -eq 0 ] && exit\n"
				/* some busybox would rather take their own */
				"[ -x " JOB_RUN "/bin/$1 ] && exec " JOB_RUN "/bin/\"$@\"\n"
				"exec \"$@\"\n";

/*
 * A Makefile that says `make` instead of $(MAKE) hands on the words of the jobserver, but not its
 * descriptors; make would then use one processor. Where other builds share the jobserver, a number
 * of jobs of one's own would be beyond it.
 */
static const char make_text[] =
	"#!/bin/sh\n"
	"if [ -n \"${PMKMOD_JOBSERVER:-}\" ]; then\n"
	"	n=$#\n"
	"	while [ $n -gt 0 ]; do\n"
	"		word=$1; shift; n=$((n - 1))\n"
	"		case $word in\n"
	"		-j | --jobs)\n"
	"			case ${1:-} in *[!0-9]* | '') ;; *) [ $n -gt 0 ] && shift && n=$((n - 1)) ;; esac ;;\n"
	"		-j[0-9]* | --jobs=*) ;;\n"
	"		*) set -- \"$@\" \"$word\" ;;\n"
	"		esac\n"
	"	done\n"
	"fi\n"
	"case ${MAKEFLAGS:-} in\n"
	"*--jobserver-auth=*,*)\n"
	"	fd=${MAKEFLAGS##*--jobserver-auth=}\n"
	"	if [ ! -e /proc/self/fd/${fd%%,*} ]; then\n"
	"		rest=${MAKEFLAGS#*--jobserver-auth=}\n"
	"		case $rest in *' '*) rest=${rest#* } ;; *) rest= ;; esac\n"
	"		MAKEFLAGS=\"-j${PMKMOD_JOBS:-1} $rest\"\n"
	"	fi ;;\n"
	"esac\n"
	"export MAKEFLAGS\n" EXEC_REAL("make");

/* Into the source's own folders it copies; into the machine's it does not. */
static const char install_text[] = "#!/bin/sh\n"
				   "PATH=${PATH#" JOB_RUN "/bin:}\n"
				   "to= next=\n"
				   "for word; do\n"
				   "	case $next$word in\n"
				   "	-t | --target-directory) next=t ;;\n"
				   "	t*) given=$word next= ;;\n"
				   "	-t*) given=${word#-t} ;;\n"
				   "	--target-directory=*) given=${word#*=} ;;\n"
				   "	*) to=$word ;;\n"
				   "	esac\n"
				   "done\n"
				   "case ${given:-$to} in\n"
				   "/build | /build/* | /tmp | /tmp/*) ;;\n"
				   "/*)\n"
				   "	echo \"install $*\" >>" JOB_RUN "/noted\n"
				   "	echo \"pmkmod: not done here: install $*\" >&2\n"
				   "	exit\n"
				   "	;;\n"
				   "esac\n"
				   "exec install \"$@\"\n";

/* The source came without its history; what is asked of that is the version, most often. */
static const char git_text[] = "#!/bin/sh\n"
			       "for word; do\n"
			       "	case $word in\n"
			       "	describe) echo \"${PMKMOD_DESCRIBE:-0}\"; exit ;;\n"
			       "	-*) ;;\n"
			       "	*) break ;;\n"
			       "	esac\n"
			       "done\n"
			       "echo 'fatal: not a git repository' >&2\n"
			       "exit 128\n";

/* The machine's own does not know the phone's object files. */
static const char strip_text[] =
	"#!/bin/sh\n"
	"[ -z \"${PMKMOD_STRIP:-}\" ] || exec \"$PMKMOD_STRIP\" \"$@\"\n" EXEC_REAL("strip");

/*
 * Where distributions have the kernel, the module's source and DKMS's folders. What is there stays;
 * what cannot be made (a root that cannot be written to) is missed by few.
 */
static const char start_text[] =
	"#!/bin/sh\n"
	"link() { [ -e \"$2\" ] || { mkdir -p \"${2%/*}\" && ln -s \"$1\" \"$2\"; }; }\n"
	"{\n"
	"	modules=/lib/modules/$PMKMOD_RELEASE\n"
	"	for name in build source; do link \"$PMKMOD_KERNEL\" \"$modules/$name\"; done\n"
	"	link \"$PMKMOD_KERNEL\" \"/usr/src/linux-headers-$PMKMOD_RELEASE\"\n"
	"	link \"$PMKMOD_KERNEL\" /usr/src/linux\n"
	"	if [ -n \"$PMKMOD_SOURCE\" ]; then\n"
	"		tree=/var/lib/dkms/$PMKMOD_NAME/$PMKMOD_VERSION\n"
	"		link \"$PMKMOD_SOURCE\" \"/usr/src/$PMKMOD_NAME-$PMKMOD_VERSION\"\n"
	"		link \"$PMKMOD_SOURCE\" \"$tree/build\"\n"
	"		link \"$PMKMOD_SOURCE\" \"$tree/source\"\n"
	"	fi\n"
	"} 2>/dev/null\n"
	"unset PMKMOD_RELEASE PMKMOD_KERNEL PMKMOD_SOURCE PMKMOD_NAME PMKMOD_VERSION link\n"
	"exec \"$@\"\n";

static int write_program(const char *dir, const char *name, const char *text, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, name);

	return fs_write_scratch(path, text, strlen(text), 0755, e);
}

static char *run_dir(const struct job *j)
{
	return path_join(j->work.dir, "build/run");
}

int surroundings_make(struct job *j, struct err *e)
{
	_cleanup_free_ char *dir = run_dir(j), *bin = path_join(dir, "bin");
	const struct {
		const char *name, *text;
	} programs[] = {{"sudo", sudo_text}, {"doas", sudo_text}, {"install", install_text},
		{"strip", strip_text}, {"make", make_text}, {"git", git_text},
		{"harmless", harmless_text}};
	int r = fs_mkdirs(bin, 0755, e);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(programs); i++)
		r = write_program(bin, programs[i].name, programs[i].text, e);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(harmless); i++) {
		_cleanup_free_ char *path = path_join(bin, harmless[i]);

		if (symlink("harmless", path) < 0 && errno != EEXIST)
			r = err_errno(e, -errno, "cannot make '%s'", path);
	}
	if (r == 0)
		r = surroundings_script(j, "start", start_text, e);
	j->has_surroundings = r == 0;
	return r;
}

int surroundings_script(struct job *j, const char *name, const char *text, struct err *e)
{
	_cleanup_free_ char *dir = run_dir(j);
	int r = fs_mkdirs(dir, 0755, e);

	return r < 0 ? r : write_program(dir, name, text, e);
}

/* A variable of make's command line, as MAKEFLAGS has it: blanks and '\' are quoted. */
static void add_flag(struct strbuf *b, const char *flag)
{
	strbuf_addc(b, ' ');
	for (; *flag; flag++) {
		if (strchr(" \t\\", *flag))
			strbuf_addc(b, '\\');
		strbuf_addc(b, *flag);
	}
}

/*
 * What every make of the build is told, however it is called and however deep: as if it stood on
 * the first one's command line, so that no Makefile sets it otherwise.
 */
static char *make_flags(const struct job *j)
{
	const struct plan *p = j->plan;
	_cleanup_free_ char *arch = xasprintf("ARCH=%s", p->device.arch->linux_arch);
	_cleanup_free_ char *cross = xasprintf("CROSS_COMPILE=%s", p->cross);
	_cleanup_free_ char *flags = NULL;
	struct strbuf b = {0};

	if (p->x->jobserver)
		flags = jobserver_flags(p->x->jobserver);
	if (flags)
		strbuf_adds(&b, flags);
	else
		strbuf_addf(&b, "-j%u", p->x->jobs);
	add_flag(&b, arch);
	add_flag(&b, cross);
	add_flag(&b, "KBUILD_MODPOST_WARN=1");
	if (j->extra_symbols) {
		_cleanup_free_ char *extra = xasprintf("KBUILD_EXTRA_SYMBOLS=%s", j->extra_symbols);

		add_flag(&b, extra);
	}
	for (size_t i = 0; i < j->preflight.make_args.n; i++)
		add_flag(&b, j->preflight.make_args.v[i]);
	for (size_t i = 0; i < p->module.make_args.n; i++)
		add_flag(&b, p->module.make_args.v[i]);
	return strbuf_steal(&b);
}

int surroundings_symvers(struct job *j, struct err *e)
{
	const struct companions *c = &j->plan->companions;
	_cleanup_free_ char *dir = run_dir(j);
	_cleanup_strbuf_ struct strbuf b = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		_cleanup_free_ char *name = xasprintf("%zu.symvers", i);
		_cleanup_free_ char *to = path_join(dir, name);

		if (!c->v[i].symvers)
			continue;
		r = fs_mkdirs(dir, 0755, e);
		if (r == 0)
			r = fs_copy_file(c->v[i].symvers, to, e);
		strbuf_addf(&b, "%s" JOB_RUN "/%s", b.len ? " " : "", name);
	}
	j->extra_symbols = b.len ? strbuf_steal(&b) : NULL;
	return r;
}

static bool is_file_name(const char *name)
{
	return name && *name && *name != '.' && !strchr(name, '/');
}

void surroundings_dkms_folders(const struct job *j, struct strvec *out)
{
	const struct dkms_conf *c = &j->steps.dkms;

	if (j->steps.kind != STEPS_DKMS || !is_file_name(c->name) || !is_file_name(c->version))
		return;
	strvec_addf(out, "/var/lib/dkms/%s/%s/build", c->name, c->version);
	strvec_addf(out, "/usr/src/%s-%s", c->name, c->version);
}

void surroundings_env(const struct job *j, struct strvec *env)
{
	static const char path[] = "PATH=";
	/* what Makefiles call the kernel's build folder, and its release, when they ask for it */
	static const char *const folders[] = {"KERNEL_SRC", "KERNELDIR", "KERNEL_DIR", "KDIR",
		"KSRC", "KERNEL_SOURCE", "KERNEL_SOURCE_DIR", "KERNELSRC", "KERNEL_PATH",
		"LINUX_SRC", "LINUX_DIR", "kernel_source_dir"};
	static const char *const releases[] = {
		"KVER", "KVERSION", "KVERS", "KREL", "KERNEL_RELEASE", "kernelver"};
	const struct steps *s = &j->steps;
	const char *name = s->dkms.name ? s->dkms.name : j->plan->module.name;
	const char *version = j->plan->version ? j->plan->version : "0";
	_cleanup_free_ char *flags = make_flags(j), *source = job_inside(j);

	for (size_t i = 0; i < env->n; i++)
		if (starts_with(env->v[i], path)) {
			char *now = xasprintf(
				"%s" JOB_RUN "/bin:%s", path, env->v[i] + sizeof(path) - 1);

			free(env->v[i]);
			env->v[i] = now;
		}
	strvec_addf(env, "MAKEFLAGS=%s", flags);
	strvec_addf(env, "PMKMOD_RELEASE=%s", j->headers.release);
	strvec_addf(env, "PMKMOD_KERNEL=%s", j->headers.build_dir);
	strvec_addf(env, "PMKMOD_SOURCE=%s", source);
	strvec_addf(env, "PMKMOD_NAME=%s", name);
	strvec_addf(env, "PMKMOD_VERSION=%s",
		s->kind == STEPS_DKMS && s->dkms.version ? s->dkms.version : version);
	strvec_addf(env, "PMKMOD_DESCRIBE=%s", version);
	/* who loses the jobserver has the one job that it began with */
	strvec_addf(env, "PMKMOD_JOBS=%u", j->plan->x->jobserver ? 1 : j->plan->x->jobs);
	if (j->plan->x->jobserver)
		strvec_add(env, "PMKMOD_JOBSERVER=yes");
	if (j->preflight.clang || *j->plan->cross)
		strvec_addf(
			env, "PMKMOD_STRIP=%sstrip", j->preflight.clang ? "llvm-" : j->plan->cross);
	if (s->kind != STEPS_MAKE)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		strvec_addf(env, "%s=%s", folders[i], j->headers.build_dir);
	for (size_t i = 0; i < ARRAY_SIZE(releases); i++)
		strvec_addf(env, "%s=%s", releases[i], j->headers.release);
}

void surroundings_notes(struct job *j)
{
	_cleanup_free_ char *dir = run_dir(j), *path = path_join(dir, "noted"), *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0}, once = {0};

	if (fs_read_regular(path, NOTED_MAX, &text, NULL, NULL) < 0)
		return;
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (!strvec_has(&once, lines.v[i]))
			strvec_add(&once, lines.v[i]);
	for (size_t i = 0; i < once.n && i < NOTES_SHOWN; i++)
		progress_note(&j->plan->x->progress,
			"the source wanted to change the machine that builds; not done: %.200s",
			once.v[i]);
	if (once.n > NOTES_SHOWN)
		progress_note(
			&j->plan->x->progress, "and %zu more, see the log", once.n - NOTES_SHOWN);
	unlink(path);
}
