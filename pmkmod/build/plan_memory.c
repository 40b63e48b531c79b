// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/plan_memory.h"

#include <fcntl.h>

#include "pmkmod/build/plan.h"

struct known_file {
	char *path;
	struct hash hash;
};

struct plan_memory {
	struct known_repos **sets; /* each in a place of its own: packages point to their index */
	size_t n_sets;
	struct known_file *files;
	size_t n_files;
	char *key;
};

void plan_memory_open(struct context *x)
{
	x->memory = xcalloc(1, sizeof(*x->memory));
}

void plan_memory_close(struct context *x)
{
	struct plan_memory *m = x->memory;

	x->memory = NULL;
	if (!m)
		return;
	for (size_t i = 0; i < m->n_sets; i++) {
		repos_close(&m->sets[i]->set);
		free(m->sets[i]->name);
		free(m->sets[i]);
	}
	for (size_t i = 0; i < m->n_files; i++)
		free(m->files[i].path);
	free(m->sets);
	free(m->files);
	free(m->key);
	free(m);
}

struct known_repos *memory_repos(struct context *x, const struct repo_set *like)
{
	struct plan_memory *m = x->memory;
	_cleanup_free_ char *urls = NULL, *keys = NULL, *name = NULL;
	struct known_repos *new;

	if (!m)
		return NULL;
	urls = strvec_join(&like->urls, "\n");
	keys = strvec_join(&like->keys_dirs, "\n");
	name = xasprintf("%s\n%s\n\n%s", like->arch->alpine, urls, keys);
	for (size_t i = 0; i < m->n_sets; i++)
		if (streq(m->sets[i]->name, name))
			return m->sets[i];
	new = xcalloc(1, sizeof(*new));
	new->name = steal_ptr(name);
	m->sets = xrealloc(m->sets, m->n_sets + 1, sizeof(struct known_repos *));
	m->sets[m->n_sets++] = new;
	return new;
}

int memory_hash_file(struct context *x, const char *path, struct hash *out, struct err *e)
{
	struct plan_memory *m = x->memory;
	int r;

	for (size_t i = 0; m && i < m->n_files; i++)
		if (streq(m->files[i].path, path)) {
			*out = m->files[i].hash;
			return 0;
		}
	r = hash_file(AT_FDCWD, path, HASH_SHA256, out, e);
	if (r == 0 && m) {
		m->files = xrealloc(m->files, m->n_files + 1, sizeof(*m->files));
		m->files[m->n_files++] = (struct known_file){xstrdup(path), *out};
	}
	return r;
}

char *memory_key(struct context *x)
{
	struct plan_memory *m = x->memory;

	if (!m)
		return NULL;
	if (!m->key)
		m->key = plan_describe_key(x);
	return xstrdup(m->key);
}
