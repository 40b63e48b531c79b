// SPDX-License-Identifier: GPL-3.0-or-later
/* Kernel aports of three styles: what is read of them, their sources, and a certificate added. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/layer/manifest.h"
#include "pmkmod/aport/apkbuild.h"
#include "pmkmod/aport/aport.h"
#include "pmkmod/kernel/kernel.h"
#include "pmkmod/util/exit_codes.h"

static char scratch[64];

static char *in_scratch(const char *name)
{
	return path_join(scratch, name);
}

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = in_scratch(name);
	_cleanup_free_ char *dir = xstrndup(path, (size_t)(path_base(path) - path));
	struct err e = ERR_INIT;

	assert_int_equal(fs_mkdirs(dir, 0755, &e), 0);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, &e), 0);
}

static char *get(const char *name)
{
	_cleanup_free_ char *path = in_scratch(name);
	struct err e = ERR_INIT;
	char *text = NULL;

	if (fs_read(path, 1 << 20, &text, NULL, &e) < 0)
		fail_msg("%s", e.text);
	return text;
}

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *fmt, ...)
{
	struct strbuf b = {0};
	va_list ap;

	strbuf_addf(&b, "cd %s && ", scratch);
	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	assert_int_equal(system(b.s), 0);
	strbuf_free(&b);
}

/* The line of sha512sums for a file of the scratch folder. */
static char *sum_of(const char *file, const char *name)
{
	_cleanup_free_ char *path = in_scratch(file);
	char hex[HASH_HEX_MAX];
	struct err e = ERR_INIT;
	struct hash h;

	assert_int_equal(hash_file(AT_FDCWD, path, HASH_SHA512, &h, &e), 0);
	hash_hex(&h, hex);
	return xasprintf("%s  %s", hex, name);
}

static int load(struct aport *a, const char *name, const char *arch, struct err *e)
{
	_cleanup_free_ char *dir = in_scratch(name);

	return aport_load(a, dir, arch_by_name(arch), e);
}

static void must_load(struct aport *a, const char *name, const char *arch)
{
	struct err e = ERR_INIT;

	if (load(a, name, arch, &e) < 0)
		fail_msg("%s", e.text);
}

static const char mainline_config[] = "#\n# Linux/arm64 6.1.2 Kernel Configuration\n#\n"
				      "CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\n"
				      "CONFIG_SYSTEM_TRUSTED_KEYRING=y\n"
				      "CONFIG_SYSTEM_TRUSTED_KEYS=\"\"\n"
				      "CONFIG_CRYPTO_SHA512=m\n"
				      "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y\n";

static const char change[] = "--- a/drivers/demo.c\n+++ b/drivers/demo.c\n@@ -1,3 +1,3 @@\n one\n"
			     "-two\n+zwei\n three\n";
static const char change2[] = "--- a/drivers/demo.c\n+++ b/drivers/demo.c\n@@ -1,3 +1,3 @@\n one\n"
			      " zwei\n-three\n+drei\n";

/* Like today's: LLVM, lists over several lines, a compressed patch from the net. */
static void make_mainline(void)
{
	_cleanup_free_ char *tar = NULL, *p1 = NULL, *p2 = NULL, *config = NULL, *text = NULL;

	put("tree/linux-6.1/drivers/demo.c", "one\ntwo\nthree\n");
	put("tree/linux-6.1/Makefile", "VERSION = 6\n");
	shell("tar -C tree -czf linux-6.1.tar.gz linux-6.1");
	put("shared/first.patch", change);
	put("second.patch", change2);
	shell("gzip -nc second.patch >patch-2.patch.gz");
	put("main/config-demo.aarch64", mainline_config);
	shell("ln -sf ../shared/first.patch main/first.patch");
	tar = sum_of("linux-6.1.tar.gz", "linux-6.1.tar.gz");
	p1 = sum_of("shared/first.patch", "first.patch");
	p2 = sum_of("patch-2.patch.gz", "patch-2.patch.gz");
	config = sum_of("main/config-demo.aarch64", "config-demo.aarch64");
	text = xasprintf(
		"_flavor=\"demo\"\npkgname=linux-$_flavor\npkgver=6.1_rc2\npkgrel=9\n"
		"_kver=${pkgver%%_*}\narch=\"aarch64 armv7\"\n_carch=\"arm64\"\n"
		"makedepends=\"\n\tclang18\n\tlld\n\"\n"
		"source=\"\n\tlinux-$_kver.tar.gz::file://%s/linux-$_kver.tar.gz\n"
		"\tconfig-$_flavor.aarch64\n\tfirst.patch\n"
		"\tpatch-2.patch.gz::file://%s/patch-2.patch.gz\n\"\n"
		"builddir=\"$srcdir/linux-$_kver\"\n\n"
		"prepare() {\n\tdefault_prepare\n\tcp \"$srcdir/config-$_flavor.$CARCH\" .config\n}\n\n"
		"build() {\n\tmake ARCH=\"$_carch\" LLVM=1\n}\n\nsha512sums=\"\n%s\n%s\n%s\n%s\n\"\n",
		scratch, scratch, tar, config, p1, p2);
	put("main/APKBUILD", text);
}

