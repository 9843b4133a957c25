# SPDX-License-Identifier: Apache-2.0
"""The store is away and nobody notices: sign-ins wait in the spool and are in the store when it is back."""
import contextlib
import json
import os
import signal
import sqlite3

import pytest

import cluster as clusters
from load import Load
from rig import give, rss_kib
from scale import IS_WHOLE, report, scale
from visitor import Visitor
from wait import BUILD, SLACK, Stopwatch, eventually

needs_postgres = pytest.mark.skipif(clusters.PROGRAMS is None or not list(BUILD.rglob('.libs/postgres.so')), reason='no PostgreSQL server, or no plugin')


@pytest.fixture(scope='module')
def one_cluster(directory):
    one = clusters.Cluster(directory / 'spoolcluster')
    yield one
    one.stop()


@pytest.fixture
def cluster(one_cluster):
    """With an empty database; up again afterwards."""
    one_cluster.sql('DROP DATABASE IF EXISTS weigate WITH (FORCE)', database='postgres')
    one_cluster.sql('CREATE DATABASE weigate', database='postgres')
    yield one_cluster
    if not (one_cluster.data / 'postmaster.pid').exists():
        one_cluster.start()


@pytest.fixture
def postgres_rig(new_rig, programs, cluster):
    def new(**storage):
        rig = new_rig({'storage': {'plugin': programs.postgres_plugin, 'deadline': '1s', **storage}, 'plugin postgres': {'dsn': cluster.dsn('weigate')}}, start=False)
        rig.first.write_conf()
        rig.ctl('storage', 'init')
        rig.overrides['plugin postgres']['dsn'] = cluster.dsn()
        rig.start()
        return rig
    return new


def logins(cluster):
    return int(cluster.sql('SELECT coalesce(sum(login_count), 0) FROM weigate.profile_activity')[0][0])


def waiting(rig):
    return sum(value for name, value in rig.metrics().items() if name.startswith('weigate_spool_records'))


def ready(rig):
    return rig.ask(rig.prefix + '/status/ready', WEIGATE_STATUS='on')


@contextlib.contextmanager
def locked(rig):
    """Somebody else holds the write lock of the file store."""
    connection = sqlite3.connect(rig.store_path, isolation_level=None)
    connection.execute('BEGIN IMMEDIATE')
    try:
        yield
    finally:
        connection.execute('ROLLBACK')
        connection.close()


@needs_postgres
def test_sign_ins_go_on_while_the_server_is_down_and_are_in_the_tables_when_it_is_back(postgres_rig, cluster, people):
    """D01 D02: and again after it came back."""
    rig = postgres_rig()
    first, *others = people(8)
    assert Visitor(rig).sign_in(first).status == 200
    cluster.stop()
    visitors = [Visitor(rig) for _ in others]
    assert [visitor.sign_in(who).status for visitor, who in zip(visitors, others)] == [200] * 7
    assert all(visitor.open('/private/').status == 200 for visitor in visitors)
    eventually(lambda: waiting(rig) == 7, what='seven records in the spool')
    assert ready(rig).status == 200 and b'degraded' in ready(rig).body
    status = json.loads(rig.ctl('status', '--json').stdout)
    assert status['workers'][0]['store']['spool']['records'] == 7
    assert 'in use, waiting records 7' in rig.ctl('status').stdout
    cluster.start()
    eventually(lambda: logins(cluster) == 8, seconds=20, what='all eight in the tables')
    assert cluster.sql('SELECT max(login_count) FROM weigate.profile_activity') == [['1']]
    eventually(lambda: waiting(rig) == 0 and ready(rig).body == b'ready\n', what='ready without a but')


@needs_postgres
def test_a_service_that_starts_without_its_server_signs_people_in(postgres_rig, cluster, people):
    """D01"""
    rig = postgres_rig()
    rig.first.stop()
    cluster.stop()
    rig.first.start()
    who, = people(1)
    assert Visitor(rig).sign_in(who).status == 200
    cluster.start()
    eventually(lambda: logins(cluster) == 1, seconds=20, what='the sign-in in the tables')


@needs_postgres
def test_a_frozen_server_delays_the_first_ones_by_the_deadline_and_nobody_after_them(postgres_rig, cluster, people):
    """D03"""
    rig = postgres_rig()
    first, *others = people(5)
    assert Visitor(rig).sign_in(first).status == 200
    cluster.freeze()
    try:
        statuses = [Visitor(rig).sign_in(others[0]).status, Visitor(rig).sign_in(others[1]).status]
        with Stopwatch() as took:
            statuses += [Visitor(rig).sign_in(who).status for who in others[2:]]
    finally:
        cluster.thaw()
    assert statuses == [200] * 4
    assert took.ms < 2000 * SLACK
    eventually(lambda: logins(cluster) == 5, seconds=20, what='all five in the tables')
    assert cluster.sql('SELECT max(login_count) FROM weigate.profile_activity') == [['1']]


