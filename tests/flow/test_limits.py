# SPDX-License-Identifier: Apache-2.0
"""Figures: what idle, stalled and slow peers may cost."""
import os
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import fastcgi
from fastcgi import Client, Connection, begin, params, request
from rig import rss_kib
from scale import scale
from visitor import Visitor
from wait import Stopwatch, eventually

LIVE = '/weixin/status/live'


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.figures
def test_2000_idle_and_200_stalled_connections_keep_nobody_waiting(new_rig, many_descriptors):
    """F01 F03 F04 F27: the next request within 100 ms, less than 16 MB more, and the stalled ones are gone after their deadline."""
    rig = new_rig({'server': {'workers': 1}})
    worker = rig.first.workers()[0]
    fastcgi.ask(rig.socket, LIVE, WEIGATE_STATUS='on')
    before = rss_kib(worker)
    idle = []
    for _ in range(2000):
        client = Client(rig.socket)
        assert client.get(LIVE, WEIGATE_STATUS='on').status == 200
        idle.append(client)
    stalled = []
    for n in range(200):
        peer = Connection(rig.socket)
        peer.send(begin() + params({'REQUEST_METHOD': 'GET', 'FILLER': 'x' * 2000})[:1000 + n])
        stalled.append(peer)
    began = time.monotonic()
    with Stopwatch() as took:
        assert fastcgi.ask(rig.socket, LIVE, WEIGATE_STATUS='on').status == 200
    assert took.ms < 100
    grown_kib = rss_kib(worker) - before
    assert grown_kib < 16 * 1024, f'{grown_kib} KiB'
    assert all(peer.is_closed() for peer in stalled)
    assert 4 < time.monotonic() - began < 8
    assert all(client.get(LIVE, WEIGATE_STATUS='on').status == 200 for client in idle[::100]), 'idle ones are still good'
    for client in idle:
        client.socket.close()


def percentile(values, share):
    return sorted(values)[int(len(values) * share)]


def measure_auth(rig, cookie, count=2000):
    """Milliseconds of each check over one kept connection."""
    took = []
    with Client(rig.socket) as client:
        for _ in range(count):
            began = time.monotonic()
            assert client.get('/weixin/auth', cookie=cookie).status == 204
            took.append((time.monotonic() - began) * 1000)
    return took


@pytest.mark.figures
def test_a_hanging_upstream_with_all_places_taken_slows_nobody(new_rig, sandbox, people):
    """T22 C14: /auth keeps its p99, new sign-ins get 503 with Retry-After within 50 ms, memory stays flat."""
    places = 512
    rig = new_rig({'server': {'workers': 1, 'signins_max': places}, 'account': {'request_timeout': '20s'}})
    worker = rig.first.workers()[0]
    visitor = Visitor(rig)
    visitor.sign_in(people(1)[0])
    cookie = f'weigate={visitor.session_cookie.value}'
    measure_auth(rig, cookie, 500)
    calm = percentile(measure_auth(rig, cookie), 0.99)
    sandbox.fault(delay_ms=10_000, call='access_token')

    def started(one):
        other = Visitor(rig)
        return other, other.agree_at(other.start(), one)
    waiting = [started(one) for one in people(places)]
    late, late_address = started(people(1)[0])
    peers = []
    for other, address in waiting:
        peer = Connection(rig.socket, timeout=30)
        peer.send(request('/weixin/callback', query=address.split('?', 1)[1], cookie='; '.join(f'{c.name}={c.value}' for c in other.login_cookies())))
        peers.append(peer)
    eventually(lambda: rig.metrics()['weigate_signins_in_flight'] == places, seconds=8)
    eventually(lambda: rig.metrics()['weigate_signin_stage_seconds_count{stage="claim"}'] >= places, seconds=8)
    held = rss_kib(worker)
    busy = percentile(measure_auth(rig, cookie), 0.99)
    refused = []
    for _ in range(200):
        with Stopwatch() as took:
            answer = late.get(late_address)
        assert answer.status == 503 and int(answer.header('Retry-After')) >= 1
        refused.append(took.ms)
    assert rss_kib(worker) - held < 4096
    assert percentile(refused, 0.99) < 50
    assert busy < max(4 * calm, calm + 3), f'p99 of /auth: {calm:.2f} ms idle, {busy:.2f} ms while all places hang'
    assert all(peer.answer().status == 303 for peer in peers)
    for peer in peers:
        peer.socket.close()


@pytest.mark.figures
def test_an_idle_worker_is_small(new_rig):
    rig = new_rig({'server': {'workers': 1}})
    assert rss_kib(rig.first.workers()[0]) < 12 * 1024 + 8 * 1024


@pytest.mark.figures
def test_thousands_of_errors_of_each_kind_cost_no_memory_and_no_descriptor(new_rig):
    """S24 X13 and every refusal: back at the baseline."""
    rig = new_rig({'server': {'workers': 1}, 'log': {'level': 'error'}})
    worker = rig.first.workers()[0]

    def count(what):
        return len(os.listdir(f'/proc/{worker}/{what}'))
    kinds = [('/weixin/login', {'query': 'next=/private/', 'HTTP_USER_AGENT': 'MicroMessenger'}), ('/weixin/callback', {'query': 'code=x&state=y'}),
             ('/weixin/nothing', {}), ('/weixin/auth', {'cookie': 'weigate=junk'}), ('/weixin/session', {'method': 'PATCH'})]

    def storm(kind):
        path, more = kind
        with Client(rig.socket) as client:
            return {client.get(path, **more).status for _ in range(scale(5_000, 100_000))}
    with ThreadPoolExecutor(len(kinds)) as pool:
        list(pool.map(lambda kind: [Client(rig.socket).get(kind[0], **kind[1]) for _ in range(50)], kinds))
        before, descriptors, threads = rss_kib(worker), count('fd'), count('task')
        statuses = list(pool.map(storm, kinds))
    assert all(len(found) == 1 for found in statuses), statuses
    assert rss_kib(worker) - before < 2048
    eventually(lambda: count('fd') <= descriptors and count('task') == threads, what='descriptors and threads as they were')
    assert threading.active_count() < 30
