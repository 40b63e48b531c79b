// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/phone/record.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <time.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/exit_codes.h"

#define LINE_MAX_BYTES 4096
#define LIST_MAX 256

const char *const phone_file_names[PHONE_FILES] = {"config", "image", "btf", "kheaders"};

/* A configuration has 200 KiB before compression, a kernel with all built in reached 100 MiB. */
static const size_t file_max[PHONE_FILES] = {4u << 20, 256u << 20, 64u << 20, 64u << 20};

/*
 * A file is a line "file NAME SIZE PATH", so many bytes, a line end. @T@: token, @F@: flavor; the
 * four limits follow as @0@ to @3@. Files of /proc and /sys have their size in what is read of them
 * alone.
 */
static const char script[] =
	"PATH=$PATH:/usr/sbin:/sbin\n"
	"LC_ALL=C\n"
	"export PATH LC_ALL\n"
	"say() { sed \"s/^/@T@ $1 /\"; }\n"
	"tell() { echo \"@T@ $*\"; }\n"
	"give() {\n"
	"	if [ ! -e \"$3\" ]; then tell none $1 \"$3\"; return; fi\n"
	"	if [ ! -r \"$3\" ]; then tell closed $1 \"$3\"; return; fi\n"
	"	n=$(wc -c <\"$3\" 2>/dev/null)\n"
	"	n=$((n))\n"
	"	if [ $n -eq 0 ]; then tell none $1 \"$3\"; return; fi\n"
	"	if [ $n -gt $2 ]; then tell large $1 \"$3\"; return; fi\n"
	"	tell file $1 $n \"$3\"\n"
	"	head -c $n \"$3\"\n"
	"	echo\n"
	"}\n"
	"uname -r | say release\n"
	"uname -m | say machine\n"
	"sed -n '1p' /proc/version 2>/dev/null | say version\n"
	"apk info -v 2>/dev/null </dev/null | grep '^linux-' | say package\n"
	"ls -1 \"/lib/modules/$(uname -r)\" 2>/dev/null | grep '^modules\\.' | say index\n"
	"give config @0@ /proc/config.gz\n"
	"give btf @2@ /sys/kernel/btf/vmlinux\n"
	"give kheaders @3@ /sys/kernel/kheaders.tar.xz\n"
	"i=/boot/vmlinuz\n"
	"for f in '/boot/vmlinuz-@F@' /boot/vmlinuz /boot/linux.efi /boot/boot.img /boot/vmlinuz-*; do\n"
	"	if [ -e \"$f\" ]; then i=$f; break; fi\n"
	"done\n"
	"give image @1@ \"$i\"\n"
	"tell end\n";

char *phone_record_script(const char *token, const char *flavor)
{
	struct strbuf b = {0};

	for (const char *s = script; *s;) {
		if (s[0] != '@' || !s[1] || s[2] != '@') {
			strbuf_addc(&b, *s++);
			continue;
		}
		if (s[1] == 'T')
			strbuf_adds(&b, token);
		else if (s[1] == 'F')
			strbuf_adds(&b, flavor && phone_word_ok(flavor) ? flavor : "");
		else
			strbuf_addf(&b, "%zu", file_max[(s[1] - '0') % PHONE_FILES]);
		s += 3;
	}
	return strbuf_steal(&b);
}

/* ---- the answer ---- */

static void bad(struct phone_hearing *h, const char *what)
{
	if (h->code == 0)
		h->code = err_set(h->e, -EBADMSG, "the phone's answer is damaged: %s", what);
}

static int which_file(const char *name, size_t len)
{
	for (int i = 0; i < PHONE_FILES; i++)
		if (strlen(phone_file_names[i]) == len && !strncmp(phone_file_names[i], name, len))
			return i;
	return -1;
}

