#!/bin/sh
# Lay a bare Debian of a suite (bookworm, trixie), with nothing but its Python, venv and
# make, and run what stands after the suite there on a copy of this checkout; `make demo`
# where nothing does. Needs root or sudo. The ways to the package registries (pip, npm,
# apt, certificates) are those of this machine, read now and written nowhere else.
set -eu
suite=$1
shift
[ $# -gt 0 ] || set -- make demo
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
if ! command -v mmdebstrap >/dev/null; then
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
    mmdebstrap debian-archive-keyring
fi
root=$(mktemp -d)
end() {
  for each in proc dev/shm dev/pts; do
    if mountpoint -q "$root/$each"; then $sudo umount "$root/$each"; fi
  done
  $sudo rm -rf --one-file-system "$root"
}
trap end EXIT
trap 'exit 1' INT TERM
mirror=$(sed -n 's/^URIs: *//p; s/^deb  *\(\[[^]]*\]  *\)\{0,1\}\([a-z]*:[^ ]*\).*/\2/p' \
  /etc/apt/sources.list /etc/apt/sources.list.d/debian.* 2>/dev/null | head -n 1)
aptopts=""
for each in /etc/apt/apt.conf.d/*; do
  if grep -q "Acquire::" "$each"; then aptopts="$aptopts --aptopt=$each"; fi
done
# shellcheck disable=SC2086 # options of one word each
$sudo mmdebstrap --quiet --variant=minbase $aptopts \
  --include=python3,python3-venv,make,ca-certificates \
  "$suite" "$root" ${mirror:+"$mirror"}
copy() {
  for each in "$@"; do
    [ -e "$each" ] || continue
    $sudo mkdir -p "$root$(dirname "$each")"
    $sudo cp -rL "$each" "$root$(dirname "$each")"
  done
}
copy /etc/resolv.conf /etc/pip.conf /etc/xdg/pip /etc/npmrc /usr/local/share/ca-certificates
copy /etc/ssl/certs/ca-certificates.crt
$sudo mkdir -p "$root/root/.config"
if [ -e "$HOME/.config/pip" ]; then $sudo cp -rL "$HOME/.config/pip" "$root/root/.config"; fi
if [ -e "$HOME/.npmrc" ]; then $sudo cp "$HOME/.npmrc" "$root/root"; fi
$sudo mkdir -p "$root/lodge"
git ls-files -z --cached --others --exclude-standard |
  tar -c --null --files-from=- | $sudo tar -x -C "$root/lodge" --no-same-owner
$sudo mount -t proc proc "$root/proc"
$sudo mount -t tmpfs tmpfs "$root/dev/shm"
$sudo mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
$sudo ln -sf pts/ptmx "$root/dev/ptmx"
told=$(env | sed -n 's/^\(\(PIP_\|NPM_CONFIG_\|npm_config_\|NODE_\|SSL_\|[A-Za-z]*_[Pp][Rr][Oo][Xx][Yy]=\)[^ ]*\)$/\1/p')
started=$(date +%s)
# shellcheck disable=SC2086 # settings of one word each
$sudo env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin $told \
  chroot "$root" sh -c 'cd /lodge && exec "$@"' fresh "$@"
echo "fresh: $suite: $*: $(($(date +%s) - started)) s"
