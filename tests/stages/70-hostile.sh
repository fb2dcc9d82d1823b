#!/usr/bin/env bash
# Hostile clients and mutated SQL with a fixed seed; ./dev torture runs them for long.
exec node tests/fuzz/hostile.mjs --seed 1 --http 160 --frames 160 --json 200 --sql 1200
