// SPDX-License-Identifier: GPL-3.0-or-later
/* What a worker says it made of one cell: a text that may be anybody's. */
#include <dirent.h>
#include <inttypes.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/export/export.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/util/exit_codes.h"

#define FORMAT "pmkmod result 1"
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

static void replace(char **slot, const char *from, const char *to)
{
	_cleanup_free_ char *text = steal_ptr(*slot);
	struct strbuf b = {0};
	const char *s = text, *at;

	if (!text)
		return;
	for (; (at = strstr(s, from)); s = at + strlen(from)) {
		strbuf_add(&b, s, (size_t)(at - s));
		strbuf_adds(&b, to);
	}
	strbuf_adds(&b, s);
	*slot = strbuf_steal(&b);
}

void farm_result_move_log(struct cell_result *c, const char *path, bool back)
{
	char **const slots[] = {&c->error, &c->diagnosis};

	for (size_t i = 0; i < ARRAY_SIZE(slots); i++)
		replace(slots[i], back ? FARM_LOG : path, back ? path : FARM_LOG);
}

/* ---- its text ---- */

/* What ends on terminals has nothing that moves their cursor; \001 is a newline in the cell's part.
 */
static bool is_fit(char c)
{
	return ((unsigned char)c >= ' ' && c != 0x7f) || c == '\n' || c == '\t' || c == '\001';
}

void farm_result_print(const struct farm_result *r, struct strbuf *out)
{
	size_t from = out->len;
	char hex[HASH_HEX_MAX];

	strbuf_addf(out, FORMAT "\ncell %s\npmkmod %s\nhost %s\n", r->hash, r->pmkmod, r->host);
	for (size_t i = 0; i < r->n_files; i++) {
		hash_hex(&r->files[i].sum, hex);
		strbuf_addf(out, "file sha256:%s %" PRIu64 " %s\n", hex, r->files[i].size,
			r->files[i].name);
	}
	strbuf_adds(out, "result\n");
	cell_result_print(&r->cell, out);
	/* a build may print anything, and errors quote it */
	for (size_t i = from; i < out->len; i++)
		if (!is_fit(out->s[i]))
			out->s[i] = ' ';
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

static bool is_text(const char *s)
{
	while (*s && is_fit(*s))
		s++;
	return !*s;
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

/* ---- is it one? ---- */

static bool has_file(const struct farm_result *r, const char *name)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (streq(r->files[i].name, name))
			return true;
	return false;
}

/* The packages it speaks of; all of them must be files of the folder. */
static bool packages_of(const struct farm_result *r, struct strvec *out)
{
	const char *const one[] = {r->cell.apk, r->cell.meta};

	for (size_t i = 0; i < ARRAY_SIZE(one); i++)
		if (one[i])
			strvec_add(out, one[i]);
	cell_parts(&r->cell, out);
	for (size_t i = 0; i < out->n; i++)
		if (!ends_with(out->v[i], ".apk") || !has_file(r, out->v[i]))
			return false;
	return true;
}

/* Of what is made for a kernel; whether it was asked for is not a matter of the text. */
bool farm_result_is_of_headers(const struct farm_result *r)
{
	return r->cell.stage && streq(r->cell.stage, "headers");
}

/* Nothing is in the folder but what there is a use for, and that once. */
static bool files_have_a_use(const struct farm_result *r, const struct strvec *packages)
{
	_cleanup_strvec_ struct strvec known = {0};

	strvec_add(&known, "log");
	strvec_add(&known, farm_result_is_of_headers(r) ? "record" : "symvers");
	strvec_add_all(&known, packages);
	for (size_t i = 0; i < packages->n; i++)
		strvec_take(&known, publish_report_path(packages->v[i]));
	for (size_t i = 0; i < r->n_files; i++) {
		for (size_t k = 0; k < i; k++)
			if (streq(r->files[i].name, r->files[k].name))
				return false;
		if (!strvec_has(&known, r->files[i].name))
			return false;
	}
	return true;
}

/* Those failures that every machine would meet. */
bool farm_comes_again(int exit_code)
{
	return exit_code == EXIT_BUILD_FAILED || exit_code == EXIT_NO_MODULE ||
	       exit_code == EXIT_NO_FIT || exit_code == EXIT_EXCLUDED;
}

static bool is_consistent(const struct farm_result *r)
{
	const struct cell_result *c = &r->cell;
	_cleanup_strvec_ struct strvec packages = {0};

	if (!r->hash || !r->pmkmod || !r->host || !packages_of(r, &packages) ||
		!files_have_a_use(r, &packages))
		return false;
	if (c->built)
		return c->apk && c->package && c->version && c->release && c->verdict;
	return c->error && !packages.n &&
	       (farm_comes_again(c->exit_code) ||
		       (farm_result_is_of_headers(r) && farm_headers_fail_again(c->exit_code)));
}

int farm_result_parse(
	struct farm_result *r, const char *shown, const char *text, size_t len, struct err *e)
{
	_cleanup_free_ char *copy = xstrndup(text, len);
	char *line = copy, *end;
	bool ok = strlen(copy) == len && starts_with(copy, FORMAT "\n") && is_text(copy);

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
