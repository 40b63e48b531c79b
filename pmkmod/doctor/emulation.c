// SPDX-License-Identifier: GPL-3.0-or-later
/* Programs of other architectures: qemu is looked for, and a program of two instructions run by it
 * in a sandbox. */
#include <sys/stat.h>
#include <unistd.h>

#include "chroot/base/fs.h"
#include "pmkmod/doctor/doctor.h"
#include "pmkmod/util/process.h"

#define TIMEOUT_S 30

/* Those of phones in pmaports; others are looked at where a device of that kind is named. */
static const char *const of_phones[] = {"aarch64", "armv7", "armhf", "x86_64", "x86", "riscv64"};

struct emulation {
	struct doctor *d;
	const char *qemu; /* toolchain.qemu, NULL: found */
	size_t ran; /* how many architectures */
	struct err refused; /* of the first one whose qemu was there */
};

/* "qemu-aarch64 version 7.2.22 (Debian ...)" -> "7.2.22"; caller frees */
static char *version_of(const char *qemu)
{
	_cleanup_strvec_ struct strvec argv = {0};
	_cleanup_strbuf_ struct strbuf out = {0};
	_cleanup_strbuf_ struct strbuf words = {0};
	struct process p = {.argv = &argv, .timeout_s = 10, .max = 4096};
	const char *at;
	int status = 0;

	strvec_add(&argv, qemu);
	strvec_add(&argv, "--version");
	if (process_run(&p, &out, &words, &status, NULL) < 0 || status || !out.s)
		return NULL;
	at = strstr(out.s, "version ");
	return at ? xstrndup(at + 8, strcspn(at + 8, " \n(,")) : NULL;
}

static int write_probe(const char *dir, const struct arch_info *a, struct err *e)
{
	_cleanup_free_ char *path = path_join(dir, "probe");
	_cleanup_strbuf_ struct strbuf program = {0};
	int r = probe_program(a, &program);

	if (r < 0)
		return err_set(e, r, "there is no program of %s to try it with", a->alpine);
	return fs_write_atomic(path, program.s, program.len, 0755, e);
}

static int run_probe(
	const struct emulation *m, const char *dir, const struct arch_info *a, struct err *e)
{
	const char *const argv[] = {"/probe", NULL};
	const char *const env[] = {"PATH=/", NULL};
	_cleanup_strvec_ struct strvec layers = {0};
	struct sandbox_result result = {0};
	struct sandbox_spec s = {.layers = &layers,
		.emulate = a,
		.qemu_path = m->qemu,
		.privilege = SANDBOX_BUILD,
		.argv = argv,
		.env = env,
		.stdin_fd = -1,
		.stdout_fd = -1,
		.stderr_fd = -1,
		.timeout_s = TIMEOUT_S};
	int r;

	strvec_add(&layers, dir);
	r = sandbox_run(&s, &result, e);
	if (r == 0 && result.status != PROBE_STATUS)
		r = err_set(e, -ENOEXEC, "a program of %s ended with exit status %d instead of %d",
			a->alpine, result.status, PROBE_STATUS);
	return r;
}

static int try_probe(const struct emulation *m, const struct arch_info *a, struct err *e)
{
	struct work w = WORK_INIT;
	_cleanup_free_ char *dir = NULL;
	int r = work_open(&w, m->d->x, "doctor", e);

	if (r < 0)
		return r;
	dir = path_join(w.dir, "root");
	r = fs_mkdirs(dir, 0755, e);
	if (r == 0)
		r = write_probe(dir, a, e);
	if (r == 0)
		r = run_probe(m, dir, a, e);
	work_close(&w);
	return r;
}

static void no_qemu(
	struct emulation *m, const struct arch_info *a, struct point *p, const struct err *e)
{
	/* the rest of the sentence are commands for all distributions */
	p->found = xstrndup(e->text, strcspn(e->text, "\n"));
	p->state = doctor_needs(m->d, a) ? POINT_LACKS : POINT_NOTE;
	if (m->qemu)
		point_mend(p, "pmkmod -o toolchain.qemu= ..., or without that key in pmkmod.ini");
	else
		point_mend_take(p, host_install(&m->d->host, WARE_QEMU_USER, a));
}

