/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices and channels: what profiles and configuration say of them. */
#ifndef PMKMOD_DEVICE_H
#define PMKMOD_DEVICE_H

#include <stdbool.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/pmaports/pmaports.h"
#include "pmkmod/util/config.h"

/* A distribution's release: where packages come from and which ones a build root needs. */
struct channel {
	char *name, *title;
	struct strvec repositories; /* URLs without architecture, in order of preference */
	struct strvec local; /* URLs of packages made on this machine, before those; one that has no
				index for an architecture is passed over */
	struct strvec keys; /* folders of trusted public keys */
	bool usr_merge;
	struct strvec base, build, boot; /* package names; native() has those of the native root */
	char *like; /* channel that fills in what this one leaves out, or NULL */
	struct config *config; /* borrowed */
};
/* Read [channel.<name>], following `like`. -ENOENT names the channels there are. */
int channel_load(struct channel *ch, struct config *c, const char *name, struct err *e);
/* Packages of the native root that builds for `phone`. */
void channel_native_packages(
	const struct channel *ch, const struct arch_info *phone, struct strvec *out);
/*
 * What `key` of the channel names beyond that: "prepare" (tools that preparing a kernel's source
 * needs), "clang" (those of kernels built with it), "overlays" (those of modules with device-tree
 * overlays). Those named after the phone's architecture (%a)
 * are for cross-compiling and left out where it is this machine's own.
 */
void channel_more_packages(const struct channel *ch, const char *key, const struct arch_info *phone,
	struct strvec *out);
/* Append a package's name with the architecture in the place of %a. */
void channel_add_package(const char *name, const struct arch_info *phone, struct strvec *out);
/* "aarch64-alpine-linux-musl-"; NULL: the channel has no cross compiler for it. Borrowed. */
const char *channel_cross_prefix(const struct channel *ch, const struct arch_info *phone);
void channel_free(struct channel *ch);

/*
 * Where the phone's kernel comes from when no -dev package of it is at hand: [kernel] of the
 * configuration (set by --kdir, --source, ...), else of the profile. Each may be NULL.
 */
struct kernel_origin {
	char *kdir; /* a build folder */
	char *source; /* folder, archive or URL of one */
	char *sha256; /* of the archive, in hex */
	char *aport; /* folder with the kernel's APKBUILD */
	char *config; /* .config, else from the kernel package or its image */
	char *image; /* kernel image, else the kernel package's */
	char *symvers; /* Module.symvers */
	char *cc; /* "gcc", "gcc6", "clang": which compiler built it */
	char *phone; /* folder of what the phone itself said (pmkmod phone) */
	char *sign_key; /* PEM with the key and certificate that sign its modules */
	bool implied; /* nobody named it: the aport is pmaports', and a -dev package comes before */
};

struct device {
	char *name; /* the profile's name */
	char *title;
	char *profile; /* path of the profile; NULL: pmaports alone has it */
	const struct arch_info *arch;
	struct channel channel;
	char *kernel; /* kernel package: "linux-standin" */
	char *flavor; /* "standin" */
	char *headers; /* "linux-standin-dev" */
	char *scripts; /* "kernel-scripts-standin": used when the repositories have it */
	struct kernel_origin origin;
	/* what pmaports says of this kernel, see pmaports.h; `judged` false: it does not know it */
	bool judged, firmware_decides;
	enum verdict verdict;
	char *why, *remedy, *decided_by; /* sentences; the lines of its configuration */
	struct strvec notes; /* what was odd, for the porter */
	/* what a profile alone says, read by device_read_extras() */
	struct strvec packages; /* more packages in the build's roots; %a is the architecture */
	bool autoload; /* packages load their modules at each start */
	int compression; /* enum ko_compression; -1: as the kernel's configuration says */
	/* [boot] of configuration and profile; NULL or 0: by architecture */
	char *boot_machine, *boot_cpu, *boot_append, *boot_qemu;
	char *boot_accel; /* auto (as NULL), kvm, tcg; `pmkmod boot` looks at it */
	unsigned boot_memory_mib, boot_timeout_s;
};
/*
 * From profiles/devices/<name>.ini and from pmaports, whichever has it; the profile wins where both
 * say something. -ENOENT offers the nearest names (exit code 3).
 */
int device_load(struct device *d, struct config *c, const char *name, struct err *e);
/* The same where the aports are read already (for many devices). */
struct aports_tree;
int device_load_with(struct device *d, struct config *c, const char *name,
	const struct aports_tree *aports, struct err *e);
void device_free(struct device *d);

/* ---- profiles.c: the folders of .ini files ---- */
/* Names of all profiles of a kind ("devices", "modules"), sorted, each once. */
void profile_names(struct config *c, const char *kind, struct strvec *out);
/* Path of one profile, NULL if there is none; caller frees. */
char *profile_path(struct config *c, const char *kind, const char *name);
/* The same in the folders behind the one that `path` is in: what that profile hides. */
char *profile_path_behind(struct config *c, const char *kind, const char *path);
/* Read one into a configuration of its own that falls back to nothing. */
int profile_read(struct config **out, const char *path, struct err *e);
/*
 * inherit.c: read a device's profile over those that it inherits from. Exit code 2: one that is not
 * there (-ENOENT), or a circle (-ELOOP).
 */
int device_profile_read(struct config **out, struct config *c, const char *path, struct err *e);
/* inherit.c: `packages`, `autoload`, `compression`; `p` NULL: there is no profile. */
int device_read_extras(struct device *d, struct config *p, struct err *e);
/* What a profile may say; no keys: any. */
#define PROFILE_KEYS 32
struct profile_section {
	const char *name;
	const char *keys[PROFILE_KEYS];
};
/* The first section or key that nobody reads, in a sentence; NULL: there is none. Caller frees. */
char *profile_unread(struct config *p, const struct profile_section *known, size_t n);
/* An -ENOENT error: "there is no <what> '<name>'", the nearest of `names`, where they live. */
int profile_unknown(const char *what, const char *name, const struct strvec *names,
	const char *list_command, struct err *e);

#endif
