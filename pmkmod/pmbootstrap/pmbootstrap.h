/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What pmbootstrap knows: its configuration, its work folder, the channels. Only read here; what is
 * written into the work folder is export/'s. Formats: pmbootstrap's pmb/core/config.py,
 * pmb/config/file.py, pmb/config/pmaports.py, pmb/helpers/git.py (parse_channels_cfg),
 * pmb/helpers/repo.py.
 */
#ifndef PMKMOD_PMBOOTSTRAP_H
#define PMKMOD_PMBOOTSTRAP_H

#include <stdbool.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "pmkmod/util/config.h"

enum pmb_systemd { PMB_SYSTEMD_DEFAULT, PMB_SYSTEMD_ALWAYS, PMB_SYSTEMD_NEVER };

/* One of [mirrors]: NULL means "none". */
struct pmb_mirror {
	char *url, *custom;
};

struct pmbootstrap {
	char *file; /* the configuration that was read; NULL: there is none, these are defaults */
	char *work; /* absolute */
	struct strvec aports; /* folders, absolute; the first that has an aport wins, the last is
				 pmaports itself */
	char *device, *kernel, *ui;
	enum pmb_systemd systemd;
	struct pmb_mirror alpine, pmaports, systemd_mirror;
	struct strvec notes; /* what was odd, for the porter */
};

/*
 * [pmbootstrap] of pmkmod's configuration (config, work, aports, device, kernel, ...) over
 * pmbootstrap's own file over pmbootstrap's defaults. Missing files are no error; a file that is
 * not understood is (exit code 2), as is one of a pmbootstrap before version 3.
 */
int pmbootstrap_load(struct pmbootstrap *p, struct config *c, struct err *e);
void pmbootstrap_free(struct pmbootstrap *p);

/* What the file `version` of a work folder says. */
enum pmb_work {
	PMB_WORK_CURRENT, /* 8 */
	PMB_WORK_OLD, /* 6 or 7: pmbootstrap 3 migrates it by itself; its layout is the same */
	PMB_WORK_OTHER, /* too old, too new, or no work folder at all: leave it alone */
	PMB_WORK_NONE, /* the folder is not there */
};
/* *version (may be NULL): the text, NULL if there is none; caller frees. */
enum pmb_work pmbootstrap_work(const struct pmbootstrap *p, char **version);

/* pmaports.cfg of the pmaports checkout and its channel's section of channels.cfg. */
struct pmaports_channel {
	char *name; /* "edge", "v26.06" */
	char *branch_pmaports, *branch_aports, *mirrordir_alpine;
	bool recommended;
	unsigned version; /* of pmaports.cfg */
	char *pmbootstrap_min_version;
	struct strvec supported_arches;
	bool usr_merge;
	bool systemd_repo; /* has [repo:systemd] */
	struct strvec all; /* names of all channels, for the folders below <work>/packages */
	struct strvec notes; /* what was odd, for the porter */
};
/*
 * -ENOENT: there is no pmaports checkout, or not a whole one (hint says how to get it).
 * channels.cfg: $PMB_CHANNELS_CFG, else <upstream remote>/main of the checkout (read with git),
 * else the file in the checkout.
 */
int pmaports_channel_load(struct pmaports_channel *ch, const struct pmbootstrap *p, struct err *e);
/* The same without channels.cfg, which asks git: branches and mirrordir are left out. */
int pmaports_channel_name(struct pmaports_channel *ch, const struct pmbootstrap *p, struct err *e);
void pmaports_channel_free(struct pmaports_channel *ch);

/*
 * Is systemd what an installation of this configuration uses? -1 if it depends on a UI whose aport
 * cannot be found (pmb/config/other.py: is_systemd_selected).
 */
int pmbootstrap_systemd(const struct pmbootstrap *p, const struct pmaports_channel *ch);

/*
 * Make [channel.<name>] of pmkmod's configuration say what pmbootstrap would write into
 * /etc/apk/repositories: <work>/packages first (where there are any), pmaports' and Alpine's
 * mirrors in its order, keys of <work>/config_apk_keys. What the porter's own configuration files
 * say of that channel wins. The shipped pmkmod.ini's packages (base, build, native) are taken from
 * its `edge`.
 */
int pmbootstrap_define_channel(struct config *c, const struct pmbootstrap *p,
	const struct pmaports_channel *ch, struct err *e);

#endif
