// SPDX-License-Identifier: GPL-3.0-or-later
/* An APKBUILD: whatever is in it, reading ends, and what is known and what is unknown agree. */
#include <stdint.h>

#include "pmkmod/aport/apkbuild.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct apkbuild_env env[] = {
		{"CARCH", "aarch64"}, {"CC", "gcc"}, {"srcdir", "/srcdir"}};
	struct apkbuild *b = NULL;
	struct strvec names = {0};
	const struct apkbuild_assignment *v;
	struct err e = ERR_INIT;
	const char *text;
	size_t n, len, start, end;

	if (apkbuild_parse(&b, "fuzz", (const char *)data, size, env, ARRAY_SIZE(env), &e) < 0)
		return 0;
	apkbuild_names(b, &names);
	for (size_t i = 0; i < names.n; i++)
		if (!apkbuild_get(b, names.v[i]) || apkbuild_unknown(b, names.v[i]))
			abort();
	text = apkbuild_text(b, &len);
	v = apkbuild_assignments(b, &n);
	for (size_t i = 0; i < n; i++)
		if (v[i].start > v[i].value || v[i].value > v[i].end || v[i].end > len || !text ||
			(i && v[i].start <= v[i - 1].start))
			abort();
	if (apkbuild_function_span(b, "prepare", &start, &end) && (start > end || end > len))
		abort();
	strvec_free(&names);
	apkbuild_free(b);
	return 0;
}
