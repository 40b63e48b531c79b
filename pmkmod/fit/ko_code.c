// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/fit/ko_code.h"

/* Does the instruction change general register 18, by calculating or loading it? */
static bool writes_x18(uint32_t w)
{
	uint32_t group = w >> 25 & 0xf, rd = w & 31;
	bool vector = w >> 26 & 1, load = w >> 22 & 1;

	if ((group & 0xe) == 0x8 || (group & 0x7) == 0x5)
		return rd == 18;
	/* of loads and stores those with an immediate offset, which are most */
	if ((w & 0x3a000000) == 0x38000000)
		return rd == 18 && !vector && load;
	if ((w & 0x3a000000) == 0x28000000 && !vector && load)
		return rd == 18 || (w >> 10 & 31) == 18;
	return false;
}

static void read_instruction(struct ko_code *c, uint32_t w)
{
	if (w == 0xf800865e)
		c->scs_pushes++;
	else if (w == 0xd503233f)
		c->pac++;
	else if ((w & 0xfe407fff) == 0xa8007bfd)
		c->frames++;
	else if ((w & 0xffe0001f) == 0xd4200000 && (w >> 5 & 0xfc00) == 0x8000)
		c->kcfi_checks++;
	else if ((w & 0xffffffe0) == 0xd5384100)
		c->task_guards++;
	else if (writes_x18(w))
		c->x18_writes++;
}

static void read_instructions(struct ko *k, const struct ko_image *im)
{
	for (size_t i = 1; i < im->n_sections; i++) {
		const struct ko_section *s = &im->sections[i];

		if ((s->sh.sh_flags & (SHF_ALLOC | SHF_EXECINSTR)) != (SHF_ALLOC | SHF_EXECINSTR))
			continue;
		for (size_t at = 0; at + 4 <= s->len; at += 4)
			read_instruction(&k->code, ko_image_u32(im, s->bytes + at));
	}
}

/* any_section_objs(): the first of that name, allocated or not. */
static void copy_section(const struct ko_image *im, const char *name, char **to, size_t *len)
{
	for (size_t i = 1; i < im->n_sections; i++) {
		const struct ko_section *s = &im->sections[i];

		if (!streq(s->name, name))
			continue;
		*len = s->len;
		*to = xcalloc(s->len + 1, 1);
		if (s->len)
			memcpy(*to, s->bytes, s->len);
		return;
	}
}

void ko_read_code(struct ko *k, const struct ko_image *im)
{
	for (size_t i = 1; i < im->n_sections; i++)
		strvec_add(&k->sections, im->sections[i].name);
	copy_section(im, ".BTF", &k->btf, &k->btf_len);
	copy_section(im, ".BTF.base", &k->btf_base, &k->btf_base_len);
	if (k->elf_machine == EM_AARCH64)
		read_instructions(k, im);
}

void ko_free_code(struct ko *k)
{
	free(k->btf);
	free(k->btf_base);
	strvec_free(&k->sections);
}
