// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/taken_names.h"

#include "chroot/base/fs.h"
#include "chroot/base/sealed.h"
#include "pmkmod/image/image.h"

#define FIRST_LINE "pmkmod names of a kernel's parameters 1\n"
#define CACHE_MAX (1u << 20)

static bool load(struct strvec *out, const char *path)
{
	_cleanup_free_ char *text = NULL;
	size_t len, body;

	fs_note_use(path);
	if (fs_read_regular(path, CACHE_MAX, &text, &len, NULL) < 0)
		return false;
	body = sealed_body(text, len, FIRST_LINE);
	if (!body)
		return false;
	text[body] = '\0';
	strvec_split(out, text + strlen(FIRST_LINE), "\n");
	return true;
}

/* A cache that cannot be written only costs time. */
static void save(const struct strvec *names, const char *dir, const char *path)
{
	_cleanup_strbuf_ struct strbuf b = {0};

	strbuf_adds(&b, FIRST_LINE);
	for (size_t i = 0; i < names->n; i++)
		strbuf_addf(&b, "%s\n", names->v[i]);
	sealed_end(&b);
	if (fs_mkdirs(dir, 0755, NULL) == 0)
		fs_write_atomic(path, b.s, b.len, 0644, NULL);
}

static void read_image(struct strvec *out, const char *image, const struct kernel_facts *f)
{
	struct kernel_image im;

	if (!image || !f->builtin_attributes.n || kernel_image_read(&im, image, NULL) < 0)
		return;
	image_param_names(&im, &f->builtin_attributes, out);
	kernel_image_free(&im);
}

bool taken_names(struct strvec *out, const char *image, const struct kernel_facts *f,
	const struct hash *identity, const char *flavor, const char *cache_dir)
{
	bool kept = identity && identity->alg != HASH_NONE && cache_dir;
	_cleanup_free_ char *path =
		kept ? kernel_cache_path(cache_dir, identity, flavor, ".names") : NULL;

	/* that nothing is found is kept as well: an empty list */
	if (!path || !load(out, path)) {
		read_image(out, image, f);
		if (path)
			save(out, cache_dir, path);
	}
	return out->n != 0;
}
