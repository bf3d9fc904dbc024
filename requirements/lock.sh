#!/bin/sh
# Resolves setup.cfg and the *.in files beside this script into exact versions with hashes, for every
# Python from 3.11 on and every platform.  Needs the uv on PATH, else fetches it into build/uv.
set -eu
cd "$(dirname "$0")/.."

if command -v uv >/dev/null; then
    uv=uv
else
    uv=build/uv/bin/uv
    [ -x "$uv" ] || { "${PYTHON:-python3}" -m venv build/uv && build/uv/bin/pip install --quiet uv; }
fi

lock() {
    output=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
        ${UPGRADE:+--upgrade} --output-file "requirements/$output" "$@"
}

lock run.txt setup.cfg
lock build.txt requirements/build.in
lock test.txt requirements/test.in --constraints requirements/run.txt
lock fuzz.txt requirements/fuzz.in
lock go.txt requirements/go.in
lock ansible.txt requirements/ansible.in
lock kiwi.txt requirements/kiwi.in
