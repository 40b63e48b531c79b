/* SPDX-License-Identifier: GPL-3.0-or-later */
/* as some C libraries have it */
#define EM_METAG 174
