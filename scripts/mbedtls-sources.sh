#!/bin/bash
# mbedtls-sources.sh DIRECTORY [--whole]: Mbed TLS 3.6, patched, in DIRECTORY: what the build compiles, or all of it (for its tests).
#
# The tarball is Debian 13's. Which ones are good stands in third-party/mbedtls.sha256; the newest of those that the mirror has is
# taken, by a private apt configuration that changes nothing on this machine, and kept in ${XDG_CACHE_HOME:-~/.cache}/maud.
# MBEDTLS_TARBALL=FILE uses a file instead; MIRROR=URL, SECURITY_MIRROR=URL and KEYRING=FILE say where Debian is elsewhere.
set -euo pipefail
directory=$(realpath -m "$1") part=${2:-}
here=$(cd "$(dirname "$0")/.." && pwd)
sums=$here/third-party/mbedtls.sha256
ours=$here/third-party/mbedtls
cache=${XDG_CACHE_HOME:-$HOME/.cache}/maud
fail() { echo "mbedtls-sources: $1" >&2; exit "${2:-65}"; }

is_known() { grep -q "^$(sha256sum < "$1" | cut -d ' ' -f 1) " "$sums"; }
known_names() { sed -nE 's/^[0-9a-f]{64}  (mbedtls_3\.6\.[0-9]+\.orig\.tar\.[a-z0-9]+)$/\1/p' "$sums" | sort -rV; }

# The newest of the known tarballs in the cache, or nothing.
cached() {
  local name
  for name in $(known_names); do
    if [ -r "$cache/$name" ] && is_known "$cache/$name"; then echo "$cache/$name"; return; fi
  done
}

# A site that apt reads with this label, else one in the sources themselves (a container image without lists).
site() {
  local found
  found=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' "Label: $1" | head -n 1)
  echo "${found:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null \
    | sed -nE 's/^(deb( \[[^]]*\])?|URIs:) +([^ ]+).*/\3/p' | grep -E "$2" | head -n 1)}"
}

# Fetches what the mirror offers into the cache when it is known; says what to do when it is not.
fetch() {
  local keyring=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg} mirror security version name sum offered=
  mirror=${MIRROR:-$(site Debian '/debian/?$')}
  [ -n "$mirror" ] || fail "apt knows no Debian mirror here: set MIRROR=URL, or MBEDTLS_TARBALL=FILE" 78
  security=${SECURITY_MIRROR:-$(site Debian-Security '/debian-security/?$')}
  security=${security:-${mirror%/debian*}/debian-security}
  [ -r "$keyring" ] || fail "$keyring is missing: install debian-archive-keyring or set KEYRING=FILE" 78
  private=$(mktemp -d)
  trap 'rm -rf "$private"' EXIT # of the subshell that this runs in
  mkdir -p "$private"/{lists/partial,cache,etc/apt.conf.d,etc/preferences.d,download} "$cache"
  : > "$private/status"
  printf 'deb-src [signed-by=%s] %s main\n' "$keyring" "$mirror trixie" "$keyring" "$security trixie-security" > "$private/sources.list"
  { apt-config dump | grep -E '^Acquire::https?::' || true
    cat <<CONFIGURATION
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
Dir::State "$private";
Dir::State::lists "$private/lists";
Dir::State::status "$private/status";
Dir::Cache "$private/cache";
Dir::Etc "$private/etc";
Dir::Etc::sourcelist "$private/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
CONFIGURATION
  } > "$private/apt.conf"
  export APT_CONFIG=$private/apt.conf
  for n in 1 2 3 4; do apt-get -qq update && break; [ "$n" = 4 ] || sleep $((n * 10)); done
  # version, sum and name of each source package, newest first
  while read -r version sum name; do
    offered+="${offered:+, }$name ($sum)"
    grep -q "^$sum  $name\$" "$sums" || continue
    (cd "$private/download" && apt-get source -qq --download-only --tar-only "mbedtls=$version") || continue
    is_known "$private/download/$name" || fail "$name from $mirror has another SHA-256 than Debian's index says"
    mv "$private/download/$name" "$cache/$name"
    return
  done < <(apt-cache showsrc mbedtls 2> /dev/null | awk '/^Version:/ { version = $2 } /^[A-Z]/ { sums = /^Checksums-Sha256:/ }
    sums && $3 ~ /^mbedtls_3\.6\.[0-9]+\.orig\.tar\.[a-z0-9]+$/ { print version, $1, $3 }' | sort -rV)
  [ -n "$offered" ] || fail "Debian 13's source index at $mirror could not be read, or has no mbedtls 3.6" 69
  fail "the mirror has moved on: it offers $offered, which third-party/mbedtls.sha256 does not know. Read what changed, add the line \
and run make test-tls; or give a known one: MBEDTLS_TARBALL=FILE (known: $(known_names | tr '\n' ' '))" 69
}

tarball=${MBEDTLS_TARBALL:-}
if [ -n "$tarball" ]; then
  [ -r "$tarball" ] || fail "MBEDTLS_TARBALL=$tarball cannot be read" 66
  is_known "$tarball" || fail "the SHA-256 of $tarball is not in third-party/mbedtls.sha256"
else
  tarball=$(cached)
  # The newest known is there: nothing to ask the mirror for. An older one serves when the mirror cannot be reached.
  if [ "${tarball##*/}" != "$(known_names | head -n 1)" ]; then
    (fetch) || { [ -n "$tarball" ] && echo "mbedtls-sources: going on with ${tarball##*/} from the cache" >&2 || exit 69; }
    tarball=$(cached)
  fi
fi

rm -rf "$directory"
mkdir -p "$directory"
parts=()
[ "$part" = --whole ] || parts=(--wildcards --no-wildcards-match-slash '*/include' '*/library' '*/3rdparty/p256-m' '*/LICENSE')
tar -C "$directory" -x --no-same-owner --strip-components=1 -f "$tarball" "${parts[@]}"
for patch in "$ours"/*.patch; do
  patch -s -p1 -d "$directory" < "$patch" || fail "${patch##*/} does not apply to ${tarball##*/}"
done
cp "$ours/external.h" "$directory/include/mbedtls/"
cp "$ours/pk_ed25519.h" "$ours/psa_x25519.h" "$directory/library/"
if [ "$part" != --whole ]; then
  find "$directory" -type f ! -name '*.[ch]' ! -name LICENSE -delete # SwiftPM would ask what they are
  cp "$ours/mbedtls_config.h" "$directory/include/mbedtls/"
  cp "$ours/crypto_config.h" "$directory/include/psa/"
fi
echo "${tarball##*/}" > "$directory/version"
