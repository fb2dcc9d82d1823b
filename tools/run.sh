#!/usr/bin/env bash
# Serves on 127.0.0.1:8080 with the data in ./data; called by `./dev run` after the build. Arguments go to `kalamdb serve`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p data
password_file=data/root-password
if [ ! -s "$password_file" ]; then
  (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$password_file")
fi
KALAMDB_ROOT_PASSWORD=$(cat "$password_file")
export KALAMDB_ROOT_PASSWORD
cat <<TXT

  KalamDB on http://127.0.0.1:8080     user root, password $KALAMDB_ROOT_PASSWORD   (kept in $password_file)

  In another terminal:
    export KALAMDB_PASSWORD=\$(cat $password_file)
    build/release/bin/kalam --user root -c 'SELECT 42'
    curl -s -u root:\$KALAMDB_PASSWORD http://127.0.0.1:8080/v1/api/sql -H 'Content-Type: application/json' \\
         -d '{"sql": "SELECT NOW() AS now"}'
    curl -s http://127.0.0.1:8080/metrics | head

  Ctrl-C stops; the data stays in ./data.

TXT
exec build/release/bin/kalamdb serve --data-dir data/db --listen 127.0.0.1:8080 "$@"
