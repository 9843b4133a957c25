# SPDX-License-Identifier: Apache-2.0
"""weigatectl doctor: every verdict against the sandbox, and the screen."""
import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import time
from email.utils import formatdate

import pytest

from certificates import Authority
from rig import APPID, APPSECRET, IS_ROOT, SERVICE_USER, SHOP_APPSECRET, WEBSITE_APPID, give, service_ids, write_private
from sandbox_run import SandboxRun
from visitor import Visitor
from wait import SLACK, eventually

REAL_PAGE = {'authorize_url': None}


class Visit:
    """What doctor found: rows by check, and the exit status."""

    def __init__(self, run):
        assert 'Sanitizer' not in run.stderr, run.stderr
        self.status, self.text, self.stderr = run.returncode, run.stdout, run.stderr
        self.rows = [json.loads(line) for line in run.stdout.splitlines()]

    def rows_of(self, check):
        return [row for row in self.rows if row['check'] == check]

    def is_(self, check, verdict, words=''):
        return any(row['verdict'] == verdict and words in row['text'] for row in self.rows_of(check))

    @property
    def failed(self):
        return {row['check'] for row in self.rows if row['verdict'] == 'fail'}


def nginx_dump(rig, change=lambda text: text):
    """What nginx -T prints of the rig, changed."""
    path = rig.dir / 'nginx-T.txt'
    text = subprocess.run(['nginx', '-T', '-c', str(rig.dir / 'nginx.conf')], capture_output=True, text=True, check=True).stdout
    path.write_text(change(text))
    path.chmod(0o644)
    return str(path)


def variant(rig, **sections):
    """The rig's configuration with changes, in a file of its own: a doctor looks without touching what runs."""
    text = ''
    for name, values in {**rig.sections(rig.first), 'server': rig.sections(rig.first)['server']}.items():
        values = {**values, **sections.get(name, {})}
        text += f'[{name}]\n' + ''.join(f'{key} = {value}\n' for key, value in values.items() if value is not None)
    path = rig.first.dir / 'variant.conf'
    write_private(path, text)
    return path


def visit(rig, conf=None, arguments=(), as_root=False, nginx=None):
    command = [str(rig.programs.weigatectl), '-c', str(conf or rig.first.conf), 'doctor', '--json', '--nginx', nginx or nginx_dump(rig), *arguments]
    user = {'user': SERVICE_USER, 'group': SERVICE_USER, 'extra_groups': []} if IS_ROOT and not as_root else {}
    return Visit(subprocess.run(command, capture_output=True, text=True, timeout=60 * SLACK, env=rig.first.environment(), cwd='/', **user))


# --- a healthy site ---------------------------------------------------------------------------------------------------------------

def test_a_healthy_site_on_the_sandbox_fails_nowhere(rig, sandbox):
    found = visit(rig)
    assert found.status == 0 and not found.failed, found.text
    assert {'configuration', 'secret', 'keys', 'scope', 'page', 'snippet', 'socket', 'site', 'service', 'workers', 'memory', 'dns', 'tcp', 'tls', 'clock', 'api',
            'plugin', 'health', 'schema', 'room'} <= {row['check'] for row in found.rows}
    assert all(row['fix'] is None for row in found.rows if row['verdict'] == 'ok')
    assert all(row['fix'] for row in found.rows if row['verdict'] == 'fail')
    assert {row['check'] for row in found.rows if row['verdict'] == 'warn'} == {'host', 'port', 'scheme'}, 'what only the sandbox does not mind'


def test_it_changes_nothing_and_leaves_no_person_behind(rig, sandbox):
    before = rig.people()
    visit(rig)
    assert rig.people() == before and [entry['call'] for entry in sandbox.calls()] == ['access_token']


# --- the way to WeChat ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('secret, errcode', [('w' * 32, 40125), (SHOP_APPSECRET, 40001)])
def test_a_wrong_secret_is_told_apart_and_never_shown(rig, sandbox, secret, errcode):
    write_private(rig.dir / 'wrongsecret', secret + '\n')
    found = visit(rig, variant(rig, account={'secret_file': rig.dir / 'wrongsecret'}))
    assert found.status == 1 and found.failed == {'api'} and found.is_('api', 'fail', f'errcode {errcode}')
    assert 'secret_file' in found.rows_of('api')[0]['fix'] and secret not in found.text + found.stderr


