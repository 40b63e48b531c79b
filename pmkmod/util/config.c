// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/config.h"

#include <ini.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"

/* The shipped, commented pmkmod.ini is the table of defaults: one place to read and to change. */
__asm__(".pushsection .rodata\n"
	".global pmkmod_builtin_ini\n"
	"pmkmod_builtin_ini:\n"
	".incbin \"pmkmod.ini\"\n"
	".byte 0\n"
	".popsection\n");
extern const char pmkmod_builtin_ini[];

struct setting {
	char *section, *key, *value;
	char *expanded; /* of the last config_get() */
	unsigned source; /* which file it came from: repeats in one file make a list */
};

struct config {
	struct setting *v;
	size_t n;
	unsigned source;
	unsigned builtin; /* which source the shipped defaults are, 0: none was read */
};

static struct setting *find(struct config *c, const char *section, const char *key)
{
	for (size_t i = 0; i < c->n; i++)
		if (streq(c->v[i].section, section) && streq(c->v[i].key, key))
			return &c->v[i];
	return NULL;
}

static struct setting *find_or_add(struct config *c, const char *section, const char *key)
{
	struct setting *s = find(c, section, key);

	if (s)
		return s;
	c->v = xrealloc(c->v, c->n + 1, sizeof(*c->v));
	s = &c->v[c->n++];
	*s = (struct setting){.section = xstrdup(section), .key = xstrdup(key)};
	return s;
}

void config_set(struct config *c, const char *section, const char *key, const char *value)
{
	struct setting *s = find_or_add(c, section, key);

	free(s->value);
	s->value = xstrdup(value);
	s->source = 0;
}

void config_set_default(struct config *c, const char *section, const char *key, const char *value)
{
	struct setting *s = find(c, section, key);

	if (s && s->value && (!c->builtin || s->source != c->builtin))
		return;
	config_set(c, section, key, value);
	/* so that it can be set again, as a default */
	find(c, section, key)->source = c->builtin;
}

struct config *config_new(void)
{
	return xcalloc(1, sizeof(struct config));
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].section);
		free(c->v[i].key);
		free(c->v[i].value);
		free(c->v[i].expanded);
	}
	free(c->v);
	free(c);
}

static int take(void *user, const char *section, const char *name, const char *value)
{
	struct config *c = user;
	struct setting *s = find_or_add(c, section, name);

	if (s->value && s->source == c->source) {
		char *both = xasprintf("%s\n%s", s->value, value);

		free(s->value);
		s->value = both;
	} else {
		free(s->value);
		s->value = xstrdup(value);
	}
	s->source = c->source;
	return 1;
}

/* inih cuts a line that does not fit its buffer and reads the rest as a new one: notice that. */
struct line_source {
	const char *next;
	unsigned line, too_long;
};

static char *read_line(char *buf, int size, void *stream)
{
	struct line_source *src = stream;
	size_t n = strcspn(src->next, "\n");

	if (!*src->next)
		return NULL;
	src->line++;
	if (n + 2 > (size_t)size) {
		if (!src->too_long)
			src->too_long = src->line;
		n = (size_t)size - 2;
	}
	memcpy(buf, src->next, n);
	buf[n] = '\n';
	buf[n + 1] = '\0';
	src->next += strcspn(src->next, "\n");
	if (*src->next)
		src->next++;
	return buf;
}

static int read_text(struct config *c, const char *text, const char *shown, struct err *e)
{
	struct line_source src = {.next = text};
	int r;

	c->source++;
	r = ini_parse_stream(read_line, &src, take, c);
	if (r > 0)
		return err_set(
			e, -EINVAL, "%s: line %d is neither a [section] nor key = value", shown, r);
	if (r < 0)
		return err_set(e, -EINVAL, "%s cannot be read as a configuration file", shown);
	if (src.too_long)
		return err_set(e, -EINVAL,
			"%s: line %u is too long; split the value over several lines that begin with "
			"blanks",
			shown, src.too_long);
	return 0;
}

