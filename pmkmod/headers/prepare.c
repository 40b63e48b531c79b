// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Source and configuration become a prepared build folder: `make olddefconfig modules_prepare` in a
 * folder of our own, by this machine's tools. What does not belong together is told first.
 */
#include "pmkmod/headers/parts.h"

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

#define MAKEFILE_MAX (1u << 20)

/* "6.1.176-rc1" -> "6.1.176"; "3.4" stays */
static size_t numbers(const char *version)
{
	return strspn(version, "0123456789.");
}

static int check_config(struct maker *m, struct err *e)
{
	const struct headers_spec *s = m->s;
	struct config_header h;
	int r = 0;

	config_header_read(&h, s->config);
	if (h.arch && !streq(h.arch, s->arch->linux_arch) &&
		!(streq(s->arch->linux_arch, "x86") &&
			(streq(h.arch, "x86_64") || streq(h.arch, "i386")))) {
		r = err_exit(e, EXIT_USAGE, -EINVAL,
			"the configuration (%s) is for Linux/%s, but %s needs Linux/%s",
			s->config_from, h.arch, s->arch->alpine, s->arch->linux_arch);
	} else if (h.version) {
		uint32_t code = kernel_version_code(h.version);

		if (code >> 8 != m->tree.code >> 8) {
			r = err_exit(e, EXIT_USAGE, -EINVAL,
				"the configuration (%s) is of Linux %s, but the source in '%s' is Linux "
				"%s",
				s->config_from, h.version, m->source, m->tree.version);
			err_hint(e, "give the source and the configuration of the same kernel");
		} else if (code != m->tree.code) {
			strvec_addf(&m->out->notes,
				"the configuration (%s) was made by Linux %s, the source is Linux %s",
				s->config_from, h.version, m->tree.version);
		}
	}
	config_header_free(&h);
	return r;
}

static int check_source(struct maker *m, struct err *e)
{
	const struct headers_spec *s = m->s;

	if (m->tree.dirty) {
		err_exit(e, EXIT_USAGE, -EINVAL,
			"the kernel source in '%s' has a build of its own in it (%s), which kbuild "
			"refuses as not clean",
			m->source, m->tree.dirty);
		return err_hint(e,
			"run `make mrproper` there, or, if that build is the phone's kernel, give the "
			"folder as --kdir");
	}
	if (s->release) {
		size_t n = numbers(m->tree.version);

		if (strncmp(s->release, m->tree.version, n) != 0 ||
			(s->release[n] >= '0' && s->release[n] <= '9')) {
			err_exit(e, EXIT_USAGE, -EINVAL,
				"the phone's kernel is release %s, but the source in '%s' is Linux %s: "
				"a module built with it would not load",
				s->release, m->source, m->tree.version);
			return err_hint(
				e, "give the source that the kernel package was built from");
		}
	}
	return check_config(m, e);
}

/* ---- which compilers, and what they need ---- */

static int ask_compilers(struct maker *m, struct remedy_input *in, struct err *e)
{
	const struct headers_spec *s = m->s;
	_cleanup_free_ char *cross = xasprintf("%sgcc", s->cross);
	const char *cc = s->clang ? "clang" : cross;
	_cleanup_free_ char *script = xasprintf("gcc -dumpversion && %s -dumpversion", cc);
	const char *argv[] = {"sh", "-c", script, NULL};
	_cleanup_free_ char *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	int r = maker_capture(m, argv, &text, e);

	if (r < 0) {
		if (e)
			e->exit_code = EXIT_SANDBOX;
		err_prefix(e, "this machine's compilers for %s do not run", s->arch->alpine);
		return err_hint(e,
			s->host_root ? "install gcc and %s on this machine, or use "
				       "`-o toolchain.native=layer`"
				     : "the channel's `native`%s packages must have them",
			s->host_root ? cc
			: s->clang   ? " and `clang`"
				     : "");
	}
	strvec_split(&lines, text, "\n");
	if (lines.n < 2)
		return err_set(e, -EINVAL, "the compilers' versions cannot be read: %.200s", text);
	in->hostcc_major = (unsigned)strtoul(lines.v[0], NULL, 10);
	in->cc_major = (unsigned)strtoul(lines.v[1], NULL, 10);
	return 0;
}