/* Like the vendors': gcc6, out of tree, everything on one line; no LLVM, an old kernel. */
static void make_vendor(void)
{
	_cleanup_free_ char *config = NULL, *text = NULL;

	put("vendor/config-old-phone.armv7", "#\n# Linux/arm 3.10.49 Kernel Configuration\n#\n"
					     "CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\n"
					     "CONFIG_MODULE_SIG_FORCE=y\n"
					     "CONFIG_CRYPTO_SHA512=y\n");
	config = sum_of("vendor/config-old-phone.armv7", "config-old-phone.armv7");
	text = xasprintf(
		"pkgname=linux-old-phone-downstream\npkgver=3.10.49\npkgrel=0\narch=\"armv7\"\n"
		"_carch=\"arm\"\n_flavor=\"old-phone\"\n_config=\"config-$_flavor.$arch\"\n"
		"makedepends=\"bash gcc6 devicepkg-dev\"\n_commit=0123\n_outdir=\"out\"\n"
		"source=\"$pkgname-$_commit.tar.gz::https://example.invalid/archive/$_commit.tar.gz $_config\"\n"
		"builddir=\"$srcdir/kernel-$_commit\"\n"
		"if [ \"${CC:0:5}\" != \"gcc6-\" ]; then\n\tCC=\"gcc6-$CC\"\nfi\n"
		"prepare() { default_prepare; . downstreamkernel_prepare; }\n"
		"build() {\n\tmake O=\"$_outdir\" ARCH=\"$_carch\" CC=\"${CC:-gcc}\"\n}\n"
		"sha512sums=\"%0128d  linux-old-phone-downstream-0123.tar.gz\n%s\"",
		0, config);
	put("vendor/APKBUILD", text);
}

/* No _flavor, no _carch, no prepare(), several architectures, certificates of its own. */
static void make_generic(void)
{
	_cleanup_free_ char *config = NULL, *text = NULL;

	put("generic/config-gen.x86_64", "#\n# Linux/x86_64 7.1.9 Kernel Configuration\n#\n"
					 "CONFIG_MODULES=y\nCONFIG_MODULE_SIG=y\n"
					 "CONFIG_MODULE_SIG_FORCE=y\nCONFIG_CRYPTO_SHA512=y\n"
					 "CONFIG_SYSTEM_TRUSTED_KEYRING=y\n"
					 "CONFIG_SYSTEM_TRUSTED_KEYS=\"verity.x509.pem\"\n");
	config = sum_of("generic/config-gen.x86_64", "config-gen.x86_64");
	text = xasprintf("pkgname=linux-gen\npkgver=7.1.9\npkgrel=1\narch='all !armhf'\n"
			 "source='https://example.invalid/linux-7.1.9.tar.xz config-gen.x86_64'\n"
			 "makedepends='perl'\nbuild() { make; }\n"
			 "sha512sums='%s'\n",
		config);
	put("generic/APKBUILD", text);
}

