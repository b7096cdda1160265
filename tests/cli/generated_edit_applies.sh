#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What `graft model generate --edit` writes, `graft apply` takes: the shipped model's wildest draws, in both formats.
# Usage: generated_edit_applies.sh GRAFT MODEL
set -eu
graft=$1 model=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
git init -q .
printf 'one\n\ntwo = 2\nthree\n' > 'a file.txt'
printf '=======\nx\nx\n' > b.rst
n_whole=0
for format in search-replace line-ops; do
  for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
    if ! "$graft" model generate "$model" --prompt b.rst --edit $format --edit-file 'a file.txt' --edit-file ./b.rst \
      --temperature 1.5 --seed $seed --max-tokens 150 > edit 2> said; then
      cat said
      exit 1
    fi
    if [ -s said ]; then continue; fi # not whole after so many tokens
    n_whole=$((n_whole + 1))
    "$graft" apply --format $format --dry-run edit > patch || { cat edit; exit 1; }
    grep -q '^@@' patch
  done
done
echo "$n_whole edits apply"
[ $n_whole -ge 4 ]