def test_a_wrong_appid_is_told_apart(rig, sandbox):
    found = visit(rig, variant(rig, account={'appid': 'wx00000000deadbeef'}))
    assert found.status == 1 and found.is_('api', 'fail', 'errcode 40013') and 'AppID' in found.rows_of('api')[0]['fix']


def test_an_address_that_is_not_on_the_list_is_named(rig, sandbox):
    sandbox.fault(call='access_token', errcode=40164, errmsg='invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1-2')
    found = visit(rig)
    assert found.status == 1 and found.is_('api', 'fail', 'it sees 203.0.113.7') and 'IP list' in found.rows_of('api')[0]['fix']


def test_the_website_app_is_asked_about_too(rig, sandbox):
    qr = {'qrconnect_appid': WEBSITE_APPID, 'qrconnect_secret_file': rig.dir / 'websitesecret'}
    found = visit(rig, variant(rig, account=qr))
    assert [(WEBSITE_APPID in row['text'], row['verdict']) for row in found.rows_of('api')] == [(False, 'ok'), (True, 'ok')]
    assert len(found.rows_of('secret')) == 2
    wrong = visit(rig, variant(rig, account={**qr, 'qrconnect_appid': 'wx00000000deadbeef'}))
    assert wrong.failed == {'api'} and wrong.is_('api', 'fail', 'errcode 40013')


@pytest.mark.parametrize('kind, verdict, words', [
    ('busy', 'warn', 'WeChat is busy'), ('quota_day', 'warn', 'quota of the day'), ('quota_minute', 'warn', 'quota of the minute'),
    ('banned', 'fail', 'banned'), ('captive_page', 'fail', "not one of WeChat's"), ('gateway_error', 'fail', 'HTTP status 502'),
    ('closed', 'fail', ''), ('garbage', 'fail', '')])
def test_other_answers_have_their_verdict(rig, sandbox, kind, verdict, words):
    sandbox.fault(kind, call='access_token')
    found = visit(rig)
    assert found.is_('api', verdict, words), found.text
    assert found.status == (1 if verdict == 'fail' else 0)


def test_a_host_that_cannot_be_reached_fails_unless_another_answers(rig, sandbox):
    alone = visit(rig, variant(rig, account={'api_urls': 'http://127.0.0.1:1'}))
    assert alone.status == 1 and alone.failed == {'tcp'} and not alone.rows_of('api')
    both = visit(rig, variant(rig, account={'api_urls': f'http://127.0.0.1:1 {sandbox.url}'}))
    assert both.status == 0 and both.is_('tcp', 'warn', 'another host answers') and both.is_('api', 'ok')


def test_a_name_that_leads_nowhere_fails(rig, sandbox):
    found = visit(rig, variant(rig, account={'api_urls': 'https://api.weixin.invalid', 'connect_timeout': '2s'}))
    assert found.failed == {'dns'} and '/etc/resolv.conf' in found.rows_of('dns')[0]['fix']


@pytest.mark.parametrize('seconds, verdict', [(-3600, 'fail'), (60, 'warn'), (1, 'ok')])
def test_a_clock_that_is_wrong_shows_in_the_date_that_wechat_tells(rig, sandbox, seconds, verdict):
    sandbox.fault(call='access_token', errcode=40029, headers={'Date': formatdate(time.time() + seconds, usegmt=True)})
    assert visit(rig).is_('clock', verdict, 'ahead' if seconds < 0 else 'behind' if verdict == 'warn' else '')


@pytest.fixture(scope='module')
def authority(directory):
    return Authority(directory / 'doctor-authority')


