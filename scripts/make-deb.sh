#!/bin/bash
# make-deb.sh maud BOARD ARCHITECTURE BINARY | mau ARCHITECTURE BINARY: a Debian package of what was built, beside BINARY.
#
# Without root, and the same octets each time: every time in it is SOURCE_DATE_EPOCH. ARCHITECTURE is Debian's name; empty: this machine's.
# What the package depends on is what the binary is linked with, by dpkg-shlibdeps: from this machine's packages, or from .sysroot/<architecture>.
set -euo pipefail
cd "$(dirname "$0")/.."
package=$1; shift
board=
if [ "$package" = maud ]; then board=$1; shift; fi
architecture=${1:-$(dpkg --print-architecture)} binary=$(realpath "$2") sysroot=
[ -z "$1" ] || sysroot=$(realpath ".sysroot/$1")
: "${SOURCE_DATE_EPOCH:?make-deb: SOURCE_DATE_EPOCH is not set}"
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022

# A version that was not released is before the release of that number, and after what was made from earlier commits.
version=$(sed -n 's/^public let maudVersion: StaticString = "\(.*\)"$/\1/p' Sources/Node/EntryPoint.swift)
if commit=$(git rev-parse --short=10 HEAD 2> /dev/null) && ! git describe --exact-match --match "v$version" > /dev/null 2>&1; then
  version="$version~git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$commit"
fi
maintainer="${DEBFULLNAME:-maud} <${DEBEMAIL:-maud@users.noreply.github.com}>"
day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%F)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
put() { install -D -m "$1" "$2" "$root/$3"; } # MODE FILE PATH
page() { mkdir -p "$root/usr/share/man/man${1##*.}"; gzip -9n > "$root/usr/share/man/man${1##*.}/$1.gz"; }
fill() { sed -e "s/@VERSION@/$version/; s/@DATE@/$day/; s/@ARCHITECTURE@/$architecture/; s/@MAINTAINER@/$maintainer/; s/@BOARD@/$board/; s/@SIZE@/${size:-}/; s/@LIBRARIES@/${libraries:-}/" "$1"; }

libraries() {
  local options=()
  mkdir -p "$work/debian"
  printf 'Source: %s\n\nPackage: %s\nArchitecture: any\n' "$package" "$package" > "$work/debian/control"
  if [ -n "$sysroot" ]; then
    # Its lists of files, as they lie here.
    cp -r "$sysroot/var/lib/dpkg" "$work/dpkg"
    sed -i "s|^|$sysroot|" "$work"/dpkg/info/*.list
    options=(--admindir="$work/dpkg" -l"$(echo "$sysroot"/usr/lib/*-linux-gnu*)")
  fi
  # What it is linked with for nothing is said elsewhere; that it does not lie in a package's directory does not matter.
  (cd "$work" && DEB_HOST_ARCH=$architecture dpkg-shlibdeps "${options[@]}" -O -e"$binary") 2> "$work/shlibdeps" | sed -n 's/^shlibs:Depends=//p' | grep . \
    || { cat "$work/shlibdeps" >&2; exit 65; }
}

maud() {
  put 0755 "$binary" usr/bin/maud
  put 0755 package/maud/maudctl usr/bin/maudctl
  local file
  for file in grant first-start make-passphrase reload show-claim; do put 0755 "package/maud/$file" "usr/libexec/maud/$file"; done
  for file in maud.service maud-setup.service maud-claim.path maud-claim.service run-maud.mount; do put 0644 "package/maud/$file" "usr/lib/systemd/system/$file"; done
  put 0755 package/maud/maud-generator usr/lib/systemd/system-generators/maud-generator
  put 0644 package/maud/maud.sysusers usr/lib/sysusers.d/maud.conf
  put 0644 package/maud/99-maud.rules usr/lib/udev/rules.d/99-maud.rules
  put 0644 package/maud/maud-bluetooth.conf usr/share/dbus-1/system.d/maud.conf
  put 0644 package/maud/maud.default etc/default/maud
  sed '/^ *"\$schema":/d' "boards/$board/board.json" > "$work/board.json"
  put 0644 "$work/board.json" etc/maud/board.json
  for file in vocabulary-1.jsonld vocabulary-1.ttl context-1.jsonld board.schema.json; do put 0644 "vocab/$file" "usr/share/maud/$file"; done
  mkdir -p "$root/usr/share/doc/maud/examples"
  cp vocab/examples/*.json "$root/usr/share/doc/maud/examples/"
  fill package/man/maud.8 | page maud.8
  page maudctl.8 < package/man/maudctl.8
  scripts/man-page.py board docs/board.md --version "$version" --date "$day" | page board.json.5
}

mau() {
  put 0755 "$binary" usr/bin/mau
  # Made by the program itself, so that they say what it does.
  "$binary" --experimental-dump-help > "$work/help.json"
  scripts/man-page.py mau "$work/help.json" --version "$version" --date "$day" | page mau.1
  mkdir -p "$root"/usr/share/{bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d}
  "$binary" --generate-completion-script bash > "$root/usr/share/bash-completion/completions/mau"
  "$binary" --generate-completion-script zsh > "$root/usr/share/zsh/vendor-completions/_mau"
  "$binary" --generate-completion-script fish > "$root/usr/share/fish/vendor_completions.d/mau.fish"
}

"$package"
put 0644 package/copyright "usr/share/doc/$package/copyright"
scripts/debian-changelog.py "$package" "$version" "$maintainer" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")" < CHANGELOG.md | gzip -9n > "$work/changelog.gz"
put 0644 "$work/changelog.gz" "usr/share/doc/$package/changelog.gz"
libraries=$(libraries)
size=$(find "$root" -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib + 0 }') # what it takes does not depend on our file system
mkdir "$root/DEBIAN"
fill "package/$package/control" > "$root/DEBIAN/control"
for file in conffiles postinst prerm postrm; do
  [ ! -e "package/$package/$file" ] || install -m "$([ "$file" = conffiles ] && echo 0644 || echo 0755)" "package/$package/$file" "$root/DEBIAN/$file"
done
(cd "$root" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\n' | sort | xargs md5sum > DEBIAN/md5sums)
find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

deb=$(dirname "$binary")/${package}_${version}_$architecture.deb
rm -f "$(dirname "$binary")/${package}"_*.deb
dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$root" "$deb" > /dev/null
echo "${deb#"$PWD/"}: $(stat -c %s "$deb") octets"
