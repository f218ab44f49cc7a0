#!/bin/sh
# The Debian packages that the tests' real servers need; root, or sudo, installs them.
set -eu
missing=""
[ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
[ -x /usr/bin/chromium ] || missing="$missing chromium"
[ -x /usr/bin/git ] || missing="$missing git"
# Playwright's node wants it.
ls /usr/lib/*/libatomic.so.1 >/dev/null 2>&1 || missing="$missing libatomic1"
[ -x /usr/bin/strace ] || missing="$missing strace"
[ -x /usr/bin/qemu-system-arm ] || missing="$missing qemu-system-arm"
if [ "$(uname -m)" = x86_64 ]; then
  [ -e /lib/ld-linux.so.2 ] || missing="$missing libc6-i386"
  [ -e /usr/lib32/libgcc_s.so.1 ] || missing="$missing lib32gcc-s1"
fi
[ -x /usr/bin/pebble ] || missing="$missing pebble"
[ -x /usr/sbin/knotd ] || missing="$missing knot"
[ -e /usr/share/doc/python3-certbot-dns-rfc2136 ] ||
  missing="$missing certbot python3-certbot-dns-rfc2136"
ls /usr/share/fonts/truetype/*/*.tt[cf] 2>/dev/null | grep -Eq "wqy|noto.*cjk|droid" || missing="$missing fonts-wqy-zenhei"
command -v npm >/dev/null || missing="$missing nodejs npm"
[ -n "$missing" ] || exit 0
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
echo "installing:$missing"
$sudo apt-get update -qq
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing
