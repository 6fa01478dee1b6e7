# Wirebook's build. One non-recursive makefile; files are found by wildcard, so that adding one needs no edit here.
# `make help` lists what can be asked for. Targets that a user calls run scripts/setup first and then make again: on a
# fresh machine pkg-config and the compilers exist only after it, so nothing here asks for them while parsing.

BUILD    ?= build
VARIANTS := release asan tsan clang fuzz
ARCH     := $(if $(filter x86_64,$(shell uname -m)),-march=x86-64-v2)
SAN      := -fsanitize=address,undefined -fno-sanitize-recover=all
WARN     := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla
# The same 64-byte slots are seen as messages, as journal and as bytes: no strict aliasing.
FLAGS    := -std=gnu17 $(WARN) -D_GNU_SOURCE -I. $(ARCH) -g -fno-omit-frame-pointer -fno-strict-aliasing

CC_release := gcc
CC_asan    := gcc
CC_tsan    := gcc
CC_clang   := clang
CC_fuzz    := clang
FLAGS_release := -O2
FLAGS_asan    := -O1 $(SAN)
# TSan does not see a copy that the compiler puts in place of a call: a slot's way into a ring is one.
FLAGS_tsan    := -O1 -fsanitize=thread -fno-builtin-memcpy -fno-builtin-memmove -fno-builtin-memset
FLAGS_clang   := -O2
FLAGS_fuzz    := -O1 $(SAN) -fsanitize=fuzzer-no-link

# Asked once, at the first compilation.
PACKAGES := jansson ncursesw libpq hiredis openssl msgpack yaml-0.1 liburing libsodium libmicrohttpd libsystemd zlib
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := -lpthread -lm $(shell pkg-config --libs $(PACKAGES) libdpdk))$(PKG_LIBS)
# DPDK's headers are for gateway/port*.c alone, and not clean under our warnings. Its drivers load at run time.
DPDK_CFLAGS = $(eval DPDK_CFLAGS := -include rte_config.h $(subst -I,-isystem ,$(shell pkg-config --cflags-only-I libdpdk)))$(DPDK_CFLAGS)
TEST_LIBS  = $(eval TEST_LIBS := $(shell pkg-config --libs cmocka))$(TEST_LIBS)

