#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""app/kit/README.md names every check, under the numbers that its row in the chapter gives, and no check that is not there."""
import os
import pathlib
import re
import sys

top = pathlib.Path(os.environ.get('srcdir', '.'))
NUMBERS = range(1, 107)
checks = {}
for path in sorted((top / 'app/kit').glob('*.c')):
    for name, row in re.findall(r'CHECK\((\w+)\)(.*?)\},?\n', path.read_text(), flags=re.S):
        found = re.search(r'\.numbers = "([^"]*)"', row)
        checks[name] = {int(number) for number in found.group(1).split(',')} if found else set()

text = (top / 'app/kit/README.md').read_text()
rows = {int(number): set(re.findall(r'`([a-z]\w+)`', cell)) for number, cell in re.findall(r'^\| (\d+) \| [^|]+ \| (.+) \|$', text, flags=re.M)}
problems = [f'number {number} has no row' for number in NUMBERS if number not in rows]
for name, numbers in checks.items():
    if f'`{name}`' not in text:
        problems.append(f'{name}: not in the list')
    problems += [f'{name}: not in the row of {number}' for number in numbers if name not in rows.get(number, ())]
for number, names in rows.items():
    problems += [f'{name}: in the row of {number}, and no check' for name in names if '_' in name and name not in checks and name != 'mono_ms']
saboteurs = [line.split()[:2] for line in (top / 'tests/store/saboteurs/list.txt').read_text().splitlines() if not line.startswith('#')]
problems += [f'saboteur {name}: there is no check {check}' for name, check in saboteurs if check not in checks]
print('\n'.join(problems) or f'{len(checks)} checks, {len(saboteurs)} saboteurs')
sys.exit(1 if problems else 0)
