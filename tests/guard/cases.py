#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every case of tests/cases.txt is named by a test, and tests name no case that is not there."""
import os
import pathlib
import re
import sys

top = pathlib.Path(os.environ.get('srcdir', '.'))
listed, excused = set(), set()
for line in (top / 'tests/cases.txt').read_text().splitlines():
    if line and not line.startswith('#'):
        case, word = line.split()[:2]
        listed.add(case)
        if word == '!':
            excused.add(case)

# Groups that the list does not know yet may stand in comments.
ID = re.compile(rf'(?<![A-Za-z0-9])([{"".join(sorted({case[0] for case in listed}))}]\d\d)(?![A-Za-z0-9])')
named = {}
for path in sorted((top / 'tests').rglob('*')):
    if path.suffix in ('.c', '.py', '.sh', '.h') and path.name != 'cases.py':
        for case in set(ID.findall(path.read_text(errors='replace'))) - {'C99', 'M20'}:  # a language and a stroke of an SVG path, no cases
            named.setdefault(case, path.relative_to(top))

missing = sorted(listed - excused - set(named))
unknown = sorted(set(named) - listed)
for case in missing:
    print(f'{case}: no test names it')
for case in unknown:
    print(f'{case}: named in {named[case]}, but not in tests/cases.txt')
print(f'{len(listed)} cases, {len(excused)} cannot occur, {len(missing)} without a test')
sys.exit(1 if missing or unknown else 0)
