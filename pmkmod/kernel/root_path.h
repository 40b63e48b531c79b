/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Paths inside a root that only exists as folders of layers, resolved as an overlay of them would:
 * symbolic links, absolute ones too, lead back into the layers and never to the host. Whiteouts are
 * respected; "opaque" folders (one package's folder replaced by another's) are merged all the same.
 */
#ifndef PMKMOD_ROOT_PATH_H
#define PMKMOD_ROOT_PATH_H

#include <sys/stat.h>

#include "chroot/base/err.h"
#include "chroot/base/str.h"

struct root_path {
	char *inside; /* "/usr/src/linux-headers-...": no links, no ".." */
	char *host; /* where it is on the host: in the topmost layer that has it */
	struct stat st;
};

/*
 * Resolve `path` (absolute inside the root, or taken as such) in `layers`, topmost first. -ENOENT,
 * -ENOTDIR or -ELOOP without a sentence: callers know what they were looking for.
 */
int root_path_resolve(struct root_path *out, const struct strvec *layers, const char *path);
void root_path_free(struct root_path *p);

/* Names in a folder of the root, every layer's together, sorted, each once. */
int root_path_list(struct strvec *names, const struct strvec *layers, const char *path);

#endif
