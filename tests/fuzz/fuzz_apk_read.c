// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Input: 'D' and the data archive of a package, 'C' and its control archive, 'P' and the text of a
 * .PKGINFO, each packed with what else is needed; or, with any other first byte, a file as it is.
 */
#include "tests/fuzz/apk_wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What every consumer relies on. */
static int on_entry(void *ctx, const struct apk_entry *en, struct err *e)
{
	(void)ctx, (void)e;
	if (en->name[0] == '/' || en->name[0] == '.' || !en->name[0] || strstr(en->name, "//") ||
		strstr(en->name, "/../") || ends_with(en->name, "/..") || ends_with(en->name, "/"))
		abort();
	if (strlen(en->uname) > 32 || en->mode > 07777 || (en->size && en->type != APK_FILE))
		abort();
	if ((en->type == APK_SYMLINK || en->type == APK_HARDLINK) != (en->link != NULL))
		abort();
	for (size_t i = 0; i < en->n_xattrs; i++)
		if (!en->xattrs[i].name[0] || strlen(en->xattrs[i].name) > 1 << 20)
			abort();
	return 0;
}

static int on_control(void *ctx, const struct apk_control *c, struct err *e)
{
	(void)ctx, (void)e;
	if (!c->pkg.name || !c->pkg.version || strchr(c->pkg.name, '/') ||
		strchr(c->pkg.version, '/'))
		abort();
	return 0;
}

static void make_apk(struct strbuf *apk, const uint8_t *data, size_t size)
{
	_cleanup_strbuf_ struct strbuf tar = {0}, content = {0}, control = {0}, text = {0};

	if (data[0] == 'D')
		wrap_tar(&tar, data + 1, size - 1);
	else
		craft_file(&tar, "a", "b");
	craft_gzip(&content, tar.s, tar.len, 0);
	strbuf_adds(&text, "pkgname = a\npkgver = 1\n");
	if (data[0] == 'P') {
		strbuf_reset(&text);
		strbuf_add(&text, data + 1, size - 1);
		strbuf_addc(&text, '\n');
	}
	if (data[0] == 'C')
		wrap_tar(&control, data + 1, size - 1);
	else
		craft_pkginfo(&control, text.s, content.s, content.len);
	craft_gzip(apk, control.s, control.len, 0);
	strbuf_add(apk, content.s, content.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct apk_reader_ops ops = {.control = on_control, .entry = on_entry};
	struct apk_limits limits = {.max_unpacked = 8 << 20, .max_files = 1000};
	_cleanup_strbuf_ struct strbuf apk = {0};
	struct err e = ERR_INIT;
	int fd;

	if (size && strchr("DCP", data[0]) && data[0])
		make_apk(&apk, data, size);
	else
		strbuf_add(&apk, data, size);
	fd = craft_fd(&apk);
	if (apk_read(fd, "fuzz", NULL, NULL, &limits, &ops, NULL, &e) < 0 && !e.text[0])
		abort(); /* an error without a sentence */
	close(fd);
	return 0;
}
