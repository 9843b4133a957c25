# SPDX-License-Identifier: Apache-2.0
"""Two weigate instances, own sockets and processes, one file store, behind one nginx upstream: they agree on codes, states and people."""
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from visitor import Visitor, query_of


@pytest.fixture
def rig(new_rig):
    return new_rig(instances=2)


def test_a_login_begun_on_one_is_finished_on_the_other(rig, sandbox, person):
    first, second = rig.instances
    login = first.ask('/weixin/login', query='next=/private/%3Fx=1', HTTP_USER_AGENT='MicroMessenger')
    cookie = login.header('Set-Cookie').split(';')[0]
    query = f'code={sandbox.code(person)}&state={query_of(login.header("Location"))["state"]}'
    done = second.ask('/weixin/callback', query=query, cookie=cookie)
    assert done.status == 303 and done.header('Location').endswith('/private/?x=1')
    session = next(line for line in done.all('Set-Cookie') if line.startswith('weigate=')).split(';')[0]
    assert first.ask('/weixin/auth', cookie=session).status == 204
    assert list(rig.people()) == [sandbox.openid(person)]


def test_the_same_callback_on_both_at_once_is_one_exchange_and_one_person(rig, sandbox, people):
    for one in people(10):
        visitor = Visitor(rig)
        address = visitor.agree_at(visitor.start('/private/?both=1'), one)
        cookie = visitor.cookie_header(urlsplit(rig.url + '/'))
        barrier = threading.Barrier(2)

        def call(instance):
            barrier.wait()
            return instance.ask('/weixin/callback', query=urlsplit(address).query, cookie=cookie)
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(call, rig.instances))
        assert [answer.status for answer in answers] == [303, 303]
        assert all(answer.header('Location').endswith('/private/?both=1') for answer in answers)
        assert len(sandbox.calls(person=one, call='access_token')) == 1
        assert rig.person(sandbox.openid(one))['login_count'] == 1
        sessions = [next(line for line in answer.all('Set-Cookie') if line.startswith('weigate=')).split(';')[0] for answer in answers]
        assert {instance.ask('/weixin/auth', cookie=session).status for instance in rig.instances for session in sessions} == {204}


def test_nginx_goes_on_with_the_other_when_one_is_stopped(rig, people):
    before, after = people(2)
    assert Visitor(rig).sign_in(before).status == 200
    rig.instances[0].stop()
    for _ in range(3):
        assert Visitor(rig).sign_in(after).status == 200


def test_a_restart_of_everything_keeps_sessions_and_people(rig, sandbox, person):
    visitor = Visitor(rig)
    visitor.sign_in(person)
    for instance in rig.instances:
        instance.stop()
        instance.start()
    assert visitor.is_signed_in()
    assert list(rig.people()) == [sandbox.openid(person)]