static void read_mainline(void **state)
{
	struct aport a;

	(void)state;
	must_load(&a, "main", "aarch64");
	assert_string_equal(a.pkgname, "linux-demo");
	assert_string_equal(a.version, "6.1_rc2-r9");
	assert_string_equal(a.flavor, "demo");
	assert_string_equal(a.karch, "arm64");
	assert_string_equal(a.builddir, "linux-6.1");
	assert_null(a.outdir);
	assert_string_equal(path_base(a.config), "config-demo.aarch64");
	assert_int_equal(a.family, COMPILER_CLANG);
	assert_string_equal(a.compiler, "clang18");
	assert_true(a.llvm);
	assert_false(a.downstream);
	assert_int_equal(a.n_files, 4);
	assert_int_equal(a.files[0].kind, APORT_ARCHIVE);
	assert_string_equal(a.files[0].name, "linux-6.1.tar.gz");
	assert_true(starts_with(a.files[0].url, "file://"));
	assert_int_equal(a.files[1].kind, APORT_CONFIG);
	assert_int_equal(a.files[2].kind, APORT_PATCH);
	assert_null(a.files[2].url);
	assert_int_equal(a.files[3].kind, APORT_PATCH);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(a.files[i].sum.len, 64);
	assert_int_equal(a.notes.n, 0);
	aport_free(&a);
}

static void read_vendor(void **state)
{
	struct aport a;

	(void)state;
	must_load(&a, "vendor", "armv7");
	assert_string_equal(a.flavor, "old-phone");
	assert_string_equal(a.compiler, "gcc6");
	assert_int_equal(a.family, COMPILER_GCC);
	assert_false(a.llvm);
	assert_true(a.downstream);
	assert_string_equal(a.outdir, "out");
	assert_string_equal(a.builddir, "kernel-0123");
	assert_string_equal(path_base(a.config), "config-old-phone.armv7");
	aport_free(&a);
}

static void read_generic(void **state)
{
	struct aport a;

	(void)state;
	must_load(&a, "generic", "x86_64");
	assert_string_equal(a.flavor, "gen");
	assert_string_equal(a.karch, "x86");
	assert_string_equal(a.builddir, "linux-gen-7.1.9");
	assert_string_equal(a.compiler, "gcc");
	assert_string_equal(path_base(a.config), "config-gen.x86_64");
	assert_int_equal(a.files[0].sum.alg, HASH_NONE);
	aport_free(&a);
}

