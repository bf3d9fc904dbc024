#!/bin/sh
# venv.sh DIRECTORY run|test: a virtual environment with the locked dependencies and this project in it.
#
# The project is installed editable, with this repository's root and src on the environment's path.
# The root has to be there because an editable install alone hides twisted/plugins from twistd.
set -eu
cd "$(dirname "$0")/.."
venv=$1 what=$2
python=${PYTHON:-python3}

# At Ctrl-C Python would show where it was.  What is in the background does not get that signal (POSIX,
# "Asynchronous Lists"); the shell does, and ends it.
trap 'kill $! 2>/dev/null; exit 130' INT
calmly() { "$@" & wait $!; }

if ! calmly "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed, and $python is $("$python" --version 2>&1)." >&2
    echo "Name a newer one: make PYTHON=python3.12 $what" >&2
    exit 1
fi
if ! [ -x "$venv/bin/pip" ]; then
    calmly "$python" -c 'import ensurepip, venv' 2>/dev/null || requirements/packages.sh venv
    calmly "$python" -m venv --clear "$venv"
fi

# pip's own account of it, a line for each package that it gets; its errors are shown as they are.
install() {
    rm -f "$venv/.progress" && mkfifo "$venv/.progress"
    while read -r word rest; do
        [ "$word" != Collecting ] || echo "  ${rest%% *}"
    done <"$venv/.progress" &
    PYTHONUNBUFFERED=1 calmly "$venv/bin/python" -m pip --disable-pip-version-check --no-color \
        install --progress-bar off "$@" >"$venv/.progress"
    wait
    rm "$venv/.progress"
}

if [ "$what" = test ]; then
    echo "Installing what the tests need into $venv"
    install --require-hashes --requirement requirements/test.txt
else
    echo "Installing the service into $venv"
    install --require-hashes --requirement requirements/run.txt --requirement requirements/build.txt
    install --no-deps --no-build-isolation --no-index --editable .
    packages=$(calmly "$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n%s\n' "$PWD" "$PWD/src" >"$packages/assisted-images.pth"
    calmly "$venv/bin/twistd" --help >"$venv/.help"
    grep -q '^ *assisted-images ' "$venv/.help" || {
        echo "twistd does not find twisted/plugins/assisted_images_plugin.py" >&2
        exit 1
    }
fi
touch "$venv/.$what"
