#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write models/NOTICE: the packages whose text the model was trained on or the table counted, their licences and copyright holders.

Holders are the Copyright field of the main paragraph of debian/copyright, or the copyright lines of an npm package's
licence file; addresses are left out.
"""
import argparse
import csv
import pathlib
import re

from corpus import EMAIL, deb_data, tar_members

HEAD = '''NOTICE for models/graft-tiny.gguf and models/graft-tiny.ngrams

The model was trained on text from packages below, and the table of n-grams counted text of all of them, all under permissive licences;
the licence of each file was read from the package (TRAINING_DATA.tsv has versions, hashes and counts). No file of theirs is distributed here. With thanks to their
authors:

'''


def copyright_text(kind, folder):
    files = sorted(p for p in folder.iterdir() if p.suffix != '.asc')
    if kind == 'npm':
        members = tar_members(files[0].read_bytes(), True)
        return next((b.decode(errors='replace') for p, b in members if re.fullmatch(r'licen[sc]e(\.\w+)?', p, re.I)), '')
    if kind == 'deb':
        members = tar_members(deb_data(files[0]), False)
        return next((b.decode(errors='replace') for p, b in members if re.fullmatch(r'usr/share/doc/[^/]+/copyright', p)), '')
    debian = next((p for p in files if '.debian.tar' in p.name), files[0])
    return next(b.decode(errors='replace') for p, b in tar_members(debian.read_bytes(), False) if p.endswith('debian/copyright'))


def holders(text):
    """-> up to four copyright lines"""
    main = next((b for b in re.split(r'\n[ \t]*\n', text) if re.search(r'^Files:[ \t]*\*[ \t]*$', b, re.M)), '')
    field = re.search(r'^Copyright:[ \t]*(.*(?:\n[ \t]+.*)*)', main, re.M)
    lines = field.group(1).split('\n') if field else re.findall(r'^\W*(Copyright .*\b(?:19|20)\d\d.*)', text, re.M)
    clean = []
    for line in lines:
        line = re.sub(r'^(copyright|\(c\)|©|\s|:|-|\*)+', '', re.sub(r'<[^>]*>?|\([^)]*@[^)]*\)', '', EMAIL.sub('', line)), flags=re.I).strip(' .,\\')
        if line and line not in clean:
            clean.append(line)
    return clean[:4] + (['and others'] if len(clean) > 4 else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--manifest', required=True)
    parser.add_argument('--archives', required=True)
    parser.add_argument('--out', required=True)
    args = parser.parse_args()
    out = [HEAD]
    for row in csv.DictReader(open(args.manifest), delimiter='\t'):
        if row['role'] not in ('train', 'table') or not row['files']:
            continue
        folder = pathlib.Path(args.archives) / f"{row['kind']}+{row['package'].replace('/', '+')}"
        out.append(f"{row['package']} {row['version']} ({row['licences']})\n")
        text = 'Copyright 2001 Python Software Foundation' if row['licences'] == 'PSF-2.0' else copyright_text(row['kind'], folder)
        out += [f'  {line}\n' for line in holders(text)]
    pathlib.Path(args.out).write_text(''.join(out))


if __name__ == '__main__':
    main()
