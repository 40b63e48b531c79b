// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A kernel's modules: the kept text; and depmod's lists and modules.builtin.modinfo, by anybody.
 * The first byte says which. What was gathered can be printed, and is taken again.
 */
#include "chroot/base/sealed.h"
#include "pmkmod/kernel/modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count(void *ctx, const struct kernel_alias *a)
{
	(void)a;
	++*(size_t *)ctx;
	return true;
}

static void ask(struct kernel_modules *m)
{
	int64_t budget = 1000000;
	size_t n = 0;

	for (size_t i = 0; i < m->n_aliases && i < 20; i++)
		kernel_modules_claims(m, m->aliases[i].pattern, &budget, count, &n);
	for (size_t i = 0; i < m->n; i++)
		if (!kernel_modules_find(m, m->v[i].name))
			abort();
	if (m->n_aliases && m->aliases[0].module >= m->n)
		abort();
}

/* Sealed, so that what is inside is looked at. */
static void kept(const uint8_t *data, size_t size)
{
	struct strbuf b = {0};
	struct kernel_modules m;

	strbuf_adds(&b, "pmkmod kernel modules 1\n");
	strbuf_add(&b, data, size);
	sealed_end(&b);
	if (kernel_modules_parse(&m, b.s, b.len) < 0)
		return;
	ask(&m);
	kernel_modules_free(&m);
}

static void gathered(char which, const char *bytes, size_t size)
{
	struct modules_builder b = {0};
	struct strvec names = {0};
	struct kernel_modules m;
	char *text = xstrndup(bytes, size), *softdep = xstrdup(text), *copy;
	size_t len;

	strvec_add(&names, "kernel/a.ko");
	strvec_add(&names, "kernel/b-c.ko.xz");
	if (which & 1) {
		modules_builder_add_lists(&b, &names, softdep, text);
	} else {
		copy = xcalloc(size + 1, 1);
		memcpy(copy, bytes, size);
		modules_builder_add(&b, text, copy, size);
	}
	modules_builder_add_builtin(&b, &names, bytes, size);
	copy = modules_builder_print(&b, &len);
	if (kernel_modules_parse(&m, copy, len) < 0)
		abort();
	ask(&m);
	kernel_modules_free(&m);
	modules_builder_free(&b);
	strvec_free(&names);
	free(text);
	free(softdep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 2)
		kept(data + 1, size - 1);
	else
		gathered((char)data[0], (const char *)data + 1, size - 1);
	return 0;
}
