// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Symbol versions of a kernel of which there is only source and configuration: a CRC is a sum over
 * the preprocessed declarations, so that nothing needs to be compiled for it. kbuild runs over the
 * whole tree with a compiler that hands each exporting file to genksyms and leaves an empty object;
 * assembler is assembled, since its exports are found in the object (scripts/Makefile.build:
 * gensymtypes_S).
 */
#include "pmkmod/headers/genksyms.h"

#include <dirent.h>
#include <sys/stat.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

#define FILE_MAX (16u << 20)

/*
 * Runs as the compiler, behind a line with "real=...". What links by itself (vDSO, EFI stub, boot
 * code) is compiled really, as is whatever is no C source of the kernel; the rest gets an empty
 * object and a file of dependencies. Two passes of the preprocessor: genksyms wants EXPORT_SYMBOL
 * as it stands, class and namespace are only in what it becomes.
 */
static const char wrapper[] =
	"work=" KERNEL_WORK "/genksyms\n"
	"compile= src= obj= dep= name= file= module= last=\n"
	"for a; do\n"
	"	case $last in -o) obj=$a ;; esac\n"
	"	case $a in\n"
	"	-c) compile=1 ;;\n"
	"	-Wp,-MMD,*) dep=${a#-Wp,-MMD,} ;;\n"
	"	-Wp,-MD,*) dep=${a#-Wp,-MD,} ;;\n"
	"	-DMODULE) module=1 ;;\n"
	"	-DKBUILD_MODFILE=*) file=${a#*=} file=${file#\\\"} file=${file%\\\"} ;;\n"
	/* "name", or KBUILD_STR(name) up to 4.x */
	"	-DKBUILD_MODNAME=*) name=${a#*=} name=${name#KBUILD_STR(} name=${name%)} "
	"name=${name#\\\"} name=${name%\\\"} ;;\n"
	"	*.c) src=$a ;;\n"
	"	esac\n"
	"	last=$a\n"
	"done\n"
	"case $compile/$src/$obj in\n"
	"1/?*.c/?*.o) ;;\n"
	"*) exec $real \"$@\" ;;\n"
	"esac\n"
	"case /$obj in\n"
	"/scripts/* | /tools/* | *vdso* | */libstub/* | */compressed/* | */realmode/* | */purgatory/* | "
	"*/hyp/* | */boot/* | */pi/* | *devtmp*) exec $real \"$@\" ;;\n"
	"esac\n"
	"[ -z \"$dep\" ] || echo \"$obj: $src\" >\"$dep\"\n"
	"if grep -q 'EXPORT_\\|#[ \\t]*include[ \\t]*\".*\\.c\"' \"$src\"; then\n"
	"	owner=vmlinux\n"
	"	[ -z \"$module\" ] || owner=${file:-${obj%/*}/$name}\n"
	"	t=$work/crcs/$$\n"
	"	n=$#\n"
	"	while [ $n -gt 0 ]; do\n"
	"		a=$1; shift; n=$((n - 1))\n"
	"		case $a in -c | -Wp,-M*) continue ;; -o) shift; n=$((n - 1)); continue ;; esac\n"
	"		set -- \"$@\" \"$a\"\n"
	"	done\n"
	"	if $real -E -D__GENKSYMS__ \"$@\" >$t.i 2>>$work/errors && grep -q EXPORT_SYMBOL $t.i; then\n"
	"		{ echo \"# owner $owner\"; scripts/genksyms/genksyms -r /dev/null <$t.i; } >$t.crc "
	"2>>$work/errors || echo \"$src: genksyms failed\" >>$work/errors\n"
	"		$real -E \"$@\" 2>>$work/errors | grep '___ksymtab\\|__export_symbol_' >$t.classes\n"
	"	fi\n"
	"	rm -f $t.i\n"
	"fi\n"
	"[ -f $work/empty.o ] || { $real -c -x c -o $work/empty.$$ /dev/null && mv $work/empty.$$ $work/empty.o; }\n"
	"exec cp $work/empty.o \"$obj\"\n";

/* Afterwards: what assembler exports, of either age. */
static const char collector[] =
	"work=" KERNEL_WORK "/genksyms\n"
	"cd " KERNEL_OUT "\n"
	"find . -name '.*.o.cmd' -exec grep -h '^#SYMVER' {} + >$work/crcs/asm.crc\n"
	"find . -name '*.o' -size +0 -exec $1nm {} + 2>/dev/null | "
	"sed -n 's/^0*\\([0-9a-f]*\\) A __crc_\\(.*\\)/__crc_\\2 = 0x\\1 ;/p' >>$work/crcs/asm.crc\n"
	"find " KERNEL_SOURCE "/arch " KERNEL_SOURCE "/lib -name '*.S' -exec "
	"grep -hoE 'EXPORT_SYMBOL[A-Z_]*\\([^;{]*' {} + >$work/assembler\n"
	"find . -name modules.order -exec cat {} + | sort -u >$work/modules\n"
	"true\n";

