#!/bin/busybox sh
# Makes a root file system in memory, with the host's /usr below and what is tested above it, and hands
# over to systemd.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module"; done < /modules/order
mkdir /new /usr-below /usr-above
mount -t tmpfs -o mode=755 root /new
mount -t tmpfs above /usr-above
mkdir /usr-above/upper /usr-above/work
mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,msize=262144,ro usr /usr-below || poweroff -f
cd /new || poweroff -f
mkdir rig usr etc var dev proc sys run tmp root home srv
chmod 1777 tmp
mount -t overlay -o lowerdir=/usr-below,upperdir=/usr-above/upper,workdir=/usr-above/work usr usr
for folder in bin sbin lib lib32 lib64; do
    [ -e "usr/$folder" ] && ln -s "usr/$folder" "$folder"
done
cp -r /over/. .
mkdir -p etc/systemd/system
while read -r unit; do ln -s /dev/null "etc/systemd/system/$unit"; done < /masked
ln -s ../usr/lib/os-release etc/os-release
echo machine > etc/hostname
echo 0123456789abcdef0123456789abcdef > etc/machine-id
echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
echo 'root:x:0:' > etc/group
# A folder of whoever runs the machine, where there is one.
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,rw rig rig 2>/dev/null
for kernel in proc sys dev; do mount -o move "/$kernel" "$kernel"; done
exec switch_root /new /lib/systemd/systemd
