#!/bin/sh
# The container that users log in to, until the other one of the pod says that all is over.
set -eu
until [ -e "$SSHD_CONFIG_FILE" ]; do sleep 0.2; done
mkdir -p /run/sshd
ssh-keygen -q -A
# shellcheck disable=SC2086  # words
/usr/sbin/sshd $SSHD_OPTIONS
echo "sshd listens"
until [ -e "$IMAGE_ROOT_PARENT/over" ]; do sleep 0.2; done