@pytest.mark.parametrize('what, check, verdict, words', [
    ({}, 'certificate', 'ok', 'good for'),
    ({'begins': '20200101000000Z', 'ends': '20210101000000Z'}, 'certificate', 'fail', 'expired'),
    ({'name': 'other.example', 'alternative': 'DNS:other.example'}, 'certificate', 'fail', ''),
    ({'ends': time.strftime('%Y%m%d%H%M%SZ', time.gmtime(time.time() + 3 * 86400))}, 'certificate', 'warn', 'good for'),
])
def test_a_certificate_is_judged(rig, directory, authority, what, check, verdict, words):
    pair = authority.issue(**what)
    with SandboxRun(directory / f'doctor-tls{authority.count}', accounts=[(APPID, APPSECRET)], https_listen='127.0.0.1:0', cert=pair[0], key=pair[1]) as wechat:
        https = next(url for url in wechat.urls if url.startswith('https'))
        found = visit(rig, variant(rig, account={'api_urls': https, 'ca_file': authority.ca_file}))
    assert found.is_(check, verdict, words), found.text
    assert bool(found.rows_of('api')) == (verdict != 'fail') and found.is_('tls', 'ok') == (verdict != 'fail')


def test_a_certificate_of_strangers_fails(rig, directory, authority):
    pair = authority.issue()
    with SandboxRun(directory / 'doctor-stranger', accounts=[(APPID, APPSECRET)], https_listen='127.0.0.1:0', cert=pair[0], key=pair[1]) as wechat:
        https = next(url for url in wechat.urls if url.startswith('https'))
        found = visit(rig, variant(rig, account={'api_urls': https}))
    assert found.failed == {'certificate'} and 'ca_file' in found.rows_of('certificate')[0]['fix']


# --- the link ---------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('account, check, verdict, words', [
    ({'public_url': 'https://www.example.invalid'}, 'link', 'ok', 'https://www.example.invalid/weixin/callback'),
    ({'public_url': 'https://www.example.invalid'}, 'domain', 'ok', 'example.invalid is another one (10003)'),
    ({'public_url': 'https://www.example.invalid:8443'}, 'port', 'fail', '10003'),
    ({'public_url': 'https://127.0.0.1'}, 'host', 'fail', 'not an address'),
    ({'public_url': 'https://[::1]'}, 'host', 'fail', 'not an address'),
    ({'public_url': 'https://localhost'}, 'host', 'fail', '10003'),
    ({'public_url': 'http://127.0.0.1'}, 'scheme', 'fail', 'plain http'),
    ({'public_url': 'https://WWW.Example.invalid'}, 'capitals', 'warn', 'the link says https://www.example.invalid'),
    ({'public_url': 'https://www.example.invalid', 'allowed_origins': 'https://example.invalid'}, 'domain', 'warn', 'two sites'),
    ({'public_url': 'https://example.invalid', 'allowed_origins': 'https://www.example.invalid'}, 'domain', 'warn', 'two sites'),
    ({'appid': 'WX0123456789ABCDEF'}, 'appid', 'fail', 'does not look like an AppID'),
    ({'authorize_url': 'https://open.weixin.qq.com/connect/qrconnect'}, 'page', 'fail', '10016'),
    ({'scope': 'snsapi_base'}, 'scope', 'ok', '10005'),
])
def test_the_link_is_judged_as_wechat_would(rig, sandbox, account, check, verdict, words):
    found = visit(rig, variant(rig, account={**REAL_PAGE, 'request_timeout': '3s', **account}))
    assert found.is_(check, verdict, words), found.text
    assert (found.status == 1) or verdict != 'fail'


# --- files ------------------------------------------------------------------------------------------------------------------------

def test_a_key_that_everybody_can_read_fails_and_the_rest_is_looked_at(rig, sandbox):
    shutil.copy(rig.dir / 'keys', rig.dir / 'openkeys')
    give(rig.dir / 'openkeys', 0o644)
    found = visit(rig, variant(rig, session={'keys_file': rig.dir / 'openkeys'}))
    row, = found.rows_of('secrets')
    assert found.status == 1 and row['verdict'] == 'fail' and 'read by everybody' in row['text'] and row['fix'] == f'chmod 0640 {rig.dir}/openkeys'
    assert found.is_('api', 'warn', 'not asked without the secret') and found.is_('health', 'ok')


