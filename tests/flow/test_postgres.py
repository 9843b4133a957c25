# SPDX-License-Identifier: Apache-2.0
"""The service with the postgres plugin: its tables, its servers' bad days, and a pooler in between."""
import re
import subprocess
import threading

import pytest

import cluster as clusters
from fault_proxy import POINTS, FaultProxy
from load import Load
from rig import SOURCE, free_port, make_certificate
from scale import report, scale
from visitor import Visitor
from wait import BUILD, SLACK, Stopwatch, eventually

POINT_WORDS = {'before': 'before BEGIN', 'sent': 'after the statement was sent', 'committed': 'after COMMIT was sent', 'half': 'in the middle of the answer'}

pytestmark = pytest.mark.skipif(clusters.PROGRAMS is None or not list(BUILD.rglob('.libs/postgres.so')), reason='no PostgreSQL server, or no plugin')


@pytest.fixture(scope='module')
def one_cluster(directory):
    one = clusters.Cluster(directory / 'cluster')
    yield one
    one.stop()


@pytest.fixture
def cluster(one_cluster):
    """With an empty database."""
    one_cluster.sql('DROP DATABASE IF EXISTS weigate WITH (FORCE)', database='postgres')
    one_cluster.sql('CREATE DATABASE weigate', database='postgres')
    return one_cluster


@pytest.fixture
def closed_rig(new_rig, programs, cluster):
    """Configured and not started; the owner's dsn."""
    def new(dsn=None, conf=None, **options):
        conf = {**(conf or {}), 'storage': {'plugin': programs.postgres_plugin, **(conf or {}).get('storage', {})},
                'plugin postgres': {'dsn': dsn or cluster.dsn('weigate')}}
        rig = new_rig(conf, start=False, **options)
        rig.first.write_conf()
        return rig
    return new


@pytest.fixture
def postgres_rig(closed_rig, cluster):
    """Tables made by their owner, the service as weigate_app."""
    def new(dsn=None, **options):
        rig = closed_rig(**options)
        rig.ctl('storage', 'init')
        rig.overrides['plugin postgres']['dsn'] = dsn or cluster.dsn()
        rig.start()
        return rig
    return new


def test_a_sign_in_is_in_the_tables_and_counted(postgres_rig, cluster, sandbox):
    rig = postgres_rig()
    for _ in range(2):
        assert Visitor(rig).sign_in('plain').status == 200
    stored = rig.person(sandbox.openid('plain'))
    assert stored['profile']['nickname'] == '李平' and stored['login_count'] == 2
    assert cluster.sql('SELECT nickname, login_count, logins FROM weigate.profile JOIN weigate.profile_activity USING (profile_no) JOIN weigate.user_day USING (profile_no)') == [['李平', '2', '2']]


def test_init_twice_is_fine_and_says_so(closed_rig, cluster):
    rig = closed_rig()
    for _ in range(2):
        assert 'the store is ready, schema version 9' in rig.ctl('storage', 'init').stdout
    assert cluster.sql('SELECT version FROM weigate.schema_migration ORDER BY 1') == [[str(n)] for n in range(1, 10)]


def test_the_service_role_cannot_change_tables(postgres_rig, cluster):
    """D15"""
    postgres_rig()
    assert cluster.sql("SELECT has_schema_privilege('weigate_app', 'weigate', 'CREATE'), has_table_privilege('weigate_app', 'weigate.schema_migration', 'UPDATE')") == [['f', 'f']]


def test_every_table_and_column_has_a_comment(closed_rig, cluster):
    closed_rig().ctl('storage', 'init')
    bare = cluster.sql("SELECT c.relname, a.attname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped "
                       "AND (a.attnum = 0 OR a.attnum > 0) WHERE n.nspname LIKE 'weigate%' AND c.relkind IN ('r', 'p') AND NOT c.relispartition "
                       "AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)")
    assert bare == []


@pytest.mark.parametrize('spoil,sentence', [
    ('DROP SCHEMA weigate CASCADE', 'run `weigatectl storage init`'),
    ("INSERT INTO weigate.schema_migration (version, name) VALUES (99, 'later')", 'made by a later weigate'),
    ('DELETE FROM weigate.schema_migration WHERE version = 9', 'needs 9; run `weigatectl storage init`'),
])
def test_a_wrong_schema_is_named_with_what_to_do(closed_rig, cluster, spoil, sentence):
    rig = closed_rig()
    rig.ctl('storage', 'init')
    cluster.sql(spoil)
    said = rig.ctl('people', 'list', check=False)
    assert said.returncode != 0 and sentence in said.stderr


