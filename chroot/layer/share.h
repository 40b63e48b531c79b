/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that several layers have are one file: <store>/shared/<two digits>/<hash> is a hard link to
 * each, by which the next layer finds it.
 */
#ifndef PMKMOD_LAYER_SHARE_H
#define PMKMOD_LAYER_SHARE_H

#include "chroot/layer/manifest.h"

/*
 * Give the files of a finished tree that nobody uses yet (`own` is the layer's folder) to what is
 * shared, and put what is shared in the place of those that are equal: content (compared byte by
 * byte), mode, owner, time and attributes. `kind`: only trees of one kind share. Within one tree no
 * two files become one. Whatever keeps it from that (a file system without hard links, a full disk)
 * only means that less is shared. *added (may be NULL) is how many bytes on disk the tree has of
 * its own now.
 */
void share_tree(
	int store, int own, const char *tree, const struct manifest *m, char kind, uint64_t *added);

/*
 * Remove what no layer has any more; nothing that does not look like ours is touched. How many
 * bytes that gives back is added to *freed (may be NULL).
 */
void share_sweep(int store, uint64_t *freed);

#endif
