#!/usr/bin/env bash
# The SQL files of tests/sql through a running server.
if [ ! -x tests/sql/run.sh ]; then echo "RESULT 0 0"; exit; fi
exec tests/sql/run.sh