def test_a_locked_file_store_is_waited_for_by_the_spool(new_rig, people):
    """D21"""
    rig = new_rig({'storage': {'deadline': '500ms'}})
    first, *others = people(4)
    assert Visitor(rig).sign_in(first).status == 200
    with locked(rig):
        assert [Visitor(rig).sign_in(who).status for who in others] == [200] * 3
    eventually(lambda: len(rig.people()) == 4 and waiting(rig) == 0, what='all four in the store')


def test_a_code_is_exchanged_once_while_the_store_is_away(new_rig, sandbox, people):
    """C04 without a store: the workers of a host agree through the spool."""
    rig = new_rig({'storage': {'deadline': '500ms'}})
    who, other = people(2)
    with locked(rig):
        Visitor(rig).sign_in(other)
        visitor = Visitor(rig)
        callback = visitor.agree_at(visitor.start(), who)
        pages = [visitor.get(callback) for _ in range(4)]
    assert [page.status for page in pages] == [303] * 4
    assert len({page.location for page in pages}) == 1
    assert len(sandbox.calls(person=who, call='access_token')) == 1


def test_a_full_spool_refuses_and_sessions_go_on(new_rig, people):
    """Q10"""
    rig = new_rig({'storage': {'deadline': '500ms', 'spool_max': '1M'}})
    first, second, third = people(3)
    old = Visitor(rig)
    assert old.sign_in(first).status == 200
    rubbish = rig.first.dir / 'spool/aside/00000000000000000000000000000000.seg'
    rubbish.write_bytes(b'x' * 2**20)
    with locked(rig):
        assert Visitor(rig).sign_in(second).status == 503
        assert old.get(rig.url + '/private/').status == 200
        eventually(lambda: ready(rig).status == 503, what='not ready')
        assert rig.metrics()['weigate_spool_events_total{what="refused_full"}'] >= 1
        rubbish.unlink()
        eventually(lambda: ready(rig).status == 200, what='ready again as soon as there is room')
        assert Visitor(rig).sign_in(second).status == 200
    eventually(lambda: Visitor(rig).sign_in(third).status == 200, what='a sign-in once the store is back')


def test_a_sign_out_counts_while_the_store_is_away(new_rig, people):
    """K15 without a store: on every worker of the host."""
    rig = new_rig({'storage': {'deadline': '500ms'}})
    who, = people(1)
    visitor = Visitor(rig)
    assert visitor.sign_in(who).status == 200
    kept = dict(visitor.cookies)
    with locked(rig):
        assert visitor.get(rig.url + '/weixin/session', method='DELETE', headers={'Accept': 'application/json', 'Sec-Fetch-Site': 'same-origin'}).status == 204
        visitor.cookies = kept
        eventually(lambda: not any(visitor.get(rig.url + '/private/').status == 200 for _ in range(6)), what='the saved cookie refused everywhere')


@pytest.mark.parametrize('spoil,sentence', [
    (lambda path: path.symlink_to('/tmp'), 'is a symbolic link'),
    (lambda path: path.write_text(''), 'is not a directory'),
    (lambda path: (path.mkdir(), path.chmod(0o700), os.chown(path, 1, 1)), 'belongs to user'),
    (lambda path: (path.mkdir(), give(path, 0o777)), 'writable by others: chmod 0700'),
    (lambda path: (path.mkdir(), give(path, 0o500)), 'cannot be written'),
])
def test_a_directory_that_is_no_place_for_a_spool_is_refused_at_start(new_rig, spoil, sentence):
    """Q11"""
    rig = new_rig(start=False)
    rig.first.write_conf()
    spoil(rig.first.dir / 'spool')
    said = rig.weigate('-t')
    assert said.returncode != 0 and 'storage.spool_dir' in said.stderr and sentence in said.stderr, said.stderr


def test_a_spool_whose_parent_is_missing_is_refused_with_what_to_do(new_rig):
    """Q11"""
    rig = new_rig({'storage': {'spool_dir': '/nonexistent/spool'}}, start=False)
    rig.first.write_conf()
    said = rig.weigate('-t')
    assert said.returncode != 0 and 'install -d' in said.stderr and 'spool_dir = off' in said.stderr


