/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A matrix as a survey and a run leave it: every state, shared cells, and what outsiders wrote. */
#ifndef TESTS_MATRIX_FIXTURE_H
#define TESTS_MATRIX_FIXTURE_H

#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/matrix/matrix.h"

/* What a source, a log or an index may say, and no report may pass on as it is. */
#define HOSTILE "</script><script>alert(1)</script><!-- \"'& ]]> \x01\x1b[2J\xff\xfe\xe2\x80\xae"

static inline void add_cell(struct matrix *m, size_t device, size_t module, enum cell_state state)
{
	uint32_t number = (uint32_t)m->n_cells++;
	struct matrix_cell *c = &m->cells[number];

	c->device = (uint32_t)device;
	c->module = (uint32_t)module;
	c->kernel = (uint32_t)device;
	c->state = state;
	c->hash = xasprintf("%064x", number + 10);
	m->slots[device * m->n_modules + module] = number;
}

/* `n_devices` devices, each second one with the kernel of the one before. */
static inline void matrix_build(struct matrix *m, size_t n_devices, size_t n_modules)
{
	*m = (struct matrix){.n_devices = n_devices, .n_modules = n_modules};
	m->devices = xcalloc(n_devices, sizeof(*m->devices));
	m->modules = xcalloc(n_modules, sizeof(*m->modules));
	m->cells = xcalloc(n_devices * n_modules, sizeof(*m->cells));
	m->slots = xcalloc(n_devices * n_modules, sizeof(*m->slots));
	for (size_t i = 0; i < n_devices; i++)
		m->devices[i] = (struct matrix_device){.name = xasprintf("maker-phone%zu", i),
			.device = xasprintf("maker-phone%zu", i),
			.title = xasprintf("Maker Phone %zu", i),
			.arch = xstrdup("aarch64"),
			.channel = xstrdup("edge"),
			.kernel = xasprintf("linux-soc%zu", i / 2),
			.kernel_version = xstrdup("6.6.1-r0"),
			.verdict = "ready"};
	for (size_t i = 0; i < n_modules; i++)
		m->modules[i] = (struct matrix_module){.asked = xasprintf("module%zu", i),
			.name = xasprintf("module%zu", i),
			.title = xasprintf("Module %zu", i)};
	for (size_t i = 0; i < n_devices; i++)
		for (size_t k = 0; k < n_modules; k++)
			if (i % 2 == 0)
				add_cell(m, i, k, CELL_WAITING);
			else
				m->slots[i * n_modules + k] = m->slots[(i - 1) * n_modules + k];
}

static inline void set_built(const struct matrix *m, struct matrix_cell *c, enum cell_state state)
{
	c->state = state;
	c->seconds = state == CELL_BUILT ? 12.3456 : 0;
	c->package = xasprintf(
		"%s-kmod-%s", m->modules[c->module].name, m->devices[c->device].kernel + 6);
	c->version = xstrdup("1.0_p6_p6_p1_p0-r0");
	c->apk = xasprintf("/repo/edge/aarch64/%s-%s.apk", c->package, c->version);
	c->release = xstrdup("6.6.1-soc");
	c->verdict = xstrdup(c->module % 3 ? "fits" : "fits as far as can be known");
}

static inline void set_error(
	struct matrix_cell *c, enum cell_state state, int exit_code, char *error)
{
	c->state = state;
	c->exit_code = exit_code;
	c->error = error;
}

static inline void set_failed(
	struct matrix_cell *c, const char *error, const char *stage, const char *cause)
{
	set_error(c, CELL_FAILED, 10, xstrdup(error));
	c->stage = xstrdup(stage);
	c->seconds = 4.5;
	c->diagnosis = xasprintf("{\"cause\":\"%s\",\"title\":\"the kernel's interface changed\","
				 "\"first_error\":\"implicit declaration\",\"remedy\":\"a newer "
				 "source\"}",
		cause);
}

/*
 * Six devices (three kernels) and five modules: the first kernel has one of everything, the second
 * what is not run and one more reason to refuse, the third only waits.
 */
static inline void matrix_of_every_state(struct matrix *m)
{
	struct matrix_cell *c;

	matrix_build(m, 6, 5);
	c = m->cells;
	set_built(m, &c[0], CELL_BUILT);
	set_built(m, &c[1], CELL_REUSED);
	set_failed(&c[2],
		"the build of module2 failed\nfirst error: a.c:3: " HOSTILE "\nremedy: " HOSTILE,
		"build", "api-change");
	set_error(&c[3], CELL_EXCLUDED, 77,
		xstrdup("module3 is for kernels before 6.0, and that of maker-phone0 is 6.6.1"));
	set_error(&c[4], CELL_REFUSED, 21,
		xstrdup("maker-phone0: linux-soc0 6.6.1-r0 has no headers\nsay --kdir"));
	set_built(m, &c[5], CELL_REUSED);
	c[6].state = CELL_NOT_RUN;
	c[7].state = CELL_RUNNING;
	c[7].stage = xstrdup("build");
	set_error(&c[8], CELL_EXCLUDED, 77,
		xstrdup("module3 is for kernels before 6.0, and that of maker-phone2 is 6.6.1"));
	set_error(&c[9], CELL_REFUSED, 21,
		xstrdup("maker-phone2: linux-soc1 6.6.1-r0 has no headers\nsay --kdir"));
	free(c[9].hash);
	c[9].hash = NULL;
}

/* Without syncing it: there are many of them. */
static inline void write_file(const char *path, const char *text, size_t len)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(text, 1, len, f) != len || fclose(f) != 0)
		abort();
}

/* Write the log of a cell below x->state. */
static inline void write_cell_log(
	const struct context *x, const struct matrix_cell *c, const char *text, size_t len)
{
	_cleanup_free_ char *dir = xasprintf("%s/cells/%s", x->state, c->hash);
	_cleanup_free_ char *path = path_join(dir, "log");

	if (fs_mkdirs(dir, 0755, NULL) < 0)
		abort();
	write_file(path, text, len);
}

#endif
