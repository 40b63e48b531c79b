// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The programs of a headers tree that building a module runs. History's lesson (kernel-scripts,
 * 2018): what is missing or foreign must be named before the build, or make says "fixdep: not
 * found".
 */
#include "pmkmod/kernel/kernel.h"

#include <elf.h>
#include <endian.h>
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/kernel/root_path.h"
#include "pmkmod/util/exit_codes.h"

static bool always(const struct kconfig *c)
{
	(void)c;
	return true;
}

/* scripts/Makefile.build: CRCs of a module's own exports */
static bool by_genksyms(const struct kconfig *c)
{
	return kconfig_yes(c, "MODVERSIONS") && !kconfig_yes(c, "GENDWARFKSYMS");
}

static bool by_gendwarfksyms(const struct kconfig *c)
{
	return kconfig_yes(c, "MODVERSIONS") && kconfig_yes(c, "GENDWARFKSYMS");
}

/* Makefile: since 5.10 the configuration says how mcount is recorded, before that the program was
 * it */
static bool by_recordmcount(const struct kconfig *c)
{
	static const char *const ways[] = {"FTRACE_MCOUNT_USE_PATCHABLE_FUNCTION_ENTRY",
		"FTRACE_MCOUNT_USE_CC", "FTRACE_MCOUNT_USE_OBJTOOL"};

	if (kconfig_yes(c, "FTRACE_MCOUNT_USE_RECORDMCOUNT"))
		return kconfig_yes(c, "HAVE_C_RECORDMCOUNT");
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (kconfig_yes(c, ways[i]))
			return false;
	return kconfig_yes(c, "FTRACE_MCOUNT_RECORD") && kconfig_yes(c, "DYNAMIC_FTRACE") &&
	       kconfig_yes(c, "HAVE_C_RECORDMCOUNT");
}

/* CONFIG_OBJTOOL since 5.19, before that it came with STACK_VALIDATION (4.6) */
static bool by_objtool(const struct kconfig *c)
{
	return kconfig_yes(c, "OBJTOOL") || kconfig_yes(c, "STACK_VALIDATION");
}

/*
 * sorttable, kallsyms, resolve_btfids and sign-file are not here: they work on vmlinux, or at the
 * installation, and a module is built without them.
 */
static const struct {
	const char *path;
	bool (*needed)(const struct kconfig *c);
	const char *why;
} programs[] = {
	{"scripts/basic/fixdep", always, "every compilation runs it"},
	{"scripts/mod/modpost", always, "it finishes every module"},
	{"scripts/genksyms/genksyms", by_genksyms, "CONFIG_MODVERSIONS needs it"},
	{"scripts/gendwarfksyms/gendwarfksyms", by_gendwarfksyms, "CONFIG_GENDWARFKSYMS needs it"},
	{"scripts/recordmcount", by_recordmcount, "CONFIG_FTRACE_MCOUNT_RECORD needs it"},
	{"tools/objtool/objtool", by_objtool, "CONFIG_OBJTOOL or CONFIG_STACK_VALIDATION needs it"},
};

/* Enough of the ELF header to know whose program it is. */
struct identity {
	bool script, elf;
	uint8_t elf_class, elf_data;
	uint16_t machine;
};

static int identify(const char *host_path, struct identity *id)
{
	_cleanup_close_ int fd = open(host_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	unsigned char b[20] = {0};
	ssize_t n;
	uint16_t machine;

	*id = (struct identity){0};
	if (fd < 0)
		return -errno;
	n = pread(fd, b, sizeof(b), 0);
	if (n < 0)
		return -errno;
	id->script = n >= 2 && b[0] == '#' && b[1] == '!';
	if (n < (ssize_t)sizeof(b) || memcmp(b, ELFMAG, SELFMAG) != 0)
		return 0;
	id->elf = true;
	id->elf_class = b[EI_CLASS];
	id->elf_data = b[EI_DATA];
	memcpy(&machine, b + 18, sizeof(machine));
	id->machine = id->elf_data == ELFDATA2MSB ? be16toh(machine) : le16toh(machine);
	return 0;
}

/* Alpine's name of the architecture an ELF header is for, as far as arch_by_name() knows it. */
static const char *arch_of(const struct identity *id)
{
	static const char *const names[] = {
		"aarch64", "armv7", "x86_64", "x86", "riscv64", "ppc64le", "s390x", "loongarch64"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct arch_info *a = arch_by_name(names[i]);

		if (a && a->elf_machine == id->machine && a->elf_class == id->elf_class &&
			a->elf_data == id->elf_data)
			return a->alpine;
	}
	return "an architecture pmkmod does not know";
}

static int refuse(struct err *e, const char *path, const char *why, const char *what)
{
	err_exit(e, EXIT_NO_HEADERS, -ENOEXEC, "the kernel headers' program '%s' %s (%s)", path,
		what, why);
	return err_hint(e,
		"the headers package was made on another architecture or is incomplete; install "
		"the kernel-scripts package that belongs to this kernel, or build the headers "
		"package anew");
}

static int check_program(const struct kernel_headers *h, const struct strvec *layers,
	const struct arch_info *arch, const char *name, const char *why, struct err *e)
{
	_cleanup_(root_path_free) struct root_path p = {0};
	_cleanup_free_ char *path = path_join(h->build_dir, name), *what = NULL;
	struct identity id;
	int r = root_path_resolve(&p, layers, path);

	if (r == -ENOENT || r == -ENOTDIR)
		return refuse(e, path, why, "is missing, or is a link that leads nowhere");
	if (r < 0 || !S_ISREG(p.st.st_mode))
		return refuse(e, path, why, "is no file, or a link in a circle");
	r = identify(p.host, &id);
	if (r < 0)
		return err_errno(e, r, "cannot read '%s'", p.host);
	if (!(p.st.st_mode & 0111))
		return refuse(e, path, why, "is not executable");
	if (id.script)
		return 0; /* its interpreter comes from the toolchain */
	if (!id.elf)
		return refuse(e, path, why, "is neither an ELF program nor a script");
	if (id.machine == arch->elf_machine && id.elf_class == arch->elf_class &&
		id.elf_data == arch->elf_data)
		return 0;
	what = xasprintf("is for %s (ELF machine %u), where %s is needed", arch_of(&id), id.machine,
		arch->alpine);
	return refuse(e, path, why, what);
}

size_t kernel_programs_needed(const struct kconfig *c, const char *names[KERNEL_PROGRAMS_MAX])
{
	size_t n = 0;

	_Static_assert(ARRAY_SIZE(programs) <= KERNEL_PROGRAMS_MAX, "the list has room for all");
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (programs[i].needed(c))
			names[n++] = programs[i].path;
	return n;
}

int kernel_headers_check_programs(const struct kernel_headers *h, const struct strvec *layers,
	const struct arch_info *arch, const struct kconfig *config, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		int r;

		if (!programs[i].needed(config))
			continue;
		r = check_program(h, layers, arch, programs[i].path, programs[i].why, e);
		if (r < 0)
			return r;
	}
	return 0;
}
