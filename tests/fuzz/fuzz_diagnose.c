// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Logs of builds, which say whatever the tools of a stranger's Makefile print. Input: the kernel's
 * version (two bytes), flags (one), then the log. Whatever it is, what is shown must be clean.
 */
#include <json-c/json.h>

#include "pmkmod/build/diagnose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text)
{
	for (const char *s = text; s && *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
}

static void diagnose(const char *release, unsigned flags, const char *text, size_t len)
{
	static const char config[] = "CONFIG_NET=y\n# CONFIG_BT is not set\n";
	struct diagnose_input in = {.release = release,
		.arch = "arm64",
		.emulated = flags & 1,
		.warnings_of_modpost = flags & 2,
		.source_dir = flags & 4 ? "/nonexistent" : NULL,
		.kbuild_dir = flags & 4 ? "/nonexistent" : NULL};
	_cleanup_free_ char *json = NULL;
	struct kconfig *c = NULL;
	struct json_object *o;
	struct diagnosis d;
	struct err e = ERR_INIT;

	if (kconfig_parse(&c, config, sizeof(config) - 1, NULL) < 0)
		abort();
	in.config = c;
	if (diagnose_log(text, len, &in, &d) != (d.cause != NULL))
		abort();
	check(d.error);
	check(d.file);
	check(d.source);
	check(d.own_file);
	check(d.detail);
	check(d.remedy);
	json = diagnosis_text(&d);
	o = json_tokener_parse(json);
	if (!o || strchr(json, '\n'))
		abort();
	json_object_put(o);
	diagnosis_hint(&d, &e);
	diagnosis_is_emulator_crash(&d);
	diagnosis_free(&d);
	kconfig_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char release[32];
	_cleanup_free_ char *text = NULL;

	if (size < 3)
		return 0;
	snprintf(release, sizeof(release), "%u.%u.0", data[0] % 10, data[1] % 32);
	/* one byte more, as files are read with a NUL behind them */
	text = xcalloc(size - 2, 1);
	memcpy(text, data + 3, size - 3);
	diagnose(release, data[2], text, size - 3);
	return 0;
}
