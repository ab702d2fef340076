# SPDX-License-Identifier: Apache-2.0
#
# Short names for what Meson and tools/ do. `make check` is the whole proof and installs what it needs.

.PHONY: all check bench fresh clean

all:
	@./impasto --version

check:
	@tools/check

# Times the painting network of Johnson et al. and a training step on this machine.
bench:
	@./impasto bench
	@./impasto bench --train style --runs 5

# Both commands of the README on a bare Debian 12 (needs root and mmdebstrap).
fresh:
	@tools/fresh-machine.sh

clean:
	rm -rf build build-gcc build-asan build-clang
