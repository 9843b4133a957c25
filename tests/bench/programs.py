# SPDX-License-Identifier: Apache-2.0
"""What a benchmark starts besides the rig of tests/flow: the bare programs, Express with its own Postgres cluster, wrk and the load generator."""
import glob
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'flow')]

from rig import APPID, APPSECRET, IS_ROOT, SERVICE_USER, SOURCE, accepts, free_port, give  # noqa: E402
from wait import BUILD, eventually  # noqa: E402

PEERS = BUILD / 'bench-peers'


class Missing(Exception):
    """Something that only a part of the benchmarks needs is not there."""


class Child:
    """A program in the foreground with its output in a file; leaves with stop()."""

    def __init__(self, directory, name, command, **options):
        self.log = directory / f'{name}.log'
        with self.log.open('wb') as output:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options)
        self.name, self.pid = name, self.process.pid

    def until(self, condition):
        def checked():
            assert self.process.poll() is None, f'{self.name} left with {self.process.returncode}: {self.log.read_text()[-2000:]}'
            return condition()
        eventually(checked, seconds=20, what=f'{self.name} ready')
        return self

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_bare(directory, name, *arguments, **environment):
    """A bare program under spawn-fcgi, which execs: the pid is the program's. Its socket is DIRECTORY/NAME.sock."""
    path = directory / f'{name}.sock'
    child = Child(directory, name, ['spawn-fcgi', '-n', '-s', path, '-M', '0666', '--', BUILD / 'tests/bench' / name, *arguments],
                  env={**os.environ, **environment})
    return child.until(lambda: path.exists() and accepts(path))


def upstream_of(name):
    """The shipped upstream for a bare program that listens beside the rig's files."""
    shipped = (SOURCE / 'scripts/nginx/upstream.conf').read_text().replace('upstream weigate', f'upstream {name}')
    shipped = shipped.replace('{', '{{').replace('}', '}}')  # the rig's text is a format
    return re.sub(r'server\s+unix:[^;]*;', f'server unix:{{dir}}/{name}.sock;', shipped)


FRONT_CONF = '''
daemon off; {user} worker_processes 1; worker_rlimit_nofile 16384;
pid {dir}/front.pid;
error_log {dir}/front-error.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  proxy_temp_path {dir}/front; client_body_temp_path {dir}/front; fastcgi_temp_path {dir}/front; uwsgi_temp_path {dir}/front; scgi_temp_path {dir}/front;
  upstream sandbox {{ server {sandbox}; keepalive 1100; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} ssl {protocol} backlog=4096;
    ssl_certificate {dir}/cert.pem;
    ssl_certificate_key {dir}/key.pem;
    keepalive_requests 1000000;
    location / {{ proxy_pass http://sandbox; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 120s; }}
  }}
}}
'''


def start_front(directory, sandbox, protocol=''):
    """nginx with TLS in front of the sandbox, as something stands in front of WeChat's API. The sandbox's own TLS spends 10 ms of CPU on a handshake
    when some hundred are under way at once, and has no HTTP/2. `directory` holds cert.pem and key.pem."""
    port = free_port()
    (directory / 'front').mkdir(exist_ok=True)
    give(directory / 'front', 0o700)
    conf = directory / 'front.conf'
    conf.write_text(FRONT_CONF.format(dir=directory, port=port, sandbox=f'{sandbox.host}:{sandbox.port}', protocol=protocol,
                                      user=f'user {SERVICE_USER};' if IS_ROOT else ''))
    child = Child(directory, 'front', ['nginx', '-e', directory / 'front-error.log', '-c', conf, '-p', directory])
    child.url = f'https://127.0.0.1:{port}'

    def is_listening():
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', port)) == 0
    return child.until(is_listening)


# --- Postgres and Express ------------------------------------------------------------------------------------------------------------------

def postgres_folder():
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
    if not found:
        raise Missing('no Postgres: apt-get install postgresql')
    return pathlib.Path(found[-1])


