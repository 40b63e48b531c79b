// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The part of publishing that may be run by root. Root's rights are used to read (the packages and
 * the work folder's keys, which lie in the porter's home) and to become the owner of the work
 * folder. All writing is done with that owner's rights, for programs inside pmbootstrap's chroots
 * run as the same user and can put symbolic links anywhere in these folders.
 */
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "chroot/sandbox/sandbox.h"
#include "pmkmod/export/work.h"
#include "pmkmod/pmbootstrap/pmbootstrap.h"
#include "pmkmod/util/exit_codes.h"

#define APKS_MAX 16

void work_request_free(struct work_request *q)
{
	strvec_free(&q->channels);
	strvec_free(&q->apks);
	strvec_free(&q->keys);
	*q = (struct work_request){0};
}

static bool name_ok(const char *s)
{
	if (*s == '.' || !*s)
		return false;
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-",
			    *s))
			return false;
	return true;
}

static int check_request(const struct work_request *q, struct err *e)
{
	struct pmbootstrap p = {.work = (char *)q->work};
	_cleanup_free_ char *version = NULL;
	enum pmb_work is;

	if (!q->work || *q->work != '/' || !q->arch || !arch_by_name(q->arch) || !q->channels.n ||
		!q->apks.n || q->apks.n > APKS_MAX || !q->keys.n)
		return err_set(e, -EINVAL,
			"not a request to publish: work folder, architecture, channel, keys and 1 to "
			"%d packages are needed",
			APKS_MAX);
	for (size_t i = 0; i < q->channels.n; i++)
		if (!name_ok(q->channels.v[i]))
			return err_set(
				e, -EINVAL, "'%s' is no name for a channel", q->channels.v[i]);
	is = pmbootstrap_work(&p, &version);
	if (is == PMB_WORK_NONE)
		return err_set(e, -ENOENT, "there is no work folder '%s'", q->work);
	if (is != PMB_WORK_CURRENT) {
		err_set(e, -ENOTSUP, "pmbootstrap's work folder '%s' is of version %s, not 8",
			q->work, version ? version : "(none)");
		return err_hint(
			e, is == PMB_WORK_OLD
				   ? "pmbootstrap 3 migrates it when it is run next"
				   : "a newer pmkmod may know it; an older folder cannot be used "
				     "by pmbootstrap 3 either");
	}
	return 0;
}

/* For good: nothing that follows can get root's rights back. */
static int become(const struct work_owner *o, struct err *e)
{
	if (setgroups(0, NULL) < 0 || setresgid(o->gid, o->gid, o->gid) < 0 ||
		setresuid(o->uid, o->uid, o->uid) < 0)
		return err_errno(
			e, -errno, "cannot take on the rights of uid %u", (unsigned)o->uid);
	if (o->uid != 0 && setuid(0) == 0)
		return err_set(e, -EPERM, "root's rights could not be given up");
	return 0;
}

static int open_apks(const struct work_request *q, int *fds, struct err *e)
{
	for (size_t i = 0; i < q->apks.n; i++) {
		struct stat st;

		fds[i] = open(q->apks.v[i], O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fds[i] < 0)
			return err_errno(e, -errno, "cannot open '%s'", q->apks.v[i]);
		if (fstat(fds[i], &st) < 0 || !S_ISREG(st.st_mode))
			return err_set(e, -EINVAL, "'%s' is no file", q->apks.v[i]);
	}
	return 0;
}

/*
 * Into <work>/packages, then the owner's rights. From there the owner goes on by relative paths:
 * the home that it all lies in is often closed to other users, as it must not be to its owner
 * alone.
 */
static int enter(const char *packages, const struct work_owner *o, struct err *e)
{
	_cleanup_close_ int fd = open(packages, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fchdir(fd) < 0)
		return err_errno(e, -errno, "cannot open '%s'", packages);
	return become(o, e);
}

/* Name files by paths that the porter knows. */
static void show_whole_paths(char *text, size_t max, const char *packages)
{
	struct strbuf b = {0};

	for (const char *s = text; *s; s++)
		if (starts_with(s, "'./")) {
			strbuf_addf(&b, "'%s/", packages);
			s += 2;
		} else {
			strbuf_addc(&b, *s);
		}
	if (b.s && b.len < max)
		memcpy(text, b.s, b.len + 1);
	strbuf_free(&b);
}