def test_a_database_that_cannot_hold_every_name_is_refused(closed_rig, cluster):
    cluster.sql('DROP DATABASE weigate WITH (FORCE)', database='postgres')
    cluster.sql("CREATE DATABASE weigate ENCODING LATIN1 LOCALE 'C' TEMPLATE template0", database='postgres')
    said = closed_rig().ctl('storage', 'init', check=False)
    assert said.returncode != 0 and 'createdb -E UTF8' in said.stderr


@pytest.mark.parametrize('more,sentence', [
    ({'password': 'Canary77Canary77Canary77'}, 'passfile'),
    ({'dbname': 'nowhere'}, 'create the database'),
    ({'user': 'nobody_here'}, 'pg_hba.conf'),
    ({'host': '/nonexistent'}, 'could not connect'),
    ({'nonsense': '1'}, 'write it as libpq does'),
])
def test_a_wrong_dsn_is_named_in_one_sentence(closed_rig, cluster, more, sentence):
    rig = closed_rig(cluster.dsn(**{'user': 'weigate', **more}))
    said = rig.ctl('storage', 'init', check=False)
    assert said.returncode != 0 and sentence in said.stderr and 'Canary77' not in said.stderr, said.stderr


# SQLSTATE -> class: STORAGE's table, row by row. D09, D11, D19
CLASSES = {
    '08000': 'unavailable', '08003': 'unavailable', '08006': 'unavailable', '08P01': 'unavailable', '22021': 'failed', '22P05': 'failed', '22001': 'failed',
    '23505': 'failed', '23514': 'failed', '25006': 'read_only', '28000': 'auth', '28P01': 'auth', '3D000': 'config', '3F000': 'config', '40001': 'busy', '40P01': 'busy',
    '40003': 'outcome_unknown', '42501': 'config', '42P01': 'config', '42703': 'config', '42883': 'config', '53100': 'full', '53200': 'busy', '53300': 'busy',
    '54000': 'failed', '55006': 'busy', '55P03': 'busy', '57014': 'busy', '57P01': 'unavailable', '57P02': 'unavailable', '57P03': 'unavailable', '58030': 'unavailable',
    'P0001': 'failed', 'XX000': 'failed', 'XX001': 'corrupt', 'XX002': 'corrupt'}


def test_every_error_of_the_server_has_its_class(closed_rig, cluster):
    rig = closed_rig()
    rig.ctl('storage', 'init')
    cluster.sql("INSERT INTO weigate.app (appid) VALUES ('a'); INSERT INTO weigate.subject (appid, openid, key_hash) VALUES ('a', 'o', sha256('o')); "
                "INSERT INTO weigate.profile (profile_no, app_no, first_seen_at, last_seen_at, changed_at) SELECT profile_no, 1, now(), now(), now() FROM weigate.subject")
    said = {}
    for state in CLASSES:
        cluster.sql("CREATE OR REPLACE FUNCTION weigate.us(at timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS "
                    f"$$ BEGIN RAISE EXCEPTION 'said by the test' USING ERRCODE = '{state}'; END $$")
        said[state] = re.search(r'\((\w+)\)\s*$', rig.ctl('people', 'list', check=False).stderr.strip().splitlines()[0])
    assert {state: match and match.group(1) for state, match in said.items()} == CLASSES


def test_a_frozen_first_host_does_not_hide_the_second(closed_rig, cluster):
    """A host that takes connections and says nothing has a share of the time, not all of it."""
    closed_rig().ctl('storage', 'init')
    with FaultProxy(cluster) as proxy:
        rig = closed_rig(cluster.dsn(host=f'{proxy.dir},{cluster.dir}'))
        proxy.network('hole')
        assert rig.ctl('people', 'list').returncode == 0


@pytest.fixture
def second_cluster(directory):
    one = clusters.Cluster(directory / 'second')
    yield one
    one.stop()


