// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/module/source.h"

#include <ctype.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/util/download.h"
#include "pmkmod/util/exit_codes.h"

static int bad(const struct module *m, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int bad(const struct module *m, struct err *e, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&b, fmt, ap);
	va_end(ap);
	return err_exit(e, EXIT_USAGE, -EINVAL, "%s%s%s", m->recipe ? m->recipe : "",
		m->recipe ? ": " : "", b.s);
}

bool source_is_commit(const char *s)
{
	return strlen(s) == 40 && strspn(s, "0123456789abcdefABCDEF") == 40;
}

bool source_subdir_ok(const char *subdir)
{
	const char *s = subdir;

	do {
		s += *s == '/';
		if (starts_with(s, "..") && (s[2] == '/' || !s[2]))
			return false;
	} while ((s = strchr(s, '/')));
	return *subdir && *subdir != '/';
}

/* Where the host of a URL begins, behind user and password; *end: behind the host and port. */
static const char *host_of(const char *url, const char **end)
{
	const char *host = strstr(url, "://"), *at;

	host = host ? host + 3 : url;
	*end = host + strcspn(host, "/?#");
	at = memrchr(host, '@', (size_t)(*end - host));
	return at ? at + 1 : host;
}

char *source_shown_url(const char *url)
{
	const char *scheme_end = strstr(url, "://"), *end;
	const char *host = host_of(url, &end);

	return scheme_end ? xasprintf("%.*s%s", (int)(scheme_end + 3 - url), url, host)
			  : xstrdup(url);
}

/* ---- names ---- */

/* "-1.2.3", "_0.12", "-v2.0-rc1", "-20210820": a version at the end; NULL: none. */
static char *find_version(char *name)
{
	for (char *s = name; *s; s++) {
		const char *v = s + 1;
		size_t digits;

		if (s == name || (*s != '-' && *s != '_'))
			continue;
		v += *v == 'v' || *v == 'V';
		digits = strspn(v, "0123456789");
		/* "hid-logitech-4" and "lan-7430" are names */
		if (digits && (v[digits] == '.' || (!v[digits] && digits >= 6)))
			return s;
	}
	return NULL;
}

static void cut_suffixes(char *name, const char *const *suffixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ends_with(name, suffixes[i]) && strlen(name) > strlen(suffixes[i]))
			name[strlen(name) - strlen(suffixes[i])] = '\0';
}

char *source_clean_name(const char *name)
{
	static const char *const kinds[] = {"-dkms", "-akms", "-src", "-source"};
	char *out = xstrdup(name);

	for (char *s = out; *s; s++)
		*s = (char)(isalnum((unsigned char)*s) || strchr("-_.+", *s)
				    ? tolower((unsigned char)*s)
				    : '-');
	cut_suffixes(out, kinds, ARRAY_SIZE(kinds));
	return out;
}

/* Parts of download URLs of forges that name no project. */
static bool names_nothing(const char *part)
{
	static const char *const words[] = {"archive", "refs", "tags", "heads", "releases",
		"download", "latest", "tarball", "zipball", "tar", "zip", "-", "master", "main",
		"head", "repository", "source", "snapshot", ""};
	const char *v = part + (*part == 'v' || *part == 'V');

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(part, words[i]) == 0)
			return true;
	return isdigit((unsigned char)*v) && !v[strspn(v, "0123456789.-_rc")];
}

/* Packages' file names are NAME_VERSION_ARCH.deb and NAME-VERSION-rRELEASE.apk. */
static void cut_package_version(char *name)
{
	char *release = strrchr(name, '-'), *version, *underscore = strchr(name, '_');

	if (ends_with(name, ".deb") && underscore && underscore > name)
		*underscore = '\0';
	if (!ends_with(name, ".apk") || !release || release == name || release[1] != 'r' ||
		!isdigit((unsigned char)release[2]))
		return;
	*release = '\0';
	version = strrchr(name, '-');
	if (version && version > name)
		*version = '\0';
}

/* One part of a path, without what is no name in it. Caller frees. */
static char *clean_part(const char *part, size_t len)
{
	static const char *const suffixes[] = {".gz", ".xz", ".bz2", ".zst", ".lz", ".lzma", ".tar",
		".tgz", ".txz", ".tbz2", ".zip", ".deb", ".apk", ".git", ".orig"};
	static const char *const branches[] = {"-master", "-main"};
	_cleanup_free_ char *name = xstrndup(part, len);
	char *version;

	cut_package_version(name);
	cut_suffixes(name, suffixes, ARRAY_SIZE(suffixes));
	version = find_version(name);
	if (version)
		*version = '\0';
	cut_suffixes(name, branches, ARRAY_SIZE(branches));
	return source_clean_name(name);
}

