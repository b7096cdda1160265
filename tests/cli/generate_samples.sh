#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# generate_samples.sh GRAFT MODEL: the options of `graft model generate` that say how tokens are drawn and where a text ends.
set -euo pipefail
graft=$1 model=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf 'def add(a, b):\n    return ' >"$folder/prompt"
run() { "$graft" model generate "$model" --prompt "$folder/prompt" "$@"; }
fail() { echo "$1" >&2; exit 1; }
lines=(--regex '[a-z]{3}\n[a-z]{3}\n[a-z]{9}' --max-tokens 24)  # whatever the model would rather write
plain=$(run "${lines[@]}")
[[ $plain =~ ^[a-z]{3}$'\n'[a-z]{3}$'\n'[a-z]{9}$ ]] || fail "not three lines: $plain"

# A stop cuts before it, in what is shown as in the report.
[[ $(run "${lines[@]}" --stop '\n' 2>/dev/null) == "${plain%%$'\n'*}" ]] || fail "--stop did not end the text at its first line"
[[ $(run "${lines[@]}" --stop '\n' 2>&1 >/dev/null) == '--stop ended the text before it was whole' ]] || fail "nothing says that the text is not whole"
run "${lines[@]}" --json --stop '\n' | grep -q '"reason":"stop_string"' || fail "the report names no stop string"

# The likeliest token is told with its neighbours; where it is ruled out, the next one comes.
read -r likeliest second <<<"$(run --max-tokens 1 --json --logprobs 2 | python3 -c '
import json, sys
(step,) = json.load(sys.stdin)["steps"]
likeliest, second = step["top"]
assert step["token"] == likeliest["token"] and step["logprob"] == likeliest["logprob"] >= second["logprob"]
print(likeliest["token"], second["token"])')"
run --max-tokens 1 --json --logit-bias "$likeliest=-inf" | grep -q "\"tokens\":\[$second\]" || fail "--logit-bias did not rule a token out"

# Draws: the same for a seed, others for another; of one token there is no choice.
draw() { run "${lines[@]}" --temperature 1 "$@"; }
[[ $(draw --seed 5) == "$(draw --seed 5)" ]] || fail "a seed does not repeat"
[[ $(draw --seed 5) != "$(draw --seed 6)" ]] || fail "two seeds write the same"
[[ $(draw --seed 5 --top-k 1) == "$plain" ]] || fail "--top-k 1 is not the likeliest"

# What cannot be is said.
refused() { local said; if said=$(run "${@:2}" 2>&1); then return 1; fi; [[ $said == *"$1"* ]]; }
refused 'a whole number from 0 on' --seed -1 || fail "a negative seed was taken"
refused 'needs ID=VALUE' --logit-bias 3=nan || fail "a bias that is no number was taken"
refused 'needs ID=VALUE' --logit-bias 3 || fail "a bias without a value was taken"
refused 'not in the vocabulary' --logit-bias 999999=1 || fail "a token that is none was taken"
