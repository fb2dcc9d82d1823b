#!/usr/bin/env bash
# Brings a fresh Debian 12 to where KalamDB builds: Debian packages, DuckDB and the data set into .deps, the test clients.
#
# Usage: tools/setup/setup.sh [list …]    a list is tools/setup/debian-packages-<list>.txt: check, sanitizers, bench
# Asks nothing. Does nothing, and uses no network, if all is there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# --- Debian packages -------------------------------------------------------------------------------------------------

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# The packages of the lists in $@ that are not installed.
missing_packages() {
  local list package
  for list in "$@"; do
    while read -r package; do
      case $package in '' | \#*) continue ;; esac
      [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s\n' "$package"
    done <"$list"
  done
}

# True if there is a Node of at least version 18 with npm, wherever it came from.
have_node() {
  command -v npm >/dev/null 2>&1 && node -e 'process.exit(+process.versions.node.split(".")[0] >= 18 ? 0 : 1)' 2>/dev/null
}

install_packages() {
  local missing
  command -v dpkg-query >/dev/null 2>&1 || die "this is not Debian; KalamDB is built on Debian 12"
  missing=$(missing_packages "$@")
  have_node || missing="$missing nodejs npm"
  missing=$(printf '%s' "$missing" | tr '\n' ' ')
  [ -n "${missing// /}" ] || return 0
  if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
    die "these Debian packages are missing and neither root nor password-less sudo is here to install them:
  apt-get install $missing"
  fi
  say "installing with apt-get: $missing"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q -o Acquire::Retries=3 >&2
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o Acquire::Retries=3 $missing >&2
}

# --- npm packages: a C++ library, its headers and a data set, by exact version ---------------------------------------

# fetch NAME VERSION FILE: FILE into $download, checked against npm.sha512.
fetch() {
  local attempt
  for attempt in 1 2 3; do
    say "npm pack $1@$2"
    if npm pack "$1@$2" --loglevel=error --pack-destination "$download" >/dev/null; then break; fi
    [ "$attempt" != 3 ] || die "npm could not fetch $1@$2"
    sleep "$attempt"
  done
  (cd "$download" && grep -F "  $3" "$OLDPWD/tools/setup/npm.sha512" | sha512sum --check --quiet --strict) ||
    die "$3 is not the file that tools/setup/npm.sha512 names"
}

unpack_dependencies() {
  local stamp download new
  # The number counts changes of what is unpacked and where.
  stamp="1 $(sha512sum <tools/setup/npm.sha512 | cut -c1-32)"
  [ "$(cat .deps/.stamp 2>/dev/null)" != "$stamp" ] || return 0
  [ "$(uname -m)" = x86_64 ] || die "only x86_64 is supported: the prebuilt DuckDB library was measured there"
  download=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$download'" EXIT
  fetch duckdb 1.4.4 duckdb-1.4.4.tgz
  fetch @duckdb/node-bindings-linux-x64 1.4.4-r.4 duckdb-node-bindings-linux-x64-1.4.4-r.4.tgz
  fetch vega-datasets 3.2.1 vega-datasets-3.2.1.tgz

  say "unpacking into .deps"
  new=.deps/new
  rm -rf "$new"
  mkdir -p "$new/lib" "$new/data" "$new/licenses" "$new/unpacked"
  local source=package/src/duckdb
  tar xzf "$download/duckdb-1.4.4.tgz" -C "$new/unpacked" --no-same-owner package/LICENSE $source/src/include \
    $source/extension/parquet/include $source/third_party/parquet $source/third_party/thrift $source/third_party/fastpforlib
  find "$new/unpacked" -name '*.cpp' -delete
  mv "$new/unpacked/$source" "$new/duckdb"
  mv "$new/unpacked/package/LICENSE" "$new/licenses/duckdb-headers.LICENSE"
  tar xzf "$download/duckdb-node-bindings-linux-x64-1.4.4-r.4.tgz" -C "$new/unpacked" --no-same-owner package/libduckdb.so package/LICENSE
  mv "$new/unpacked/package/libduckdb.so" "$new/lib/"
  mv "$new/unpacked/package/LICENSE" "$new/licenses/duckdb-library.LICENSE"
  tar xzf "$download/vega-datasets-3.2.1.tgz" -C "$new/unpacked" --no-same-owner package/data/flights-3m.parquet
  mv "$new/unpacked/package/data/flights-3m.parquet" "$new/data/"
  rm -rf "$new/unpacked"
  rm -rf .deps/duckdb .deps/lib .deps/data .deps/licenses
  mv "$new"/* .deps/
  rmdir "$new"
  printf '%s\n' "$stamp" >.deps/.stamp
}

# The clients of tests, exactly as locked, without running anything of theirs.
install_test_clients() {
  local stamp
  stamp=$(sha512sum <tests/package-lock.json | cut -c1-32)
  [ "$(cat tests/node_modules/.stamp 2>/dev/null)" != "$stamp" ] || return 0
  say "npm ci in tests"
  (cd tests && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || die "npm ci in tests failed"
  printf '%s\n' "$stamp" >tests/node_modules/.stamp
}

main() {
  local lists=(tools/setup/debian-packages.txt) list
  for list in "$@"; do lists+=("tools/setup/debian-packages-$list.txt"); done
  mkdir -p .deps/
  exec 9>.deps/.lock
  flock 9
  install_packages "${lists[@]}"
  unpack_dependencies
  install_test_clients
}

main "$@"
