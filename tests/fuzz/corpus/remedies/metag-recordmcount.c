// SPDX-License-Identifier: GPL-3.0-or-later
#include <elf.h>
#ifndef EM_METAG
/* not in today's elf.h */
#define EM_METAG 174
#define R_METAG_ADDR32 2
#define R_METAG_NONE 3
#endif
int type_of(int machine)
{
	return machine == EM_METAG ? R_METAG_ADDR32 : R_METAG_NONE;
}
