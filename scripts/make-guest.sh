#!/bin/bash
# make-guest.sh kernel DIRECTORY          unpacks Debian's stock kernel and its Bluetooth modules into DIRECTORY
# make-guest.sh SUITE DIRECTORY KERNEL    makes DIRECTORY.cpio: an initial RAM disk with that suite's bluetoothd and GnuPG, and KERNEL's modules
# For Tests/Bluetooth. Packages are only unpacked (no maintainer script runs), so no root is needed.
set -euo pipefail
. "$(dirname "$0")/private-apt.sh"
. "$(dirname "$0")/guest-parts.sh"
suite=$1 directory=$(realpath -m "$2") kernel=${3:+$(realpath "$3")}
here=$(cd "$(dirname "$0")/.." && pwd)
private=$directory.apt
# The newest stable one, for every suite.
kernel_suite=trixie
# btattach has hci_uart; bluetoothd uses the kernel's ciphers.
modules=(hci_uart bluetooth algif_hash algif_skcipher cmac ecb ecdh_generic)
packages=(bluez busybox-static dbus-daemon dbus-system-bus-common gpg gpg-agent kmod libgpgme11 libsystemd0)

# Nor what bluetoothd and GnuPG have no use for.
without=(--exclude='*/perl*')

rm -rf "$directory" "$private"
mkdir -p "$directory"
if [ "$suite" = kernel ]; then
  private_apt amd64 "$kernel_suite" "$private"
  image=$(newest_kernel linux-image-amd64)
  (cd "$private" && try apt-get -qq download "$image")
  mkdir -p "$directory/usr/lib"
  ln -s usr/lib "$directory/lib"
  unpack "$private/$image"_*.deb "$directory" "${without[@]}" --wildcards './boot/vmlinuz-*' '*/modules.*' '*/kernel/net/*' '*/kernel/drivers/bluetooth/*' \
    '*/kernel/crypto/*' '*/kernel/lib/*' '*/kernel/arch/x86/crypto/*' '*/kernel/drivers/tty/*'
  mv "$directory"/boot/vmlinuz-* "$directory/vmlinuz"
  version=$(basename "$directory"/usr/lib/modules/*)
  /sbin/depmod -b "$directory" "$version"
  rm -rf "$private"
  exit
fi

make_links "$directory"
mkdir -p "$directory/usr/lib64" "$directory"/{proc,sys,dev,run,tmp,root,var/lib/bluetooth,var/lib/dbus}
ln -s usr/lib64 "$directory/lib64"
ln -s /run "$directory/var/run"
private_apt amd64 "$suite" "$private"
try apt-get -qq -y --download-only install "${packages[@]}" > /dev/null
for package in "$private"/cache/archives/*.deb; do
  case ${package##*/} in perl*|libc-bin*|debconf*|tzdata*|udev_*|dbus_*|dpkg_*|systemd*|libicu*) continue ;; esac
  unpack "$package" "$directory" "${without[@]}"
done
rm -rf "$private" "$directory"/var/cache "$directory"/usr/lib/udev "$directory"/usr/lib/systemd/system

modules_in_order "$kernel" "$directory/modules" "${modules[@]}"

printf 'root:x:0:0:root:/root:/bin/sh\nmessagebus:x:100:100::/:/bin/false\n' > "$directory/etc/passwd"
printf 'root:x:0:\nmessagebus:x:100:\nbluetooth:x:101:\nnetdev:x:102:\n' > "$directory/etc/group"
echo 00000000000000000000000000000001 > "$directory/etc/machine-id"
cp "$directory/etc/machine-id" "$directory/var/lib/dbus/machine-id"
install -m 755 "$here"/Tests/Bluetooth/guest/init "$here"/Tests/Bluetooth/guest/control "$directory/"
make_cpio "$directory" "$directory.cpio"
rm -rf "$directory"
