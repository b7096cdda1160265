#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# stdio.sh GRAFT: the program by itself: its exit codes, and nothing but messages on standard output.
set -uo pipefail
graft=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_STATE_HOME=$folder/state
mkdir "$folder/tree"
echo 'x = 1' >"$folder/tree/a.py"
failed=0
check() { # check WHAT EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then echo "ok: $1"; else echo "FAILED: $1: expected '$2', got '$3'"; failed=1; fi
}

hello='{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'
out=$(printf '%s\n%s' "$hello" '{"jsonrpc":"2.0","id":2,"method":"tools/list"}' | "$graft" -C "$folder/tree" mcp 2>"$folder/err")
check "the end of its input ends it with 0" 0 $?
check "a message each on its line, the last without its end too" 2 "$(printf '%s\n' "$out" | grep -c '^{"jsonrpc":"2.0","id":[12],"result":{.*}$')"
check "nothing else on standard output" 2 "$(printf '%s\n' "$out" | wc -l)"

# A line over the bound is read past; what follows is answered.
{ head -c 170000000 /dev/zero | tr '\0' 'x'; printf '\n%s\n' "$hello"; } | "$graft" -C "$folder/tree" mcp >"$folder/out" 2>"$folder/err"
check "a line without end does no harm" 0 $?
check "its error has no id" 1 "$(grep -c '^{"jsonrpc":"2.0","error":{"code":-32600,' "$folder/out")"
check "the next message is answered" 1 "$(grep -c '"protocolVersion":"2025-11-25"' "$folder/out")"

"$graft" -C "$folder/none" mcp </dev/null >"$folder/out" 2>"$folder/err"
check "a folder that is not there is wrong use" 2 $?
"$graft" -C / mcp </dev/null >"$folder/out" 2>"$folder/err"
check "so is the whole file system" 2 $?
check "and the way out is said" 1 "$(grep -c -- '-C' "$folder/err")"
"$graft" mcp --no-such-option </dev/null >"$folder/out" 2>"$folder/err"
check "so is an unknown option" 2 $?
check "and standard output stays empty" 0 "$(wc -c <"$folder/out")"

mkfifo "$folder/in"
"$graft" -C "$folder/tree" mcp <"$folder/in" >"$folder/out" 2>"$folder/err" &
pid=$!
exec 3>"$folder/in"
printf '%s\n' "$hello" >&3
until grep -q '"id":1' "$folder/out"; do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
kill -TERM "$pid"
wait "$pid"
check "SIGTERM ends it with 130" 130 $?
exec 3>&-
exit "$failed"
