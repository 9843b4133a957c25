# SPDX-License-Identifier: Apache-2.0
"""What the postgres plugin's tables need: upkeep, retention, plans, and what the law gives people a right to."""
import datetime
import itertools
import json
import subprocess

import pytest

import cluster as clusters
from rig import APPID
from stores import Stores
from wait import BUILD

pytestmark = pytest.mark.skipif(clusters.PROGRAMS is None or not list(BUILD.rglob('.libs/postgres.so')), reason='no PostgreSQL server, or no plugin')
numbers = itertools.count(1)
WHO = 'oMaVZ5canary_of_one_person01'
CANARIES = (WHO, '鸟Canary5577鸟', 'unionCanary5577', 'pictureCanary5577', 'CityCanary5577')


@pytest.fixture(scope='module')
def one_cluster(directory):
    one = clusters.Cluster(directory / 'care-cluster')
    subprocess.run(['psql', '-q', '-X', '-h', one.dir, '-U', 'weigate', '-d', 'weigate', '-v', 'ON_ERROR_STOP=1', '-f', BUILD_SQL / 'roles.sql'], check=True)
    yield one
    one.stop()


BUILD_SQL = next(parent / 'sql' for parent in BUILD.resolve().parents if (parent / 'sql/roles.sql').exists())


def psql(cluster, *arguments, user='weigate', text=None):
    return subprocess.run(['psql', '-q', '-X', '-h', cluster.dir, '-U', user, '-d', 'weigate', '-v', 'ON_ERROR_STOP=1', *arguments], input=text, capture_output=True, text=True)


@pytest.fixture
def cluster(one_cluster):
    one_cluster.sql('DROP DATABASE IF EXISTS weigate WITH (FORCE)', database='postgres')
    one_cluster.sql('CREATE DATABASE weigate', database='postgres')
    assert psql(one_cluster, '-f', BUILD_SQL / 'roles.sql').returncode == 0
    return one_cluster


@pytest.fixture
def empty(directory, programs, cluster):
    """Configured: the service's role, the migrator for the tables; nothing set up."""
    def new(**options):
        stores = Stores(directory / f'care{next(numbers)}', programs, cluster.dsn())
        stores.options['postgres'].update({'admin_dsn': cluster.dsn('weigate_migrator'), **options})
        stores.write_conf(plugin='postgres')
        return stores
    return new


@pytest.fixture
def stores(empty):
    def new(**options):
        made = empty(**options)
        made.ctl('storage', 'init')
        return made
    return new


def import_people(stores, *people):
    path = stores.dir / f'people{next(numbers)}.jsonl'
    path.write_text(''.join(json.dumps(person, ensure_ascii=False) + '\n' for person in people))
    return stores.ctl('people', 'import', path)


def import_somebody(stores, cluster):
    """A person with something in every table."""
    import_people(stores, {'openid': WHO, 'unionid': CANARIES[2], 'nickname': CANARIES[1], 'sex': 2, 'province': '广东', 'city': CANARIES[4], 'country': '中国',
                           'headimgurl': f'https://thirdwx.qlogo.cn/{CANARIES[3]}/132', 'privilege': []}, {'openid': 'oSomebodyElse', 'nickname': '别人'})
    events = [{'i': i, 'appid': APPID, 'openid': WHO, 'key_hash': cluster.sql(f"SELECT key_hash FROM weigate.subject WHERE openid = '{WHO}'")[0][0],
               'event_at': (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=i)).isoformat(),
               'event_id': f'00000000-0000-4000-8000-{i:012}', 'event_day': (datetime.date.today() - datetime.date(1970, 1, 1)).days - i, 'is_login': i != 2, 'is_snapshot': False,
               'outcome': 'signed_in', 'stage': 'done', 'errcode': 0, 'latency_ms': 5, 'scope': 'snsapi_userinfo', 'channel': 'wechat', 'network': '203.0.113.0/24', 'node': 'n'}
              for i in range(3)]
    cluster.sql(f"SELECT weigate.record_signins('[]', '{json.dumps(events)}', '[]', 3, 1000)")
    cluster.sql("INSERT INTO weigate_secret.token SELECT profile_no, now(), gen_random_uuid(), '\\x00', 0, 0 FROM weigate.subject WHERE openid = '%s'" % WHO)
    cluster.sql(f"SELECT weigate.privacy_log('access', '{APPID}', '{WHO}'), weigate.privacy_log('erase', '{APPID}', '{WHO}')")