# What there is. A program's main is gateway/main.c or any file called wirebook-*.c; all else is the library.
DIRS  := engine engine/base engine/msg persist gateway gateway/session gateway/net gateway/admin gateway/console gateway/client
SRC   := $(sort $(wildcard $(DIRS:%=%/*.c)))
MAINS := $(filter gateway/main.c,$(SRC)) $(foreach f,$(SRC),$(if $(filter wirebook-%,$(notdir $f)),$f))
LIB   := $(filter-out $(MAINS),$(SRC))
TESTS := $(sort $(wildcard tests/unit/test_*.c tests/sim/test_*.c tests/integ/test_*.c))
WBTEST := $(sort $(filter-out $(TESTS),$(wildcard tests/lib/*.c tests/sim/*.c)))
PLANTED := $(shell grep -l 'persist/plant\.h' persist/*.c)
ENGINE := $(sort $(wildcard engine/*.c))
BENCH := $(sort $(wildcard tests/bench/bench_*.c))
FUZZ  := $(sort $(wildcard tests/fuzz/fuzz_*.c))

program    = $(if $(filter gateway/main.c,$1),wirebook,$(basename $(notdir $1)))
bench-name = $(subst _,-,$(basename $(notdir $1)))
PROGRAMS  := $(foreach m,$(MAINS),$(call program,$m))
BENCHES   := $(foreach b,$(BENCH),$(call bench-name,$b))
BINS      := $(addprefix $(BUILD)/bin/,$(PROGRAMS) $(BENCHES))

# One short line a command; the whole of it with VERBOSE=1.
Q      = $(if $(VERBOSE),,@echo "  $1 $@";)
INNER := $(MAKE) --no-print-directory
JOBS  := $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all check-clang setup test tidy format demo run torture sim fuzz bench bench-engine bench-journal bench-session bench-tcp bench-load bench-wire bench-burst bench-cost console deb test-aws clean help programs one bench-export FORCE

# --- what a user calls ------------------------------------------------------------------------------------------------

all: setup ## build the programs into build/bin
	@$(INNER) $(JOBS) programs

setup: ## install packages, reserve huge pages (idempotent; scripts/setup --check only reports)
	@scripts/setup

test: setup ## build what they need, run every test, close with the counts
	@scripts/test

tidy: setup ## check style, sizes, layers, banned calls
	@scripts/tidy

format: setup ## rewrite all C files with clang-format
	@find engine gateway persist tests -name '*.[ch]' -print0 | xargs -0 -r clang-format -i

demo: all ## show the main job on real parts, crash and recovery included
	@scripts/demo

run: all ## run wirebook in the foreground with config/dev.yaml
	@exec $(BUILD)/bin/wirebook config/dev.yaml

torture: setup ## faults on real parts, and the crash tests in full (CASES="NAME..." of scripts/torture list; SEED=n to replay)
	@$(INNER) $(JOBS) build-release
	@$(if $(CASES),:,WB_FULL=1 $(if $(SEED),WB_SEED=$(SEED)) scripts/test --no-build --kind sim,integ --variant release \
	    --match torture,crash); crashes=$$?; scripts/torture $(CASES) $(if $(SEED),--seed $(SEED)) && exit $$crashes

sim: setup ## the simulator at length (SEED=n to replay)
	@$(INNER) $(JOBS) build-release
	@WB_FULL=1 $(if $(SEED),WB_SEED=$(SEED)) scripts/test --no-build --kind sim --variant release --verbose

fuzz: setup ## every fuzzer for 60 seconds (FUZZ_SECONDS=n)
	@$(INNER) $(JOBS) build-fuzz
	@scripts/test --no-build --kind fuzz --fuzz-seconds $(or $(FUZZ_SECONDS),60)

bench-engine: setup ## measure the engine alone (ARGS=...)
	@$(INNER) $(JOBS) $(BUILD)/bin/bench-engine
	@$(BUILD)/bin/bench-engine $(ARGS)

bench-journal: setup ## measure the journal beside a bare io_uring writer, and recovery (ARGS="DIR SECONDS RATE")
	@$(INNER) $(JOBS) $(BUILD)/bin/bench-journal $(BUILD)/bin/bench-recovery
	@$(BUILD)/bin/bench-journal $(ARGS)
	@$(BUILD)/bin/bench-recovery

bench-export: setup ## measure the exports beside bare COPY; what a shard sustains all day (WB_TXS, WB_ROUNDS, WB_DISK_GB)
	@$(INNER) $(JOBS) $(BUILD)/bin/bench-export
	@$(BUILD)/bin/bench-export

bench-session: setup ## a session's part of an Enter Order in ns: decode, risk, encode, beside a bare copy
	@$(INNER) $(JOBS) $(BUILD)/bin/bench-session
	@$(BUILD)/bin/bench-session

bench-tcp: setup ## measure our TCP: segments, lost replies, needless recoveries (ARGS=...)
	@$(INNER) $(JOBS) programs
	@$(BUILD)/bin/bench-tcp $(ARGS)
	@$(BUILD)/bin/bench-tcp-kernel
	@$(BUILD)/bin/bench-tcp-spurious
	@WB_BIN=$(BUILD)/bin scripts/bench-tcp-loss

bench-load: setup ## four clients, 20,000 requests a second, disk, both exports, two cores (ARGS=...)
	@$(INNER) $(JOBS) programs
	@WB_BIN=$(BUILD)/bin scripts/bench-load $(ARGS)

bench: setup ## the whole set of latency measurements into build/bench (ARGS=...; scripts/bench --help)
	@$(INNER) $(JOBS) programs $(BUILD)/bin/bench-engine $(BUILD)/bin/bench-baseline
	@WB_BIN=$(BUILD)/bin scripts/bench $(ARGS)

bench-burst: setup ## a minute of 500,000 orders a second to disk, and of 1,000,000 without (ARGS=...)
	@$(INNER) $(JOBS) programs
	@WB_BIN=$(BUILD)/bin scripts/bench-burst $(ARGS)

bench-cost: setup ## what an order costs as sessions and resting orders grow (ARGS=...)
	@$(INNER) $(JOBS) programs
	@WB_BIN=$(BUILD)/bin scripts/bench-cost $(ARGS)

bench-wire: setup ## the round trip of an order past the kernel and through it (ARGS=...)
	@$(INNER) $(JOBS) programs $(BUILD)/bin/bench-baseline
	@WB_BIN=$(BUILD)/bin scripts/bench-wire $(ARGS)

console: setup ## the web console's page, into build/console
	@scripts/console

deb: setup ## a Debian package of what is built, into build/
	@$(INNER) $(JOBS) programs
	@scripts/deb

test-aws: setup ## check the AWS deployment of config/aws without AWS
	@scripts/test-aws

clean: ## remove build/
	rm -rf $(BUILD)

help: ## list the targets
	@sed -n 's/^\([a-z][a-zV-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

# --- what a developer calls: no setup, fast ---------------------------------------------------------------------------

build-V: ## developer: programs and tests of one variant: release, asan, tsan, clang, fuzz
unit-V:  ## developer: build and run the unit tests of one variant, e.g. unit-asan
one:     ## developer: one test alone, even if other files do not compile: make one T=test_ring [V=asan]

check-clang: ## developer: what clang says of every file; compiles nothing

build-V unit-V:
	@echo "V stands for a variant: $(VARIANTS)"; exit 2

programs: $(BINS)

V ?= release
one: $(foreach k,unit sim integ,$(if $(wildcard tests/$k/$T.c),$(BUILD)/$V/one/$T))
	@test -n "$^" || { echo "no test '$T': make one T=test_name [V=asan]"; exit 2; }
	$(if $(filter tsan,$V),setarch -R) $^

# --- the rules of each variant ----------------------------------------------------------------------------------------

objects = $(patsubst %.c,$(BUILD)/$1/obj/%.o,$2)

$(foreach v,$(VARIANTS),$(call objects,$v,$(wildcard gateway/port*.c))): FLAGS += $(DPDK_CFLAGS)

# The engine's hot path gains 3-5 % by it.
$(call objects,release,$(wildcard engine/*.c)): FLAGS_release := -O3

# Rebuilt when a file comes or goes, not only when one changes.
$(BUILD)/%.list: FORCE
	@mkdir -p $(@D); echo '$(LIB) $(WBTEST)' | cmp -s - $@ || echo '$(LIB) $(WBTEST)' > $@

define VARIANT_RULES
.PHONY: build-$1 programs-$1 unit-$1
build-$1: $(if $(filter fuzz,$1),$(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ)),programs-$1 $(TESTS:%.c=$(BUILD)/$1/%))

programs-$1: $(addprefix $(BUILD)/$1/,$(PROGRAMS)) $(if $(filter release,$1),programs $(BUILD)/$1/tests/torture/wirebook)

unit-$1: $(filter $(BUILD)/$1/tests/unit/%,$(TESTS:%.c=$(BUILD)/$1/%))
	@scripts/test --no-build --kind unit --variant $1

$(BUILD)/$1/obj/%.o: %.c Makefile
	@mkdir -p $$(@D)
	$$(call Q,CC  )$$(CC_$1) $$(FLAGS) $$(FLAGS_$1) $$(PKG_CFLAGS) -MMD -MP -c $$< -o $$@

# Of two functions with one name the linker would take whichever comes first, and say nothing.
$(BUILD)/$1/libwirebook.a: $(call objects,$1,$(LIB)) $(BUILD)/$1/files.list
	@rm -f $$@; ar rcs $$@ $$(filter %.o,$$^)
	@twice=$$$$(nm -g --defined-only $$@ | awk '$$$$2 ~ /[TDBR]/ {print $$$$3}' | sort | uniq -d | grep -v '^__'); \
	    [ -z "$$$$twice" ] || { rm -f $$@; echo "defined twice: $$$$twice" >&2; exit 1; }

$(BUILD)/$1/libwbtest.a: $(call objects,$1,$(WBTEST)) $(BUILD)/$1/files.list
	@rm -f $$@; ar rcs $$@ $$(filter %.o,$$^)

$(BUILD)/$1/tests/%: $(BUILD)/$1/obj/tests/%.o $(BUILD)/$1/libwbtest.a $(BUILD)/$1/libwirebook.a
	@mkdir -p $$(@D)
	$$(call Q,LINK)$$(CC_$1) $$(FLAGS_$1) $$(filter %.o,$$^) $$(filter %.a,$$^) -o $$@ $$(PKG_LIBS) $$(TEST_LIBS)

# The simulator with known faults planted: these files come a second time, before the library's.
$(BUILD)/$1/obj/plant/%.o: %.c Makefile
	@mkdir -p $$(@D)
	$$(call Q,CC  )$$(CC_$1) $$(FLAGS) $$(FLAGS_$1) -DWB_PLANTS $$(PKG_CFLAGS) -MMD -MP -c $$< -o $$@

$(BUILD)/$1/tests/sim/test_sim_plants: $(PLANTED:%.c=$(BUILD)/$1/obj/plant/%.o)

# The venue with named crash points, and the same faults: what tests/torture kills.
$(BUILD)/$1/tests/torture/wirebook: $(call objects,$1,gateway/main.c tests/lib/plant_env.c) \
    $(PLANTED:%.c=$(BUILD)/$1/obj/plant/%.o) $(BUILD)/$1/libwirebook.a
	@mkdir -p $$(@D)
	$$(call Q,LINK)$$(CC_$1) $$(FLAGS_$1) $$^ -o $$@ $$(PKG_LIBS)

# An engine that counts its basic blocks, for test_steps: before the library's, too.
$(BUILD)/$1/obj/steps/%.o: %.c Makefile
	@mkdir -p $$(@D)
	$$(call Q,CC  )$$(CC_$1) $$(FLAGS) $$(FLAGS_$1) -O1 -fsanitize-coverage=trace-pc -MMD -MP -c $$< -o $$@

$(BUILD)/$1/tests/unit/test_steps: $(ENGINE:%.c=$(BUILD)/$1/obj/steps/%.o)

# For `make one`: whatever compiles goes into the archive, and the linker takes what the test needs.
$(BUILD)/$1/one/%: FORCE
	@mkdir -p $$(@D)
	@$(INNER) -sk $(JOBS) $(call objects,$1,$(LIB) $(WBTEST) $(filter %/$T.c,$(TESTS))) > $$@.log 2>&1 || \
	    { grep -m 3 error: $$@.log; echo "some files do not compile, see $$@.log: going on without them"; }
	@rm -f $$@.a; ar rcs $$@.a $$$$(ls $(call objects,$1,$(LIB) $(WBTEST)) 2> /dev/null)
	$$(call Q,LINK)$$(CC_$1) $$(FLAGS_$1) $(call objects,$1,$(filter %/$T.c,$(TESTS))) $$@.a $$@.a -o $$@ $$(PKG_LIBS) $$(TEST_LIBS)
endef

define PROGRAM_RULES # variant, main
$(BUILD)/$1/$(call program,$2): $(call objects,$1,$2) $(BUILD)/$1/libwirebook.a
	$$(call Q,LINK)$$(CC_$1) $$(FLAGS_$1) $$^ -o $$@ $$(PKG_LIBS)
endef

define BENCH_RULES # source
$(BUILD)/bin/$(call bench-name,$1): $(call objects,release,$1) $(BUILD)/release/libwbtest.a $(BUILD)/release/libwirebook.a
	@mkdir -p $$(@D)
	$$(call Q,LINK)$$(CC_release) $$(FLAGS_release) $$^ -o $$@ $$(PKG_LIBS) $$(TEST_LIBS)
endef

# clang as a second reader of all C files: its warnings need no code and no programs.
CHECKED := $(patsubst %.c,$(BUILD)/clang/checked/%.ok,$(SRC) $(WBTEST) $(TESTS) $(BENCH) $(FUZZ))
check-clang: $(CHECKED)
$(filter $(BUILD)/clang/checked/gateway/port%,$(CHECKED)): FLAGS += $(DPDK_CFLAGS)

$(BUILD)/clang/checked/%.ok: %.c Makefile
	@mkdir -p $(@D)
	$(call Q,READ)$(CC_clang) $(FLAGS) $(FLAGS_clang) $(PKG_CFLAGS) -fsyntax-only -MMD -MP -MF $(@:.ok=.d) -MT $@ $< && touch $@

$(foreach v,$(VARIANTS),$(eval $(call VARIANT_RULES,$v)))
$(foreach v,$(VARIANTS),$(foreach m,$(MAINS),$(eval $(call PROGRAM_RULES,$v,$m))))
$(foreach b,$(BENCH),$(eval $(call BENCH_RULES,$b)))

$(addprefix $(BUILD)/bin/,$(PROGRAMS)): $(BUILD)/bin/%: $(BUILD)/release/%
	@mkdir -p $(@D); ln -f $< $@

$(BUILD)/fuzz/fuzz_%: $(BUILD)/fuzz/obj/tests/fuzz/fuzz_%.o $(BUILD)/fuzz/libwbtest.a $(BUILD)/fuzz/libwirebook.a
	$(call Q,LINK)$(CC_fuzz) $(SAN) -fsanitize=fuzzer $^ -o $@ $(PKG_LIBS) $(TEST_LIBS)

-include $(CHECKED:.ok=.d)
-include $(foreach v,$(VARIANTS),$(PLANTED:%.c=$(BUILD)/$v/obj/plant/%.d))
-include $(foreach v,$(VARIANTS),$(ENGINE:%.c=$(BUILD)/$v/obj/steps/%.d))
-include $(foreach v,$(VARIANTS),$(patsubst %.o,%.d,$(call objects,$v,$(SRC) $(WBTEST) $(TESTS) $(BENCH) $(FUZZ))))