@pytest.mark.parametrize('count, age_s, verdict, words', [(1, 0, 'ok', '1 key,'), (8, 0, 'warn', 'there may be no more'), (2, 400 * 86400, 'warn', '400d')])
def test_keys_have_a_number_and_an_age(rig, sandbox, count, age_s, verdict, words):
    path = rig.dir / f'keys{count}'
    write_private(path, ''.join(f'{number:064x}\n' for number in range(1, count + 1)))
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    assert visit(rig, variant(rig, session={'keys_file': path})).is_('keys', verdict, words)


@pytest.mark.skipif(not IS_ROOT, reason='needs files of root')
def test_a_secret_that_the_service_cannot_read_fails_for_root_too(rig, sandbox):
    write_private(rig.dir / 'rootsecret', APPSECRET + '\n')
    os.chown(rig.dir / 'rootsecret', 0, 0)
    found = visit(rig, variant(rig, account={'secret_file': rig.dir / 'rootsecret'}), as_root=True)
    assert found.failed == {'secret'} and found.is_('secret', 'fail', f'cannot be read by {SERVICE_USER}')


def test_a_configuration_that_its_group_may_write_is_told(rig, sandbox):
    path = variant(rig)
    path.chmod(0o660)
    assert visit(rig, path).is_('configuration', 'warn', 'written by its group')


def test_a_broken_configuration_is_the_only_finding(rig):
    path = rig.first.dir / 'broken.conf'
    write_private(path, '[server]\nwokers = 2\n')
    found = visit(rig, path)
    assert found.status == 1 and [row['check'] for row in found.rows] == ['configuration'] and 'did you mean workers?' in found.rows[0]['fix']


def test_an_account_that_is_not_there_is_refused(rig):
    found = visit(rig, arguments=['--account', 'nobody'])
    assert found.status == 1 and 'no account "nobody"' in found.stderr and not found.rows


# --- nginx, socket, site ------------------------------------------------------------------------------------------------------------

GATE = 'location = /weixin/auth {\n    internal;'


@pytest.mark.parametrize('change, check, verdict, words', [
    (lambda text: text.replace(GATE, GATE.replace('    internal;', '')), 'gate', 'fail', 'asked from outside'),
    (lambda text: text.replace('/weixin/', '/elsewhere/'), 'snippet', 'fail', 'nginx has no location = /weixin/auth'),
    (lambda text: text.replace('    fastcgi_store /dev/null/weigate;', ''), 'snippet', 'warn', '"fastcgi_store /dev/null/weigate" in location = /weixin/auth'),
    (lambda text: text.replace('proxy_set_header X_Weigate_Openid   "";', '# gone'), 'snippet', 'warn', 'without "proxy_set_header X_Weigate_Openid'),
    (lambda text: text.replace('fastcgi_pass weigate;', 'fastcgi_pass weigate ;  # as it was'), 'snippet', 'ok', 'as this version ships it'),
    (lambda text: text.replace('    keepalive 64;', ''), 'upstream', 'warn', 'keeps no connections'),
    (lambda text: text.replace('upstream weigate', 'upstream other'), 'upstream', 'fail', 'no upstream weigate'),
    (lambda text: text.replace('server unix:', 'server unix:/nowhere'), 'socket', 'fail', 'there is no /nowhere'),
    (lambda text: text.replace('server unix:', 'server 10.0.0.7:9000; #'), 'socket', 'warn', 'neither passwords nor encryption'),
    (lambda text: text.replace('server unix:', 'server 127.0.0.1:9000; #'), 'socket', 'warn', 'as every user of this machine'),
    (lambda text: 'user nobody;\n' + text, 'socket', 'fail', 'as user nobody, may not connect'),
    (lambda text: '', 'snippet', 'fail', 'nginx has no'),
    (lambda text: text + '{' * 100 + '"', 'snippet', 'ok', ''),
])
def test_nginx_is_held_against_the_shipped_snippet(rig, sandbox, change, check, verdict, words):
    found = visit(rig, nginx=nginx_dump(rig, change))
    assert found.is_(check, verdict, words), found.text
    assert (found.status == 1) == (verdict == 'fail')


