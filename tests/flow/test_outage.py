# SPDX-License-Identifier: Apache-2.0
"""The store is away under load, in every way a server can be away: everybody signs in, and afterwards each of them is in the tables once."""
import collections
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess

import pytest

import cluster as clusters
from fault_proxy import FaultProxy
from load import Load
from rig import IS_ROOT
from scale import report, scale
from wait import BUILD, eventually

pytestmark = [pytest.mark.proof, pytest.mark.skipif(clusters.PROGRAMS is None or not list(BUILD.rglob('.libs/postgres.so')), reason='no PostgreSQL server, or no plugin')]

# Waiting calls of an outage end after this; what follows it is refused at once.
DEADLINE = '1s'


@pytest.fixture(scope='module')
def one_cluster(directory):
    one = clusters.Cluster(directory / 'outage')
    yield one
    one.stop()


@pytest.fixture
def cluster(one_cluster):
    one_cluster.sql('DROP DATABASE IF EXISTS weigate WITH (FORCE)', database='postgres')
    one_cluster.sql('CREATE DATABASE weigate', database='postgres')
    return one_cluster


@pytest.fixture
def site(new_rig, programs, cluster):
    """Tables made by their owner, the service as weigate_app; host= goes into its dsn."""
    def new(**more):
        conf = {'storage': {'plugin': programs.postgres_plugin, 'deadline': DEADLINE}, 'plugin postgres': {'dsn': cluster.dsn('weigate')}}
        rig = new_rig(conf, start=False)
        rig.first.write_conf()
        rig.ctl('storage', 'init')
        rig.overrides['plugin postgres']['dsn'] = cluster.dsn(**more)
        rig.start()
        return rig
    return new


def spool(rig):
    return json.loads(rig.ctl('storage', 'spool', '--json').stdout.splitlines()[0])


def stored(cluster):
    """{openid: completed sign-ins}, and how many events say so."""
    rows = cluster.sql('SELECT openid, login_count FROM weigate.profile_activity JOIN weigate.subject USING (profile_no)')
    events = int(cluster.sql('SELECT count(*) FROM weigate.login_event WHERE is_login')[0][0])
    return collections.Counter({openid: int(count) for openid, count in rows}), events


def assert_nothing_lost_nothing_doubled(cluster, load, seconds=60):
    """Each person's count is what they were told; a sign-in that nobody was told about is there once or not at all."""
    unclear = collections.Counter(load.openids[line.split()[0]] for line in load.trouble)
    eventually(lambda: not load.told - stored(cluster)[0], seconds=seconds, what=f'{load.acknowledged} acknowledged sign-ins in the tables; lost: {sum((load.told - stored(cluster)[0]).values())}')
    counts, events = stored(cluster)
    assert not counts - (load.told + unclear), f'doubled: {counts - (load.told + unclear)}'
    assert sum(counts.values()) == events
    late = cluster.sql(f"SELECT count(*) FROM weigate.profile WHERE nickname IS NULL OR last_seen_at < first_seen_at")
    assert late == [['0']]


# --- six ways to be away, each a context: inside it the store is not there -------------------------------------------------------


@contextlib.contextmanager
def stopped(cluster, proxy):
    cluster.stop('fast')
    yield
    cluster.start()


@contextlib.contextmanager
def killed(cluster, proxy):
    cluster.signal_all(signal.SIGKILL)
    yield
    cluster.start()


@contextlib.contextmanager
def frozen(cluster, proxy):
    cluster.freeze()
    yield
    cluster.thaw()


@contextlib.contextmanager
def unplugged(cluster, proxy):
    proxy.network('cut')
    yield
    proxy.network(None)


@contextlib.contextmanager
def swallowed(cluster, proxy):
    proxy.network('hole')
    yield
    proxy.network(None)


