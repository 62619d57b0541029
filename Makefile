# maud: `make help` lists the targets.
SHELL := /bin/bash
SWIFT ?= swift
BOARD ?= linux-host
BOARDS := $(sort $(patsubst boards/%/board.mk,%,$(wildcard boards/*/board.mk)))
ifeq ($(filter $(BOARD),$(BOARDS)),)
$(error There is no board "$(BOARD)"; the boards are: $(BOARDS))
endif
# Sets MACHINE (boards of one machine share a build directory), TRIPLE, TOOLSET, OBJCOPY, DEBIAN_ARCHITECTURE.
include boards/$(BOARD)/board.mk

BUILD := .build/embedded-$(MACHINE)
# No clock is earlier than this: the day of the commit, so that a rebuild of it is the same octets.
BUILD_TIME := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2> /dev/null))
BUILD_DAY := $(if $(BUILD_TIME),-Xcc -DMAUD_BUILD_TIME=$(shell echo $$(($(BUILD_TIME) / 86400 * 86400)))LL)
# What a board's Debian gives; besides headers and static libraries, what qemu-user needs to run the result.
SYSROOT_SUITE := trixie
SYSROOT_PACKAGES := libc6-dev libgcc-14-dev linux-libc-dev libgpgme-dev libsystemd-dev
# Linked statically: compiled anew, for size.
SYSROOT_LIBRARIES := libsodium-dev libjansson-dev libnghttp2-dev
# Mbed TLS, patched: SwiftPM compiles it like a target of ours (docs/building.md).
MBEDTLS := third-party/mbedtls-source/.complete
SYSROOT := $(if $(DEBIAN_ARCHITECTURE),.sysroot/$(DEBIAN_ARCHITECTURE)/.complete)
PYTEST := .venv/bin/python -m pytest -p no:cacheprovider
# Octets; aarch64 only (docs/building.md).
SIZE_LIMIT := 921600

firmware: packages-build $(if $(SYSROOT),packages-boards) $(SYSROOT) $(MBEDTLS) ## Build out/$(BOARD)/maud with Embedded Swift (BOARD=linux-host unless given)
	$(SWIFT) build -c release --product maud --disable-local-rpath $(if $(TRIPLE),--triple $(TRIPLE)) --toolset $(TOOLSET) \
	  --scratch-path $(BUILD) $(BUILD_DAY) -Xlinker -Map=$(BUILD)/maud.map -Xlinker --build-id=none
	@mkdir -p out/$(BOARD)
	@$(OBJCOPY) --only-keep-debug $(BUILD)/release/maud out/$(BOARD)/maud.debug
	@# No build ID and no debug link, which are sums over maud.debug: the names of this directory are in there, and what is installed does not depend on it.
	@$(OBJCOPY) --strip-all --remove-section=.comment $(BUILD)/release/maud out/$(BOARD)/maud
	@scripts/check-binary.sh out/$(BOARD)/maud
	@echo "out/$(BOARD)/maud: $$(stat -c %s out/$(BOARD)/maud) octets"

mau: packages-build $(MBEDTLS) ## Build out/mau, the companion for a PC (regular Swift, its own runtime inside)
	MAUD_COMPANION=1 $(SWIFT) build -c release --product mau --static-swift-stdlib --disable-local-rpath $(BUILD_DAY)
	@mkdir -p out
	@strip --strip-all --remove-section=.comment -o out/mau "$$(MAUD_COMPANION=1 $(SWIFT) build -c release --show-bin-path)/mau"
	@echo "out/mau: $$(stat -c %s out/mau) octets"

deb: packages-build packages-deb ## Build a Debian package of maud for BOARD, of a PC mau's too (the same octets each time)
	@$(MAKE) --no-print-directory firmware
	@SOURCE_DATE_EPOCH=$(BUILD_TIME) scripts/make-deb.sh maud $(BOARD) "$(DEBIAN_ARCHITECTURE)" out/$(BOARD)/maud
ifeq ($(DEBIAN_ARCHITECTURE),)
	@$(MAKE) --no-print-directory mau
	@SOURCE_DATE_EPOCH=$(BUILD_TIME) scripts/make-deb.sh mau "" out/mau
endif

deploy: ## Install maud on a board by ssh, wait until it is healthy, else take the former one back (BOARD=... HOST=user@host)
	@[ -n "$(HOST)" ] || { echo "make deploy: HOST=user@host is missing" >&2; exit 64; }
	@$(MAKE) --no-print-directory deb
	@scripts/deploy.sh "$(HOST)" out/$(BOARD)/maud_*.deb

run: packages-build packages-run ## Start a node on this machine and say what to try next
	@$(MAKE) --no-print-directory firmware BOARD=linux-host
	@scripts/run.sh

# What `make test` builds, and whether this machine can emulate others.
TESTED_BOARDS := linux-host raspberry-pi-zero-2-w raspberry-pi-2
EMULATES_RADIO = [ "$$(uname -m)" = x86_64 ] && scripts/install-packages.sh bluetooth && command -v qemu-system-x86_64 > /dev/null
EMULATES_BOARD = scripts/install-packages.sh emulator && command -v qemu-system-aarch64 > /dev/null

test: packages-build packages-boards packages-deb packages-board packages-tests $(MBEDTLS) ## Run every test: vocabulary, both builds, all boards, end to end
	@$(MAKE) --no-print-directory test-vocabulary
	@# Linking a board and running the unit tests keep one processor busy each.
	@$(MAKE) --no-print-directory -j2 --output-sync=line regular-swift embedded-swift
	@# `make test-package` is longer.
	$(PYTEST) -q -rs Tests/Package -m "not long"
	@$(MAKE) --no-print-directory test-end-to-end
	@if $(EMULATES_RADIO); then $(MAKE) --no-print-directory test-bluetooth; else \
	  printf '\n######## SKIPPED: Bluetooth was NOT tested, there is no qemu-system-x86_64 here (docs/building.md, Tests without a radio) ########\n\n' >&2; fi
	@if $(EMULATES_BOARD); then $(MAKE) --no-print-directory test-board TESTS='-m "not long"'; else \
	  printf '\n######## SKIPPED: nothing was tested on an emulated board, there is no qemu-system-aarch64 here (docs/building.md, Tests on an emulated board) ########\n\n' >&2; fi

# The two halves of what `make test` builds; each has its own .build/ directories.
regular-swift:
	@$(MAKE) --no-print-directory test-units
	@$(MAKE) --no-print-directory mau

embedded-swift:
	@for board in $(TESTED_BOARDS); do $(MAKE) --no-print-directory firmware BOARD=$$board || exit; done
	@if $(EMULATES_RADIO); then $(MAKE) --no-print-directory $(GUESTS); fi
	@if $(EMULATES_BOARD); then $(MAKE) --no-print-directory $(BOARD_IMAGE); fi

test-vocabulary: .venv/.complete ## Check the vocabulary and its documents, offline
	$(PYTEST) -q Tests/Vocabulary

check-embedded: ## Build the daemon for this machine as Embedded Swift, all the way to the link
	@$(MAKE) --no-print-directory firmware BOARD=linux-host

test-units: packages-build $(MBEDTLS) ## Build regular Swift and run every layer's own tests
	@# The node's own log lines would hide the test runner's.
	set -o pipefail; MAUD_COMPANION=1 $(SWIFT) test --no-parallel --quiet --disable-xctest 2>&1 | { grep -v '^event=' || true; }

mbedtls: packages-build $(MBEDTLS) ## Unpack Mbed TLS for `swift build` (MBEDTLS_TARBALL=FILE: not from Debian's mirror)

test-tls: packages-build $(MBEDTLS) ## Run Mbed TLS's own suites for pk, x509 and ssl against the patched tree
	@scripts/test-mbedtls.sh

# So many files of tests at a time, those first that take longest: most wait for a clock, or for the other side, most of the time.
SIDE_BY_SIDE = -q --dist loadfile --no-loadscope-reorder -n

test-end-to-end: .venv/.complete ## Test the real binary with the real gpg and curl (TESTS="-k word" picks)
ifdef TESTS
	$(PYTEST) -q Tests/EndToEnd $(TESTS)
else
	$(PYTEST) $(SIDE_BY_SIDE) 3 $(addprefix Tests/EndToEnd/test_,sync.py mau_bluetooth.py kill.py story.py discovery.py) Tests/EndToEnd
endif

test-package: packages-build packages-deb packages-board packages-tests .venv/.complete ## Test the packages of what was built, on a Debian 13 with systemd in namespaces (root; TESTS="-k word" picks)
	$(PYTEST) -q -rs Tests/Package $(TESTS)

# The stock kernel and the initial RAM disks of the guests, from Debian packages.
GUESTS := $(addprefix .build/bluetooth/,trixie.cpio bookworm.cpio)

test-bluetooth: packages-build packages-bluetooth .venv/.bluetooth $(GUESTS) ## Test Bluetooth with the real bluetoothd and kernel in QEMU, without a radio (TESTS="-k word" picks)
	@$(MAKE) --no-print-directory check-embedded
	@$(MAKE) --no-print-directory mau
ifdef TESTS
	$(PYTEST) -q Tests/Bluetooth $(TESTS)
else
	@# Three guests at a time; these are the files that take longest. What fails is tried once more, and told as RERUN (docs/building.md).
	$(PYTEST) $(SIDE_BY_SIDE) 3 -r R --reruns 1 -m "not measurement" $(addprefix Tests/Bluetooth/test_,old_bluez.py mau.py hostile.py recovery.py many.py) Tests/Bluetooth
	@# What is measured has the machine to itself, and shows its numbers.
	$(PYTEST) -q -s -r R --reruns 1 -m measurement Tests/Bluetooth
endif

# An arm64 Debian for the emulator, from packages.
BOARD_IMAGE := .build/board/.complete
# What all of them take; `make test` takes those that are not long.
BOARD_TESTS := --cuts=200

test-board: packages-build packages-boards packages-deb packages-emulator .venv/.complete $(BOARD_IMAGE) ## Test on an emulated board: its own systemd, power cuts, full and failing cards, clocks (TESTS="-k word" picks; "-m 'not long'": the short form)
	@$(MAKE) --no-print-directory deb BOARD=raspberry-pi-zero-2-w
	@$(MAKE) --no-print-directory firmware BOARD=linux-host
	@$(MAKE) --no-print-directory mau
	$(PYTEST) -q Tests/Board $(or $(TESTS),$(BOARD_TESTS))

fuzz: packages-build $(MBEDTLS) ## Search for input that a parser does not survive (FUZZ_SECONDS=30 each, TARGETS="RequestFuzz ..." picks)
	SWIFT=$(SWIFT) scripts/fuzz.sh $(or $(FUZZ_SECONDS),30) $(TARGETS)

boards: ## Build for every board
	@for board in $(BOARDS); do $(MAKE) --no-print-directory firmware BOARD=$$board || exit; done

size: ## Say what takes the room in the binary (BOARD=raspberry-pi-zero-2-w unless given); fails when it is too large
ifeq ($(origin BOARD),file)
	@$(MAKE) --no-print-directory size BOARD=raspberry-pi-zero-2-w
else
	@$(MAKE) --no-print-directory firmware
	@scripts/size.py out/$(BOARD)/maud $(BUILD)/maud.map $(if $(filter aarch64%,$(MACHINE)),$(SIZE_LIMIT),0)
endif

bench: packages-build packages-bench packages-boards .venv/.complete $(if $(filter bluetooth,$(MEASURE)),packages-bluetooth .venv/.bluetooth $(GUESTS)) ## Measure; prints JSON lines (MEASURE="idle start ..." picks)
	@$(MAKE) --no-print-directory firmware BOARD=linux-host >&2
	@$(MAKE) --no-print-directory firmware BOARD=raspberry-pi-zero-2-w >&2
	@.venv/bin/python Tests/Bench/bench.py $(MEASURE)

soak: packages-build packages-boards .venv/.complete ## A day of a node in under an hour: memory, descriptors, timers (HOURS=2 for a shorter one)
	@$(MAKE) --no-print-directory firmware BOARD=linux-host >&2
	@.venv/bin/python Tests/Soak/soak.py $(HOURS)

clean: ## Remove everything that was built (not ./run, where `make run` keeps its node)
	rm -rf .build third-party/mbedtls-source .sysroot .venv out

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | while IFS="$$(printf '\t')" read -r name text; do \
	  printf '  %-17s %s\n' "$$name" "$$text"; done
	@echo "Boards: $(BOARDS)"

packages-%:
	@scripts/install-packages.sh $*

$(MBEDTLS): scripts/mbedtls-sources.sh third-party/mbedtls.sha256 $(wildcard third-party/mbedtls/*)
	@scripts/mbedtls-sources.sh third-party/mbedtls-source
	@touch $@

.sysroot/%/.complete: scripts/make-sysroot.sh scripts/make-libraries.sh third-party/nghttp2/huffman.c
	scripts/make-sysroot.sh $* $(SYSROOT_SUITE) .sysroot/$* $(SYSROOT_PACKAGES) -- $(SYSROOT_LIBRARIES)
	SWIFT=$(SWIFT) scripts/make-libraries.sh $* .sysroot/$*
	@touch $@

$(BOARD_IMAGE): scripts/make-board-image.sh scripts/guest-parts.sh scripts/private-apt.sh $(shell find Tests/Board/guest -type f) | packages-emulator
	scripts/make-board-image.sh .build/board
	@touch $@

# The same Python that Debian's python3-venv belongs to.
.venv/.complete: Tests/requirements.txt | packages-tests
	rm -rf .venv
	/usr/bin/python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Bumble, and what it needs.
.venv/.bluetooth: Tests/Bluetooth/requirements.txt .venv/.complete
	.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.build/bluetooth/kernel/.complete: scripts/make-guest.sh scripts/guest-parts.sh scripts/private-apt.sh | packages-bluetooth
	@mkdir -p .build/bluetooth
	scripts/make-guest.sh kernel .build/bluetooth/kernel
	@touch $@

.build/bluetooth/%.cpio: .build/bluetooth/kernel/.complete $(wildcard Tests/Bluetooth/guest/[ci]*)
	scripts/make-guest.sh $* .build/bluetooth/$* .build/bluetooth/kernel

.DEFAULT_GOAL := firmware
.PHONY: firmware mau deb deploy run test regular-swift embedded-swift test-vocabulary check-embedded test-units mbedtls test-tls test-end-to-end test-bluetooth test-package test-board fuzz boards size bench soak clean help
