/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A phone over ssh. The user's own OpenSSH does the talking, with the user's configuration, keys
 * and known hosts; pmkmod adds one shared connection (a password is asked for once) and time
 * limits. Commands are constant words or are read by the phone's `sh` from its standard input, so
 * that nothing is quoted for a login shell nobody knows. Whatever the phone says is bounded, and
 * cleaned before anybody sees it.
 *
 * Formats: ssh(1) -G, sshd's messages; apk-tools' lib/apk/db/installed, etc/apk/world; the way
 * packages get onto a phone is that of pmbootstrap's pmb/commands/sideload.py.
 */
#ifndef PMKMOD_PHONE_H
#define PMKMOD_PHONE_H

#include <stdbool.h>
#include <stdint.h>

#include "chroot/apk/apk.h"
#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/util/config.h"

/* ---- ssh.c: the connection ---- */
struct phone {
	char *host, *user, *port; /* as named; user and port NULL: what ssh's configuration says */
	char *shown; /* "user@172.16.42.1", for sentences */
	char *real_host, *real_user, *real_port; /* what ssh makes of it */
	struct strvec options; /* for ssh and scp alike */
	char *socket_dir; /* ours alone; NULL: the user's configuration shares connections itself */
	bool interactive; /* there is somebody who can type a password */
	unsigned timeout_s; /* for one step */
	char *said; /* last line that came on standard error; NULL: none */
};
/*
 * Read [phone] of the configuration and ask ssh what it makes of it. Does not connect.
 * Exit code 2: a host, user or port that is none; 39: no ssh program.
 */
int phone_open(struct phone *p, struct config *c, struct err *e);
/* Ends the shared connection. */
void phone_close(struct phone *p);

/* What one command on the phone gives. */
struct phone_call { /* borrowed */
	const char *command; /* constant words and checked paths only */
	const char *input; /* its standard input; NULL: the terminal, if there is one */
	size_t max; /* of its output */
	bool terminal; /* it may ask for a password, on a terminal of the phone's, if we have one */
	unsigned more_s; /* time beyond that of one step */
	void (*bytes)(void *ctx, const char *data, size_t len); /* NULL: into `out` */
	void *ctx;
};
/*
 * Run it. 0 with *out (a NUL behind it) and the command's exit status, or, with exit code 39, why
 * ssh failed: -EHOSTUNREACH, -EACCES login refused, -EKEYREJECTED the host key, -EPIPE the
 * connection broke, -ETIMEDOUT (38), -EFBIG it said too much, -EINTR.
 */
int phone_call(struct phone *p, const struct phone_call *call, struct strbuf *out, int *status,
	struct err *e);
/* scp: copy files into a folder of the phone (a path that phone_path_ok()). */
int phone_copy(struct phone *p, const struct strvec *files, const char *folder, struct err *e);
/* A random word for marking lines: 32 hex digits. */
#define PHONE_TOKEN 33
int phone_token(char out[PHONE_TOKEN], struct err *e);

/* ---- text.c: what the phone says ---- */
/* Printable text in one line: control characters, escapes and what is no UTF-8 become '?'. Caller
 * frees. */
char *phone_clean(const char *text, size_t len);
/* May this path, said by the phone, stand in a command? "/tmp/pmkmod.Ab12Cd" */
bool phone_path_ok(const char *path);
/* Is this a word that can stand in a script: a package's name or version, a release, a module? */
bool phone_word_ok(const char *word);

/* ---- state.c: what is on the phone ---- */
struct phone_pkg {
	char *name, *version;
	struct apk_deps provides;
};
struct phone_state {
	char *release, *machine; /* uname -r, uname -m */
	char *arch; /* apk --print-arch; NULL: it does not say */
	char *login; /* id -un */
	bool root; /* uid 0 */
	char *su; /* "sudo", "doas", "run0"; NULL: none */
	bool apk; /* it has apk */
	struct phone_pkg *pkgs; /* installed */
	size_t n_pkgs;
	struct strvec world; /* lines of /etc/apk/world */
	struct strvec keys; /* names in /etc/apk/keys */
	char *key_sum; /* sha256 of the key asked for; NULL: it is not there */
	struct strvec loaded; /* modules */
};
/* Ask the phone, in one session; nothing is changed. `key` is the name of a public key. */
int phone_survey(struct phone *p, const char *key, struct phone_state *out, struct err *e);
/* The script for that, and what becomes of its answer. -EBADMSG: not what the script prints. */
char *phone_survey_script(const char *token, const char *key);
int phone_state_parse(
	struct phone_state *s, const char *token, const char *text, size_t len, struct err *e);
const struct phone_pkg *phone_installed(const struct phone_state *s, const char *name);
void phone_state_free(struct phone_state *s);

/* ---- fits.c: does the package go with what is there ---- */
struct phone_package { /* one to be installed; what is in it is owned */
	char *path; /* on this machine */
	char *key; /* name of the key that signed it */
	struct apk_pkg pkg;
};
struct phone_packages {
	struct phone_package *v; /* the first is the one wanted */
	size_t n;
	const char
		*folder; /* where packages of other modules are looked for; borrowed, NULL: none */
	const struct apk_keys *keys; /* one of them must have signed; borrowed */
};
/* Read and verify one more package. */
int phone_packages_add(struct phone_packages *l, const char *path, struct err *e);
void phone_packages_free(struct phone_packages *l);
/* Is that what `uname -m` says of a kernel whose modules are for `arch`? */
bool phone_machine_fits(const struct arch_info *arch, const char *machine);
/*
 * Would installing them leave everything else on the phone alone? Architecture, running kernel
 * (`release`), and every dependency exactly what is installed. A dependency on another module's
 * package is looked for in the folder and added. Exit code 40: the phone has something else; the
 * sentence says what and what to do.
 */
int phone_check(const struct phone_state *s, const struct arch_info *arch, const char *release,
	struct phone_packages *l, struct err *e);

#endif
