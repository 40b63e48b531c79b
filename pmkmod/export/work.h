/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Into pmbootstrap's work folder: <work>/packages/<channel>/<arch>/, where `pmbootstrap sideload`
 * and `pmbootstrap install --add` look for packages. What is there belongs to uid 12345 (whoever
 * owns config_abuild), and so does the key that signs it. Formats and places: pmbootstrap's
 * pmb/build/other.py (index_repo), pmb/build/init.py, pmb/helpers/repo.py; abuild's abuild.in and
 * abuild-sign.in.
 */
#ifndef PMKMOD_EXPORT_WORK_H
#define PMKMOD_EXPORT_WORK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chroot/apk/apk.h"
#include "chroot/base/err.h"
#include "chroot/base/str.h"

/* The command that pmkmod runs itself by, with more rights; not shown in its help. */
#define WORK_HELPER "publish-into-work"

struct work_request {
	const char *work; /* pmbootstrap's work folder, absolute */
	struct strvec channels; /* "edge", "systemd-edge" */
	const char *arch;
	struct strvec apks; /* paths, signed by a key in... */
	struct strvec keys; /* ...these folders */
};
void work_request_free(struct work_request *q); /* `work` and `arch` are borrowed */

/* ---- work_names.c ---- */
/*
 * Would pmbootstrap take a package of that name for something else (pmb/helpers/pmaports.py:
 * guess_main)? -EINVAL with what and the remedy: -dev and architecture suffixes, names that begin
 * with an aport's of the folders `aports` and a dash.
 */
int work_check_name(const char *name, const struct strvec *aports, struct err *e);

/* ---- work_rights.c ---- */
struct work_owner {
	uid_t uid;
	gid_t gid;
};
/* Who the packages and the key belong to. -ENOENT: pmbootstrap has not built anything there yet. */
int work_find_owner(const char *work, struct work_owner *o, struct err *e);
/* The key that pmbootstrap's abuild signs with; only its owner can read it. */
int work_load_key(const char *work, struct apk_signkey **key, struct err *e);
/*
 * What has to be run for `q`: a program that gives root's rights ($PMB_SUDO, sudo, doas, run0), and
 * pmkmod itself as a helper. -ENOENT: there is no such program on this machine; argv then is the
 * helper alone. With `root` only the helper.
 */
int work_command(const struct work_request *q, bool root, struct strvec *argv, struct err *e);

/* ---- work_folder.c ---- */
/* Everything is there already, as far as can be seen without any rights. */
bool work_is_published(const struct work_request *q);
/* What is needed, opened or read by whoever may. */
struct work_inputs {
	const char *packages; /* <work>/packages, as a path that the owner can go */
	const int *fds; /* q->apks, opened */
	const struct apk_keys *given; /* who signed those */
	const struct apk_keys *trusted; /* config_apk_keys */
	const struct apk_signkey *key;
};
/*
 * Publish with the rights one has, which must be the owner's. All channels or none: on an error
 * everything is as before. Other packages and their records in the index stay byte for byte. What
 * was odd goes to `notes`.
 */
int work_publish(const struct work_request *q, const struct work_inputs *in, struct strvec *notes,
	struct err *e);

/* ---- work_helper.c ---- */
/* Check the request, take on the owner's rights if root's are there, publish. */
int work_publish_as_owner(const struct work_request *q, struct strvec *notes, struct err *e);
/* main() of the helper; argv[1] is WORK_HELPER. The exit code. */
int work_helper_main(int argc, char **argv);

#endif
