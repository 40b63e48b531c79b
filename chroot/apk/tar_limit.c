// SPDX-License-Identifier: GPL-3.0-or-later
#include "chroot/apk/tar_limit.h"

static int raise_limit(const char *key, uint64_t value, struct err *e)
{
	err_hint(e,
		"If you trust it: packages.%s in pmkmod.ini, or -o packages.%s=N, sets that limit, "
		"which is %llu now",
		key, key, (unsigned long long)value);
	return -EFBIG;
}

int tar_charge(struct tar_reader *t, uint64_t bytes, struct err *e)
{
	const struct apk_limits *l = &t->limits;

	t->unpacked += bytes; /* less than 2^36 each time, and that is over any limit soon */
	if (l->max_unpacked && t->unpacked > l->max_unpacked) {
		err_set(e, -EFBIG,
			"%s unpacks to at least %llu bytes, more than the %llu that a package may "
			"have",
			t->shown, (unsigned long long)t->unpacked,
			(unsigned long long)l->max_unpacked);
		return raise_limit("max_unpacked", l->max_unpacked, e);
	}
	if (l->max_ratio && t->size && t->unpacked > APK_RATIO_FREE &&
		t->unpacked / l->max_ratio >= t->size) {
		err_set(e, -EFBIG,
			"%s unpacks to at least %llu bytes, %llu times its own size of %llu: that "
			"is what a file made to exhaust does, and none of a distribution",
			t->shown, (unsigned long long)t->unpacked,
			(unsigned long long)(t->unpacked / t->size), (unsigned long long)t->size);
		return raise_limit("max_ratio", l->max_ratio, e);
	}
	return 0;
}

int tar_charge_entry(struct tar_reader *t, struct err *e)
{
	if (++t->entries <= t->limits.max_files || !t->limits.max_files)
		return 0;
	err_set(e, -EFBIG, "%s has more files and folders than the %llu that a package may have",
		t->shown, (unsigned long long)t->limits.max_files);
	return raise_limit("max_files", t->limits.max_files, e);
}

int tar_check_length(const struct tar_reader *t, const char *name, struct err *e)
{
	size_t n = strlen(name);

	if (n <= t->limits.max_name || !t->limits.max_name)
		return 0;
	err_set(e, -EFBIG,
		"%s: the name '%.60s'... has %zu bytes, more than the %llu that one may have",
		t->shown, name, n, (unsigned long long)t->limits.max_name);
	return raise_limit("max_name", t->limits.max_name, e);
}