def test_a_worker_that_is_killed_loses_nothing_it_acknowledged(new_rig, people):
    """P14 X09: what waited in its segment is drained by another."""
    rig = new_rig({'storage': {'deadline': '500ms'}})
    crowd = people(6)
    with locked(rig):
        for who in crowd:
            assert Visitor(rig).sign_in(who).status == 200
        before = rig.first.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(set(rig.first.workers()) - set(before)) == 2 and rig.first.is_ready(), what='two new workers')
    eventually(lambda: len(rig.people()) == 6, what='all six in the store')


def test_what_waits_is_shown_by_weigatectl(new_rig, people):
    rig = new_rig({'storage': {'deadline': '500ms'}})
    who, = people(1)
    assert json.loads(rig.ctl('storage', 'spool', '--json').stdout.splitlines()[0])['records'] == 0
    with locked(rig):
        assert Visitor(rig).sign_in(who).status == 200
        shown = json.loads(rig.ctl('storage', 'spool', '--json').stdout.splitlines()[0])
        assert shown['records'] == 1 and shown['bytes'] > 0 and shown['drained'] and shown['aside'] == 0
        assert 'waits         1 record,' in rig.ctl('storage', 'spool').stdout
        eventually(lambda: 'busy' in rig.ctl('storage', 'spool').stdout, what='the reason why it waits')
    eventually(lambda: 'nothing' in rig.ctl('storage', 'spool').stdout, what='nothing waits')


@pytest.mark.proof
@pytest.mark.figures
@needs_postgres
def test_live_sign_ins_do_not_feel_the_drain(postgres_rig, cluster):
    """D20 Q15: the records of a long outage flow back beside the day's traffic."""
    rig = postgres_rig()
    records = scale(60, whole=10000)

    def share(load, first):
        ordered = sorted(load.latencies[first:])
        return ordered[int(len(ordered) * 0.99)]
    with Load(rig, rate=50, people=2000) as load:
        load.more(scale(30, whole=1500))
        load.latencies.clear()
        load.more(scale(30, whole=1500))
        quiet = share(load, 0)
    cluster.stop()
    with Load(rig, rate=scale(80, whole=150), people=2000) as outage:
        outage.until(records, seconds=200)
    before = max(rss_kib(pid) for pid in rig.first.workers())
    with Load(rig, rate=50, people=2000) as beside:
        cluster.start()
        eventually(lambda: drained(rig) > 0, seconds=20, what='the drain begins')
        first = len(beside.latencies)
        eventually(lambda: waiting(rig) == 0, seconds=200, what='all drained')
        busy = share(beside, first) if len(beside.latencies) > first + 20 else quiet
    assert not load.trouble + outage.trouble + beside.trouble
    eventually(lambda: logins(cluster) == load.acknowledged + outage.acknowledged + beside.acknowledged, seconds=30, what='every sign-in once')
    grown = max(rss_kib(pid) for pid in rig.first.workers()) - before
    report('sign-ins beside the drain', records=outage.acknowledged, p99_quiet_ms=round(quiet, 1), p99_beside_ms=round(busy, 1), ratio=round(busy / quiet, 2), grown_kib=grown)
    assert grown < 8192
    assert not IS_WHOLE or busy <= 1.2 * quiet + 5


def drained(rig):
    return rig.metrics()['weigate_spool_events_total{what="drained"}']


def test_an_older_record_that_arrives_later_changes_nothing_newer(new_rig, sandbox, people):
    """D14: by the time of the sign-in, not by that of its delivery."""
    rig = new_rig({'storage': {'deadline': '500ms'}})
    who, = people(1)
    with locked(rig):
        sandbox.fault(person=who, call='userinfo', set={'nickname': 'earlier'})
        assert Visitor(rig).sign_in(who).status == 200
        segment, = (rig.first.dir / 'spool').glob('*.seg')
        segment.rename(rig.first.dir / 'late.seg')
    sandbox.clear_faults()
    sandbox.fault(person=who, call='userinfo', set={'nickname': 'later'})
    eventually(lambda: Visitor(rig).sign_in(who).status == 200 and rig.people(), what='a live sign-in in the store')
    (rig.first.dir / 'late.seg').rename(segment)
    eventually(lambda: not list((rig.first.dir / 'spool').glob('*.seg')), what='the earlier one delivered')
    person = rig.person(sandbox.openid(who))
    assert person['profile']['nickname'] == 'later' and person['login_count'] >= 2
