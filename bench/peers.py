#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prefill and decode of Graft's engine beside llama.cpp and programs derived from it: same machine, file and threads, in turns.

usage: bench/peers.py --ours build/release/bench/engine_bench --peer NAME=PATH/TO/llama-bench[,OPTION...] MODEL.gguf...
                      [--depths 0,4096] [--prompt 512] [--generate 64] [--threads N] [--rounds 3] [--json FILE] [--svg FILE]
       bench/peers.py --from FILE.json [--svg FILE]      a run that --json kept, told again without measuring

Every round runs every program once on every model and depth, so that a machine's slow minute falls on all of them. The table
gives the median of the rounds (least to most) in tokens per second, and the best peer's share of ours. A peer that cannot take
a depth (no -d and no -gp), or fails, has an empty cell. --svg draws the same figures as a bar chart (bar_chart.py).
Only the Python standard library. Nothing else may run on the machine: the load average is printed with each round.
"""
import argparse, json, os, statistics, subprocess, sys

from bar_chart import MEASURES, cell, draw, printable


def ours(program, model, depth, args):
    done = subprocess.run([program, model, str(args.prompt), str(args.generate), str(depth), str(args.threads), "3"],
                          capture_output=True, text=True, timeout=args.timeout)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[-200:])
    r = json.loads(done.stdout)
    return {"prefill": r["prefill_tokens_per_second"]["median"], "decode": r["decode_tokens_per_second"]["median"],
            "memory": r["peak_memory_bytes"], "fraction": r["decode_bandwidth_fraction"], "kernels": r["kernels"]}


def has(program, option):
    text = subprocess.run([program, "--help"], capture_output=True, text=True)
    return option in text.stdout + text.stderr


def peer(program, options, model, depth, args):
    """llama-bench; where it has no -d, generation at a depth by -gp (prefill at a depth is not measured)."""
    command = [program, "-m", model, "-t", str(args.threads or os.cpu_count()), "-r", "2", "-o", "json", *options]
    if depth == 0 or has(program, "--n-depth"):
        command += ["-p", str(args.prompt), "-n", str(args.generate)] + (["-d", str(depth)] if depth else [])
    elif has(program, "-gp"):
        command += ["-p", "0", "-n", "0", "-gp", f"{depth},{args.generate}"]
    else:
        return {}
    done = subprocess.run(command, capture_output=True, text=True, timeout=args.timeout)
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip() or done.stdout.strip())[-200:])
    found = {}
    for test in json.loads(done.stdout[done.stdout.index("["):]):
        found["decode" if test["n_gen"] else "prefill"] = test["avg_ts"]
    return found


def measure(programs, args):
    """-> {(model, depth, measure): {program: a value for each round}}"""
    samples = {}
    for turn in range(args.rounds):
        for model in args.models:
            for depth in map(int, args.depths.split(",")):
                for name, how in programs.items():
                    print(f"round {turn + 1} of {args.rounds}: {name}, {os.path.basename(model)}, depth {depth}, "
                          f"load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
                    try:
                        got = ours(args.ours, model, depth, args) if how is None else peer(*how, model, depth, args)
                    except (RuntimeError, ValueError, KeyError, OSError, subprocess.TimeoutExpired) as error:
                        print(f"  failed: {error}", file=sys.stderr)
                        continue
                    for key, value in got.items():
                        samples.setdefault((os.path.basename(model), depth, key), {}).setdefault(name, []).append(value)
    return samples


def keep(path, names, samples):
    with open(path, "w") as file:
        json.dump([{"model": model, "depth": depth, "measure": key, "samples": {name: by_name.get(name, []) for name in names}}
                   for (model, depth, key), by_name in samples.items()], file, indent=1)


def kept(path):
    """-> (names, samples) of a run that keep() wrote. ValueError: what it has that no such run has."""
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)
    if not isinstance(rows, list):
        raise ValueError("a list of rows is expected")
    names, samples = {"graft": None}, {}
    for place, row in enumerate(rows, 1):
        wrong = what_is_wrong(row) or (row["model"], row["depth"], row["measure"]) in samples and "it stands twice"
        if wrong:
            raise ValueError(f"row {place}: {wrong}")
        names.update(dict.fromkeys(row["samples"]))
        samples[row["model"], row["depth"], row["measure"]] = {name: values for name, values in row["samples"].items() if values}
    if not any(key in MEASURES for _, _, key in samples):
        raise ValueError("nothing of prefill or decode")
    return list(names), samples


def what_is_wrong(row):
    if not isinstance(row, dict) or set(row) != {"model", "depth", "measure", "samples"}:
        return "model, depth, measure and samples are expected"
    if not isinstance(row["model"], str) or not isinstance(row["measure"], str):
        return "model and measure are not both text"
    if type(row["depth"]) is not int or row["depth"] < 0:
        return "the depth is not a number of tokens"
    by_name = row["samples"]
    if not isinstance(by_name, dict) or not all(isinstance(values, list) for values in by_name.values()):
        return "samples are not a list for each program"
    if row["measure"] != "kernels" and not all(type(v) in (int, float) and 0 <= v <= sys.float_info.max for values in by_name.values() for v in values):
        return "a sample is not a number of 0 or more"  # of kernels it is a word
    return None


def table(names, samples):
    def plain(words):
        return printable(words).replace("|", "\\|")
    lines = ["| model | depth | | " + " | ".join(map(plain, names)) + " | of the best peer | decode of bandwidth | peak memory |",
             "|" + "---|" * (len(names) + 6)]
    for (model, depth, key), by_name in samples.items():
        if key not in MEASURES:
            continue
        mine = statistics.median(by_name["graft"]) if "graft" in by_name else 0
        best = max((statistics.median(v) for n, v in by_name.items() if n != "graft"), default=0)
        ratio = f"{mine / best:.2f}" if mine and best else ""
        beside = {k: samples.get((model, depth, k), {}).get("graft", []) for k in ("fraction", "memory")}
        fraction = f"{statistics.median(beside['fraction']):.2f}" if key == "decode" and beside["fraction"] else ""
        memory = f"{max(beside['memory']) / 1e6:,.0f} MB" if key == "decode" and beside["memory"] else ""
        cells = " | ".join(cell(by_name.get(n, [])) for n in names)
        lines.append(f"| {plain(model)} | {depth:,} | {key} | {cells} | {ratio} | {fraction} | {memory} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    parser.add_argument("--ours")
    parser.add_argument("--peer", action="append", default=[], help="NAME=PROGRAM[,OPTION...]")
    parser.add_argument("--depths", default="0,4096")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=int, default=900, help="seconds for one program")
    parser.add_argument("--json", help="keep the run here")
    parser.add_argument("--from", dest="kept", metavar="FILE", help="a run that --json kept: nothing is measured")
    parser.add_argument("--svg", help="draw the run here")
    args = parser.parse_args()
    if args.kept:
        if args.models or args.ours or args.peer or args.json:
            parser.error("--from measures nothing: it goes with --svg alone")
        try:
            names, samples = kept(args.kept)
        except (OSError, ValueError, RecursionError) as error:
            print(f"peers.py: {args.kept} is not a run that --json kept: {error}", file=sys.stderr)
            sys.exit(2)
    else:
        if not args.models or not args.ours:
            parser.error("--ours and a model are needed, or --from")
        programs = {"graft": None}
        for spec in args.peer:
            name, _, rest = spec.partition("=")
            program, *options = rest.split(",")
            programs[name] = (program, options)
        names, samples = list(programs), measure(programs, args)
    print(table(names, samples))
    if args.json:
        keep(args.json, names, samples)
    if args.svg:
        with open(args.svg, "w", encoding="utf-8") as file:
            file.write(draw(names, samples))


if __name__ == "__main__":
    main()
