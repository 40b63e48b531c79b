// SPDX-License-Identifier: GPL-3.0-or-later
#include <getopt.h>
#include <stdarg.h>

#include "pmkmod/cmd/cmd.h"
#include "pmkmod/util/exit_codes.h"
#include "pmkmod/util/nearest.h"

const struct command commands[] = {
	{"build", "<device> <module>", "build a module and export it as an apk package",
		"<module> is a name that `pmkmod list modules` shows, or a folder (./name) with the\n"
		"module's source. The package ends in pmkmod's own signed repository; what to type to\n"
		"put it onto the phone is printed. A build whose inputs have not changed is not\n"
		"repeated. --json prints one object: what was made, or why it failed (\"diagnosis\").\n",
		2, 2, cmd_build, false},
	{"matrix", "<devices> <modules>",
		"build many modules for many devices, only what has changed",
		"Each is a list of words, separated by commas: names, patterns ('rtl*'), `all`, @FILE with\n"
		"one word a line; of devices also a category of pmaports (community) or a verdict\n"
		"(source); !WORD leaves out. Devices that share a kernel share its builds. What was built\n"
		"of the same inputs is not built again, what failed says so until an input changes; what\n"
		"a kernel cannot take is listed and no error. An interrupted run is taken up by the same\n"
		"command. --dry-run only says what would be built. --keep-going does not stop at a\n"
		"failure; --only-failed builds what failed in the last run. Reports (HTML, JUnit, JSON)\n"
		"are written to --report DIR. --json prints events, one object a line. Exit code 44:\n"
		"something failed.\n",
		2, 2, cmd_matrix, false},
	{"run-cell", "[<hash>...]", "as a worker, build cells of a plan made by `matrix --shared`",
		"--plan DIR is the folder that all machines see. Cells are named by their hashes, or\n"
		"--task I/N takes the part I (from 0) of N. What comes out is left in that folder for\n"
		"`merge-cells`; it is built in folders of the machine's own (matrix.worker). A cell whose\n"
		"inputs look different here is not built (exit code 30). A cell that has a result is done.\n",
		0, SIZE_MAX, cmd_run_cell, false},
	{"merge-cells", "", "check, sign and publish what workers have built",
		"Of the folder --plan DIR, where the key is. Each result is held against a plan made\n"
		"here before it is signed. What has no result, or a wrong one, is named: it has to run\n"
		"again. Then follow the cells that are built here alone, the reports, and the exit code,\n"
		"as of `matrix`. --dry-run only counts what there is by now.\n",
		0, 0, cmd_merge_cells, false},
	{"boot", "<device> <module>",
		"load the built module in the phone's kernel under qemu-system",
		"Builds the module first if that is not done. The exported apk is installed into a\n"
		"small root with that kernel, qemu-system starts it, modprobe loads the module, then the\n"
		"recipe's own test is run, if it has one ([test] run). An oops or panic of the kernel is\n"
		"shown with the function it happened in. --keep gives a shell in the booted system at\n"
		"the end; `poweroff` or ctrl-a x ends it. KVM is used where it is of use (boot.accel).\n"
		"Exit codes 36: not loaded; 37: the kernel did not come up; 38: it was not ready within\n"
		"--timeout SECONDS (120); 42: loaded, but the test failed.\n",
		2, 2, cmd_boot, false},
	{"sideload", "<device> <module>",
		"put the package onto a phone over ssh and load the module",
		"Builds the module first if that is not done. Then the phone is looked at: it must have\n"
		"exactly the kernel the package is for, and trust its key. What will be done is shown;\n"
		"with --dry-run nothing else happens. `pmbootstrap sideload` does it where it can, else\n"
		"pmkmod itself by scp and apk (sideload.with). Exit codes 36: installed, but not loaded,\n"
		"or the kernel did not stand it (an oops, a phone that stopped answering); 38: it hangs;\n"
		"39: no connection; 40: the phone has another kernel; 41: it did not take the package.\n",
		2, 2, cmd_sideload, false},
	{"phone", "<device>", "read from a phone what kernel it runs, for builds for that device",
		"Over ssh (--host, --port, --user): release, configuration, kernel image, installed\n"
		"kernel packages and what else there is. Builds for the device then take configuration\n"
		"and exports from there, as long as the kernel's package is of that release. What does\n"
		"not go together with the profile and the repositories is told.\n",
		1, 1, cmd_phone, false},
	{"plan", "<device> <module>", "show every input of a build with its hash; run nothing", "",
		2, 2, cmd_plan, false},
	{"check", "<apk|ko>...", "say whether a kernel takes these modules, and why not",
		"Each point is pass, FAIL or unknown, with what would have to be known. The kernel is\n"
		"the one of --device, --kernel-dir or --image. Nothing is run and nothing is built.\n"
		"Modules that are given together are judged as if all of them were loaded. Exit code\n"
		"35: a kernel refuses one of them, or would not survive it.\n",
		1, SIZE_MAX, cmd_check, false},
	{"headers", "<device>", "make the packages with the kernel's headers and helper programs",
		"Of a build folder (--kdir) or of source and configuration (--source, --kernel-config)\n"
		"linux-<flavor>-dev and kernel-scripts-<flavor> are made, once, and published in\n"
		"pmkmod's own repository; `pmkmod build` does the same by itself when the channel has\n"
		"no headers package of the kernel. --rebuild makes them anew.\n",
		1, 1, cmd_headers, false},
	{"list", "devices|modules|verdicts", "show the devices or modules there are",
		"Devices are those of pmaports, found through pmbootstrap's configuration, and those of\n"
		"profiles. Each has a verdict: ready (a headers package exists), source (headers are made\n"
		"from source), symvers (... and exact symbol versions are needed), signed (signed modules\n"
		"only), no-modules, arch (architecture not supported), no-kernel (kernel missing).\n"
		"--verdict NAME[,NAME] shows those alone, --json says of each kernel why and what to do.\n"
		"`verdicts` counts them.\n",
		1, 1, cmd_list, true},
	{"shell", "<device> [-- <command>...]",
		"look around in the root a device's modules are built "
		"in",
		"Changes are thrown away when the shell ends.\n", 1, 1, cmd_shell, false},
	{"log", "<device> <module>", "show the log of the newest build", "", 2, 2, cmd_log, true},
	{"symvers", "<image> [<package>]", "recover the Module.symvers of a shipped kernel image",
		"<image> is a vmlinux, Image, zImage, bzImage, uImage, EFI zboot or Android boot\n"
		"image, each also compressed, or a kernel's package (linux-*.apk), whose modules are\n"
		"read too. With an image and a package the modules are the package's. The result is\n"
		"written to standard output; how complete and how sure it is, to standard error.\n"
		"Needs no device and no configuration. Exit code 30: the image is damaged, cut off or\n"
		"contradicts itself; 2: it is something else.\n",
		1, 2, cmd_symvers, true},
	{"signing-kernel", "<device>", "write a kernel aport whose kernel accepts modules you sign",
		"For phones whose kernel takes signed modules alone. --emit-aport DIR gets a copy of the\n"
		"device's kernel aport (--aport DIR, kernel.aport of the configuration, or `aport =` in\n"
		"[kernel] of the device's profile) that trusts your certificate; the key is made on first\n"
		"use. Build and install that kernel once with pmbootstrap; then what pmkmod signs loads.\n",
		1, 1, cmd_signing_kernel, false},
	{"init", "<device>", "write a commented profile of a device, to be edited",
		"It goes to the first folder of paths.profiles (~/.config/pmkmod/profiles/devices) and is\n"
		"only needed for what pmaports and the shipped profiles do not say. A profile that is\n"
		"there already is never changed.\n",
		1, 1, cmd_init, true},
	{"stale", "[<device>...]", "name published packages for which there is a newer kernel",
		"Each package pins one kernel package; when the channel's repositories (or pmaports) have\n"
		"a newer one, or another build of the same version, and the package was not built for\n"
		"that, it is named, with why. Of devices only those. --rebuild builds them, as they were\n"
		"asked for; old and new stand side by side. --json prints all there are for programs.\n"
		"Exit code 43: something is stale (with --rebuild: still is); 1: it could not be told.\n",
		0, SIZE_MAX, cmd_stale, false},
	{"info", "<apk>", "show what a package is for: kernel, modules, how it was judged",
		"<apk> is any file in apk's format. Of one that pmkmod has made: the kernel package and\n"
		"release, its configuration's hash, compilers, where the kernel's exports were from, the\n"
		"verdict, and each module with what it says of itself; of another one its name, version,\n"
		"architecture and dependencies. Known keys are pmkmod's own and those of the channels.\n"
		"--json prints it for programs. Exit code 30: it is no package, damaged, or was\n"
		"altered after a known key signed it; 2: there is no such file.\n",
		1, 1, cmd_info, true},
	{"doctor", "[<device>...]", "say what this machine lacks, and how to mend it",
		"What builds need of this machine is tried: a sandbox, programs of other architectures,\n"
		"folders and space, libraries, programs. One line a point: ok; lacks (builds do not work),\n"
		"with the command that mends it here; or note: only something that is named lacks it.\n"
		"Of devices their architectures are needed, else aarch64 and armv7. --json prints it for\n"
		"programs. Exit code 33: something is lacking.\n",
		0, SIZE_MAX, cmd_doctor, true},
	{"cache", "stats|prune|verify", "what is kept to be used again: its size, limit and hashes",
		"stats shows what there is of each kind, its bytes, those on disk (what layers share counts\n"
		"once), when it was used, and what the layers of each kernel take. prune removes what was\n"
		"not used for longest until all is below cache.max_size; builds do that by themselves.\n"
		"--dry-run only says what would go. verify compares everything with its hash; what is\n"
		"damaged is named and removed, the next build makes it again. What a build uses stays, and\n"
		"so do published packages and the key. --json prints it for programs. Exit code 30: verify\n"
		"has found something damaged.\n",
		1, 1, cmd_cache, false},
	{"clean", "[layers|cache|all]", "remove layers, downloads, or both; packages and keys stay",
		"Without an argument only layers that were not used for 30 days are removed. What is\n"
		"above a limit `pmkmod cache prune` removes.\n",
		0, 1, cmd_clean, false},
};
const size_t n_commands = ARRAY_SIZE(commands);

