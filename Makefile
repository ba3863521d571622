# SPDX-License-Identifier: Apache-2.0
# The commands of this project. CMake builds; this says what to build and run for which purpose.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
PYTHON := /usr/bin/python3
# What a guest and its host need, as CMake targets.
PROGRAMS := marrow marrowd marrow-store marrow-agent marrow-carve load-crash-kernel spin-all-cpus

# $(call build,PRESET,TARGETS)
build = { [[ -f build/$(1)/build.ninja ]] || cmake --preset $(1) >build/configure-$(1).log || \
  { cat build/configure-$(1).log; exit 1; }; } && \
  cmake --build build/$(1) -j$(JOBS) --target $(2)

.PHONY: help
help: ## Show this list
	@echo "Marrow keeps the part of a crashed virtual machine that matters. Targets:"
	@sed --quiet 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand --tabs=14
	@echo "Variables: JOBS, FUZZ_SECONDS, MARROW_CACHE (test kernels), MARROW_DEMO_DIR (kept files)"

.PHONY: demo
demo: bootstrap kernel ## Crash a real guest and look at its dump in three debuggers
	@$(call build,dev,$(PROGRAMS))
	@MARROW_BUILD=$(CURDIR)/build/dev $(PYTHON) -B tests/e2e/demo.py

.PHONY: test
test: bootstrap kernel ## Run every test: unit, integration, end to end, and the race test
	@$(call build,tsan,window_race_test)
	@ctest --test-dir build/tsan --quiet --no-tests=error --output-log build/tsan/race.log \
	  -R '^window_race_test$$' || { cat build/tsan/race.log; exit 1; }
	@echo "window_race_test: no race found by ThreadSanitizer"
	@$(call build,dev,all)
	@ctest --test-dir build/dev -j$(JOBS) --no-tests=error --output-on-failure

.PHONY: test-session
test-session: bootstrap kernel ## Compare debuggers' sessions on Marrow's dumps and on full ones
	@$(call build,dev,$(PROGRAMS))
	@MARROW_BUILD=$(CURDIR)/build/dev $(PYTHON) -B tests/session/session.py \
	  --docs docs/debugger-support.md --output build/session

.PHONY: bench
bench: bootstrap kernel ## Measure captures and cores beside QEMU's dumps and makedumpfile
	@$(call build,release,$(PROGRAMS) walk-bench)
	@build/release/bin/walk-bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
	@for bench in capture size; do \
	  MARROW_BUILD=$(CURDIR)/build/release $(PYTHON) -B tests/bench/$${bench}_bench.py; \
	done

.PHONY: fuzz
fuzz: bootstrap ## Run every fuzz target for FUZZ_SECONDS; what they find goes to build/fuzz/found
	@$(call build,fuzz,fuzz_targets)
	@for target in build/fuzz/fuzz/*_fuzz; do \
	  name=$$(basename "$$target"); \
	  found=build/fuzz/found/$$name; \
	  mkdir --parents "$$found"; \
	  echo "$$name: $(FUZZ_SECONDS) s"; \
	  "$$target" -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -print_funcs=0 -verbosity=0 \
	    -artifact_prefix="$$found-" "$$found" "build/fuzz/fuzz/corpus/$$name"; \
	done

.PHONY: lint
lint: bootstrap ## Check format, static analysis and shell scripts
	@git ls-files -z '*.cc' '*.cpp' '*.h' '*.c' | xargs --null clang-format --dry-run -Werror
	@git grep --files-with-matches --extended-regexp '^#!/bin/(ba|busybox )?sh' -- \
	  ':!*.md' ':!Makefile' | xargs shellcheck --exclude=SC1091
	@$(call build,dev,all)
	@run-clang-tidy -p build/dev -quiet -j$(JOBS) "^$(CURDIR)/(guest|vmm_backend|server|tests)/" \
	  >build/clang-tidy.log 2>&1 || { grep 'error:' build/clang-tidy.log; exit 1; }
	@echo "lint: clean"

.PHONY: bootstrap
bootstrap: ## Install the Debian packages that are missing (as root)
	@deploy/bootstrap
	@mkdir -p build

.PHONY: kernel
kernel: bootstrap ## Bring the test guests' kernel into the cache
	@deploy/fetch-kernel >/dev/null
