# SPDX-License-Identifier: Apache-2.0
"""The set-ups of docs/high-availability.md and docs/scaling.md: each script of scripts/ha builds what it says, from the files that are documented."""
import os
import signal
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

import cluster as clusters
from rig import IS_ROOT, SERVICE_USER
from setups import IS_POSSIBLE, SCRIPTS, Setup
from visitor import Visitor
from wait import BUILD, eventually

pytestmark = [pytest.mark.figures, pytest.mark.skipif(not IS_POSSIBLE, reason='no PostgreSQL server, or no plugin')]

AS_SERVICE = ['setpriv', f'--reuid={SERVICE_USER}', f'--regid={SERVICE_USER}', '--clear-groups'] if IS_ROOT else []


@pytest.fixture
def setup(directory):
    made = []

    def new(name, *options):
        made.append(Setup(name, directory / f'{name}{len(made)}', *options))
        return made[-1]
    yield new
    for one in made:
        one.stop()


@pytest.fixture
def postgres_rig(new_rig, programs):
    """A site whose store is that dsn; `dsn` may be made when the site's directory is there."""
    def new(dsn, start=True, **options):
        rig = new_rig({'storage': {'plugin': programs.postgres_plugin}}, start=False, **options)
        rig.overrides['plugin postgres'] = {'dsn': dsn(rig.dir) if callable(dsn) else dsn}
        if start:
            rig.start()
        return rig
    return new


def count(setup, server, table):
    return int(setup.sql(server, f'SELECT count(*) FROM {table}')[0][0])


@pytest.mark.skipif(clusters.PGBOUNCER is None, reason='no pgbouncer')
def test_pgbouncer_in_transaction_mode_before_and_after_a_fail_over(setup, postgres_rig, people):
    """D12: no named statements are met; and a pooler that took its server for a primary (or a standby) once and says so for ever after misleads nobody."""
    site = setup('pgbouncer')
    rig = postgres_rig(site.dsn)
    for who in people(10):
        assert Visitor(rig).sign_in(who).status == 200
    assert count(site, 'primary', 'weigate.subject') == 10
    # Both poolers have met their servers as they are now.
    subprocess.run(['psql', '-XAtc', 'SELECT 1', site.dsn(rig.dir, host='127.0.0.1', port=site.ports['bouncer2'])], check=True, stdout=subprocess.DEVNULL,
                   stdin=subprocess.DEVNULL)
    eventually(lambda: count(site, 'standby', 'weigate.subject') == 10, what='the standby caught up')
    os.kill(site.postmaster('primary'), signal.SIGKILL)
    site.sql('standby', 'SELECT pg_promote()')
    after, = people(1)
    eventually(lambda: Visitor(rig).sign_in(after).status == 200, seconds=30, what='a sign-in after the fail-over')
    eventually(lambda: count(site, 'standby', 'weigate.subject') >= 11, what='the sign-in in the new primary')


