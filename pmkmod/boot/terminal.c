// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The porter's terminal, for a shell in the booted system. It stays ours: qemu only gets a pipe, so
 * that a guest that breaks out finds no terminal to type on. ctrl-a is qemu's own escape on a
 * serial console: ctrl-a x ends it, ctrl-a twice is ctrl-a itself.
 */
#include "pmkmod/boot/boot_parts.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define CTRL_A '\001'

bool terminal_find(struct terminal *t)
{
	*t = (struct terminal){.in = STDIN_FILENO, .out = STDIN_FILENO};
	if (isatty(STDOUT_FILENO))
		t->out = STDOUT_FILENO;
	else if (isatty(STDERR_FILENO))
		t->out = STDERR_FILENO;
	return isatty(t->in);
}

void terminal_size(const struct terminal *t, unsigned *rows, unsigned *columns)
{
	struct winsize w;

	*rows = *columns = 0;
	if (ioctl(t->in, TIOCGWINSZ, &w) < 0)
		return;
	*rows = w.ws_row;
	*columns = w.ws_col;
}

int terminal_take(struct terminal *t, struct err *e)
{
	struct termios raw;

	if (tcgetattr(t->in, &t->saved) < 0)
		return err_errno(e, -errno, "cannot ask the terminal for its settings");
	raw = t->saved;
	cfmakeraw(&raw);
	/* what was typed before was not meant for that shell */
	if (tcsetattr(t->in, TCSAFLUSH, &raw) < 0)
		return err_errno(e, -errno, "cannot set the terminal up for the shell");
	t->raw = true;
	return 0;
}

int terminal_keys(struct terminal *t, int fd)
{
	char keys[256], send[sizeof(keys) * 2];
	ssize_t n = read(t->in, keys, sizeof(keys));
	size_t k = 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n <= 0)
		return 0;
	for (ssize_t i = 0; i < n; i++) {
		bool escaped = t->escape;

		t->escape = !escaped && keys[i] == CTRL_A;
		if (t->escape)
			continue;
		if (escaped && keys[i] == 'x')
			return 0;
		if (escaped && keys[i] != CTRL_A)
			send[k++] = CTRL_A;
		send[k++] = keys[i];
	}
	/* a system that reads nothing any more loses keys, as on a serial line */
	return k == 0 || write(fd, send, k) >= 0 || errno == EAGAIN || errno == EINTR;
}

void terminal_give_back(struct terminal *t)
{
	if (t->raw)
		tcsetattr(t->in, TCSAFLUSH, &t->saved);
	t->raw = false;
}
