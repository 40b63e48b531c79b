// SPDX-License-Identifier: GPL-3.0-or-later
/* A kernel's .config, and the vermagic and the compression that follow from it. */
#include "pmkmod/kernel/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const arches[] = {"aarch64", "armv7", "x86", "x86_64", "riscv64"};
	struct kconfig *c = NULL;
	struct err e = ERR_INIT;

	if (kconfig_parse(&c, (const char *)data, size, &e) < 0)
		return 0;
	kconfig_module_compression(c);
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		char *why, *v = kconfig_vermagic(c, "6.1.0", arch_by_name(arches[i]), &why);

		if (!v == !why)
			abort(); /* either the one or the other */
		free(v);
		free(why);
	}
	kconfig_free(c);
	return 0;
}
