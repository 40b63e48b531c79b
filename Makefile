# SPDX-License-Identifier: GPL-3.0-or-later
# Everything: build, install, quickstart, check, bench, fuzz. `make help` lists the targets.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
CC ?= gcc
PKG_CONFIG ?= pkg-config
SANITIZE ?=

# libarchive and libcurl are loaded when they are needed (pmkmod/util/archive_library.c, download.c)
PKGS := mount libseccomp inih json-c libcrypto libelf liblzma libzstd zlib
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough
# libmount's pkg-config adds -I.../libmount and -I.../blkid, whose "mount.h" etc. must not shadow ours
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags-only-I $(PKGS) 2>/dev/null | sed 's/-I/-isystem /g')
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null)
SAN_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DPMKMOD_VERSION='"$(VERSION)"' -DPMKMOD_PREFIX='"$(PREFIX)"' \
	-I. $(PKG_CFLAGS) $(WARN) -fPIE -fstack-protector-strong $(SAN_FLAGS) $(CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(SAN_FLAGS) $(LDFLAGS)
LIBS := $(PKG_LIBS) -lpthread -ldl

CHROOT_SRC := $(sort $(wildcard chroot/*/*.c))
PMKMOD_SRC := $(filter-out pmkmod/main.c,$(sort $(wildcard pmkmod/*.c pmkmod/*/*.c)))
CHROOT_OBJ := $(CHROOT_SRC:%.c=$(BUILD)/obj/%.o)
PMKMOD_OBJ := $(PMKMOD_SRC:%.c=$(BUILD)/obj/%.o)
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)

.PHONY: all
all: $(BUILD)/pmkmod

$(BUILD)/pmkmod: $(BUILD)/obj/pmkmod/main.o $(PMKMOD_OBJ) $(CHROOT_OBJ)
	@echo "  LD      $@"
	@$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# the shipped configuration is compiled in
$(BUILD)/obj/pmkmod/util/config.o $(BUILD)/fuzz/obj/pmkmod/util/config.o: pmkmod.ini
# and so are the style and the script of the matrix' HTML page
$(BUILD)/obj/pmkmod/matrix/report_html.o $(BUILD)/fuzz/obj/pmkmod/matrix/report_html.o: \
	pmkmod/matrix/page.css pmkmod/matrix/page.js

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# libcmocka is needed by the unit tests alone
$(BUILD)/unit/%: tests/unit/%.c $(PMKMOD_OBJ) $(CHROOT_OBJ)
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	@$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(PMKMOD_OBJ) $(CHROOT_OBJ) $(LIBS) -lcmocka -larchive

.PHONY: unit
unit: $(UNIT_BIN)

# what pmkmod does against an old kernel's symptoms, as a program, for tests/cli/test-remedies
$(BUILD)/remedies/apply: tests/remedies/apply.c $(PMKMOD_OBJ) $(CHROOT_OBJ)
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(PMKMOD_OBJ) $(CHROOT_OBJ) $(LIBS)

# what pmkmod makes of dkms.conf files, for tests/cli/test-dkms-conf
$(BUILD)/dkms/read: tests/dkms/read.c $(PMKMOD_OBJ) $(CHROOT_OBJ)
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(PMKMOD_OBJ) $(CHROOT_OBJ) $(LIBS)

# reports and view of a made-up matrix, for tests/cli/test-matrix-view and to look at
$(BUILD)/matrix/%: tests/matrix/%.c tests/unit/matrix_fixture.h $(PMKMOD_OBJ) $(CHROOT_OBJ)
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	@$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(PMKMOD_OBJ) $(CHROOT_OBJ) $(LIBS)

-include $(CHROOT_OBJ:.o=.d) $(PMKMOD_OBJ:.o=.d) $(UNIT_BIN:=.d) $(BUILD)/obj/pmkmod/main.d

# ---- the two commands of the README ----

# as many compilers as processors, unless make was told how many
PARALLEL = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
.PHONY: quickstart
quickstart:
	@tests/setup/install-packages build run standin
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@$(MAKE) --no-print-directory standin STANDIN_ARCHES='aarch64' STANDIN_WITH=
	@tests/setup/quickstart $(BUILD)/pmkmod

.PHONY: check
check:
	@tests/setup/install-packages build run standin check kernels
	@tests/setup/unpack-sshd $(BUILD)
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@$(MAKE) --no-print-directory standin kernels
	@$(MAKE) --no-print-directory $(PARALLEL) unit fuzz-targets $(BUILD)/remedies/apply \
		$(BUILD)/dkms/read $(BUILD)/matrix/view $(BUILD)/matrix/reports
	@tests/run-all $(BUILD)

# ---- the stand-in distribution ----