/* ---- results ---- */

/* "__crc_printk = 0x27e1a049 ;", since 5.19 "#SYMVER printk 0x27e1a049" */
static bool parse_crc(char *line, char **name, uint32_t *crc)
{
	static const char old_mark[] = "__crc_", new_mark[] = "#SYMVER ";
	char *value, *end;

	if (starts_with(line, new_mark))
		*name = line + strlen(new_mark);
	else if (starts_with(line, old_mark))
		*name = line + strlen(old_mark);
	else
		return false;
	value = strstr(line, "0x");
	end = *name + strcspn(*name, " \t=");
	if (!value || end == *name || value < end)
		return false;
	*end = '\0';
	*crc = (uint32_t)strtoull(value, NULL, 16);
	return true;
}

static int read_crcs(struct crc_table *t, const char *path, struct err *e)
{
	static const char mark[] = "# owner ";
	_cleanup_free_ char *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	const char *owner = "vmlinux";
	int r = fs_read(path, FILE_MAX, &text, NULL, e);

	if (r < 0)
		return r;
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *name;
		uint32_t crc;

		if (starts_with(lines.v[i], mark))
			owner = lines.v[i] + strlen(mark);
		else if (parse_crc(lines.v[i], &name, &crc))
			crc_table_add(t, name, starts_with(owner, "./") ? owner + 2 : owner, crc);
	}
	return 0;
}

/* A class that was not found: the stricter one is assumed. */
static char *print_table(const struct crc_table *t, size_t *assumed)
{
	struct strbuf b = {0};

	for (size_t i = 0; i < t->n; i++) {
		const struct crc_row *r = &t->rows[i];

		*assumed += !r->class;
		strbuf_addf(&b, "0x%08x\t%s\t%s\t%s\t%s\n", r->crc, r->name, r->owner,
			r->class ? export_class_names[r->class - 1] : "EXPORT_SYMBOL_GPL",
			r->ns ? r->ns : "");
	}
	return strbuf_steal(&b);
}

static int take_classes(struct crc_table *t, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	int r = fs_read(path, FILE_MAX, &text, NULL, e);

	if (r == 0)
		export_classes_take(t, text);
	return r;
}

static int take_assembler(struct crc_table *t, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	int r = fs_read(path, FILE_MAX, &text, NULL, e);

	if (r == 0)
		strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		export_macro_take(t, lines.v[i]);
	return r;
}

/* "drivers/i2c/i2c-core.ko", with "kernel/" before it until 5.3, ".o" since 6.3 */
static char *owner_in_order(const char *line, bool prefixed)
{
	const char *from =
		prefixed && starts_with(line, "kernel/") ? line + strlen("kernel/") : line;
	const char *dot = strrchr(from, '.');

	return dot ? xstrndup(from, (size_t)(dot - from)) : xstrdup(from);
}

/*
 * A module's file may have '-' where the compiler is only told of '_', and lie above the folder of
 * an object: kbuild's lists of modules have the file's name.
 */
static int name_owners(struct crc_table *t, const char *path, bool prefixed, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0}, owners = {0}, names = {0};
	_cleanup_names_ struct name_index by_name = {0};
	int r = fs_read(path, FILE_MAX, &text, NULL, e);

	if (r < 0)
		return r;
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *owner = owner_in_order(lines.v[i], prefixed), *name = module_name_of(owner);

		strvec_take(&owners, owner);
		strvec_take(&names, name);
		name_index_add(&by_name, name, (uint32_t)i);
	}
	for (size_t i = 0; i < t->n; i++) {
		_cleanup_free_ char *name = module_name_of(t->rows[i].owner);
		const uint32_t *at = name_index_get(&by_name, name);

		if (!at || !owners.v || streq(t->rows[i].owner, "vmlinux"))
			continue;
		free(t->rows[i].owner);
		t->rows[i].owner = xstrdup(owners.v[*at]);
	}
	return 0;
}

/* The CRCs first: a class is only kept for what has one. */
static int read_all(struct crc_table *t, const char *dir, bool prefixed, struct err *e)
{
	_cleanup_free_ char *crcs = path_join(dir, "crcs"),
			    *assembler = path_join(dir, "assembler"),
			    *modules = path_join(dir, "modules");
	_cleanup_strvec_ struct strvec names = {0}, classes = {0};
	DIR *d = opendir(crcs);
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_errno(e, -errno, "cannot list '%s'", crcs);
	while ((de = readdir(d))) {
		if (ends_with(de->d_name, ".crc"))
			strvec_take(&names, path_join(crcs, de->d_name));
		else if (ends_with(de->d_name, ".classes"))
			strvec_take(&classes, path_join(crcs, de->d_name));
	}
	closedir(d);
	strvec_sort(&names);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = read_crcs(t, names.v[i], e);
	for (size_t i = 0; r == 0 && i < classes.n; i++)
		r = take_classes(t, classes.v[i], e);
	if (r == 0)
		r = take_assembler(t, assembler, e);
	return r < 0 ? r : name_owners(t, modules, prefixed, e);
}

