#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bring the source archives named in sources.tsv into one folder.

Uses only the ordinary clients: `apt-get source --download-only`, `apt-get download`, `npm pack`. A package that the
mirror lacks is reported and left out; what was really used stands in TRAINING_DATA.tsv, with hashes.
`apt-get source` needs deb-src entries: on a machine without them give --apt-config a file that points apt at a
private state folder and a sources.list of your own, so that the system's apt is not touched.
"""
import argparse
import os
import pathlib
import subprocess
import sys


def read_sources(path):
    """-> list of dicts with kind, name, role, licence, keep (tuple of prefixes, empty: everything)."""
    rows = []
    for line in pathlib.Path(path).read_text().splitlines():
        if not line.strip() or line.startswith('#'):
            continue
        kind, name, role, licence, keep = line.split('\t')
        rows.append({'kind': kind, 'name': name, 'role': role, 'licence': licence,
                     'keep': () if keep == '*' else tuple(keep.split(','))})
    return rows


def command_for(row):
    if row['kind'] == 'deb-src':
        return ['apt-get', 'source', '--download-only', row['name']]
    if row['kind'] == 'deb':
        return ['apt-get', 'download', row['name']]
    if row['kind'] == 'npm':
        return ['npm', 'pack', '--ignore-scripts', '--silent', row['name']]
    raise ValueError(f"unknown kind {row['kind']} in sources.tsv")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sources', default=str(pathlib.Path(__file__).with_name('sources.tsv')))
    parser.add_argument('--archives', required=True, help='folder for the archives')
    parser.add_argument('--apt-config', help='an apt configuration file to use instead of the system one')
    args = parser.parse_args()
    env = dict(os.environ)
    if args.apt_config:
        env['APT_CONFIG'] = os.path.abspath(args.apt_config)
    missing = []
    for row in read_sources(args.sources):
        folder = pathlib.Path(args.archives) / f"{row['kind']}+{row['name'].replace('/', '+')}"
        if folder.is_dir() and any(folder.iterdir()):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(command_for(row), cwd=folder, env=env, capture_output=True, text=True)
        if done.returncode:
            missing.append(row['name'])
            folder.rmdir() if not any(folder.iterdir()) else None
            print(f"missing: {row['kind']} {row['name']}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        else:
            print(f"fetched: {row['kind']} {row['name']}", file=sys.stderr, flush=True)
    print(f'{len(missing)} packages could not be had: {" ".join(missing)}', file=sys.stderr)


if __name__ == '__main__':
    main()
