#!/bin/bash
# make-sysroot.sh ARCHITECTURE SUITE DIRECTORY PACKAGE... -- PACKAGE...
# Fetches the headers and libraries of another Debian architecture into DIRECTORY, with a private apt configuration:
# no root, no chroot, no foreign architecture on this machine (which can make apt remove the host's own packages).
# Of the packages behind -- also the source that they were built from, with Debian's patches: DIRECTORY/usr/src/<source package>.
# The mirror is the one this machine's apt uses; elsewhere set MIRROR=URL and KEYRING=FILE.
set -euo pipefail
architecture=$1 suite=$2 directory=$(realpath -m "$3"); shift 3
packages=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do packages+=("$1"); shift; done
[ $# -eq 0 ] || shift # what is left: packages with their source
keyring=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
private=$directory.apt

# Known to apt when its lists are there; else (a container image without lists) read from the sources themselves.
mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)}
mirror=${mirror:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
  | sed -nE 's/^(deb( \[[^]]*\])?|URIs:) +([^ ]+).*/\3/p' | grep -E '/debian/?$|debian\.list$' | head -n 1)}
[ -n "$mirror" ] || { echo "make-sysroot: apt knows no Debian mirror here: set MIRROR=URL" >&2; exit 78; }
[ -r "$keyring" ] || { echo "make-sysroot: $keyring is missing: install debian-archive-keyring or set KEYRING=FILE" >&2; exit 78; }

rm -rf "$directory"
mkdir -p "$private"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,etc/trusted.gpg.d} "$directory"
: > "$private/status"
echo "deb [arch=$architecture signed-by=$keyring] $mirror $suite main" > "$private/sources.list"
echo "deb-src [signed-by=$keyring] $mirror $suite main" >> "$private/sources.list"
{
  apt-config dump | grep -E '^Acquire::https?::' || true # a proxy that this machine's apt goes through
  cat <<CONFIGURATION
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
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
Dir::Etc::Trusted "-";
Dir::Etc::netrc "/etc/apt/auth.conf";
Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
CONFIGURATION
} > "$private/apt.conf"
export APT_CONFIG=$private/apt.conf

# A mirror that is being updated answers with a hash mismatch: wait and ask again.
try() { local n; for n in 1 2 3 4; do "$@" && return; [ "$n" = 4 ] || sleep $((n * 10)); done; return 1; }
try apt-get -qq update
try apt-get -qq -y --download-only install "${packages[@]}" "$@" > /dev/null

mkdir -p "$directory"/usr/{lib,lib64,bin}
ln -sfn usr/lib "$directory/lib" # as base-files does, which is not unpacked
for package in "$private"/cache/archives/*.deb; do
  case ${package##*/} in lib*|linux-libc-dev_*|gcc-*-base_*) ;; *) continue ;; esac
  dpkg-deb --fsys-tarfile "$package" | tar -C "$directory" -x --keep-directory-symlink \
    --exclude='./usr/share/*' --exclude='./usr/bin/*' --exclude='./usr/sbin/*' --exclude='./bin/*' --exclude='./sbin/*' \
    --exclude='./var/*' --exclude='./etc/*' --exclude='./usr/libexec/*' --exclude='*.gir'
done
find "$directory" -type l -lname '/*' | while read -r link; do # links of the target's root, not of this machine's
  ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$directory$(readlink "$link")")" "$link"
done

mkdir -p "$directory/usr/src"
for package in "$@"; do
  read -r name version < <(dpkg-deb --show --showformat '${source:Package} ${source:Version}\n' "$private/cache/archives/${package}"_*.deb)
  (cd "$private" && try apt-get -qq source "$name=$version" > /dev/null)
  mv "$private/$name"-*/ "$directory/usr/src/$name"
done
rm -rf "$private"