def dump(cluster, *arguments):
    return subprocess.run(['pg_dump', '-h', cluster.dir, '-U', 'weigate', '-d', 'weigate', *arguments], check=True, capture_output=True).stdout


def traces(cluster, number):
    """Rows of any table that show the person, or the number it had."""
    text = dump(cluster, '--data-only', '--inserts').decode()
    return [line for line in text.splitlines() if any(canary in line for canary in CANARIES)] + [
        table for (table,) in cluster.sql("SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE a.attname = 'profile_no' AND c.relkind IN ('r', 'p') "
                                          "AND NOT c.relispartition AND c.relnamespace IN ('weigate'::regnamespace, 'weigate_secret'::regnamespace)")
        if cluster.sql(f'SELECT count(*) FROM {table} WHERE profile_no = {number}') != [['0']]]


def totals(cluster):
    return cluster.sql('SELECT (SELECT count(*) FROM weigate.login_event), (SELECT sum(logins) FROM weigate.user_day), (SELECT count(*) FROM weigate.user_day), '
                       '(SELECT count(*) FROM weigate.user_day WHERE is_first)')


def make_month(cluster, months_ago):
    """A month of the past with three sign-ins of two people on two days."""
    day = f"(date_trunc('month', now() AT TIME ZONE 'Asia/Shanghai') - interval '{months_ago} months')::date + 9"
    cluster.sql(f"SELECT weigate.partition_make('login_event', {day}), weigate.partition_make('user_day', {day})")
    cluster.sql(f"SELECT weigate.app_number('{APPID}')")
    cluster.sql("INSERT INTO weigate.login_event (event_at, event_id, app_no, profile_no, event_day, is_login, is_snapshot, outcome, stage, errcode, latency_ms, scope, channel, network, node) "
                f"SELECT ({day} + n / 2 + interval '1 hour' * n) AT TIME ZONE 'Asia/Shanghai', gen_random_uuid(), 1, 1 + n % 2, {day} + n / 2, n < 3, false, 'x', 'done', 0, 1, '', '', '', '' FROM generate_series(0, 3) n")
    cluster.sql(f'INSERT INTO weigate.user_day VALUES ({day}, 1, 1, now(), 1, true), ({day}, 1, 2, now(), 1, true), ({day} + 1, 1, 1, now(), 1, false)')


def test_maintenance_says_what_it_did_and_has_nothing_left_to_do(stores, cluster):
    one = stores()
    (gone,) = cluster.sql("SELECT c.relname FROM pg_class c WHERE relispartition AND relkind = 'r' AND relname LIKE 'login_event%' ORDER BY 1 DESC LIMIT 1")[0]
    cluster.sql(f'DROP TABLE weigate.{gone}')
    assert f'would make {gone}\n' in one.ctl('storage', 'maintain', '--dry-run').stdout
    assert json.loads(one.ctl('storage', 'maintain', '--json').stdout.splitlines()[0]) == {'what': 'make', 'object': gone, 'count': 1, 'dry_run': False}
    assert 'nothing was left to be done' in one.ctl('storage', 'maintain').stdout


def test_months_past_their_time_go_and_their_counts_stay(stores, cluster):
    """Counted by hand: two days, two people then one, one failure."""
    one = stores(keep_events='60d', keep_user_days='60d')
    make_month(cluster, 5)
    said = one.ctl('storage', 'maintain', '--json').stdout
    dropped = [json.loads(line)['object'] for line in said.splitlines() if '"drop"' in line]
    assert [name[:-8] for name in dropped] == ['login_event', 'user_day']
    assert cluster.sql('SELECT count(*) FROM weigate.login_event') == [['0']] and cluster.sql('SELECT count(*) FROM weigate.user_day') == [['0']]
    rows = cluster.sql('SELECT dau, new_people, logins, failures FROM weigate.daily_rollup ORDER BY day LIMIT 3')
    assert rows == [['2', '2', '2', '0'], ['1', '0', '1', '1'], ['0', '0', '0', '0']]
    before = cluster.sql('SELECT day, dau, computed_at FROM weigate.daily_rollup WHERE dau > 0 ORDER BY 1')
    assert 'drop' not in one.ctl('storage', 'maintain').stdout
    assert cluster.sql('SELECT day, dau, computed_at FROM weigate.daily_rollup WHERE dau > 0 ORDER BY 1') == before
    assert ['retention.keep_events', '60 days'] in cluster.sql("SELECT name, value FROM weigate.store_meta WHERE name LIKE 'retention%'")


