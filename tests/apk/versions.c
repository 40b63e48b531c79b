// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Lines of apk-tools' test/unit/version.data through pmkmod's comparison: versions FILE.
 * "A OP B" holds, "A !OP B" does not, "V" is a valid version, "!V" is none; '#' begins a comment.
 * Prints the lines that are otherwise here; the last line reads "N of M agree".
 */
#include <stdio.h>

#include "chroot/apk/apk.h"
#include "chroot/base/fs.h"

static bool operator_mask(const char *op, int *mask)
{
	*mask = 0;
	for (; *op; op++)
		if (*op == '<')
			*mask |= APK_VER_LT;
		else if (*op == '=')
			*mask |= APK_VER_EQ;
		else if (*op == '>')
			*mask |= APK_VER_GT;
		else if (*op == '~')
			*mask |= APK_VER_FUZZY | APK_VER_EQ;
		else
			return false;
	return *mask != 0;
}

static bool agrees(const char *a, const char *op, const char *b)
{
	bool invert = *op == '!';
	int mask;

	return operator_mask(op + invert, &mask) && apk_version_match(a, mask, b) != invert;
}

static bool holds(char *line)
{
	char *word[4] = {0}, *rest = line;
	size_t n = 0;

	while (n < 4 && (word[n] = strsep(&rest, " \t")))
		n += *word[n] != '\0';
	if (n == 3)
		return agrees(word[0], word[1], word[2]);
	return n == 1 && (*line == '!' ? !apk_version_valid(line + 1) : apk_version_valid(line));
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_strvec_ struct strvec lines = {0};
	struct err e = ERR_INIT;
	size_t agree = 0, all = 0;

	if (argc != 2 || fs_read(argv[1], 1 << 20, &text, NULL, &e) < 0) {
		fprintf(stderr, "%s\n", argc == 2 ? e.text : "usage: versions FILE");
		return 1;
	}
	strvec_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_free_ char *copy = xstrndup(lines.v[i], strcspn(lines.v[i], "#"));
		char *line = str_strip(copy);
		_cleanup_free_ char *whole = xstrdup(line);

		if (!*line)
			continue;
		all++;
		if (holds(line))
			agree++;
		else
			printf("%s\n", whole);
	}
	printf("%zu of %zu agree\n", agree, all);
	return 0;
}
