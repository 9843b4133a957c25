#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""K28: where secrets are handled, nothing is compared with a function that stops at the first difference."""
import os
import pathlib
import re
import sys

top = pathlib.Path(os.environ.get('srcdir', '.'))
EARLY_OUT = re.compile(r'(?<![a-z_])(memcmp|bcmp|strcmp|strncmp|strcasecmp)\s*\(')
SECRET_EQ = re.compile(r'\bstr_eq\s*\([^;]*(secret|\bmac\b|token|nonce)')
# file -> why a plain comparison is right there
EXCUSED = {'app/signin/revoke.c': 'fingerprints in a table of revocations, which are no secrets'}
problems = []
files = [*sorted((top / 'app/signin').glob('*.c')), *sorted((top / 'app/base').glob('seal*.c'))]
for path in files:
    name = str(path.relative_to(top))
    text = re.sub(r'/\*.*?\*/', lambda m: re.sub(r'[^\n]', ' ', m.group(0)), path.read_text(), flags=re.S)
    for number, line in enumerate(text.split('\n'), 1):
        found = EARLY_OUT.search(line) or SECRET_EQ.search(line)
        if found and name not in EXCUSED:
            problems.append(f'{name}:{number}: {found.group(1)} in a comparison: sodium_memcmp or str_eq_secret')
if not files:
    problems.append('no files found')
print('\n'.join(problems) or f'{len(files)} files compare secrets in constant time')
sys.exit(1 if problems else 0)