def test_a_month_whose_detaching_was_broken_off_goes_the_next_time(stores, cluster):
    one = stores(keep_events='60d')
    make_month(cluster, 5)
    (name,) = cluster.sql("SELECT name FROM weigate.partitions_past('login_event', now() - interval '60 days') ORDER BY 1")[0]
    cluster.sql(f'ALTER TABLE weigate.login_event DETACH PARTITION weigate.{name}')  # taken off, not yet dropped
    assert f'drop {name}' in one.ctl('storage', 'maintain').stdout
    assert cluster.sql(f"SELECT to_regclass('weigate.{name}')") == [['']]


def test_only_an_owner_drops_months_and_the_service_says_so(stores, cluster):
    one = stores(keep_events='60d')
    del one.options['postgres']['admin_dsn']
    one.write_conf(plugin='postgres')
    make_month(cluster, 5)
    said = one.ctl('storage', 'maintain', check=False)
    assert said.returncode != 0 and 'admin_dsn' in said.stderr, said.stderr


def test_of_two_maintainers_the_second_goes_home(stores, cluster):
    one = stores()
    assert cluster.sql("SELECT weigate.lease_take('maintain', 'other-host/1', 600), weigate.lease_take('maintain', 'third/1', 600)") == [['t', 'f']]
    said = one.ctl('storage', 'maintain', check=False)
    assert said.returncode != 0 and 'somebody else maintains this store' in said.stderr
    cluster.sql("SELECT weigate.lease_end('maintain', 'other-host/1')")
    one.ctl('storage', 'maintain')


def test_a_plan_applied_by_hand_is_what_init_would_have_done(empty, cluster):
    one = empty(admin_dsn=cluster.dsn('weigate_migrator'))
    plan = one.ctl('storage', 'plan').stdout
    applied = psql(cluster, '-f', '-', user='weigate_migrator', text=plan)
    assert applied.returncode == 0, applied.stderr
    assert one.ctl('storage', 'plan').stdout == ''
    assert 'the store is ready' in one.ctl('storage', 'init').stdout
    assert cluster.sql('SELECT count(*) FROM weigate.schema_migration WHERE checksum IS NULL') == [['0']]
    import_people(one, {'openid': 'oA', 'nickname': 'A'})


def test_an_upgrade_that_was_interrupted_goes_on(empty, cluster):
    one = empty()
    plan = one.ctl('storage', 'plan').stdout
    half = plan[:plan.index('-- 0003')]
    assert psql(cluster, '-f', '-', user='weigate_migrator', text=half).returncode == 0
    rest = one.ctl('storage', 'plan').stdout
    assert rest.startswith('\\set ON_ERROR_STOP on\n\n-- 0003') and plan.endswith(rest[len('\\set ON_ERROR_STOP on\n'):])
    assert 'the store is ready' in one.ctl('storage', 'init').stdout


def test_another_file_under_the_same_number_is_found(stores, cluster):
    one = stores()
    cluster.sql("UPDATE weigate.schema_migration SET checksum = repeat('0', 64) WHERE version = 2")
    said = one.ctl('storage', 'init', check=False)
    assert said.returncode != 0 and 'another 0002_functions.sql' in said.stderr


def test_a_table_that_misses_a_column_is_not_written_to(stores, cluster):
    """D19"""
    one = stores()
    cluster.sql('ALTER TABLE weigate.profile DROP COLUMN raw')
    path = one.dir / 'one.jsonl'
    path.write_text('{"openid": "oA", "nickname": "A"}\n')
    said = one.ctl('people', 'import', path, check=False)
    assert said.returncode != 0 and 'weigate.profile.raw is missing' in said.stderr, said.stderr
    assert cluster.sql('SELECT count(*) FROM weigate.subject') == [['0']]


