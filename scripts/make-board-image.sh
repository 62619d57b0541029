#!/bin/bash
# make-board-image.sh DIRECTORY: a Debian 13 arm64 system for Tests/Board: DIRECTORY/vmlinuz, DIRECTORY/initrd.cpio, DIRECTORY/system.raw (ext4, no partitions).
# Packages are only unpacked: neither root nor binfmt_misc is needed, and the emulator would take minutes for their scripts. What those would do that matters
# here is configure_system below; the rest (users, groups, /var) systemd does at the first boot.
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
modules=(virtio_blk virtio_net ext4)
kept=('fs/ext4/*' 'fs/jbd2/*' 'fs/mbcache.ko*' 'crypto/*' 'lib/*' 'arch/*' 'net/core/failover.ko*' 'net/bluetooth/*' 'net/rfkill/*' 'drivers/block/virtio_blk.ko*'
  'drivers/net/virtio_net.ko*' 'drivers/net/net_failover.ko*' 'drivers/char/hw_random/virtio-rng.ko*' 'drivers/md/dm-*' 'drivers/leds/leds-gpio.ko*')
# What a board has no use for, or has none of; each costs the emulator a second of every boot.
masked=(getty@.service serial-getty@.service console-getty.service e2scrub_reap.service systemd-logind.service systemd-user-sessions.service kmod-static-nodes.service modprobe@.service
  sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount proc-sys-fs-binfmt_misc.automount systemd-hibernate-clear.service systemd-pstore.service
  systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-ask-password-console.path systemd-ask-password-wall.path systemd-udev-load-credentials.service
  e2scrub_all.timer fstrim.timer dpkg-db-backup.timer systemd-tmpfiles-clean.timer apt-daily.timer apt-daily-upgrade.timer systemd-networkd-wait-online.service)

# register PACKAGE FILE...: as dpkg knows one that is installed.
register() {
  local control=$private/control.$BASHPID database=$root/var/lib/dpkg name file
  rm -rf "$control"
  dpkg-deb --control "$1" "$control"
  name=$(sed -n 's/^Package: //p' "$control/control")
  {
    sed '/^Package: /a Status: install ok installed' "$control/control"
    # Of their contents dpkg wants to know only when somebody replaces them.
    if [ -e "$control/conffiles" ]; then echo "Conffiles:"; sed -n 's|^/.*| & 00000000000000000000000000000000|p' "$control/conffiles"; fi
    echo
  } > "$private/known/$name"
  if grep -qx 'Multi-Arch: same' "$control/control"; then name=$name:arm64; fi
  for file in "$control"/*; do case $file in */control|*/conffiles) ;; *) cp "$file" "$database/info/$name.${file##*/}" ;; esac; done
  sed 's|^\.||; s|/$||; s|^$|/.|' > "$database/info/$name.list"
}

# install_here PACKAGE
install_here() {
  case ${1##*/} in busybox-static_*) unpack "$1" "$initrd" ;; *) unpack "$1" "$root" --verbose | register "$1" ;; esac
}

configure_system() {
  local directory unit
  cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
  cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
  cp "$root/usr/share/libc-bin/nsswitch.conf" "$root/etc/nsswitch.conf"
  for directory in mnt opt srv media usr/local/bin usr/local/sbin var/log/journal var/lib/dbus; do mkdir -p "$root/$directory"; done
  ln -sfn mawk "$root/usr/bin/awk"
  tr -d - < /proc/sys/kernel/random/uuid > "$root/etc/machine-id"
  cp -r "$guest/files/." "$root/"
  chmod 755 "$root"/usr/local/sbin/*
  for unit in "${masked[@]}"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
}

rm -rf "$directory"
mkdir -p "$root/var/lib/dpkg/"{info,updates,triggers} "$initrd" "$private/known"
private_apt arm64 trixie "$private"
kernel=$(newest_kernel linux-image-arm64)
try apt-get -qq -y --download-only install "${packages[@]}" busybox-static > /dev/null
(cd "$private" && try apt-get -qq download "$kernel")

make_links "$root"
echo 1 > "$root/var/lib/dpkg/info/format"
export root initrd private
export -f unpack register install_here
printf '%s\0' "$private"/cache/archives/*.deb | xargs -0 -n 8 -P "$(nproc)" bash -euo pipefail -c 'for package; do install_here "$package"; done' install_here
cat "$private"/known/* > "$root/var/lib/dpkg/status"
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

configure_system
mke2fs -q -t ext4 -d "$root" "$directory/system.raw" 3G
rm -rf "$root" "$initrd" "$private"

# The board's own tree of devices, with a LED called ACT on a line of the GPIO controller.
qemu-system-aarch64 -M "virt,dumpdtb=$directory/board.dtb" -cpu cortex-a53 -smp 2 -m 512 -display none > /dev/null 2>&1
fdtput -p -c "$directory/board.dtb" /leds/act
fdtput -t s "$directory/board.dtb" /leds compatible gpio-leds
fdtput -t s "$directory/board.dtb" /leds/act label ACT
fdtput -t u "$directory/board.dtb" /leds/act gpios "$(fdtget "$directory/board.dtb" /pl061@9030000 phandle)" 5 0
