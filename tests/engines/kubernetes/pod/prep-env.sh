#!/bin/sh
# prep-env.sh PLACE URL: the first container of a customize job gets the image's root.
exec python3 /scripts/steps.py fetch "$1" "$2"
