#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/http.md and the source name the same paths, outcomes, errors, headers and limits: neither has one that the other lacks."""
import os
import pathlib
import re
import sys

top = pathlib.Path(os.environ.get('srcdir', '.'))
text = (top / 'docs/http.md').read_text()
problems = []


def source(name):
    return (top / 'app' / name).read_text()


def section(title):
    """The lines of the table below that heading."""
    part = re.search(rf'^## {re.escape(title)}\n(.*?)(?=^## |\Z)', text, re.S | re.M)
    if not part:
        sys.exit(f'docs/http.md has no section "{title}"')
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in part.group(1).splitlines() if line.startswith('|')]
    return part.group(1), rows[2:]


def compare(what, documented, there):
    for one in sorted(there - documented):
        problems.append(f'{what}: docs/http.md says nothing of {one}')
    for one in sorted(documented - there):
        problems.append(f'{what}: docs/http.md names {one}, which is not in the source')


def words(cell):
    return tuple(re.findall(r'`([^`]+)`', cell))


# Paths: rows of signin.c's table.
routes = source('signin/signin.c')
methods = {'ANY_METHOD': 'any', 'WEB_GET': 'GET', 'WEB_POST': 'POST', 'WEB_DELETE': 'DELETE'}
there = {f'{methods[method]} {path}' for method, path in re.findall(r'^    \{(\w+), "(/[^"]*)", ROW\(', routes, re.M)}
documented = {f'{cells[0].split()[0]} {words(cells[0])[0]}' for cells in section('Paths')[1]}
compare('paths', documented, there)

# Outcomes and errors: rows of outcome.c's table.
outcomes, errors = set(), {}
for row in re.findall(r'\[OUTCOME_\w+\] =\s*\{(.*?)\}', source('signin/outcome.c'), re.S):
    field = {key: value.strip('"') for key, value in re.findall(r'\.(word|error|status) = ("[^"]*"|\d+)', row)}
    outcomes.add(' '.join([field['word'], field['status'], field.get('error', '')]).strip())
    if 'error' in field:
        errors.setdefault(field['error'], set()).add(field['status'])
rows = section('Outcomes')[1]
compare('outcomes', {' '.join([words(cells[0])[0], cells[1], *words(cells[2])]) for cells in rows}, outcomes)
# An error's own row is the status that it usually has; 503 and 400 of rare outcomes that share its word stand with those.
for cells in section('Errors')[1]:
    error, statuses = words(cells[0])[0], set(cells[1].split(', '))
    if not statuses <= errors.get(error, set()):
        problems.append(f'errors: {error} never has the status {cells[1]}')
compare('errors', {words(cells[0])[0] for cells in section('Errors')[1]}, set(errors))

# Headers: what auth.c writes, and what the shipped nginx file hands on and strips.
there = set(re.findall(r'"(X-Weigate-\w+)"', source('signin/auth.c')))
compare('headers', {words(cells[0])[0] for cells in section('Headers')[1]}, there)
snippet = (top / 'scripts/nginx/weigate.conf').read_text()
for header in sorted(there):
    name = header.removeprefix('X-Weigate-')
    for form in (f'X-Weigate-{name}', f'X_Weigate_{name}', f'X-Weigate_{name}', f'X_Weigate-{name}'):
        if not re.search(rf'^proxy_set_header {form} ', snippet, re.M):
            problems.append(f'headers: scripts/nginx/weigate.conf does not set or strip {form}')
    for line in (f'auth_request_set ${"weigate_" + name.lower()} ', f'fastcgi_param HTTP_X_WEIGATE_{name.upper()} '):
        if line not in snippet:
            problems.append(f'headers: scripts/nginx/weigate.conf has no line "{line.strip()}"')

# Limits.
limits = {'URL_NEXT_MAX_BYTES': 'web/url.h', 'BODY_MAX_BYTES': 'signin/session_api.c', 'FCGI_REQUEST_MAX_BYTES': 'fcgi/reactor.h',
          'FCGI_PARAMS_MAX_COUNT': 'fcgi/reactor.h', 'COMPLETE_CODE_MAX_BYTES': 'signin/complete.h', 'ATTEMPTS_MAX_BYTES': 'signin/attempt.h',
          'ATTEMPTS_MAX': 'signin/attempt.h'}
said = section('Limits')[0]
for name, path in limits.items():
    value = int(re.search(rf'#define {name}\s+(\d+)', source(path)).group(1))
    if not re.search(rf'(?<![\d,]){value:,}(?![\d,]\d)', said):
        problems.append(f'limits: {name} is {value:,}, which docs/http.md does not say')

# Parameters of /login and the words that they take.
login = source('signin/login.c')
for name in re.findall(r'read_word\(query, "(\w+)"', login) + ['next']:
    if not re.search(rf'^\| `{name}` \|', text, re.M):
        problems.append(f'parameters: docs/http.md says nothing of {name}')
for word in re.findall(r'STR\("(snsapi_\w+|auto)"\)', login) + re.findall(r'"(zh_CN|zh_TW|en)"', login):
    if f'`{word}`' not in text:
        problems.append(f'parameters: docs/http.md says nothing of {word}')

print('\n'.join(problems) or f'{len(outcomes)} outcomes, {len(errors)} errors and all paths, headers and limits are in docs/http.md')
sys.exit(1 if problems else 0)
