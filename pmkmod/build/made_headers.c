// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/made_headers.h"

#include <fcntl.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/pinned.h"
#include "pmkmod/build/plan.h"

char *made_headers_dir(const struct context *x, const struct device *d)
{
	return xasprintf(
		"%s/headers/%s-%s-%s", x->state, d->channel.name, d->arch->alpine, d->kernel);
}

static bool still_published(const struct context *x, const struct device *d, const struct pinned *p)
{
	_cleanup_free_ char *packages = plan_packages_dir(x);
	_cleanup_free_ char *path = xasprintf("%s/%s/%s/%s-%s.apk", packages, d->channel.name,
		d->arch->alpine, p->name ? p->name : "", p->version ? p->version : "");

	return p->name && fs_exists(path);
}

int made_headers_parse(struct made_headers *h, const char *text)
{
	_cleanup_strvec_ struct strvec lines = {0};
	struct {
		const char *word;
		char **slot;
	} words[] = {{"origin ", &h->origin}, {"provider ", &h->provider},
		{"compiler ", &h->compiler}, {"release ", &h->release}, {"symvers ", &h->symvers},
		{"content ", &h->content}};

	*h = (struct made_headers){0};
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *l = lines.v[i];

		for (size_t k = 0; k < ARRAY_SIZE(words); k++)
			if (starts_with(l, words[k].word) && !*words[k].slot)
				*words[k].slot = xstrdup(l + strlen(words[k].word));
		if (starts_with(l, "dev ") && !h->dev.name)
			pinned_parse(&h->dev, l + strlen("dev "));
		else if (starts_with(l, "scripts ") && !h->scripts.name)
			pinned_parse(&h->scripts, l + strlen("scripts "));
		else if (starts_with(l, "kernel "))
			apk_identity_parse(&h->kernel, l + strlen("kernel "));
	}
	if (h->origin && h->provider && h->compiler && h->dev.name && h->scripts.name)
		return 0;
	made_headers_free(h);
	return -EINVAL;
}

void made_headers_load(struct made_headers *h, const struct context *x, const struct device *d)
{
	_cleanup_free_ char *dir = made_headers_dir(x, d), *path = path_join(dir, "record");
	_cleanup_free_ char *text = NULL;

	*h = (struct made_headers){0};
	if (fs_read(path, MADE_HEADERS_MAX, &text, NULL, NULL) < 0 ||
		made_headers_parse(h, text) < 0)
		return;
	if (!still_published(x, d, &h->dev) || !still_published(x, d, &h->scripts))
		made_headers_free(h);
}

int made_headers_lock(const struct context *x, const struct device *d, struct err *e)
{
	_cleanup_free_ char *dir = made_headers_dir(x, d), *path = path_join(dir, "lock");
	int r = fs_mkdirs(dir, 0700, e);

	return r < 0 ? r : fs_lock(path, true, true, e);
}

int made_headers_store(const struct made_headers *h, const struct context *x,
	const struct device *d, struct err *e)
{
	_cleanup_free_ char *dir = made_headers_dir(x, d), *path = path_join(dir, "record");
	_cleanup_free_ char *kernel = apk_identity_text(&h->kernel);
	_cleanup_strbuf_ struct strbuf b = {0};

	strbuf_addf(&b, "kernel %s\norigin %s\nprovider %s\ncompiler %s\n", kernel, h->origin,
		h->provider, h->compiler);
	if (h->release)
		strbuf_addf(&b, "release %s\n", h->release);
	if (h->symvers)
		strbuf_addf(&b, "symvers %s\n", h->symvers);
	if (h->content)
		strbuf_addf(&b, "content %s\n", h->content);
	strbuf_adds(&b, "dev ");
	pinned_print(&h->dev, &b);
	strbuf_adds(&b, "\nscripts ");
	pinned_print(&h->scripts, &b);
	strbuf_addc(&b, '\n');
	return fs_write_atomic(path, b.s, b.len, 0644, e);
}

bool made_headers_are_repaired(const struct made_headers *h)
{
	return h->dev.name && streq(h->origin, MADE_HEADERS_REPAIRED);
}

void made_headers_free(struct made_headers *h)
{
	pinned_free(&h->dev);
	pinned_free(&h->scripts);
	free(h->origin);
	free(h->provider);
	free(h->compiler);
	free(h->release);
	free(h->symvers);
	free(h->content);
	*h = (struct made_headers){0};
}

const char *headers_compiler(const struct kernel_origin *o, const struct made_headers *h)
{
	if (o->cc)
		return o->cc;
	return h->compiler ? h->compiler : "gcc";
}
