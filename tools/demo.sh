#!/usr/bin/env bash
# The demo: builds the splitter of the data set and plays all scenes on a temporary directory; called by `./dev demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x build/release/bin/split-parquet ] || ninja -C build/release split-parquet >&2
KALAM_PRESET=release exec node tools/demo/demo.mjs "$@"
