// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/boot/boot.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/boot/boot_parts.h"
#include "pmkmod/util/exit_codes.h"

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

/* The board stopped, or had to be stopped, before our init had said all: say why. */
static int explain(const struct console *c, const struct boot_spec *s, int r, struct err *e)
{
	_cleanup_free_ char *at = boot_where(c), *in = trouble_where(&c->loading);
	const char *last = c->last ? c->last : "(nothing)";
	const char *told = !c->init_ran && c->setup ? c->setup
			   : c->loading.first	    ? c->loading.first
						    : c->panic;

	if (r < 0 && r != -ETIMEDOUT)
		return r;
	if (c->panic)
		r = err_set(e, -EIO, "the kernel panicked %s: %s%s%s", at, told,
			in ? " -- in " : "", in ? in : "");
	else if (r == 0)
		r = err_set(e, -EIO, "the board ended %s; its last line: %s", at, last);
	else if (c->bytes == 0)
		err_hint(e, "The kernel printed nothing. It may have no support for this board: a "
			    "phone's own kernel needs the options of qemu's virt machine "
			    "(CONFIG_ARCH_VIRT, CONFIG_SERIAL_AMBA_PL011_CONSOLE, "
			    "CONFIG_BLK_DEV_INITRD).");
	else
		err_hint(e, "It was stopped %s; its last line: %s", at, last);
	/* a kernel that did not come up has an exit code of its own, however it was noticed */
	if (e)
		e->exit_code = c->init_ran && r == -ETIMEDOUT ? EXIT_TIMEOUT : EXIT_BOOT_FAILED;
	return s->log_path ? err_hint(e, "The whole console is in '%s'.", s->log_path) : r;
}

/* What is known when the shell begins. */
struct at_end {
	const struct boot_spec *spec;
	struct console *console;
	const struct initramfs_result *made;
	const char *mark;
	const struct qemu_run *q;
	struct boot_result *out;
	bool collected;
};

static void collect(struct at_end *a)
{
	if (a->collected)
		return;
	a->collected = true;
	boot_collect(a->spec, a->console, &a->made->builtin, a->mark, a->out);
	a->out->board = xstrdup(a->q->shown.s);
}

static void at_end(void *ctx)
{
	struct at_end *a = ctx;

	collect(a);
	if (a->spec->at_shell)
		a->spec->at_shell(a->spec->ctx, a->out);
}

static char *make_init(const struct boot_spec *s, const struct qemu_run *q, const char *mark)
{
	struct init_spec is = {.token = q->console->token,
		.mark = mark,
		.modules = &s->modules,
		.test = s->test != NULL,
		.shell = q->terminal ? q->board->console : NULL};

	if (q->terminal)
		terminal_size(q->terminal, &is.rows, &is.columns);
	return init_script(&is);
}

/* Write the initramfs and start the board with it. */
static int make_and_run(const struct boot_spec *s, struct qemu_run *q, const char *mark,
	struct initramfs_result *made, struct err *e)
{
	_cleanup_free_ char *init = make_init(s, q, mark);
	_cleanup_free_ char *path = path_join(s->work_dir, "initramfs.cpio");
	_cleanup_free_ char *kernel = NULL;
	const struct initramfs_spec is = {
		.layers = s->root_layers,
		.release = s->release,
		.modules = &s->modules,
		.init = init,
		.test = s->test,
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
	/* a kernel that ended while a module was loaded or tested came up: that is the result */
	if (r == 0 && (q->console->finished || q->console->n_modules))
		return 0;
	return explain(q->console, s, r, e);
}

int boot_run(const struct boot_spec *s, struct boot_result *out, struct err *e)
{
	_cleanup_(initramfs_result_free) struct initramfs_result made = {0};
	_cleanup_(console_free) struct console c = {0};
	_cleanup_close_ int log_fd = -1;
	char token[CONSOLE_TOKEN], mark[CONSOLE_TOKEN];
	struct qemu_run q = {
		.board = board_for(s->arch),
		.arch = s->arch,
		.accel = s->accel,
		.kvm = KVM_DEVICE,
		.program = s->qemu_system,
		.machine = s->machine,
		.cpu = s->cpu,
		.append = s->append,
		.timeout_s = s->timeout_s ? s->timeout_s : TIMEOUT_S,
		.verbose = s->verbose,
		.console = &c,
	};
	struct terminal terminal;
	struct at_end a = {s, &c, &made, mark, &q, out, false};
	int r;

	*out = (struct boot_result){0};
	if (!q.board)
		return err_set(e, -ENOTSUP, "no virtual board is known for the architecture %s",
			s->arch->alpine);
	if ((r = check_modules(&s->modules, e)) < 0 || (r = random_token(token, e)) < 0 ||
		(r = random_token(mark, e)) < 0)
		return r;
	if (s->keep && !terminal_find(&terminal))
		return err_set(e, -ENOTTY, "standard input is no terminal to give to a shell");
	if (s->log_path) {
		log_fd = open(s->log_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (log_fd < 0)
			return err_errno(e, -errno, "cannot create the log '%s'", s->log_path);
	}
	q.log_fd = log_fd;
	console_start(&c, token);
	if (s->keep) {
		q.terminal = &terminal;
		q.at_end = at_end;
		q.ctx = &a;
		c.stop_at_end = true;
	}
	r = make_and_run(s, &q, mark, &made, e);
	collect(&a);
	strbuf_free(&q.shown);
	return r;
}

void boot_result_free(struct boot_result *r)
{
	free(r->lsmod);
	free(r->dmesg);
	free(r->uname);
	free(r->failure);
	free(r->test_output);
	free(r->board);
	trouble_free(&r->trouble);
	*r = (struct boot_result){0};
}
