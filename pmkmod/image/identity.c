// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Texts that every kernel has in its read-only data: linux_banner (init/version.c), vermagic
 * (kernel/module.c), and the configuration between two marks (kernel/configs.c).
 */
#include <ctype.h>
#include <elf.h>

#include "pmkmod/image/image.h"

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif
#define VERMAGIC_MAX 192
#define CONFIG_MAX (16u << 20)

static const char banner_mark[] = "Linux version ";

static const struct {
	uint16_t machine;
	const char *arch;
} arches[] = {
	{EM_AARCH64, "arm64"},
	{EM_ARM, "arm"},
	{EM_X86_64, "x86"},
	{EM_386, "x86"},
	{EM_RISCV, "riscv"},
	{EM_LOONGARCH, "loongarch"},
	{EM_MIPS, "mips"},
	{EM_PPC, "powerpc"},
	{EM_PPC64, "powerpc"},
	{EM_S390, "s390"},
};

/*
 * "Linux version RELEASE (USER@HOST) (COMPILER) #BUILD": the compiler's text may have parentheses
 * of its own, so it ends at the last ") #".
 */
static void cut_banner(struct image_identity *id)
{
	const char *p = id->banner + sizeof(banner_mark) - 1, *from, *to = NULL;

	id->release = xstrndup(p, strcspn(p, " "));
	from = strstr(p, ") (");
	for (const char *next = from; next && (next = strstr(next, ") #")); next++)
		if (isdigit((unsigned char)next[3]))
			to = next;
	if (!to)
		return;
	id->compiler = xstrndup(from + 3, (size_t)(to - from - 3));
	id->build = xstrdup(to + 2);
}

/* Words of letters, digits and '_', as VERMAGIC_STRING has behind the release; all may be missing.
 */
static bool is_vermagic(const char *p, size_t n)
{
	bool word = false;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == ' ' && !word)
			return false;
		if (p[i] != ' ' && !isalnum((unsigned char)p[i]) && p[i] != '_')
			return false;
		word = p[i] != ' ';
	}
	return true;
}

/*
 * The string begins with the release and a blank, and stands behind something that is no text. The
 * one of most words is taken: that of a kernel without any option is only the release.
 */
static char *find_vermagic(const struct kernel_image *im, const char *release)
{
	_cleanup_free_ char *mark = xasprintf("%s ", release);
	const char *p = im->bytes, *end = im->bytes + im->len, *best = NULL;
	size_t n = strlen(mark), best_len = 0;

	while ((p = memmem(p, (size_t)(end - p), mark, n))) {
		const char *words = p + n;
		size_t max =
			(size_t)(end - words) < VERMAGIC_MAX ? (size_t)(end - words) : VERMAGIC_MAX;
		size_t len = strnlen(words, max);
		bool apart = p == im->bytes || !isprint((unsigned char)p[-1]);

		if (apart && len < max && is_vermagic(words, len) && (!best || len > best_len)) {
			best = p;
			best_len = len;
		}
		p = words;
	}
	return best ? xstrndup(best, n + best_len) : NULL;
}

static uint16_t machine_of_vermagic(const char *vermagic)
{
	static const struct {
		const char *word;
		uint16_t machine;
	} words[] = {
		{" aarch64", EM_AARCH64},
		{" ARMv", EM_ARM},
		{" riscv", EM_RISCV},
		{" loongarch", EM_LOONGARCH},
		{" MIPS", EM_MIPS},
	};

	for (size_t i = 0; vermagic && i < ARRAY_SIZE(words); i++)
		if (strstr(vermagic, words[i].word))
			return words[i].machine;
	return EM_NONE;
}

void image_identify(struct image_identity *id, const struct kernel_image *im)
{
	*id = (struct image_identity){.banner = kernel_image_banner(im), .machine = im->machine};
	if (id->banner) {
		cut_banner(id);
		id->vermagic = find_vermagic(im, id->release);
	}
	if (id->machine == EM_NONE)
		id->machine = machine_of_vermagic(id->vermagic);
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (arches[i].machine == id->machine)
			id->arch = arches[i].arch;
}

void image_identity_free(struct image_identity *id)
{
	free(id->banner);
	free(id->release);
	free(id->compiler);
	free(id->build);
	free(id->vermagic);
	*id = (struct image_identity){0};
}

int kernel_image_config(const struct kernel_image *im, char **text, size_t *len, struct err *e)
{
	static const char begin[] = "IKCFG_ST", end_mark[] = "IKCFG_ED";
	const char *p = im->bytes, *end = im->bytes + im->len;

	while ((p = memmem(p, (size_t)(end - p), begin, sizeof(begin) - 1))) {
		size_t used = 0;
		int r;

		p += sizeof(begin) - 1;
		if (packing_of(p, (size_t)(end - p)) != PACKING_GZIP)
			continue;
		r = packing_unpack(
			PACKING_GZIP, p, (size_t)(end - p), CONFIG_MAX, text, len, &used, e);
		if (r < 0)
			return err_prefix(e, "the configuration inside the image");
		if ((size_t)(end - p) - used < sizeof(end_mark) - 1 ||
			memcmp(p + used, end_mark, sizeof(end_mark) - 1) != 0) {
			free(*text);
			*text = NULL;
			return err_set(e, -EBADMSG,
				"the configuration inside the image is damaged: its end is not marked");
		}
		return 0;
	}
	return err_set(e, -ENOENT,
		"the image does not contain its configuration: the kernel was built without "
		"CONFIG_IKCONFIG=y");
}
