# SPDX-License-Identifier: Apache-2.0
"""What a machine takes away: memory, threads, time, processes, disks; and what must hold all the same. (X)"""
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import fastcgi
from fastcgi import Client, Connection, request
from load import Load
from rig import IS_ROOT, give, rss_kib
from scale import report, scale
from visitor import Visitor, query_of
from wait import SLACK, eventually, sanitizer

MEMORY, THREADS = 1, 2


class Starve:
    """Orders to starve.c in every process of a rig."""

    def __init__(self, directory):
        self.library, self.file = directory / 'starve.so', directory / 'orders'
        source = pathlib.Path(__file__).with_name('starve.c')
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', self.library, source, '-ldl', '-lpthread'], check=True)
        self.library.chmod(0o755)
        self.file.write_bytes(bytes(4096))
        give(self.file, 0o600)
        self.environment = {'LD_PRELOAD': self.library, 'STARVE_FILE': self.file}

    def order(self, what, left):
        with self.file.open('r+b') as file:
            file.write(struct.pack('<4q', what, left, 0, 0))

    def end(self):
        """(asked, refused) since the order."""
        _, _, asked, refused = struct.unpack('<4q', self.file.read_bytes()[:32])
        self.order(0, 0)
        return asked, refused


@pytest.fixture
def starve(directory):
    if sanitizer():
        pytest.skip('sanitizers have an allocator of their own')
    folder = directory / f'starve{random.randrange(1 << 30)}'
    folder.mkdir()
    folder.chmod(0o755)
    return Starve(folder)


def ask(rig, path, **more):
    try:
        return rig.ask(path, **more)
    except (BrokenPipeError, ConnectionResetError):
        return None


def sign_in(rig, sandbox, person):
    """Past nginx, one connection a request: the statuses of login and callback, None where the connection ended without an answer."""
    login = ask(rig, '/weixin/login', query='next=/private/', HTTP_USER_AGENT='MicroMessenger')
    if login is None or login.status != 302:
        return (login and login.status, None)
    state = query_of(login.header('Location'))['state']
    done = ask(rig, '/weixin/callback', query=f'code={sandbox.code(person)}&state={state}', cookie=login.header('Set-Cookie').split(';')[0])
    return (302, done and done.status)


def test_whichever_allocation_of_a_sign_in_fails_it_is_refused_or_succeeds(new_rig, sandbox, starve):
    """X11: every one in the whole form, some of them in the short one. Where memory fails inside libfcgi it aborts: that worker is replaced."""
    rig = new_rig({'server': {'workers': 1}, 'log': {'level': 'warn'}}, environment=starve.environment)
    for _ in range(3):
        assert sign_in(rig, sandbox, 'plain') == (302, 303)
    outcomes, n, step = {}, scale(random.randrange(60, 80), 1), scale(29, 1)
    while True:
        starve.order(MEMORY, n)
        outcome = sign_in(rig, sandbox, 'plain')
        asked, refused = starve.end()
        if refused == 0:
            break
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        n += step
        if None in outcome:
            eventually(lambda: sign_in(rig, sandbox, 'plain') == (302, 303), what='the next one is served')
    assert (302, 303) in outcomes or (302, 503) in outcomes
    assert {status for ends in outcomes for status in ends} <= {302, 303, 400, 500, 502, 503, None}, outcomes
    # So many calls that failed may have closed the way to WeChat for half a minute.
    eventually(lambda: sign_in(rig, sandbox, 'plain') == (302, 303), seconds=90, what='the next one is served')
    stored = rig.person(sandbox.openid('plain'))['login_count']
    report('allocations that fail', tried=sum(outcomes.values()), sign_ins_stored=stored, ended={str(key): value for key, value in outcomes.items()})


def test_a_worker_without_threads_is_refused_at_start_and_changes_nothing_in_a_reload(new_rig, sandbox, person, starve):
    """X12"""
    rig = new_rig(environment=starve.environment)
    workers = set(rig.first.workers())
    for left in (1, 2, 3):
        starve.order(THREADS, left)
        said = rig.ctl('reload', check=False)
        assert starve.end()[1] == 1 and said.returncode == 1, said
        assert 'thread' in said.stderr, said.stderr
        eventually(lambda: set(rig.first.workers()) == workers, what='the old workers alone')
    assert sign_in(rig, sandbox, person) == (302, 303)
    rig.first.stop()
    starve.order(THREADS, 1)
    with pytest.raises(AssertionError, match='thread'):
        rig.first.start()
    starve.end()
    rig.exit_codes_expected |= {1}


