// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/boot/boot.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/boot/boot_parts.h"

#define MEMORY_MIB 1024
#define TIMEOUT_S 120
/* what a kernel wants beside the initramfs, which it has twice while it unpacks it */
#define MEMORY_SPARE_MIB 384

static int random_token(char out[CONSOLE_TOKEN], struct err *e)
{
	uint8_t b[(CONSOLE_TOKEN - 1) / 2];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return err_errno(e, -errno, "cannot get random bytes");
	for (size_t i = 0; i < sizeof(b); i++)
		snprintf(out + 2 * i, 3, "%02x", b[i]);
	return 0;
}

/* The names go into a shell script. */
static int check_modules(const struct strvec *modules, struct err *e)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_-.";

	if (modules->n == 0)
		return err_set(e, -EINVAL, "no module to load was named");
	for (size_t i = 0; i < modules->n; i++) {
		const char *m = modules->v[i];

		if (*m == '\0' || *m == '-' || m[strspn(m, allowed)] != '\0')
			return err_set(e, -EINVAL, "'%s' is not a module's name", m);
	}
	return 0;
}

static void log_line(int fd, const char *what, const struct strvec *list)
{
	_cleanup_free_ char *all = strvec_join(list, " ");
	_cleanup_free_ char *line = xasprintf("pmkmod: %s: %s\n", what, all);

	if (list->n && fd >= 0)
		fs_write_all(fd, line, strlen(line));
}

/* The line of /proc/modules for `name`; NULL if it is not loaded. Caller frees. */
static char *loaded_line(const struct console *c, const char *name)
{
	_cleanup_strvec_ struct strvec lines = {0};

	if (c->proc_modules.s)
		strvec_split(&lines, c->proc_modules.s, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		_cleanup_free_ char *word = xstrndup(lines.v[i], strcspn(lines.v[i], " "));

		if (module_name_eq(word, name))
			return xstrdup(lines.v[i]);
	}
	return NULL;
}

static int status_of(const struct console *c, const char *name)
{
	for (size_t i = 0; i < c->n_modules; i++)
		if (streq(c->modules[i].name, name))
			return c->modules[i].status;
	return -1;
}

/* One sentence or more about one module that is not there; nothing if it is. */
static void judge(const struct console *c, const struct strvec *builtin, const char *name,
	struct strbuf *lsmod, struct strbuf *failure)
{
	_cleanup_free_ char *line = loaded_line(c, name);
	int status = status_of(c, name);

	if (line)
		strbuf_addf(lsmod, "%s\n", line);
	if (line && status == 0)
		return;
	if (status < 0)
		strbuf_addf(failure, "modprobe %s did not come back\n", name);
	else if (status > 128)
		strbuf_addf(failure, "modprobe %s was killed by signal %d\n", name, status - 128);
	else if (status > 0)
		strbuf_addf(failure, "modprobe %s failed (exit status %d)\n", name, status);
	else if (strvec_has(builtin, name))
		strbuf_addf(
			failure, "%s is built into this kernel: there is nothing to load\n", name);
	else
		strbuf_addf(failure,
			"modprobe %s reported success, but it is not in /proc/modules\n", name);
}

/* Fill the result from what the console told. */
static void collect(const struct boot_spec *s, struct console *c, const struct strvec *builtin,
	const char *mark, struct boot_result *out)
{
	_cleanup_strbuf_ struct strbuf lsmod = {0}, failure = {0};

	init_cut_dmesg(&c->dmesg, mark);
	out->booted = c->init_ran;
	for (size_t i = 0; c->init_ran && i < s->modules.n; i++)
		judge(c, builtin, s->modules.v[i], &lsmod, &failure);
	/* the words of modprobe are the reason, our sentences only say of what */
	if (failure.len && c->words.s)
		strbuf_adds(&failure, c->words.s);
	if (c->init_ran && c->oops)
		strbuf_addf(&failure, "the kernel said: %s\n", c->oops);
	if (c->finished && c->dmesg_promised != (long)c->dmesg_seen)
		strbuf_addf(&c->dmesg, "(%zu of %ld lines of the kernel log arrived)\n",
			c->dmesg_seen, c->dmesg_promised);
	out->loaded = c->finished && failure.len == 0;
	out->lsmod = strbuf_steal(&lsmod);
	out->dmesg = strbuf_steal(&c->dmesg);
	out->uname = strbuf_steal(&c->uname);
	if (failure.len) {
		while (failure.len && failure.s[failure.len - 1] == '\n')
			failure.s[--failure.len] = '\0';
		out->failure = strbuf_steal(&failure);
	}
}

