#!/usr/bin/env bash
# The SQL files of tests/sql through a running server.
exec node tests/sql/run.mjs
