// SPDX-License-Identifier: GPL-3.0-or-later
/* A profile to edit: every key there is, as it is now, behind a '#'. */
#include <fcntl.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/cmd/cmd.h"
#include "pmkmod/device/device.h"
#include "pmkmod/kernel/kernel.h"

static const char head[] =
	"# %s\n#\n# Say here what pmaports%s does not say, or what you want\n"
	"# otherwise: remove the '#' before a line and change it. Lines behind a '#' show how it is\n"
	"# without them. `pmkmod plan %s <module>` shows what follows.\n\n";

static const char no_compression[] = "as the kernel's configuration says: none, gzip, xz or zstd";

/* "key = value" behind a '#', or what the key is for where there is no value. */
static void line(struct strbuf *b, const char *key, const char *value, const char *what)
{
	if (what)
		strbuf_addf(b, "# %s\n", what);
	strbuf_addf(b, "#%s = %s\n", key, value ? value : "");
}

static void device_section(struct strbuf *b, const struct device *d, const char *inherit)
{
	_cleanup_free_ char *packages = strvec_join(&d->packages, " ");

	strbuf_adds(b, "[device]\n");
	strbuf_adds(b, "# another profile whose lines count where this one has none\n");
	if (inherit)
		strbuf_addf(b, "inherit = %s\n", inherit);
	else
		strbuf_adds(b, "#inherit =\n");
	line(b, "title", d->title, NULL);
	line(b, "arch", d->arch ? d->arch->alpine : "aarch64", NULL);
	line(b, "kernel", d->kernel ? d->kernel : "linux-...", "the kernel's package");
	line(b, "flavor", d->flavor, "its flavor, as in /usr/share/kernel/<flavor>");
	line(b, "channel", d->channel.name ? d->channel.name : "edge", NULL);
	line(b, "headers", d->headers, "packages with its headers and its helper programs");
	line(b, "scripts", d->scripts, NULL);
	line(b, "packages", packages,
		"more packages that modules need to be built; %a stands for the architecture");
	line(b, "autoload", d->autoload ? "yes" : "no",
		"whether all modules for it are loaded at each start");
}

static void kernel_section(struct strbuf *b, const struct device *d)
{
	const struct kernel_origin *o = &d->origin;

	strbuf_adds(b,
		"\n# Where headers come from if no package has them; paths start beside this file.\n"
		"[kernel]\n");
	line(b, "aport", o->aport, "folder of the kernel's APKBUILD");
	line(b, "source", o->source, "or its source: a folder, or an archive with its sha256");
	line(b, "sha256", o->sha256, NULL);
	line(b, "kdir", o->kdir, "or a folder it was built in");
	line(b, "config", o->config,
		"its configuration, image and exported symbols, if not its package's");
	line(b, "image", o->image, NULL);
	line(b, "symvers", o->symvers, NULL);
	line(b, "cc", o->cc, "the compiler it was built by: gcc, gcc6, gcc4, clang");
	line(b, "compression",
		d->compression >= 0 ? ko_compression_suffix[d->compression] + 1 : NULL,
		d->compression >= 0 ? NULL : no_compression);
	line(b, "sign_key", o->sign_key, "key and certificate (PEM) that sign its modules");
	strbuf_adds(b,
		"\n# For `pmkmod boot`: qemu's machine, processor, words of the kernel's command line.\n"
		"[boot]\n");
	line(b, "machine", d->boot_machine, NULL);
	line(b, "cpu", d->boot_cpu, NULL);
	line(b, "append", d->boot_append, NULL);
	line(b, "memory", NULL, "MiB, and seconds");
	line(b, "timeout", NULL, NULL);
}

static int write_new(const char *path, const struct strbuf *b, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	int r;

	if (fd < 0 && errno == EEXIST)
		return usage_error(e, "'%s' is there already and is not changed", path);
	if (fd < 0)
		return err_errno(e, -errno, "cannot write '%s'", path);
	r = fs_write_all(fd, b->s ? b->s : "", b->len);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0) {
		unlink(path);
		return err_errno(e, r, "cannot write '%s'", path);
	}
	fs_sync_parent(path);
	return 0;
}

static bool name_ok(const char *s)
{
	if (*s == '.' || !*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f || *s == '/')
			return false;
	return true;
}

/* Where it goes: into the first folder of profiles. */
static int find_place(struct context *x, const char *name, char **path, struct err *e)
{
	_cleanup_strvec_ struct strvec dirs = {0};
	_cleanup_free_ char *dir = NULL;
	int r;

	if (!name_ok(name))
		return usage_error(e, "'%s' is no name for a device", name);
	config_list(x->config, "paths", "profiles", &dirs);
	if (!dirs.n)
		return usage_error(e, "paths.profiles of pmkmod.ini names no folder");
	dir = path_join(dirs.v[0], "devices");
	r = fs_mkdirs(dir, 0755, e);
	*path = xasprintf("%s/%s.ini", dir, name);
	return r;
}

int cmd_init(struct context *x, const struct options *o, int *status, struct err *e)
{
	const char *name = o->args.v[1];
	_cleanup_free_ char *path = NULL, *shipped = NULL;
	struct strbuf b = {0};
	struct err why = ERR_INIT;
	struct device d = {.compression = -1};
	bool known;
	int code, r = find_place(x, name, &path, e);

	(void)status;
	if (r < 0 || !path)
		return r;
	if (fs_exists(path))
		return usage_error(e, "'%s' is there already and is not changed", path);
	shipped = profile_path(x->config, "devices", name);
	code = device_load(&d, x->config, name, &why);
	known = code == 0;
	if (!known)
		d.compression = -1;
	strbuf_addf(
		&b, head, known ? d.title : name, shipped ? " or the shipped profile" : "", name);
	device_section(&b, &d, shipped ? name : NULL);
	kernel_section(&b, &d);
	r = write_new(path, &b, e);
	if (r == 0 && !known && code == -ENOTUNIQ)
		progress_note(&x->progress, "its kernel is to be chosen: %s", why.text);
	else if (r == 0 && !known)
		progress_note(&x->progress,
			"nothing is known of %s, so that the profile must at least have arch and "
			"kernel (%s)",
			name, why.text);
	if (r == 0)
		printf("%s\n", path);
	strbuf_free(&b);
	device_free(&d);
	return r;
}