/* ---- compared with what the shipped modules expect ---- */

static int compare_sample(struct maker *m, const struct crc_table *t, struct err *e)
{
	struct crc_comparison c = {0};

	crc_table_compare(t, m->s->sample, &c);
	if (c.differ) {
		err_exit(e, EXIT_USAGE, -EINVAL,
			"the source and configuration are not those of the phone's kernel: of %zu symbol "
			"versions that its own modules expect, %zu come out otherwise, %s first",
			c.same + c.differ, c.differ, c.first);
		free(c.first);
		return err_hint(e,
			"give the source with all patches of its aport, and the exact configuration");
	}
	strvec_addf(&m->out->notes,
		"symbol versions were computed from the source by genksyms (%zu of them); %s", t->n,
		c.same ? "a sample of the shipped modules' expectations agrees"
		       : "the kernel ships no module to compare them with");
	if (kconfig_yes(m->config, "TRIM_UNUSED_KSYMS"))
		strvec_add(&m->out->notes,
			"CONFIG_TRIM_UNUSED_KSYMS: the kernel exports only some of these symbols, and "
			"which ones its source does not tell (--image would)");
	if (c.missing)
		strvec_addf(&m->out->notes,
			"%zu symbols that shipped modules use have no computed version", c.missing);
	return 0;
}

/* ---- running it ---- */

static int prepare_folder(struct maker *m, const char *dir, struct err *e)
{
	_cleanup_free_ char *crcs = path_join(dir, "crcs"), *cc = path_join(dir, "cc");
	_cleanup_free_ char *script = path_join(dir, "collect"), *text = NULL;
	_cleanup_free_ char *flags = strvec_join(&m->remedies.cc_flags, " ");
	_cleanup_free_ char *real = m->s->clang ? xasprintf("clang %s", flags)
						: xasprintf("%sgcc %s", m->s->cross, flags);
	int r = fs_mkdirs(crcs, 0755, e);

	/* a flag has no quotes: they are the maker's own */
	text = xasprintf("#!/bin/sh\nreal='%s'\n%s", real, wrapper);
	if (r == 0)
		r = fs_write_atomic(cc, text, strlen(text), 0755, e);
	return r < 0 ? r : fs_write_atomic(script, collector, strlen(collector), 0755, e);
}

static int run_over_tree(struct maker *m, struct err *e)
{
	_cleanup_strvec_ struct strvec argv = {0};
	const char *collect[] = {
		"sh", KERNEL_WORK "/genksyms/collect", m->s->clang ? "llvm-" : m->s->cross, NULL};
	int r;

	maker_make_words(m, &argv, KERNEL_WORK "/genksyms/cc");
	strvec_add(&argv, "-k");
	strvec_add(&argv, "KBUILD_MODPOST_WARN=1");
	strvec_add(&argv, "vmlinux");
	strvec_add(&argv, "modules");
	/* it cannot succeed: empty objects do not link */
	r = maker_run(m, (const char *const *)argv.v, KERNEL_OUT, e);
	if (r >= 0)
		r = maker_run(m, collect, KERNEL_OUT, e);
	return r < 0 ? r : 0;
}

int maker_genksyms(struct maker *m, char **symvers, struct err *e)
{
	_cleanup_free_ char *dir = path_join(m->work, "genksyms");
	_cleanup_(crc_table_free) struct crc_table t = {0};
	size_t assumed = 0;
	int r;

	*symvers = NULL;
	if (kconfig_yes(m->config, "GENDWARFKSYMS")) {
		strvec_add(&m->out->notes,
			"the kernel's symbol versions are not known, and cannot be computed from its source "
			"either: CONFIG_GENDWARFKSYMS takes them from the compiled kernel");
		return 0;
	}
	progress_detail(m->s->progress, "symbol versions by genksyms over the whole source");
	r = prepare_folder(m, dir, e);
	if (r == 0)
		r = run_over_tree(m, e);
	if (r == 0)
		r = read_all(&t, dir, m->tree.code < KERNEL_VERSION_CODE(5, 3), e);
	if (r == 0 && !t.n)
		r = err_set(e, -ENOENT, "genksyms found no exports in the source '%s'", m->source);
	if (r == 0)
		r = compare_sample(m, &t, e);
	if (r < 0)
		return r;
	*symvers = print_table(&t, &assumed);
	dprintf(m->s->log_fd,
		"# %zu symbol versions computed; of %zu the class was assumed to be GPL\n", t.n,
		assumed);
	return 0;
}
