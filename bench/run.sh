#!/usr/bin/env bash
# Runs the benchmarks: bench/run.sh [B0 B1 B2 B4 B5 B11] [--rounds N] [--seconds N] [--no-peers] [--many-files] [--no-instructions]. Needs the release build.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 -B bench/run.py "$@"
