#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# /init of the guest: loads the modules, lays a writable overlay over the host's root and goes there.
# The host's root stays read-only; what the guest writes is in memory, except below iwshim.files.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r m; do
	insmod "/mod/$m" || echo "vm: insmod $m failed"
done </modlist

mkdir -p /mnt/lo /mnt/up /mnt/root
opts=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o "$opts,ro,cache=loose" host /mnt/lo
mount -t tmpfs -o size=75% tmp /mnt/up
mkdir -p /mnt/up/u /mnt/up/w
mount -t overlay -o lowerdir=/mnt/lo,upperdir=/mnt/up/u,workdir=/mnt/up/w ov /mnt/root

read -r cmdline </proc/cmdline
for w in $cmdline; do
	case $w in
	iwshim.init=*) init=${w#*=} ;;
	iwshim.files=*) files=${w#*=} ;;
	esac
done
mount -t 9p -o "$opts,cache=none" files "/mnt/root$files"
for d in dev proc sys; do
	mount --move "/$d" "/mnt/root/$d"
done
exec switch_root /mnt/root /bin/bash "$init" "$files"
