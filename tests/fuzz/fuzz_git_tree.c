// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What git's plumbing prints: the list of a tree, then behind the first empty entry ("\0\0") the
 * objects; and the settings of a .gitmodules. Written into a folder that is looked at afterwards.
 */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/git.h"
#include "pmkmod/util/git_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char top[] = "/tmp/pmkmod-fuzz-git", *inside = "/tmp/pmkmod-fuzz-git/a/b";
	const char *text = (const char *)data, *split = memmem(data, size, "\0\0", 2);
	size_t len = split ? (size_t)(split + 1 - text) : size;
	struct git_tree t;
	struct err e = ERR_INIT;

	free(git_join_url("https://host/a/b.git", git_submodule_setting(text, size, "x")
							  ? git_submodule_setting(text, size, "x")
							  : "../x"));
	if (git_tree_parse(&t, text, len, &e) < 0)
		return 0;
	free(git_tree_wanted(&t));
	if (fs_mkdirs(inside, 0700, NULL) == 0) {
		struct git_writer w = {.tree = &t,
			.dir = open(inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			.max = 100000,
			.e = &e};

		if (split)
			git_writer_take(&w, split + 2, size - len - 1);
		git_writer_end(&w);
		close(w.dir);
		/* nothing beside the folder it was told to write to */
		if (rmdir("/tmp/pmkmod-fuzz-git/a") == 0 ||
			access("/tmp/pmkmod-fuzz-git/x", F_OK) == 0)
			abort();
		fs_remove_tree(top, NULL);
	}
	git_tree_free(&t);
	return 0;
}
