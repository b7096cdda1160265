# SPDX-License-Identifier: Apache-2.0
# scripts/lib.sh: what the scripts share. Sourced, not run.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=${GRAFT_JOBS:-$(nproc)}

if [ -t 2 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'; else bold= dim= red= green= plain=; fi
say() { printf '%s==>%s %s\n' "$bold" "$plain" "$*" >&2; }
fail() { printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2; exit 2; }

# A long step: `step "what" command...` shows the time, hides the output and prints its end if the step fails.
step() {
  local what=$1 log start rc=0
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/graft-step.XXXXXX")
  start=$SECONDS
  say "$what"
  "$@" >"$log" 2>&1 || rc=$?
  if [ "$rc" != 0 ]; then
    tail -n 40 "$log" >&2
    rm -f "$log"
    fail "$what: exit $rc"
  fi
  rm -f "$log"
  printf '    %sdone in %s s%s\n' "$dim" $((SECONDS - start)) "$plain" >&2
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    fail "these packages need root: $* (run as root or install sudo)"
  fi
}

# Installs those of the named Debian packages that are missing; asks nothing, and touches nothing if all are there.
need_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  command -v apt-get >/dev/null || fail "missing: ${missing[*]} (this script installs Debian packages; install these by hand)"
  step "refreshing package lists" as_root apt-get -o DPkg::Lock::Timeout=600 update -q
  step "installing ${missing[*]}" as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=600 install -y -q --no-install-recommends "${missing[@]}"
}

# npm from the machine if there is one, else Debian's.
need_npm() { command -v npm >/dev/null || need_packages nodejs npm; }

# need_node_modules FOLDER LOCKED: FOLDER/node_modules as LOCKED/package-lock.json says, no install script run.
# A stamp of the lock file, beside the modules that it speaks of, makes a second call free.
need_node_modules() {
  local folder=$1 locked=$2 stamp
  stamp=$(cat "$locked/package.json" "$locked/package-lock.json" | sha256sum | cut -d' ' -f1)
  [ -d "$folder/node_modules" ] && [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$stamp" ] && return 0
  need_npm
  mkdir -p "$folder"
  [ "$folder" -ef "$locked" ] || cp "$locked/package.json" "$locked/package-lock.json" "$folder/"
  step "installing npm packages of ${locked#"$root"/}" npm ci --prefix "$folder" --ignore-scripts --legacy-peer-deps --no-audit --no-fund
  printf '%s' "$stamp" >"$folder/.stamp"
}

# A python3 that has pytest: the user's own if it has it, else Debian's.
python_with_pytest() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -c 'import pytest' 2>/dev/null; then command -v "$python"; return; fi
  done
  need_packages python3 python3-pytest
  echo /usr/bin/python3
}
