#!/bin/bash
# make-sysroot.sh ARCHITECTURE SUITE DIRECTORY PACKAGE... -- PACKAGE...
# Fetches the headers and libraries of another Debian architecture into DIRECTORY, with a private apt configuration (private-apt.sh).
# DIRECTORY/var/lib/dpkg says which package each library is of and since which version it has which symbol (dpkg-shlibdeps, make-deb.sh).
# Of the packages behind -- also the source that they were built from, with Debian's patches: DIRECTORY/usr/src/<source package>.
set -euo pipefail
. "$(dirname "$0")/private-apt.sh"
architecture=$1 suite=$2 directory=$(realpath -m "$3"); shift 3
packages=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do packages+=("$1"); shift; done
[ $# -eq 0 ] || shift # what is left: packages with their source
private=$directory.apt

rm -rf "$directory"
mkdir -p "$directory"
private_apt "$architecture" "$suite" "$private"
try apt-get -qq -y --download-only install "${packages[@]}" "$@" > /dev/null

database=$directory/var/lib/dpkg
mkdir -p "$directory"/usr/{lib,lib64,bin} "$database/info"
echo 1 > "$database/info/format"
ln -sfn usr/lib "$directory/lib" # as base-files does, which is not unpacked
for package in "$private"/cache/archives/*.deb; do
  case ${package##*/} in lib*|linux-libc-dev_*|gcc-*-base_*) ;; *) continue ;; esac
  dpkg-deb --fsys-tarfile "$package" | tar -C "$directory" -x --keep-directory-symlink \
    --exclude='./usr/share/*' --exclude='./usr/bin/*' --exclude='./usr/sbin/*' --exclude='./bin/*' --exclude='./sbin/*' \
    --exclude='./var/*' --exclude='./etc/*' --exclude='./usr/libexec/*' --exclude='*.gir'
  name=$(dpkg-deb --show --showformat '${Package}' "$package")
  if dpkg-deb --info "$package" symbols > "$database/info/$name:$architecture.symbols" 2> /dev/null; then
    dpkg-deb --fsys-tarfile "$package" | tar -t | sed -nE 's|^\.(/.*[^/])$|\1|p' > "$database/info/$name:$architecture.list"
    { echo "Status: install ok installed"; dpkg-deb --field "$package"; echo; } >> "$database/status"
  else
    rm "$database/info/$name:$architecture.symbols"
  fi
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