int config_read_file(struct config *c, const char *path, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	struct stat st;
	int r;

	/* a pipe that nobody writes to would be waited for; /dev/null is an empty file */
	if (stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return err_set(e, -EINVAL, "'%s' is no regular file", path);
	r = fs_read(path, 1 << 20, &text, &len, e);

	if (r < 0)
		return r;
	if (strlen(text) != len)
		return err_set(e, -EINVAL, "%s contains NUL bytes: not a configuration file", path);
	return read_text(c, text, path, e);
}

static void set_from_env(struct config *c, const char *key, const char *env, const char *fallback)
{
	const char *v = getenv(env);

	/* the XDG base directory specification: a relative path must be ignored */
	config_set(c, "xdg", key, v && *v == '/' ? v : fallback);
}

static void set_computed(struct config *c)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	set_from_env(c, "cache", "XDG_CACHE_HOME", "~/.cache");
	set_from_env(c, "data", "XDG_DATA_HOME", "~/.local/share");
	set_from_env(c, "config", "XDG_CONFIG_HOME", "~/.config");
	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	config_set(c, "paths", "exe_dir", slash ? exe : ".");
}

static int read_if_there(struct config *c, const char *path, struct err *e)
{
	return access(path, F_OK) == 0 ? config_read_file(c, path, e) : 0;
}

static int apply_setting(struct config *c, const char *text, struct err *e)
{
	const char *eq = strchr(text, '=');
	_cleanup_free_ char *name = eq ? xstrndup(text, (size_t)(eq - text)) : NULL;
	char *dot = name ? strrchr(name, '.') : NULL;

	if (!dot || dot == name || !dot[1])
		return err_set(e, -EINVAL,
			"'-o %s' is not of the form section.key=value, such as toolchain.native=host",
			text);
	*dot = '\0';
	config_set(c, name, dot + 1, eq + 1);
	return 0;
}

static int load_files(struct config *c, const char *file, struct err *e)
{
	_cleanup_free_ char *user = NULL;
	int r;

	if (file)
		return config_read_file(c, file, e);
	r = read_if_there(c, "/etc/pmkmod.ini", e);
	user = path_join(config_get(c, "xdg", "config"), "pmkmod/pmkmod.ini");
	return r < 0 ? r : read_if_there(c, user, e);
}

int config_apply(struct config *c, const struct strvec *settings, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && settings && i < settings->n; i++)
		r = apply_setting(c, settings->v[i], e);
	return r;
}

int config_load_builtin(struct config **out, struct err *e)
{
	struct config *c = config_new();
	int r = read_text(c, pmkmod_builtin_ini, "the built-in pmkmod.ini", e);

	c->builtin = c->source;
	set_computed(c);
	if (r < 0)
		config_free(c);
	else
		*out = c;
	return r;
}

/* Every "~/" that begins a word. */
static char *with_home(const char *value)
{
	const char *home = getenv("HOME");
	struct strbuf b = {0};

	for (const char *s = value; *s; s++) {
		bool begins = s == value || strchr(" \t\r\n", s[-1]);

		if (home && begins && s[0] == '~' && s[1] == '/')
			strbuf_adds(&b, home);
		else
			strbuf_addc(&b, *s);
	}
	return strbuf_steal(&b);
}

void config_each(struct config *c,
	void (*take_one)(void *ctx, const char *section, const char *key, const char *value),
	void *ctx)
{
	for (size_t i = 0; i < c->n; i++) {
		_cleanup_free_ char *value = with_home(c->v[i].value ? c->v[i].value : "");

		take_one(ctx, c->v[i].section, c->v[i].key, value);
	}
}

int config_load(struct config **out, const char *file, const struct strvec *settings, struct err *e)
{
	struct config *c;
	int r = config_load_builtin(&c, e);

	if (r < 0)
		return r;
	r = load_files(c, file, e);
	if (r == 0)
		r = config_apply(c, settings, e);
	if (r < 0)
		config_free(c);
	else
		*out = c;
	return r;
}