def test_everything_that_is_stored_of_a_person_is_in_one_object(stores, cluster):
    one = stores()
    import_somebody(one, cluster)
    told = json.loads(one.ctl('privacy', 'export', WHO).stdout)
    assert told['openid'] == WHO and told['profile']['nickname'] == CANARIES[1] and told['profile_activity']['login_count'] == 2
    assert [len(told[name]) for name in ('profile_history', 'login_event', 'user_day', 'privacy_request')] == [1, 3, 2, 2]
    assert set(told['token']) == {'token_at', 'access_expires_at', 'refresh_expires_at'}
    nobody = one.ctl('privacy', 'export', 'oNobody', check=False)
    assert nobody.returncode != 0 and 'nobody with that openid' in nobody.stderr


def test_plugins_that_hold_less_tell_what_they_hold(directory, programs):
    one = Stores(directory / f'care{next(numbers)}', programs)
    import_people(one, {'openid': WHO, 'nickname': CANARIES[1]})
    told = json.loads(one.ctl('privacy', 'export', WHO).stdout)
    assert told['person']['nickname'] == CANARIES[1] and told['sign_ins'] == []


def test_an_erasure_leaves_no_trace_and_totals_stand(stores, cluster):
    one = stores()
    import_somebody(one, cluster)
    number = cluster.sql(f"SELECT profile_no FROM weigate.subject WHERE openid = '{WHO}'")[0][0]
    before = totals(cluster)
    assert len(traces(cluster, number)) >= 7
    one.ctl('people', 'erase', WHO, '--yes')
    assert traces(cluster, number) == [] and totals(cluster) == before
    assert cluster.sql('SELECT count(*), max(profile_no) < 0 FROM weigate.user_day') == [['2', 't']]
    assert cluster.sql("SELECT kind, outcome, openid IS NULL FROM weigate.privacy_request ORDER BY 1") == [['access', '', 't'], ['erase', 'done', 't']]


def test_erasures_come_back_after_a_restore(stores, cluster):
    """A backup of before the erasure is restored with pg_restore, and the list that was kept beside it replayed."""
    one = stores()
    import_somebody(one, cluster)
    (one.dir / 'backup').write_bytes(dump(cluster, '-Fc'))
    one.ctl('people', 'erase', WHO, '--yes')
    erasures = one.ctl('storage', 'erasures').stdout
    assert len(erasures.splitlines()) == 1 and not any(canary in erasures for canary in CANARIES)
    (one.dir / 'erasures.jsonl').write_text(erasures)
    cluster.sql('DROP DATABASE weigate WITH (FORCE)', database='postgres')
    cluster.sql('CREATE DATABASE weigate', database='postgres')
    subprocess.run(['pg_restore', '-h', cluster.dir, '-U', 'weigate', '-d', 'weigate', one.dir / 'backup'], check=True)
    assert 'Canary5577' in one.ctl('people', 'show', WHO).stdout
    number = cluster.sql(f"SELECT profile_no FROM weigate.subject WHERE openid = '{WHO}'")[0][0]
    assert '1 erasures, 1 of them were not here before' in one.ctl('storage', 'replay-erasures', one.dir / 'erasures.jsonl').stdout
    assert traces(cluster, number) == []
    assert '0 of them were not here before' in one.ctl('storage', 'replay-erasures', one.dir / 'erasures.jsonl').stdout
    assert one.ctl('people', 'show', WHO, check=False).returncode != 0 and one.ctl('people', 'show', 'oSomebodyElse').returncode == 0


def test_people_who_stay_away_are_erased_where_that_is_configured(stores, cluster):
    one = stores(keep_people='400d')
    import_somebody(one, cluster)
    cluster.sql(f"UPDATE weigate.profile SET last_seen_at = now() - interval '401 days', first_seen_at = now() - interval '500 days' WHERE profile_no = (SELECT profile_no FROM weigate.subject WHERE openid = '{WHO}')")
    cluster.sql("UPDATE weigate.profile SET profile_at = last_seen_at, scope_at = NULL, scope = NULL, scope_write = NULL, unionid_at = last_seen_at, sex_at = last_seen_at, region_at = last_seen_at "
                "WHERE unionid IS NOT NULL")
    cluster.sql("UPDATE weigate_secret.token SET token_at = now() - interval '401 days'")
    assert 'expire people' in one.ctl('storage', 'maintain').stdout
    assert [line['openid'] for line in map(json.loads, one.ctl('people', 'list', '--json').stdout.splitlines())] == ['oSomebodyElse']