# Groups of packages beyond the least (make-standin --with): for preparing a kernel's source, clang, and
# for device-tree overlays.
STANDIN_ARCHES ?= aarch64 armv7 x86_64
STANDIN_WITH ?= prepare clang overlays
.PHONY: standin
standin:
	@/usr/bin/python3 tests/standin/make-standin --output $(BUILD)/standin $(STANDIN_ARCHES:%=--arch %) \
		$(STANDIN_WITH:%=--with %)

# ---- the tests' own kernels ----

# Built once and kept outside of the checkout, see tests/kernels/README.md.
.PHONY: kernels check-kernels
kernels:
	@tests/setup/install-packages kernels
	@tests/kernels/build-kernel --link $(BUILD)/kernels phone-a phone-b phone-c >/dev/null
check-kernels:
	@tests/setup/install-packages build run standin check kernels boards
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory standin
	@tests/kernels/build-kernel --link $(BUILD)/kernels phone-a board-x86_64 board-riscv64 board-armv7 >/dev/null
	@PMKMOD_TEST_KERNELS=boards tests/run-all $(BUILD) kernels

# Debian's DKMS packages, by Debian's dkms and by pmkmod: make check-dkms [PACKAGES='NAME... | all']
.PHONY: check-dkms
check-dkms:
	@tests/setup/install-packages build run standin check
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory standin STANDIN_ARCHES=aarch64
	@tests/dkms/check-corpus $(BUILD) $(PACKAGES)

# pmkmod on a real old kernel: make check-old-kernel KSRC=DIR CONFIG=NAME [ARCH=armv7] [COMPILER=gcc6]
.PHONY: check-old-kernel
check-old-kernel:
	@$(MAKE) --no-print-directory all
	@tests/kernels/check-old-kernel $(BUILD) '$(KSRC)' '$(CONFIG)' '$(or $(ARCH),aarch64)' '$(COMPILER)'

# ---- parts of the check ----