/* How this kernel is told to use clang. */
static int find_llvm(struct maker *m, struct err *e)
{
	_cleanup_free_ char *top = path_join(m->source, "Makefile"), *text = NULL;
	_cleanup_free_ char *arch =
		xasprintf("%s/arch/%s/Makefile", m->source, m->s->arch->linux_arch);
	_cleanup_free_ char *arch_text = NULL;
	struct llvm_input in = {.version = m->tree.code,
		.tools = "",
		.cross = m->s->cross,
		.cc_flags = &m->remedies.cc_flags,
		.lld = kconfig_yes(m->config, "LD_IS_LLD") || kconfig_yes(m->config, "LTO_CLANG")};
	int r = fs_read(top, MAKEFILE_MAX, &text, NULL, e);

	if (r < 0)
		return r;
	if (fs_read(arch, MAKEFILE_MAX, &arch_text, NULL, NULL) < 0)
		arch_text = xstrdup("");
	in.makefile = text;
	in.arch_makefile = arch_text;
	r = remedies_llvm_args(&m->make_args, &in, e);
	if (r < 0 && e)
		e->exit_code = EXIT_SANDBOX;
	return r;
}

int maker_remedies(struct maker *m, struct err *e)
{
	struct remedy_input in = {.source = m->source,
		.shadow = m->shadow,
		.config = m->config,
		.arch = m->s->arch,
		.version = m->tree.code,
		.clang = m->s->clang};
	int r = ask_compilers(m, &in, e);

	if (r == 0)
		r = remedies_find(&m->remedies, &in, e);
	for (size_t i = 0; r == 0 && i < m->remedies.names.n; i++)
		dprintf(m->s->log_fd, "# remedy: %s\n", m->remedies.names.v[i]);
	if (r == 0 && m->s->clang)
		r = find_llvm(m, e);
	return r;
}

void maker_make_words(const struct maker *m, struct strvec *argv, const char *cc)
{
	const struct headers_spec *s = m->s;
	_cleanup_free_ char *cc_flags = strvec_join(&m->remedies.cc_flags, " ");
	_cleanup_free_ char *host_flags = strvec_join(&m->remedies.hostcc_flags, " ");

	strvec_add(argv, "make");
	strvec_addf(argv, "-j%u", s->jobs ? s->jobs : 1);
	strvec_add(argv, "-C");
	strvec_add(argv, KERNEL_SOURCE);
	strvec_add(argv, "O=" KERNEL_OUT);
	strvec_addf(argv, "ARCH=%s", s->arch->linux_arch);
	strvec_addf(argv, "CROSS_COMPILE=%s", s->cross);
	strvec_addf(argv, "HOSTCC=gcc%s%s", *host_flags ? " " : "", host_flags);
	/* by its path: the shell of some busyboxes has an `ar` of its own, which makes no archives
	 */
	if (!*s->cross && !s->clang)
		strvec_add(argv, "HOSTAR=/usr/bin/ar");
	/* named, because vendors' Makefiles put wrappers of theirs in its place */
	if (cc)
		strvec_addf(argv, "CC=%s", cc);
	else if (!s->clang)
		strvec_addf(argv, "CC=%sgcc%s%s", s->cross, *cc_flags ? " " : "", cc_flags);
	strvec_add_all(argv, &m->make_args);
}

static int make_failed(struct maker *m, int status, struct err *e)
{
	return err_exit(e, EXIT_BUILD_FAILED, -ECANCELED,
		"preparing the kernel source in '%s' failed (make ended with status %d)", m->source,
		status);
}

/* Before 3.7 no target takes the defaults of new symbols without asking. */
static int run_make(struct maker *m, struct err *e)
{
	bool olddefconfig = m->tree.code >= KERNEL_VERSION_CODE(3, 7);
	_cleanup_strvec_ struct strvec argv = {0}, sh = {0};
	int status;

	maker_make_words(m, &argv, NULL);
	if (!olddefconfig) {
		strvec_add(&sh, "sh");
		strvec_add(&sh, "-c");
		strvec_add(
			&sh, "yes '' 2>/dev/null | \"$@\" oldconfig >&2 && \"$@\" modules_prepare");
		strvec_add(&sh, "sh");
		strvec_add_all(&sh, &argv);
	} else {
		strvec_add_all(&sh, &argv);
		strvec_add(&sh, "olddefconfig");
		strvec_add(&sh, "modules_prepare");
	}
	status = maker_run(m, (const char *const *)sh.v, KERNEL_OUT, e);
	return status > 0 ? make_failed(m, status, e) : status;
}

/* ---- did the configuration survive? ---- */

