// SPDX-License-Identifier: GPL-3.0-or-later
#include "pmkmod/device/device.h"
#include "pmkmod/util/exit_codes.h"

#define LIKE_DEPTH 4 /* a channel that is like itself must end somewhere */

/* The section that says `key` for channel `name`, following `like`; NULL if none does. */
static char *section_with(struct config *c, const char *name, const char *key)
{
	_cleanup_free_ char *at = xstrdup(name);

	for (int depth = 0; depth < LIKE_DEPTH; depth++) {
		char *section = xasprintf("channel.%s", at);
		const char *like;

		if (config_get(c, section, key))
			return section;
		like = config_get(c, section, "like");
		free(section);
		if (!like)
			return NULL;
		free(at);
		at = xstrdup(like);
	}
	return NULL;
}

static void list_of(struct config *c, const char *name, const char *key, struct strvec *out)
{
	_cleanup_free_ char *section = section_with(c, name, key);

	if (section)
		config_list(c, section, key, out);
}

static int unknown_channel(struct config *c, const char *name, struct err *e)
{
	_cleanup_strvec_ struct strvec names = {0};
	_cleanup_free_ char *all = NULL;

	config_sections(c, "channel.", &names);
	all = strvec_join(&names, ", ");
	return err_exit(
		e, EXIT_USAGE, -ENOENT, "there is no channel '%s'; pmkmod.ini has: %s", name, all);
}

static int load_usr_merge(struct channel *ch, struct config *c, struct err *e)
{
	_cleanup_free_ char *section = section_with(c, ch->name, "usr_merge");

	if (!section) {
		ch->usr_merge = true;
		return 0;
	}
	return config_bool(c, section, "usr_merge", true, &ch->usr_merge, e);
}

int channel_load(struct channel *ch, struct config *c, const char *name, struct err *e)
{
	_cleanup_free_ char *section = xasprintf("channel.%s", name);
	const char *title;

	if (!config_has_section(c, section))
		return unknown_channel(c, name, e);
	title = config_get(c, section, "title");
	*ch = (struct channel){.name = xstrdup(name),
		.title = xstrdup(title ? title : name),
		.like = xstrdup(config_get(c, section, "like")),
		.config = c};
	list_of(c, name, "repositories", &ch->repositories);
	list_of(c, name, "local", &ch->local);
	list_of(c, name, "keys", &ch->keys);
	list_of(c, name, "base", &ch->base);
	list_of(c, name, "build", &ch->build);
	list_of(c, name, "boot", &ch->boot);
	if (!ch->repositories.n || !ch->keys.n || !ch->base.n || !ch->build.n) {
		return err_exit(e, EXIT_USAGE, -EINVAL,
			"channel '%s' does not say where packages come from: [channel.%s] needs "
			"repositories, keys, base and build",
			name, name);
	}
	return load_usr_merge(ch, c, e);
}

void channel_add_package(const char *name, const struct arch_info *phone, struct strvec *out)
{
	const char *arch = strstr(name, "%a");

	if (arch)
		strvec_addf(out, "%.*s%s%s", (int)(arch - name), name, phone->alpine, arch + 2);
	else
		strvec_add(out, name);
}

void channel_more_packages(const struct channel *ch, const char *key, const struct arch_info *phone,
	struct strvec *out)
{
	_cleanup_strvec_ struct strvec names = {0};

	list_of(ch->config, ch->name, key, &names);
	for (size_t i = 0; i < names.n; i++) {
		/* for a phone of this machine's architecture nothing is cross-compiled */
		if (phone == arch_native() && strstr(names.v[i], "%a"))
			continue;
		channel_add_package(names.v[i], phone, out);
	}
}

void channel_native_packages(
	const struct channel *ch, const struct arch_info *phone, struct strvec *out)
{
	strvec_add_all(out, &ch->base);
	channel_more_packages(ch, "native", phone, out);
}

const char *channel_cross_prefix(const struct channel *ch, const struct arch_info *phone)
{
	_cleanup_free_ char *key = xasprintf("cross_%s", phone->alpine);
	_cleanup_free_ char *section = section_with(ch->config, ch->name, key);

	return section ? config_get(ch->config, section, key) : NULL;
}

void channel_free(struct channel *ch)
{
	free(ch->name);
	free(ch->title);
	free(ch->like);
	strvec_free(&ch->repositories);
	strvec_free(&ch->local);
	strvec_free(&ch->keys);
	strvec_free(&ch->base);
	strvec_free(&ch->build);
	strvec_free(&ch->boot);
	*ch = (struct channel){0};
}
