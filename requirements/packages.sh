#!/bin/sh
# packages.sh [--print] PROFILE...: have the packages that bindep.txt lists for these profiles.
#
# Installs what is missing by apt or dnf as root or by a sudo that asks for no password; where neither
# is there it prints the line to run and fails.  --print only prints that line, for every known system.
set -eu
cd "$(dirname "$0")/.."

listed() { # listed "PLATFORM..." PROFILE...: the names of packages, one a line
    platforms=$1
    shift
    awk -v platforms="$platforms" -v profiles="$*" '
        function any(words, prefix,  count, word, i) {
            count = split(words, word, " ")
            for (i = 1; i <= count; i++)
                if (index(selectors, " " prefix word[i] " ")) return 1
            return 0
        }
        /^[a-z]/ {
            selectors = $0
            gsub(/^[^[]*\[|\].*$/, "", selectors)
            selectors = " " selectors " "
            if (index(selectors, " platform:") && !any(platforms, "platform:")) next
            if (any(profiles, "")) print $1
        }' bindep.txt
}

debian() { # the platforms of a release of Debian: this machine's, else the newest that is known
    release=$(. /etc/os-release 2>/dev/null && [ "$ID" = debian ] && echo "${VERSION_ID:-}") || true
    echo "dpkg debian-${release:-13}"
}

one_line() { tr '\n' ' ' | sed 's/ $//'; }

if [ "${1:-}" = --print ]; then
    shift
    echo "Debian: sudo apt-get install $(listed "$(debian)" "$@" | one_line)"
    echo "Fedora: sudo dnf install $(listed rpm "$@" | one_line)"
    exit
fi

if command -v dpkg-query >/dev/null; then
    platforms=$(debian)
    install='apt-get install --yes --no-install-recommends'
    present() { dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
elif command -v rpm >/dev/null; then
    platforms=rpm
    install='dnf install --assumeyes'
    present() { rpm --quiet --query --whatprovides "$1"; }
else
    echo "neither dpkg nor rpm is here: install by hand what is in bindep.txt for: $*" >&2
    exit 0
fi

missing=$(for package in $(listed "$platforms" "$@"); do present "$package" || echo "$package"; done | one_line)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root='sudo'
else
    echo "Missing packages.  Run this as root, then try again:" >&2
    echo "    $install $missing" >&2
    exit 1
fi
echo "Installing: $missing"
export DEBIAN_FRONTEND=noninteractive
[ "$platforms" = rpm ] || $as_root apt-get update --quiet --quiet
# shellcheck disable=SC2086  # lists of words
$as_root $install $missing