def test_a_further_account_needs_its_own_copy(new_rig, sandbox):
    rig = new_rig({'server': {'workers': 1}}, shop=True)
    found = visit(rig)
    assert found.status == 0 and [row['verdict'] for row in found.rows_of('snippet')] == ['ok', 'ok']
    only = visit(rig, arguments=['--account', 'shop'], nginx=nginx_dump(rig, lambda text: text.replace('= /shop/auth', '= /shop/auth2')))
    assert only.failed == {'snippet'} and all('shop' in row['text'] for row in only.rows_of('snippet'))


def test_an_nginx_that_cannot_be_asked_is_no_failure(rig, sandbox):
    found = visit(rig, nginx='/nonexistent')
    assert found.status == 0 and found.is_('snippet', 'warn', 'cannot be looked at') and found.is_('site', 'ok')


def test_a_socket_for_everybody_and_one_without_nginx_are_told(new_rig, sandbox):
    rig = new_rig({'server': {'workers': 1}})
    rig.first.socket.chmod(0o666)
    assert visit(rig).is_('socket', 'warn', 'every user of this machine may connect')
    uid = service_ids()[0]
    assert visit(rig, variant(rig, server={'allowed_peers': str(uid)})).is_('socket', 'ok', 'server.allowed_peers') or not IS_ROOT
    assert not IS_ROOT or visit(rig, variant(rig, server={'allowed_peers': str(uid + 1)})).is_('socket', 'fail', 'not in server.allowed_peers')


def test_a_service_that_is_away_is_seen_from_every_side(new_rig, sandbox):
    rig = new_rig({'server': {'workers': 1}})
    rig.first.stop()
    found = visit(rig)
    assert found.status == 1 and {'service', 'socket', 'site'} <= found.failed
    assert found.is_('service', 'fail', 'weigate is not running') and found.is_('site', 'fail', 'status 502') and found.is_('api', 'ok')


def test_a_gate_that_answers_from_outside_is_found_by_asking(new_rig, sandbox):
    """Whatever the configuration that was shown to it says."""
    rig = new_rig({'server': {'workers': 1}}, nginx=lambda text: text.replace('internal;', ''))
    found = visit(rig, nginx=nginx_dump(rig, lambda text: text.replace('location = /weixin/auth {', 'location = /weixin/auth { internal;')))
    assert found.failed == {'gate'} and found.is_('gate', 'fail', 'answers from outside (status 401)')


def test_a_site_with_a_certificate_that_nobody_trusts_fails(new_rig, sandbox):
    found = visit(new_rig({'server': {'workers': 1}}, tls=True))
    assert found.failed == {'site'} and 'certificate' in found.rows_of('site')[0]['fix']


# --- the service --------------------------------------------------------------------------------------------------------------------

def test_another_configuration_than_the_one_that_is_served_is_told(rig, sandbox):
    assert visit(rig, variant(rig)).is_('service', 'warn', 'serves another configuration')


def test_a_reload_that_failed_or_is_due_is_told(new_rig, sandbox):
    rig = new_rig({'server': {'workers': 1}}, memlock=0)
    assert visit(rig).is_('memory', 'warn', 'may reach the swap')
    os.utime(rig.first.conf, (time.time() + 5, time.time() + 5))
    assert visit(rig).is_('reload', 'warn', 'has changed since')
    good = rig.first.conf.read_text()
    write_private(rig.first.conf, good + '[server]\nx = 1\n')
    rig.first.signal(signal.SIGHUP)
    eventually(lambda: rig.log('reload failed'))
    write_private(rig.first.conf, good)
    assert visit(rig).is_('reload', 'warn', 'changed nothing')


def test_a_worker_that_hangs_and_a_breaker_that_is_open_are_told(new_rig, sandbox, people):
    rig = new_rig({'server': {'workers': 1}, 'account': {'request_timeout': '1s', 'connect_timeout': '500ms'}})
    sandbox.fault('closed', call='access_token')
    for one in people(6):
        visitor = Visitor(rig)
        visitor.get(visitor.agree_at(visitor.start(), one))
    assert visit(rig).is_('breaker', 'warn', 'WeChat does not answer')
    worker = rig.first.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    found = visit(rig, variant(rig, account={'public_url': 'http://127.0.0.1:1'}))
    os.kill(worker, signal.SIGCONT)
    assert 'worker' in found.failed and found.is_('worker', 'fail', 'does not answer') and found.is_('site', 'warn', 'cannot be asked from here')