static void begin_file(struct phone_hearing *h, const char *t)
{
	size_t n = strcspn(t, " ");
	int i = which_file(t, n);
	char *end = NULL;
	unsigned long long size = t[n] ? strtoull(t + n + 1, &end, 10) : 0;
	_cleanup_free_ char *path = NULL;

	if (i < 0 || size == 0 || !end || *end != ' ' || size > file_max[i] || h->r->path[i]) {
		bad(h, "a file that was not asked for");
		return;
	}
	h->r->path[i] = phone_clean(end + 1, strlen(end + 1));
	h->r->got[i] = true;
	h->left = (size_t)size;
	h->after = true;
	if (!h->dir)
		return;
	path = path_join(h->dir, phone_file_names[i]);
	h->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (h->fd < 0 && h->code == 0)
		h->code = err_errno(h->e, -errno, "cannot create '%s'", path);
}

/* "NAME PATH": why it is not given */
static void no_file(struct phone_hearing *h, const char *t, const char *why)
{
	size_t n = strcspn(t, " ");
	_cleanup_free_ char *path = phone_clean(t + n, strlen(t + n));

	if (which_file(t, n) >= 0 && h->r->missing.n < LIST_MAX)
		strvec_addf(&h->r->missing, "%.*s:%s %s", (int)n, t, path, why);
}

static void word(char **slot, const char *t)
{
	if (!*slot && phone_word_ok(t))
		*slot = xstrdup(t);
}

static void item(struct strvec *l, const char *t)
{
	if (l->n < LIST_MAX && phone_word_ok(t))
		strvec_add(l, t);
}

static void our_line(struct phone_hearing *h, char *line)
{
	struct phone_record *r = h->r;
	size_t n = strcspn(line, " ");
	const char *t = line[n] ? line + n + 1 : line + n;

	line[n] = '\0';
	if (streq(line, "release"))
		word(&r->release, t);
	else if (streq(line, "machine"))
		word(&r->machine, t);
	else if (streq(line, "version") && !r->version)
		r->version = phone_clean(t, strlen(t));
	else if (streq(line, "package"))
		item(&r->packages, t);
	else if (streq(line, "index"))
		item(&r->indexes, t);
	else if (streq(line, "file"))
		begin_file(h, t);
	else if (streq(line, "none"))
		no_file(h, t, "is not there");
	else if (streq(line, "closed"))
		no_file(h, t, "may not be read by this account (--user root can)");
	else if (streq(line, "large"))
		no_file(h, t, "is too large");
	else if (streq(line, "end"))
		h->ended = true;
}

static void end_line(struct phone_hearing *h)
{
	size_t n = strlen(h->token);
	char *line = h->line.s ? h->line.s : NULL;

	if (line && h->line.len && starts_with(line, h->token) && line[n] == ' ')
		our_line(h, line + n + 1);
	strbuf_reset(&h->line);
}

static size_t file_bytes(struct phone_hearing *h, const char *data, size_t len)
{
	size_t n = len < h->left ? len : h->left;
	int r = h->fd >= 0 ? fs_write_all(h->fd, data, n) : 0;

	if (r < 0 && h->code == 0) {
		h->code = err_errno(h->e, r, "cannot write what the phone gives");
		if (h->e && r == -ENOSPC)
			h->e->exit_code = EXIT_NO_SPACE;
	}
	h->left -= n;
	if (h->left == 0 && h->fd >= 0) {
		fsync(h->fd);
		close(h->fd);
		h->fd = -1;
	}
	return n;
}

void phone_record_hear(void *hearing, const char *data, size_t len)
{
	struct phone_hearing *h = hearing;

	for (size_t i = 0; i < len && h->code == 0;) {
		if (h->left) {
			i += file_bytes(h, data + i, len - i);
			continue;
		}
		if (h->after) {
			h->after = false;
			if (data[i] != '\n')
				bad(h, "a file changed while it was read");
		} else if (data[i] == '\n') {
			end_line(h);
		} else if (h->line.len < LINE_MAX_BYTES && data[i] != '\0') {
			strbuf_addc(&h->line, data[i]);
		}
		i++;
	}
}

