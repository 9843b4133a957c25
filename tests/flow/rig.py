# SPDX-License-Identifier: Apache-2.0
"""The real thing on loopback: nginx with the shipped snippets, spawn-fcgi, weigate with the file store, and the sandbox as WeChat.

A Rig has its own directory, ports and sockets, starts in well under a second, and when it stops it checks what must hold after every test:
the processes left with status 0, no sanitizer has reported, and no secret, code, token or cookie stands in any log.
"""
import json
import os
import pathlib
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sqlite3

import fastcgi
from wait import BUILD, SLACK, eventually

SOURCE = pathlib.Path(__file__).resolve().parents[2]
APPID, APPSECRET = 'wx0123456789abcdef', 'f1ow5ecretf1ow5ecretf1ow5ecret00'
WEBSITE_APPID, WEBSITE_APPSECRET = 'wxwebsite0000001', 'webs1te5ecretwebs1te5ecretwebs10'
SHOP_APPID, SHOP_APPSECRET = 'wxfedcba9876543210', '5h0p5ecret5h0p5ecret5h0p5ecret00'
IS_ROOT = os.geteuid() == 0
# Debian's account for web servers; as root everything that faces the network runs under it.
SERVICE_USER = 'www-data'

NGINX_CONF = '''
daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 16384;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {dir}/tmp; proxy_temp_path {dir}/tmp; fastcgi_temp_path {dir}/tmp; uwsgi_temp_path {dir}/tmp; scgi_temp_path {dir}/tmp;
  default_type text/html;
  {http}
  include {dir}/upstream.conf;
  server {{
    listen 127.0.0.1:{port} {listen};
    {tls}
    root {dir}/www;
    include {dir}/weigate.conf;
    location /private/ {{ auth_request /weixin/auth; error_page 401 = /weixin/login; expires -1; }}
    location /api/ {{ auth_request /weixin/auth; error_page 401 = /weixin/login; alias {dir}/www/private/; }}
    location /app/ {{
      auth_request /weixin/auth;
      error_page 401 = /weixin/login;
      proxy_pass http://unix:{dir}/app.sock;
    }}
    {server}
  }}
  server {{
    listen unix:{dir}/app.sock;
    location / {{
      default_type application/json;
      return 200 '{{"appid":"$http_x_weigate_appid","openid":"$http_x_weigate_openid","unionid":"$http_x_weigate_unionid","nickname":"$http_x_weigate_nickname","scope":"$http_x_weigate_scope","expires":"$http_x_weigate_expires","cookie":"$http_cookie"}}';
    }}
  }}
}}
'''

# A second account in the same process, under its own prefix.
SHOP = {'appid': SHOP_APPID, 'secret_file': lambda rig: rig.dir / 'shopsecret', 'prefix': '/shop', 'public_url': lambda rig: rig.url,
        'authorize_url': lambda rig: rig.sandbox.url + '/connect/oauth2/authorize', 'api_urls': lambda rig: rig.sandbox.url}


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def service_ids():
    user = pwd.getpwnam(SERVICE_USER) if IS_ROOT else pwd.getpwuid(os.geteuid())
    return user.pw_uid, user.pw_gid


def give(path, mode):
    """Hands a file or directory to the service's user."""
    os.chmod(path, mode)
    if IS_ROOT:
        os.chown(path, *service_ids())


def write_private(path, text):
    path.write_text(text)
    give(path, 0o600)


def children(pid):
    try:
        return [int(word) for word in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    except FileNotFoundError:
        return []


def rss_kib(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text()).group(1))


def accepts(address):
    is_tcp = isinstance(address, tuple)
    with socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX) as probe:
        try:
            probe.connect(address if is_tcp else str(address))
            return True
        except OSError:
            return False


def sanitizer_reports(directory):
    """What sanitizers wrote, but for the sentence that ASan greets the first coroutine of a process with."""
    for path in directory.glob('sanitizer.*'):
        text = '\n'.join(line for line in path.read_text(errors='replace').splitlines() if "doesn't fully support makecontext" not in line)
        if text.strip():
            yield path, text