enum {
	OPT_EMULATE = 256,
	OPT_AUTOLOAD,
	OPT_FORCE,
	OPT_REBUILD,
	OPT_VERSION,
	OPT_CONFIG,
	OPT_EMIT_APORT,
	OPT_JSON,
	OPT_DEVICE,
	OPT_KERNEL_DIR,
	OPT_VERDICT,
	OPT_CHOOSE_KERNEL,
	OPT_PUBLISH,
	OPT_NO_PUBLISH,
	OPT_INSTALL_KEY,
	OPT_DRY_RUN,
	OPT_KEEP,
	OPT_KEEP_GOING,
	OPT_ONLY_FAILED,
	OPT_REPORT,
	OPT_ENGINE,
	OPT_EMIT,
	OPT_SHARED,
	OPT_WAIT,
	OPT_PLAN,
	OPT_TASK,
	OPT_TIMING,
	OPT_TIMEOUT,
	OPT_ASK_PHONE,
	OPT_PHONE, /* three, for the rows of phone_options[] */
	OPT_KERNEL = OPT_PHONE + 3, /* and behind it, one for each row of kernel_options[] */
};

/* Options that are a key of [kernel]; in the order of their rows in long_options[]. */
static const char *const kernel_options[] = {
	"kdir", "source", "config", "image", "symvers", "cc", "aport", "sign_key"};

