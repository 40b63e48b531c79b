// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/build/boot_root.h"

#include <dirent.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/assemble.h"
#include "pmkmod/util/exit_codes.h"

/* Usual names of kernel images in /boot, best first; a name may be followed by "-<flavor>". */
static const char *const image_names[] = {
	"vmlinuz", "Image", "zImage", "linux.efi", "bzImage", "vmlinux"};

static char *find_image(const char *boot, const char *flavor)
{
	for (size_t i = 0; i < ARRAY_SIZE(image_names); i++) {
		char *exact = xasprintf("%s/%s-%s", boot, image_names[i], flavor);

		if (fs_exists(exact))
			return exact;
		free(exact);
	}
	for (size_t i = 0; i < ARRAY_SIZE(image_names); i++) {
		DIR *d = opendir(boot);
		struct dirent *de;
		char *found = NULL;

		while (d && !found && (de = readdir(d)))
			if (starts_with(de->d_name, image_names[i]))
				found = path_join(boot, de->d_name);
		if (d)
			closedir(d);
		if (found)
			return found;
	}
	return NULL;
}

static int open_repos(struct repo_set *s, struct plan *p, struct err *e)
{
	const struct channel *ch = &p->device.channel;
	_cleanup_free_ char *packages = plan_packages_dir(p->x);
	_cleanup_free_ char *folder = path_join(packages, ch->name);
	_cleanup_free_ char *keys = plan_keys_dir(p->x);
	struct own_repo own = {.packages = folder, .keys = keys};

	return repos_open(s, p->x, ch, p->device.arch, &own, e);
}

static int make_base(struct boot_root *b, struct plan *p, struct pinned_set *base, char *id,
	char **content, struct err *e)
{
	const struct channel *ch = &p->device.channel;
	_cleanup_strvec_ struct strvec world = {0};
	_cleanup_free_ char *boot = NULL;
	int r;

	strvec_add_all(&world, &ch->boot);
	strvec_addf(&world, "%s=%s", p->target.kernel.name, p->target.kernel.version);
	r = resolve_root(base, &p->target_repos, p->x, &world, e);
	if (r < 0)
		return r;
	pinned_set_id(base, p->device.arch, ch->usr_merge, NULL, id);
	r = assemble_fetch_set(p->x, &p->target_repos, base, NULL, e);
	if (r == 0)
		r = assemble_layer(p->x, &p->target_repos, base, ch, id, NULL, NULL, content, e);
	if (r < 0)
		return r;
	boot = path_join(*content, "boot");
	b->kernel_image = find_image(boot, p->device.flavor);
	if (b->kernel_image)
		return 0;
	return err_exit(e, EXIT_BOOT_FAILED, -ENOENT,
		"the kernel package %s-%s has no image in /boot that could be "
		"started",
		p->target.kernel.name, p->target.kernel.version);
}

/* The exported package on top, installed as on the phone: its triggers are what runs depmod. */
static int make_top(struct plan *p, const struct cell_result *built, const struct pinned_set *base,
	const char *base_id, const char *below, char **content, struct err *e)
{
	const struct channel *ch = &p->device.channel;
	_cleanup_strvec_ struct strvec world = {0};
	struct pinned_set whole = {0}, top = {0};
	struct repo_set repos = {0};
	char id[HASH_HEX_MAX];
	int r = open_repos(&repos, p, e);

	strvec_add_all(&world, &base->world);
	strvec_addf(&world, "%s=%s", built->package, built->version);
	if (r == 0)
		r = resolve_root(&whole, &repos, p->x, &world, e);
	if (r == 0) {
		pinned_set_subtract(&top, &whole, base);
		pinned_set_id(&top, p->device.arch, ch->usr_merge, base_id, id);
		strvec_addf(&top.world, "%s=%s", built->package, built->version);
		r = assemble_layer(p->x, &repos, &top, ch, id, below, &base->world, content, e);
	}
	pinned_set_free(&whole);
	pinned_set_free(&top);
	repos_close(&repos);
	return r;
}

int boot_root_make(
	struct boot_root *b, struct plan *p, const struct cell_result *built, struct err *e)
{
	_cleanup_free_ char *below = NULL, *top = NULL;
	struct pinned_set base = {0};
	char id[HASH_HEX_MAX];
	int r;

	*b = (struct boot_root){0};
	r = make_base(b, p, &base, id, &below, e);
	if (r == 0)
		r = make_top(p, built, &base, id, below, &top, e);
	if (r == 0) {
		strvec_add(&b->layers, top);
		strvec_add(&b->layers, below);
	}
	pinned_set_free(&base);
	if (r < 0)
		boot_root_free(b);
	return r;
}

void boot_root_free(struct boot_root *b)
{
	strvec_free(&b->layers);
	free(b->kernel_image);
	*b = (struct boot_root){0};
}
