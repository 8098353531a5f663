#!/bin/sh
# Lays what is added over a Debian, in a mount namespace of our own, does there what a person would do, and makes a
# disk of it. $1: the Debian; $2: a folder with what is added in "add", which gets the results; $3: this
# workspace's data; $4: lines of a shell for the new machine.
set -e
base=$1 work=$2 data=$3 lines=$4
mkdir "$work/memory" "$work/new"
mount -t tmpfs memory "$work/memory"
mkdir "$work/memory/upper" "$work/memory/work"
mount -t overlay -o "lowerdir=$base,upperdir=$work/memory/upper,workdir=$work/memory/work" root "$work/new"
cp -r "$work/add/." "$work/new/"
mkdir "$work/new/data"
cp -r "$data/." "$work/new/data/"
mount -t proc proc "$work/new/proc"
chroot "$work/new" /bin/sh -ec "$lines"
umount "$work/new/proc"
cp "$work"/new/boot/vmlinuz-* "$work/vmlinuz"
cp "$work"/new/boot/initrd.img-* "$work/initrd"
truncate -s 2G "$work/disk"
mke2fs -q -t ext4 -d "$work/new" "$work/disk"
umount "$work/new" "$work/memory"
