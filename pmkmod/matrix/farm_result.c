// SPDX-License-Identifier: GPL-3.0-or-later
/* The folder with what a worker made of one cell. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

#define FORMAT "pmkmod result 1"
#define FILE_MAX (4ULL << 30)
#define FILES_MAX 4096

char *farm_host(void)
{
	char name[256] = "";

	return xstrdup(gethostname(name, sizeof(name) - 1) == 0 ? name : "?");
}

int farm_copy_public_keys(const char *from, const char *to, struct err *e)
{
	DIR *d = opendir(from);
	struct dirent *de;
	int r = 0;

	while (r == 0 && d && (de = readdir(d))) {
		_cleanup_free_ char *source = path_join(from, de->d_name);
		_cleanup_free_ char *target = path_join(to, de->d_name);

		if (ends_with(de->d_name, ".rsa.pub") && !fs_exists(target))
			r = fs_copy_file(source, target, e);
	}
	if (d)
		closedir(d);
	return r;
}

/* ---- its text ---- */

void farm_result_print(const struct farm_result *r, struct strbuf *out)
{
	char hex[HASH_HEX_MAX];

	strbuf_addf(out, FORMAT "\ncell %s\npmkmod %s\nhost %s\n", r->hash, r->pmkmod, r->host);
	for (size_t i = 0; i < r->n_files; i++) {
		hash_hex(&r->files[i].sum, hex);
		strbuf_addf(out, "file sha256:%s %" PRIu64 " %s\n", hex, r->files[i].size,
			r->files[i].name);
	}
	strbuf_adds(out, "result\n");
	cell_result_print(&r->cell, out);
}

static int broken(const char *shown, const char *what, struct err *e)
{
	return err_exit(e, EXIT_UNTRUSTED, -EBADMSG, "%s %s", shown, what);
}

/* Of a file in the folder itself, and none that is hidden. */
static bool is_plain_name(const char *s)
{
	return *s && *s != '.' && !strchr(s, '/') && strlen(s) < 256;
}

static bool take_file(struct farm_result *r, const char *words)
{
	struct farm_file f = {0};
	char hex[65], *end;
	int n = 0;

	if (sscanf(words, "sha256:%64[0-9a-f] %n", hex, &n) != 1 || n == 0 || strlen(hex) != 64 ||
		words[n] < '0' || words[n] > '9' || hash_from_hex(&f.sum, HASH_SHA256, hex, 64) < 0)
		return false;
	errno = 0;
	f.size = strtoull(words + n, &end, 10);
	if (errno || *end != ' ' || !is_plain_name(end + 1) || r->n_files == FILES_MAX)
		return false;
	f.name = xstrdup(end + 1);
	r->files = xrealloc(r->files, r->n_files + 1, sizeof(*r->files));
	r->files[r->n_files++] = f;
	return true;
}

static bool take_line(struct farm_result *r, const char *line)
{
	const struct {
		const char *word;
		char **slot;
	} words[] = {{"cell ", &r->hash}, {"pmkmod ", &r->pmkmod}, {"host ", &r->host}};

	if (starts_with(line, "file "))
		return take_file(r, line + strlen("file "));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (starts_with(line, words[i].word) && !*words[i].slot) {
			*words[i].slot = xstrdup(line + strlen(words[i].word));
			return true;
		}
	return false;
}

/* The names of packages that the result speaks of must be files of the folder. */
static bool names_files(const struct farm_result *r, const char *name)
{
	for (size_t i = 0; name && i < r->n_files; i++)
		if (streq(r->files[i].name, name))
			return true;
	return !name;
}

static bool is_consistent(const struct farm_result *r)
{
	_cleanup_strvec_ struct strvec parts = {0};
	bool ok = r->hash && r->pmkmod && r->host && names_files(r, r->cell.apk) &&
		  names_files(r, r->cell.meta);

	cell_parts(&r->cell, &parts);
	for (size_t i = 0; ok && i < parts.n; i++)
		ok = names_files(r, parts.v[i]);
	if (r->cell.built)
		return ok && r->cell.apk && r->cell.package && r->cell.version && r->cell.release &&
		       r->cell.verdict;
	return ok && r->cell.error && r->cell.exit_code > 0 && r->cell.exit_code < 128;
}

int farm_result_parse(
	struct farm_result *r, const char *shown, const char *text, size_t len, struct err *e)
{
	_cleanup_free_ char *copy = xstrndup(text, len);
	char *line = copy, *end;
	bool ok = strlen(copy) == len && starts_with(copy, FORMAT "\n");

	*r = (struct farm_result){0};
	if (ok)
		line += strlen(FORMAT "\n");
	while (ok && (end = strchr(line, '\n'))) {
		*end = '\0';
		if (streq(line, "result")) {
			cell_result_parse(end + 1, &r->cell);
			break;
		}
		ok = take_line(r, line);
		line = end + 1;
	}
	if (ok && is_consistent(r))
		return 0;
	farm_result_free(r);
	return broken(shown, "is no result of a worker, or it is damaged", e);
}

void farm_result_free(struct farm_result *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		free(r->files[i].name);
	free(r->files);
	free(r->hash);
	free(r->pmkmod);
	free(r->host);
	cell_result_free(&r->cell);
	*r = (struct farm_result){0};
}

/* ---- the folder ---- */

static int check_file(const char *dir, const struct farm_file *f, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, f->name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	struct hash h;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_exit(e, EXIT_UNTRUSTED, -EBADMSG, "the result has no file '%s'", path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != f->size || f->size > FILE_MAX)
		return broken(path, "has another size than the result says", e);
	r = hash_file(AT_FDCWD, path, HASH_SHA256, &h, e);
	if (r < 0)
		return r;
	return hash_eq(&h, &f->sum) ? 0 : broken(path, "is not what the result says (sha256)", e);
}

int farm_result_read(
	struct farm_result *r, const struct farm_plan *p, const char *hash, struct err *e)
{
	_cleanup_free_ char *dir = xasprintf("%s/results/%s", p->dir, hash);
	_cleanup_free_ char *path = path_join(dir, "result"), *text = NULL;
	size_t len;
	int c = fs_read_regular(path, FARM_RESULT_MAX, &text, &len, e);

	*r = (struct farm_result){0};
	if (c == 0)
		c = farm_result_parse(r, path, text, len, e);
	if (c < 0)
		return c;
	if (!streq(r->hash, hash))
		c = err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
			"'%s' is the result of another cell (%.12s)", path, r->hash);
	else if (!streq(r->pmkmod, PMKMOD_VERSION))
		c = err_exit(e, EXIT_UNTRUSTED, -EBADMSG,
			"'%s' was made by pmkmod %s on %s, and this is pmkmod %s", path, r->pmkmod,
			r->host, PMKMOD_VERSION);
	for (size_t i = 0; c == 0 && i < r->n_files; i++)
		c = check_file(dir, &r->files[i], e);
	if (c < 0)
		farm_result_free(r);
	return c;
}
