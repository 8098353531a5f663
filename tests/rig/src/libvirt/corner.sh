#!/bin/sh
# Runs libvirt's daemon with its packages ($1) over this machine's files. Its folder ($2) gets the log, and the
# number of this process.
set -e
above=$2/above
mkdir "$above"
mount -t tmpfs -o mode=755 above "$above"
for part in usr etc var; do
    mkdir -p "$above/$part" "$above/.$part"
    below=/$part
    [ -d "$1/$part" ] && below=$1/$part:/$part
    mount -t overlay -o "lowerdir=$below,upperdir=$above/$part,workdir=$above/.$part" "$part" "/$part"
done
mount -t tmpfs -o mode=755 run /run
# Above the number that it has here is the one that everybody else knows.
read -r number rest < /proc/self/stat
mount -t proc proc /proc

id libvirt-qemu > /dev/null 2>&1 || {
    echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' >> /etc/passwd
    echo 'libvirt-qemu:x:64055:' >> /etc/group
}
mkdir -p /etc/libvirt /var/log/libvirt/qemu
# No other daemon keeps the logs, and nothing of this machine is set up for its QEMUs.
cat > /etc/libvirt/qemu.conf <<END
stdio_handler = "file"
security_driver = "none"
namespaces = []
cgroup_controllers = []
END
echo "$number" > "$2/.first"
mv "$2/.first" "$2/first"
# Since Debian 13 each of its drivers has a daemon.
daemon=libvirtd
[ -x /usr/sbin/virtqemud ] && daemon=virtqemud
"$daemon" > "$2/daemon.log" 2>&1 &
wait
