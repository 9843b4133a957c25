# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL cluster of a test's own, on a Unix socket; and PgBouncer in front of it."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys

from rig import make_certificate
from wait import eventually

IS_ROOT = os.geteuid() == 0


def find_programs():
    found = sorted(pathlib.Path('/usr/lib/postgresql').glob('*/bin/initdb'), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


PROGRAMS = find_programs()
PGBOUNCER = shutil.which('pgbouncer') or shutil.which('/usr/sbin/pgbouncer')


class Cluster:
    """A server that refuses to run as root runs as postgres, or nobody."""

    OPTIONS = '-F -c autovacuum=off -c shared_buffers=32MB'  # tests need no disk's word

    def __init__(self, directory):
        self.dir, self.data = directory, directory / 'data'
        # A module's tests may be parted by another's when files run side by side: then its fixtures end and begin anew.
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        directory.chmod(0o755)
        self.identity = {}
        if IS_ROOT:
            user = next(pwd.getpwnam(name) for name in ('postgres', 'nobody') if name in {entry.pw_name for entry in pwd.getpwall()})
            os.chown(directory, user.pw_uid, user.pw_gid)
            self.identity = {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': []}
        self.run('initdb', '-D', self.data, '-A', 'trust', '-U', 'weigate', '-E', 'UTF8', '--locale=C.UTF-8', '-N')
        self.start()
        self.sql('CREATE ROLE weigate_app LOGIN', database='postgres')
        self.sql('CREATE DATABASE weigate', database='postgres')

    def run(self, program, *arguments):
        subprocess.run([PROGRAMS / program, *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self.dir, **self.identity)

    def start(self):
        options = f"-k {self.dir} -h '' {self.OPTIONS}"
        self.run('pg_ctl', '-D', self.data, '-w', '-l', self.dir / 'server.log', '-o', options, 'start')

    def stop(self, mode='immediate'):
        self.run('pg_ctl', '-D', self.data, '-m', mode, '-w', 'stop')

    def restart(self, mode='immediate'):
        self.stop(mode)
        self.start()

    def postmaster(self):
        return int((self.data / 'postmaster.pid').read_text().split()[0])

    def signal_all(self, number):
        """Every process of the server: what a machine that freezes looks like."""
        master = self.postmaster()
        children = pathlib.Path(f'/proc/{master}/task/{master}/children').read_text().split()
        for pid in [master, *map(int, children)]:
            with contextlib.suppress(ProcessLookupError):  # a backend may end between the look and the signal
                os.kill(pid, number)

    def freeze(self):
        self.signal_all(signal.SIGSTOP)

    def thaw(self):
        self.signal_all(signal.SIGCONT)

    def psql_options(self):
        return []

    def sql(self, query, database='weigate', user='weigate'):
        """Rows of texts."""
        run = subprocess.run(['psql', *self.psql_options(), '-h', self.dir, '-U', user, '-d', database, '-X', '-A', '-t', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-c', query],
                             check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        return [line.split('\t') for line in run.stdout.splitlines()]

    def dsn(self, user='weigate_app', **more):
        return ' '.join(f'{name}={value}' for name, value in {'host': self.dir, 'dbname': 'weigate', 'user': user, **more}.items())


class Bouncer:
    """PgBouncer in transaction mode."""

    def __init__(self, cluster):
        self.dir = cluster.dir / 'bouncer'
        self.dir.mkdir()
        self.dir.chmod(0o755)
        (self.dir / 'users').write_text('"weigate_app" ""\n"weigate" ""\n')
        (self.dir / 'ini').write_text(f'[databases]\n* = host={cluster.dir}\n[pgbouncer]\nlisten_addr =\nunix_socket_dir = {self.dir}\nlisten_port = 6432\n'
                                      f'auth_type = trust\nauth_file = {self.dir}/users\npool_mode = transaction\ndefault_pool_size = 2\n')
        if IS_ROOT:
            os.chown(self.dir, cluster.identity['user'], cluster.identity['group'])
        self.process = subprocess.Popen([PGBOUNCER, '-q', self.dir / 'ini'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=sys.stderr,
                                        **cluster.identity)
        eventually((self.dir / '.s.PGSQL.6432').exists, what='pgbouncer listening')

    def stop(self):
        self.process.terminate()
        self.process.wait()


class TlsCluster(Cluster):
    """The same on a TCP port, with a certificate for localhost; without TLS nobody gets in."""

    def __init__(self, directory, port):
        self.port = port
        super().__init__(directory)

    def start(self):
        if not (self.data / 'server.key').exists():
            make_certificate(self.data)
            (self.data / 'key.pem').rename(self.data / 'server.key')
            shutil.copy(self.data / 'cert.pem', self.data / 'server.crt')
            shutil.copy(self.data / 'cert.pem', self.dir / 'ca.pem')
            (self.data / 'server.key').chmod(0o600)
            (self.dir / 'ca.pem').chmod(0o644)
            (self.data / 'pg_hba.conf').write_text('local all all trust\nhostssl all all 127.0.0.1/32 trust\n')
            if IS_ROOT:
                for name in ('server.key', 'server.crt'):
                    os.chown(self.data / name, self.identity['user'], self.identity['group'])
        options = f"-k {self.dir} -h 127.0.0.1 -p {self.port} {self.OPTIONS} -c ssl=on"
        self.run('pg_ctl', '-D', self.data, '-w', '-l', self.dir / 'server.log', '-o', options, 'start')

    def psql_options(self):
        return ['-p', str(self.port)]
