/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A package onto a phone: looked at before, installed by pmbootstrap or over ssh, loaded. */
#ifndef PMKMOD_SIDELOAD_H
#define PMKMOD_SIDELOAD_H

#include "pmkmod/fit/refusal.h"
#include "pmkmod/fit/trouble.h"
#include "pmkmod/phone/phone.h"

enum sideload_way {
	SIDELOAD_SSH, /* scp and apk, by pmkmod itself */
	SIDELOAD_NAME, /* `pmbootstrap sideload NAME`: up to 3.10 */
	SIDELOAD_PATH, /* `pmbootstrap sideload PATH`: from 3.11 */
};

struct sideload {
	/* set by the caller; borrowed */
	struct config *config;
	const char *apk; /* the published package */
	const char *keys_dir; /* pmkmod's own public key */
	const struct arch_info *arch;
	const char *release; /* of the kernel it is for */
	const struct strvec *modules; /* for modprobe, in order */
	bool install_key;
	/* the package's file that has its modules loaded at each start; NULL: none */
	const char *autoload;
	bool by_hardware; /* they have aliases of hardware, by which they are loaded then, too */
	/* what sideload_prepare() finds out; sideload_free() it */
	struct phone phone;
	struct phone_state state;
	struct apk_keys *keys;
	struct phone_packages packages;
	enum sideload_way way;
	const char *with; /* sideload.with; borrowed */
	char *work; /* pmbootstrap's work folder; NULL: no pmbootstrap */
	char *pmb_version;
	char *key_path; /* public half of the key that signed */
	bool bring_key; /* the phone does not have it, and shall get it */
	bool key_by_pmbootstrap; /* ... from pmbootstrap, whose key it is */
	struct strvec steps; /* what sideload_run() will do, in words, one a line */
	struct strvec notes; /* why it is done so */
};
/*
 * Ask pmbootstrap and the phone; nothing is changed anywhere. Exit codes: 39 not reachable, 40 the
 * phone has another kernel, 30 it does not trust the key, 2 sideload.with asks for what is not
 * there.
 */
int sideload_prepare(struct sideload *s, struct err *e);
void sideload_free(struct sideload *s);

struct sideload_result {
	bool installed, loaded;
	bool hung; /* modprobe did not end in time */
	bool lost; /* the phone stopped answering from modprobe on */
	bool pinned; /* the phone's world holds the package by its checksum */
	struct strvec was_loaded; /* modules that were loaded before, and so were not loaded anew */
	char *lsmod, *dmesg; /* rows of the modules; the kernel log since modprobe */
	char *failure; /* what went wrong in sentences, then modprobe's words */
	bool refused; /* and this is why */
	struct refusal refusal;
	struct trouble trouble; /* an oops and the like, from modprobe on */
	char *stack; /* where in the kernel a modprobe that hangs is; NULL: not told */
	struct strvec next; /* sentences: what to do after a crash, in this order */
};
/*
 * Do the steps. Exit code 41: the phone did not take the package. Not loading is no error, nor is a
 * phone that does not live through it.
 */
int sideload_run(struct sideload *s, struct sideload_result *out, struct err *e);
void sideload_result_free(struct sideload_result *r);

/* ---- by_pmbootstrap.c ---- */
/* The first numbers of "3.10.3"; false: it is no version. */
bool pmb_version_parse(const char *text, unsigned *major, unsigned *minor);
/* Read sideload.with; ask pmbootstrap, if it may be used, for version and work folder. */
int sideload_find_pmbootstrap(struct sideload *s, struct err *e);
/* Choose s->way by that, and by where the package lies. */
int sideload_choose(struct sideload *s, struct err *e);
int sideload_by_pmbootstrap(struct sideload *s, struct err *e);
void sideload_pmb_argv(const struct sideload *s, struct strvec *argv);

/* ---- script.c: what root does on the phone, and what it says ---- */
struct sideload_script { /* borrowed */
	const char *token;
	const char *mark; /* for the kernel log */
	const char *key; /* name of a public key's file that lies beside the script; NULL: none */
	bool install; /* the packages' files lie beside it too */
	const struct phone_packages *packages;
	const struct strvec *modules;
	unsigned load_s; /* seconds for all of modprobe */
};
char *sideload_script_text(const struct sideload_script *s);

struct sideload_said {
	char token[PHONE_TOKEN];
	bool show; /* pass on what is not ours: a question for a password */
	struct strbuf line;
	bool began, ended, key_failed, mid_line;
	bool hung; /* the last modprobe */
	bool after; /* loading is over */
	bool marked; /* the kernel log begins where loading did */
	int added; /* apk's exit status; -1: it did not come to that */
	struct strbuf words; /* apk's */
	struct strvec versions; /* "name version": what is installed in the end */
	struct strvec surprises; /* what apk would have changed beside our packages */
	struct strvec pinned;
	struct strbuf modprobe, stack, lsmod, dmesg;
	struct strvec tried; /* modules that modprobe was called for */
	struct strvec statuses; /* "module status" */
	char *last; /* the last line that is not ours */
	size_t kept; /* bytes */
};
/* Give it what the phone sends, piece by piece; a phone_call.bytes. */
void sideload_hear(void *said, const char *data, size_t len);
void sideload_heard_all(struct sideload_said *s);
void sideload_said_free(struct sideload_said *s);

/* ---- loaded.c ---- */
/*
 * What came of loading, by what was heard. `silence` is why no more was heard, an error of
 * phone_call(); NULL: all of it was.
 */
void sideload_judge_load(struct sideload *s, struct sideload_said *said, const struct err *silence,
	struct sideload_result *out);

#endif
