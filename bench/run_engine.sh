#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bench/run_engine.sh MODEL...: prefill and decode at growing context, one CSV line each, with commit and machine.
# PROGRAM names another engine_bench; PROMPT, GENERATE, THREADS and REPEAT set its arguments, DEPTHS the contexts.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
program=${PROGRAM:-$root/build/release/bench/engine_bench}
[ $# -gt 0 ] || { echo "usage: bench/run_engine.sh MODEL..." >&2; exit 2; }
[ -x "$program" ] || { echo "$program is missing: run cmake --preset release && ninja -C build/release engine_bench" >&2; exit 2; }
commit=$(git -C "$root" rev-parse --short HEAD)
machine=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1 | tr -d ,)
echo "model,depth,prefill_median,prefill_min,prefill_max,decode_median,decode_min,decode_max,decode_bandwidth_fraction,peak_memory_bytes,load_seconds,load_average,kernels,threads,commit,machine"
for model in "$@"; do
  for depth in ${DEPTHS:-0 1024 4096}; do
    "$program" "$model" "${PROMPT:-512}" "${GENERATE:-64}" "$depth" "${THREADS:-0}" "${REPEAT:-5}" |
      python3 -c '
import json, os, sys
r = json.load(sys.stdin)
spread = lambda s: [round(s[k], 1) for k in ("median", "min", "max")]
print(*[r["model"], r["depth"], *spread(r["prefill_tokens_per_second"]), *spread(r["decode_tokens_per_second"]),
        round(r["decode_bandwidth_fraction"], 3), r["peak_memory_bytes"], round(r["load_seconds"], 3),
        round(os.getloadavg()[0], 1), r["kernels"], r["threads"], *sys.argv[1:]], sep=",")' "$commit" "$machine"
  done
done
