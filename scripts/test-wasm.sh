#!/usr/bin/env bash
# Builds the browser's module and its JavaScript, and opens the pinned vectors with it in Node.
set -euo pipefail
cd "$(dirname "$0")/.."
target="${CARGO_TARGET_DIR:-target}"
out="$target/wasm-node"
cargo build --locked -p medfolder-wasm --lib --target wasm32-unknown-unknown
cargo run --locked -q -p medfolder-wasm --features glue --bin medfolder-wasm-glue -- \
  "$target/wasm32-unknown-unknown/debug/medfolder_wasm.wasm" "$out" node
MEDFOLDER_WASM="$out" node --test crates/wasm/tests/node/
