// SPDX-License-Identifier: GPL-3.0-or-later
/* A kernel that lies in a folder: where it was built, its headers, or its modules. */
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/build/known_parts.h"
#include "pmkmod/util/exit_codes.h"

#define FILE_MAX (64u << 20)
#define MODULES_ASKED 16

static char *text_of(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	char *text = NULL;
	size_t len;

	return fs_read_regular(path, FILE_MAX, &text, &len, NULL) == 0 ? text : NULL;
}

static void list_of(const char *dir, const char *name, struct strvec *out)
{
	_cleanup_free_ char *text = text_of(dir, name);

	strvec_split(out, text ? text : "", "\r\n");
}

/* An absolute link in a root that lies somewhere else, such as an unpacked package; NULL: none. */
static char *link_in_root(const char *dir, const char *link)
{
	static const char *const folders[] = {"/usr/lib/modules", "/lib/modules"};
	_cleanup_free_ char *up = xstrndup(dir, (size_t)(path_base(dir) - dir - 1));
	char to[4096];
	ssize_t n = readlink(link, to, sizeof(to) - 1);

	if (n <= 0 || *to != '/')
		return NULL;
	to[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (ends_with(up, folders[i])) {
			up[strlen(up) - strlen(folders[i])] = '\0';
			return path_join(*up ? up : "/", to);
		}
	return NULL;
}

/* What depmod found where modules are installed, or what was built. */
static void list_modules(const char *dir, struct kernel_facts *f)
{
	_cleanup_free_ char *dep = text_of(dir, "modules.dep"),
			    *order = path_join(dir, "modules.order");
	_cleanup_strvec_ struct strvec lines = {0};

	f->modules_order = fs_exists(order);
	strvec_split(&lines, dep ? dep : "", "\r\n");
	for (size_t i = 0; i < lines.n; i++) {
		lines.v[i][strcspn(lines.v[i], ":")] = '\0';
		if (ko_stem(lines.v[i]))
			strvec_add(&f->modules, lines.v[i]);
	}
	if (!f->modules.n)
		list_of(dir, "modules.order", &f->modules);
}

/* Where the configuration and the exports are: the folder itself, or what its `build` leads to. */
static char *build_folder(const char *dir)
{
	_cleanup_free_ char *config = path_join(dir, ".config"), *build = path_join(dir, "build");
	_cleanup_free_ char *there = NULL;

	if (fs_exists(config))
		return xstrdup(dir);
	if (fs_is_dir(build))
		return steal_ptr(build);
	there = strchr(dir, '/') ? link_in_root(dir, build) : NULL;
	return there && fs_is_dir(there) ? steal_ptr(there) : xstrdup(dir);
}

static char *release_of(const char *build, const char *dir)
{
	_cleanup_free_ char *header = text_of(build, "include/generated/utsrelease.h"),
			    *file = text_of(build, "include/config/kernel.release");
	char *release = header ? kernel_uts_release(header) : NULL;

	if (release)
		return release;
	if (file && *str_strip(file))
		return xstrdup(str_strip(file));
	/* the folder is called like it where modules are installed */
	return kernel_version_code(path_base(dir)) ? xstrdup(path_base(dir)) : NULL;
}

/* Some of the kernel's own modules say what no file beside them does. */
static void ask_modules(struct known_kernel *k, const char *dir)
{
	size_t asked = 0;

	for (size_t i = 0; i < k->facts.modules.n && asked < MODULES_ASKED; i++) {
		const char *name = k->facts.modules.v[i];
		_cleanup_free_ char *path = path_join(dir, name);
		uint16_t machine = 0;
		size_t suffix = 0, len;
		char *bytes;

		/* modules.order names them without what compression adds */
		while (!fs_exists(path) && suffix < KO_ZSTD) {
			free(path);
			path = xasprintf("%s/%s%s", dir, name, ko_compression_suffix[++suffix]);
		}
		if (fs_read_regular(path, FILE_MAX, &bytes, &len, NULL) < 0 ||
			!kernel_facts_add_module(&k->facts, bytes, len, &machine))
			continue;
		if (!k->arch)
			k->arch = arch_by_elf(machine);
		asked++;
	}
}

/* What is missing, with where it is from. True: it was, and is there now. */
static bool fill_in(char **text, char **from, char **other, char **other_from)
{
	if (*text || !*other)
		return false;
	free(*from);
	*text = steal_ptr(*other);
	*from = steal_ptr(*other_from);
	return true;
}

/* What the folder lacks an image of the same kernel may have. */
static int ask_image(
	struct known_kernel *k, struct known_texts *t, const char *image, struct err *e)
{
	const struct kernel_origin o = {.image = (char *)image};
	const struct kernel_facts none = {0};
	_cleanup_(known_texts_free) struct known_texts of_image = {0};
	struct kernel_inputs in;
	int r = kernel_inputs_look(&in, &o, &none, NULL, NULL, e);

	if (r < 0)
		return r;
	known_take_inputs(&of_image, &in);
	kernel_inputs_free(&in);
	if (of_image.release && k->release && !streq(of_image.release, k->release))
		return err_exit(e, EXIT_USAGE, -EINVAL,
			"the image '%s' is of %s, the folder '%s' of %s: they are of two kernels",
			image, of_image.release, k->shown, k->release);
	fill_in(&t->config, &t->config_from, &of_image.config, &of_image.config_from);
	/* what its modules export the image does not say */
	k->fit.symvers_partial =
		fill_in(&t->symvers, &t->symvers_from, &of_image.symvers, &of_image.symvers_from);
	k->vermagic = steal_ptr(of_image.vermagic);
	strvec_split(&k->notes, of_image.notes ? of_image.notes : "", "\n");
	return 0;
}

static int read_folder(struct known_kernel *k, const char *dir, const char *build,
	const char *image, struct err *e)
{
	_cleanup_(known_texts_free) struct known_texts t = {.config = text_of(build, ".config"),
		.config_from = xasprintf("%s/.config", build),
		.symvers = text_of(build, "Module.symvers"),
		.symvers_from = xasprintf("%s/Module.symvers", build)};
	int r = 0;

	k->release = release_of(build, dir);
	/* of a build that was not finished; that is not a kernel that exports nothing */
	if (t.symvers && !*str_strip(t.symvers)) {
		free(t.symvers);
		t.symvers = NULL;
		strvec_addf(&k->notes, "%s is empty", t.symvers_from);
	}
	if (!t.config && !t.symvers && !k->release)
		return err_exit(e, EXIT_USAGE, -ENOENT,
			"'%s' is neither a kernel's build folder nor its headers nor a "
			"/lib/modules/<release>: it has no .config, no Module.symvers and no "
			"kernel.release",
			dir);
	if (image)
		r = ask_image(k, &t, image, e);
	if (r == 0)
		r = known_parse_texts(k, &t, e);
	if (r < 0)
		return r;
	if (!t.config)
		strvec_addf(&k->notes, "there is no .config in '%s'", build);
	if (!k->symvers && !k->notes.n)
		strvec_addf(&k->notes, "there is no Module.symvers in '%s'", build);
	list_modules(dir, &k->facts);
	list_of(dir, "modules.builtin", &k->facts.builtin);
	ask_modules(k, dir);
	k->modules_at = xstrdup(dir);
	k->modules.dir = k->modules_at;
	r = known_point(k, k->facts.modules.n || k->facts.builtin.n, e);
	if (r == 0)
		known_take_image(k, image);
	return r;
}

int known_kernel_of_folder(
	struct known_kernel *k, struct context *x, const char *dir, struct err *e)
{
	_cleanup_free_ char *plain = xstrdup(dir), *build = NULL;
	int r;

	while (strlen(plain) > 1 && ends_with(plain, "/"))
		plain[strlen(plain) - 1] = '\0';
	build = build_folder(plain);
	*k = (struct known_kernel){.shown = xstrdup(dir)};
	if (!fs_is_dir(dir))
		r = err_exit(e, EXIT_USAGE, -ENOENT,
			fs_exists(dir)
				? "'%s' is no folder; --image names a kernel's image or package"
				: "there is no folder '%s'",
			dir);
	else
		r = known_load_key(k, x, NULL, e);
	if (r == 0)
		r = read_folder(k, plain, build, config_get(x->config, "kernel", "image"), e);
	if (r < 0 && e && !e->exit_code)
		e->exit_code = EXIT_USAGE;
	if (r < 0)
		known_kernel_free(k);
	return r;
}
