# SPDX-License-Identifier: Apache-2.0
"""Which files of a Debian package are under a permissive licence: debian/copyright against an allow-list.

Source   Debian "Machine-readable debian/copyright file", version 1.0 (DEP-5): the last Files paragraph that matches a path
         decides; `*` in a pattern also matches slashes.
"""
import fnmatch
import re

# Lower-case prefixes of licence short names. Anything else is refused, an unknown or missing name too.
ALLOWED = ('expat', 'mit', 'x11', 'isc', 'bsd-2', 'bsd-3', 'bsd2', 'bsd3', 'bsd', '0bsd', 'apache', 'zlib', 'libpng',
           'public-domain', 'public domain', 'cc0', 'bsl', 'boost', 'curl', 'psf', 'python', 'postgresql', 'unlicense',
           'u-of-i-bsd', 'ncsa', 'unicode', 'hpnd', 'permissive')
REFUSED = re.compile(r'gpl|mpl|epl|cddl|artistic|bsd-4|bsd4|cc-by|ofl|4-clause|non-?commercial|advert', re.I)


def name_is_allowed(name):
    """`name` is a DEP-5 licence expression: alternatives need one allowed part, conjunctions all of them."""
    name = name.strip().lower()
    if not name:
        return False
    if ' or ' in name and ' and ' not in name:
        return any(name_is_allowed(part) for part in re.split(r',?\s+or\s+', name))
    if ' and ' in name or ',' in name:
        return all(name_is_allowed(part) for part in re.split(r',?\s+(?:and|or)\s+|,', name) if part.strip())
    return name.startswith(ALLOWED) and not REFUSED.search(name)


class Copyright:
    """One debian/copyright file. `of_path` answers for source trees, `of_installed` for the files of a binary package."""

    def __init__(self, text):
        self.stanzas = []  # (patterns, licence short name), in file order
        self.machine_readable = 'copyright-format/1.0' in text[:2000] or 'dep5' in text[:2000].lower()
        for block in re.split(r'\n[ \t]*\n', text):
            fields = dict(re.findall(r'^(Files|License):[ \t]*((?:.*)(?:\n[ \t]+.*)*)', block, re.M))
            if 'Files' in fields and 'License' in fields:
                self.stanzas.append((fields['Files'].split(), fields['License'].split('\n')[0].strip()))

    def of_path(self, path):
        """-> licence short name of a path relative to the source root, '' when no paragraph matches"""
        found = ''
        for patterns, licence in self.stanzas:
            if any(fnmatch.fnmatchcase(path, p.removeprefix('./')) for p in patterns):
                found = licence
        return found

    def of_installed(self, path):
        """Installed paths differ from source paths, so this is cautious: any refused paragraph that could mean the file
        refuses it. -> licence short name, '' when refused or undecided."""
        main = ''
        for patterns, licence in self.stanzas:
            for p in (p.removeprefix('./') for p in patterns):
                if p.startswith('debian/'):
                    continue
                if p == '*':
                    main = licence
                elif not name_is_allowed(licence):
                    tails = {p, p.split('/', 1)[-1], '/'.join(p.split('/')[-2:])} - {'*'}
                    if any(fnmatch.fnmatchcase(path, t) or fnmatch.fnmatchcase(path, '*/' + t) for t in tails):
                        return ''
        return main
