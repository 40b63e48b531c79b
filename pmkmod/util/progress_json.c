// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/util/progress_json.h"

#include "chroot/base/fs.h"

static const char *const names[] = {
	[PROGRESS_STAGE] = "stage",
	[PROGRESS_DONE] = "stage-end",
	[PROGRESS_FAILED] = "stage-failed",
	[PROGRESS_NOTE] = "note",
	[PROGRESS_CELL] = "cell",
};

struct json_object *progress_json(const struct progress_event *ev)
{
	struct json_object *o = json_object_new_object();

	json_add_text(o, "event", names[ev->kind]);
	if (ev->kind == PROGRESS_CELL) {
		json_add_text(o, "cell", ev->text);
		return o;
	}
	if (ev->stage)
		json_add_text(o, "stage", ev->stage);
	if (ev->text)
		json_add_text(o, "text", ev->text);
	if (ev->kind == PROGRESS_DONE || ev->kind == PROGRESS_FAILED)
		json_object_object_add(o, "seconds", json_object_new_double(ev->seconds));
	return o;
}

int json_write_line(int fd, struct json_object *take)
{
	size_t len;
	const char *s = json_object_to_json_string_length(
		take, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	_cleanup_strbuf_ struct strbuf b = {0};

	strbuf_add(&b, s, len);
	strbuf_addc(&b, '\n');
	json_object_put(take);
	return fs_write_all(fd, b.s, b.len);
}
