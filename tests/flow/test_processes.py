# SPDX-License-Identifier: Apache-2.0
"""The master and its workers: start, stop, reload, death."""
import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import fastcgi
from rig import children
from visitor import Visitor, query_of
from wait import SLACK, Stopwatch, eventually


def is_alive(pid):
    return os.path.exists(f'/proc/{pid}') and open(f'/proc/{pid}/stat').read().split()[2] != 'Z'


def test_a_dead_worker_is_replaced_within_a_second(new_rig, person):
    rig = new_rig()
    victim = rig.first.workers()[0]
    with Stopwatch() as took:
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(rig.first.workers()) == 2 and victim not in rig.first.workers())
    assert took.ms < 1500 * SLACK
    assert Visitor(rig).sign_in(person).status == 200


def test_sigterm_finishes_what_is_in_flight(new_rig, sandbox, people):
    """X01 of a worker's life: acknowledged or refused, never cut off."""
    rig = new_rig()
    waiting = [(visitor := Visitor(rig), visitor.agree_at(visitor.start(), one)) for one in people(10)]
    sandbox.latency(300)
    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(visitor.get, address) for visitor, address in waiting]
        eventually(lambda: rig.metrics()['weigate_signins_in_flight'] == 10)
        rig.first.process.terminate()
        assert [answer.result().status for answer in answers] == [303] * 10
    assert rig.first.process.wait(timeout=20 * SLACK) == 0


def test_sigterm_ends_at_the_grace_limit_when_the_upstream_hangs(new_rig, sandbox, person):
    """X02"""
    rig = new_rig({'server': {'grace': '1s'}, 'account': {'request_timeout': '30s'}})
    sandbox.fault('hanging', person=person)
    visitor = Visitor(rig)
    address = visitor.agree_at(visitor.start(), person)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(visitor.get, address)
        eventually(lambda: rig.metrics()['weigate_signins_in_flight'] == 1)
        with Stopwatch() as took:
            rig.first.process.terminate()
            assert rig.first.process.wait(timeout=20 * SLACK) == 0
    assert took.ms < 3000 * SLACK


