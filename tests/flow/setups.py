# SPDX-License-Identifier: Apache-2.0
"""The set-ups of scripts/ha, as an admin starts them, and what a test asks of one.

    with Setup('replica', directory / 'replica') as setup:
        setup.sql('primary', 'SELECT 1')
"""
import pathlib
import shutil
import subprocess

from cluster import PROGRAMS
from rig import SOURCE, give
from wait import BUILD, eventually

SCRIPTS = SOURCE / 'scripts/ha'
IS_POSSIBLE = PROGRAMS is not None and bool(list(BUILD.rglob('.libs/postgres.so')))
HAS_PATRONI = IS_POSSIBLE and bool(shutil.which('patroni')) and bool(shutil.which('etcd'))


class Setup:
    def __init__(self, name, directory, *options):
        self.name, self.dir = name, directory
        self.output = directory.with_suffix('.log')
        with self.output.open('wb') as output:
            self.process = subprocess.Popen([SCRIPTS / name, *options, '--dir', directory], stdin=subprocess.DEVNULL, stdout=output, stderr=output)

        def is_ready():
            assert self.process.poll() is None, self.output.read_text()[-3000:]
            return (directory / 'ready').exists()
        try:
            eventually(is_ready, seconds=120, what=f'scripts/ha/{name} ready; it said: {self.output.read_text()[-1000:]}')
        except AssertionError:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def stop(self):
        """Ends it, and sees that it cleans up."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)
        assert not self.dir.exists(), f'{self.name} left {list(self.dir.iterdir())}'

    @property
    def ports(self):
        return {name: int(port) for name, port in (line.split()[:2] for line in (self.dir / 'servers').read_text().splitlines())}

    def sql(self, server, query, user='postgres', database='weigate'):
        """Rows of texts, over the server's socket; trusted there."""
        run = subprocess.run(['psql', '-h', self.dir / 'sockets', '-p', str(self.ports[server]), '-U', user, '-d', database, '-X', '-A', '-t', '-F', '\t',
                              '-v', 'ON_ERROR_STOP=1', '-c', query], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        return [line.split('\t') for line in run.stdout.splitlines()]

    def postmaster(self, server):
        return int((self.dir / server / 'postmaster.pid').read_text().split()[0])

    def dsn(self, rig_directory, **more):
        """For weigate.conf, with a copy of the passfile for the service's user."""
        text = (self.dir / 'dsn').read_text().strip()
        copy = pathlib.Path(rig_directory) / 'app.pgpass'
        shutil.copy(self.dir / 'app.pgpass', copy)
        give(copy, 0o600)
        words = dict(word.split('=', 1) for word in text.split())
        words['passfile'] = copy
        words.update(more)
        return ' '.join(f'{name}={value}' for name, value in words.items())
