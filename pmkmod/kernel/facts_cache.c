// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * First line: what this is. Then one fact a line, key and value separated by a tab; the value is
 * everything up to the end of the line (a vermagic may end in a blank). Sealed.
 */
#include "pmkmod/kernel/facts_cache.h"

#include <inttypes.h>

#include "chroot/base/sealed.h"

#define FIRST_LINE "pmkmod kernel facts 5\n"

/* The facts by name, so that printing and parsing cannot drift apart. */
struct fields {
	struct {
		const char *key;
		char **text;
	} texts[5];
	struct {
		const char *key;
		struct strvec *list;
	} lists[4];
	struct {
		const char *key;
		uint64_t *number;
	} numbers[6];
};

static struct fields fields_of(struct kernel_facts *f)
{
	return (struct fields){
		.texts = {{"release", &f->release}, {"vermagic", &f->vermagic},
			{"config", &f->config_name}, {"image", &f->image_name},
			{"symvers", &f->symvers_name}},
		.lists = {{"module", &f->modules}, {"builtin", &f->builtin},
			{"trampoline", &f->trampolines},
			{"builtin_attribute", &f->builtin_attributes}},
		.numbers = {{"this_module_size", &f->this_module_size},
			{"layout_size", &f->layout.size}, {"layout_init", &f->layout.init},
			{"layout_exit", &f->layout.exit}, {"layout_name", &f->layout.name},
			{"modules_order", &f->modules_order}},
	};
}

char *facts_print(const struct kernel_facts *facts, size_t *len)
{
	struct kernel_facts copy = *facts; /* only looked at through the table */
	struct fields f = fields_of(&copy);
	struct strbuf out = {0};

	strbuf_adds(&out, FIRST_LINE);
	for (size_t i = 0; i < ARRAY_SIZE(f.texts); i++)
		if (*f.texts[i].text)
			strbuf_addf(&out, "%s\t%s\n", f.texts[i].key, *f.texts[i].text);
	for (size_t i = 0; i < ARRAY_SIZE(f.numbers); i++)
		strbuf_addf(&out, "%s\t%" PRIu64 "\n", f.numbers[i].key, *f.numbers[i].number);
	strbuf_addf(&out, "init_hash\t%" PRIu32 "\n", facts->layout.init_hash);
	for (size_t i = 0; i < ARRAY_SIZE(f.lists); i++)
		for (size_t j = 0; j < f.lists[i].list->n; j++)
			strbuf_addf(&out, "%s\t%s\n", f.lists[i].key, f.lists[i].list->v[j]);
	sealed_end(&out);
	*len = out.len;
	return strbuf_steal(&out);
}

static void parse_line(struct kernel_facts *facts, struct fields *f, const char *key, const char *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(f->texts); i++) {
		if (!streq(key, f->texts[i].key))
			continue;
		free(*f->texts[i].text);
		*f->texts[i].text = xstrdup(v);
	}
	for (size_t i = 0; i < ARRAY_SIZE(f->lists); i++)
		if (streq(key, f->lists[i].key))
			strvec_add(f->lists[i].list, v);
	for (size_t i = 0; i < ARRAY_SIZE(f->numbers); i++)
		if (streq(key, f->numbers[i].key))
			*f->numbers[i].number = strtoull(v, NULL, 10);
	if (streq(key, "init_hash"))
		facts->layout.init_hash = (uint32_t)strtoull(v, NULL, 10);
}

bool facts_parse(struct kernel_facts *facts, const char *text, size_t len)
{
	struct fields f = fields_of(facts);
	_cleanup_free_ char *copy = NULL;
	char *line, *next;

	*facts = (struct kernel_facts){0};
	if (strlen(text) != len || !sealed_body(text, len, FIRST_LINE))
		return false;
	copy = xstrdup(text);
	for (line = copy + strlen(FIRST_LINE); (next = strchr(line, '\n')); line = next + 1) {
		char *tab = strchr(line, '\t');

		*next = '\0';
		if (!tab || tab > next)
			continue;
		*tab = '\0';
		parse_line(facts, &f, line, tab + 1);
	}
	return true;
}
