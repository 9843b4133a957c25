# SPDX-License-Identifier: Apache-2.0
"""weigatectl refresh: stale profiles pulled again, each person once at a time, and what stops it. (L09)"""
import json
import re
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import write_private
from visitor import Visitor
from wait import BUILD, SLACK, Stopwatch, eventually

needs_memory = pytest.mark.skipif(not list(BUILD.rglob('.libs/memory.so')), reason='built without the memory plugin')

ALL = ('--older-than', '0s', '--rate', '1000')
API_CALL = {'Accept': 'application/json', 'X-Requested-With': 'XMLHttpRequest', 'Sec-Fetch-Mode': 'cors'}


@pytest.fixture
def site(new_rig):
    """A site of its own: what is refreshed is everybody in the store."""
    return new_rig({'server': {'workers': 1}})


@pytest.fixture
def signed_in(site, people):
    """People who have just signed in: signed_in(3)."""
    def sign_in(count):
        ones = people(count)
        for one in ones:
            Visitor(site).sign_in(one)
        return ones
    return sign_in


def refresh(rig, *arguments, check=True):
    """What the one account's row says, as a dictionary."""
    run = rig.ctl('refresh', '--json', *(arguments or ALL), check=check)
    return {**json.loads(run.stdout), 'status': run.returncode, 'stderr': run.stderr}


def calls(sandbox, person, call):
    return len(sandbox.calls(person=person, call=call))


def start(rig, *arguments):
    return subprocess.Popen([str(rig.programs.weigatectl), '-c', str(rig.first.conf), 'refresh', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=rig.first.environment(), cwd='/')


# --- what is refreshed ------------------------------------------------------------------------------------------------------------

def test_a_stale_profile_is_pulled_again_and_nobody_counts_as_seen(site, sandbox, signed_in):
    one, = signed_in(1)
    before = site.person(sandbox.openid(one))
    sandbox.fault(person=one, call='userinfo', set={'nickname': '新名字'})
    said = refresh(site)
    after = site.person(sandbox.openid(one))
    assert (said['stale'], said['refreshed'], said['left'], said['stopped']) == (1, 1, 0, None)
    assert after['profile']['nickname'] == '新名字'
    assert all(after[name] == before[name] for name in ('first_seen_at', 'last_seen_at', 'login_count', 'unionid'))
    assert [entry['call'] for entry in sandbox.calls(person=one)][-2:] == ['refresh_token', 'userinfo']


def test_a_fresh_profile_is_left_alone(site, sandbox, signed_in):
    one, = signed_in(1)
    assert refresh(site, '--rate', '1000')['stale'] == 0
    assert calls(sandbox, one, 'refresh_token') == 0


def test_a_silent_sign_in_has_no_profile_that_could_be_stale(new_rig, person):
    rig = new_rig({'account': {'scope': 'snsapi_base'}})
    Visitor(rig).sign_in(person)
    assert refresh(rig)['stale'] == 0


def test_what_is_known_is_not_erased_by_what_wechat_shows_no_more(site, sandbox):
    Visitor(site).sign_in('old_account')
    sandbox.fault(person='old_account', call='userinfo', set={'sex': 0, 'province': '', 'city': '', 'country': '', 'unionid': None})
    known = site.person(sandbox.openid('old_account'))
    assert refresh(site)['refreshed'] == 1
    now = site.person(sandbox.openid('old_account'))
    assert (now['profile']['sex'], now['profile']['province'], now['unionid']) == (known['profile']['sex'], '广东', known['unionid'])


def test_a_token_that_is_called_expired_is_refreshed_once_more(site, sandbox, signed_in):
    one, = signed_in(1)
    sandbox.fault('expired_token', person=one, call='userinfo', count=1)
    assert refresh(site)['refreshed'] == 1
    assert calls(sandbox, one, 'refresh_token') == 2


@pytest.mark.parametrize('errcode', [40030, 42002, 42007])
def test_tokens_that_are_void_are_forgotten_and_wechat_is_not_asked_again(site, sandbox, signed_in, errcode):
    one, other = signed_in(2)
    sandbox.fault(person=one, call='refresh_token', errcode=errcode)
    said = refresh(site)
    assert (said['refreshed'], said['sign_in_again'], said['status']) == (1, 1, 0)
    assert refresh(site)['sign_in_again'] == 1
    assert calls(sandbox, one, 'refresh_token') == 1 and site.sql("SELECT count(*) FROM token WHERE sealed = x''") == [(1,)]
    sandbox.clear_faults()
    Visitor(site).sign_in(one)
    assert site.sql("SELECT count(*) FROM token WHERE sealed = x''") == [(0,)], 'a new sign-in stores new ones'


def test_tokens_sealed_with_a_lost_key_stay_for_the_day_it_is_found(site, sandbox, signed_in):
    one, = signed_in(1)
    key = (site.dir / 'keys').read_text()
    write_private(site.dir / 'keys', 'ab' * 32 + '\n')
    assert refresh(site)['sign_in_again'] == 1 and calls(sandbox, one, 'refresh_token') == 0
    write_private(site.dir / 'keys', key)
    assert refresh(site)['refreshed'] == 1


def test_who_is_frozen_is_counted_apart(site, sandbox, signed_in):
    one, = signed_in(1)
    sandbox.fault(person=one, call='userinfo', errcode=50002)
    assert refresh(site)['blocked'] == 1


# --- once at a time -------------------------------------------------------------------------------------------------------------------

def test_two_runs_at_once_refresh_nobody_twice(site, sandbox, signed_in):
    """L09"""
    ones = signed_in(12)
    sandbox.latency(50)
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: refresh(site), range(2)))
    assert sum(one['refreshed'] for one in said) == 12 and sum(one['elsewhere'] for one in said) == 12
    assert [calls(sandbox, one, 'refresh_token') for one in ones] == [1] * 12


