#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the #include lines against the drawing of the layers in HACKING.md: dependencies run one way."""
import os
import pathlib
import re
import sys

top = pathlib.Path(os.environ.get('srcdir', '.'))

# Which folders a folder of app/ may include from, besides itself.
FOLDERS = {
    'base': set(),
    'fcgi': {'base'},
    'web': {'base', 'fcgi'},
    'fetch': {'base'},
    'wechat': {'base', 'fetch'},
    'store': {'base'},
    'move': {'base', 'store'},
    'signin': {'base', 'fcgi', 'web', 'fetch', 'wechat', 'store'},
    'conf': {'base', 'fcgi', 'web', 'fetch', 'wechat', 'store', 'signin'},
    'master': {'base', 'fcgi', 'web', 'fetch', 'wechat', 'store', 'signin', 'conf'},
    'kit': {'base', 'store'},
    'ctl': {'base', 'web', 'store', 'move', 'signin', 'conf', 'master', 'wechat', 'fetch', 'kit'},  # import reads WeChat's answers, refresh and doctor ask
    '.': {'base', 'conf', 'master', 'signin', 'store', 'fetch', 'fcgi'},  # main.c
}
# Who may see a library: each is met in one place.
LIBRARIES = {
    r'<fcgi(app|_stdio|_config)\.h>': {'fcgi'},
    r'<curl/.*>': {'fetch', '.', 'master'},  # curl_global_init belongs before threads start
    r'<cjson/.*>': {'base', 'wechat', 'store', 'signin', 'ctl'},
    r'<sodium(/.*)?\.?h?>': {'base', 'store'},  # store: digest of a plugin's file, host->digest
    r'<ini\.h>': {'conf'},
    r'<qrencode\.h>': {'web'},
    r'<sys/epoll\.h>': {'base', 'fcgi', 'master', 'fetch'},  # master: signals, workers and the control socket on a loop
    r'<dlfcn\.h>': {'store', 'kit'},
    r'<(sqlite3|libpq-fe|lmdb|microhttpd)\.h>': set(),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<][^">]+[">])', re.M)
problems = []


def complain(path, what):
    problems.append(f'{path.relative_to(top)}: {what}')


def check_app(path):
    parts = path.relative_to(top / 'app').parts
    folder = parts[0] if len(parts) > 1 else '.'
    for included in INCLUDE.findall(path.read_text()):
        target = included.strip('"<>')
        if included[0] == '"' and '/' in target:
            other = target.split('/')[0]
            if other != folder and other not in FOLDERS[folder]:
                complain(path, f'{folder}/ must not know {target}')
        if target == 'conf/conf.h' and folder not in ('conf', 'master', 'ctl', '.'):
            complain(path, 'receives its settings in its own struct, it does not include conf.h')
        for pattern, allowed in LIBRARIES.items():
            if re.fullmatch(pattern, included) and folder not in allowed:
                complain(path, f'{included} is met in {", ".join(sorted(allowed)) or "plugins"} only')


def check_plugin(path):
    for included in INCLUDE.findall(path.read_text()):
        if included[0] == '<' and included != '<weigate/storage.h>' and included.startswith('<weigate/'):
            complain(path, f'{included}: <weigate/storage.h> is all a plugin sees')
        if included[0] == '"' and not (path.parent / included.strip('"')).exists():
            complain(path, f'{included}: a plugin includes its own headers and <weigate/storage.h> only')


for source in sorted((top / 'app').rglob('*.[ch]')):
    check_app(source)
for source in sorted((top / 'plugins').rglob('*.[ch]')):
    check_plugin(source)
print('\n'.join(problems) or 'every include follows the drawing')
sys.exit(1 if problems else 0)
