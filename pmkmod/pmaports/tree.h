/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this room share. */
#ifndef PMKMOD_PMAPORTS_TREE_H
#define PMKMOD_PMAPORTS_TREE_H

#include "pmkmod/kernel/name_index.h"
#include "pmkmod/pmaports/pmaports.h"

/* ---- stamp.c: is a file or folder still what it was? ---- */

/* A list of paths, each with a text that changes whenever the file does. */
struct stamps {
	struct strbuf text; /* "path\0state\0" ... */
	size_t n;
	bool off; /* nobody will ask: nothing is added */
	int64_t newest; /* latest change of any of them, nanoseconds since 1970 */
};
void stamps_add(struct stamps *s, const char *path); /* before it is read */
void stamps_append(struct stamps *s, const struct stamps *more);
void stamps_free(struct stamps *s);
/* `text` of n entries: is each as it was? */
bool stamps_hold(const char *text, size_t len, size_t n);
int64_t stamps_now(void);
/*
 * A file changed in the same tick of the clock as it was read may change again without a trace:
 * what was read while anything was that new must not be remembered.
 */
bool stamps_settled(const struct stamps *s, int64_t started);

/* ---- walk.c ---- */

struct aport_dir {
	char *name; /* of the folder */
	char *path;
	char *category; /* of a device: the folder above */
};
#define DEVICE_PREFIX "device-"
struct walk {
	struct aport_dir *kernels, *devices; /* in the order found; the first of a name wins */
	size_t n_kernels, n_devices;
	struct name_index kernel_index, device_index;
	struct strvec notes;
	struct stamps stamps;
	size_t n_dirs; /* how many folders were read */
};
/* `stamps` false: w->stamps stays empty. */
void walk_folders(struct walk *w, const struct strvec *folders, bool systemd, bool stamps);
void walk_free(struct walk *w);
const struct aport_dir *walk_kernel(const struct walk *w, const char *name);

/* ---- read_device.c ---- */

struct device_kernel {
	char *variant, *package; /* each may be NULL */
	char *arch; /* by deviceinfo, for this variant; "" if it does not say */
};
struct read_device {
	const struct aport_dir *dir; /* borrowed */
	char *title, *arch;
	struct device_kernel *kernels;
	size_t n_kernels; /* at least 1 */
	struct strvec notes;
	char *problem; /* why its kernel is not known; NULL: it is */
	bool ask, gave_up; /* as of a kernel */
	struct stamps stamps;
};
void read_device(struct read_device *d, const struct aport_dir *dir);
/* Again, with a shell's help where reading was not enough; not for several threads at once. */
void read_device_asking(struct read_device *d);
/* One more choice, unless it is a choice already. */
void read_device_offer(struct read_device *d, const char *package);
void read_device_free(struct read_device *d);

/* ---- read_kernel.c ---- */

/* A kernel as the devices of one architecture see it. */
struct read_kernel {
	const char *package, *arch_name; /* borrowed from a device */
	bool ask, gave_up; /* may a shell be asked; would there be something to ask it */
	bool missing; /* neither in a folder of that name nor Alpine's */
	char *made_by; /* pkgname of the aport, where that is another than `package` */
	char *aport, *version, *flavor, *karch, *config, *compiler, *outdir, *sources, *patches,
		*release, *release_from, *renamed;
	struct judgement judged;
	struct strvec notes;
	struct stamps stamps;
};
/* `package` NULL: the device names none. */
void read_kernel(
	struct read_kernel *k, const struct walk *w, const char *package, const char *arch_name);
/* Again, with a shell's help where reading was not enough; not for several threads at once. */
void read_kernel_asking(struct read_kernel *k, const struct walk *w);
void read_kernel_free(struct read_kernel *k);
/* Again, of an aport that is known to make the package. */
void read_kernel_made_by(struct read_kernel *k, const struct aport_dir *dir);

/* ---- renamed.c: for those, whoever makes them, or what they are called now ---- */
void settle_missing(
	struct read_kernel *const *kernels, size_t n, const struct walk *w, struct stamps *stamps);

/* ---- release.c ---- */
struct aport;
/*
 * What `uname -r` should say, from the version in the configuration's header, its LOCALVERSION and
 * localversion files of the aport; NULL if the configuration has no such header. *from (caller
 * frees) says of what.
 */
char *derive_release(
	const struct aport *a, const char *config_text, const struct kconfig *c, char **from);

/* ---- store.c: all of that as one block of bytes, and back ---- */

/* Counted up whenever the order of what is written, or what is found in a tree, changes. */
#define STORE_MAGIC "pmkmod-pmaports 2 " PMKMOD_VERSION "\n"
#define STORE_HASH 32 /* bytes behind it */

struct reading { /* what was read */
	struct read_device *devices;
	struct read_kernel **kernel_of; /* one for each kernel of each device, in order */
	size_t n_devices;
};
/*
 * The block: what pmaports_load() gives is made of it, whether it was in the cache or not. Its hash
 * is only computed for one that is to be kept.
 */
void store_encode(struct strbuf *out, const struct reading *r, const struct walk *w,
	const struct stamps *stamps, bool keep);
/*
 * Takes over `block`. -EINVAL if it is no such block. With `check`, which one that was kept needs,
 * also if its hash is wrong, and -ESTALE if a stamp has changed.
 */
int store_decode(struct pmaports **out, char *block, size_t len, bool check);
/* Is it what store_encode() wrote to be kept? */
bool store_whole(const char *block, size_t len);

#endif
