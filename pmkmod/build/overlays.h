/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Device-tree overlays of a module. */
#ifndef PMKMOD_BUILD_OVERLAYS_H
#define PMKMOD_BUILD_OVERLAYS_H

/*
 * What the overlay of a source is called: "x.dtbo" of x.dts, x.dtso and x-overlay.dts (the
 * Raspberry Pi's kernel has made it so since before .dtso was thought of). Caller frees.
 */
char *overlay_name(const char *source);

#endif
