#!/bin/sh
# venv.sh DIRECTORY run|test: a virtual environment with the locked dependencies and this project in it.
#
# The project is installed editable, with this repository's root and src on the environment's path.
# The root has to be there because an editable install alone hides twisted/plugins from twistd.
set -eu
cd "$(dirname "$0")/.."
venv=$1 what=$2
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed, and $python is $("$python" --version 2>&1)." >&2
    echo "Name a newer one: make PYTHON=python3.12 $what" >&2
    exit 1
fi
if ! [ -x "$venv/bin/pip" ]; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || requirements/packages.sh venv
    "$python" -m venv --clear "$venv"
fi

# pip's own account of it, a line for each package that it gets; its errors are shown as they are.
install() {
    { PYTHONUNBUFFERED=1 "$venv/bin/python" -m pip --disable-pip-version-check --no-color \
        install --progress-bar off "$@" || echo FAILED; } | while read -r word rest; do
        case $word in
            Collecting) echo "  ${rest%% *}" ;;
            FAILED) exit 1 ;;
        esac
    done
}

if [ "$what" = test ]; then
    echo "Installing what the tests need into $venv"
    install --require-hashes --requirement requirements/test.txt
else
    echo "Installing the service into $venv"
    install --require-hashes --requirement requirements/run.txt --requirement requirements/build.txt
    install --no-deps --no-build-isolation --no-index --editable .
    packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n%s\n' "$PWD" "$PWD/src" >"$packages/assisted-images.pth"
    "$venv/bin/twistd" --help | grep '^ *assisted-images ' >/dev/null || {
        echo "twistd does not find twisted/plugins/assisted_images_plugin.py" >&2
        exit 1
    }
fi
touch "$venv/.$what"
