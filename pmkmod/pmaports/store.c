// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The tree as one block of bytes: a line that names the format, a hash over the rest, and then
 * texts that each end with NUL, in the order in which they are written and read here. Numbers are
 * texts, too. A cache file is such a block; what pmaports_load() gives points into it.
 */
#include "chroot/base/hash.h"
#include "pmkmod/pmaports/tree.h"

#define COUNT_MAX 1000000

struct pmaports {
	char *block;
	struct pmaports_device *devices;
	struct pmaports_kernel *kernels; /* of all devices */
	size_t n_devices, n_kernels;
	struct strvec notes;
	bool from_cache;
};

/* ---- writing ---- */

static void put(struct strbuf *b, const char *s)
{
	if (s)
		strbuf_add(b, s, strlen(s));
	strbuf_add(b, "", 1);
}

static void put_number(struct strbuf *b, size_t n)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%zu", n);
	put(b, digits);
}

static void put_kernel(
	struct strbuf *b, const struct device_kernel *choice, const struct read_kernel *k)
{
	_cleanup_free_ char *notes = k->notes.n ? strvec_join(&k->notes, "\n") : NULL;
	const char *const texts[] = {choice->variant, choice->package, k->aport, k->judged.lines,
		k->judged.why, k->judged.remedy, k->made_by, k->renamed, k->version, k->flavor,
		k->config, k->compiler, k->outdir, k->karch, k->sources, k->patches, k->release,
		k->release_from, notes};

	put_number(b, k->judged.verdict);
	put_number(b, k->judged.firmware_decides);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		put(b, texts[i]);
}

static void put_device(struct strbuf *b, const struct read_device *d)
{
	_cleanup_free_ char *notes = d->notes.n ? strvec_join(&d->notes, "\n") : NULL;

	put(b, d->dir->name + strlen(DEVICE_PREFIX));
	put(b, d->title);
	put(b, d->dir->category);
	put(b, d->dir->path);
	put(b, d->arch);
	put(b, notes);
	put_number(b, d->n_kernels);
}

void store_encode(struct strbuf *out, const struct reading *r, const struct walk *w,
	const struct stamps *stamps, bool keep)
{
	struct strbuf b = {0};
	struct hash h;
	size_t kernels = 0;

	for (size_t i = 0; i < r->n_devices; i++)
		kernels += r->devices[i].n_kernels;
	put_number(&b, stamps->n);
	put_number(&b, stamps->text.len);
	if (stamps->text.len)
		strbuf_add(&b, stamps->text.s, stamps->text.len);
	put_number(&b, w->notes.n);
	for (size_t i = 0; i < w->notes.n; i++)
		put(&b, w->notes.v[i]);
	put_number(&b, r->n_devices);
	put_number(&b, kernels);
	for (size_t i = 0, k = 0; i < r->n_devices; i++) {
		put_device(&b, &r->devices[i]);
		for (size_t n = 0; n < r->devices[i].n_kernels; n++)
			put_kernel(&b, &r->devices[i].kernels[n], r->kernel_of[k++]);
	}
	h = (struct hash){0};
	if (keep)
		hash_buf(HASH_SHA256, b.s, b.len, &h);
	strbuf_adds(out, STORE_MAGIC);
	strbuf_add(out, h.b, STORE_HASH);
	strbuf_add(out, b.s, b.len);
	strbuf_free(&b);
}

/* ---- reading ---- */

struct reader {
	const char *at, *end;
	bool bad;
};

/* "" stands for NULL. */
static const char *get(struct reader *r)
{
	const char *s = r->at, *nul = r->bad ? NULL : memchr(s, '\0', (size_t)(r->end - s));

	if (!nul) {
		r->bad = true;
		return NULL;
	}
	r->at = nul + 1;
	return *s ? s : NULL;
}

static const char *get_text(struct reader *r)
{
	const char *s = get(r);

	return s ? s : "";
}

static size_t get_number(struct reader *r, size_t max)
{
	const char *s = get(r);
	unsigned long long n = 0;
	char *end = NULL;

	if (s && *s >= '0' && *s <= '9')
		n = strtoull(s, &end, 10);
	if (!end || *end || n > max) {
		r->bad = true;
		return 0;
	}
	return (size_t)n;
}

static void get_kernel(struct reader *r, struct pmaports_kernel *k)
{
	const char **const texts[] = {&k->variant, &k->package, &k->aport, &k->lines, &k->why,
		&k->remedy, &k->made_by, &k->renamed, &k->version, &k->flavor, &k->config,
		&k->compiler, &k->outdir, &k->karch, &k->sources, &k->patches, &k->release,
		&k->release_from, &k->notes};

	k->verdict = (enum verdict)get_number(r, N_VERDICTS - 1);
	k->firmware_decides = get_number(r, 1) != 0;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*texts[i] = get(r);
}