C_FILES = $(sort $(wildcard chroot/*/*.[ch] pmkmod/*.[ch] pmkmod/*/*.[ch] tests/*/*.[ch]))

.PHONY: format format-check tidy
format:
	clang-format -i $(C_FILES)
format-check:
	@clang-format --dry-run -Werror $(C_FILES)
tidy:
	@$(MAKE) -s -j2 $(TIDY_OK)
TIDY_OK = $(patsubst %.c,$(BUILD)/tidy/%.ok,$(CHROOT_SRC) $(PMKMOD_SRC) pmkmod/main.c)
$(BUILD)/tidy/%.ok: %.c .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(filter-out -Werror,$(ALL_CFLAGS)) 2>$@.log >$@.out || \
		{ cat $@.out $@.log; exit 1; }
	@touch $@

# Fuzz targets, by clang's libFuzzer: `make fuzz` builds them, `make fuzz SECONDS=60` also runs each one
# for so long, as many at a time as -j says. What it finds stays in build/fuzz/found.
FUZZ_CFLAGS = $(filter-out -Werror,$(ALL_CFLAGS)) -O1 -g -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all
FUZZ_LIB_OBJ := $(CHROOT_SRC:%.c=$(BUILD)/fuzz/obj/%.o) $(PMKMOD_SRC:%.c=$(BUILD)/fuzz/obj/%.o)
FUZZ_RUN := $(FUZZ_BIN:%=%.run)
.PHONY: fuzz fuzz-targets $(FUZZ_RUN)
fuzz-targets: $(FUZZ_BIN)
fuzz: fuzz-targets $(if $(SECONDS),$(FUZZ_RUN))
$(BUILD)/fuzz/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@clang $(subst fuzzer$(comma),fuzzer-no-link$(comma),$(FUZZ_CFLAGS)) -MMD -MP -c -o $@ $<
comma := ,
$(BUILD)/fuzz/libpmkmod.a: $(FUZZ_LIB_OBJ)
	@echo "  AR      $@"
	@rm -f $@ && ar rcs $@ $^
$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/fuzz/libpmkmod.a
	@echo "  FUZZ    $@"
	@clang $(FUZZ_CFLAGS) -MMD -MP -MF $(BUILD)/fuzz/obj/fuzz_$*.d -o $@ $< $(BUILD)/fuzz/libpmkmod.a $(LIBS)
-include $(FUZZ_LIB_OBJ:.o=.d) $(FUZZ_BIN:$(BUILD)/fuzz/%=$(BUILD)/fuzz/obj/%.d)
$(FUZZ_RUN): $(BUILD)/fuzz/fuzz_%.run: $(BUILD)/fuzz/fuzz_%
	@echo "  RUN     $<"
	@mkdir -p $(BUILD)/fuzz/found/$*
	@$< -max_total_time=$(SECONDS) -verbosity=0 -artifact_prefix=$(BUILD)/fuzz/found/ \
		$(BUILD)/fuzz/found/$* tests/fuzz/corpus/$* >$(BUILD)/fuzz/found/$*.log 2>&1 || \
		{ tail -n 60 $(BUILD)/fuzz/found/$*.log; exit 1; }

.PHONY: bench
bench:
	@tests/setup/install-packages build run standin kernels
	@$(MAKE) --no-print-directory all $(BUILD)/bench/assemble_layer $(BUILD)/apk/solve \
		$(BUILD)/matrix/reports
	@$(MAKE) --no-print-directory standin STANDIN_ARCHES='aarch64' STANDIN_WITH=prepare
	@tests/kernels/build-kernel --link $(BUILD)/kernels phone-a >/dev/null
	@tests/bench/bench $(BENCH_OPTIONS) $(BUILD)
# beside a real apk: APK=path make bench-apk
.PHONY: bench-apk
bench-apk:
	@[ -x "$(APK)" ] || { echo 'bench-apk: APK=<path of an apk for this machine> is not given' >&2; exit 2; }
	@APK='$(APK)' $(MAKE) --no-print-directory bench BENCH_OPTIONS='--only apk $(BENCH_OPTIONS)'
$(BUILD)/apk/%: tests/apk/%.c $(CHROOT_OBJ)
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	@$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(CHROOT_OBJ) $(LIBS)
$(BUILD)/bench/assemble_layer: tests/bench/assemble_layer.c $(CHROOT_OBJ)
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	@$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(CHROOT_OBJ) $(LIBS)

# how many devices of a pmaports there are of each verdict: make verdicts PMAPORTS=DIR
.PHONY: verdicts
verdicts:
	@$(MAKE) -s --no-print-directory all >&2
	@$(BUILD)/pmkmod -o pmbootstrap.aports='$(PMAPORTS)' list verdicts

# ---- installing ----

# where the shells look for completions of what is installed below PREFIX
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPDIR ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPDIR ?= $(PREFIX)/share/fish/vendor_completions.d

.PHONY: man install uninstall
man: $(BUILD)/pmkmod.1 $(BUILD)/pmkmod.ini.5
$(BUILD)/pmkmod.1 $(BUILD)/pmkmod.ini.5: $(BUILD)/%: man/%.scd
	@mkdir -p $(@D)
	@scdoc < $< > $@
install: all man
	install -D -m 0755 $(BUILD)/pmkmod $(DESTDIR)$(PREFIX)/bin/pmkmod
	install -D -m 0644 $(BUILD)/pmkmod.1 $(DESTDIR)$(PREFIX)/share/man/man1/pmkmod.1
	install -D -m 0644 $(BUILD)/pmkmod.ini.5 $(DESTDIR)$(PREFIX)/share/man/man5/pmkmod.ini.5
	install -D -m 0644 pmkmod.ini $(DESTDIR)$(PREFIX)/share/doc/pmkmod/pmkmod.ini
	install -D -m 0644 completion/pmkmod.bash $(DESTDIR)$(BASHCOMPDIR)/pmkmod
	install -D -m 0644 completion/_pmkmod $(DESTDIR)$(ZSHCOMPDIR)/_pmkmod
	install -D -m 0644 completion/pmkmod.fish $(DESTDIR)$(FISHCOMPDIR)/pmkmod.fish
	for f in profiles/*/*.ini; do \
		install -D -m 0644 $$f $(DESTDIR)$(PREFIX)/share/pmkmod/$$f || exit 1; done
uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/pmkmod $(DESTDIR)$(PREFIX)/share/pmkmod \
		$(DESTDIR)$(PREFIX)/share/man/man1/pmkmod.1 $(DESTDIR)$(PREFIX)/share/man/man5/pmkmod.ini.5 \
		$(DESTDIR)$(PREFIX)/share/doc/pmkmod \
		$(DESTDIR)$(BASHCOMPDIR)/pmkmod $(DESTDIR)$(ZSHCOMPDIR)/_pmkmod \
		$(DESTDIR)$(FISHCOMPDIR)/pmkmod.fish

.PHONY: help
help:
	@echo 'quickstart  install what is needed, build, make the stand-in distribution, build and boot'
	@echo '            a module on it'
	@echo 'check       all tests            bench     speed, as ratios measured side by side'
	@echo 'all         build/pmkmod         standin   the stand-in distribution below build/'
	@echo 'kernels     the kernels that the check needs, once a machine'
	@echo 'check-dkms  Debian'"'"'s DKMS packages, by dkms and by pmkmod'
	@echo 'check-kernels  the same for three more kernels'
	@echo 'fuzz        the fuzz targets; SECONDS=N: run each one for so long'
	@echo 'format      clang-format everything'
	@echo 'verdicts    PMAPORTS=DIR: how many of its devices modules can be built for'
	@echo 'install     DESTDIR and PREFIX   clean     remove what was compiled'

.PHONY: clean
clean:
	rm -rf $(BUILD)/obj $(BUILD)/unit $(BUILD)/fuzz $(BUILD)/pmkmod
