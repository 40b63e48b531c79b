/* SPDX-License-Identifier: GPL-3.0-or-later */
#if __GNUC_MINOR__ >= 3
#define __cold __attribute__((__cold__))
#endif
#if __GNUC_MINOR__ >= 99
#error there was no such gcc 4
#endif
