#!/bin/sh
# ceph.sh DIRECTORY GATEWAY_PORT MONITOR_PORT: a whole Ceph with an S3 gateway, on loopback: one
# monitor, one OSD on a sparse file, no authentication among them, one copy of everything.
# ceph.sh DIRECTORY stop: end its processes.
#
# The gateway has the users IMS and STS, with keys of these names and secrets IMS-SECRET, STS-SECRET.
# Needs what bindep.txt lists for the profile ceph, and root.
set -eu
directory=$1
configuration=$directory/ceph.conf

if [ "$2" = stop ]; then
    for name in client.rgw osd.0 mon.a; do
        [ ! -e "$directory/$name.pid" ] || kill -9 "$(cat "$directory/$name.pid")" 2>/dev/null || true
    done
    exit
fi
gateway=$2 monitor=$3
cluster=5b1d1dd4-6b0c-4d3e-9c55-0b3d6f0a7e11
as_root="--setuser root --setgroup root"

until_true() { # until_true SECONDS COMMAND...
    tries=$(($1 * 5))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { echo "not in time: $*" >&2; exit 1; }
        sleep 0.2
    done
}

osd_is_up() { ceph --conf "$configuration" osd stat | grep -q '1 up'; }
gateway_listens() { python3 -c 'import socket, sys; socket.create_connection(("127.0.0.1", int(sys.argv[1])))' "$gateway"; }

mkdir -p "$directory/mon" "$directory/osd" "$directory/gateway"
cat >"$configuration" <<END
[global]
fsid = $cluster
mon host = [v2:127.0.0.1:$monitor/0]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
# without authentication there are no keys to encrypt with, and clients would hang
ms mon client mode = crc
ms mon service mode = crc
ms bind msgr1 = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 10000
bluestore block size = 8589934592
osd memory target = 939524096
run dir = $directory
log file = $directory/\$name.log
admin socket = $directory/\$name.asok
pid file = $directory/\$name.pid
keyring = $directory/keyring
mon data = $directory/mon
osd data = $directory/osd
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:$gateway
rgw data = $directory/gateway
rgw enable apis = s3
rgw dns name = localhost
rgw thread pool size = 32
END

monmaptool --create --fsid "$cluster" --addv a "[v2:127.0.0.1:$monitor]" "$directory/monmap"
ceph-authtool --create-keyring "$directory/keyring" --gen-key --name mon. --cap mon 'allow *'
for name in admin rgw; do
    ceph-authtool "$directory/keyring" --gen-key --name "client.$name" --cap mon 'allow *' --cap osd 'allow *'
done
ceph-mon --mkfs --id a --conf "$configuration" --monmap "$directory/monmap" --keyring "$directory/keyring" $as_root
ceph-mon --id a --conf "$configuration" $as_root
osd=$(cat /proc/sys/kernel/random/uuid)
timeout 60 ceph --conf "$configuration" osd new "$osd"
ceph-osd --id 0 --conf "$configuration" --mkfs --osd-uuid "$osd" $as_root
ceph-osd --id 0 --conf "$configuration" $as_root
until_true 60 osd_is_up
radosgw --name client.rgw --conf "$configuration" $as_root
until_true 120 gateway_listens
for user in IMS STS; do
    radosgw-admin --name client.rgw --conf "$configuration" user create --uid "$user" \
        --display-name "$user" --access-key "$user" --secret "$user-SECRET"
done