def test_a_primary_that_becomes_read_only_is_left_for_the_new_one(closed_rig, cluster, second_cluster, people):
    """D08: the sign-in that meets 25006 is itself recorded on the other host."""
    for one in (cluster, second_cluster):
        closed_rig(one.dsn('weigate')).ctl('storage', 'init')
    rig = closed_rig(cluster.dsn(host=f'{cluster.dir},{second_cluster.dir}'))
    rig.start()
    before, after = people(2)
    assert Visitor(rig).sign_in(before).status == 200 and logins(cluster) == 1
    cluster.sql('ALTER SYSTEM SET default_transaction_read_only = on', database='postgres')
    cluster.sql('SELECT pg_reload_conf()', database='postgres')
    try:
        eventually(lambda: cluster.sql('SHOW transaction_read_only') == [['on']], what='the first one read-only')
        assert Visitor(rig).sign_in(after).status == 200
        assert logins(second_cluster) == 1
        rig.stop()
    finally:
        cluster.sql('ALTER SYSTEM RESET default_transaction_read_only', database='postgres')
        cluster.sql('SELECT pg_reload_conf()', database='postgres')
        eventually(lambda: cluster.sql('SHOW transaction_read_only') == [['off']], what='the first one as before')


@pytest.mark.parametrize('more,warns', [({'host': 'localhost,db2.invalid'}, True), ({'host': 'db.invalid', 'sslmode': 'prefer'}, True), ({'host': 'localhost.invalid'}, True),
                                        ({'host': 'db.invalid', 'sslmode': 'verify-full', 'sslrootcert': '/nowhere'}, False), ({}, False)])
def test_a_server_elsewhere_without_verify_full_is_warned_about(closed_rig, cluster, more, warns):
    """D16"""
    rig = closed_rig(cluster.dsn('weigate', **more), environment={'HOME': '/nonexistent'})
    said = rig.ctl('storage', 'init', check=False)
    assert ('use sslmode=verify-full' in said.stderr) == warns, said.stderr


def test_each_process_has_its_name_in_the_servers_list(postgres_rig, cluster):
    postgres_rig()
    names = eventually(lambda: [name for (name,) in cluster.sql("SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename = 'weigate_app' ORDER BY 1")
                                if name.startswith('weigate/')] or None, what='named connections')
    assert set(names) <= {'weigate/1/1', 'weigate/2/1', 'weigate/probe'}


def sign_in_many(rig, people, during):
    """Everybody signs in, one after another, while `during` happens; returns the statuses."""
    statuses = []

    def work():
        for who in people:
            statuses.append(Visitor(rig).sign_in(who).status)
    thread = threading.Thread(target=work)
    thread.start()
    eventually(lambda: len(statuses) >= 3, what='the first sign-ins')
    during()
    thread.join()
    return statuses


def logins(cluster):
    return int(cluster.sql('SELECT coalesce(sum(login_count), 0) FROM weigate.profile_activity')[0][0])