# --- the store ----------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('sections, words', [
    ({'storage': {'plugin': '/nonexistent/file.so'}}, '/nonexistent/file.so'),
    ({'plugin file': {'path': '/nonexistent/profiles.db'}}, '/nonexistent'),
    ({'plugin file': {'path': lambda rig: rig.dir / 'nodatabase'}}, ''),
])
def test_a_store_that_does_not_open_fails_with_the_plugins_words(rig, sandbox, sections, words):
    write_private(rig.dir / 'nodatabase', 'this is no database, ' * 1000)
    sections = {name: {key: value(rig) if callable(value) else value for key, value in values.items()} for name, values in sections.items()}
    found = visit(rig, variant(rig, **sections))
    assert found.status == 1 and found.failed == {'store'} and found.is_('store', 'fail', words), found.text


# --- the screen -----------------------------------------------------------------------------------------------------------------------

def on_terminal(rig, **environment):
    """The screen as a terminal gets it."""
    nginx = nginx_dump(rig)
    pid, fd = pty.fork()
    if pid == 0:
        if IS_ROOT:
            uid, gid = service_ids()
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        command = [str(rig.programs.weigatectl), '-c', str(rig.first.conf), 'doctor', '--nginx', nginx]
        os.execve(command[0], command, {**rig.first.environment(), 'TERM': 'xterm', **environment})
    screen = b''
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        screen += part
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return screen.decode()


def test_colour_is_for_terminals_that_want_it(rig, sandbox):
    assert '\x1b[32mok' in on_terminal(rig) and '\x1b[33mwarn' in on_terminal(rig)
    assert '\x1b' not in on_terminal(rig, NO_COLOR='1')
    piped = rig.ctl('doctor', '--nginx', nginx_dump(rig)).stdout
    assert '\x1b' not in piped and piped.startswith('files\n  ok    configuration') and piped.rstrip().endswith('3 to look at, 0 failed')


def test_no_line_is_wider_than_the_terminal(rig, sandbox):
    for line in on_terminal(rig, NO_COLOR='1').replace('\r', '').splitlines():
        assert len(line) <= 80 or ' ' not in line[23:].strip(), line


def test_no_secret_stands_on_the_screen(rig, sandbox, person):
    Visitor(rig).sign_in(person)
    for kind in (None, 'wrong_secret', 'garbage', 'closed'):
        if kind:
            sandbox.fault(kind, call='access_token', count=1)
        found = visit(rig)
        assert rig.secrets_in(found.text + found.stderr, 'the screen') == [] and sandbox.openid(person) not in found.text


# --- spool and mirror -----------------------------------------------------------------------------------------------------------------

def test_a_spool_that_is_off_or_not_safe_is_told(rig, sandbox):
    assert visit(rig, variant(rig, storage={'spool_dir': 'off'})).is_('spool', 'warn', 'nobody can sign in')
    (rig.dir / 'openspool').mkdir()
    give(rig.dir / 'openspool', 0o777)
    assert 'spool' in visit(rig, variant(rig, storage={'spool_dir': rig.dir / 'openspool'})).failed


def test_what_waits_for_the_store_is_told(new_rig, sandbox, person):
    rig = new_rig({'server': {'workers': 1}, 'storage': {'deadline': '300ms'}})
    with sqlite3.connect(rig.store_path, isolation_level=None) as other:
        other.execute('BEGIN IMMEDIATE')
        assert Visitor(rig).sign_in(person).status == 200
        found = visit(rig)
        assert found.is_('spool', 'warn', 'wait for a store') and found.status == 0, found.text
        other.execute('ROLLBACK')
    eventually(lambda: visit(rig).is_('spool', 'ok', 'nothing waits'))


def test_a_mirror_is_looked_at_too(rig, sandbox):
    found = visit(rig, variant(rig, storage={'mirror': '/nonexistent/other.so'}))
    assert found.status == 1 and found.is_('store', 'fail', '/nonexistent/other.so')
