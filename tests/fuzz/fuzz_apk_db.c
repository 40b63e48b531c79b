// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The installed database of a root: `installed`, `triggers` and `scripts.tar`. A root is what the
 * scripts of its packages left behind, so nothing in it is to be believed. What was read and
 * written once must read and write the same ever after.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "chroot/apk/db.h"
#include "chroot/base/fs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its identity is that of the scripts and triggers in the corpus. */
static const char owner[] = "C:Q1AAECAwQFBgcICQoLDA0ODxAREhM=\nP:a\nV:1\n\n";

static void print(struct strbuf *out, const struct db *db)
{
	for (size_t i = 0; i < db->n; i++)
		db_print_pkg(out, db->pkgs[i]);
}

static void installed(const char *text, size_t len)
{
	_cleanup_strbuf_ struct strbuf first = {0}, second = {0};
	struct db a, b;

	db_init(&a);
	db_init(&b);
	if (db_parse(&a, text, len, "input", NULL) == 0) {
		print(&first, &a);
		if (first.len && db_parse(&b, first.s, first.len, "own", NULL) < 0)
			abort();
		print(&second, &b);
		if (first.len != second.len ||
			(first.len && memcmp(first.s, second.s, first.len) != 0))
			abort();
	}
	db_free(&a);
	db_free(&b);
}

static void scripts_and_triggers(const char *text, size_t len)
{
	int fd = memfd_create("scripts", MFD_CLOEXEC);
	struct db db;

	db_init(&db);
	if (fd < 0 || fs_write_all(fd, text, len) < 0 || lseek(fd, 0, SEEK_SET) < 0 ||
		db_parse(&db, owner, sizeof(owner) - 1, "owner", NULL) < 0)
		abort();
	db_parse_triggers(&db, text, len);
	db_parse_scripts(&db, fd, "input", NULL);
	db_free(&db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	installed((const char *)data, size);
	scripts_and_triggers((const char *)data, size);
	return 0;
}
