#!/bin/sh
# deploy-on-board.sh PACKAGE.deb: the part of `make deploy` that runs on the board, as root. Installs the package, waits until the node is healthy, and
# says who it is; when it does not become healthy, installs again what was installed before, from a package that is made of it.
set -eu
umask 022
package=$1
kept=/var/lib/maud-deploy # former.deb: what was installed before the last deployment
patience=$PATIENCE proof=$PROOF # seconds: until it must be healthy, and how long it must stay so
say() { echo "deploy: $*"; }

install() {
  # What the administrator changed in /etc stays.
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o APT::Sandbox::User=root install --reinstall "$@" > "$log" 2>&1 || { cat "$log" >&2; return 1; }
}

# former.deb, made of the installed files: so it does not matter who installed them, and how. A configuration file that the administrator has changed is
# not in it, so that dpkg goes on knowing what it was; the others are, as that version has them.
keep_former() {
  rm -rf "$kept" && mkdir -p "$kept/former/DEBIAN" || return 1
  configuration=$(dpkg-query --show --showformat '${Conffiles}\n' maud | awk 'NF == 2 { print $2 "  " $1 }' | md5sum --check 2> /dev/null | sed -n 's/: OK$//p')
  dpkg-query --listfiles maud | while IFS= read -r file; do
    if [ -d "$file" ]; then mkdir -p "$kept/former$file" || exit 1; fi
    case $file in /etc/*) printf '%s\n' "$configuration" | grep -Fqx "$file" || continue ;; esac
    if [ -f "$file" ]; then cp --archive --parents "$file" "$kept/former" || exit 1; fi
  done || return 1
  for part in $(dpkg-query --control-list maud); do cp "$(dpkg-query --control-path maud "$part")" "$kept/former/DEBIAN/" || return 1; done
  printf '%s' "${configuration:+$configuration
}" > "$kept/former/DEBIAN/conffiles"
  dpkg-query --status maud | awk '/^[^ ]/ { other = /^(Status|Conffiles):/ } !other' > "$kept/former/DEBIAN/control"
  dpkg-deb --root-owner-group -Zgzip -z1 --build "$kept/former" "$kept/former.deb" > "$log" 2>&1 && rm -r "$kept/former" && sync "$kept/former.deb"
}

process() { systemctl show --property MainPID --value maud.service; }
answers() { maud status --state /var/lib/maud/state > "$log.status" 2> /dev/null && [ "$(systemctl is-active maud.service)" = active ]; }

# One process that answers, and goes on doing so.
healthy() {
  end=$(($(date +%s) + patience))
  until answers; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 1
  done
  first=$(process)
  end=$(($(date +%s) + proof))
  while [ "$(date +%s)" -lt "$end" ]; do
    sleep 1
    answers && [ "$(process)" = "$first" ] || return 1
  done
}

member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$log.status"; }
report() {
  say "$(dpkg-query --show --showformat '${Version}' maud) is installed, and healthy"
  echo "fingerprint $(member fingerprint)"
  # It has none when it has an owner; nor had versions that could not be claimed.
  if uri=$(maudctl claim-code 2> /dev/null); then echo "claim-code $uri"; fi
}

log=$(mktemp)
trap 'rm -f "$log" "$log.status"' EXIT
version=$(dpkg-deb --field "$package" Version)
former=$(dpkg-query --show --showformat '${db:Status-Status} ${Version}' maud 2> /dev/null | sed -n 's/^installed //p')
if [ -n "$former" ] && dpkg --compare-versions "$version" lt "$former"; then
  say "$version is older than $former, which is installed: what a newer version wrote an older one may not understand. Not installed." >&2
  exit 65
fi
if [ -n "$former" ]; then keep_former || { cat "$log" >&2; say "the way back, a package of $former in $kept, cannot be made. Nothing was installed." >&2; exit 73; }; fi
say "installing $version${former:+ over $former}"
if install "$package" && healthy; then
  report
  exit 0
fi
say "$version does not become healthy; its log:" >&2
journalctl --unit maud.service --no-pager --output cat --lines 20 >&2 || true
[ -n "$former" ] || exit 70
say "going back to $former" >&2
if install --allow-downgrades "$kept/former.deb" && healthy; then
  report
  exit 75
fi
say "$former does not become healthy either" >&2
exit 70