static void get_device(
	struct reader *r, struct pmaports *t, struct pmaports_device *d, size_t *used)
{
	d->name = get_text(r);
	d->title = get_text(r);
	d->category = get_text(r);
	d->path = get_text(r);
	d->arch_name = get_text(r);
	d->arch = arch_by_name(d->arch_name);
	d->notes = get(r);
	d->n_kernels = get_number(r, t->n_kernels - *used);
	d->kernels = t->kernels + *used;
	d->verdict = VERDICT_NO_KERNEL;
	r->bad = r->bad || !d->n_kernels;
	for (size_t i = 0; i < d->n_kernels && !r->bad; i++) {
		struct pmaports_kernel *k = &t->kernels[(*used)++];

		get_kernel(r, k);
		if (k->verdict < d->verdict)
			d->verdict = k->verdict;
	}
}

/* The order pmaports_find() needs. */
static bool is_sorted(const struct pmaports *t)
{
	for (size_t i = 1; i < t->n_devices; i++)
		if (strcmp(t->devices[i - 1].name, t->devices[i].name) >= 0)
			return false;
	return true;
}

static int get_tree(struct reader *r, struct pmaports *t, bool check)
{
	size_t n = get_number(r, COUNT_MAX), len = get_number(r, (size_t)(r->end - r->at)),
	       used = 0;

	if (r->bad || len > (size_t)(r->end - r->at))
		return -EINVAL;
	if (check && !stamps_hold(r->at, len, n))
		return -ESTALE;
	r->at += len;
	n = get_number(r, COUNT_MAX);
	for (size_t i = 0; i < n && !r->bad; i++)
		strvec_add(&t->notes, get_text(r));
	t->n_devices = get_number(r, COUNT_MAX);
	t->n_kernels = get_number(r, COUNT_MAX);
	/* each takes more bytes than this: a number alone must not take memory */
	if (r->bad || t->n_devices + t->n_kernels > (size_t)(r->end - r->at))
		return -EINVAL;
	t->devices = xcalloc(t->n_devices + 1, sizeof(*t->devices));
	t->kernels = xcalloc(t->n_kernels + 1, sizeof(*t->kernels));
	for (size_t i = 0; i < t->n_devices && !r->bad; i++)
		get_device(r, t, &t->devices[i], &used);
	return r->bad || r->at != r->end || used != t->n_kernels || !is_sorted(t) ? -EINVAL : 0;
}

bool store_whole(const char *block, size_t len)
{
	static const size_t head = sizeof(STORE_MAGIC) - 1 + STORE_HASH;
	struct hash h;

	if (len <= head || memcmp(block, STORE_MAGIC, sizeof(STORE_MAGIC) - 1) != 0)
		return false;
	hash_buf(HASH_SHA256, block + head, len - head, &h);
	return memcmp(h.b, block + sizeof(STORE_MAGIC) - 1, STORE_HASH) == 0;
}

int store_decode(struct pmaports **out, char *block, size_t len, bool check)
{
	static const size_t head = sizeof(STORE_MAGIC) - 1 + STORE_HASH;
	struct pmaports *t = xcalloc(1, sizeof(*t));
	struct reader r = {0};
	struct hash h;
	int code = -EINVAL;

	t->block = block;
	t->from_cache = check;
	if (len > head && memcmp(block, STORE_MAGIC, sizeof(STORE_MAGIC) - 1) == 0) {
		if (check)
			hash_buf(HASH_SHA256, block + head, len - head, &h);
		r = (struct reader){block + head, block + len, false};
		if (!check || memcmp(h.b, block + sizeof(STORE_MAGIC) - 1, STORE_HASH) == 0)
			code = get_tree(&r, t, check);
	}
	if (code < 0) {
		pmaports_free(t);
		return code;
	}
	*out = t;
	return 0;
}

/* ---- what others see ---- */

void pmaports_free(struct pmaports *t)
{
	if (!t)
		return;
	free(t->block);
	free(t->devices);
	free(t->kernels);
	strvec_free(&t->notes);
	free(t);
}

const struct pmaports_device *pmaports_devices(const struct pmaports *t, size_t *n)
{
	*n = t->n_devices;
	return t->devices;
}

static int compare_name(const void *name, const void *device)
{
	return strcmp(name, ((const struct pmaports_device *)device)->name);
}

const struct pmaports_device *pmaports_find(const struct pmaports *t, const char *name)
{
	return t->n_devices
		       ? bsearch(name, t->devices, t->n_devices, sizeof(*t->devices), compare_name)
		       : NULL;
}

const struct strvec *pmaports_notes(const struct pmaports *t)
{
	return &t->notes;
}

bool pmaports_from_cache(const struct pmaports *t)
{
	return t->from_cache;
}
