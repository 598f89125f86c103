# multihomed: `make demo` shows the main job, `make test` runs every suite. Both do all set-up themselves.

SHELL := /bin/sh
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.PHONY: demo test test-upgrade test-hostile build lint format bench drill-apps drill-double drill-machine drill-flapping soak replay test-model fuzz fuzz-keep asan install clean setup-build setup-demo setup-test setup-bench setup-apps setup-fuzz compile

# A user's PATH often lacks the directories of ip, nft and arping.
export PATH := $(PATH):/usr/sbin:/sbin

PREFIX ?= /usr/local
DESTDIR ?=

bin := node_modules/.bin
step := deploy/step.sh
sandbox := node dist/deploy/lab/sandbox.js

# NAN addons are built for one ABI, so another Node.js must find them stale.
abi := $(shell node -p process.versions.modules 2>/dev/null)
headers := $(shell deploy/node-headers.sh 2>/dev/null)
gyp := node node_modules/node-gyp/bin/node-gyp.js rebuild $(if $(headers),--nodedir=$(headers)) --directory

packages := node_modules/.installed
package_addons := node_modules/.addons-$(abi)
addon := native-bindings/build/.built
program := dist/.built
build_info := dist/build.json

sources := $(shell find agent native-bindings deploy test -name '*.ts' -not -path '*/build/*' 2>/dev/null)
addon_sources := native-bindings/binding.gyp $(wildcard native-bindings/src/*)
fuzzers := dist/fuzz/.built
fuzzer_sources := $(wildcard test/fuzz/guided/*.sh test/fuzz/guided/*.cc test/fuzz/guided/native/*)

demo: setup-demo
	@$(MAKE) --no-print-directory compile
	@$(sandbox) node dist/deploy/lab/demo.js

test: setup-test
	@$(MAKE) --no-print-directory compile
	@$(MAKE) --no-print-directory $(fuzzers)
	@node dist/test/run.js

# OLD: the commit from which, and back to which, the hosts of a lab are taken, such as OLD=HEAD~20.
test-upgrade: setup-test
	@$(MAKE) --no-print-directory compile
	@old=$$(deploy/build-version.sh '$(OLD)') && $(sandbox) env MULTIHOMED_OLD="$$old" \
	  node node_modules/jest/bin/jest.js --selectProjects lab --runInBand --testPathPatterns promise-4-upgrade

# What a hostile wire costs, a line for each attack. LAB_FAILOVERS: failovers beside each flood, and as many without.
test-hostile: setup-test
	@$(MAKE) --no-print-directory compile
	@LAB_REPORT=1 LAB_FAILOVERS=$(or $(LAB_FAILOVERS),10) $(sandbox) node node_modules/jest/bin/jest.js \
	  --selectProjects lab --runInBand --testPathPatterns hostile-

build: setup-build
	@$(MAKE) --no-print-directory compile

setup-build setup-demo setup-test setup-bench setup-apps setup-fuzz: setup-%:
	@deploy/setup.sh $*

# Everything below `compile` needs what setup.sh installs, so it is only reached by a make that starts after it.
compile: $(packages) $(package_addons) $(addon) $(program)
	@deploy/build-info.sh $(build_info)

$(packages): package-lock.json
	@$(step) 'installing npm packages' deploy/npm-ci.sh
	@touch $@

$(package_addons): $(packages)
	@$(step) 'building cap (libpcap)' $(gyp) node_modules/cap
	@$(step) 'building raw-socket' $(gyp) node_modules/raw-socket
	@rm -f node_modules/.addons-*
	@touch $@

$(addon): $(addon_sources) $(packages)
	@$(step) 'building the addon' $(gyp) native-bindings
	@touch $@

$(fuzzers): $(fuzzer_sources) $(addon_sources)
	@$(step) 'building the fuzzers' test/fuzz/guided/build.sh
	@touch $@

$(program): $(sources) tsconfig.json $(packages)
	@$(step) 'compiling the TypeScript' $(bin)/tsc -p .
	@chmod +x dist/agent/main.js dist/agent/cli/multihomectl.js
	@touch $@

lint: setup-build
	@$(MAKE) --no-print-directory --silent $(packages)
	$(bin)/biome ci --error-on-warnings .
	$(bin)/tsc --noEmit -p .

format: setup-build
	@$(MAKE) --no-print-directory --silent $(packages)
	$(bin)/biome check --write .

# ARGS: options of the benchmark, such as ARGS='--drills 5 --only start'.
bench: setup-bench
	@$(MAKE) --no-print-directory compile
	@$(sandbox) node dist/test/bench/bench.js $(ARGS)

# ARGS: options of the drills, such as ARGS='--drills 10 --only erlang,redis'.
drill-apps: setup-apps
	@$(MAKE) --no-print-directory compile
	@$(sandbox) node dist/test/bench/apps/run.js $(ARGS)

# ARGS: options of the drills, such as ARGS='--shapes 3x2 --beacons --sample 20'.
drill-double: setup-demo
	@$(MAKE) --no-print-directory compile
	@$(sandbox) node dist/test/drills/double/run.js $(ARGS)

# ARGS: options of the drills, such as ARGS='--seconds 30 --only loss'.
drill-flapping: setup-demo
	@$(MAKE) --no-print-directory compile
	@$(sandbox) node dist/test/drills/flapping/run.js $(ARGS)

# What changes on a machine under the agent, and what each change costs, as a table.
drill-machine: setup-test
	@$(MAKE) --no-print-directory compile
	@rm -f dist/machine.md
	@MACHINE_SUSPEND=60 MACHINE_QUARREL=60 MACHINE_REPORT=$(CURDIR)/dist/machine.md $(sandbox) \
	  node node_modules/jest/bin/jest.js --selectProjects lab --runInBand --testPathPatterns '/machine-'; \
	  status=$$?; cat dist/machine.md; exit $$status

# Random schedules of faults in simulated clusters, until the first of these: SECONDS, FAULTS, simulated HOURS. JOBS workers, from seed SEED on.
soak: setup-build
	@$(MAKE) --no-print-directory compile
	@node dist/test/sim/soak.js --seconds '$(SECONDS)' --faults '$(FAULTS)' --hours '$(HOURS)' --jobs '$(JOBS)' --seed '$(SEED)'

# The model of the simulation against the kernel: SEEDS schedules in the lab, whose tables must be the model's at each quiet point.
test-model: setup-test
	@$(MAKE) --no-print-directory compile
	@MODEL_SEEDS=$(or $(SEEDS),20) $(sandbox) node node_modules/jest/bin/jest.js --selectProjects lab --runInBand \
	  --testPathPatterns model-agrees

# SEED: of a schedule that broke a rule; ONLY: numbers of its faults, without the others; EVENTS=1 prints what the agents tell.
replay: setup-build
	@$(MAKE) --no-print-directory compile
	@node dist/test/sim/replay.js --seed '$(SEED)' --only '$(ONLY)' $(if $(EVENTS),--events)

# SECONDS: for each target of libFuzzer, and for the properties of each file. What reached something new is in dist/fuzz/corpus.
fuzz: setup-fuzz
	@$(MAKE) --no-print-directory compile
	@$(MAKE) --no-print-directory $(fuzzers)
	@FUZZ_SECONDS=$(or $(SECONDS),60) $(bin)/jest --selectProjects fuzz

# Adds to test/fuzz/corpus what `make fuzz` found, where it reaches something that nothing there does.
fuzz-keep:
	@test/fuzz/guided/keep.sh

asan: setup-demo
	@$(MAKE) --no-print-directory compile
	@test/native/asan.sh

install:
	@deploy/install.sh '$(PREFIX)' '$(DESTDIR)'

clean:
	rm -rf dist native-bindings/build coverage
