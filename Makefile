# The commands of this project. `make run` and `make test` install what they miss, and say so first.
.PHONY: run test build lint fmt bench clean setup test-rust test-wasm test-readers test-interop mutations fuzz picture

MEDFOLDER := target/release/medfolder

run: build
	$(MEDFOLDER) demo

build: setup
	cargo build --release --locked -p medfolder-cli

# Everything that proves the system: lints, Rust, the browser's side in Node, independent readers.
test: setup lint test-rust test-wasm test-readers

test-rust: setup
	cargo test --workspace --locked

test-wasm: setup
	scripts/test-wasm.sh

test-readers: setup
	scripts/test-readers.sh

# Takes one check after the other out of a copy of the sources: some test must fail each time.
mutations:
	cargo test -p medfolder-tests --test mutations -- --ignored --nocapture

# Random bytes at every decoder, a minute each; see fuzz/README.md.
fuzz:
	scripts/fuzz.sh

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fmt:
	cargo fmt --all

bench: build
	$(MEDFOLDER) bench

setup:
	@scripts/setup.sh

clean:
	cargo clean
	rm -rf tests/interop/node_modules tests/readers/.venv

# What README shows, drawn from what the program prints now.
picture: build
	$(MEDFOLDER) demo --headless --lang en --quiet | scripts/terminal-svg.py "make run" > docs/story.svg
	$(MEDFOLDER) demo --headless --lang zh --quiet | scripts/terminal-svg.py "make run" > docs/story.zh.svg