@pytest.mark.parametrize('second', [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_is_fast(new_rig, sandbox, person, second):
    """X04"""
    rig = new_rig({'account': {'request_timeout': '30s'}})
    sandbox.fault('hanging', person=person)
    visitor = Visitor(rig)
    address = visitor.agree_at(visitor.start(), person)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(visitor.get, address)
        eventually(lambda: rig.metrics()['weigate_signins_in_flight'] == 1)
        rig.first.process.terminate()
        eventually(lambda: rig.log('finishing'), what='the first signal taken')
        with Stopwatch() as took:
            rig.first.signal(second)
            rig.first.process.wait(timeout=20 * SLACK)
    assert took.ms < 2000 * SLACK
    rig.exit_codes_expected |= {rig.first.process.returncode}


def test_a_reload_under_load_fails_no_request(new_rig, people):
    rig = new_rig()
    visitor = Visitor(rig)
    visitor.sign_in(people(1)[0])
    stop, statuses = threading.Event(), []

    def ask():
        while not stop.is_set():
            statuses.append(visitor.get(rig.url + '/private/').status)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        rig.reload()
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200} and len(statuses) > 20


def test_a_reload_applies_what_changed(new_rig, person):
    rig = new_rig()
    rig.overrides['account'] = {'scope': 'snsapi_base'}
    rig.reload()
    assert 'scope=snsapi_base' in Visitor(rig).start()


@pytest.mark.parametrize('section,key,value', [('account', 'no_such_option', '1'), ('storage', 'plugin', '/nonexistent/plugin.so'), ('session', 'lifetime', 'soon')])
def test_a_bad_reload_changes_nothing_and_says_so(new_rig, person, section, key, value):
    rig = new_rig()
    workers = set(rig.first.workers())
    rig.overrides[section] = {key: value}
    rig.first.write_conf()
    rig.first.signal(signal.SIGHUP)
    eventually(lambda: rig.log(key if section != 'storage' else 'storage.plugin'), what='the reason in the log')
    assert set(rig.first.workers()) == workers
    assert Visitor(rig).sign_in(person).status == 200


def test_sigusr1_opens_the_log_anew(new_rig, person):
    rig = new_rig()
    rotated = rig.first.log.rename(rig.first.log.with_suffix('.1'))
    rig.first.signal(signal.SIGUSR1)
    eventually(lambda: Visitor(rig).sign_in('plain').status == 200 and rig.first.log.exists() and rig.first.log.stat().st_size > 0)
    assert rotated.exists()


def test_the_workers_leave_when_the_master_is_killed(new_rig):
    rig = new_rig()
    workers = rig.first.workers()
    rig.exit_codes_expected |= {-signal.SIGKILL}
    os.kill(rig.first.master, signal.SIGKILL)
    rig.first.process.wait()
    eventually(lambda: not any(is_alive(pid) for pid in workers))


@pytest.mark.parametrize('conf,word', [
    ({'account': {'no_such_option': '1'}}, 'no_such_option'), ({'server': {'workers': 'many'}}, 'workers'), ({'account': {'public_url': 'www.example.com'}}, 'public_url'),
    ({'account': {'public_url': 'http://www.example.com'}}, 'public_url'), ({'account': {'appid': None}}, 'appid'), ({'storage': {'plugin': '/nonexistent/nosuch.so'}}, '/nonexistent'),
    ({'account': {'secret_file': '/nonexistent'}}, '/nonexistent'), ({'nosuchsection': {'x': '1'}}, 'nosuchsection'), ({'session': {'lifetime': '7'}}, 'lifetime'),
    ({'account': {'prefix': 'weixin'}}, 'prefix'), ({'account': {'default_next': '//evil.example'}}, 'default_next'),
    ({'account': {'allowed_origins': '*.example.com'}}, 'allowed_origins')])
def test_a_bad_configuration_is_refused_with_place_and_reason(new_rig, conf, word):
    rig = new_rig(conf, start=False)
    rig.first.write_conf()
    run = rig.weigate('-t')
    assert run.returncode != 0
    assert ('weigate.conf' in run.stderr or 'storage.plugin' in run.stderr) and word in run.stderr, run.stderr
    assert len(run.stderr.strip().splitlines()) <= 3


def test_a_good_configuration_is_said_to_be_good(rig):
    run = rig.weigate('-t')
    assert run.returncode == 0, run.stderr


def test_the_version_tells_how_it_was_built(rig):
    run = rig.weigate('-V')
    assert run.returncode == 0 and 'weigate' in run.stdout + run.stderr and 'libcurl' in run.stdout + run.stderr


def test_no_process_runs_as_somebody_else(rig):
    pids = [rig.first.master, *rig.first.workers()]
    assert len({os.stat(f'/proc/{pid}').st_uid for pid in pids}) == 1
    assert all(children(pid) == [] for pid in rig.first.workers())


def load(rig, sandbox, names, stop, acknowledged, failures):
    """Signs people in as fast as one thread can, over FastCGI; notes who was told that they are signed in."""
    while not stop.is_set():
        one = next(names)
        try:
            login = rig.ask('/weixin/login', query='next=/private/', HTTP_USER_AGENT='MicroMessenger')
            if login is None or login.status != 302:
                failures.append('login')
                continue
            state = query_of(login.header('Location'))['state']
            done = rig.ask('/weixin/callback', query=f'code={sandbox.code(one)}&state={state}', cookie=login.header('Set-Cookie').split(';')[0])
        except (ConnectionError, TimeoutError):
            done = None
        if done is not None and done.status == 303 and any(line.startswith('weigate=') for line in done.all('Set-Cookie')):
            acknowledged.append(one)
        else:
            failures.append('callback')


@pytest.mark.figures
def test_nothing_acknowledged_is_lost_when_workers_are_killed_200_times(new_rig, sandbox):
    """X09: the store against what browsers were told and against the sandbox's ledger of finished sign-ins."""
    rig = new_rig({'server': {'workers': 4}})
    stop, lock = threading.Event(), threading.Lock()
    counter = iter(range(500_000, 1_000_000))
    acknowledged, failures = [], []

    class Names:
        def __next__(self):
            with lock:
                return f'p{next(counter):06}'
    threads = [threading.Thread(target=load, args=(rig, sandbox, Names(), stop, acknowledged, failures)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        seen = len(acknowledged)
        victims = eventually(rig.first.workers)
        eventually(lambda: len(acknowledged) > seen + random.randrange(1, 6), seconds=20, what='sign-ins between two kills')
        try:
            os.kill(random.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            pass
    stop.set()
    for thread in threads:
        thread.join()
    eventually(lambda: len(rig.first.workers()) == 4)
    openids = {sandbox.openid(one): one for one in acknowledged}
    people = rig.people()
    assert len(acknowledged) > 200
    assert [one for openid, one in openids.items() if openid not in people] == [], 'acknowledged and not stored'
    assert [openid for openid in openids if people[openid]['login_count'] != 1] == [], 'counted more than once'
    finished = {entry['person'] for entry in sandbox.calls(call='userinfo')}
    assert {one for openid, one in openids.items()} <= finished
    stored_only = set(people) - set(openids)
    assert {sandbox.openid(one) for one in finished} >= stored_only, 'stored without a finished sign-in at WeChat'
    assert rig.sql('PRAGMA integrity_check') == [('ok',)]


def test_a_busy_socket_is_said_so(rig, new_rig):
    """spawn-fcgi refuses a socket that another weigate listens on; ours goes on."""
    import subprocess
    run = subprocess.run(['spawn-fcgi', '-s', str(rig.socket), '--', '/bin/true'], capture_output=True, text=True, timeout=20)
    assert run.returncode != 0
    assert fastcgi.ask(rig.socket, '/weixin/status/live', WEIGATE_STATUS='on').status == 200


def test_started_without_spawn_fcgi_it_explains_itself(rig):
    """Descriptor 0 is no listening socket then."""
    run = rig.weigate()
    assert run.returncode != 0 and 'spawn-fcgi' in run.stderr
