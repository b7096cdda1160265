#!/bin/bash
set -eu
name=world
greet() {
  local who=$1
  if [[ -n "$who" ]]; then
    echo "hello ${who:-nobody}" | tr a-z A-Z
  fi
}
for i in 1 2 3; do greet "$i"; done
cat <<EOF
text $name
EOF
