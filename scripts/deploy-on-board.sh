#!/bin/sh
# deploy-on-board.sh PACKAGE.deb: the part of `make deploy` that runs on the board, as root. Installs the package, waits until the node is healthy, and
# says who it is; when it does not become healthy, installs again the package that was deployed before.
set -eu
package=$1
kept=/var/lib/maud-deploy # current.deb: what was deployed last and became healthy
patience=$PATIENCE proof=$PROOF # seconds: until it must be healthy, and how long it must stay so
say() { echo "deploy: $*"; }

install() {
  # What the administrator changed in /etc stays.
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o APT::Sandbox::User=root install --reinstall "$@" > "$log" 2>&1 || { cat "$log" >&2; return 1; }
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
mkdir -p -m 0700 "$kept"
say "installing $version${former:+ over $former}"
if install "$package" && healthy; then
  cp "$package" "$kept/new.deb"
  sync "$kept/new.deb"
  mv "$kept/new.deb" "$kept/current.deb"
  report
  exit 0
fi
say "$version does not become healthy; its log:" >&2
journalctl --unit maud.service --no-pager --output cat --lines 20 >&2 || true
if [ -n "$former" ] && [ -e "$kept/current.deb" ] && [ "$(dpkg-deb --field "$kept/current.deb" Version)" = "$former" ]; then
  say "going back to $former" >&2
  if install --allow-downgrades "$kept/current.deb" && healthy; then
    report
    exit 75
  fi
  say "$former does not become healthy either" >&2
elif [ -n "$former" ]; then
  say "$former was not installed by make deploy, so its package is not here: install it again by hand" >&2
fi
exit 70
