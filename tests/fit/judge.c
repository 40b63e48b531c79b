// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What pmkmod/fit says of modules that are loaded together, in the form of `pmkmod check --json`:
 * judge ARCH PACKAGE CONFIG SYMVERS KEY FILE... KEY is one the kernel trusts, or "-".
 */
#include "chroot/apk/apk.h"
#include "chroot/base/fs.h"
#include "pmkmod/fit/fit.h"
#include "pmkmod/image/image.h"
#include "pmkmod/util/json.h"

static struct kernel_image image;

static bool give_image(void *ctx, const void **bytes, size_t *len)
{
	if (kernel_image_read(&image, ctx, NULL) < 0)
		return false;
	*bytes = image.bytes;
	*len = image.len;
	return true;
}

static const char *const results[] = {"pass", "fail", "unknown"};

static const char *verdict(const struct fit_report *r, const char *module)
{
	bool fail = false, unknown = false;

	for (size_t i = 0; i < r->n_points; i++) {
		if (!streq(r->points[i].module, module))
			continue;
		fail |= r->points[i].result == FIT_FAIL;
		unknown |= r->points[i].result == FIT_UNKNOWN;
	}
	return fail ? "does not fit" : unknown ? "fits as far as can be known" : "fits";
}

static struct json_object *file_object(const struct fit_report *r, const char *module)
{
	struct json_object *file = json_object_new_object(), *points = json_object_new_array();

	json_add_text(file, "file", module);
	json_add_text(file, "verdict", verdict(r, module));
	for (size_t i = 0; i < r->n_points; i++) {
		struct json_object *point;

		if (!streq(r->points[i].module, module))
			continue;
		point = json_object_new_object();
		json_add_text(point, "point", r->points[i].point);
		json_add_text(point, "result", results[r->points[i].result]);
		json_add_text(point, "text", r->points[i].text);
		json_object_array_add(points, point);
	}
	json_object_object_add(file, "points", points);
	return file;
}

int main(int argc, char **argv)
{
	struct fit_kernel k = {.key_is_trusted = FIT_PASS};
	_cleanup_strvec_ struct strvec files = {0};
	struct kernel_facts facts = {0};
	struct kconfig *config = NULL;
	struct symvers *symvers = NULL;
	struct sign_key *key = NULL;
	struct fit_report report;
	struct hash identity = {0};
	struct json_object *root, *list;
	struct err e = ERR_INIT;

	if (argc < 7)
		return 2;
	for (int i = 6; i < argc; i++)
		strvec_add(&files, argv[i]);
	k.arch = arch_by_name(argv[1]);
	if (!getenv("JUDGE_IDENTITY") ||
		apk_identity_parse(&identity, getenv("JUDGE_IDENTITY")) < 0)
		return 2;
	if (kernel_facts_read(&facts, argv[2], &identity, NULL, getenv("JUDGE_CACHE"), &e) < 0 ||
		kconfig_read(&config, argv[3], &e) < 0 || symvers_new(&symvers) < 0 ||
		symvers_read(symvers, argv[4], &e) < 0 ||
		(!streq(argv[5], "-") && sign_key_load(&key, argv[5], &e) < 0)) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	k.release = getenv("JUDGE_RELEASE");
	k.vermagic = facts.vermagic;
	k.config = config;
	k.symvers = symvers;
	k.facts = &facts;
	k.sign_key = key;
	k.give_image = give_image;
	k.image_ctx = argv[2];
	if (fit_check(&k, &files, &report, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	root = json_object_new_object();
	list = json_object_new_array();
	for (size_t i = 0; i < files.n; i++)
		json_object_array_add(list, file_object(&report, path_base(files.v[i])));
	json_object_object_add(root, "files", list);
	json_write(root);
	printf("\n");
	return report.n_fail ? 35 : 0;
}