def test_a_stack_limit_of_64_kilobytes_is_no_limit_of_ours(new_rig, sandbox, person):
    """X21: every thread and every coroutine has a stack whose size is ours."""
    rig = new_rig(wrapper=['prlimit', '--stack=65536:65536'])
    assert sign_in(rig, sandbox, person) == (302, 303)


def test_it_always_leaves_when_it_is_told_to(new_rig):
    """X03: at any moment, also before it is ready and while requests come in."""
    rig = new_rig()
    rig.exit_codes_expected |= {-signal.SIGTERM}
    for _ in range(scale(8, 200)):
        rig.first.stop()
        assert rig.first.process.returncode in (0, -signal.SIGTERM)
        before = rig.first.process
        starting = threading.Thread(target=lambda: start_quietly(rig.first))
        starting.start()
        eventually(lambda: rig.first.process is not before)
        moment = time.monotonic() + random.random() * 0.3 * SLACK
        while time.monotonic() < moment:
            try:
                ask(rig, '/weixin/status/live', WEIGATE_STATUS='on')
            except OSError:
                pass
        rig.first.process.terminate()
        rig.first.process.wait(timeout=20 * SLACK)
        starting.join()
    rig.first.start()
    assert ask(rig, '/weixin/status/live', WEIGATE_STATUS='on').status == 200


def start_quietly(instance):
    try:
        instance.start()
    except (AssertionError, OSError):
        pass  # it was told to leave before it was there


def test_workers_that_were_frozen_go_on_and_nobody_signs_in_twice(new_rig, sandbox):
    """X10"""
    rig = new_rig()
    with Load(rig, rate=20, people=50) as load:
        load.until(10)
        calls = len(sandbox.calls(call='access_token'))
        workers = rig.first.workers()
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        frozen, began = load.started, time.monotonic()
        eventually(lambda: load.started > frozen + 20 * scale(1, 20), seconds=60)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        load.more(60)
    assert not load.trouble, load.trouble[:3]
    # Each sign-in is one call, however long it waited.
    assert len(sandbox.calls(call='access_token')) == load.acknowledged, calls
    assert rig.first.workers() == workers
    report('frozen', seconds=round(time.monotonic() - began), sign_ins=load.acknowledged)


@pytest.mark.skipif(not IS_ROOT, reason='mounts')
def test_with_a_read_only_machine_its_own_folders_are_enough(new_rig, sandbox, person):
    """X20: what the shipped unit allows: everything read-only but the data, the runtime folder and the log."""
    rig = new_rig(start=False)
    script = ('mount --make-rprivate / && for d in "$1" "$2"; do mount --bind "$d" "$d"; done && mount -o remount,bind,ro / && shift 2 && exec "$@"')
    rig.wrapper = ['unshare', '--mount', 'sh', '-euc', script, 'sh', str(rig.dir / 'data'), str(rig.first.dir)]
    if subprocess.run([*rig.wrapper, 'true'], capture_output=True).returncode != 0:
        pytest.skip('no mount namespaces here')
    assert subprocess.run([*rig.wrapper, 'touch', '/etc/weigate-was-here'], capture_output=True).returncode != 0
    rig.start()
    assert sign_in(rig, sandbox, person) == (302, 303)


def test_no_line_is_lost_when_the_log_is_rotated(new_rig, sandbox):
    """X15"""
    rig = new_rig({'log': {'level': 'info'}})
    with Load(rig, rate=50, people=100, gate=False) as load:
        for n in range(scale(3, 50)):
            load.more(15)
            rig.first.log.rename(rig.first.log.with_suffix(f'.{n}'))
            rig.first.signal(signal.SIGUSR1)
            eventually(rig.first.log.exists)
    texts = [path.read_text() for path in rig.first.dir.glob('weigate.*') if path.suffix != '.conf' and path.suffix != '.sock']
    assert not load.trouble and sum(text.count('signed_in') for text in texts) == load.acknowledged


