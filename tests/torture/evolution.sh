#!/usr/bin/env bash
# The whole matrix of schema evolution and its traps, once.
node tests/evolution/matrix.mjs && node tests/evolution/traps.mjs
