# Two commands do everything: `make demo` and `make test`. Both set up what they need first.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTEST := python -m pytest -q
RUNS ?= runs
FUZZ_S ?= 60
BENCH_OUT ?= /tmp

.PHONY: help setup build demo test check format unit gate pages gate-worse gate-baseline instructions-baseline system stop-times bench-instructions bench-stl bench-steps bench-world-model bench-mppi bench-trees bench-plan bench-bags bench-hand-over bench-sim seeded-bugs faults fuzz fuzz-minute golden golden-bags clean

help: ## What there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## ROS 2 (a sourced one, else pinned wheels in .ros/) and the messages
	@scripts/setup

build: setup ## All programs, release
	@. .ros/env.sh && cargo build --release --locked -p outrider_ros -p outrider_cli

demo: build ## Drive through the warehouse over real DDS; bag and report in runs/latest
	@. .ros/env.sh && target/release/demo --runs $(RUNS) $(DEMO_ARGS)

test: setup ## Everything that must be green before a change lands
	@scripts/test

check: setup ## Format, lints and licences only
	@scripts/test check

format: ## Formats the Rust code
	@scripts/format

unit: setup ## Tests of the Rust code and of the scripts
	@scripts/test unit

gate: setup ## The critical scenarios, and whether what they show may ship
	@scripts/test gate

pages: setup ## The report's pages in a headless Chromium, at the width of a phone and of a desk; pictures in runs/pages
	@scripts/test pages

gate-worse: build ## Candidates that are worse on purpose: the gate has to stop each for the right reason
	@. .ros/env.sh && python tests/gate/worse.py

instructions-baseline: setup ## Takes the instruction counts of now as what later changes are held against
	@. .ros/env.sh && cargo bench --locked --workspace --bench instructions -- --write

gate-baseline: build ## Takes what the critical scenarios show now as what later changes are held against
	@target/release/outrider evaluate tests/scenarios/critical.yaml --seeds 1 --prune --out $(RUNS)/gate-baseline && \
		mkdir -p tests/gate/baseline && cp $(RUNS)/gate-baseline/{suite.json,results.jsonl,timings.jsonl} tests/gate/baseline

system: setup ## Real processes over real DDS, launch files, and checks against other programs
	@scripts/test system

stop-times: build ## Measured: from a killed or frozen node to the first slower command and to standstill
	@. .ros/env.sh && python tests/system/measure_stop.py --repetitions 5 --out $(RUNS)

bench-stl: setup ## Measured: one update of a temporal-logic monitor, against r2u2_core and RTAMT
	@. .ros/env.sh && OUTRIDER_ORACLE_PYTHON=$$(python tests/oracle/environment.py) cargo bench --locked -p outrider_stl --bench monitors

bench-instructions: setup ## Counted: instructions of what the latency rests on, against tests/gate/instructions.yaml (needs valgrind)
	@scripts/test instructions

bench-steps: setup ## Measured: a step of assurance and of the gate
	@. .ros/env.sh && cargo bench --locked -p outrider_suite --bench steps

bench-world-model: setup ## Measured: the world model, part by part, beside what it may cost
	@. .ros/env.sh && cargo bench --locked -p outrider_suite --bench world_model

bench-mppi: setup ## Measured: a decision of the sampling controller with fresh noise, part by part
	@. .ros/env.sh && cargo bench --locked -p outrider_planner --bench mppi

bench-trees: setup ## Measured: a tick of behaviour trees, against bonsai-bt and PyPI's py_trees (in .oracle/py_trees)
	@. .ros/env.sh && venv=$(CURDIR)/.oracle/py_trees && { [ -x $$venv/bin/python ] || python -m venv $$venv; } && \
		$$venv/bin/pip install -q py_trees==2.6.0 && OUTRIDER_PY_TREES_PYTHON=$$venv/bin/python cargo bench --locked -p outrider_bt --bench ticks

bench-plan: setup ## Measured: paths over 62 m of 1000 x 1000 grids, CPU time, against the pathfinding crate and PyPI's ompl (in .oracle/ompl)
	@. .ros/env.sh && venv=$(CURDIR)/.oracle/ompl && { [ -x $$venv/bin/python ] || python -m venv $$venv; } && \
		$$venv/bin/pip install -q ompl==2.0.1 && OUTRIDER_OMPL_PYTHON=$$venv/bin/python cargo bench --locked -p outrider_planner --bench plan

bench-bags: setup ## Measured: messages of 1 KB through the bag writer and through PyPI's mcap and rosbags, in turn; to BENCH_OUT
	@. .ros/env.sh && python bags/benches/peers.py --out $(BENCH_OUT)

bench-hand-over: setup ## Measured: how long a message's hand-over to the recorder's pipeline takes, at rates and flat out; to BENCH_OUT
	@. .ros/env.sh && cargo bench --locked -p outrider_bags --bench throughput -- --out $(BENCH_OUT) && \
		{ cargo bench --locked -p outrider_bags --bench throughput -- --out $(BENCH_OUT) --fifo || echo "SCHED_FIFO: not here"; }

bench-sim: setup ## Measured: rays a second of the simulated lidar, and how fast the simulator runs by itself
	@. .ros/env.sh && cargo bench --locked -p outrider_sim --bench rays

seeded-bugs: setup ## Seeds bugs into the gate, one at a time; exit code 1 if its tests miss one
	@. .ros/env.sh && python tests/seeded_bugs/run.py

faults: build ## Every fault, many times, in the simulator and over real processes; table in runs/faults, fails when a row misses
	@. .ros/env.sh && mkdir -p $(RUNS)/faults && rm -f $(RUNS)/faults/*.csv && \
		cargo build --release --locked -p outrider_evaluation --bin faults && \
		cargo build --release --locked -p outrider_ros --example flood && \
		{ target/release/faults --out $(RUNS)/faults >/dev/null; \
		[ ! -e tests/faults/live/run.py ] || python tests/faults/live/run.py --out $(RUNS)/faults; \
		target/release/faults merge $(RUNS)/faults; }

fuzz: ## Fuzzes monitors, trees and their scripts, bag reader and CDR decoder, FUZZ_S seconds each (needs cargo-fuzz)
	@for target in nodes/stl/fuzz:parser nodes/stl/fuzz:engine nodes/bt/fuzz:tree nodes/bt/fuzz:script bags/fuzz:reader bags/fuzz:cdr; do \
		cd $(CURDIR)/$${target%:*} && name=$${target#*:} && mkdir -p corpus/$$name && RUSTC_BOOTSTRAP=1 cargo fuzz run -s none \
		$$name corpus/$$name seeds/$$name -- -timeout=10 -max_total_time=$(FUZZ_S) || exit 1; done

fuzz-minute: setup ## Bag reader and CDR decoder for a minute, with the compiler in use alone
	@scripts/test fuzz

golden: setup ## Writes msgs/golden/messages.jsonl anew with rclpy
	@. .ros/env.sh && python msgs/golden/make.py

golden-bags: build ## Writes the golden bags in bags/golden anew
	@. .ros/env.sh && scratch=$$(mktemp -d) && target/release/outrider sim tests/scenarios/warehouse_crossing.yaml --bag $$scratch/bag \
		&& python bags/golden/make.py $$scratch/bag target/release/outrider; status=$$?; rm -rf "$$scratch"; exit $$status

clean: ## Removes what was built; the ROS environment and what was recorded and evaluated (runs/) stay
	rm -rf target