def start_postgres(directory):
    """A cluster of its own on a socket in DIRECTORY, with Postgres' defaults (durable commits). It refuses to run as root."""
    folder, home = postgres_folder(), directory / 'postgres'
    home.mkdir()
    account = {'user': 'postgres', 'group': 'postgres', 'extra_groups': []} if IS_ROOT else {}
    if IS_ROOT:
        shutil.chown(home, 'postgres', 'postgres')
    subprocess.run([folder / 'initdb', '-D', home / 'data', '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C'], check=True,
                   capture_output=True, cwd=home, **account)
    child = Child(directory, 'postgres', [folder / 'postgres', '-D', home / 'data', '-k', home, '-c', 'listen_addresses='], cwd=home, **account)
    child.home = home
    return child.until(lambda: subprocess.run([folder / 'pg_isready', '-q', '-h', home], check=False).returncode == 0)


def install_express():
    """npm ci into the build directory, once."""
    target, source = PEERS / 'express', HERE / 'peers/express'
    if not shutil.which('npm'):
        raise Missing('no npm: apt-get install nodejs npm')
    target.mkdir(parents=True, exist_ok=True)
    lock = (source / 'package-lock.json').read_text()
    stamp = target / 'installed-lock.json'
    for name in ('package.json', 'package-lock.json', 'server.js'):
        shutil.copy(source / name, target / name)
    if not stamp.exists() or stamp.read_text() != lock:
        run = subprocess.run(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], cwd=target, capture_output=True, text=True, check=False)
        if run.returncode:
            raise Missing(f'npm ci: {run.stderr.strip().splitlines()[-1][:160] if run.stderr.strip() else run.returncode}')
        stamp.write_text(lock)
    return target


def start_express(directory, api_url, certificate, postgres):
    folder, port = install_express(), free_port()
    environment = {'PATH': os.environ['PATH'], 'NODE_ENV': 'production', 'APPID': APPID, 'APPSECRET': APPSECRET, 'API_URL': api_url,
                   'PUBLIC_URL': f'http://127.0.0.1:{port}', 'PORT': str(port), 'PGHOST': str(postgres.home),
                   'NODE_EXTRA_CA_CERTS': str(certificate)}
    child = Child(directory, 'express', ['node', folder / 'server.js'], env=environment)
    child.port = port
    return child.until(lambda: 'ready' in child.log.read_text())


# --- load ----------------------------------------------------------------------------------------------------------------------------------

class Codes:
    """Codes in a file for the load generator, each of a person who was never there before; minted in bulk, so that it costs nobody."""

    def __init__(self, directory, sandbox):
        self.path, self.sandbox, self.next_person = directory / 'codes', sandbox, 1

    def mint(self, count):
        codes = []
        while len(codes) < count:
            wanted = min(count - len(codes), 100000)
            codes += self.sandbox.mint_codes(wanted, person=f'p{self.next_person:06}', appid=APPID)
            self.next_person = (self.next_person + wanted) % 900000
        self.path.write_text('\n'.join(codes) + '\n')
        return self.path


def run_load(codes, count, port, pids, seconds, warm_up, in_flight, path, session='', rate=0, host=None):
    """One run of the load generator; `path` is (login, callback), or one path. CPU per sign-in comes back in the order of pids."""
    command = [BUILD / 'tests/bench/load', '--connect', f'127.0.0.1:{port}', '--codes', codes.mint(count), '--seconds', seconds,
               '--warm-up', warm_up, '--in-flight', in_flight, '--rate', rate, '--host', host or f'127.0.0.1:{port}']
    command += ['--once', path] if isinstance(path, str) else ['--login', path[0], '--callback', path[1], '--session', session]
    for pid in pids:
        command += ['--pid', pid]
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds + warm_up + 60, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def run_wrk(url, seconds, connections, cookie=''):
    """Requests a second and how many of them were answered otherwise than 2xx."""
    if not shutil.which('wrk'):
        raise Missing('no wrk: apt-get install wrk')
    run = subprocess.run(['wrk', '-t1', f'-c{connections}', f'-d{seconds}s', '-H', f'Cookie: {cookie}', url], capture_output=True, text=True, check=True)
    words = {line.split(':')[0].strip(): line.split(':')[1].strip() for line in run.stdout.splitlines() if ':' in line}
    count = next(int(line.split()[0]) for line in run.stdout.splitlines() if ' requests in ' in line)
    return {'per_second': float(words['Requests/sec']), 'count': count, 'refused': int(words.get('Non-2xx or 3xx responses', 0))}
