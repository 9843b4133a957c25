# SPDX-License-Identifier: Apache-2.0
"""Stores of several plugins beside each other, without a service: one configuration, weigatectl, and made people to fill them with."""
import json
import shutil
import signal
import subprocess

from rig import APPID, APPSECRET, IS_ROOT, give, service_ids, write_private
from wait import BUILD, SLACK


class Stores:
    """stores.fill('file', 300); stores.ctl('storage', 'copy', '--from', 'file', '--to', 'memory')"""

    def __init__(self, directory, programs, postgres_dsn=None):
        self.dir, self.programs = directory, programs
        directory.mkdir()
        give(directory, 0o755)
        self.plugins = directory / 'plugins'
        self.plugins.mkdir()
        for name in ('file', 'memory', 'template', 'postgres'):
            found = programs.plugin(name)
            if found:
                shutil.copy(found, self.plugins / f'{name}.so')
                (self.plugins / f'{name}.so').chmod(0o755)
        self.fill_program = programs.directory / 'fill'
        if not self.fill_program.exists():
            shutil.copy(BUILD / 'tests/store/fill', self.fill_program)
        self.options = {'file': {'path': directory / 'people.db'}, 'memory': {'path': directory / 'people.mem', 'size': '64M'},
                        'template': {'path': directory / 'people.tpl'}}
        if postgres_dsn:
            self.options['postgres'] = {'dsn': postgres_dsn}
        self.conf = directory / 'weigate.conf'
        write_private(directory / 'secret', APPSECRET + '\n')
        write_private(directory / 'keys', '11' * 32 + '\n')
        self.write_conf()

    def write_conf(self, **storage):
        sections = {'account': {'appid': APPID, 'secret_file': self.dir / 'secret', 'public_url': 'http://127.0.0.1:9'}, 'session': {'keys_file': self.dir / 'keys'},
                    'storage': {'plugin': 'file', 'plugin_dir': self.plugins, 'spool_dir': self.dir / 'spool', **storage}, **{f'plugin {name}': options for name, options in self.options.items()},
                    'server': {'control_socket': 'off'}}
        write_private(self.conf, ''.join(f'[{name}]\n' + ''.join(f'{key} = {value}\n' for key, value in values.items()) for name, values in sections.items()))

    def identity(self):
        return {'user': service_ids()[0], 'group': service_ids()[1], 'extra_groups': []} if IS_ROOT else {}

    def start(self, *arguments):
        """weigatectl, running; its output is one pipe."""
        return subprocess.Popen([self.programs.weigatectl, '-c', self.conf, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, cwd='/', **self.identity())

    def ctl(self, *arguments, check=True):
        run = subprocess.run([self.programs.weigatectl, '-c', self.conf, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLACK, cwd='/',
                             **self.identity())
        assert not check or run.returncode == 0, f'{arguments}: {run.stdout}{run.stderr}'
        assert run.returncode >= 0, f'{arguments}: {signal.Signals(-run.returncode).name}: {run.stderr}'
        return run

    def fill(self, name, people, erased=0, revoked=0, first=0):
        options = ';'.join(f'{key}={value}' for key, value in self.options[name].items())
        subprocess.run([self.fill_program, self.plugins / f'{name}.so', options, *map(str, (people, erased, revoked, first))], check=True, cwd='/', **self.identity())

    def copy(self, source, target, *more):
        """What was done, part by part, and how it ended."""
        run = self.ctl('storage', 'copy', '--from', source, '--to', target, '--json', *more)
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        return {line['part']: line for line in lines[:-1]}, lines[-1]

    def verify(self, source, target, *more):
        """Every difference, the parts with their counts, and what was said."""
        run = self.ctl('storage', 'verify', '--from', source, '--to', target, '--json', *more, check=False)
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        differences, parts = [line for line in lines if 'why' in line], {line['part']: line for line in lines if 'why' not in line}
        assert (run.returncode == 0) == (not differences and not run.stderr.startswith('weigatectl:')), run.stdout + run.stderr
        return differences, parts, run.stderr

    def assert_equal(self, source, target):
        differences, parts, said = self.verify(source, target)
        assert not differences and all(part['from_digest'] == part['to_digest'] and part['from'] == part['to'] for part in parts.values()), (differences[:3], parts, said)
        return {name: part['from'] for name, part in parts.items()}

    def people(self, name):
        """Everybody in the store, as it shows them."""
        return self.ctl('people', 'list', '--json', '--plugin', name).stdout
