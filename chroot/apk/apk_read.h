/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading one .apk (v2): gzip members, strict tar, verification while streaming. */
#ifndef PMKMOD_APK_READ_H
#define PMKMOD_APK_READ_H

#include <sys/types.h>

#include "chroot/apk/apk.h"

enum apk_entry_type { APK_FILE, APK_DIR, APK_SYMLINK, APK_HARDLINK, APK_CHAR, APK_BLOCK, APK_FIFO };

struct apk_xattr {
	char *name;
	void *value;
	size_t len;
};

struct apk_entry {
	enum apk_entry_type type;
	const char *name; /* checked: relative, no "", ".", "..", control characters */
	const char *link; /* symlink text, or hard link's earlier name */
	const char *uname, *gname;
	uint32_t uid, gid;
	mode_t mode; /* permission bits, suid, sgid, sticky */
	int64_t mtime;
	uint64_t size;
	uint32_t major, minor;
	struct hash checksum; /* from APK-TOOLS.checksum.SHA1; HASH_NONE if absent */
	struct apk_xattr *xattrs;
	size_t n_xattrs;
};

/* The scripts a package may carry, in apk's names. */
enum apk_script {
	APK_PRE_INSTALL,
	APK_POST_INSTALL,
	APK_PRE_UPGRADE,
	APK_POST_UPGRADE,
	APK_PRE_DEINSTALL,
	APK_POST_DEINSTALL,
	APK_TRIGGER,
	APK_SCRIPTS
};
extern const char *const apk_script_names[APK_SCRIPTS]; /* "pre-install", ... */

struct apk_control {
	struct apk_pkg pkg; /* from .PKGINFO; identity and datahash filled in */
	char *script[APK_SCRIPTS]; /* NULL: none; may hold any bytes */
	size_t script_len[APK_SCRIPTS];
	char *signed_by; /* key name of the signature that verified, NULL: not checked */
	struct strvec signers; /* whose signatures it says it has, checked or not */
};
void apk_control_free(struct apk_control *c);

/* Limits against packages made to exhaust. Messages name each as "packages.<member>". */
struct apk_limits {
	uint64_t max_unpacked; /* bytes of all files */
	uint64_t max_files; /* files, folders and links */
	uint64_t max_ratio; /* bytes of all files for each byte of the package, above APK_RATIO_FREE
			     */
	uint64_t max_name; /* bytes of one path; more than a path may have counts as that */
};
/* What any package may unpack to, however small it is: zeros alone are 1000 times as much. */
#define APK_RATIO_FREE (64U << 20)
/*
 * What is allowed where a caller names no limits, or 0 for one of them: 8 GiB, a million, 200 and
 * 1024, which are many times what any package of Alpine or postmarketOS has. For the start of a
 * program: there may be no other thread. A member that is 0 stays as it is.
 */
void apk_limits_set(const struct apk_limits *l);

struct apk_reader_ops {
	/* Control is complete and verified; nothing of data was given yet, and the second thread
	 * does not run yet: this may fork(). */
	int (*control)(void *ctx, const struct apk_control *c, struct err *e);
	/* A new data entry; for APK_FILE its bytes follow in data() calls, then end(). */
	int (*entry)(void *ctx, const struct apk_entry *en, struct err *e);
	int (*data)(void *ctx, const void *p, size_t n, struct err *e);
	int (*end)(void *ctx, struct err *e); /* content matched its checksum */
};

/*
 * Read a package from `fd` once, front to back. What it must be: `identity` (C: of a verified
 * index), or else signed by one of `keys`; both NULL: only internal consistency. The data member is
 * checked against datahash, each file and link against its checksum. Everything apk-tools 3 would
 * refuse is refused, plus what it wrongly accepts (names with "..", false checksums).
 * `limits` may be NULL, see apk_limits_set(). `shown` names the package in messages. -EBADMSG
 * damaged or altered (names the expected and the found hash), -EKEYREJECTED, -EFBIG over a limit,
 * -EPROTONOSUPPORT v3; or what an op returned. `ops` may be NULL (verify only); any op may be NULL.
 * Inflating runs in a second thread.
 */
int apk_read(int fd, const char *shown, const struct hash *identity, const struct apk_keys *keys,
	const struct apk_limits *limits, const struct apk_reader_ops *ops, void *ctx,
	struct err *e);

/*
 * The same in steps, so that the next package is unpacked while this one is put in place. `fd` and
 * `shown` are borrowed until apk_reader_free(). Open reads and verifies the head; start begins to
 * inflate the data ahead, in a thread (until it is read or freed nothing should fork() that does
 * more than exec); read is what apk_read() does after the head, once.
 */
struct apk_reader;
int apk_reader_open(struct apk_reader **out, int fd, const char *shown, const struct hash *identity,
	const struct apk_keys *keys, struct err *e);
const struct apk_control *apk_reader_control(const struct apk_reader *rd); /* borrowed */
int apk_reader_start(struct apk_reader *rd, struct err *e);
int apk_reader_read(struct apk_reader *rd, const struct apk_limits *limits,
	const struct apk_reader_ops *ops, void *ctx, struct err *e);
void apk_reader_free(struct apk_reader *rd); /* may be NULL */

/* Only the control member of a package file; the data member is not read. */
int apk_read_control(
	const char *path, const struct apk_keys *keys, struct apk_control *out, struct err *e);

/* One file out of a package (name relative, no leading slash), at most `max` bytes; -ENOENT. */
int apk_read_file(
	const char *path, const char *name, size_t max, char **out, size_t *len, struct err *e);

#endif
