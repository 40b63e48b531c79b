// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What `uname -r` should say, where the kernel's package is not at hand: scripts/setlocalversion
 * puts the Makefile's version, localversion* files, CONFIG_LOCALVERSION and what git says together.
 * The source is not at hand either; the configuration's header has the Makefile's version of the
 * tree it was last written in. Archives have no git, so that LOCALVERSION_AUTO adds nothing.
 */
#include "chroot/base/fs.h"
#include "pmkmod/aport/aport.h"
#include "pmkmod/pmaports/tree.h"

#define LOCALVERSION_MAX 256

/* localversion files that the aport brings along. */
static void add_files(const struct aport *a, struct strbuf *release, struct strbuf *from)
{
	for (size_t i = 0; i < a->n_files; i++) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		size_t len;

		if (!starts_with(a->files[i].name, "localversion") || !a->files[i].path)
			continue;
		path = path_join(a->dir, a->files[i].path);
		if (fs_read_regular(path, LOCALVERSION_MAX, &text, &len, NULL) < 0)
			continue;
		for (const char *c = text; *c; c++)
			if (!strchr(" \t\r\n", *c))
				strbuf_addc(release, *c);
		strbuf_addf(from, ", its %s", a->files[i].name);
	}
}

char *derive_release(
	const struct aport *a, const char *config_text, const struct kconfig *c, char **from)
{
	_cleanup_free_ char *version = config_header_version(config_text);
	const char *local = kconfig_get(c, "LOCALVERSION");
	struct strbuf release = {0}, basis = {0};

	*from = NULL;
	if (!version)
		return NULL;
	strbuf_adds(&release, version);
	strbuf_addf(&basis, "derived: version in the header of %s",
		a->config ? path_base(a->config) : "its configuration");
	add_files(a, &release, &basis);
	if (local && *local) {
		strbuf_adds(&release, local);
		strbuf_adds(&basis, ", CONFIG_LOCALVERSION");
	}
	if (a->localversion && *a->localversion) {
		strbuf_adds(&release, a->localversion);
		strbuf_adds(&basis, ", LOCALVERSION of build()");
	}
	*from = strbuf_steal(&basis);
	return strbuf_steal(&release);
}
