#!/bin/bash
# Run by kiwi in the new root file system when all of its packages are there.
set -eu

cd /boot
ln -sf vmlinuz-* vmlinuz
ln -sf initrd.img-* initrd
printf 'console=ttyS0 rd.live.overlay.overlayfs=1' > kernel-parameters

# What is in there is shown before the login.
mkdir -p /etc/issue.d

apt-get clean
