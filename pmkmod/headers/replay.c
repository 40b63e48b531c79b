// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Kbuild records each command it ran in a file `.<target>.cmd` beside the target
 * (scripts/Kbuild.include: if_changed): "cmd_scripts/mod/modpost := gcc -o ...", "savedcmd_..."
 * since 6.4. The same command with another compiler makes the same program for another
 * architecture, whatever the kernel's version, and without running any foreign program.
 */
#include "pmkmod/headers/parts.h"

/* make's escapes in a recorded command: "$$", "\#" and "$(pound)". */
static void unescape_make(const char *p, size_t n, struct strbuf *out)
{
	static const char pound[] = "$(pound)";

	for (size_t i = 0; i < n; i++) {
		if (n - i >= sizeof(pound) - 1 && strncmp(p + i, pound, sizeof(pound) - 1) == 0) {
			strbuf_addc(out, '#');
			i += sizeof(pound) - 2;
		} else if (p[i] == '$' && i + 1 < n && p[i + 1] == '$') {
			strbuf_addc(out, p[i++]);
		} else if (p[i] == '\\' && i + 1 < n && p[i + 1] == '#') {
			strbuf_addc(out, p[++i]);
		} else {
			strbuf_addc(out, p[i]);
		}
	}
}

/* Split as a shell would; false where only a shell could (pipes, lists, expansions). */
static bool shell_words(const char *p, struct strvec *out)
{
	struct strbuf word = {0};
	bool any = false, plain = true;

	for (; *p && plain; p++) {
		if (*p == ' ' || *p == '\t') {
			if (any)
				strvec_take(out, strbuf_steal(&word));
			any = false;
		} else if (*p == '\'' || *p == '"') {
			const char quote = *p;

			for (p++; *p && *p != quote; p++) {
				if (quote == '"' && *p == '\\' && p[1])
					p++;
				else if (quote == '"' && (*p == '$' || *p == '`'))
					break;
				strbuf_addc(&word, *p);
			}
			plain = *p == quote;
			any = true;
			if (!plain)
				break;
		} else if (strchr(";|&<>()$`", *p)) {
			plain = false;
		} else {
			if (*p == '\\' && p[1])
				p++;
			strbuf_addc(&word, *p);
			any = true;
		}
	}
	if (any && plain)
		strvec_take(out, strbuf_steal(&word));
	strbuf_free(&word);
	return plain;
}

/* The command line inside a .cmd file and its target; false: there is none. */
static bool find_command(const char *text, char **target, char **line)
{
	static const char *const prefixes[] = {"savedcmd_", "cmd_"};
	size_t n = strcspn(text, "\n");
	_cleanup_free_ char *first = xstrndup(text, n);
	char *assign = strstr(first, " := ");
	struct strbuf b = {0};

	if (!assign)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (!starts_with(first, prefixes[i]))
			continue;
		*target = xstrndup(first + strlen(prefixes[i]),
			(size_t)(assign - first) - strlen(prefixes[i]));
		unescape_make(assign + 4, strlen(assign + 4), &b);
		*line = strbuf_steal(&b);
		return true;
	}
	return false;
}

struct paths {
	const char *recorded, *out, *source;
};

static char *move_path(const struct paths *p, const char *path)
{
	size_t n = strlen(p->recorded);

	if (n && strncmp(path, p->recorded, n) == 0 && (path[n] == '/' || !path[n]))
		return xasprintf("%s%s", p->source, path + n);
	if (*path == '/')
		return xstrdup(path);
	while (starts_with(path, "./"))
		path += 2;
	return xasprintf("%s/%s", p->out, path);
}

/* Options whose argument, joined or the next word, is a path to read from. */
static const char *const path_options[] = {
	"-I", "-L", "-include", "-isystem", "-iquote", "-idirafter"};

static bool path_option(
	const struct paths *p, const struct strvec *words, size_t *i, struct strvec *argv)
{
	const char *w = words->v[*i];

	for (size_t k = 0; k < ARRAY_SIZE(path_options); k++) {
		const char *opt = path_options[k];
		_cleanup_free_ char *moved = NULL;

		if (!starts_with(w, opt))
			continue;
		if (w[strlen(opt)]) {
			/* "-include" also begins with "-i", but only -I and -L are written joined
			 */
			if (strlen(opt) > 2)
				continue;
			moved = move_path(p, w + strlen(opt));
		} else if (*i + 1 < words->n) {
			moved = move_path(p, words->v[++*i]);
		} else {
			continue;
		}
		strvec_add(argv, opt);
		strvec_take(argv, steal_ptr(moved));
		return true;
	}
	return false;
}

static bool is_object(const char *w)
{
	return ends_with(w, ".o") || ends_with(w, ".a");
}

static const char *below(const char *path)
{
	while (starts_with(path, "./"))
		path += 2;
	return path;
}

static void take_words(
	struct replay_command *c, const struct paths *p, const struct strvec *words, size_t from)
{
	for (size_t i = from; i < words->n; i++) {
		const char *w = words->v[i];

		if (streq(w, "-o") && i + 1 < words->n) {
			strvec_add(&c->argv, w);
			strvec_add(&c->argv, below(words->v[++i]));
		} else if (starts_with(w, "-Wp,-M")) {
			continue; /* dependencies for make: nobody reads them here */
		} else if (path_option(p, words, &i, &c->argv)) {
			continue;
		} else if (*w == '-') {
			strvec_add(&c->argv, w);
		} else if (is_object(w) && *w != '/') {
			strvec_add(&c->argv, below(w));
			strvec_add(&c->objects, below(w));
		} else {
			strvec_take(&c->argv, move_path(p, w));
		}
	}
}

int replay_parse(struct replay_command *c, const char *text, const char *recorded, const char *out,
	const char *source, struct err *e)
{
	_cleanup_free_ char *line = NULL;
	_cleanup_strvec_ struct strvec words = {0};
	struct paths p = {.recorded = recorded, .out = out, .source = source};
	size_t from = 0;

	*c = (struct replay_command){0};
	if (!find_command(text, &c->target, &line))
		return err_set(e, -EINVAL, "it records no command");
	if (!shell_words(line, &words)) {
		replay_command_free(c);
		return err_set(e, -EINVAL, "its command needs a shell: %.200s", line);
	}
	/* "gcc", "ccache gcc", "/usr/bin/clang": all before the first option */
	while (from < words.n && *words.v[from] != '-')
		from++;
	if (!from || from == words.n) {
		replay_command_free(c);
		return err_set(e, -EINVAL, "its command is none of a compiler: %.200s", line);
	}
	take_words(c, &p, &words, from);
	if (c->argv.n)
		return 0;
	replay_command_free(c);
	return err_set(e, -EINVAL, "its command makes nothing: %.200s", line);
}

void replay_command_free(struct replay_command *c)
{
	strvec_free(&c->argv);
	strvec_free(&c->objects);
	free(c->target);
	*c = (struct replay_command){0};
}