@contextlib.contextmanager
def read_only(cluster, proxy):
    cluster.sql("ALTER SYSTEM SET default_transaction_read_only = on", database='postgres')
    cluster.sql('SELECT pg_reload_conf()', database='postgres')
    yield
    cluster.sql("BEGIN; SET TRANSACTION READ WRITE; COMMIT", database='postgres')
    with (cluster.data / 'postgresql.auto.conf').open('w'):
        pass
    cluster.sql('SELECT pg_reload_conf()', database='postgres')


@contextlib.contextmanager
def full(cluster, proxy):
    """The tables' file system has no block left: what fits into their pages is taken, what does not is not."""
    filler = cluster.dir / 'small/filler'
    with filler.open('wb', buffering=0) as out, contextlib.suppress(OSError):
        while out.write(b'\0' * 4096):
            pass
    yield
    filler.unlink()


def run(*command):
    return subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def small_disk(cluster):
    """A file system of 64 MiB for the tables."""
    path = cluster.dir / 'small'
    path.mkdir()
    if not IS_ROOT or not run('mount', '-t', 'tmpfs', '-o', 'size=64m', 'none', str(path)):
        path.rmdir()
        pytest.skip('a file system of its own wants root, and a kernel that lets it mount')
    (path / 'tables').mkdir()
    shutil.chown(path / 'tables', cluster.identity['user'], cluster.identity['group'])
    cluster.sql(f"CREATE TABLESPACE small LOCATION '{path}/tables'", database='postgres')
    cluster.sql('ALTER DATABASE weigate SET TABLESPACE small', database='postgres')
    yield path
    cluster.sql('DROP DATABASE weigate WITH (FORCE)', database='postgres')
    cluster.sql('DROP TABLESPACE small', database='postgres')
    run('umount', str(path))
    path.rmdir()


def live_through(name, way, site, cluster):
    seconds = scale(3, whole=60)
    with FaultProxy(cluster) as proxy:
        rig = site(host=proxy.dir)
        with Load(rig, rate=50, people=200) as load:
            load.until(50)
            with way(cluster, proxy):
                load.more(50 * seconds)
            load.more(50)
        assert not load.trouble, [*load.trouble[:3], *[line[:300] for line in rig.log(' 503 ') + rig.log('unavailable')][-8:]]
        assert_nothing_lost_nothing_doubled(cluster, load)
        eventually(lambda: spool(rig)['records'] == 0, what='an empty spool')
        bridged = int(rig.metrics()['weigate_spool_events_total{what="appended"}'])
        assert bridged > 0 and spool(rig)['aside'] == 0, 'the outage was none'
        report(f'outage: {name}', seconds=seconds, sign_ins=load.acknowledged, bridged=bridged, lost=0, doubled=0, p50_ms=load.percentile_ms(0.5), p99_ms=load.percentile_ms(0.99),
               worst_ms=load.percentile_ms(1))
        rig.stop()


@pytest.mark.parametrize('way', [stopped, killed, frozen, unplugged, swallowed, read_only], ids=lambda way: way.__name__)
def test_everybody_signs_in_while_the_server_is(way, site, cluster):
    """D02, D03, D08, D09"""
    live_through(way.__name__, way, site, cluster)


def test_everybody_signs_in_while_the_disk_is_full(site, cluster, small_disk):
    """D09"""
    live_through('disk full', full, site, cluster)


# --- what stops the drain, and what does not ---------------------------------------------------------------------------------------


@pytest.mark.parametrize('name,spoil,mend', [
    ('a role that may not log in', 'ALTER ROLE weigate_app NOLOGIN', 'ALTER ROLE weigate_app LOGIN'),
    ('a missing table', 'ALTER TABLE weigate.login_event RENAME TO gone', 'ALTER TABLE weigate.gone RENAME TO login_event'),
], ids=['login', 'table'])
def test_what_only_an_admin_can_mend_stops_the_drain_with_an_alarm(site, cluster, name, spoil, mend):
    """D19: and nothing is set aside."""
    rig = site()
    cluster.sql(spoil)
    cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'weigate_app'")
    with Load(rig, rate=50, people=50) as load:
        load.until(scale(60, whole=600))
    assert not load.trouble, load.trouble[:5]
    eventually(lambda: rig.log('spool: not drained into'), what='an alarm in the log')
    before = spool(rig)
    assert before['aside'] == 0 and before['records'] > 0 and before['trouble'], before
    cluster.sql(mend)
    assert_nothing_lost_nothing_doubled(cluster, load)
    eventually(lambda: spool(rig)['records'] == 0 and spool(rig)['aside'] == 0, what='an empty spool')
    report(f'drain stopped by {name}', sign_ins=load.acknowledged, lost=0, set_aside=0)


