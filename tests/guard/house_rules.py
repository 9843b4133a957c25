#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the house that a machine can read: heads, lengths, functions better left alone, tests that sleep, words of unfinished work."""
import os
import pathlib
import re
import sys

top = pathlib.Path(os.environ.get('srcdir', '.'))
FILE_LINES_MAX = 500
HEADER_LINES_MAX = 600  # <weigate/storage.h>: members and extensions are only ever appended
FUNCTION_LINES_MAX = 80
LINE_MAX = 160  # .clang-format breaks code at 130; a comment or a table row may be a little longer
FORBIDDEN = re.compile(r'\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|system|popen|alloca|tmpnam|mktemp|rand|srand)\s*\(')
UNFINISHED = re.compile(r'\b(T[O]DO|F[I]XME|X[X]X)\b')
SLEEPS = re.compile(r'\b(usleep|nanosleep|sleep)\s*\(|time\.sleep|^\s*sleep \d')
problems = []


def complain(path, line, what):
    problems.append(f'{path.relative_to(top)}:{line}: {what}')


def without_comments(text):
    """Comments and literals blanked out, lines kept."""
    def blank(match):
        return re.sub(r'[^\n]', ' ', match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)


def check_functions(path, lines):
    start = None
    for number, line in enumerate(lines, 1):
        if re.match(r'^[A-Za-z_].*[)]\s*(__attribute__.*)?{\s*$', line) or line.startswith('{'):
            start = number
        elif line.startswith('}') and start:
            if number - start > FUNCTION_LINES_MAX:
                complain(path, start, f'a function of {number - start} lines; {FUNCTION_LINES_MAX} is the limit')
            start = None


def check_c(path):
    text = path.read_text(errors='replace')
    lines = text.split('\n')
    if not lines[0].startswith('/* SPDX-License-Identifier: Apache-2.0'):
        complain(path, 1, 'begins with the SPDX line and one sentence about the file')
    most = HEADER_LINES_MAX if path.name == 'storage.h' and path.parent.name == 'weigate' else FILE_LINES_MAX
    if len(lines) > most:
        complain(path, len(lines), f'{len(lines)} lines; {most} is the limit')
    check_functions(path, lines)
    check_scopes(path, without_comments(text))
    for number, line in enumerate(without_comments(text).split('\n'), 1):
        found = FORBIDDEN.search(line)
        if found:
            complain(path, number, f'{found.group(1)}() has a better replacement in base/')


def check_scopes(path, code):
    """A local that releases itself is initialised before any return: what is released otherwise is whatever the stack held."""
    for declared in re.finditer(r'^( +)SCOPE_BUF struct buf ([^;]+);', code, flags=re.M):
        rest = code[declared.end():]
        returns = re.search(r'\breturn\b', rest)
        for name in declared.group(2).split(','):
            begun = re.search(r'\bbuf_init\(&' + re.escape(name.strip()) + r'\b', rest)
            if not begun or (returns and returns.start() < begun.start()):
                complain(path, code.count('\n', 0, declared.start()) + 1, f'{name.strip()} may be released before buf_init()')


def check_any(path):
    for number, line in enumerate(path.read_text(errors='replace').split('\n'), 1):
        if UNFINISHED.search(line):
            complain(path, number, 'a word of unfinished work')
        if path.parts[len(top.parts)] == 'tests' and SLEEPS.search(line) and 'guard' not in path.parts:
            complain(path, number, 'a test waits for an event, it does not sleep')
        if len(line) > LINE_MAX and path.suffix in ('.c', '.h'):
            complain(path, number, f'{len(line)} columns')


for folder in ('app', 'plugins', 'include', 'tests'):
    for source in sorted((top / folder).rglob('*')):
        if source.suffix in ('.c', '.h'):
            check_c(source)
        if source.suffix in ('.c', '.h', '.py', '.sh', '.js') and 'node_modules' not in source.parts:
            check_any(source)
print('\n'.join(problems) or 'the house is in order')
sys.exit(1 if problems else 0)