def test_a_run_beside_the_visitor_who_refreshes_asks_wechat_once(site, sandbox, person):
    visitor = Visitor(site)
    visitor.sign_in(person)
    sandbox.latency(300)
    with ThreadPoolExecutor(1) as pool:
        own = pool.submit(visitor.get, site.url + '/weixin/session/refresh', method='POST', headers={**API_CALL, 'Origin': site.url})
        eventually(lambda: site.sql("SELECT count(*) FROM ticket WHERE kind = 'refresh'") == [(1,)])
        assert refresh(site)['elsewhere'] == 1
        assert own.result().status == 200
    assert calls(sandbox, person, 'refresh_token') == 1


def test_a_sign_in_meanwhile_wins_over_the_refresh_that_began_before(site, sandbox, person):
    """The tokens and the name of the newer observation stay."""
    Visitor(site).sign_in(person)
    sandbox.fault(person=person, call='userinfo', set={'nickname': 'seen by the refresh'}, delay_ms=700, count=1)
    run = start(site, '--json', *ALL)
    eventually(lambda: calls(sandbox, person, 'refresh_token') == 1)
    eventually(lambda: not sandbox.faults(), what='the refresh waits for its answer')
    sandbox.fault(person=person, call='userinfo', set={'nickname': 'seen by the sign-in'}, count=1)
    Visitor(site).sign_in(person)
    out, _ = run.communicate(timeout=30 * SLACK)
    assert json.loads(out)['refreshed'] == 1
    assert site.person(sandbox.openid(person))['profile']['nickname'] == 'seen by the sign-in'


def test_who_is_erased_meanwhile_does_not_come_back(site, sandbox, person):
    """What the refresh brings is older than the erasure."""
    Visitor(site).sign_in(person)
    openid = sandbox.openid(person)
    sandbox.fault(person=person, call='userinfo', delay_ms=500, count=1)
    run = start(site, '--json', *ALL)
    eventually(lambda: calls(sandbox, person, 'refresh_token') == 1 and not sandbox.faults(), what='the refresh waits for its answer')
    site.ctl('people', 'erase', openid, '--yes')
    run.communicate(timeout=30 * SLACK)
    assert openid not in site.people() and site.sql('SELECT count(*) FROM token') == [(0,)]


# --- other stores, and two of them ----------------------------------------------------------------------------------------------------

def memory_conf(programs):
    plugin = programs.directory / 'memory.so'
    shutil.copy(programs.plugin('memory'), plugin)
    plugin.chmod(0o755)
    return plugin, {'path': lambda rig: rig.dir / 'data/people', 'size': '16M'}


@needs_memory
def test_the_memory_plugin_is_refreshed_and_forgets_as_well(new_rig, programs, sandbox, people):
    plugin, options = memory_conf(programs)
    check_plugin(new_rig({'server': {'workers': 1}, 'storage': {'plugin': plugin}, 'plugin memory': options}), sandbox, people)


def check_plugin(rig, sandbox, people):
    one, other = people(2)
    for each in (one, other):
        Visitor(rig).sign_in(each)
    before = rig.person(sandbox.openid(other))
    sandbox.fault(person=one, call='refresh_token', errcode=42007)
    sandbox.fault(person=other, call='userinfo', set={'nickname': '新名字'})
    said = refresh(rig)
    assert (said['refreshed'], said['sign_in_again'], said['status']) == (1, 1, 0)
    assert refresh(rig)['sign_in_again'] == 1 and calls(sandbox, one, 'refresh_token') == 1
    after = rig.person(sandbox.openid(other))
    assert after['profile']['nickname'] == '新名字' and after['last_seen_at'] == before['last_seen_at']


@needs_memory
def test_a_mirror_gets_what_the_store_gets(new_rig, programs, sandbox, person):
    plugin, options = memory_conf(programs)
    rig = new_rig({'server': {'workers': 1}, 'storage': {'mirror': plugin}, 'plugin memory': options})
    Visitor(rig).sign_in(person)
    sandbox.fault(person=person, call='userinfo', set={'nickname': '新名字'})
    assert refresh(rig)['refreshed'] == 1
    for more in ([], ['--plugin', str(plugin)]):
        assert json.loads(rig.ctl('people', 'show', sandbox.openid(person), '--json', *more).stdout)['profile']['nickname'] == '新名字'
    rig.overrides['storage']['mirror'] = '/nonexistent/memory.so'
    rig.first.write_conf()
    assert 'storage.mirror' in rig.ctl('refresh', check=False).stderr


