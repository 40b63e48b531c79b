// SPDX-License-Identifier: GPL-3.0-or-later
/* The porter's key for modules: found, told in the plan, used, and looked for in the kernel. */
#include "chroot/base/fs.h"
#include "pmkmod/aport/aport.h"
#include "pmkmod/build/job.h"
#include "pmkmod/build/known_kernel.h"
#include "pmkmod/image/image.h"

char *sign_key_path(const struct context *x, const char *named, bool *implied)
{
	_cleanup_(module_signing_free) struct module_signing own = {0};

	*implied = false;
	if (named)
		return xstrdup(named);
	module_signing_paths(&own, x->state);
	*implied = fs_exists(own.key);
	return *implied ? steal_ptr(own.key) : NULL;
}

int plan_sign_key(struct plan *p, struct err *e)
{
	_cleanup_free_ char *path = NULL;
	int r;

	if (!p->no_module)
		path = sign_key_path(p->x, p->device.origin.sign_key, &p->sign_key_implied);
	if (!path)
		return 0;
	r = sign_key_load(&p->sign_key, path, e);
	if (r == 0 && sign_key_is_exposed(p->sign_key))
		progress_note(&p->x->progress,
			"others can read the signing key '%s': chmod 600 keeps it yours", path);
	return r;
}

int job_sign(struct job *j, struct err *e)
{
	const struct sign_key *key = j->plan->sign_key;
	const struct sign_rule *rule = &j->preflight.sign;
	int r = 0;

	if (!key || !j->preflight.will_sign)
		return 0;
	for (size_t i = 0; r == 0 && i < j->ko.n; i++)
		r = sign_module(key, rule, j->ko.v[i], e);
	if (r == 0 && j->plan->sign_key_implied)
		progress_note(&j->plan->x->progress,
			"signed with the key that `pmkmod signing-kernel` made: it loads once the phone "
			"has a kernel from there");
	if (r == 0)
		dprintf(j->log_fd, "# signed with %s: %s, certificate sha256:%s\n", rule->hash,
			sign_key_subject(key), sign_key_fingerprint(key));
	return r;
}

/*
 * CONFIG_SYSTEM_TRUSTED_KEYS and the build's own certificate lie in the kernel as DER
 * (certs/system_certificates.S). An image that cannot be read leaves the question open.
 */
int key_in_image(const struct sign_key *key, const struct kconfig *config, const char *image,
	bool *known, bool *trusted, struct err *e)
{
	struct kernel_image im = {0};
	_cleanup_free_ char *banner = NULL;
	int r = kernel_image_read(&im, image, e);

	*known = *trusted = false;
	if (r < 0)
		return r;
	*trusted = sign_key_certificate_in(key, im.bytes, im.len);
	/* without a banner these may not be the kernel's bytes at all */
	banner = kernel_image_banner(&im);
	*known = *trusted || (banner && !sign_keys_come_later(config));
	kernel_image_free(&im);
	return 0;
}

int job_key_is_trusted(struct job *j, bool *known, bool *trusted, struct err *e)
{
	struct err why = ERR_INIT;
	int r = key_in_image(j->plan->sign_key, j->kconfig, j->kernel_apk, known, trusted, &why);

	if (r == -EINTR)
		return err_set(e, r, "%s", why.text);
	if (r < 0)
		dprintf(j->log_fd, "# the kernel image was not searched for the certificate: %s\n",
			why.text);
	return 0;
}
