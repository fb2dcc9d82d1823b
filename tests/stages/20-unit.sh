#!/usr/bin/env bash
# All unit tests of the preset, two programs at a time.
exec python3 tests/stages/unit_tests.py "build/$KALAM_PRESET/bin"