static void refused(void **state)
{
	static const struct {
		const char *text, *arch, *words;
	} cases[] = {
		{"pkgname=x\n", "aarch64", "sets no pkgver"},
		{"pkgname=firmware-x\npkgver=1\npkgrel=0\narch=noarch\n", "aarch64",
			"is no kernel"},
		{"pkgname=linux-x\npkgver=1\npkgrel=0\narch=armv7\n", "aarch64", "not for aarch64"},
		{"pkgname=linux-x\npkgver=1\npkgrel=0\narch=\"all !aarch64\"\n", "aarch64",
			"not for aarch64"},
		{"pkgname=linux-x\npkgver=$(uname -r)\npkgrel=0\n", "aarch64",
			"pkgver cannot be told"},
		{"pkgname=linux-x\npkgver=1\npkgrel=0\narch=all\nsource=../../etc/passwd\n",
			"aarch64", "outside the aport"},
		{"pkgname=linux-x\npkgver=1\npkgrel=0\narch=all\nsource='a::'\nbuilddir=/srcdir/$CHOST\n",
			"aarch64", "builddir cannot be told"},
		{"pkgname=\"linux\n", "aarch64", "never closed"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;
		struct aport a;

		put("bad/APKBUILD", cases[i].text);
		assert_true(load(&a, "bad", cases[i].arch, &e) < 0);
		if (!strstr(e.text, cases[i].words))
			fail_msg("'%s' does not say '%s'", e.text, cases[i].words);
	}
}

/* ---- sources ---- */

static struct aport_fetch fetch(char **cache)
{
	*cache = in_scratch("cache");
	return (struct aport_fetch){.cache = *cache, .limits = {.max_bytes = 1 << 20}};
}

static int prepare(struct aport *a, char **dir, struct err *e)
{
	_cleanup_free_ char *cache = NULL, *config = NULL;
	struct aport_fetch f = fetch(&cache);
	int r = aport_source(a, &f, dir, &config, e);

	if (r == 0)
		assert_string_equal(config, a->config);
	return r;
}

#define SKIP_WITHOUT_SANDBOX(r, e)                                                                 \
	do {                                                                                       \
		if ((r) < 0 && (e)->exit_code == EXIT_SANDBOX)                                     \
			skip();                                                                    \
	} while (0)

static void source_is_made_once(void **state)
{
	_cleanup_free_ char *dir = NULL, *again = NULL, *text = NULL, *file = NULL, *list = NULL;
	_cleanup_strvec_ struct strvec notes = {0}, changed = {0};
	struct err e = ERR_INIT;
	struct stat before, after;
	struct aport a;
	int r;

	(void)state;
	must_load(&a, "main", "aarch64");
	r = prepare(&a, &dir, &e);
	SKIP_WITHOUT_SANDBOX(r, &e);
	if (r < 0)
		fail_msg("%s", e.text);
	file = path_join(dir, "drivers/demo.c");
	assert_int_equal(fs_read(file, 100, &text, NULL, &e), 0);
	assert_string_equal(text, "one\nzwei\ndrei\n");
	shell("test \"$(ls %s/..)\" = \"$(printf 'complete\\nmanifest\\nsource')\"", dir);
	assert_int_equal(stat(file, &before), 0);
	assert_int_equal(prepare(&a, &again, &e), 0);
	assert_string_equal(dir, again);
	assert_int_equal(stat(file, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	/* what was patched has the patches */
	assert_int_equal(aport_check_source(&a, dir, &notes, &e), 0);
	aport_free(&a);
	/* and what a disk changes is found */
	list = xasprintf("%.*smanifest", (int)(strlen(dir) - strlen("source")), dir);
	assert_int_equal(manifest_check(dir, list, NULL, 5, &changed, &e), 0);
	shell("echo vier >>%s", file);
	assert_int_equal(manifest_check(dir, list, NULL, 5, &changed, &e), 1);
	assert_string_equal(changed.v[0], "drivers/demo.c has another length");
}

static void source_lacks_patches(void **state)
{
	_cleanup_free_ char *dir = in_scratch("tree/linux-6.1"), *text = NULL;
	_cleanup_strvec_ struct strvec notes = {0};
	struct err e = ERR_INIT;
	struct aport a;
	int r;

	(void)state;
	must_load(&a, "main", "aarch64");
	r = aport_check_source(&a, dir, &notes, &e);
	SKIP_WITHOUT_SANDBOX(r, &e);
	assert_int_equal(r, -ENOEXEC);
	assert_int_equal(e.exit_code, EXIT_PATCH_FAILED);
	assert_non_null(strstr(e.text, "lacks the patch first.patch"));
	text = get("tree/linux-6.1/drivers/demo.c");
	assert_string_equal(text, "one\ntwo\nthree\n");
	/* neither applied nor applicable */
	put("other/drivers/demo.c", "quite\nanother\nfile\n");
	free(dir);
	dir = in_scratch("other");
	e = (struct err)ERR_INIT;
	assert_int_equal(aport_check_source(&a, dir, &notes, &e), 0);
	assert_non_null(strstr(notes.v[notes.n - 2], "first.patch"));
	aport_free(&a);
}

static void patch_fails(void **state)
{
	_cleanup_free_ char *dir = NULL, *old = get("shared/first.patch"), *sum = NULL,
			    *text = NULL;
	_cleanup_free_ char *recipe = get("main/APKBUILD");
	struct err e = ERR_INIT;
	struct aport a;
	char *at;
	int r;

	(void)state;
	/* wrong sum first */
	put("shared/first.patch",
		"--- a/drivers/demo.c\n+++ b/drivers/demo.c\n@@ -1,3 +1,3 @@\n uno\n"
		"-dos\n+zwei\n tres\n");
	must_load(&a, "main", "aarch64");
	assert_int_equal(prepare(&a, &dir, &e), -EBADMSG);
	assert_int_equal(e.exit_code, EXIT_UNTRUSTED);
	assert_non_null(strstr(e.text, "expected sha512"));
	assert_non_null(strstr(e.text, "first.patch"));
	aport_free(&a);
	/* then the right one */
	sum = sum_of("shared/first.patch", "first.patch");
	at = strstr(recipe, "  first.patch\n");
	assert_non_null(at);
	memcpy(at - 128, sum, 128);
	put("main/APKBUILD", recipe);
	must_load(&a, "main", "aarch64");
	e = (struct err)ERR_INIT;
	r = prepare(&a, &dir, &e);
	put("shared/first.patch", old);
	make_mainline();
	SKIP_WITHOUT_SANDBOX(r, &e);
	assert_int_equal(r, -ECANCELED);
	assert_int_equal(e.exit_code, EXIT_PATCH_FAILED);
	assert_non_null(strstr(e.text, "first.patch"));
	assert_non_null(strstr(e.text, "Hunk #1 FAILED at 1"));
	shell("test -z \"$(ls cache/kernel-source | grep new)\"");
	aport_free(&a);
}

static void patch_is_missing(void **state)
{
	_cleanup_free_ char *dir = NULL;
	struct err e = ERR_INIT;
	struct aport a;

	(void)state;
	must_load(&a, "main", "aarch64");
	shell("mv shared/first.patch shared/away");
	assert_int_equal(prepare(&a, &dir, &e), -ENOENT);
	shell("mv shared/away shared/first.patch");
	if (e.exit_code != EXIT_PATCH_PATH)
		fail_msg("%d: %s", e.exit_code, e.text);
	aport_free(&a);
}

/* ---- certificates ---- */

static int emit(const char *name, const char *arch, const char *to, bool force, struct err *e)
{
	_cleanup_free_ char *state = in_scratch("state"), *dir = in_scratch(to);
	_cleanup_strvec_ struct strvec done = {0};
	struct module_signing s;
	struct aport a;
	int r;

	must_load(&a, name, arch);
	module_signing_paths(&s, state);
	r = module_signing_make(&s, e);
	if (r == 0)
		r = aport_emit_signing(&a, &s, dir, force, &done, e);
	module_signing_free(&s);
	aport_free(&a);
	return r;
}

static void has(const char *file, const char *words)
{
	_cleanup_free_ char *text = get(file);

	if (!strstr(text, words))
		fail_msg("%s lacks '%s':\n%s", file, words, text);
}

static void emit_mainline(void **state)
{
	_cleanup_free_ char *old = get("main/APKBUILD"), *new = NULL;
	struct err e = ERR_INIT;
	struct aport a;
	struct stat st;

	(void)state;
	if (emit("main", "aarch64", "out-main", false, &e) < 0)
		fail_msg("%s", e.text);
	must_load(&a, "out-main", "aarch64");
	assert_string_equal(a.version, "6.1_rc2-r10");
	assert_int_equal(a.n_files, 5);
	assert_string_equal(a.files[4].name, "pmkmod-module-signing.pem");
	aport_free(&a);
	has("out-main/config-demo.aarch64",
		"CONFIG_SYSTEM_TRUSTED_KEYS=\"pmkmod-module-signing.pem\"\nCONFIG_CRYPTO_SHA512=y\n");
	has("out-main/APKBUILD",
		"$CARCH\" .config\n\n\t# modules signed by this certificate are accepted\n"
		"\tcp \"$srcdir/pmkmod-module-signing.pem\" \"$builddir/pmkmod-module-signing.pem\"\n}\n");
	/* links to outside became files */
	shell("test -f out-main/first.patch && test ! -L out-main/first.patch");
	shell("busybox ash -n out-main/APKBUILD 2>/dev/null || sh -n out-main/APKBUILD");
	shell("test $(stat -c %%a state/keys/module-signing.pem) = 600");
	shell("cmp state/keys/module-signing.crt out-main/pmkmod-module-signing.pem");
	/* what was added is all that is different */
	new = get("out-main/APKBUILD");
	assert_true(strlen(new) > strlen(old));
	shell("diff main/APKBUILD out-main/APKBUILD | grep -c '^<' | grep -qx 2");
	/* nothing is written over */
	assert_true(emit("main", "aarch64", "out-main", false, &e) < 0);
	assert_int_equal(e.exit_code, EXIT_USAGE);
	/* the same again is the same */
	e = (struct err)ERR_INIT;
	assert_int_equal(emit("main", "aarch64", "out-again", false, &e), 0);
	shell("diff -r out-main out-again");
	/* an aport that has it already */
	assert_true(emit("out-main", "aarch64", "out-twice", false, &e) < 0);
	assert_int_not_equal(stat("out-twice", &st), 0);
}

static void emit_vendor(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	if (emit("vendor", "armv7", "out-vendor", false, &e) < 0)
		fail_msg("%s", e.text);
	has("out-vendor/APKBUILD",
		"prepare() { default_prepare; . downstreamkernel_prepare; \n\n"
		"\t# modules signed by this certificate are accepted\n"
		"\tcp \"$srcdir/pmkmod-module-signing.x509\" \"$builddir/pmkmod-module-signing.x509\"\n"
		"\tmkdir -p \"$builddir/$_outdir\"\n"
		"\tcat \"$srcdir/pmkmod-module-signing.x509\" > \"$builddir/$_outdir/extra_certificates\"\n"
		"}\n");
	shell("sh -n out-vendor/APKBUILD");
	/* DER: an ASN.1 sequence */
	shell("head -c 1 out-vendor/pmkmod-module-signing.x509 | od -An -tx1 | grep -q 30");
}

static void emit_generic(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	if (emit("generic", "x86_64", "out-generic", false, &e) < 0)
		fail_msg("%s", e.text);
	has("out-generic/config-gen.x86_64",
		"CONFIG_SYSTEM_TRUSTED_KEYS=\"pmkmod-trusted-keys.pem\"\n");
	has("out-generic/APKBUILD", "\nprepare() {\n\tdefault_prepare\n");
	has("out-generic/APKBUILD",
		"\tcat \"$builddir/verity.x509.pem\" \"$srcdir/pmkmod-module-signing.pem\" \\\n");
	shell("sh -n out-generic/APKBUILD");
}

static void emit_where_pointless(void **state)
{
	static const struct {
		const char *config;
		bool force;
		const char *words; /* NULL: it works */
	} cases[] = {
		{"# Linux/arm64 6.1.2 Kernel Configuration\n# CONFIG_MODULES is not set\n", true,
			"loads no modules at all"},
		{"# Linux/arm64 3.4.5 Kernel Configuration\nCONFIG_MODULES=y\n", true,
			"before 3.7"},
		{"# Linux/arm64 6.1.2 Kernel Configuration\nCONFIG_MODULES=y\n", false,
			"takes unsigned modules"},
		{"# Linux/arm64 6.1.2 Kernel Configuration\nCONFIG_MODULES=y\n", true, NULL},
		{"# Linux/arm64 6.1.2 Kernel Configuration\nCONFIG_MODULES=y\n"
		 "CONFIG_MODULE_SIG_FORCE=y\nCONFIG_SYSTEM_TRUSTED_KEYS=\"pkcs11:x\"\n",
			false, "no file can be added"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = ERR_INIT;
		int r;

		put("main/config-demo.aarch64", cases[i].config);
		r = emit("main", "aarch64", cases[i].words ? "out-refused" : "out-pointless",
			cases[i].force, &e);
		assert_int_equal(r < 0, cases[i].words != NULL);
		if (cases[i].words && !strstr(e.text, cases[i].words))
			fail_msg("'%s' does not say '%s'", e.text, cases[i].words);
	}
	has("out-pointless/config-demo.aarch64", "# CONFIG_MODULE_SIG_FORCE is not set\n");
	has("out-pointless/config-demo.aarch64", "CONFIG_MODULE_SIG=y\n");
	make_mainline();
}

static void config_versions(void **state)
{
	(void)state;
	assert_int_equal(
		config_file_version("#\n# Linux/arm64 7.1.0-rc1 Kernel Configuration\n"), 0x070100);
	assert_int_equal(config_file_version("# Linux/arm 3.4.0 Kernel Configuration\n"), 0x030400);
	assert_int_equal(config_file_version("# Compiler: x\nCONFIG_X=y\n"), 0);
	assert_int_equal(config_file_version(""), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(scratch, "/tmp/pmkmod-aport-XXXXXX");
	if (!mkdtemp(scratch) || chmod(scratch, 0755) < 0)
		return -1;
	make_mainline();
	make_vendor();
	make_generic();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fs_remove_tree(scratch, NULL);
}

/* ---- what only a shell knows ---- */

static const struct {
	const char *recipe, *function;
	const char *answer; /* of the variable `v`; NULL: there is none */
} ask_cases[] = {
	{"v=$(awk 'BEGIN { print 1 + 1 }')\n", NULL, "2"},
	{"v=$(awk 'BEGIN { print \"a b\\n c\" }')\n", NULL, "a b\n c"},
	/* the aport's own folder is where abuild starts */
	{"v=$(awk 'END { print NR }' list)$(awk 'END { print NR }' \"$startdir/list\")\n", NULL,
		"33"},
	{"v=outer\nf() {\n\tv=\"$subpkgname $(awk 'BEGIN { print 7 }')\"\n}\n", "f", "sub 7"},
	{"echo noise; echo more >&2; v=quiet\n", NULL, "quiet"},
	{"w=1\n", NULL, ""},
	{"v=\n", NULL, ""},
	/* as for abuild: what fails ends the recipe */
	{"v=$(no-such-program-at-all)\n", NULL, NULL},
	{"v=1\nexit 0\n", NULL, NULL},
	{"v=1\nfalse\n", NULL, NULL},
	{"v=1\n", "no_such_function", NULL},
	/* abuild would set these, nobody knows to what */
	{"v=\"$CHOST\"\n", NULL, NULL},
	{"v=\"x${CFLAGS#-}y\"\n", NULL, NULL},
	/* it cannot write, nor reach anything */
	{"echo changed >list; v=1\n", NULL, NULL},
	/* of what machine? */
	{"v=$(uname -r)\n", NULL, NULL},
};

static void ask_a_shell(void **state)
{
	const struct apkbuild_env env[] = {
		{"CARCH", "aarch64"}, {"startdir", "/elsewhere"}, {"subpkgname", "sub"}};

	(void)state;
	put("asked/list", "1\n2\n3\n");
	for (size_t i = 0; i < ARRAY_SIZE(ask_cases); i++) {
		struct apkbuild_question q[] = {{.name = "CARCH"}, {.name = "v"}};
		_cleanup_free_ char *dir = in_scratch("asked");
		struct err e = ERR_INIT;

		put("asked/APKBUILD", ask_cases[i].recipe);
		/* too much output is an error, all else only no answer */
		apkbuild_ask(
			dir, env, ARRAY_SIZE(env), ask_cases[i].function, q, ARRAY_SIZE(q), &e);
		if (!ask_cases[i].answer) {
			assert_null(q[1].answer);
		} else {
			assert_non_null(q[1].answer);
			assert_string_equal(q[1].answer, ask_cases[i].answer);
			assert_string_equal(q[0].answer, "aarch64");
		}
		free(q[0].answer);
		free(q[1].answer);
	}
	{
		_cleanup_free_ char *list = get("asked/list");

		assert_string_equal(list, "1\n2\n3\n");
	}
}

static void names_are_checked(void **state)
{
	struct apkbuild_question bad = {.name = "v}; touch x; ${v"}, good = {.name = "v"};
	_cleanup_free_ char *dir = in_scratch("asked");
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(apkbuild_ask(dir, NULL, 0, NULL, &bad, 1, &e), -EINVAL);
	assert_int_equal(apkbuild_ask(dir, NULL, 0, "f; g", &good, 1, &e), -EINVAL);
	assert_int_equal(apkbuild_ask(dir, NULL, 0, "", &good, 1, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_mainline),
		cmocka_unit_test(read_vendor),
		cmocka_unit_test(read_generic),
		cmocka_unit_test(refused),
		cmocka_unit_test(source_is_made_once),
		cmocka_unit_test(source_lacks_patches),
		cmocka_unit_test(patch_fails),
		cmocka_unit_test(patch_is_missing),
		cmocka_unit_test(emit_mainline),
		cmocka_unit_test(emit_vendor),
		cmocka_unit_test(emit_generic),
		cmocka_unit_test(emit_where_pointless),
		cmocka_unit_test(config_versions),
		cmocka_unit_test(ask_a_shell),
		cmocka_unit_test(names_are_checked),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