def test_a_record_that_the_database_refuses_for_ever_delays_nobody(site, cluster, sandbox):
    """D11, Q07"""
    count = scale(200, whole=10000)
    rig = site()
    refused = sandbox.openid('p000007')
    cluster.sql(f"ALTER TABLE weigate.subject ADD CONSTRAINT nobody_likes_them CHECK (openid <> '{refused}')")
    cluster.stop('fast')
    with Load(rig, rate=scale(100, whole=150), people=100, gate=False) as load:
        load.until(count, seconds=300)
    assert not load.trouble, load.trouble[:5]
    cluster.start()
    poison = load.told.pop(refused)
    assert_nothing_lost_nothing_doubled(cluster, load, seconds=120)
    eventually(lambda: spool(rig)['records'] == 0, what='an empty spool')
    assert spool(rig)['aside'] == poison
    cluster.sql('ALTER TABLE weigate.subject DROP CONSTRAINT nobody_likes_them')
    rig.ctl('storage', 'spool', '--retry')
    load.told[refused] = poison
    assert_nothing_lost_nothing_doubled(cluster, load)
    assert spool(rig)['aside'] == 0
    report('poison', records=load.acknowledged, set_aside=poison, lost=0)


# --- kill -9 -----------------------------------------------------------------------------------------------------------------------


def drainer(rig):
    """The worker that drains, or None: the kernel knows who holds the lock."""
    inodes = {str(path.stat().st_ino) for path in (rig.first.dir / 'spool').glob('drain-*.lock')}
    held = [line.split() for line in open('/proc/locks')]
    return next((int(words[4]) for words in held if words[1] == 'FLOCK' and words[5].split(':')[-1] in inodes and words[4] != '-1'), None)


def kill_something(rig, cluster, dice):
    """A worker, the one that drains, or the database, at once and without a word."""
    victim = dice.choice(['worker', 'drainer', 'postgres'])
    pid = drainer(rig) if victim == 'drainer' else None
    with contextlib.suppress(ProcessLookupError, IndexError):
        if victim == 'postgres':
            cluster.signal_all(signal.SIGKILL)
            eventually(lambda: not clusters_alive(cluster), what='the server is gone')
            cluster.start()
        else:
            os.kill(pid or dice.choice(rig.first.workers()), signal.SIGKILL)
    return victim


def clusters_alive(cluster):
    try:
        os.kill(cluster.postmaster(), 0)
        return True
    except (ProcessLookupError, FileNotFoundError, ValueError, IndexError):
        return False


def test_whatever_is_killed_what_was_acknowledged_is_stored(site, cluster):
    """X09, D23"""
    dice = random.Random(20261124)
    killed_count = collections.Counter()
    rig = site()
    with Load(rig, rate=50, people=100) as load:
        load.until(50)
        for _ in range(scale(8, whole=200)):
            killed_count[kill_something(rig, cluster, dice)] += 1
            load.more(dice.randrange(5, 60))
        eventually(lambda: rig.first.is_ready() and len(rig.first.workers()) == 2, what='both workers')
        load.more(50)
    assert all('503' not in line for line in load.trouble), [line for line in load.trouble if '503' in line][:5]
    assert_nothing_lost_nothing_doubled(cluster, load)
    report('kill -9', rounds=sum(killed_count.values()), **killed_count, acknowledged=load.acknowledged, cut_off=len(load.trouble), lost=0, doubled=0)