char *source_guess_name(const char *location)
{
	const char *start = strstr(location, "://"), *end;

	start = start ? start + 3 : location;
	end = start + (start == location ? strlen(start) : strcspn(start, "?#"));
	while (end > start) {
		const char *slash = memrchr(start, '/', (size_t)(end - start));
		const char *part = slash ? slash + 1 : start;
		_cleanup_free_ char *name = clean_part(part, (size_t)(end - part));

		if (!names_nothing(name) || (start == location && *name))
			return steal_ptr(name);
		end = slash ? slash : start;
	}
	return xstrdup("module");
}

/* ---- git ---- */

static bool has_odd_bytes(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 127)
			return true;
	return false;
}

/* git-check-ref-format(1), and nothing that a program could take for an option */
static bool ref_ok(const char *ref)
{
	return *ref && *ref != '-' && *ref != '/' && !has_odd_bytes(ref) &&
	       !strpbrk(ref, "~^?*[\\") && !strstr(ref, "..") && !strstr(ref, "@{") &&
	       !strstr(ref, "//") && !ends_with(ref, "/") && !ends_with(ref, ".") &&
	       !ends_with(ref, ".lock");
}

static int parse_git_fragment(struct module *m, const char *fragment, struct err *e)
{
	size_t n = strcspn(fragment, ":");
	_cleanup_free_ char *ref = xstrndup(fragment, n);

	if (*ref && !ref_ok(ref))
		return bad(m, e, "'%s' can be no branch, tag or commit of a git repository", ref);
	if (source_is_commit(ref)) {
		for (char *s = ref; *s; s++)
			*s = (char)tolower((unsigned char)*s);
		m->commit = xstrdup(ref);
	}
	m->ref = *ref ? steal_ptr(ref) : NULL;
	if (!fragment[n])
		return 0;
	free(m->subdir);
	m->subdir = xstrdup(fragment + n + 1);
	return source_subdir_ok(m->subdir)
		       ? 0
		       : bad(m, e, "'%s', behind the ref, is no folder inside the repository",
				 m->subdir);
}

static int parse_git(struct module *m, const char *spec, struct err *e)
{
	static const char *const schemes[] = {"https://", "http://", "ssh://", "file:///"};
	const char *url = spec + strlen("git+"), *fragment = strchr(url, '#'), *end, *host;

	m->kind = SOURCE_GIT;
	m->location = xstrdup(spec);
	m->fetch_url = xstrndup(url, fragment ? (size_t)(fragment - url) : strlen(url));
	if (!behind_prefix(m->fetch_url, schemes, ARRAY_SIZE(schemes)))
		return bad(m, e,
			"'%s': git repositories are named git+https://..., git+http://..., "
			"git+ssh://... or git+file:///...",
			spec);
	host = host_of(m->fetch_url, &end);
	/* what begins with a '-' would be an option for ssh */
	if (has_odd_bytes(m->fetch_url) || *host == '-' || strstr(m->fetch_url, "://-") ||
		(host == end && !starts_with(m->fetch_url, "file:")))
		return bad(m, e, "'%s' is no URL of a git repository", spec);
	return fragment ? parse_git_fragment(m, fragment + 1, e) : 0;
}

/* ---- archives ---- */

static int parse_checksum(struct module *m, const char *hex, struct err *e)
{
	struct hash h;

	if (hash_from_hex(&h, HASH_SHA256, hex, strlen(hex)) < 0)
		return bad(m, e, "'%.100s' is no SHA-256: those are 64 hex digits", hex);
	if (m->sha256.alg != HASH_NONE && !hash_eq(&m->sha256, &h))
		return bad(m, e, "two different checksums are given for %s", m->location);
	m->sha256 = h;
	return 0;
}

