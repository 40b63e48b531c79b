// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A dkms.conf, and what it means for a kernel. Beginning with |: what the shell printed instead,
 * with '|' for each NUL.
 */
#include "pmkmod/module/dkms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dkms_kernel k = {.kernelver = "6.6.1-lts",
		.arch = "aarch64",
		.source_dir = "/usr/src/linux-headers-6.6.1-lts",
		.dkms_tree = "/var/lib/dkms",
		.source_tree = "/usr/src",
		.install_tree = "/lib/modules"};
	struct dkms_vars vars = {0};
	struct dkms_conf conf;
	struct err e = ERR_INIT;
	const char *why = NULL;
	int rc;

	if (size > 0 && data[0] == '|') {
		char *answer = xcalloc(size, 1);

		for (size_t i = 1; i < size; i++)
			answer[i - 1] = data[i] == '|' ? 0 : (char)data[i];
		rc = dkms_read_printed(&vars, answer, size - 1, &e);
		free(answer);
	} else {
		rc = dkms_read_text(&vars, (const char *)data, size, "dkms.conf", &k, &why, &e);
	}
	if ((rc == 1) != (why != NULL) || (rc != 0 && vars.n != 0) || (rc < 0 && !e.exit_code))
		abort();
	if (rc != 0)
		return 0;
	rc = dkms_apply(&conf, &vars, &k, NULL, "dkms.conf", &e);
	dkms_vars_free(&vars);
	if (rc == 0) {
		/* what is used as a path stays in its folder */
		for (size_t i = 0; i < conf.n_modules; i++)
			if (conf.modules[i].location[0] == '/' ||
				starts_with(conf.modules[i].location, "../") ||
				strstr(conf.modules[i].location, "/../") ||
				strchr(conf.modules[i].name, '/') ||
				strchr(conf.modules[i].dest_name, '/'))
				abort();
		dkms_conf_free(&conf);
	} else if (!e.exit_code) {
		abort();
	}
	return 0;
}