/* A separate point each: which qemu it is, and whether it ran. */
static void examine_arch(struct emulation *m, const struct arch_info *a)
{
	_cleanup_free_ char *name = xasprintf("programs-%s", a->alpine);
	_cleanup_free_ char *use = xasprintf("phones with %s", a->alpine);
	_cleanup_free_ char *qemu = NULL;
	_cleanup_free_ char *version = NULL;
	struct err e = ERR_INIT;
	struct point *p;

	if (arch_runs_natively(a)) {
		point_add(m->d, POINT_OK, name, use, "this machine runs them itself");
		return;
	}
	p = point_add(m->d, POINT_OK, name, use, "%s", "");
	free(steal_ptr(p->found));
	if (sandbox_find_qemu(a, m->qemu, &qemu, &e) < 0) {
		no_qemu(m, a, p, &e);
		return;
	}
	version = version_of(qemu);
	if (!m->d->namespaces || !m->d->folders) {
		p->state = POINT_NOTE;
		p->found = xasprintf("'%s' %s is there, not tried: a sandbox cannot be started",
			qemu, version ? version : "");
	} else if (try_probe(m, a, &e) < 0) {
		p->state = doctor_needs(m->d, a) ? POINT_LACKS : POINT_NOTE;
		p->found = xstrdup(e.text);
		/* what that qemu does not run, another one may */
		if (e.code == -ENOEXEC && !m->qemu)
			point_mend_take(p, host_install(&m->d->host, WARE_QEMU_USER, a));
		if (!m->refused.code)
			m->refused = e;
	} else {
		m->ran++;
		p->found = xasprintf("one ran by '%s'%s%s", qemu, version ? ", version " : "",
			version ? version : "");
	}
}

static void mend_binfmt(struct doctor *d, struct point *p, const struct err *e)
{
	const struct arch_info *a = d->n_needed ? d->needed[0] : arch_by_name("aarch64");

	if (e->code == -ENODEV) {
		point_mend_take(p, host_as_root(&d->host, "modprobe binfmt_misc"));
		return;
	}
	point_mend_take(p, host_install(&d->host, WARE_QEMU_USER, a));
	if (d->host.kind == HOST_ALPINE)
		point_mend_take(
			p, host_as_root(&d->host,
				   "sh -c 'apk add qemu-openrc && rc-service qemu-binfmt start'"));
	else if (d->host.kind != HOST_OTHER)
		point_mend_take(p, host_as_root(&d->host, "systemctl restart systemd-binfmt"));
}

static void examine_binfmt(struct emulation *m)
{
	static const char use[] = "running programs of other architectures";
	struct point *p;

	if (m->ran) {
		point_add(m->d, POINT_OK, "binfmt_misc", use, "it hands them to qemu-user");
	} else if (!m->refused.code) {
		point_add(m->d, POINT_NOTE, "binfmt_misc", use, "not tried: %s",
			m->d->namespaces ? "there is no qemu-user program"
					 : "a sandbox cannot be started");
	} else {
		p = point_add(m->d, POINT_LACKS, "binfmt_misc", use, "%s", m->refused.text);
		mend_binfmt(m->d, p, &m->refused);
	}
}

int examine_emulation(struct doctor *d, struct err *e)
{
	struct emulation m = {.d = d, .qemu = config_get(d->x->config, "toolchain", "qemu")};
	bool foreign = false;

	for (size_t i = 0; i < ARRAY_SIZE(of_phones) && !interrupted(); i++)
		examine_arch(&m, arch_by_name(of_phones[i]));
	for (size_t i = 0; i < d->n_needed && !interrupted(); i++) {
		bool seen = false;

		for (size_t k = 0; k < ARRAY_SIZE(of_phones); k++)
			seen = seen || streq(of_phones[k], d->needed[i]->alpine);
		if (!seen)
			examine_arch(&m, d->needed[i]);
		foreign = foreign || !arch_runs_natively(d->needed[i]);
	}
	if (interrupted())
		return err_set(e, -EINTR, "interrupted");
	if (foreign)
		examine_binfmt(&m);
	return 0;
}
