// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * First line: what this is. Then one fact a line, key and value separated by a tab; the value is
 * everything up to the end of the line (a vermagic may end in a blank). Last line: "sha256" and the
 * hash of all bytes before it.
 */
#include "pmkmod/kernel/facts_cache.h"

#include <inttypes.h>

#define FIRST_LINE "pmkmod kernel facts 4\n"
#define LAST_KEY "sha256\t"

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
	} numbers[5];
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
			{"layout_exit", &f->layout.exit}, {"layout_name", &f->layout.name}},
	};
}

static void add_hash(struct strbuf *out, const char *text, size_t len)
{
	char hex[HASH_HEX_MAX];
	struct hash h;

	hash_buf(HASH_SHA256, text, len, &h);
	hash_hex(&h, hex);
	strbuf_addf(out, LAST_KEY "%s\n", hex);
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
	add_hash(&out, out.s, out.len);
	*len = out.len;
	return strbuf_steal(&out);
}

static bool whole(const char *text, size_t len)
{
	_cleanup_strbuf_ struct strbuf end = {0};
	size_t tail = strlen(LAST_KEY) + 2 * hash_len(HASH_SHA256) + 1;

	if (len < tail + strlen(FIRST_LINE) || !starts_with(text, FIRST_LINE) ||
		strlen(text) != len)
		return false;
	add_hash(&end, text, len - tail);
	return memcmp(end.s, text + len - tail, tail) == 0;
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
	if (!whole(text, len))
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