class Programs:
    """The programs under test, copied where the service's user may run them (a clone may lie in a private home)."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        directory.chmod(0o755)
        for name, found in (('weigate', BUILD / 'weigate'), ('weigatectl', BUILD / 'weigatectl'), ('file.so', self.plugin('file')), ('postgres.so', self.plugin('postgres'))):
            if found is None:
                continue
            shutil.copy(found, directory / name)
            (directory / name).chmod(0o755)
        self.weigate, self.weigatectl, self.file_plugin, self.postgres_plugin = (
            directory / name for name in ('weigate', 'weigatectl', 'file.so', 'postgres.so'))

    @staticmethod
    def plugin(name):
        """None where it was not built."""
        found = (path for path in BUILD.rglob(f'{name}.so') if path.parent.name == '.libs' and 'installed' not in path.parts)
        return next(found, None)


class Instance:
    """One weigate: master, workers, socket, log."""

    def __init__(self, rig, name):
        self.rig, self.name = rig, name
        self.dir = rig.dir / name
        self.dir.mkdir()
        give(self.dir, 0o750)
        self.socket = ('127.0.0.1', free_port()) if rig.tcp else self.dir / 'weigate.sock'
        self.conf = self.dir / 'weigate.conf'
        self.log = self.dir / 'weigate.log'
        self.output = self.dir / 'output.log'
        self.process = None
        self.listening = None  # a socket that somebody else holds, as systemd does, in the place of spawn-fcgi's

    def write_conf(self):
        sections = self.rig.sections(self)
        text = ''.join(f'[{name}]\n' + ''.join(f'{key} = {value}\n' for key, value in values.items()) + '\n'
                       for name, values in sections.items())
        write_private(self.conf, text)

    def environment(self):
        log = f'log_path={self.dir}/sanitizer'
        kept = {name: value for name, value in os.environ.items() if name in ('PATH', 'LC_ALL', 'HOME')}
        return {**kept, **self.rig.environment, 'ASAN_OPTIONS': f'{log}:detect_leaks=1:abort_on_error=0',
                'UBSAN_OPTIONS': f'{log}:print_stacktrace=1:halt_on_error=1', 'TSAN_OPTIONS': f'{log}:exitcode=66:second_deadlock_stack=1',
                'LSAN_OPTIONS': f'{log}'}

    def start(self):
        self.write_conf()
        before = len(self.lines('master: ready'))
        user = ['-u', SERVICE_USER, '-g', SERVICE_USER] if IS_ROOT else []
        limit = [] if self.rig.memlock is None else ['prlimit', f'--memlock={self.rig.memlock}:{self.rig.memlock}']
        command = [str(self.rig.programs.weigate), '-c', str(self.conf)]
        identity, stdin = {}, subprocess.DEVNULL
        if self.listening is None:
            command = [*limit, *self.rig.wrapper, 'spawn-fcgi', '-n', *self.spawn_address(), *user, '--', *command]
        else:
            stdin, identity = self.listening, {'user': service_ids()[0], 'group': service_ids()[1], 'extra_groups': []} if IS_ROOT else {}
        with self.output.open('ab') as output:
            self.process = subprocess.Popen(command, stdin=stdin, stdout=output, stderr=output, env=self.environment(), cwd='/', **identity)
        eventually(lambda: self.is_ready() and self.has_said_ready(before), what=f'weigate ready; it said: {self.said()}')

    def spawn_address(self):
        return ['-a', self.socket[0], '-p', str(self.socket[1])] if self.rig.tcp else ['-s', str(self.socket), '-M', '0660']

    @property
    def nginx_address(self):
        return f'{self.socket[0]}:{self.socket[1]}' if self.rig.tcp else f'unix:{self.socket}'

    def said(self):
        texts = [path.read_text(errors='replace') for path in (self.output, self.log) if path.exists()]
        return '\n'.join(texts)[-3000:]

    def is_ready(self):
        assert self.process.poll() is None, f'weigate left with status {self.process.returncode}: {self.said()}'
        if not accepts(self.socket):
            return False
        answer = fastcgi.ask(self.socket, self.rig.prefix + '/status/ready', WEIGATE_STATUS='on')
        return answer is not None and answer.status == 200

    def has_said_ready(self, before):
        """All workers are up, where the log would tell."""
        log = self.rig.sections(self)['log']
        return log['level'] not in ('info', 'debug') or log.get('format') == 'json' or len(self.lines('master: ready')) > before

    @property
    def master(self):
        return self.process.pid

    def workers(self):
        return children(self.master)

    def ask(self, path, body=b'', **more):
        """One request past nginx."""
        return fastcgi.ask(self.socket, path, body=body, **more)

    def signal(self, number):
        os.kill(self.master, number)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=20 * SLACK)

    def kill(self):
        if self.process and self.process.poll() is None:
            for pid in [*self.workers(), self.master]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.wait()

    def lines(self, containing=''):
        return [line for line in self.said_all().splitlines() if containing in line]

    def said_all(self):
        return ''.join(path.read_text(errors='replace') for path in (self.output, self.log) if path.exists())


class Rig:
    prefix = '/weixin'

    def __init__(self, directory, programs, sandbox, conf=None, instances=1, tls=False, http='', server='', environment=None, start=True, shop=False,
                 tcp=False, nginx=lambda text: text, memlock=None, wrapper=()):
        self.dir, self.programs, self.sandbox = directory, programs, sandbox
        self.overrides, self.tls = dict(conf or {}), tls
        if shop:
            self.overrides['account shop'] = SHOP
        self.extra = {'http': http, 'server': server}
        self.has_shop, self.tcp, self.change_nginx = shop, tcp, nginx
        self.environment = environment or {}
        self.wrapper = wrapper  # a command that starts spawn-fcgi, such as prlimit with its options
        self.memlock = memlock  # bytes that weigate may lock in memory, where not the limit of whoever runs the tests
        self.known_secrets = {APPSECRET, SHOP_APPSECRET, WEBSITE_APPSECRET}
        self.exit_codes_expected = {0}
        self.nginx = None
        self.port = free_port()
        self.url = f'https://localhost:{self.port}' if tls else f'http://127.0.0.1:{self.port}'
        self.prepare_files()
        self.instances = [Instance(self, f'weigate{i + 1}') for i in range(instances)]
        if start:
            self.start()

    # --- files -----------------------------------------------------------------------------------------------------------------

    def prepare_files(self):
        self.dir.mkdir(exist_ok=True)
        self.dir.chmod(0o755)
        for name in ('www', 'www/private', 'data', 'tmp'):
            (self.dir / name).mkdir()
        give(self.dir / 'data', 0o700)
        give(self.dir / 'tmp', 0o700)
        (self.dir / 'www/index.html').write_text('<h1>open to everybody</h1>')
        (self.dir / 'www/private/index.html').write_text('<h1>the protected page</h1>')
        (self.dir / 'www/private/other.html').write_text('<h1>another protected page</h1>')
        key = secrets.token_hex(32)
        self.keys = [key]
        self.known_secrets.add(key)
        write_private(self.dir / 'keys', key + '\n')
        write_private(self.dir / 'appsecret', APPSECRET + '\n')
        write_private(self.dir / 'shopsecret', SHOP_APPSECRET + '\n')
        write_private(self.dir / 'websitesecret', WEBSITE_APPSECRET + '\n')
        self.store_path = self.dir / 'data/profiles.db'

    def sections(self, instance):
        sections = {
            'server': {'workers': '2', 'grace': '10s', 'control_socket': instance.dir / 'control.sock'},
            'account': {'appid': APPID, 'secret_file': self.dir / 'appsecret', 'public_url': self.url,
                        'authorize_url': self.sandbox.url + '/connect/oauth2/authorize', 'api_urls': self.sandbox.url},
            'session': {'keys_file': self.dir / 'keys'},
            'storage': {'plugin': self.programs.file_plugin, 'spool_dir': instance.dir / 'spool'},
            'plugin file': {'path': self.store_path},
            'log': {'level': 'debug', 'destination': instance.log},
        }
        for name, values in self.overrides.items():
            section = sections.setdefault(name, {})
            for key, value in values.items():
                if value is None:
                    section.pop(key, None)
                else:
                    section[key] = value(self) if callable(value) else value
        return sections

    def shipped(self, name):
        """An nginx snippet as it is installed, with this rig's socket in the place of the installed one."""
        text = (SOURCE / 'scripts/nginx' / name).read_text()
        servers = '\n  '.join(f'server {instance.nginx_address};' for instance in self.instances)
        return self.change_nginx(re.sub(r'server\s+unix:[^;]*;', lambda _: servers, text))

    def write_nginx(self):
        for name in ('upstream.conf', 'weigate.conf'):
            (self.dir / name).write_text(self.shipped(name))
        server = self.extra['server']
        if self.has_shop:
            locations = self.shipped('weigate.conf').split('# --- who it is')[0]
            (self.dir / 'shop.conf').write_text(locations.replace('/weixin', '/shop'))
            server += 'include {dir}/shop.conf; location /shop-private/ {{ auth_request /shop/auth; error_page 401 = /shop/login; alias {dir}/www/private/; }}'
        tls = ''
        if self.tls:
            make_certificate(self.dir)
            tls = f'ssl_certificate {self.dir}/cert.pem; ssl_certificate_key {self.dir}/key.pem;'
        user = f'user {SERVICE_USER};' if IS_ROOT else ''
        (self.dir / 'nginx.conf').write_text(NGINX_CONF.format(
            dir=self.dir, user=user, port=self.port, listen='ssl' if self.tls else '', tls=tls,
            http=self.extra['http'].format(dir=self.dir), server=server.format(dir=self.dir)))

    # --- processes -------------------------------------------------------------------------------------------------------------

    def start(self):
        for instance in self.instances:
            instance.start()
        self.start_nginx()

    def start_nginx(self):
        self.write_nginx()
        with (self.dir / 'nginx-output.log').open('ab') as output:
            self.nginx = subprocess.Popen(['nginx', '-e', str(self.dir / 'nginx-error.log'), '-c', str(self.dir / 'nginx.conf'), '-p', str(self.dir)],
                                          stdin=subprocess.DEVNULL, stdout=output, stderr=output)

        def is_listening():
            assert self.nginx.poll() is None, (self.dir / 'nginx-output.log').read_text()
            with socket.socket() as probe:
                return probe.connect_ex(('127.0.0.1', self.port)) == 0
        eventually(is_listening, what='nginx listening')

    def stop(self):
        if self.nginx and self.nginx.poll() is None:
            self.nginx.terminate()
            self.nginx.wait()
        for instance in self.instances:
            instance.stop()

    def reload(self):
        """SIGHUP to every master; returns when the workers are new ones."""
        for instance in self.instances:
            before = set(instance.workers())
            instance.write_conf()
            instance.signal(signal.SIGHUP)
            eventually(lambda: not before & set(instance.workers()) and instance.is_ready(), what='a new generation of workers')

    def check_after(self):
        """What must hold after every test."""
        problems = []
        for instance in self.instances:
            code = instance.process.poll() if instance.process else 0
            if code not in self.exit_codes_expected:
                problems.append(f'{instance.name} ended with {code}: {instance.said()}')
            problems += [f'{path}:\n{text[:6000]}' for path, text in sanitizer_reports(instance.dir)]
            problems += self.secrets_in(instance.said_all(), instance.name)
        assert not problems, '\n'.join(problems)

    def secrets_in(self, text, where):
        return [f'a secret stands in {where}: {line[:300]}' for secret in self.known_secrets if secret in text
                for line in text.splitlines() if secret in line][:5]

    def remember_secret(self, value):
        # Shorter ones ("1", "abc" in hostile cookies) are no secrets and would be found anywhere.
        if len(value) >= 20:
            self.known_secrets.add(value)

    # --- what tests ask --------------------------------------------------------------------------------------------------------

    @property
    def first(self):
        return self.instances[0]

    @property
    def socket(self):
        return self.first.socket

    def ask(self, path, body=b'', **more):
        return self.first.ask(path, body=body, **more)

    def kept_connection(self):
        return fastcgi.Client(self.socket)

    def sandbox_agree(self, visitor, authorize_url, person):
        return self.sandbox.agree(visitor, authorize_url, person)

    def as_service(self):
        return {'env': self.first.environment(), 'stdin': subprocess.DEVNULL, 'cwd': '/',
                **({'user': SERVICE_USER, 'group': SERVICE_USER, 'extra_groups': []} if IS_ROOT else {})}

    def run(self, program, *arguments, seconds=30):
        """A program as the service's user, to its end."""
        return subprocess.run([str(program), '-c', str(self.first.conf), *arguments], capture_output=True, text=True, timeout=seconds * SLACK, **self.as_service())

    def ctl_start(self, *arguments):
        """weigatectl, running."""
        return subprocess.Popen([str(self.programs.weigatectl), '-c', str(self.first.conf), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.as_service())

    def weigate(self, *arguments):
        return self.run(self.programs.weigate, *arguments)

    def ctl(self, *arguments, check=True, seconds=30):
        """weigatectl; returns what it printed."""
        run = self.run(self.programs.weigatectl, *arguments, seconds=seconds)
        assert not check or run.returncode == 0, f'weigatectl {" ".join(arguments)}: {run.returncode}\n{run.stdout}{run.stderr}'
        return run

    def people(self):
        """Everybody in the store, by openid."""
        lines = self.ctl('people', 'list', '--json').stdout.splitlines()
        return {person['openid']: person for person in map(json.loads, lines)}

    def person(self, openid):
        return self.people().get(openid)

    def sql(self, query, *values):
        """Looks into the file store as an admin with sqlite3 would."""
        connection = sqlite3.connect(f'file:{self.store_path}?mode=ro', uri=True)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def metrics(self):
        """Every sample of /status/metrics, added up over the instances: {'name{label="x"}': value}."""
        total = {}
        for instance in self.instances:
            answer = instance.ask(self.prefix + '/status/metrics', WEIGATE_STATUS='on')
            assert answer.status == 200
            for line in answer.body.decode().splitlines():
                if line and not line.startswith('#'):
                    name, value = line.rsplit(' ', 1)
                    total[name] = total.get(name, 0) + float(value)
        return total

    def log(self, containing=''):
        return [line for instance in self.instances for line in instance.lines(containing)]


def make_certificate(directory, name='localhost'):
    """A self-signed certificate for `name` in cert.pem and key.pem."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', f'/CN={name}',
                    '-addext', f'subjectAltName=DNS:{name},IP:127.0.0.1', '-keyout', str(directory / 'key.pem'), '-out', str(directory / 'cert.pem')],
                   check=True, capture_output=True)