# --- what stops it --------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('kind, stopped, said', [('quota_minute', 'quota_minute', r'run it again after \S+:00Z, with a lower --rate'),
                                                 ('quota_day', 'quota_day', r'run it again after \S+16:00:00Z, which is 00:00 in Beijing')])
def test_a_used_up_quota_stops_the_run_and_says_when_to_go_on(site, sandbox, signed_in, kind, stopped, said):
    signed_in(3)
    sandbox.fault(kind, call='refresh_token')
    row = refresh(site, '--older-than', '0s', '--rate', '2', check=False)
    assert (row['status'], row['stopped'], row['left']) == (1, stopped, 3)
    assert row['go_on_at'] and re.search(said, row['stderr']) and 'stopped with 3 people left' in row['stderr']
    sandbox.clear_faults()
    assert refresh(site)['refreshed'] == 3, 'nobody is held back by a claim that came to nothing'


def test_a_wrong_account_stops_the_run(site, sandbox, signed_in):
    signed_in(2)
    sandbox.fault(call='refresh_token', errcode=40013)
    row = refresh(site, check=False)
    assert row['status'] == 1 and row['stopped'] == 'refused' and 'wrong appid (errcode 40013)' in row['stderr'] and 'doctor' in row['stderr']


def test_a_wechat_that_is_away_stops_the_run_before_everybody_failed(site, sandbox, signed_in):
    signed_in(8)
    sandbox.fault('closed')
    row = refresh(site, '--older-than', '0s', '--rate', '20', check=False)
    assert row['status'] == 1 and row['failed'] + row['left'] == 8 and row['refreshed'] == 0


def test_one_person_that_fails_holds_up_nobody_and_is_told(site, sandbox, signed_in):
    one, *_ = signed_in(4)
    sandbox.fault('garbage', person=one, call='userinfo')
    row = refresh(site, check=False)
    assert (row['refreshed'], row['failed'], row['status'], row['stopped']) == (3, 1, 1, None)
    assert '1 people could not be refreshed' in row['stderr']


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_between_two_people(site, sandbox, signed_in, number):
    signed_in(6)
    run = start(site, '--older-than', '0s', '--rate', '1', '--json')
    eventually(lambda: sandbox.calls(call='userinfo', since=0) and any(entry['call'] == 'refresh_token' for entry in sandbox.calls()))
    run.send_signal(number)
    out, said = run.communicate(timeout=30 * SLACK)
    row = json.loads(out)
    assert run.returncode == 1 and row['stopped'] == 'interrupted' and row['refreshed'] + row['left'] == 6 and row['refreshed'] >= 1
    assert 'interrupted with' in said and 'run it again to go on' in said


# --- how fast, how many, who ------------------------------------------------------------------------------------------------------------

def test_the_rate_and_the_limit_are_kept(site, sandbox, signed_in):
    ones = signed_in(5)
    with Stopwatch() as took:
        row = refresh(site, '--older-than', '0s', '--rate', '5', '--limit', '4')
    assert (row['refreshed'], row['left'], row['status']) == (4, 1, 0) and took.ms > 550
    assert sum(calls(sandbox, one, 'refresh_token') for one in ones) == 4


def test_a_dry_run_counts_and_asks_nobody(site, sandbox, signed_in):
    one, *_ = signed_in(3)
    site_table = site.ctl('refresh', '--dry-run', '--older-than', '0s').stdout.split()
    assert site_table == ['account', 'stale', 'sign', 'in', 'again', 'left', 'default', '3', '0', '3']
    assert calls(sandbox, one, 'refresh_token') == 0


def test_accounts_are_refreshed_apart(new_rig, sandbox, person):
    rig = new_rig({'server': {'workers': 1}}, shop=True)
    Visitor(rig).sign_in(person)
    rows = [json.loads(line) for line in rig.ctl('refresh', '--json', *ALL).stdout.splitlines()]
    assert [(row['account'], row['refreshed']) for row in rows] == [('default', 1), ('shop', 0)]
    assert refresh(rig, '--account', 'shop', *ALL)['account'] == 'shop'
    assert 'no account "nobody"' in rig.ctl('refresh', '--account', 'nobody', check=False).stderr


def test_neither_screen_nor_log_shows_a_secret(site, sandbox, signed_in):
    one, other = signed_in(2)
    sandbox.fault('garbage', person=other, call='userinfo')
    token = sandbox.token(sandbox.code(one)).json()
    run = site.ctl('refresh', *ALL, check=False)
    stem = token['refresh_token'][:24]
    assert site.secrets_in(run.stdout + run.stderr, 'the screen') == [] and stem not in run.stdout + run.stderr + site.first.said_all()
    assert sandbox.openid(one) not in run.stdout + run.stderr
    assert len(site.log('refresh: 1 people')) == 1 or site.log('could not finish refresh: 1 people')