/* sha256=HEX&subdir=DIR, in any order */
static int parse_archive_fragment(struct module *m, const char *fragment, struct err *e)
{
	_cleanup_strvec_ struct strvec words = {0};
	int r = 0;

	strvec_split(&words, fragment, "&");
	for (size_t i = 0; r == 0 && i < words.n; i++) {
		const char *w = words.v[i];

		if (starts_with(w, "sha256=")) {
			r = parse_checksum(m, w + strlen("sha256="), e);
		} else if (starts_with(w, "subdir=") && source_subdir_ok(w + strlen("subdir="))) {
			free(m->subdir);
			m->subdir = xstrdup(w + strlen("subdir="));
		} else {
			r = bad(m, e,
				"'%s' behind the # of a URL is not understood: say #sha256=... and "
				"perhaps &subdir=...",
				w);
		}
	}
	return r;
}

static int parse_url(struct module *m, const char *spec, struct err *e)
{
	static const char *const schemes[] = {"https://", "http://", "file:///"};
	const char *fragment = strchr(spec, '#');

	m->kind = SOURCE_ARCHIVE;
	m->location = xstrdup(spec);
	m->fetch_url = xstrndup(spec, fragment ? (size_t)(fragment - spec) : strlen(spec));
	if (!behind_prefix(spec, schemes, ARRAY_SIZE(schemes)))
		return bad(m, e,
			"'%s': a URL of a source begins with https://, http://, file:/// or, for git, "
			"git+https:// and the like",
			spec);
	if (ends_with(m->fetch_url, ".git"))
		return bad(m, e, "'%s' looks like a git repository: say git+%s", spec, spec);
	return fragment ? parse_archive_fragment(m, fragment + 1, e) : 0;
}

/* ---- paths ---- */

/*
 * An aport, or a source tree that has an APKBUILD, too? The Makefile or dkms.conf of an aport is
 * one of its files and stands in its text.
 */
static bool is_aport(const char *folder)
{
	static const char *const own[] = {
		"Kbuild", "Makefile", "makefile", "GNUmakefile", "dkms.conf"};
	_cleanup_free_ char *apkbuild = path_join(folder, "APKBUILD"), *text = NULL;

	if (fs_read_regular(apkbuild, 1 << 20, &text, NULL, NULL) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		_cleanup_free_ char *path = path_join(folder, own[i]);

		if (fs_exists(path) && !strstr(text, own[i]))
			return false;
	}
	return true;
}

static void name_folder(struct module *m)
{
	_cleanup_free_ char *sub = m->subdir ? path_join(m->location, m->subdir) : NULL;
	_cleanup_free_ char *said = sub ? module_folder_name(sub) : NULL;

	if (!said)
		said = module_folder_name(m->location);
	m->name = said ? source_clean_name(said) : source_guess_name(m->location);
}

static int parse_path(struct module *m, const char *spec, const char *beside, struct err *e)
{
	_cleanup_free_ char *joined =
		beside && *spec != '/' ? path_join(beside, spec) : xstrdup(spec);
	char full[PATH_MAX];
	struct stat st;

	m->kind = SOURCE_FOLDER;
	if (!realpath(joined, full) || stat(full, &st) < 0) {
		/* of a recipe: who builds it is told, not who lists it */
		m->location = xstrdup(joined);
		return m->recipe ? 0
				 : err_exit(e, EXIT_UNKNOWN_NAME, -ENOENT,
					   "there is no folder '%s' with a module's source", spec);
	}
	m->location = xstrdup(full);
	if (S_ISDIR(st.st_mode)) {
		if (is_aport(full))
			m->kind = SOURCE_APORT;
		return 0;
	}
	m->kind = SOURCE_ARCHIVE;
	return S_ISREG(st.st_mode)
		       ? 0
		       : bad(m, e, "'%s' is neither a folder nor a file with a module's source",
				 spec);
}

int source_parse(struct module *m, const char *spec, const char *beside, struct err *e)
{
	int r;

	if (starts_with(spec, "package:")) {
		m->kind = SOURCE_PACKAGE;
		m->location = xstrdup(spec + strlen("package:"));
		r = *m->location ? 0 : bad(m, e, "package: names no package");
	} else if (starts_with(spec, "git+")) {
		r = parse_git(m, spec, e);
	} else if (strstr(spec, "://")) {
		r = parse_url(m, spec, e);
	} else {
		r = parse_path(m, spec, beside, e);
	}
	if (r < 0 || m->name)
		return r;
	if (m->kind == SOURCE_FOLDER || m->kind == SOURCE_APORT)
		name_folder(m);
	else
		m->name = source_guess_name(m->fetch_url ? m->fetch_url : m->location);
	return 0;
}