#define EXPAND_DEPTH 8 /* a reference to itself must end somewhere */

static void expand(struct config *c, const char *v, int depth, struct strbuf *out)
{
	if (starts_with(v, "~/") && getenv("HOME")) {
		strbuf_adds(out, getenv("HOME"));
		v++;
	}
	while (*v) {
		const char *end = *v == '{' ? strchr(v, '}') : NULL;
		_cleanup_free_ char *name = end ? xstrndup(v + 1, (size_t)(end - v - 1)) : NULL;
		char *dot = name ? strrchr(name, '.') : NULL;
		struct setting *s = NULL;

		if (dot) {
			*dot = '\0';
			s = find(c, name, dot + 1);
		}
		if (s && s->value && depth < EXPAND_DEPTH) {
			expand(c, s->value, depth + 1, out);
			v = end + 1;
		} else {
			strbuf_addc(out, *v++);
		}
	}
}

const char *config_get(struct config *c, const char *section, const char *key)
{
	struct setting *s = find(c, section, key);
	struct strbuf b = {0};

	if (!s || !s->value || !*s->value)
		return NULL;
	expand(c, s->value, 0, &b);
	free(s->expanded);
	s->expanded = strbuf_steal(&b);
	return s->expanded;
}

void config_list(struct config *c, const char *section, const char *key, struct strvec *out)
{
	struct setting *s = find(c, section, key);
	_cleanup_strvec_ struct strvec raw = {0};

	if (!s || !s->value)
		return;
	strvec_split(&raw, s->value, " \t\r\n");
	for (size_t i = 0; i < raw.n; i++) {
		struct strbuf b = {0};

		expand(c, raw.v[i], 0, &b);
		strvec_take(out, strbuf_steal(&b));
	}
}

int config_bool(struct config *c, const char *section, const char *key, bool fallback, bool *out,
	struct err *e)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"yes", true}, {"true", true}, {"on", true}, {"1", true}, {"no", false},
		{"false", false}, {"off", false}, {"0", false}};
	const char *v = config_get(c, section, key);

	*out = fallback;
	if (!v)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(v, words[i].word) == 0) {
			*out = words[i].value;
			return 0;
		}
	return err_set(e, -EINVAL, "%s.%s is '%s', but must be yes or no", section, key, v);
}

int config_number(struct config *c, const char *section, const char *key,
	unsigned long long fallback, unsigned long long *out, struct err *e)
{
	static const char suffixes[] = "kMG";
	const char *v = config_get(c, section, key);
	const char *s;
	char *end;

	*out = fallback;
	if (!v)
		return 0;
	errno = 0;
	*out = strtoull(v, &end, 10);
	s = *end ? strchr(suffixes, *end) : NULL;
	if (s) {
		unsigned shift = 10 * (unsigned)(s - suffixes + 1);

		if (*out > ~0ULL >> shift)
			errno = ERANGE;
		*out <<= shift;
		end++;
	}
	if (errno || *end || *v < '0' || *v > '9')
		return err_set(e, -EINVAL, "%s.%s is '%s', but must be a number", section, key, v);
	return 0;
}

void config_sections(struct config *c, const char *prefix, struct strvec *out)
{
	for (size_t i = 0; i < c->n; i++)
		if (starts_with(c->v[i].section, prefix) &&
			!strvec_has(out, c->v[i].section + strlen(prefix)))
			strvec_add(out, c->v[i].section + strlen(prefix));
}

bool config_has_section(struct config *c, const char *section)
{
	for (size_t i = 0; i < c->n; i++)
		if (streq(c->v[i].section, section))
			return true;
	return false;
}

void config_keys(struct config *c, const char *section, struct strvec *out)
{
	for (size_t i = 0; i < c->n; i++)
		if (streq(c->v[i].section, section))
			strvec_add(out, c->v[i].key);
}
