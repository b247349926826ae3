# SPDX-License-Identifier: GPL-2.0-or-later
#
# A thin front for Meson: `make run` and `make check` do all their own set-up.

.PHONY: run check docs build clean setup qemu

# The COLO failovers and the smoke set of pre-copy, on a QEMU that can do COLO.
run: qemu
	build/migration-test --progress -p /migration/colo -p /migration/precopy

# All tests: the suite on the newest QEMU, its smoke set on every other one at hand and on every pair of them, and the suite's
# own tests.
check: qemu
	meson test -C build --print-errorlogs

# One family of cases, set up like `make check`: check-colo, check-precopy.
families = $(shell build/migration-test -l | sed -E 's,^/(migration/)?([^/]*).*,\2,' | sort -u)
check-%: build
	$(if $(filter $*,$(families)),,$(error there is no family '$*' to check; there are: $(families)))
	@$(MAKE) --no-print-directory qemu
	meson test -C build --print-errorlogs $*

# What the cases are, from the registry.
docs: build
	build/migration-test -l --markdown >docs/cases.md.new
	mv docs/cases.md.new docs/cases.md

build: setup
	@[ -f build/build.ninja ] || meson setup build
	@ninja -C build --quiet

# A QEMU named by the user is the one that is tested.
qemu: build
	@[ -n "$$QTEST_QEMU_BINARY$$QTEST_QEMU_BINARY_SRC$$QTEST_QEMU_BINARY_DST" ] || scripts/get-colo-qemu

setup:
	@scripts/setup

clean:
	rm -rf build
