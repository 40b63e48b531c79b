/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is told of a build while it goes on, for programs. */
#ifndef PMKMOD_PROGRESS_JSON_H
#define PMKMOD_PROGRESS_JSON_H

#include "pmkmod/util/json.h"
#include "pmkmod/util/progress.h"

/*
 * {"event": "stage" | "stage-end" | "stage-failed" | "note" | "cell", "stage", "text", "cell",
 * "seconds"}: only what there is. The caller's, json_object_put().
 */
struct json_object *progress_json(const struct progress_event *ev);
/* Write `take` and a newline to a descriptor in one piece, and free it; 0 or negative errno. */
int json_write_line(int fd, struct json_object *take);

#endif