int phone_record_heard_all(struct phone_hearing *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
	strbuf_free(&h->line);
	if (h->code == 0 && (h->left || !h->ended))
		bad(h, "it ends too early");
	if (h->code == 0 && (!h->r->release || !h->r->machine))
		bad(h, "it does not say what kernel it runs");
	return h->code;
}

/* ---- keeping it ---- */

static int write_profile(
	const struct phone_record *r, const struct phone *p, const char *dir, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, "phone.ini");
	_cleanup_free_ char *packages = strvec_join(&r->packages, " ");
	_cleanup_free_ char *indexes = strvec_join(&r->indexes, " ");
	_cleanup_strbuf_ struct strbuf b = {0};
	char date[32];
	struct tm tm;
	time_t t = time(NULL);

	gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	strbuf_addf(&b,
		"# What a phone said; `pmkmod phone` asks anew. Remove this folder to do without.\n"
		"[phone]\nhost = %s\ndate = %s\nrelease = %s\nmachine = %s\npackages = %s\n"
		"indexes = %s\n",
		p->host, date, r->release, r->machine, packages, indexes);
	if (r->version)
		strbuf_addf(&b, "version = %s\n", r->version);
	strbuf_adds(&b, "\n[kernel]\n");
	for (int i = 0; i < PHONE_FILES; i++)
		if (r->got[i])
			strbuf_addf(&b, "%s = %s\n", phone_file_names[i], phone_file_names[i]);
	return fs_write_atomic(path, b.s, b.len, 0644, e);
}

/* The new folder takes the place of the old one in one step. */
static int replace_folder(const char *fresh, const char *dir, struct err *e)
{
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, dir, RENAME_EXCHANGE) == 0)
		return fs_remove_tree(fresh, NULL);
	if (errno != ENOENT) {
		/* a file system that cannot exchange names */
		int r = fs_remove_tree(dir, e);

		if (r < 0)
			return r;
	}
	if (rename(fresh, dir) < 0)
		return err_errno(e, -errno, "cannot move '%s' to '%s'", fresh, dir);
	return fs_sync_parent(dir);
}

int phone_record_fetch(
	struct phone_record *r, struct phone *p, const char *flavor, const char *dir, struct err *e)
{
	_cleanup_free_ char *fresh = xasprintf("%s.new-%d", dir, (int)getpid()), *text = NULL;
	char token[PHONE_TOKEN];
	struct phone_hearing h = {.r = r, .token = token, .dir = fresh, .fd = -1, .e = e};
	struct phone_call call = {
		.command = "sh", .max = 400u << 20, .bytes = phone_record_hear, .ctx = &h};
	int status, c = phone_token(token, e);

	*r = (struct phone_record){0};
	if (c == 0)
		c = fs_remove_tree(fresh, e);
	if (c == 0)
		c = fs_mkdirs(fresh, 0700, e);
	if (c < 0)
		return c;
	text = phone_record_script(token, flavor);
	call.input = text;
	c = phone_call(p, &call, NULL, &status, e);
	if (c == 0) {
		c = phone_record_heard_all(&h);
		if (c < 0 && e && !e->exit_code)
			e->exit_code = EXIT_PHONE;
	} else {
		phone_record_heard_all(&(struct phone_hearing){.r = r, .fd = h.fd, .code = c});
		strbuf_free(&h.line);
	}
	if (c == 0)
		c = write_profile(r, p, fresh, e);
	if (c == 0)
		c = replace_folder(fresh, dir, e);
	if (c < 0)
		fs_remove_tree(fresh, NULL);
	return c;
}

void phone_record_free(struct phone_record *r)
{
	free(r->release);
	free(r->machine);
	free(r->version);
	strvec_free(&r->packages);
	strvec_free(&r->indexes);
	strvec_free(&r->missing);
	for (int i = 0; i < PHONE_FILES; i++)
		free(r->path[i]);
	*r = (struct phone_record){0};
}
