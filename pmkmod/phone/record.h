/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The phone as a source: what it says of the kernel it runs, kept in <state>/phones/<device>. The
 * file phone.ini there is the profile that belongs to it; config, image, btf and kheaders are what
 * the phone gave.
 */
#ifndef PMKMOD_PHONE_RECORD_H
#define PMKMOD_PHONE_RECORD_H

#include "pmkmod/phone/phone.h"

enum phone_file { PHONE_CONFIG, PHONE_IMAGE, PHONE_BTF, PHONE_KHEADERS, PHONE_FILES };
extern const char *const phone_file_names[PHONE_FILES]; /* "config", ...: names in the folder */

struct phone_record {
	char *release, *machine; /* uname -r, uname -m */
	char *version; /* /proc/version; NULL: not readable */
	struct strvec packages; /* "linux-foo-6.1-r0": what `apk info -v` has of linux-* */
	struct strvec indexes; /* modules.* in /lib/modules/<release> */
	char *path[PHONE_FILES]; /* where the phone has it; NULL: it has none */
	bool got[PHONE_FILES];
	struct strvec missing; /* in words: what the phone does not give */
};

/*
 * Ask for all of it in one session and write it into `dir`, which is replaced as a whole at the
 * end. `flavor` names the image in /boot. Exit codes as phone_call().
 */
int phone_record_fetch(struct phone_record *r, struct phone *p, const char *flavor, const char *dir,
	struct err *e);
void phone_record_free(struct phone_record *r);

/* The parts, for tests. */
char *phone_record_script(const char *token, const char *flavor);
struct phone_hearing {
	struct phone_record *r;
	const char *token; /* borrowed */
	const char *dir; /* files are written there; NULL: thrown away */
	struct strbuf line;
	size_t left; /* bytes of the file under way */
	int fd; /* -1: none */
	bool after; /* the line end behind a file is due */
	bool ended;
	int code; /* the first error */
	struct err *e;
};
void phone_record_hear(void *hearing, const char *data, size_t len);
int phone_record_heard_all(struct phone_hearing *h);

#endif
