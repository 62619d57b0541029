# To be sourced, with private-apt.sh: what the virtual machines of the tests are made of. Packages are only unpacked here, so no root is needed.

# The versioned package behind a kernel's metapackage.
newest_kernel() { apt-cache depends "$1" | sed -n 's/^ *Depends: \(linux-image-[0-9]\)/\1/p' | head -n 1; }

# make_links ROOT: a merged /usr, before anything is unpacked.
make_links() {
  mkdir -p "$1"/usr/{bin,sbin,lib}
  local name
  for name in bin sbin lib; do ln -s "usr/$name" "$1/$name"; done
}

# unpack PACKAGE ROOT [OPTION OF TAR...]: without what only people read.
unpack() {
  dpkg-deb --fsys-tarfile "$1" | tar -C "$2" -x --keep-directory-symlink --no-same-owner --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
    --exclude='./usr/share/locale/*' --exclude='*/gconv/*' --exclude='./usr/share/zsh/*' "${@:3}"
}

# modules_in_order ROOT DIRECTORY MODULE...: the modules of the kernel in ROOT and what they need into DIRECTORY, uncompressed, named so that insmod can take
# one after the other.
modules_in_order() {
  local root=$1 directory=$2 version number=100 file name
  version=$(basename "$root"/usr/lib/modules/*)
  mkdir -p "$directory"
  for name in "${@:3}"; do /sbin/modprobe -d "$root" -S "$version" --show-depends "$name"; done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
    name=$(basename "${file%.xz}")
    number=$((number + 1))
    if [ "$file" = "${file%.xz}" ]; then cp "$file" "$directory/$number-$name"; else xz -dc "$file" > "$directory/$number-$name"; fi
  done
}

# make_cpio DIRECTORY FILE
make_cpio() {
  (cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) > "$2.new"
  mv "$2.new" "$2"
}