def test_killed_backends_lose_and_double_nothing(postgres_rig, cluster, people):
    rig = postgres_rig()
    statuses = sign_in_many(rig, people(30), lambda: [cluster.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'weigate_app'") for _ in range(5)])
    assert statuses == [200] * 30
    eventually(lambda: logins(cluster) == 30, what='all thirty in the tables')
    assert cluster.sql('SELECT max(login_count) FROM weigate.profile_activity') == [['1']]


def test_a_restarted_server_is_found_again(postgres_rig, cluster, people):
    rig = postgres_rig()
    first, second = people(2)
    assert Visitor(rig).sign_in(first).status == 200
    cluster.restart('fast')
    eventually(lambda: Visitor(rig).sign_in(second).status == 200, what='a sign-in after the restart')
    eventually(lambda: rig.first.is_ready(), what='ready again')


def test_a_frozen_server_is_given_up_by_the_clock(closed_rig, cluster):
    rig = closed_rig()
    rig.ctl('storage', 'init')
    cluster.freeze()
    try:
        said = rig.ctl('people', 'list', check=False)
    finally:
        cluster.thaw()
    assert said.returncode != 0 and 'did not answer in' in said.stderr
    assert rig.ctl('people', 'list').returncode == 0


@pytest.mark.skipif(clusters.PGBOUNCER is None, reason='no pgbouncer')
def test_a_pooler_in_transaction_mode_is_no_hindrance(closed_rig, cluster, people):
    """D12: nothing is prepared by name, so max_prepared_statements (which Debian's PgBouncer does not know yet) makes no difference."""
    bouncer = clusters.Bouncer(cluster)
    try:
        rig = closed_rig(cluster.dsn('weigate', host=bouncer.dir, port=6432))
        rig.ctl('storage', 'init')
        rig.overrides['plugin postgres']['dsn'] = cluster.dsn(host=bouncer.dir, port=6432)
        rig.start()
        for who in people(20):
            assert Visitor(rig).sign_in(who).status == 200
        assert logins(cluster) == 20 and len(rig.people()) == 20
        rig.stop()
    finally:
        bouncer.stop()


def test_a_missing_month_is_made_on_the_way(postgres_rig, cluster, person):
    rig = postgres_rig()
    for (name,) in cluster.sql("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'weigate.login_event'::regclass"):
        cluster.sql(f'DROP TABLE {name}')
    assert Visitor(rig).sign_in(person).status == 200
    assert logins(cluster) == 1
    assert cluster.sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'weigate.login_event'::regclass") == [['1']]


def test_what_stands_earlier_in_the_search_path_is_not_called(postgres_rig, cluster, person):
    """D13: tables and functions with the names of ours, and of PostgreSQL's own, in a schema that is searched first."""
    cluster.sql('CREATE SCHEMA trap; GRANT USAGE, CREATE ON SCHEMA trap TO weigate_app; CREATE TABLE trap.sprung (what text); GRANT INSERT ON trap.sprung TO weigate_app')
    for name, arguments in (('record_signins', 'jsonb, jsonb, jsonb, integer, integer'), ('now', ''), ('jsonb_array_length', 'jsonb'), ('partition_make', 'timestamptz')):
        cluster.sql(f"CREATE FUNCTION trap.{name}({arguments}) RETURNS text LANGUAGE sql AS $$ INSERT INTO trap.sprung VALUES ('{name}') RETURNING what $$")
    for name in ('profile', 'ticket', 'login_event'):
        cluster.sql(f'CREATE TABLE trap.{name} (nothing integer)')
    cluster.sql('ALTER ROLE weigate_app IN DATABASE weigate SET search_path = trap, public')
    rig = postgres_rig()
    assert Visitor(rig).sign_in(person).status == 200
    assert logins(cluster) == 1
    assert rig.ctl('people', 'list').returncode == 0
    assert cluster.sql('SELECT * FROM trap.sprung') == []


@pytest.mark.parametrize('statement', ['DROP TABLE weigate.ticket', 'ALTER TABLE weigate.profile ADD COLUMN more text', 'CREATE TABLE weigate.mine (n integer)',
                                       'DELETE FROM weigate.schema_migration', "COPY weigate.profile TO PROGRAM 'cat'", 'SELECT * FROM pg_authid', 'SET ROLE weigate'])
def test_the_service_role_is_denied_what_is_not_its_work(closed_rig, cluster, statement):
    """D15"""
    closed_rig().ctl('storage', 'init')
    with pytest.raises(subprocess.CalledProcessError):
        cluster.sql(statement, user='weigate_app')


def test_values_are_parameters_and_never_part_of_a_statement():
    """D17, D18: a text parameter ends at NUL, which the plugin refuses before (check 39)."""
    for source in sorted((SOURCE / 'plugins/postgres').glob('*.c')):
        assert not re.search(r'PQ(exec|escape|prepare)', source.read_text()), source
        assert all(sql.startswith(('"', 'TAKE_TURNS', 'sql', 'schema_migrations')) for sql in re.findall(r'\.sql = (\S+)', source.read_text())), source


@pytest.fixture(scope='module')
def tls_cluster(directory):
    one = clusters.TlsCluster(directory / 'tls-cluster', free_port())
    yield one
    one.stop()


def test_tls_is_verified_in_full(closed_rig, tls_cluster, directory):
    """D16: the right authority and name get in; another authority, another name and no TLS at all do not."""
    def init(**more):
        return closed_rig(tls_cluster.dsn('weigate', port=tls_cluster.port, **more), environment={'HOME': '/nonexistent'}).ctl('storage', 'init', check=False)
    (directory / 'stranger').mkdir()
    make_certificate(directory / 'stranger')
    (directory / 'stranger').chmod(0o755)
    right = {'sslmode': 'verify-full', 'sslrootcert': tls_cluster.dir / 'ca.pem', 'hostaddr': '127.0.0.1'}
    good = init(host='localhost', **right)
    assert good.returncode == 0, good.stderr
    stranger = init(host='localhost', **{**right, 'sslrootcert': directory / 'stranger/cert.pem'})
    assert stranger.returncode != 0 and 'certificate verify failed' in stranger.stderr and '(auth)' in stranger.stderr
    other_name = init(host='db.example.org', **right)
    assert other_name.returncode != 0 and 'does not match host name' in other_name.stderr
    plain = init(host='localhost', **{**right, 'sslmode': 'disable'})
    assert plain.returncode != 0 and 'pg_hba.conf' in plain.stderr


def the_tables_hold(cluster, acknowledged):
    """Everybody who was told so exactly once, and nobody twice."""
    eventually(lambda: logins(cluster) >= acknowledged, what=f'all {acknowledged} in the tables')
    rows = [list(map(int, row)) for row in cluster.sql('SELECT max(login_count), count(*), sum(login_count) FROM weigate.profile_activity')]
    events = int(cluster.sql('SELECT count(*) FROM weigate.login_event WHERE is_login')[0][0])
    assert rows[0][0] == 1 and rows[0][1] == rows[0][2] == events >= acknowledged, (rows, events)
    return events


@pytest.mark.proof
@pytest.mark.parametrize('point', POINTS)
def test_cuts_around_the_commit_lose_and_double_nothing(postgres_rig, cluster, people, point):
    """D04"""
    count = scale(10, whole=200)
    with FaultProxy(cluster) as proxy:
        rig = postgres_rig(cluster.dsn(host=proxy.dir))
        for who in people(count):
            proxy.plan(point, 'cut')
            assert Visitor(rig).sign_in(who).status == 200
        assert proxy.done == [(point, 'cut')] * count
        assert the_tables_hold(cluster, count) == count
        report(f'cuts {POINT_WORDS[point]}', cuts=count, lost=0, doubled=0)
        rig.stop()


@pytest.mark.parametrize('fault', ['hole', 'half_close', 0.2])
def test_whatever_the_link_does_no_sign_in_is_lost_or_doubled(postgres_rig, cluster, people, fault):
    """D03, D04: at each point in turn; what is not acknowledged may be there or not, once."""
    with FaultProxy(cluster) as proxy:
        rig = postgres_rig(cluster.dsn(host=proxy.dir), conf={'storage': {'deadline': '500ms'}})
        statuses = []
        for point, who in zip(POINTS, people(len(POINTS))):
            proxy.plan(point, fault)
            with Stopwatch() as took:
                statuses.append(Visitor(rig).sign_in(who).status)
            assert took.ms < 2500 * SLACK
        assert set(statuses) <= {200, 503} and [plan.point for plan in proxy.done[:4]] == list(POINTS)
        proxy.network(None)
        eventually(lambda: Visitor(rig).sign_in(people(1)[0]).status == 200, what='a sign-in afterwards')
        the_tables_hold(cluster, statuses.count(200) + 1)
        rig.stop()


def test_a_network_that_goes_and_comes_back_is_found_again(postgres_rig, cluster, people):
    """D02"""
    with FaultProxy(cluster) as proxy:
        rig = postgres_rig(cluster.dsn(host=proxy.dir), conf={'storage': {'deadline': '500ms'}})
        told = Visitor(rig).sign_in(people(1)[0]).status == 200
        for weather in ('cut', 'hole'):
            proxy.network(weather)
            told += Visitor(rig).sign_in(people(1)[0]).status == 200
            proxy.network(None)
            eventually(lambda: Visitor(rig).sign_in(people(1)[0]).status == 200, what=f'a sign-in after {weather}')
        the_tables_hold(cluster, told + 2)
        rig.stop()


@pytest.mark.proof
def test_counting_a_sign_in_stays_in_its_page(postgres_rig, cluster):
    """An index on what changes with every sign-in, or pages without room, would cost five times as much."""
    rig = postgres_rig()
    with Load(rig, rate=200, people=100, gate=False) as load:
        load.until(scale(600, whole=6000))
    assert not load.trouble, load.trouble[:3]
    rig.stop()  # backends report what they did when they end
    tables = ('profile', 'profile_activity')
    rows = eventually(lambda: [row for row in cluster.sql('SELECT relname, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables') if row[0] in tables and int(row[1]) >= load.acknowledged - 100],
                      what='the statistics of every update')
    shares = {name: round(100 * int(hot) / int(updates), 1) for name, updates, hot in rows}
    assert set(shares) == set(tables) and min(shares.values()) >= 95, shares
    report('updates that stay in their page', sign_ins=load.acknowledged, **{name: f'{share} %' for name, share in shares.items()})
