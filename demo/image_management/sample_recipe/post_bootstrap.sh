#!/bin/bash
# Run by kiwi in the new root file system before the packages of the image are installed, of which
# the kernel has its initial ramdisk made: one for any machine, with what root=live:URL takes; shell
# scripts bring a machine up sooner than a systemd in there.
set -eu

mkdir -p /etc/dracut.conf.d
cat > /etc/dracut.conf.d/network-boot.conf <<'CONF'
hostonly="no"
add_dracutmodules+=" livenet network-legacy "
omit_dracutmodules+=" systemd systemd-initrd systemd-networkd systemd-sysusers dracut-systemd "
omit_dracutmodules+=" crypt dbus dbus-daemon lunmask nvdimm resume virtiofs "
CONF