EVIL = '''
CREATE SCHEMA evil; CREATE TABLE evil.hits (what text); GRANT ALL ON SCHEMA evil TO PUBLIC; GRANT ALL ON evil.hits TO PUBLIC;
CREATE TABLE evil.profile (LIKE weigate.profile); CREATE TABLE evil.subject (LIKE weigate.subject); CREATE TABLE evil.ticket (LIKE weigate.ticket);
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.hits VALUES ('now'); RETURN '1999-01-01'; END $$;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.hits VALUES ('clock_timestamp'); RETURN '1999-01-01'; END $$;
CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.hits VALUES ('set_config'); RETURN ''; END $$;
CREATE FUNCTION evil.jsonb_populate_recordset(anyelement, jsonb) RETURNS SETOF anyelement LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.hits VALUES ('jsonb'); END $$;
CREATE FUNCTION evil.to_regclass(text) RETURNS regclass LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.hits VALUES ('to_regclass'); RETURN NULL; END $$;
CREATE FUNCTION evil.gen_random_uuid() RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.hits VALUES ('uuid'); RETURN '00000000-0000-0000-0000-000000000000'; END $$;
CREATE FUNCTION evil.array_fill(anyelement, integer[]) RETURNS anyarray LANGUAGE plpgsql AS $$ BEGIN INSERT INTO evil.hits VALUES ('array_fill'); RETURN NULL; END $$;
ALTER ROLE weigate_app IN DATABASE weigate SET search_path = evil, pg_catalog;
'''


def test_a_hostile_schema_in_the_search_path_is_never_looked_into(stores, cluster):
    """D13: tables and functions that stand before ours, and before PostgreSQL's own, are neither called nor written to."""
    one = stores()
    applied = psql(cluster, '-f', '-', text=EVIL)
    assert applied.returncode == 0, applied.stderr
    one.fill('postgres', 30, erased=2, revoked=2)
    import_people(one, {'openid': WHO, 'nickname': CANARIES[1]})
    one.ctl('people', 'erase', WHO, '--yes')
    one.ctl('people', 'list')
    assert cluster.sql('SELECT what, count(*) FROM evil.hits GROUP BY 1') == []
    assert cluster.sql('SELECT count(*) FROM weigate.profile') == [['28']]


NASTY = ["'; DROP TABLE weigate.profile; --", '\\', '\\\\x00', '$1', '$$', '$2::text', "E'\\n'", '{"a":1}', '%s%n', '"', 'NULL', '\\N', '\\.', '{,}', '縗', '¿\\']


def test_whatever_looks_like_sql_is_stored_literally(stores, cluster):
    """D17: in every field; nothing is ever pasted into a statement."""
    one = stores()
    people = [{'openid': f'oN{i}', 'nickname': text, 'sex': 1, 'province': text, 'city': text, 'country': text, 'headimgurl': text,
               'privilege': [text, text]} for i, text in enumerate(NASTY)]
    import_people(one, *people)
    back = {person['openid']: person for person in map(json.loads, one.ctl('people', 'export').stdout.splitlines())}
    stored = dict(cluster.sql("SELECT openid, encode(convert_to(nickname, 'UTF8'), 'hex') FROM weigate.profile JOIN weigate.subject USING (profile_no)"))
    for i, text in enumerate(NASTY):
        assert back[f'oN{i}']['city'] == text == back[f'oN{i}']['province'], text
        assert bytes.fromhex(stored[f'oN{i}']).decode() == back[f'oN{i}']['nickname']
    gbk = one.dir / 'gbk.jsonl'
    gbk.write_bytes(b'{"openid": "oGBK", "nickname": "\xbf\x5c\'; DROP TABLE weigate.profile; --"}\n')
    said = one.ctl('people', 'import', gbk, check=False)
    assert cluster.sql("SELECT count(*) FROM weigate.profile") in ([[str(len(NASTY))]], [[str(len(NASTY) + 1)]]), said.stderr


def test_a_text_with_nul_is_never_silently_cut(stores, cluster):
    """D18"""
    one = stores()
    path = one.dir / 'nul.jsonl'
    path.write_text('{"openid": "oNUL", "nickname": "before\\u0000after"}\n{"openid": "oGood", "nickname": "good"}\n')
    one.ctl('people', 'import', path, check=False)
    stored = dict(cluster.sql('SELECT openid, nickname FROM weigate.profile JOIN weigate.subject USING (profile_no)'))
    assert stored['oGood'] == 'good' and stored.get('oNUL') != 'before'
