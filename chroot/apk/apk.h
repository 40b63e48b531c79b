/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Data of apk packages and repositories, shared by all of chroot/apk. Format knowledge: apk-tools
 * src/package.c, src/database.c, src/io_archive.c, src/version.c and doc/apk-v2.5.scd,
 * doc/apk-package.5.scd; abuild's abuild.in and abuild-tar.c.
 */
#ifndef PMKMOD_APK_H
#define PMKMOD_APK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "chroot/base/err.h"
#include "chroot/base/hash.h"
#include "chroot/base/str.h"

/* ---- versions (version.c): rules of apk-tools 3 ---- */
enum {
	APK_VER_EQ = 1,
	APK_VER_LT = 2,
	APK_VER_GT = 4,
	APK_VER_FUZZY = 8,
	APK_VER_CONFLICT = 16,
	APK_VER_CHECKSUM = 32
};
#define APK_VER_ANY (APK_VER_EQ | APK_VER_LT | APK_VER_GT)

bool apk_version_valid(const char *v);
/* APK_VER_LT, APK_VER_EQ or APK_VER_GT: how `a` stands to `b`; `fuzzy`: b may be a prefix. */
int apk_version_compare(const char *a, const char *b, bool fuzzy);
/* Does `have` satisfy `op want`? op is a mask of the APK_VER_ bits. */
bool apk_version_match(const char *have, int op, const char *want);

/* ---- dependencies (dep.c): "name", "name=1.2-r0", "name>=1", "name~1.2", "!name", "name@tag",
 *      "name><Q1..." ---- */
struct apk_dep {
	char *name;
	char *version; /* NULL: any; with APK_VER_CHECKSUM the checksum text */
	char *tag; /* repository pin, NULL: none */
	int op; /* mask; APK_VER_ANY without a version */
	bool conflict; /* leading '!' */
};
struct apk_deps {
	struct apk_dep *v;
	size_t n;
	size_t room; /* in v; 0 or less than n: it is full */
};
/* Parse one word; -EINVAL on nonsense. */
int apk_dep_parse(struct apk_dep *d, const char *word, struct err *e);
/* Parse a blank- or newline-separated list and append. */
int apk_deps_parse(struct apk_deps *l, const char *text, struct err *e);
char *apk_dep_print(const struct apk_dep *d); /* caller frees */
void apk_dep_free(struct apk_dep *d);
void apk_deps_free(struct apk_deps *l);

/* ---- package metadata: one record of an index, of .PKGINFO or of the installed database ---- */
struct apk_pkg {
	char *name, *version, *arch, *desc, *url, *license, *origin, *maintainer, *commit;
	char *packager; /* .PKGINFO only */
	uint64_t size; /* S: bytes of the .apk */
	uint64_t installed_size; /* I: bytes; 0 means virtual: nothing to download */
	int64_t build_time;
	uint32_t provider_priority, replaces_priority;
	struct apk_deps depends, provides, install_if, replaces;
	struct strvec triggers; /* globs (.PKGINFO and installed database only) */
	struct hash identity; /* C: SHA-1 over the compressed control member */
	struct hash datahash; /* SHA-256 of the compressed data member (.PKGINFO only) */
	bool uninstallable; /* carries a field of a newer format: never chosen */
	const struct apk_repo
		*repo; /* where it came from, borrowed; NULL: local file or installed */
};
void apk_pkg_free(struct apk_pkg *p); /* frees what it holds, not p itself */
char *apk_identity_text(const struct hash *h); /* "Q1<base64>", caller frees */
int apk_identity_parse(struct hash *h, const char *text); /* Q1/Q2 base64, X1/X2 hex */

/* ---- keys and signatures (sign.c) ---- */
struct apk_keys; /* public keys by file name */
/* Load every *.pub in each folder of `dirs`; hidden files are skipped. A folder that is missing is
 * an error that names it. */
int apk_keys_load(struct apk_keys **out, const struct strvec *dirs, struct err *e);
void apk_keys_free(struct apk_keys *k);
size_t apk_keys_count(const struct apk_keys *k);
bool apk_keys_has(const struct apk_keys *k, const char *name);
/* Sorted names of the keys, joined by ", ": for messages. Caller frees. */
char *apk_keys_names(const struct apk_keys *k);

