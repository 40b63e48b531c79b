/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Kernel aports: folders with an APKBUILD that makes a linux-* package, as pmaports and Alpine have
 * them. Nothing of them is run on the host.
 */
#ifndef PMKMOD_APORT_H
#define PMKMOD_APORT_H

#include <stdbool.h>

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/preflight/compiler.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/progress.h"

enum aport_kind {
	APORT_ARCHIVE, /* unpacked by abuild */
	APORT_PATCH, /* applied by abuild: *.patch, also compressed */
	APORT_CONFIG, /* a kernel configuration */
	APORT_OTHER, /* used by functions of the APKBUILD */
};

/* One entry of source=. */
struct aport_file {
	enum aport_kind kind;
	char *name; /* file name in abuild's srcdir and in sha512sums */
	char *url; /* NULL: a file of the aport, ... */
	char *path; /* ... relative to its folder */
	struct hash sum; /* HASH_SHA512, or HASH_NONE: the aport has none for it */
};

struct aport {
	char *dir; /* of the APKBUILD */
	bool of_module; /* not of a kernel: what is said of configuration and compiler is empty */
	const struct arch_info *arch;
	char *pkgname, *pkgver, *version; /* "linux-x", "6.1.2", "6.1.2-r0" */
	char *flavor; /* $_flavor, or pkgname without "linux-" */
	char *karch; /* $_carch: kbuild's ARCH=; from `arch` if it is not set */
	char *config; /* path of the configuration for `arch`; NULL: it has none */
	struct aport_file *files; /* in the order of source= */
	size_t n_files;
	enum compiler_family family;
	char *compiler; /* package that has it: "gcc", "gcc6", "gcc4", "clang", "clang18" */
	bool llvm; /* build() says LLVM=1: lld and the llvm tools, too */
	char *outdir; /* $_outdir, relative to the source: "out"; NULL: none */
	char *builddir; /* $builddir, relative to srcdir: "linux-6.1.2" */
	char *localversion; /* LOCALVERSION= of build()'s make; NULL: none, or not known */
	char *source_var; /* the variable with it: "builddir", or "ksrcdir" of some old ones */
	bool downstream; /* uses downstreamkernel_prepare of devicepkg-dev */
	struct strvec makedepends, subpackages;
	/* what a reader cannot do in its place: lines of prepare() beyond the usual, and what of
	 * the APKBUILD could not be evaluated */
	struct strvec notes;
};

/*
 * Read the aport in `dir` as it is for `arch`. -ENOENT: no APKBUILD; -ENOTSUP: it is not for this
 * architecture; -EINVAL: it is no kernel, or something that is needed cannot be evaluated (with its
 * line).
 */
int aport_load(struct aport *a, const char *dir, const struct arch_info *arch, struct err *e);
/*
 * The same without asking a shell in the sandbox where the recipe cannot be evaluated by reading it
 * alone, which *gave_up says: for several threads at once.
 */
int aport_load_unasked(struct aport *a, const char *dir, const struct arch_info *arch,
	bool *gave_up, struct err *e);
/*
 * The aport of a module, of whatever name and architecture. builddir is "." if it is srcdir itself.
 */
int aport_load_module(
	struct aport *a, const char *dir, const struct arch_info *arch, struct err *e);
void aport_free(struct aport *a);

struct aport_fetch {
	const char *cache; /* paths.cache */
	struct download_limits limits;
	struct progress *progress; /* may be NULL */
};

/*
 * The aport's kernel source with its patches, below <cache>/kernel-source/, made once: archives are
 * downloaded into <cache>/sources and compared with sha512sums, unpacked, patched in order in the
 * sandbox. *source_dir and *config_path belong to the caller (the latter NULL if there is none).
 * Errors: -EBADMSG a checksum is wrong (30), -ENOENT a patch is missing (5), -ECANCELED a patch
 * does not apply (6), those of download() and sandbox_run().
 */
int aport_source(const struct aport *a, const struct aport_fetch *f, char **source_dir,
	char **config_path, struct err *e);

/*
 * The file of one entry of source=, downloaded if it is remote, its sum compared; *path belongs to
 * the caller. Errors as above.
 */
int aport_get_file(const struct aport *a, const struct aport_fetch *f,
	const struct aport_file *file, char **path, struct err *e);

/*
 * Has the folder `source_dir`, which is not changed, the aport's patches? -ENOEXEC (exit code 6)
 * names the first that it lacks. For patches that are neither in it nor would apply, as when a
 * later one changed the same lines, a sentence goes to `notes`.
 */
int aport_check_source(
	const struct aport *a, const char *source_dir, struct strvec *notes, struct err *e);

/* ---- for kernels that take signed modules alone ---- */

/* A key for modules and its certificate, made by signing_cert() on first use. */
struct module_signing {
	char *key; /* <state>/keys/module-signing.pem: private key and certificate, 0600 */
	char *certificate; /* <state>/keys/module-signing.crt: the certificate, PEM */
};
/* The files' names; nothing is made. */
void module_signing_paths(struct module_signing *s, const char *state);
/* Make both if the key is not there yet; make the certificate again from the key if only that is
 * missing. Two at once make one. */
int module_signing_make(const struct module_signing *s, struct err *e);
/* The certificate as X.509 in DER, for kernels before 4.3; caller frees *der. */
int module_signing_der(const struct module_signing *s, char **der, size_t *len, struct err *e);
void module_signing_free(struct module_signing *s);

/* Why a kernel would (not) care for signatures. */
enum signing_need {
	SIGNING_REQUIRED, /* MODULE_SIG_FORCE or lockdown */
	SIGNING_OPTIONAL, /* unsigned modules load, too */
	SIGNING_NO_MODULES, /* MODULES=n */
	SIGNING_TOO_OLD, /* before 3.7: module signatures are not known */
};
/* What its configuration says; *why is a static sentence. `version`: as kernel_version_code(). */
struct kconfig;
enum signing_need kernel_signing_need(const struct kconfig *c, unsigned version, const char **why);
/* "# Linux/arm64 6.1.2 Kernel Configuration" -> 0x060102; 0: no such line. */
unsigned config_file_version(const char *text);

/*
 * Write the aport into `to` (which must not exist or be empty) with the certificate trusted by the
 * kernel. `force`: also where the kernel takes unsigned modules. What was done goes to `done`, one
 * line each.
 */
int aport_emit_signing(const struct aport *a, const struct module_signing *s, const char *to,
	bool force, struct strvec *done, struct err *e);

#endif
