// SPDX-License-Identifier: GPL-3.0-or-later
/* A file of an old kernel's source: every cure of the table on it, and what is read of Makefiles.
 */
#include "pmkmod/headers/genksyms.h"
#include "pmkmod/headers/remedy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cure_all(const char *text)
{
	for (size_t i = 0; i < n_file_remedies; i++) {
		_cleanup_free_ char *cured = file_remedies[i].cure(text);

		if (cured && streq(cured, text))
			abort(); /* a cure that changes nothing would be told as one */
	}
}

static void read_makefile(const char *text)
{
	static const uint32_t versions[] = {
		KERNEL_VERSION_CODE(4, 4), KERNEL_VERSION_CODE(5, 9), KERNEL_VERSION_CODE(6, 1)};
	_cleanup_strvec_ struct strvec flags = {0};
	_cleanup_free_ char *pinned = NULL;
	struct err e = ERR_INIT;

	strvec_add(&flags, "-fno-pie");
	if (remedies_pin_cc_flags(&pinned, text, &flags, &e) == 0 && !strstr(pinned, "-fno-pie"))
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct llvm_input in = {.makefile = text,
			.arch_makefile = text,
			.version = versions[i],
			.tools = "-16",
			.cross = i ? "" : "aarch64-linux-gnu-",
			.triple = "aarch64-linux-gnu",
			.cc_flags = &flags,
			.lld = i > 1};
		_cleanup_strvec_ struct strvec args = {0};

		if (remedies_llvm_args(&args, &in, &e) == 0 && !args.n)
			abort();
	}
}

static void read_exports(char *text)
{
	struct crc_table t = {0};
	char *copy = xstrdup(text);

	crc_table_add(&t, "printk", "vmlinux", 1);
	export_classes_take(&t, copy);
	export_macro_take(&t, text);
	if (t.rows[0].class < 0 || t.rows[0].class > EXPORT_CLASSES)
		abort();
	crc_table_free(&t);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);

	cure_all(text);
	read_makefile(text);
	read_exports(text);
	free(text);
	return 0;
}
