# SPDX-License-Identifier: GPL-3.0-or-later
# Everything: build, install, quickstart, check, bench, fuzz. `make help` lists the targets.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
CC ?= gcc
PKG_CONFIG ?= pkg-config
SANITIZE ?=

PKGS := mount libseccomp libarchive inih libcrypto libelf liblzma libzstd zlib
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

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# libcmocka is needed by the unit tests alone
$(BUILD)/unit/%: tests/unit/%.c $(PMKMOD_OBJ) $(CHROOT_OBJ)
	@mkdir -p $(@D)
	@echo "  CCLD    $@"
	@$(CC) $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(PMKMOD_OBJ) $(CHROOT_OBJ) $(LIBS) -lcmocka

.PHONY: unit
unit: $(UNIT_BIN)

-include $(CHROOT_OBJ:.o=.d) $(PMKMOD_OBJ:.o=.d) $(UNIT_BIN:=.d) $(BUILD)/obj/pmkmod/main.d

.PHONY: clean
clean:
	rm -rf $(BUILD)/obj $(BUILD)/unit $(BUILD)/fuzz $(BUILD)/pmkmod
