// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/matrix/attempts.h"

#include <dirent.h>
#include <unistd.h>

#include "chroot/base/fs.h"

static void name_of(const struct matrix *m, const struct matrix_cell *c, char name[HASH_HEX_MAX])
{
	const struct matrix_device *d = &m->devices[c->device];
	_cleanup_free_ char *text =
		xasprintf("%s\n%s\n%s\n%s", d->channel ? d->channel : "", d->arch ? d->arch : "",
			d->kernel ? d->kernel : d->name, m->modules[c->module].asked);
	struct hash h;

	hash_buf(HASH_SHA256, text, strlen(text), &h);
	hash_hex(&h, name);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void attempts_load(struct matrix *m, const struct context *x)
{
	_cleanup_free_ char *dir = path_join(x->state, "matrix/failed");
	_cleanup_strvec_ struct strvec names = {0};
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && (de = readdir(d)))
		strvec_add(&names, de->d_name);
	if (d)
		closedir(d);
	strvec_sort(&names);
	for (size_t i = 0; names.n > 2 && i < m->n_cells; i++) {
		char name[HASH_HEX_MAX];
		const char *key = name;

		name_of(m, &m->cells[i], name);
		m->cells[i].tried =
			bsearch(&key, names.v, names.n, sizeof(*names.v), compare) != NULL;
	}
}

void attempts_choose_failed(struct matrix *m)
{
	for (size_t i = 0; i < m->n_cells; i++) {
		struct matrix_cell *c = &m->cells[i];

		if (c->state == CELL_FAILED) {
			c->again = c->remembered;
			c->remembered = false;
			c->state = CELL_WAITING;
		} else if (c->state == CELL_WAITING && !c->tried) {
			c->state = CELL_NOT_RUN;
		}
	}
}

void attempts_note(const struct matrix *m, const struct context *x, const struct matrix_cell *c)
{
	_cleanup_free_ char *dir = path_join(x->state, "matrix/failed");
	_cleanup_free_ char *path = NULL;
	char name[HASH_HEX_MAX];

	name_of(m, c, name);
	path = path_join(dir, name);
	if (c->state != CELL_FAILED)
		unlink(path);
	else if (fs_mkdirs(dir, 0700, NULL) == 0)
		fs_write_atomic(path, c->error ? c->error : "", strlen(c->error ? c->error : ""),
			0644, NULL);
}
