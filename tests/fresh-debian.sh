#!/bin/sh
# fresh-debian.sh [12|13|testing [DIRECTORY]]: the two commands as a new user would try them, in a new
# Debian of that release that has git, make and python3.
#
# Needs root and debootstrap.  MIRROR names a Debian mirror; KEEP=1 leaves the system for a look, and
# DIRECTORY may be one that was left so.  TESTS=unit runs less than make test.  pip's settings of this
# machine (PIP_* variables, certificates of a proxy) are taken along.
set -eu
cd "$(dirname "$0")/.."

case ${1:-12} in
    12) suite=bookworm ;;
    13) suite=trixie ;;
    testing) suite=testing ;;
    *) echo "Debian $1 is not known here; expected 12, 13 or testing" >&2 && exit 2 ;;
esac
target=${2:-$(mktemp -d /var/tmp/fresh-debian.XXXXXX)}
mirror=${MIRROR:-http://deb.debian.org/debian}

inside() { chroot "$target" env HOME=/root LC_ALL=C.UTF-8 "$@"; }

tidy() {
    for mounted in dev/shm dev/pts dev proc sys .; do
        mountpoint --quiet "$target/$mounted" && umount "$target/$mounted"
    done
    [ -n "${KEEP:-}" ] || rm -rf --one-file-system "$target"
}
trap tidy EXIT

[ -x "$target/bin/sh" ] || debootstrap --variant=minbase "$suite" "$target" "$mirror"
# Mounts of a process's own begin at a mount point, which what is entered by chroot has to be.
mount --bind "$target" "$target"
mount --bind /proc "$target/proc"
mount --bind /sys "$target/sys"
mount --bind /dev "$target/dev"
# A bind does not take along what is mounted below; apt and the tests want terminals.
for below in /dev/shm /dev/pts; do
    [ ! -d $below ] || mount --bind $below "$target$below"
done
cp /etc/resolv.conf /etc/hosts "$target/etc/"
inside apt-get update --quiet --quiet
inside apt-get install --yes --quiet --quiet --no-install-recommends ca-certificates git make python3
cp /etc/ssl/certs/ca-certificates.crt "$target/etc/ssl/certs/"

rm -rf "$target/root/assisted-images"
git bundle create --quiet "$target/root/assisted-images.bundle" HEAD
inside git clone --quiet /root/assisted-images.bundle /root/assisted-images

echo "=== make run"
inside make --directory /root/assisted-images run >"$target/root/run.log" 2>&1 &
run=$!
while kill -0 $run 2>/dev/null && ! grep -q 'Ctrl-C stops' "$target/root/run.log"; do sleep 1; done
cat "$target/root/run.log"
grep -q 'Ctrl-C stops' "$target/root/run.log"
# curl is not there yet: Python fetches what the guide says.
inside python3 - <<'PYTHON'
import re, urllib.request
text = open("/root/run.log").read()
url = re.search(r"full ISO +(https://\S+)", text)[1].replace("https://localhost:8443", "http://localhost:8080")
with urllib.request.urlopen(url) as response:
    print("downloaded", len(response.read()), "bytes of", url)
PYTHON
echo "=== stopping it"
pkill --signal TERM --parent "$run"
wait $run || true

echo "=== make ${TESTS:=test}"
inside make --directory /root/assisted-images "$TESTS"
