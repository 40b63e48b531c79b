/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What making headers needs to know of the shipped kernel: its configuration and its exports. */
#ifndef PMKMOD_KERNEL_INPUTS_H
#define PMKMOD_KERNEL_INPUTS_H

#include "pmkmod/device/device.h"
#include "pmkmod/image/image.h"
#include "pmkmod/kernel/kernel.h"

struct kernel_inputs {
	char *config,
		*config_from; /* text, and where it is from in words; NULL: a build folder has it */
	char *symvers, *symvers_from; /* NULL: nobody knows the exports */
	char *image_release,
		*image_vermagic; /* what the image says; NULL: it does not, or is none */
	uint16_t image_machine; /* ELF's e_machine, 0: not known */
	const char *image_arch; /* "arm64"; NULL: not known */
	char *sample; /* "name crc" lines: what some shipped modules expect; NULL with symvers */
	struct strvec notes; /* what does not go together, and what could not be found out */
};
/*
 * In order: what the porter names; the kernel's package; its image (`origin->image`, else the one
 * in the package `kernel_apk`), whose release must be the package's. -ENOENT with exit code 21 when
 * there is no configuration.
 */
int kernel_inputs_gather(struct kernel_inputs *in, const struct kernel_origin *origin,
	const struct kernel_facts *facts, const char *kernel_apk, const char *aport_config,
	struct err *e);
/*
 * The same for who only wants to know: without a configuration there is a note instead.
 * `kernel_apk` may be NULL, if origin->image is none.
 */
int kernel_inputs_look(struct kernel_inputs *in, const struct kernel_origin *origin,
	const struct kernel_facts *facts, const char *kernel_apk, const char *aport_config,
	struct err *e);
void kernel_inputs_free(struct kernel_inputs *in);

#endif
