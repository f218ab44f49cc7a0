#!/bin/sh
# The Debian packages that the tests' real servers need; root, or sudo, installs them.
set -eu
missing=""
[ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
[ -x /usr/bin/chromium ] || missing="$missing chromium"
[ -x /usr/bin/strace ] || missing="$missing strace"
command -v npm >/dev/null || missing="$missing nodejs npm"
[ -n "$missing" ] || exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
echo "installing:$missing"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing
