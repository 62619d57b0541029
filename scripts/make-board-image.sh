#!/bin/bash
# make-board-image.sh DIRECTORY: a Debian 13 arm64 system for Tests/Board: DIRECTORY/vmlinuz, DIRECTORY/initrd.cpio, DIRECTORY/system.raw (ext4, no partitions).
# Packages are unpacked here and configured in the emulator by the system itself, so neither root nor binfmt_misc is needed.
set -euo pipefail
[ "$(id -u)" = 0 ] || exec unshare --map-root-user "$0" "$@"
here=$(cd "$(dirname "$0")" && pwd)
. "$here/private-apt.sh"
. "$here/guest-parts.sh"
directory=$(realpath -m "$1")
guest=$(realpath "$here/../Tests/Board/guest")
private=$directory/apt root=$directory/root initrd=$directory/initrd
# What a board has: systemd, what maud's package depends on and recommends, BlueZ, and what the tests do to it.
packages=('?essential' systemd systemd-sysv udev dbus kmod acl gpg gpg-agent libgpgme11t64 avahi-daemon bluez e2fsprogs dmsetup iproute2 procps curl strace
  apt openssh-server sudo) # what `make deploy` uses
modules=(virtio_pci virtio_blk ext4)
kept=('fs/*' 'crypto/*' 'lib/*' 'arch/*' 'net/core/*' 'net/ipv[46]/*' 'net/netfilter/*' 'net/bluetooth/*' 'net/rfkill/*' 'drivers/virtio/*' 'drivers/block/*'
  'drivers/net/*.ko*' 'drivers/md/*' 'drivers/gpio/*' 'drivers/iio/*' 'drivers/leds/*' 'drivers/bluetooth/*' 'drivers/char/*' 'drivers/nvme/*' 'drivers/hwmon/*')
# What a board has no use for, or has none of; each costs the emulator a second of every boot.
masked=(getty@.service serial-getty@.service console-getty.service e2scrub_reap.service systemd-logind.service systemd-user-sessions.service kmod-static-nodes.service modprobe@.service
  sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount systemd-hibernate-clear.service systemd-pstore.service
  systemd-hwdb-update.service systemd-ask-password-console.path systemd-ask-password-wall.path systemd-udev-load-credentials.service
  e2scrub_all.timer fstrim.timer dpkg-db-backup.timer systemd-tmpfiles-clean.timer apt-daily.timer apt-daily-upgrade.timer systemd-networkd-wait-online.service)

# register PACKAGE: as dpkg knows one that is unpacked and not yet configured.
register() {
  local control=$private/control database=$root/var/lib/dpkg name file
  rm -rf "$control"
  dpkg-deb --control "$1" "$control"
  name=$(sed -n 's/^Package: //p' "$control/control")
  if grep -qx 'Multi-Arch: same' "$control/control"; then name=$name:arm64; fi
  for file in "$control"/*; do case $file in */control|*/conffiles) ;; *) cp "$file" "$database/info/$name.${file##*/}" ;; esac; done
  dpkg-deb --fsys-tarfile "$1" | tar -t | sed 's|^\.||; s|/$||; s|^$|/.|' > "$database/info/$name.list"
  sed '/^Package: /a Status: install ok unpacked' "$control/control" >> "$database/status"
  echo >> "$database/status"
}

rm -rf "$directory"
mkdir -p "$root/var/lib/dpkg/"{info,updates,triggers} "$initrd"
private_apt arm64 trixie "$private"
kernel=$(newest_kernel linux-image-arm64)
try apt-get -qq -y --download-only install "${packages[@]}" busybox-static > /dev/null
(cd "$private" && try apt-get -qq download "$kernel")

make_links "$root"
echo 1 > "$root/var/lib/dpkg/info/format"
for package in "$private"/cache/archives/*.deb; do
  case ${package##*/} in busybox-static_*) unpack "$package" "$initrd" ;; *) unpack "$package" "$root"; register "$package" ;; esac
done
unpack "$private/$kernel"_*.deb "$root" --wildcards './boot/vmlinuz-*' '*/modules.*' "${kept[@]/#/*\/kernel\/}"
# The emulator would unpack them slowly.
find "$root/usr/lib/modules" -name '*.ko.xz' -exec unxz {} +
mv "$root"/boot/vmlinuz-* "$directory/vmlinuz"
/sbin/depmod -b "$root" "$(basename "$root"/usr/lib/modules/*)"

modules_in_order "$root" "$initrd/modules" "${modules[@]}"
mkdir -p "$initrd"/{proc,sys,dev,root,bin}
ln -s ../usr/bin/busybox "$initrd/bin/busybox"
install -m 755 "$guest/init" "$initrd/init"
make_cpio "$initrd" "$directory/initrd.cpio"

cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
cp -r "$guest/files/." "$root/"
chmod 755 "$root"/usr/local/sbin/*
for unit in "${masked[@]}"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
mke2fs -q -t ext4 -d "$root" "$directory/system.raw" 3G
rm -rf "$root" "$initrd" "$private"

# The board's own tree of devices, with a LED called ACT on a line of the GPIO controller.
machine=(-M virt -cpu cortex-a53 -smp 2 -m 512 -accel tcg,thread=multi)
qemu-system-aarch64 "${machine[@]/#virt/virt,dumpdtb=$directory/board.dtb}" -display none > /dev/null 2>&1
fdtput -p -c "$directory/board.dtb" /leds/act
fdtput -t s "$directory/board.dtb" /leds compatible gpio-leds
fdtput -t s "$directory/board.dtb" /leds/act label ACT
fdtput -t u "$directory/board.dtb" /leds/act gpios "$(fdtget "$directory/board.dtb" /pl061@9030000 phandle)" 5 0

# boot WORD...: until the system switches the machine off.
boot() {
  timeout 1800 qemu-system-aarch64 "${machine[@]}" -nodefaults -no-user-config -display none -no-reboot -dtb "$directory/board.dtb" \
    -drive "if=none,id=system,format=raw,cache=unsafe,file=$directory/system.raw" -device virtio-blk-pci,drive=system \
    -chardev "file,id=console,append=on,path=$directory/console.log" -serial chardev:console -kernel "$directory/vmlinuz" -initrd "$directory/initrd.cpio" -append "console=ttyAMA0 panic=-1 quiet $*"
}
echo "The packages configure themselves in the emulator"
boot rw init=/usr/local/sbin/configure
grep -q '^configure: done' "$directory/console.log" || { tail -n 40 "$directory/console.log" >&2; exit 70; }
echo "What systemd does at a first boot"
boot systemd.unit=first-boot.target
