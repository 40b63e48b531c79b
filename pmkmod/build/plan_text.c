// SPDX-License-Identifier: GPL-3.0-or-later
/* What goes into a build, as text, and its hash: the cell. */
#include <dirent.h>
#include <fcntl.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/plan.h"
#include "pmkmod/build/plan_memory.h"

/* Bumped whenever the stages behind the plan change what comes out of the same inputs. */
#define CELL_FORMAT 6

static void newest(int64_t *date, const struct pinned *p)
{
	if (p->build_time > *date)
		*date = p->build_time;
}

/*
 * Name and public half of the signing key. Not part of the cell: the key is made by the first
 * build, and that must not make the second one a different cell.
 */
char *plan_describe_key(const struct context *x)
{
	_cleanup_free_ char *dir = plan_keys_dir(x);
	struct strbuf b = {0};
	_cleanup_strvec_ struct strvec names = {0};
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (ends_with(de->d_name, ".rsa.pub"))
			strvec_add(&names, de->d_name);
	if (d)
		closedir(d);
	strvec_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = path_join(dir, names.v[i]);
		char hex[HASH_HEX_MAX];
		struct hash h;

		if (hash_file(AT_FDCWD, path, HASH_SHA256, &h, NULL) < 0)
			continue;
		hash_hex(&h, hex);
		strbuf_addf(&b, "%s%s sha256:%s", b.len ? ", " : "", names.v[i], hex);
	}
	return strbuf_steal(&b);
}

static void print_list(struct strbuf *b, const char *word, const struct strvec *l)
{
	for (size_t i = 0; i < l->n; i++)
		strbuf_addf(b, "%s %s\n", word, l->v[i]);
}

static void print_text(struct strbuf *b, const char *word, const char *value)
{
	if (value)
		strbuf_addf(b, "%s %s\n", word, value);
}

static void print_module(struct plan *p, struct strbuf *b)
{
	const struct module *m = &p->module;

	strbuf_addf(b, "module %s\nsource %s\n", m->name, p->source);
	print_list(b, "patch", &p->patches);
	print_text(b, "subdir", m->subdir);
	print_text(b, "version", m->version);
	print_text(b, "license", m->license);
	print_text(b, "description", m->description);
	print_text(b, "url", m->url);
	print_text(b, "userspace", m->userspace);
	if (m->use != USE_ANY)
		strbuf_addf(b, "use %d\n", m->use);
	print_text(b, "target", m->target);
	print_text(b, "for", m->kernel_range);
	print_list(b, "for-arch", &m->archs);
	print_list(b, "config", &m->config);
	print_list(b, "package", &m->packages);
	print_list(b, "make", &m->make_args);
	print_list(b, "wants", &m->modules);
	print_list(b, "depends", &m->depends);
	companions_print(&p->companions, b);
	if (m->autoload)
		strbuf_adds(b, "autoload yes\n");
	module_print_package(m, b);
	if (p->device.compression >= 0)
		strbuf_addf(b, "compression '%s'\n", ko_compression_suffix[p->device.compression]);
}

void plan_finish(struct plan *p)
{
	struct strbuf b = {0};
	_cleanup_free_ char *q = apk_identity_text(&p->target.kernel.identity);
	struct hash h;

	strbuf_addf(&b, "pmkmod %s cell %d\narch %s\nchannel %s\n", PMKMOD_VERSION, CELL_FORMAT,
		p->device.arch->alpine, p->device.channel.name);
	strbuf_addf(&b, "kernel %s-%s %s\nflavor %s\n", p->target.kernel.name,
		p->target.kernel.version, q, p->device.flavor);
	strbuf_addf(&b, "emulate %s\n", emulate_names[p->emulate]);
	strbuf_addf(&b, "toolchain %s\nheaders %s\n", p->toolchain_id, p->kernel_id);
	print_text(&b, "native", p->native.n ? p->native_id : p->host);
	print_text(&b, "helpers", p->helpers.n ? p->helpers_id : NULL);
	print_text(&b, "cross", *p->cross ? p->cross : NULL);
	/* the certificate alone: what a signature looks like depends on nothing else of the key */
	if (p->sign_key)
		strbuf_addf(&b, "sign-key sha256:%s\n", sign_key_fingerprint(p->sign_key));
	if (!p->no_module)
		print_module(p, &b);
	newest(&p->source_date, &p->target.kernel);
	newest(&p->source_date, &p->target.source);
	strbuf_addf(&b, "date %lld\n", (long long)p->source_date);
	hash_buf(HASH_SHA256, b.s, b.len, &h);
	hash_hex(&h, p->cell);
	p->text = strbuf_steal(&b);
	p->key = memory_key(p->x);
	if (!p->key)
		p->key = plan_describe_key(p->x);
}
