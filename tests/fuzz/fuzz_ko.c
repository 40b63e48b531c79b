// SPDX-License-Identifier: GPL-3.0-or-later
/* Module files of anybody: ELF in any state, and what three decompressors make of it. */
#include "pmkmod/export/hardware.h"
#include "pmkmod/fit/fit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Everything that was read is there, whole and ended. */
static size_t touch(const struct ko *k)
{
	size_t n = strlen(k->name) + (k->vermagic ? strlen(k->vermagic) : 0);

	for (size_t i = 0; i < k->n_undefined; i++)
		n += strlen(k->undefined[i].name);
	for (size_t i = 0; i < k->n_versions; i++)
		n += strlen(k->versions[i].name);
	for (size_t i = 0; i < k->n_exported; i++)
		n += strlen(k->exported[i].name) + strlen(k->exported[i].ns);
	for (size_t i = 0; i < k->n_relocs; i++)
		n += strlen(k->relocs[i].section) + k->relocs[i].count;
	for (size_t i = 0; i < k->sections.n; i++)
		n += strlen(k->sections.v[i]);
	for (size_t i = 0; i < k->btf_len; i++)
		n += (unsigned char)k->btf[i];
	for (size_t i = 0; i < k->btf_base_len; i++)
		n += (unsigned char)k->btf_base[i];
	for (size_t i = 0; i < k->aliases.n; i++)
		n += strlen(k->aliases.v[i]);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct ko k;
	int r = ko_parse(&k, "fuzz.ko", data, size, &e);

	_cleanup_free_ char *hardware = r == 0 ? hardware_text(&k.aliases) : NULL;

	if (r == 0 && touch(&k) == SIZE_MAX)
		abort();
	for (const char *s = hardware; s && *s; s++)
		if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
			abort(); /* it is shown as it is */
	if (r < 0 && !e.text[0])
		abort(); /* an error without a sentence */
	ko_free(&k);
	return 0;
}