/* Facts about the compiler and other tools, which no module's code depends on by themselves. */
static bool tool_fact(const char *symbol)
{
	static const char *const begins[] = {"CC_", "GCC_", "GCC10_", "GCC11_", "GCC12_", "CLANG_",
		"AS_", "LD_", "LLD_", "PAHOLE_", "RUSTC_", "BINDGEN_", "TOOLS_SUPPORT_", "RUST_IS_",
		"HAVE_", "ARCH_SUPPORTS_", "ARCH_HAS_", "DEFCONFIG_LIST", "DEBUG_INFO_COMPRESSED",
		"RANDSTRUCT_NONE", "INIT_STACK_NONE", "EXTRA_FIRMWARE", "BUILD_SALT",
		"LOCALVERSION"};

	for (size_t i = 0; i < ARRAY_SIZE(begins); i++)
		if (starts_with(symbol, begins[i]))
			return true;
	return strstr(symbol, "_HAS_") || strstr(symbol, "CC_OPTIMIZE");
}

/* What changes the layout of structures or the calling of functions: no module would fit. */
static bool decides(const char *symbol)
{
	static const char *const names[] = {"SMP", "PREEMPT", "PREEMPT_RT", "MODULES",
		"MODVERSIONS", "MODULE_UNLOAD", "CFI", "CFI_CLANG", "SHADOW_CALL_STACK",
		"LTO_CLANG_FULL", "LTO_CLANG_THIN", "RANDSTRUCT_FULL", "RANDSTRUCT_PERFORMANCE",
		"GCC_PLUGIN_RANDSTRUCT", "GENDWARFKSYMS", "STACKPROTECTOR_PER_TASK",
		"THUMB2_KERNEL", "64BIT", "CPU_BIG_ENDIAN", "ARM64_16K_PAGES", "ARM64_64K_PAGES",
		"ARM64_4K_PAGES"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(symbol, names[i]))
			return true;
	return false;
}

static int compare_configs(struct maker *m, struct kconfig *after, struct err *e)
{
	_cleanup_strvec_ struct strvec lines = {0}, changed = {0}, fatal = {0};
	_cleanup_free_ char *list = NULL;

	strvec_split(&lines, m->s->config, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		char *eq = strchr(lines.v[i], '=');
		const char *symbol = lines.v[i] + strlen("CONFIG_"), *before, *now;

		if (!eq || !starts_with(lines.v[i], "CONFIG_"))
			continue;
		*eq = '\0';
		before = kconfig_get(m->config, symbol);
		now = kconfig_get(after, symbol);
		if (!before || tool_fact(symbol) || (now && streq(before, now)))
			continue;
		strvec_addf(decides(symbol) ? &fatal : &changed, "%s (%s, now %s)", symbol, before,
			now ? now : "not set");
	}
	if (fatal.n) {
		list = strvec_join(&fatal, ", ");
		err_exit(e, EXIT_USAGE, -EINVAL,
			"with this source and these compilers the configuration (%s) does not stay as it "
			"is: %s",
			m->s->config_from, list);
		return err_hint(e,
			"modules built so would not fit the phone's kernel; use the compiler it was "
			"built with (--cc), and the configuration and source of the same kernel");
	}
	if (changed.n) {
		list = strvec_join(&changed, ", ");
		dprintf(m->s->log_fd, "# configuration changed: %s\n", list);
		strvec_addf(&m->out->notes,
			"%zu lines of the configuration do not stay as they are with this source and "
			"compiler (the log names them), %s first",
			changed.n, changed.v[0]);
	}
	return 0;
}

static int read_config(struct maker *m, struct err *e)
{
	_cleanup_free_ char *path = path_join(m->out_dir, ".config");
	struct kconfig *after = NULL;
	int r = kconfig_read(&after, path, e);

	if (r == 0)
		r = compare_configs(m, after, e);
	if (r == 0) {
		kconfig_free(m->config);
		m->config = steal_ptr(after);
	}
	kconfig_free(after);
	return r;
}

int maker_prepare(struct maker *m, struct err *e)
{
	_cleanup_free_ char *config = path_join(m->out_dir, ".config");
	size_t len = strlen(m->s->config);
	int r = check_source(m, e);

	if (r == 0)
		r = kconfig_parse(&m->config, m->s->config, len, e);
	if (r == 0 && !kconfig_yes(m->config, "MODULES")) {
		r = err_exit(e, EXIT_EXCLUDED, -EINVAL,
			"the phone's kernel cannot load modules: its configuration (%s) has no "
			"CONFIG_MODULES=y",
			m->s->config_from);
	}
	if (r == 0)
		r = fs_write_atomic(config, m->s->config, len, 0644, e);
	if (r == 0)
		r = maker_remedies(m, e);
	if (r == 0)
		r = run_make(m, e);
	return r < 0 ? r : read_config(m, e);
}