/* Where the booted system was when it ended; caller frees. */
static char *where(const struct console *c)
{
	const struct console_module *m = c->n_modules ? &c->modules[c->n_modules - 1] : NULL;

	if (!c->init_ran)
		return xstrdup("before it reached our init");
	if (!m)
		return xstrdup("at the beginning of our init");
	return xasprintf(m->status < 0 ? "while modprobe loaded %s" : "after modprobe %s", m->name);
}

static const char *last_line(const struct console *c)
{
	return c->last ? c->last : "(nothing)";
}

/* The board stopped, or had to be stopped, before our init had said all: say why. */
static int explain(const struct console *c, const struct boot_spec *s, int r, struct err *e)
{
	_cleanup_free_ char *at = where(c);
	const char *told = !c->init_ran && c->setup ? c->setup : c->oops ? c->oops : c->panic;

	if (r < 0 && r != -ETIMEDOUT)
		return r;
	if (c->panic)
		r = err_set(e, -EIO, "the kernel panicked %s: %s", at, told);
	else if (r == 0)
		r = err_set(e, -EIO, "the board ended %s; its last line: %s", at, last_line(c));
	else if (c->bytes == 0)
		err_hint(e, "The kernel printed nothing. It may have no support for this board: a "
			    "phone's own kernel needs the options of qemu's virt machine "
			    "(CONFIG_ARCH_VIRT, CONFIG_SERIAL_AMBA_PL011_CONSOLE, "
			    "CONFIG_BLK_DEV_INITRD).");
	else
		err_hint(e, "It was stopped %s; its last line: %s", at,
			c->oops ? c->oops : last_line(c));
	return s->log_path ? err_hint(e, "The whole console is in '%s'.", s->log_path) : r;
}

/* Write the initramfs and start the board with it. */
static int make_and_run(const struct boot_spec *s, struct qemu_run *q, const char *mark,
	struct initramfs_result *made, struct err *e)
{
	_cleanup_free_ char *init = init_script(q->console->token, mark, &s->modules);
	_cleanup_free_ char *path = path_join(s->work_dir, "initramfs.cpio");
	_cleanup_free_ char *kernel = NULL;
	const struct initramfs_spec is = {
		.layers = s->root_layers,
		.release = s->release,
		.modules = &s->modules,
		.init = init,
		.path = path,
	};
	unsigned need;
	int r = image_prepare(s->kernel_image, s->arch, s->work_dir, &kernel, e);

	if (r == 0)
		r = initramfs_write(&is, made, e);
	if (r < 0)
		return r;
	log_line(q->log_fd, "left out of the initramfs, not readable", &made->left_out);
	need = (unsigned)(made->bytes * 2 >> 20) + MEMORY_SPARE_MIB;
	q->memory_mib = s->memory_mib ? s->memory_mib : need > MEMORY_MIB ? need : MEMORY_MIB;
	q->kernel = kernel;
	q->initramfs = path;
	r = qemu_system_run(q, e);
	return r < 0 || !q->console->finished ? explain(q->console, s, r, e) : 0;
}

int boot_run(const struct boot_spec *s, struct boot_result *out, struct err *e)
{
	_cleanup_(initramfs_result_free) struct initramfs_result made = {0};
	_cleanup_(console_free) struct console c = {0};
	_cleanup_close_ int log_fd = -1;
	char token[CONSOLE_TOKEN], mark[CONSOLE_TOKEN];
	struct qemu_run q = {
		.board = board_for(s->arch),
		.native = arch_runs_natively(s->arch),
		.program = s->qemu_system,
		.machine = s->machine,
		.cpu = s->cpu,
		.append = s->append,
		.timeout_s = s->timeout_s ? s->timeout_s : TIMEOUT_S,
		.verbose = s->verbose,
		.console = &c,
	};
	int r;

	*out = (struct boot_result){0};
	if (!q.board)
		return err_set(e, -ENOTSUP, "no virtual board is known for the architecture %s",
			s->arch->alpine);
	if ((r = check_modules(&s->modules, e)) < 0 || (r = random_token(token, e)) < 0 ||
		(r = random_token(mark, e)) < 0)
		return r;
	if (s->log_path) {
		log_fd = open(s->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (log_fd < 0)
			return err_errno(e, -errno, "cannot create the log '%s'", s->log_path);
	}
	q.log_fd = log_fd;
	console_start(&c, token);
	r = make_and_run(s, &q, mark, &made, e);
	collect(s, &c, &made.builtin, mark, out);
	return r;
}

void boot_result_free(struct boot_result *r)
{
	free(r->lsmod);
	free(r->dmesg);
	free(r->uname);
	free(r->failure);
	*r = (struct boot_result){0};
}