struct apk_signkey; /* a private RSA key with the name of its public half */
/* Load `path` (PEM). The name used in .SIGN.RSA.<name> is path's base name + ".pub". */
int apk_signkey_load(struct apk_signkey **out, const char *path, struct err *e);
/* Make a new RSA key of `bits`: private 0600 at `path`, public at `path`.pub, both atomically. */
int apk_signkey_generate(const char *path, unsigned bits, struct err *e);
const char *apk_signkey_name(const struct apk_signkey *k);
/* RSA PKCS#1 v1.5 signature with `alg` (HASH_SHA1, HASH_SHA256 or HASH_SHA512) over `data`; *sig
 * belongs to the caller. */
int apk_signkey_sign(const struct apk_signkey *k, enum hash_alg alg, const void *data, size_t len,
	uint8_t **sig, size_t *sig_len, struct err *e);
void apk_signkey_free(struct apk_signkey *k);

/* ---- repository index (index.c) ---- */
struct apk_repo {
	char *url; /* "<mirror>/<release>/main", no arch, no final slash */
	char *arch;
	char *tag; /* @tag pin, NULL: none */
	struct apk_pkg *pkgs;
	size_t n_pkgs;
	struct hash content; /* SHA-256 of the APKINDEX.tar.gz read */
	char *description;
	struct arena *store; /* has all that pkgs point to; NULL: each package owns its own */
};
/*
 * Read and verify APKINDEX.tar.gz bytes. `keys` NULL: the signature is not checked (only pmkmod's
 * own simulations do that). The packages point back to `r`, which must stay where it is; with
 * r->arch set, packages of another architecture are marked uninstallable. Errors: -EKEYREJECTED
 * unknown key or bad signature (names file, key and hashes), -EBADMSG damaged, -EPROTONOSUPPORT apk
 * v3 index; nothing is in `r` then but what was there before.
 */
int apk_index_parse(struct apk_repo *r, const void *data, size_t len, const char *shown_name,
	const struct apk_keys *keys, struct err *e);
void apk_repo_free(struct apk_repo *r); /* frees what it holds */
/* "<url>/<arch>/<name>-<version>.apk", caller frees. */
char *apk_pkg_url(const struct apk_pkg *p);
/* Append the index text of one package (apk_pkg_write_index_header order). */
void apk_index_print_pkg(struct strbuf *out, const struct apk_pkg *p);
/*
 * Make a signed APKINDEX.tar.gz of these files, called as their packages ask for (each is read and
 * its control member verified against `keys` if given), A: rewritten to `arch`; the bytes belong to
 * the caller. One unreadable .apk is an error that names it. The newest build time of them goes
 * into the tar headers, so that the same packages give the same bytes. `old` may be NULL, or the
 * index that there was before: of files that are unchanged since it was put there (size, ctime) its
 * records are taken.
 */
int apk_index_make(const struct strvec *paths, const char *arch, const struct apk_signkey *key,
	const struct apk_keys *keys, const char *old, char **out, size_t *len, struct err *e);
/* The same of every *.apk in `dir`. */
int apk_index_make_folder(const char *dir, const char *arch, const struct apk_signkey *key,
	const struct apk_keys *keys, const char *old, char **out, size_t *len, struct err *e);

/* ---- changing an index in place (index_edit.c): what is not touched stays byte for byte ---- */
struct apk_index_text {
	char *description; /* NULL: none */
	struct strbuf text; /* of APKINDEX */
};
/* Verify and read, with the errors of apk_index_parse(). `out` starts zeroed. */
int apk_index_text_read(struct apk_index_text *out, const void *data, size_t len,
	const char *shown_name, const struct apk_keys *keys, struct err *e);
/* The record of this name and version; NULL: none. Borrowed until the next change. */
const char *apk_index_text_find(
	const struct apk_index_text *t, const char *name, const char *version, size_t *len);
/* Remove that record, if there is one. */
void apk_index_text_remove(struct apk_index_text *t, const char *name, const char *version);
/* Put a record in the place of the one with its name and version, else where its name belongs. */
void apk_index_text_put(struct apk_index_text *t, const struct apk_pkg *p);
/* Pack and sign; the bytes belong to the caller. */
int apk_index_text_pack(const struct apk_index_text *t, const struct apk_signkey *key,
	int64_t mtime, char **out, size_t *len, struct err *e);
void apk_index_text_free(struct apk_index_text *t);

#endif