def test_a_thousand_scrapes_at_once_and_a_slow_reader_harm_no_sign_in(new_rig, sandbox):
    """X16"""
    rig = new_rig({'server': {'workers': 1}})
    slow = Connection(rig.socket)
    slow.send(request('/weixin/status/metrics', WEIGATE_STATUS='on'))  # and reads nothing
    with Load(rig, rate=20, people=20) as load:
        load.until(5)
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: rig.ask('/weixin/status/metrics', WEIGATE_STATUS='on').status, range(scale(200, 1000))))
        load.more(5)
    assert set(answers) == {200} and not load.trouble, load.trouble[:3]
    assert b'weigate_' in slow.answer().body


def test_binaries_are_exchanged_on_one_socket_without_a_failed_request(new_rig, sandbox):
    """X07: the socket is held by somebody else, as systemd does; what comes in between two programs waits in its queue."""
    rig = new_rig(start=False)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(rig.first.socket))
        listening.listen(1024)
        give(rig.first.socket, 0o660)
        rig.first.listening = listening
        rig.start()
        with Load(rig, rate=50, people=100) as load:
            for n in range(scale(3, 50)):
                load.more(10)
                fresh = rig.programs.directory / f'weigate.{n}'
                shutil.copy(rig.programs.weigate, fresh)
                fresh.chmod(0o755)
                os.replace(fresh, rig.programs.weigate)
                rig.first.stop()
                rig.first.start()
        assert not load.trouble, load.trouble[:3]
        report('binary upgrades', upgrades=scale(3, 50), sign_ins=load.acknowledged, failed=0, slowest_ms=load.percentile_ms(1))
        rig.stop()


def test_alive_and_ready_tell_each_state(new_rig, sandbox, person):
    """X17: in service, and while it finishes what is in flight; over a kept connection, as nginx has."""
    rig = new_rig({'server': {'workers': 1}})
    visitor = Visitor(rig)
    address = visitor.agree_at(visitor.start(), person)
    sandbox.latency(600)
    with Client(rig.socket) as client, ThreadPoolExecutor(1) as pool:
        states = [client.get(f'/weixin/status/{what}', WEIGATE_STATUS='on').status for what in ('live', 'ready')]
        answer = pool.submit(visitor.get, address)
        eventually(lambda: rig.metrics()['weigate_signins_in_flight'] == 1)
        rig.first.process.terminate()
        eventually(lambda: rig.log('finishing'), what='the signal taken')
        try:
            ready = client.get('/weixin/status/ready', WEIGATE_STATUS='on')
        except (BrokenPipeError, ConnectionResetError):
            ready = None  # its idle connections are closed: nginx sees nobody there
        assert ready is None or ready.status == 503, 'a worker that leaves is not ready'
        assert answer.result().status == 303
    assert states == [200, 200]
    assert rig.first.process.wait(timeout=20 * SLACK) == 0


@pytest.mark.proof
def test_hours_with_faults_cost_no_memory_and_lose_nobody(new_rig, sandbox):
    """X19: half an hour in the whole form; every kind of trouble at WeChat now and then."""
    rig = new_rig({'server': {'workers': 2}, 'log': {'level': 'warn'}})
    with Load(rig, rate=50, people=500) as load:
        load.more(100)
        before = sum(map(rss_kib, rig.first.workers()))
        for n in range(scale(3, 900)):
            fault = sandbox.fault(('busy', 'closed', 'garbage', 'gateway_error', 'truncated')[n % 5], call='access_token', count=2)
            load.more(scale(20, 100))
            sandbox.clear_faults(fault)
    after, people = sum(map(rss_kib, rig.first.workers())), rig.people()
    assert [openid for openid, count in load.told.items() if people[openid]['login_count'] < count] == [], 'acknowledged and not stored'
    explained = [line for line in load.trouble if re.search('callback: (502|503|302)', line)]
    assert explained == load.trouble, [line for line in load.trouble if line not in explained][:3]
    report('soak', sign_ins=load.acknowledged, refused=len(load.trouble), kib_before=before, kib_after=after)
    assert sanitizer() or after < before * 1.05 + 1024 * 4
