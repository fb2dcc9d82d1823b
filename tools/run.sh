#!/usr/bin/env bash
# Serves on 127.0.0.1:8080 with the data in ./data; called by `./dev run` after the build. Arguments go to `kalamdb serve`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
password_file=data/root-password
log=data/kalamdb.log
mkdir -p data/copy

if [ ! -s "$password_file" ]; then
  (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$password_file")
fi
password=$(cat "$password_file")

: >"$log"
KALAMDB_ROOT_PASSWORD=$password build/release/bin/kalamdb serve --data-dir data/db --listen 127.0.0.1:8080 \
  --storage.copy_directories "$PWD/data/copy" "$@" >>"$log" 2>&1 &
server=$!
stopping=
trap 'stopping=yes; kill -TERM "$server" 2>/dev/null || true' INT TERM

url=
until [ -n "$url" ] && curl -sf -o /dev/null "$url/readyz"; do
  if ! kill -0 "$server" 2>/dev/null; then
    cat "$log" >&2
    exit 1
  fi
  url=$(sed -nE 's/.*[^0-9](127\.0\.0\.1:[0-9]+).*/http:\/\/\1/p' "$log" | head -n 1)
  sleep 0.05
done

if [ ! -e data/flights-loaded ]; then
  echo "  First start: three million flights go into demo.flights."
  [ -x build/release/bin/split-parquet ] || ninja -C build/release split-parquet >&2
  if node tools/demo/load.mjs "$url" "$password_file" "$PWD/data/copy"; then touch data/flights-loaded; fi
fi

[ -n "$stopping" ] || cat <<TXT

  KalamDB serves on $url
  user root, password $password   (kept in $password_file; the log is $log)

  In another terminal:
    export KALAM_PASSWORD=\$(cat $password_file)
    build/release/bin/kalam --user root -c 'SELECT origin, count(*) AS flights FROM demo.flights GROUP BY origin ORDER BY flights DESC LIMIT 5'
    curl -s -u root:\$KALAM_PASSWORD $url/v1/api/sql -H 'Content-Type: application/json' \\
         -d '{"sql": "SELECT origin, destination, delay FROM demo.flights ORDER BY delay DESC LIMIT 3"}'
    curl -s $url/metrics | grep kalamdb_rows_read_total

  Ctrl-C stops; the data stays in ./data.

TXT

# A signal ends `wait` before the server has drained.
while kill -0 "$server" 2>/dev/null; do wait "$server" && status=0 || status=$?; done
exit "${status:-0}"
