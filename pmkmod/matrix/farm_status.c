// SPDX-License-Identifier: GPL-3.0-or-later
/* What has become of a plan so far, and what workers have left behind. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/farm_parts.h"
#include "pmkmod/matrix/report.h"

#define TROUBLES_SHOWN 20
#define OLD_S (24 * 60 * 60)

struct counts {
	size_t built, failed, wrong, waiting;
	struct json_object *troubles; /* array of {"cell", "device", "module", "text"} */
};

static void add_trouble(struct counts *n, const struct farm_cell *c, const char *said)
{
	struct json_object *o = json_object_new_object();
	_cleanup_free_ char *text = text_first_line(said);

	json_add_text(o, "cell", c->hash);
	json_add_text(o, "device", c->device);
	json_add_text(o, "module", c->module);
	json_add_text(o, "text", text);
	json_object_array_add(n->troubles, o);
}

static void look(const struct farm_plan *p, const struct farm_cell *c, struct counts *n)
{
	_cleanup_free_ char *moved = farm_moved(p, c->hash);
	bool of_headers = moved && farm_is_headers_id(c, moved);
	_cleanup_free_ char *path =
		xasprintf("%s/results/%s/result", p->dir, moved ? moved : c->hash);
	_cleanup_free_ char *trouble = xasprintf("%s/trouble/%s", p->dir, c->hash);
	_cleanup_free_ char *text = NULL, *said = NULL;
	struct farm_result r;
	size_t len;

	if (fs_read_regular(path, FARM_RESULT_MAX, &text, &len, NULL) == 0) {
		if (farm_result_parse(&r, path, text, len, NULL) < 0) {
			n->wrong++;
			return;
		}
		/* that they could be made in the end says nothing of the cell */
		if (of_headers && r.cell.built)
			n->waiting++;
		else
			*(r.cell.built ? &n->built : &n->failed) += 1;
		farm_result_free(&r);
	} else if (fs_read_regular(trouble, 65536, &said, NULL, NULL) == 0) {
		add_trouble(n, c, said);
	} else {
		n->waiting++;
	}
}

static const char *member(struct json_object *o, const char *key)
{
	struct json_object *v;

	return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : "";
}

static void print(const struct farm_plan *p, const struct counts *n)
{
	size_t troubles = json_object_array_length(n->troubles);
	const struct {
		const char *word;
		size_t n;
	} rows[] = {{"built", n->built}, {"failed", n->failed}, {"damaged", n->wrong},
		{"in trouble", troubles}, {"to come", n->waiting}};

	printf("cells       %zu\n", p->n);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].n)
			printf("%-11s %zu\n", rows[i].word, rows[i].n);
	for (size_t i = 0; i < troubles && i < TROUBLES_SHOWN; i++) {
		struct json_object *o = json_object_array_get_idx(n->troubles, i);

		printf("  %.12s  %s for %s: %s\n", member(o, "cell"), member(o, "module"),
			member(o, "device"), member(o, "text"));
	}
}

int farm_wait_end(const char *dir, int *status, struct err *e)
{
	_cleanup_free_ char *log = path_join(dir, "logs/merge.log");
	_cleanup_free_ char *code = path_join(dir, "merged"), *text = NULL, *number = NULL;

	/* it lies where workers can write, too */
	if (fs_read_regular(log, 64U << 20, &text, NULL, NULL) == 0)
		text_write(stdout, text, TEXT_PLAIN, true);
	if (fs_read_regular(code, 64, &number, NULL, NULL) < 0)
		return err_set(
			e, -EIO, "the job that merges did not come to its end; its log: %s", log);
	*status = atoi(number) & 0xff;
	return 0;
}

static void add_number(struct json_object *o, const char *key, size_t n)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)n));
}

void farm_status(const struct farm_plan *p, bool json)
{
	struct counts n = {.troubles = json_object_new_array()};
	struct json_object *o;

	for (size_t i = 0; i < p->n; i++)
		look(p, &p->cells[i], &n);
	if (!json) {
		print(p, &n);
		json_object_put(n.troubles);
		return;
	}
	o = json_object_new_object();
	add_number(o, "cells", p->n);
	add_number(o, "built", n.built);
	add_number(o, "failed", n.failed);
	add_number(o, "damaged", n.wrong);
	add_number(o, "to_come", n.waiting);
	json_object_object_add(o, "trouble", n.troubles);
	json_write(o);
	putchar('\n');
}

void farm_sweep(const struct farm_plan *p)
{
	_cleanup_free_ char *dir = path_join(p->dir, "results");
	DIR *d = opendir(dir);
	struct dirent *de;
	struct stat st;

	while (d && (de = readdir(d))) {
		_cleanup_free_ char *path = path_join(dir, de->d_name);

		if (de->d_name[0] == '.' && !streq(de->d_name, ".") && !streq(de->d_name, "..") &&
			lstat(path, &st) == 0 && st.st_mtime < time(NULL) - OLD_S)
			fs_remove_tree(path, NULL);
	}
	if (d)
		closedir(d);
}