/* The same of [phone]. */
static const char *const phone_options[] = {"host", "port", "user"};

static const struct option long_options[] = {
	{"config", required_argument, NULL, OPT_CONFIG},
	{"emulate", required_argument, NULL, OPT_EMULATE},
	{"autoload", no_argument, NULL, OPT_AUTOLOAD},
	{"force", no_argument, NULL, OPT_FORCE},
	{"rebuild", no_argument, NULL, OPT_REBUILD},
	{"kdir", required_argument, NULL, OPT_KERNEL},
	{"source", required_argument, NULL, OPT_KERNEL + 1},
	{"kernel-config", required_argument, NULL, OPT_KERNEL + 2},
	{"image", required_argument, NULL, OPT_KERNEL + 3},
	{"symvers", required_argument, NULL, OPT_KERNEL + 4},
	{"cc", required_argument, NULL, OPT_KERNEL + 5},
	{"aport", required_argument, NULL, OPT_KERNEL + 6},
	{"sign-key", required_argument, NULL, OPT_KERNEL + 7},
	{"emit-aport", required_argument, NULL, OPT_EMIT_APORT},
	{"device", required_argument, NULL, OPT_DEVICE},
	{"kernel-dir", required_argument, NULL, OPT_KERNEL_DIR},
	{"json", optional_argument, NULL, OPT_JSON},
	{"verdict", required_argument, NULL, OPT_VERDICT},
	{"kernel", required_argument, NULL, OPT_CHOOSE_KERNEL},
	{"publish-pmbootstrap", no_argument, NULL, OPT_PUBLISH},
	{"no-publish-pmbootstrap", no_argument, NULL, OPT_NO_PUBLISH},
	{"phone", required_argument, NULL, OPT_ASK_PHONE},
	{"host", required_argument, NULL, OPT_PHONE},
	{"port", required_argument, NULL, OPT_PHONE + 1},
	{"user", required_argument, NULL, OPT_PHONE + 2},
	{"install-key", no_argument, NULL, OPT_INSTALL_KEY},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},
	{"keep", no_argument, NULL, OPT_KEEP},
	{"keep-going", no_argument, NULL, OPT_KEEP_GOING},
	{"only-failed", no_argument, NULL, OPT_ONLY_FAILED},
	{"report", required_argument, NULL, OPT_REPORT},
	{"engine", required_argument, NULL, OPT_ENGINE},
	{"emit", required_argument, NULL, OPT_EMIT},
	{"shared", required_argument, NULL, OPT_SHARED},
	{"wait", no_argument, NULL, OPT_WAIT},
	{"plan", required_argument, NULL, OPT_PLAN},
	{"task", required_argument, NULL, OPT_TASK},
	{"timing", no_argument, NULL, OPT_TIMING},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"jobs", required_argument, NULL, 'j'},
	{"verbose", no_argument, NULL, 'v'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static const char options_help[] =
	"Options:\n"
	"  -o SECTION.KEY=VALUE  set one value of the configuration\n"
	"      --config FILE     read FILE instead of /etc/pmkmod.ini and the one below ~/.config\n"
	"      --emulate MODE    tools: native compiler, kernel helpers as far as there are\n"
	"                        equal ones, else under qemu-user (default);\n"
	"                        full: everything in the phone's root under qemu-user\n"
	"      --autoload        the package also loads the module at each start (modules-load.d)\n"
	"      --force           package a module although the kernel would refuse it\n"
	"      --rebuild         build although nothing has changed\n"
	"      --sign-key FILE   sign modules with the private key and certificate in FILE (PEM)\n"
	"  -j, --jobs N          parallel jobs of make\n"
	"      --kdir DIR        make the kernel's headers from the folder it was built in\n"
	"      --source DIR      ... from its source, with --kernel-config FILE (default: the\n"
	"                        kernel package's own configuration)\n"
	"      --aport DIR       ... from its aport, a folder with an APKBUILD\n"
	"      --image FILE      kernel image to take exports and configuration from\n"
	"      --symvers FILE    Module.symvers of the phone's kernel\n"
	"      --cc NAME         compiler of the kernel: gcc, gcc6, gcc4, clang\n"
	"      --kernel NAME     which of a device's kernels in pmaports: mainline, or its package\n"
	"      --device NAME     check: against the kernel package of this device's channel\n"
	"      --kernel-dir DIR  check: against a build folder, headers, or /lib/modules/<release>\n"
	"      --json            build, matrix, list devices, check, info, stale, doctor, cache:\n"
	"                        for programs; --json=events: with build, what happens while it happens\n"
	"      --verdict NAMES   list devices of these verdicts alone\n"
	"      --emit-aport DIR  where signing-kernel writes its kernel aport to; with build: write\n"
	"                        aports, by which pmbootstrap makes the same packages, to DIR\n"
	"      --publish-pmbootstrap     put the package into pmbootstrap's work folder, too, by\n"
	"                        sudo, doas or run0 if that is needed; --no-publish-pmbootstrap: don't\n"
	"      --host HOST       the phone's name or address (172.16.42.1), with --port and --user\n"
	"      --phone HOST      ask this phone first what kernel it runs (see `phone`)\n"
	"      --install-key     sideload: make the phone trust the key that signed the package\n"
	"      --dry-run         sideload, matrix, cache prune: only say what would be done;\n"
	"                        merge-cells: what there is by now\n"
	"      --keep-going      matrix: after a failure, too\n"
	"      --only-failed     matrix: only what failed in the last run\n"
	"      --report DIR      matrix: where the reports go (default: matrix/report in paths.state)\n"
	"      --shared DIR      matrix: make a plan for other machines in this folder; with --engine\n"
	"                        slurm also submit it, with --wait until it is merged; --emit gitlab\n"
	"                        or slurm: write what these take, and submit nothing\n"
	"      --plan DIR        run-cell, merge-cells: that folder; --task I/N: part I of N of it\n"
	"      --timing          build: say at the end where the time went\n"
	"      --keep            boot: afterwards a shell in the booted system, on this terminal\n"
	"      --timeout SECONDS boot: how long it may take, without that shell (120; 0: no limit)\n"
	"  -v, --verbose         show the whole output of the build\n"
	"  -q, --quiet           show errors and results only\n"
	"  -h, --help            this text, or that of a command\n"
	"      --version         version and licence\n";

void print_help(void)
{
	printf("pmkmod builds out-of-tree kernel modules for postmarketOS phones, without root.\n\n"
	       "Usage: pmkmod [options] <command> [arguments]\n\nCommands:\n");
	for (size_t i = 0; i < n_commands; i++)
		printf("  %-14s %-28s %s\n", commands[i].name, commands[i].arguments,
			commands[i].summary);
	printf("\n%s\nThe manual is pmkmod(1), that of the configuration pmkmod.ini(5).\n",
		options_help);
}

void print_command_help(const struct command *c)
{
	printf("Usage: pmkmod [options] %s %s\n\n%s.\n%s\n%s", c->name, c->arguments, c->summary,
		c->details, options_help);
}

static int one_option(struct options *o, int c, const char *name, struct err *e)
{
	if (c >= OPT_KERNEL && c < OPT_KERNEL + (int)ARRAY_SIZE(kernel_options)) {
		strvec_addf(&o->settings, "kernel.%s=%s", kernel_options[c - OPT_KERNEL], optarg);
		return 0;
	}
	if (c >= OPT_PHONE && c < OPT_PHONE + (int)ARRAY_SIZE(phone_options)) {
		strvec_addf(&o->settings, "phone.%s=%s", phone_options[c - OPT_PHONE], optarg);
		return 0;
	}
	switch (c) {
	case 'o':
		strvec_add(&o->settings, optarg);
		break;
	case OPT_CONFIG:
		o->config_file = optarg;
		break;
	case OPT_EMULATE:
		strvec_addf(&o->settings, "toolchain.emulate=%s", optarg);
		break;
	case OPT_AUTOLOAD:
		strvec_add(&o->settings, "build.autoload=yes");
		break;
	case 'j':
		strvec_addf(&o->settings, "toolchain.jobs=%s", optarg);
		break;
	case OPT_EMIT_APORT:
		o->emit_aport = optarg;
		break;
	case OPT_DEVICE:
		o->device = optarg;
		break;
	case OPT_KERNEL_DIR:
		o->kernel_dir = optarg;
		break;
	case OPT_JSON:
		o->json = true;
		o->events = optarg && streq(optarg, "events");
		if (optarg && !o->events)
			return usage_error(e, "--json knows no '%s', only --json=events", optarg);
		break;
	case OPT_VERDICT:
		o->verdict = optarg;
		break;
	case OPT_CHOOSE_KERNEL:
		strvec_addf(&o->settings, "kernel.name=%s", optarg);
		break;
	case OPT_PUBLISH:
		strvec_add(&o->settings, "publish.pmbootstrap=yes");
		break;
	case OPT_NO_PUBLISH:
		strvec_add(&o->settings, "publish.pmbootstrap=no");
		break;
	case OPT_INSTALL_KEY:
		o->install_key = true;
		break;
	case OPT_ASK_PHONE:
		o->phone = true;
		strvec_addf(&o->settings, "phone.host=%s", optarg);
		break;
	case OPT_DRY_RUN:
		o->dry_run = true;
		break;
	case OPT_KEEP_GOING:
		o->keep_going = true;
		break;
	case OPT_ONLY_FAILED:
		o->only_failed = true;
		break;
	case OPT_REPORT:
		o->report = optarg;
		break;
	case OPT_ENGINE:
		o->engine = optarg;
		break;
	case OPT_EMIT:
		o->emit = optarg;
		break;
	case OPT_SHARED:
		o->shared = optarg;
		break;
	case OPT_WAIT:
		o->wait = true;
		break;
	case OPT_PLAN:
		o->plan = optarg;
		break;
	case OPT_TASK:
		o->task = optarg;
		break;
	case OPT_KEEP:
		o->keep = true;
		break;
	case OPT_TIMEOUT:
		strvec_addf(&o->settings, "boot.timeout=%s", optarg);
		break;
	case OPT_TIMING:
		o->timing = true;
		break;
	case OPT_FORCE:
		o->force = true;
		break;
	case OPT_REBUILD:
		o->rebuild = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 'h':
		o->help = true;
		break;
	case OPT_VERSION:
		strvec_add(&o->args, "--version");
		break;
	case ':':
		return usage_error(e, "option '%s' needs a value", name);
	default:
		return usage_error(e, "there is no option '%s'; see pmkmod --help", name);
	}
	return 0;
}

int options_parse(struct options *o, int argc, char **argv, struct err *e)
{
	int end = 1, c;

	*o = (struct options){0};
	while (end < argc && !streq(argv[end], "--"))
		end++;
	for (int i = end + 1; i < argc; i++)
		strvec_add(&o->command_line, argv[i]);
	opterr = 0;
	while ((c = getopt_long(end, argv, ":o:j:vqh", long_options, NULL)) != -1) {
		int r = one_option(o, c, argv[optind - 1], e);

		if (r < 0)
			return r;
	}
	for (int i = optind; i < end; i++)
		strvec_add(&o->args, argv[i]);
	return 0;
}

/* Silently passed over they would be taken for heard: `build --dry-run` builds. */
int options_check(const struct options *o, const char *command, struct err *e)
{
	const struct {
		const char *option;
		bool given;
		const char *commands; /* each with a blank behind it */
	} all[] = {{"--dry-run", o->dry_run, "sideload matrix merge-cells cache "},
		{"--keep-going", o->keep_going, "matrix merge-cells "},
		{"--only-failed", o->only_failed, "matrix "},
		{"--report", o->report, "matrix merge-cells "}, {"--engine", o->engine, "matrix "},
		{"--emit", o->emit, "matrix "}, {"--shared", o->shared, "matrix "},
		{"--wait", o->wait, "matrix "}, {"--plan", o->plan, "run-cell merge-cells "},
		{"--task", o->task, "run-cell "}, {"--timing", o->timing, "build "},
		{"--install-key", o->install_key, "sideload "}, {"--keep", o->keep, "boot "}};
	_cleanup_free_ char *word = xasprintf("%s ", command);

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const char *at = strstr(all[i].commands, word);

		if (!all[i].given || (at && (at == all[i].commands || at[-1] == ' ')))
			continue;
		usage_error(e, "%s says nothing to %s, only to: %.*s", all[i].option, command,
			(int)strlen(all[i].commands) - 1, all[i].commands);
		if (o->dry_run && streq(command, "build"))
			err_hint(e, "`pmkmod plan` shows what goes into a build, and runs nothing");
		return -EINVAL;
	}
	return 0;
}

void options_free(struct options *o)
{
	strvec_free(&o->settings);
	strvec_free(&o->args);
	strvec_free(&o->command_line);
}

char *sideload_command(
	struct context *x, const char *device, const char *module, const char *package)
{
	const char *command = config_get(x->config, "sideload", "command");
	const struct {
		char letter;
		const char *is;
	} t[] = {{'d', device}, {'m', module}, {'p', package}};
	struct strbuf b = {0};

	for (const char *s = command ? command : "pmkmod sideload %d %m"; *s; s++) {
		size_t i = 0;

		while (i < ARRAY_SIZE(t) && (s[0] != '%' || s[1] != t[i].letter))
			i++;
		if (i < ARRAY_SIZE(t)) {
			strbuf_adds(&b, t[i].is);
			s++;
		} else {
			strbuf_addc(&b, *s);
		}
	}
	return strbuf_steal(&b);
}
