#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# as_user.sh PROBE TEST...: as root, runs each test program once more as the user "nobody". Exit 77: skipped.
set -eu
if [ "$(id -u)" -ne 0 ]; then echo "[skipped] sandbox: not root, so the tests run as an ordinary user anyway"; exit 77; fi
command -v setpriv > /dev/null || { echo "[skipped] sandbox: setpriv (util-linux) is not here"; exit 77; }
folder=$(mktemp -d /tmp/graft-as-user-XXXXXX)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/home" "$folder/tmp"
cp "$@" "$folder"
chown nobody "$folder/home" "$folder/tmp"
chmod 755 "$folder"
probe=$folder/$(basename "$1")
shift
for test in "$@"; do
  cd "$folder/tmp"
  setpriv --reuid=nobody --regid=nogroup --clear-groups \
    env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$folder/home" TMPDIR="$folder/tmp" GRAFT_ESCAPE_PROBE="$probe" \
    "$folder/$(basename "$test")"
done
