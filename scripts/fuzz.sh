#!/usr/bin/env bash
# Fuzzes the decoders that are named, or all of them, on the stable toolchain: SECONDS_EACH each
# (60 without it). See fuzz/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

all=(record carried ledger share fhir gateway keys search)
targets=("${@:-${all[@]}}")
host=$(rustc -vV | sed -n 's/^host: //p')
# What `cargo fuzz run -s none` sets: edge coverage and comparisons, no sanitizer.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing"

cargo test -q -p medfolder-cli --test hostile -- --ignored write_the_corpus
cp Cargo.lock fuzz/Cargo.lock
target=${FUZZ_TARGET_DIR:-$PWD/fuzz/target}
RUSTFLAGS=$(tr '\n' ' ' <<<"$coverage") CARGO_TARGET_DIR=$target cargo build --release \
  --manifest-path fuzz/Cargo.toml --target "$host" --bins
for name in "${targets[@]}"; do
  echo "== $name"
  mkdir -p "fuzz/artifacts/$name"
  "$target/$host/release/$name" "fuzz/corpus/$name" -artifact_prefix="fuzz/artifacts/$name/" \
    -max_total_time="${SECONDS_EACH:-60}" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
done
