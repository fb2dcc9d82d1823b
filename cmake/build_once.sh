#!/bin/sh
# build_once.sh OUTPUT COMMAND …: runs COMMAND … -o <temporary> and renames it to OUTPUT, unless OUTPUT is there already.
set -e
output=$1
shift
[ ! -f "$output" ] || exit 0
"$@" -o "$output.$$"
mv "$output.$$" "$output"
