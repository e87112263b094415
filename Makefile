# SPDX-License-Identifier: GPL-2.0-or-later
# The front door. Everything real is in meson.build and scripts/.
.PHONY: all demo test test-vm test-systemd bench bench-inline fuzz lint install clean
BUILD ?= build/release
# A compiler newer than ours may know new warnings; they stop `make test` and `make lint`, not a person who builds.
MAKE_RELEASE = scripts/build $(BUILD) -Dwerror=false -Dwhole=true

all: bootstrap
	@$(MAKE_RELEASE)

.PHONY: bootstrap
bootstrap:
	@scripts/bootstrap build

# Client, gateway and server in namespaces; BREAK=queue takes the IPS out and must fail.
demo:
	@scripts/bootstrap demo
	@$(MAKE_RELEASE)
	@$(BUILD)/sluice lab demo $(if $(BREAK),--break $(BREAK))

test:
	@scripts/bootstrap test
	@scripts/test

# `sluice ruleset trace` against the kernel's own trace: 200 random rulesets, 50 packets each (RULESETS, PACKETS, SEED)
.PHONY: test-ruleset-long
test-ruleset-long:
	@scripts/bootstrap test
	@$(MAKE_RELEASE)
	@python3 tests/ruleset/oracle.py $(BUILD)/sluice --rulesets $(or $(RULESETS),200) --packets $(or $(PACKETS),50) --seed $(or $(SEED),1)

# Debian's own kernel under qemu: what this machine's kernel may lack (nft's own queue, conntrack marks in verdicts)
# TESTS="families nat connections pairs" SECONDS_MOST=1800 for others than tests/vm/tests names
test-vm:
	@scripts/bootstrap vm
	@$(MAKE_RELEASE)
	@tests/vm/run $(BUILD) $(TESTS)

# The units in a booted systemd: a container of systemd-nspawn, as root
test-systemd:
	@scripts/bootstrap systemd
	@$(MAKE_RELEASE)
	@tests/systemd/run $(BUILD)

bench:
	@scripts/bootstrap bench
	@$(MAKE_RELEASE)
	@scripts/bench $(BUILD)

# The live path alone: ROUNDS, PAIRS (of round trips)
bench-inline:
	@scripts/bootstrap bench
	@$(MAKE_RELEASE)
	@scripts/bench $(BUILD) inline

# SECONDS_EACH=600 for a long run; TARGETS="decode http" for some of them
fuzz:
	@scripts/bootstrap fuzz
	@scripts/fuzz

lint:
	@scripts/bootstrap lint
	@scripts/lint

install: bootstrap
	@$(MAKE_RELEASE)
	@meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf build
