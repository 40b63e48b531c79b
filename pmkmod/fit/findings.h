/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What check_symbols.c finds out about the symbols of one module, and telling it. */
#ifndef PMKMOD_FINDINGS_H
#define PMKMOD_FINDINGS_H

#include "pmkmod/fit/check.h"

struct findings {
	bool gpl_compatible; /* the module's licence */
	bool kernel_crcs_unknown; /* no Module.symvers, or one without a single CRC */
	size_t n_resolved, n_unknown; /* symbols found; not found because nothing is known */
	struct strvec unresolved; /* symbols nobody exports */
	size_t n_crc_right, n_crc_unknown;
	struct strvec crc_wrong; /* "name (module 0x..., kernel 0x...)" */
	struct strvec crc_missing; /* names without a CRC in the module */
	struct strvec gpl_refused; /* GPL-only symbols a proprietary module cannot have */
	size_t n_gpl_unknown;
	bool uses_gpl_only;
	char *proprietary_symbol, *proprietary_owner; /* of a proprietary module in this build */
	struct strvec ns_missing; /* "name (namespace)" */
	struct strvec exported_twice; /* its exports that the kernel itself has */
	struct strvec rivals; /* modules that export a name it exports too */
};

/* Add the points symbols, crc, license, namespace and exports. */
void findings_report(struct fit_context *c, const struct ko *ko, const struct findings *f);
void findings_free(struct findings *f);

#endif