static int publish_entered(const struct work_request *q, struct work_inputs *in,
	const char *packages, const struct work_owner *o, struct strvec *notes, struct err *e)
{
	int r = enter(packages, o, e);

	in->packages = ".";
	if (r == 0)
		r = work_publish(q, in, notes, e);
	if (e)
		show_whole_paths(e->text, sizeof(e->text), packages);
	for (size_t i = 0; i < notes->n; i++) {
		char *text = xcalloc(1, ERR_TEXT_MAX);

		snprintf(text, ERR_TEXT_MAX, "%s", notes->v[i]);
		show_whole_paths(text, ERR_TEXT_MAX, packages);
		free(notes->v[i]);
		notes->v[i] = text;
	}
	return r;
}

static int publish_with(const struct work_request *q, struct work_inputs *in,
	const struct work_owner *o, struct strvec *notes, struct err *e)
{
	_cleanup_free_ char *packages = path_join(q->work, "packages");

	in->packages = packages;
	if (geteuid() == o->uid && o->uid != 0)
		return work_publish(q, in, notes, e);
	if (geteuid() == 0)
		return publish_entered(q, in, packages, o, notes, e);
	return err_set(e, -EPERM,
		"'%s' belongs to uid %u: only that user and root can publish packages there",
		q->work, (unsigned)o->uid);
}

int work_publish_as_owner(const struct work_request *q, struct strvec *notes, struct err *e)
{
	_cleanup_strvec_ struct strvec trusted_dir = {0};
	int fds[APKS_MAX];
	struct work_owner owner = {0};
	struct apk_signkey *key = NULL;
	struct apk_keys *given = NULL, *trusted = NULL;
	int r = check_request(q, e);

	for (size_t i = 0; i < APKS_MAX; i++)
		fds[i] = -1;
	strvec_addf(&trusted_dir, "%s/config_apk_keys", q->work ? q->work : "");
	if (r == 0)
		r = work_find_owner(q->work, &owner, e);
	if (r == 0)
		r = apk_keys_load(&given, &q->keys, e);
	if (r == 0)
		r = apk_keys_load(&trusted, &trusted_dir, e);
	if (r == 0)
		r = work_load_key(q->work, &key, e);
	if (r == 0)
		r = open_apks(q, fds, e);
	if (r == 0) {
		struct work_inputs in = {
			.fds = fds, .given = given, .trusted = trusted, .key = key};

		r = publish_with(q, &in, &owner, notes, e);
	}
	for (size_t i = 0; i < APKS_MAX; i++)
		cleanup_close(&fds[i]);
	apk_signkey_free(key);
	apk_keys_free(given);
	apk_keys_free(trusted);
	return r;
}

/* ---- as a program ---- */

static int parse(struct work_request *q, int argc, char **argv)
{
	static const struct option options[] = {{"work", required_argument, NULL, 'w'},
		{"arch", required_argument, NULL, 'a'}, {"channel", required_argument, NULL, 'c'},
		{"keys", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'w':
			q->work = optarg;
			break;
		case 'a':
			q->arch = optarg;
			break;
		case 'c':
			strvec_add(&q->channels, optarg);
			break;
		case 'k':
			strvec_add(&q->keys, optarg);
			break;
		default:
			return -EINVAL;
		}
	/* the first is the command's own name */
	for (int i = optind + 1; i < argc; i++)
		strvec_add(&q->apks, argv[i]);
	return 0;
}

int work_helper_main(int argc, char **argv)
{
	_cleanup_(work_request_free) struct work_request q = {0};
	_cleanup_strvec_ struct strvec notes = {0};
	struct err e = ERR_INIT;
	int r = parse(&q, argc, argv);

	if (r == 0)
		r = work_publish_as_owner(&q, &notes, &e);
	for (size_t i = 0; i < notes.n; i++)
		fprintf(stderr, "note: %s\n", notes.v[i]);
	if (r < 0)
		fprintf(stderr, "pmkmod: %s\n", *e.text ? e.text : "this command is pmkmod's own");
	if (interrupt_signal())
		return 128 + interrupt_signal();
	return r < 0 ? e.exit_code ? e.exit_code : EXIT_GENERAL : 0;
}
