#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives -> corpus: licence, filters, duplicates, hold-outs, and the manifest TRAINING_DATA.tsv.

Writes   OUT/train.jsonl: text for the model, of packages with role train, bounded by --cap-mb and --group-mb
         OUT/table.jsonl: text for the table of n-grams, of packages with role train or table, bounded by --table-cap-mb
         OUT/gate.jsonl (role gate): seen by neither, for weighing one against the other
         OUT/heldout_files.jsonl (one file in sixty of the training packages, by content hash), OUT/heldout_packages.jsonl
         (role heldout): for measuring; one {"package","path","lang","text"} a line
Dropped  other licences, generated, minified, huge, non-UTF-8, key material, near duplicates (70 % of a file's longer
         lines already seen)
Changed  leading licence comments go, e-mail addresses and long random strings become placeholders
"""
import argparse
import hashlib
import io
import json
import multiprocessing
import pathlib
import re
import subprocess
import sys
import tarfile
from collections import defaultdict

from fetch import read_sources
from licences import Copyright, name_is_allowed

LANGUAGES = {'py': 'python', 'c': 'c', 'h': 'cpp', 'cc': 'cpp', 'cpp': 'cpp', 'cxx': 'cpp', 'hpp': 'cpp', 'hh': 'cpp',
             'js': 'javascript', 'mjs': 'javascript', 'cjs': 'javascript', 'ts': 'typescript', 'tsx': 'typescript',
             'go': 'go', 'rs': 'rust', 'java': 'java'}
GROUP = {'python': 'python', 'c': 'c-family', 'cpp': 'c-family', 'javascript': 'js-ts', 'typescript': 'js-ts',
         'go': 'go', 'rust': 'rust', 'java': 'java'}
ROLES = ('heldout', 'gate', 'train', 'table')  # in this order: near duplicates of an earlier one leave the later ones
SPLIT_OF = {'heldout': 'heldout_packages'}
MIN_BYTES, MAX_BYTES = 200, 120_000
SKIP_PATH = re.compile(r'(^|/)(dist|build|bundle[sd]?|min|vendor|vendored|_vendor|third[_-]?party|3rdparty|node_modules|'
                       r'fixtures?|test[-_]?data|baselines|conformance|unicode_data|locales?|l10n|i18n)(/|$)|\.min\.|\.d\.ts$|_pb2\.py$|\.pb\.', re.I)
IS_TEST = re.compile(r'(^|/)(tests?|testing|spec|__tests__)(/|$)|(^|/)test_|_test\.|\.test\.|\.spec\.', re.I)
GENERATED = re.compile(r'(auto-?generated|generated (by|from|file)|do not edit|do not modify|machine generated)', re.I)
COPYLEFT = re.compile(r'GNU (Lesser |Library |Affero )?General Public|Mozilla Public License|Eclipse Public|'
                      r'\bA?L?GPL[- v]?[23]|SPDX-License-Identifier:[^\n]*(GPL|MPL|EPL|CDDL)')
PRIVATE_KEY = re.compile(r'BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{30}')
EMAIL = re.compile(r'[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+')
RANDOM = re.compile(r'(?<![A-Za-z0-9+/=_])(?=[A-Za-z0-9+/]*[0-9])(?=[A-Za-z0-9+/]*[A-Za-z])[A-Za-z0-9+/]{40,}={0,2}')
LEGAL = re.compile(r'copyright|licen[sc]e|spdx|all rights reserved|permission is|\bauthors?\b|\(c\)', re.I)
AUTHOR_LINE = re.compile(r'^.*(__author__|__copyright__|@author|\bAuthors?:|Written by|Contributed by).*\n', re.M)
HEAD_COMMENT = re.compile(r'\s*(/\*.*?\*/[ \t]*\n?|(?:[ \t]*//[^\n]*\n)+|(?:[ \t]*#(?!\s*(?:include|if|ifdef|ifndef|pragma|define|error|undef)\b)[^\n]*\n)+)', re.S)


def strip_legal_head(text):
    """Remove leading comments as long as they speak of licence or authors."""
    while True:
        head = HEAD_COMMENT.match(text)
        if not head or not LEGAL.search(head.group(1)):
            return text.lstrip('\n')
        text = text[head.end():]


def clean(raw, path):
    """-> the text to keep, or None"""
    if not MIN_BYTES <= len(raw) <= MAX_BYTES or b'\0' in raw:
        return None
    try:
        text = raw.decode('utf-8')
    except UnicodeDecodeError:
        return None
    if GENERATED.search(text[:1200]) or COPYLEFT.search(text[:4000]) or PRIVATE_KEY.search(text):
        return None
    text = text.lstrip('\ufeff').replace('\r\n', '\n').replace('\r', '\n')
    text = re.sub(r'[ \t]+$', '', text, flags=re.M)
    text = AUTHOR_LINE.sub('', strip_legal_head(text))
    lines = text.split('\n')
    if len(text) / len(lines) > 70 or max(map(len, lines)) > 500 or len(lines) < 8:
        return None
    if sum(map(str.isdigit, text)) > 0.2 * len(text) or len(text.encode()) > 1.03 * len(text) + 20:
        return None
    text, count = RANDOM.subn('xxxxxxxx', text)
    if count > 8:
        return None
    text = EMAIL.sub('user@example.com', text)
    return re.sub(r'\n{4,}', '\n\n\n', text).strip('\n') + '\n'


def tar_members(data, strip_top):
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            if member.isfile() and member.size <= 4 * MAX_BYTES:
                name = member.name.removeprefix('./')
                yield (name.split('/', 1)[-1] if strip_top else name), tar.extractfile(member).read()


def deb_data(path):
    """The data member of a Debian binary package: an ar archive."""
    data, at = path.read_bytes(), 8
    while at < len(data):
        name, size = data[at:at + 16].decode().strip(), int(data[at + 48:at + 58])
        if name.startswith('data.tar'):
            body = data[at + 60:at + 60 + size]
            if name.startswith('data.tar.zst'):
                body = subprocess.run(['zstd', '-dc'], input=body, capture_output=True, check=True).stdout
            return body
        at += 60 + size + size % 2
    raise ValueError(f'{path}: no data member')


def read_package(row, folder):
    """-> version, [(archive name, sha256)], iterator of (path, bytes, licence)"""
    files = sorted(p for p in folder.iterdir() if p.suffix != '.asc')
    version = ''
    if row['kind'] == 'npm':
        archive = files[0]
        members = list(tar_members(archive.read_bytes(), True))
        package = json.loads(dict(members)['package.json'])
        if package.get('license') != row['licence']:
            raise ValueError(f"{row['name']}: licence {package.get('license')} instead of {row['licence']}")
        return package['version'], [archive], ((p, b, row['licence']) for p, b in members)
    if row['kind'] == 'deb':
        archive = files[0]
        version = archive.name.split('_')[1]
        members = list(tar_members(deb_data(archive), False))
        text = next((b.decode(errors='replace') for p, b in members if re.fullmatch(r'usr/share/doc/[^/]+/copyright', p)), '')
        notice = Copyright(text)
        return version, [archive], ((p.split('dist-packages/')[-1], b, notice.of_installed(p.split('dist-packages/')[-1])) for p, b in members)
    upstream = [p for p in files if '.orig' in p.name] or [p for p in files if p.name.endswith(('.tar.gz', '.tar.xz', '.tar.bz2'))]
    debian = next((p for p in files if '.debian.tar' in p.name), upstream[0])
    version = next(p for p in files if p.suffix == '.dsc').stem.split('_')[1]
    text = next(b.decode(errors='replace') for p, b in tar_members(debian.read_bytes(), debian is upstream[0]) if p in ('debian/copyright', 'copyright'))
    notice = Copyright(text)

    def members():
        for archive in upstream:
            for path, body in tar_members(archive.read_bytes(), True):
                yield path, body, row['licence'] if row['licence'] != 'dep5' else notice.of_path(path)
    return version, upstream, members()


class NearDuplicates:
    """Remembers longer lines; a file whose longer lines were mostly seen before is a duplicate."""

    def __init__(self):
        self.seen = set()

    def is_new(self, text):
        marks = {hash(line.strip()) for line in text.split('\n') if len(line.strip()) >= 16}
        if not marks:
            return False
        if len(marks & self.seen) > 0.7 * len(marks):
            return False
        self.seen |= marks
        return True


def choose(files, cap, test_share):
    """Keep files in content-hash order up to `cap` bytes, tests up to their share."""
    kept, size, tests = [], 0, 0
    for file in sorted(files, key=lambda f: f['hash']):
        n, is_test = len(file['text'].encode()), bool(IS_TEST.search(file['path']))
        if size + n > cap or (is_test and tests + n > test_share * cap):
            continue
        kept.append(file)
        size, tests = size + n, tests + n * is_test
    return kept


def extract(job):
    """-> version, archives, files whose licence and text are fit to keep, number of files refused by licence"""
    row, folder = job
    version, archives, members = read_package(row, folder)
    files, refused = [], 0
    for path, body, licence in members:
        lang = LANGUAGES.get(path.rsplit('.', 1)[-1].lower()) if '.' in path else None
        if not lang or SKIP_PATH.search(path) or path.startswith('debian/') or (row['keep'] and not path.startswith(row['keep'])):
            continue
        if not name_is_allowed(licence):
            refused += 1
            continue
        text = clean(body, path)
        if text is not None:
            files.append({'package': row['name'], 'path': path, 'lang': lang, 'text': text, 'role': row['role'], 'licence': licence,
                          'hash': hashlib.sha256(text.encode()).hexdigest()})
    return version, archives, files, refused


def extract_or_reason(job):
    try:
        return *extract(job), ''
    except (ValueError, OSError, StopIteration, KeyError, tarfile.TarError, subprocess.CalledProcessError) as error:
        return '', [], [], 0, f'{type(error).__name__} {error}'


def is_heldout_file(file):
    return file['role'] == 'train' and int(file['hash'][-6:], 16) % 60 == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sources', default=str(pathlib.Path(__file__).with_name('sources.tsv')))
    parser.add_argument('--archives', required=True)
    parser.add_argument('--out', required=True)
    parser.add_argument('--manifest', required=True, help='TRAINING_DATA.tsv to write')
    parser.add_argument('--cap-mb', type=float, default=3.0, help='most text of one package and language group')
    parser.add_argument('--table-cap-mb', type=float, default=20.0, help='the same, for the table')
    parser.add_argument('--group-mb', default='python=32,c-family=20,js-ts=13', help='most text of a language group; others are for the table alone')
    parser.add_argument('--jobs', type=int, default=2)
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    duplicates, kept, for_table, rows = NearDuplicates(), [], [], []
    limit = {k: float(v) * 1e6 for k, v in (part.split('=') for part in args.group_mb.split(','))}
    jobs = []
    for row in sorted(read_sources(args.sources), key=lambda r: ROLES.index(r['role'])):
        folder = pathlib.Path(args.archives) / f"{row['kind']}+{row['name'].replace('/', '+')}"
        if folder.is_dir():
            jobs.append((row, folder))
        else:
            print(f"absent: {row['name']}", file=sys.stderr)
    with multiprocessing.Pool(args.jobs) as pool:
        for (row, _), (version, archives, files, refused, reason) in zip(jobs, pool.imap(extract_or_reason, jobs)):
            if reason:
                print(f"left out: {row['name']}: {reason}", file=sys.stderr, flush=True)
                continue
            groups = defaultdict(list)
            for file in files:
                if duplicates.is_new(file['text']):
                    groups[GROUP[file['lang']]].append(file)
            chosen = [f for group, files in groups.items() for f in choose(files, args.cap_mb * 1e6, 0.3)
                      if row['role'] != 'table' and (row['role'] != 'train' or group in limit)]
            of_table = [f for files in groups.values() for f in choose(files, args.table_cap_mb * 1e6, 0.3) if f['role'] in ('train', 'table')]
            kept += chosen
            for_table += of_table
            rows.append((row, version, archives, {f['hash']: f['licence'] for f in chosen + of_table}))
            print(f"{row['name']} {version}: {len(chosen)} files, {sum(len(f['text']) for f in chosen) / 1e6:.2f} MB; for the table "
                  f"{len(of_table)}, {sum(len(f['text']) for f in of_table) / 1e6:.2f} MB; {refused} refused by licence", file=sys.stderr, flush=True)

    training = [f for f in kept if f['role'] == 'train']
    size = {g: sum(len(f['text']) for f in training if GROUP[f['lang']] == g) for g in limit}
    print('before balance (bytes):', size, file=sys.stderr)
    splits = {'train': [], 'table': [f for f in for_table if not is_heldout_file(f)], 'gate': [f for f in kept if f['role'] == 'gate'],
              'heldout_files': [], 'heldout_packages': [f for f in kept if f['role'] == 'heldout']}
    used = defaultdict(float)
    for f in sorted(training, key=lambda f: f['hash']):
        group = GROUP[f['lang']]
        if is_heldout_file(f):
            splits['heldout_files'].append(f)
        elif used[group] < limit[group]:
            used[group] += len(f['text'])
            splits['train'].append(f)
    for name, files in splits.items():
        with open(out / f'{name}.jsonl', 'w') as stream:
            for f in files:
                stream.write(json.dumps({k: f[k] for k in ('package', 'path', 'lang', 'text')}) + '\n')
        by_lang = defaultdict(int)
        for f in files:
            by_lang[f['lang']] += len(f['text'])
        print(f'{name}: {len(files)} files, {sum(by_lang.values()) / 1e6:.1f} MB, {dict(by_lang)}', file=sys.stderr)

    in_split = {name: {f['hash']: len(f['text'].encode()) for f in files} for name, files in splits.items()}
    with open(args.manifest, 'w') as stream:
        stream.write('kind\tpackage\tversion\trole\tarchive\tsha256\tlicences\tfiles\tbytes\ttable_files\ttable_bytes\n')
        for row, version, archives, licences in rows:
            mine = [[in_split[name][h] for h in licences if h in in_split[name]] for name in (SPLIT_OF.get(row['role'], row['role']), 'table')]
            if not any(mine):
                continue
            counts = [n for sizes in (mine if row['role'] == 'train' else [[], mine[1]] if row['role'] == 'table' else [mine[0], []])
                      for n in (len(sizes), sum(sizes))]
            used_licences = {licence for h, licence in licences.items() if any(h in split for split in in_split.values())}
            for i, archive in enumerate(archives):
                digest = hashlib.sha256(archive.read_bytes()).hexdigest()
                stream.write('\t'.join(map(str, (row['kind'], row['name'], version, row['role'], archive.name, digest,
                                                 '; '.join(sorted(used_licences)), *(counts if i == 0 else [''] * 4)))) + '\n')


if __name__ == '__main__':
    main()
