#!/bin/sh
# buildenv-sidecar.sh PLACE: the container that waits for the user, and makes an image of the root.
exec python3 /scripts/steps.py package "$1"