def test_a_streaming_replica_for_analysts(setup, postgres_rig, people):
    site = setup('replica')
    rig = postgres_rig(f'host={site.dir}/sockets port={site.ports["primary"]} dbname=weigate user=weigate_app')
    for who in people(3):
        assert Visitor(rig).sign_in(who).status == 200
    eventually(lambda: count(site, 'replica', 'weigate.subject') == 3, what='three people on the replica')
    assert site.sql('replica', 'SHOW hot_standby_feedback') == [['on']] and site.sql('replica', 'SHOW transaction_read_only') == [['on']]
    assert site.sql('replica', 'SELECT count(*) FROM weigate_mart.definitions', user='weigate_analyst')[0][0] != '0'
    # A long report over there holds back what vacuum may take here, instead of being ended by it.
    with subprocess.Popen(['psql', '-X', '-h', site.dir / 'sockets', '-p', str(site.ports['replica']), '-U', 'postgres', '-d', 'weigate'], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as report:
        report.stdin.write('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM weigate.profile;\n')
        report.stdin.flush()
        eventually(lambda: site.sql('primary', 'SELECT xmin IS NOT NULL FROM pg_replication_slots') == [['t']], what='the report\'s horizon on the primary')
        site.sql('primary', 'UPDATE weigate.profile SET changed_at = now()')
        site.sql('primary', 'VACUUM weigate.profile')
        report.stdin.write('SELECT count(*) FROM weigate.profile; COMMIT;\n')
        report.stdin.close()
        assert report.stdout.read().count('     3') == 2 and report.wait() == 0


def test_a_logical_replica_without_names(setup, postgres_rig, sandbox, people):
    site = setup('analytics')
    rig = postgres_rig(f'host={site.dir}/sockets port={site.ports["publisher"]} dbname=weigate user=weigate_app')
    gone, stays = people(2)
    for who in (gone, stays):
        assert Visitor(rig).sign_in(who).status == 200
    eventually(lambda: count(site, 'analytics', 'weigate.profile_activity') == 2 and count(site, 'analytics', 'weigate.login_event') == 2, what='both in the analytics database')
    assert site.sql('analytics', 'SELECT count(nickname), count(headimgurl) FROM weigate.profile') == [['0', '0']]
    assert count(site, 'analytics', 'weigate.subject') == 0
    # An erasure arrives as deletes, and the event stays as a number.
    rig.ctl('people', 'erase', sandbox.openid(gone), '--yes')
    eventually(lambda: count(site, 'analytics', 'weigate.profile') == 1 and count(site, 'analytics', 'weigate.profile_activity') == 1, what='one of them gone there too')
    assert count(site, 'analytics', 'weigate.login_event') == 2
    # A month that was not there flows without a word to the publication, and a column that nobody listed stays here.
    for server in ('publisher', 'analytics'):
        site.sql(server, "SELECT weigate.partition_make('login_event', date '2031-05-01')")
    site.sql('publisher', "ALTER TABLE weigate.login_event ADD COLUMN secret text DEFAULT 'x'")
    site.sql('publisher', "INSERT INTO weigate.login_event (event_at, event_id, app_no, event_day, is_login, is_snapshot, outcome, stage, errcode, latency_ms, scope, channel, "
             "network, node) VALUES ('2031-05-05', gen_random_uuid(), 1, '2031-05-05', false, false, 'denied', 'claim', 0, 1, '', 'wechat', '203.0.113.0/24', '')")
    eventually(lambda: count(site, 'analytics', 'weigate.login_event_2031_05') == 1, what='an event of May 2031')
    assert site.sql('analytics', "SELECT DISTINCT network FROM weigate.login_event") == [['']]
    site.sql('analytics', 'SELECT weigate.mart_refresh()')
    assert site.sql('analytics', 'SELECT count(*) FROM weigate_mart.definitions', user='weigate_analyst')[0][0] != '0'


class TwoHosts:
    """One of the two as a visitor sees it."""
    prefix = '/weixin'

    def __init__(self, port, sandbox):
        self.url, self.sandbox = f'http://127.0.0.1:{port}', sandbox

    def remember_secret(self, value):
        pass

    def sandbox_agree(self, visitor, authorize_url, person):
        return visitor.get(authorize_url, headers={'Cookie': f'sandbox_person={person}; sandbox_answer=agree'}).location


def test_two_hosts_exchange_a_code_once_and_agree_on_a_revocation(setup):
    """Each its own nginx, workers and spool; one database."""
    site = setup('two-hosts', '--build', BUILD)
    ports = site.ports
    sandbox = f'http://127.0.0.1:{ports["sandbox"]}'
    first, second = (TwoHosts(ports[name], sandbox) for name in ('host1', 'host2'))
    visitor = Visitor(first)
    callback = urlsplit(visitor.agree_at(visitor.start(), 'plain'))
    cookies = visitor.cookie_header(callback)
    barrier = threading.Barrier(2)

    def call(host):
        barrier.wait()
        return Visitor(host).get(f'{host.url}{callback.path}?{callback.query}', headers={'Cookie': cookies})
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(call, (first, second)))
    assert [answer.status for answer in answers] == [303, 303]
    with urllib.request.urlopen(f'{sandbox}/sandbox/ledger?call=access_token') as ledger:
        assert len(ledger.read().splitlines()) == 1
    sessions = [next(line for line in answer.all('Set-Cookie') if line.startswith('weigate=')).split(';')[0] for answer in answers]

    def status(host, session):
        return Visitor(host).get(host.url + '/weixin/session', headers={'Cookie': session, 'Accept': 'application/json'}).status
    assert {status(host, session) for host in (first, second) for session in sessions} == {200}
    (openid,), = site.sql('database', 'SELECT openid FROM weigate.subject')
    began = time.monotonic()
    run = subprocess.run([*AS_SERVICE, site.dir / 'bin/weigatectl', '-c', site.dir / 'host1/weigate.conf', 'sessions', 'revoke', openid, '--yes'], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    eventually(lambda: {status(host, session) for host in (first, second) for session in sessions} == {401}, what='401 on both hosts')
    assert time.monotonic() - began < 5 + 1


def test_a_set_up_runs_a_command_and_hands_on_its_status(directory):
    run = subprocess.run([SCRIPTS / 'replica', '--dir', directory / 'short', '--', 'sh', '-c', 'test -f "$WEIGATE_HA_DIR/servers" && exit 7'],
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    assert run.returncode == 7 and not (directory / 'short').exists()
