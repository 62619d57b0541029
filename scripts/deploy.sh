#!/bin/bash
# deploy.sh USER@HOST PACKAGE.deb: installs it there over ssh, by deploy-on-board.sh. USER is root or may use sudo. SSH=... instead of "ssh".
# PATIENCE=seconds until the node must be healthy (90), PROOF=seconds that it must stay so (10).
set -euo pipefail
cd "$(dirname "$0")/.."
host=$1 package=$2
read -r -a ssh <<< "${SSH:-ssh}"
fail() { echo "deploy: $1" >&2; exit "$2"; }
[ -f "$package" ] || fail "$package is missing: make deb BOARD=..." 66
there=$("${ssh[@]}" "$host" dpkg --print-architecture) || fail "$host cannot be asked by ssh, or has no dpkg" 69
here=$(dpkg-deb --field "$package" Architecture)
[ "$there" = "$here" ] || fail "$host is a system for $there, and ${package##*/} for $here: another BOARD?" 65
directory=$("${ssh[@]}" "$host" mktemp -d)
case $directory in /*) ;; *) fail "$host has no directory for temporary files" 69 ;; esac
trap '"${ssh[@]}" "$host" rm -rf "$directory"' EXIT
tar -C "$(dirname "$package")" -c "${package##*/}" -C "$PWD/scripts" deploy-on-board.sh | "${ssh[@]}" "$host" tar -C "$directory" -x --no-same-owner
# A terminal, when there is one here: sudo may want a password.
terminal=(); [ ! -t 0 ] || terminal=(-t)
"${ssh[@]}" "${terminal[@]}" "$host" "if [ \$(id -u) = 0 ]; then as=; else as=sudo; fi; \$as env PATIENCE=${PATIENCE:-90} PROOF=${PROOF:-10} sh $directory/deploy-on-board.sh $directory/${package##*/}"
