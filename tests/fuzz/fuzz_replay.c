// SPDX-License-Identifier: GPL-3.0-or-later
/* A record of kbuild's (.cmd) and the first lines of a .config. */
#include "pmkmod/headers/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	struct err e = ERR_INIT;
	struct replay_command c;
	struct config_header h;

	if (replay_parse(&c, text, "/src", "/out", "/source", &e) == 0) {
		if (!c.target || !c.argv.n)
			abort(); /* a command without anything in it is none */
		replay_command_free(&c);
	}
	config_header_read(&h, text);
	if (!h.arch != !h.version)
		abort(); /* both stand in one line */
	config_header_free(&h);
	free(text);
	return 0;
}
