// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/exit_codes.h"

#include "chroot/sandbox/sandbox.h"

int failure_exit_code(int r, const struct err *e)
{
	if (interrupt_signal())
		return 128 + interrupt_signal();
	if (e->exit_code)
		return e->exit_code;
	return r == -ENOSPC || r == -EDQUOT ? EXIT_NO_SPACE : EXIT_GENERAL;
}
