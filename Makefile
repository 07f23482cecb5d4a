# Telecine: `make` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run demo check test bench soak ffmpeg tools deny

# Each program with the Debian package that brings it. apt is asked only for what is missing.
RUN_PROGRAMS  := ffmpeg:ffmpeg
TEST_PROGRAMS := ffmpeg:ffmpeg chromium:chromium chromedriver:chromium-driver nginx:nginx node:nodejs npm:npm
SOAK_PROGRAMS := mpv:mpv
BENCH_PROGRAMS := ffmpeg:ffmpeg nginx:nginx

# $(call need,<program:package …>): installs what is missing, or says the one line that does.
# nginx lies in /usr/sbin, which is not on everybody's PATH.
define need
missing=""; export PATH="$$PATH:/usr/sbin"; \
for pair in $(1); do command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; done; \
$(install)
endef

# Installs the packages that the shell's $$missing names, or says the one line that does.
define install
if [ -n "$$missing" ]; then \
  install="apt-get install --yes --no-install-recommends$$missing"; export DEBIAN_FRONTEND=noninteractive; \
  if ! command -v apt-get >/dev/null; then echo "please install:$$missing" >&2; exit 1; \
  elif [ "$$(id -u)" = 0 ]; then apt-get update -qq; $$install; \
  elif sudo -n true 2>/dev/null; then sudo -n apt-get update -qq; sudo -n $$install; \
  else echo "please run: sudo $$install" >&2; exit 1; fi; \
fi
endef

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: ffmpeg ## build and start the server on http://127.0.0.1:5050
	cargo run --release -- serve

demo: ffmpeg ## try it with eight simulated bots: no account needed, on http://127.0.0.1:5050
	@tests/demo.sh

check: deny ## format, lints, docs, licences: all that needs no test run
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	cargo deny --log-level warn check bans licenses sources

# Many tests wait for something to happen: one more than there are cores.
test: tools check ## check, and every test; installs what the tests need
	cargo nextest run --workspace --locked --test-threads $$(( $$(nproc) + 1 ))

bench: ## measure every goal that one machine can show, and write docs/benchmarks.md: half an hour
	@$(call need,$(BENCH_PROGRAMS))
	cargo bench --locked

soak: tools target/players/all ## the long tests: a hundred kills, everything at once for 20 minutes, a long film, five players
	@$(call need,$(SOAK_PROGRAMS))
	TELECINE_SOAK_SEEDS=100 TELECINE_SOAK_MINUTES=$${TELECINE_SOAK_MINUTES:-20} TELECINE_PLAY_MINUTES=10 \
	  TELECINE_PLAYERS="ffmpeg hls.js shaka video.js mpv" cargo nextest run --locked --profile soak \
	  -E 'test(killed::) + test(warm::) + test(soak::) + test(ahead::playing) + test(ten_gigabytes) + test(players::)'

ffmpeg:
	@$(call need,$(RUN_PROGRAMS))

tools: target/python/made target/players/made
	@$(call need,$(TEST_PROGRAMS))
	@command -v cargo-nextest >/dev/null || cargo install --locked cargo-nextest

deny:
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny

# Clients of other makes, for the tests of the Telegram simulator and of uploads. python3 may be there without venv.
target/python/made: tests/telegram-sim/requirements.txt tests/tus/requirements.txt
	@missing=""; python3 -c 'import ensurepip, venv' 2>/dev/null || missing=" python3-venv"; $(install)
	@python3 -m venv --clear target/python
	@target/python/bin/pip install --quiet --disable-pip-version-check $(addprefix --requirement ,$^)
	@touch $@

# A strict parser of playlists and a sender of uploads for the tests, and players of other makes for the long ones.
target/players/made: tests/players/package.json tests/players/package-lock.json tests/players/.npmrc
	@$(call need,node:nodejs npm:npm)
	@mkdir -p target/players
	@cp $^ target/players
	@cd target/players && npm ci --silent --ignore-scripts --omit=dev
	@touch $@

target/players/all: target/players/made
	@cd target/players && npm ci --silent --ignore-scripts
	@touch $@
