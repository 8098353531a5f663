#!/bin/sh
# What the test wants to know, as lines "@ WHAT VALUE" on the serial port. It waits for states and decides
# nothing: that is the test's.
exec > /dev/ttyS0 2>&1
say() { echo "@ $*"; }
# The end: what units have logged, and which have failed.
end() {
    systemctl list-units --failed --plain --no-legend | while read -r unit _; do say "failed $unit"; done
    for unit in porthole.service porthole-vnc@main.service porthole-gpu@ivi.service; do
        journalctl -b -q --no-pager -o cat -u $unit | while read -r line; do say "log $unit $line"; done
    done
    say end
    systemctl poweroff -ff
    exit
}
# until_true WHAT COMMAND...: waits, for minutes at most.
until_true() {
    what=$1
    shift
    tries=1000
    while ! "$@"; do
        tries=$((tries - 1))
        [ $tries = 0 ] && say "never $what" && end
        sleep 0.1
    done
}
pid() { systemctl show -p MainPID --value "$1"; }
active() { [ "$(systemctl is-active "$1")" = active ]; }
other() { active "$1" && [ "$(pid "$1")" != "$2" ] && [ "$(pid "$1")" != 0 ]; }
# A process as /proc has it.
process() {
    say "$1 User: $(stat -c %U "/proc/$2")"
    while read -r key value _; do
        case $key in
            CapEff: | CapBnd: | NoNewPrivs: | Seccomp:) say "$1 $key $value" ;;
        esac
    done < "/proc/$2/status"
}
processes() { cat "/sys/fs/cgroup$(systemctl show -p ControlGroup --value "$1")/cgroup.procs"; }
# A confined program has its connector beside it. They are there before they have given up what they need no more.
confined() {
    [ "$(processes "$1" | wc -l)" -ge 2 ] || return 1
    for one in $(processes "$1"); do
        grep -q "^Seccomp:.*2" "/proc/$one/status" || return 1
    done
}
# What a server of viewers says at once.
greet() {
    perl -MIO::Socket::UNIX -e '
        my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1;
        $s->recv(my $line, 12) // exit 1;
        $line =~ s/\s//g;
        # A server that ends accepts, and says nothing.
        exit 1 if $line eq "";
        print "@ greeting $line\n"' "$1"
}
# A machine's connection to its display, until it is told to end.
machine() { exec perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1; sleep' "$1"; }
place() { say "place $(stat -c '%n %U:%G %a %F' "$1")"; }

for unit in porthole.service porthole-vnc@main.service porthole-gpu@ivi.socket porthole-gpu@ivi.service; do
    say "state $unit $(systemctl is-active $unit)"
done
active porthole.service || end
until_true greeting greet /run/porthole-vnc/main/vnc.sock

# The first connection starts the devices.
machine /run/porthole-gpu/ivi/gpu.sock &
vm=$!
until_true devices active porthole-gpu@ivi.service
until_true confined confined porthole-gpu@ivi.service
until_true confined confined porthole-vnc@main.service
for unit in porthole.service porthole-vnc@main.service porthole-gpu@ivi.service; do
    say "state $unit $(systemctl is-active $unit)"
    for one in $(processes $unit); do process $unit "$one"; done
done
for path in /run/porthole /run/porthole/ivi /run/porthole/ivi/wayland-0 /run/porthole/vnc-main \
    /run/porthole/vnc-main/wayland-0 /run/porthole-gpu /run/porthole-gpu/ivi /run/porthole-gpu/ivi/gpu.sock \
    /run/porthole-gpu/ivi/keyboard.sock /run/porthole-gpu/ivi/tablet.sock /run/porthole-vnc \
    /run/porthole-vnc/main /run/porthole-vnc/main/vnc.sock /var/lib/porthole; do
    place $path
done

# The service dies: it is back with the sockets that it had, and nobody else has died.
service=$(pid porthole.service)
server=$(pid porthole-vnc@main.service)
devices=$(pid porthole-gpu@ivi.service)
before=$(stat -c %i /run/porthole/ivi/wayland-0)
kill -9 "$service"
until_true service other porthole.service "$service"
[ "$(stat -c %i /run/porthole/ivi/wayland-0)" = "$before" ] && say "kept sockets"
[ "$(pid porthole-vnc@main.service)" = "$server" ] && say "kept server"
[ "$(pid porthole-gpu@ivi.service)" = "$devices" ] && say "kept devices"
until_true greeting greet /run/porthole-vnc/main/vnc.sock

# The server of viewers dies.
kill -9 "$server"
until_true server other porthole-vnc@main.service "$server"
until_true greeting greet /run/porthole-vnc/main/vnc.sock

# The VM ends, and with it its devices; the next one starts them again.
kill $vm
inactive() { [ "$(systemctl is-active "$1")" = inactive ]; }
until_true devices-end inactive porthole-gpu@ivi.service
say "result devices $(systemctl show -p Result --value porthole-gpu@ivi.service)"
machine /run/porthole-gpu/ivi/gpu.sock &
vm=$!
until_true devices-again active porthole-gpu@ivi.service
# They die: that is the end of the VM. The socket still listens.
kill -9 "$(pid porthole-gpu@ivi.service)"
failed() { systemctl is-failed -q porthole-gpu@ivi.service; }
until_true devices-failed failed
kill $vm
machine /run/porthole-gpu/ivi/gpu.sock &
vm=$!
until_true devices-anew active porthole-gpu@ivi.service
say "state porthole-gpu@ivi.socket $(systemctl is-active porthole-gpu@ivi.socket)"

systemctl reload porthole && say "reloaded $(systemctl is-active porthole.service)"

# The end of each.
systemctl stop porthole-vnc@main.service
systemctl stop porthole-gpu@ivi.socket porthole-gpu@ivi.service
systemctl stop porthole.service
for unit in porthole.service porthole-vnc@main.service porthole-gpu@ivi.service porthole-gpu@ivi.socket; do
    say "stopped $unit $(systemctl is-active $unit) $(systemctl show -p Result --value $unit)"
done
for path in /run/porthole-gpu/ivi/gpu.sock /run/porthole-vnc/main/vnc.sock; do
    [ -e $path ] || say "gone $path"
done
end
