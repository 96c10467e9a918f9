#!/usr/bin/env bash
# The independent Python reader, written from docs/formats alone, opens the pinned vectors.
set -euo pipefail
cd "$(dirname "$0")/.."
tests/readers/.venv/bin/python tests/readers/python/read.py tests/vectors
