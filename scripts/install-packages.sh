#!/bin/bash
# install-packages.sh SET...: makes sure that the Debian packages of the named sets are installed.
# Asks for root (sudo, else su) only when one is missing; installs nothing else and upgrades nothing.
set -euo pipefail

# "a|b": either will do; what is missing is installed by the first of them that apt knows.
# libncurses6 and libxml2 are what Swift's own tools load.
build=(gcc libc6-dev binutils libncurses6 libxml2 gpg gpg-agent libgpgme-dev libsodium-dev libjansson-dev libnghttp2-dev libsystemd-dev
  patch bzip2 debian-archive-keyring)
run=(curl jq)
boards=(binutils-aarch64-linux-gnu binutils-arm-linux-gnueabihf debian-archive-keyring dpkg-dev)
tests=(g++ openssl python3 python3-venv curl jq gdb strace sq rnp procps e2fsprogs util-linux "qemu-user-static|qemu-user" avahi-daemon avahi-utils dbus-daemon dbus-bin iproute2 qrencode zbar-tools)
bluetooth=(qemu-system-x86 cpio kmod xz-utils util-linux python3 python3-venv debian-archive-keyring)
deb=(dpkg-dev xz-utils python3 groff-base binutils-aarch64-linux-gnu binutils-arm-linux-gnueabihf)
board=(mmdebstrap debian-archive-keyring util-linux iproute2 openssh-client)
emulator=(qemu-system-arm qemu-utils device-tree-compiler cpio kmod xz-utils e2fsprogs util-linux iproute2 curl avahi-daemon dbus-daemon python3 python3-venv debian-archive-keyring)
bench=(openssl python3 curl strace procps nginx-light wrk)

command -v dpkg-query > /dev/null || {
  echo "install-packages: not a Debian system, going on with what is here; see docs/building.md" >&2
  exit 0
}
native=$(dpkg --print-architecture)
# The libraries of another architecture, which a person may have for other work, do not count.
installed() {
  dpkg-query -W -f '${db:Status-Status} ${Architecture}\n' "$1" 2> /dev/null | grep -Eqx "installed (all|$native)"
}

missing=()
for set in "$@"; do
  declare -n packages=$set
  for choice in "${packages[@]}"; do
    found=
    for package in ${choice//|/ }; do if installed "$package"; then found=yes; fi; done
    [ -n "$found" ] || missing+=("$choice")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo > /dev/null && { [ -t 0 ] || sudo -n true 2> /dev/null; }; then sudo "$@"
  elif [ -t 0 ]; then su -c "$(printf '%q ' "$@")" # asks for root's password
  else
    echo "install-packages: these packages are missing, and there is no terminal to ask for root on:" \
      "apt-get install ${missing[*]//|*/}" >&2
    exit 77
  fi
}

# Another program may hold apt's locks, and a mirror may be in the middle of its update: wait and try again.
patiently() {
  local attempt
  for attempt in 1 2 3 4 5 6; do
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -q -y "$@" && return
    [ "$attempt" = 6 ] || { echo "install-packages: apt-get $1 failed, trying again" >&2; sleep $((attempt * 5)); }
  done
  return 1
}

available() { [ -n "$(apt-cache policy "$1" 2> /dev/null | sed -n 's/^ *Candidate: *\([^(]\)/\1/p')" ]; }

echo "Installing what is missing: ${missing[*]//|*/}"
patiently update
wanted=()
for choice in "${missing[@]}"; do
  chosen=${choice%%|*}
  for package in ${choice//|/ }; do if available "$package"; then chosen=$package; break; fi; done
  wanted+=("$chosen")
done
patiently install --no-install-recommends "${wanted[@]}"
