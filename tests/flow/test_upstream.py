# SPDX-License-Identifier: Apache-2.0
"""The way to WeChat: whatever happens on it, a sign-in ends inside its budget and the gate goes on."""
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certificates import Authority
from rig import APPID, APPSECRET, free_port, rss_kib
from sandbox_run import SandboxRun
from visitor import API_CALL, Visitor
from wait import MEMORY_SLACK, SLACK, Stopwatch, eventually

BUDGET = {'account': {'request_timeout': '1s', 'connect_timeout': '500ms'}}


@pytest.fixture
def own(new_rig):
    """A rig with a budget of one second a call; failures may open its breaker."""
    return new_rig(BUDGET)


def finish(rig, person):
    """(answer of the callback, milliseconds it took, the visitor)"""
    visitor = Visitor(rig)
    address = visitor.agree_at(visitor.start(), person)
    with Stopwatch() as took:
        answer = visitor.get(address, headers=API_CALL)
    return answer, took.ms, visitor


def is_not_signed_in(rig, person, answer, visitor):
    return answer.status >= 500 and not visitor.is_signed_in() and rig.sandbox.openid(person) not in rig.people()


def test_a_refused_connection_is_told_within_a_second(new_rig, person):
    """T01"""
    rig = new_rig({'account': {'api_urls': f'http://127.0.0.1:{free_port()}'}})
    answer, ms, visitor = finish(rig, person)
    assert answer.json()['error'] == 'upstream_unavailable' and answer.status in (502, 503)
    assert ms < 1000 * SLACK and not visitor.is_signed_in()


def test_a_swallowed_syn_ends_at_the_connect_limit(new_rig, person):
    """T02: a listener whose queue is full drops what comes next."""
    with socket.socket() as deaf:
        deaf.bind(('127.0.0.1', 0))
        deaf.listen(0)
        fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
            fillers.append(filler)
        rig = new_rig({'account': {'api_urls': f'http://127.0.0.1:{deaf.getsockname()[1]}', 'connect_timeout': '500ms', 'request_timeout': '2s'}})
        answer, ms, visitor = finish(rig, person)
        assert answer.json()['error'] in ('upstream_unavailable', 'upstream_timeout') and not visitor.is_signed_in()
        assert ms < 3000 * SLACK
        for filler in fillers:
            filler.close()


@pytest.fixture(scope='module')
def authority(directory):
    return Authority(directory / 'tls-authority')


@pytest.fixture(scope='module')
def stranger(directory):
    return Authority(directory / 'tls-stranger')


def tls_rig(new_rig, directory, pair, ca_file, **account):
    wechat = SandboxRun(directory, accounts=[(APPID, APPSECRET)], https_listen='127.0.0.1:0', cert=pair[0], key=pair[1])
    https = next(url for url in wechat.urls if url.startswith('https'))
    conf = {'api_urls': https, 'authorize_url': wechat.url + '/connect/oauth2/authorize', 'request_timeout': '3s', **account}
    if ca_file:
        conf['ca_file'] = ca_file
    rig = new_rig({'account': conf})
    rig.sandbox = wechat
    return rig, wechat


def test_a_good_certificate_is_accepted(new_rig, directory, authority, person):
    """The base line of T03: TLS end to end, HTTP/2 or not."""
    rig, wechat = tls_rig(new_rig, directory / 'tls-good', authority.issue(), authority.ca_file)
    with wechat:
        assert Visitor(rig).sign_in(person).status == 200
        assert all(entry['tls'] for entry in wechat.calls())


@pytest.mark.parametrize('wrong', ['unknown authority', 'no ca_file', 'other name', 'expired', 'not yet valid', 'name in CN only'])
def test_a_wrong_certificate_is_refused(new_rig, directory, authority, stranger, person, wrong):
    """T03"""
    pair, ca_file = {
        'unknown authority': lambda: (stranger.issue(), authority.ca_file),
        'no ca_file': lambda: (authority.issue(), None),
        'other name': lambda: (authority.issue(name='other', alternative='DNS:other.example,IP:127.0.0.2'), authority.ca_file),
        'expired': lambda: (authority.issue(ends='20210101000000Z'), authority.ca_file),
        'not yet valid': lambda: (authority.issue(begins='20480101000000Z'), authority.ca_file),
        'name in CN only': lambda: (authority.issue(alternative=''), authority.ca_file),
    }[wrong]()
    rig, wechat = tls_rig(new_rig, directory / ('tls-' + wrong.replace(' ', '-')), pair, ca_file)
    with wechat:
        answer, _, visitor = finish(rig, person)
        assert answer.json()['error'] == 'upstream_unavailable' and not visitor.is_signed_in()
        assert wechat.calls() == []


@pytest.mark.parametrize('url', ['http://api.weixin.qq.com', 'http://192.0.2.1', 'http://localhost.evil.example', 'ftp://127.0.0.1', 'api.weixin.qq.com'])
def test_a_plain_http_upstream_is_for_loopback_only(new_rig, url):
    """T04"""
    rig = new_rig({'account': {'api_urls': url}}, start=False)
    rig.first.write_conf()
    run = rig.weigate('-t')
    assert run.returncode != 0 and 'api_urls' in run.stderr and 'weigate.conf:' in run.stderr


@pytest.mark.parametrize('kind', ['hanging', 'dripping', 'endless_body', 'endless_headers', 'endless_continue'])
def test_what_never_ends_is_cut_at_the_budget(own, sandbox, person, kind):
    """T05 T06 T07 T08"""
    before = [rss_kib(pid) for pid in own.first.workers()]
    sandbox.fault(kind, person=person, call='access_token')
    answer, ms, visitor = finish(own, person)
    assert is_not_signed_in(own, person, answer, visitor)
    assert ms < 2500 * SLACK
    assert all(new - old < 4096 * MEMORY_SLACK for old, new in zip(before, [rss_kib(pid) for pid in own.first.workers()]))


@pytest.mark.parametrize('kind', ['oversize', 'gzip_bomb'])
def test_what_is_too_large_is_cut_at_the_limit(own, sandbox, person, kind):
    """T08 T10 J23"""
    before = [rss_kib(pid) for pid in own.first.workers()]
    sandbox.fault(kind, person=person, call='access_token')
    answer, _, visitor = finish(own, person)
    assert is_not_signed_in(own, person, answer, visitor)
    assert all(new - old < 4096 * MEMORY_SLACK for old, new in zip(before, [rss_kib(pid) for pid in own.first.workers()]))


BODY = b'{"errcode":40029,"errmsg":"x"}'


@pytest.mark.parametrize('raw', [b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n' + BODY, b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n' + BODY,
                                 b'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n' + BODY, b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n' + BODY])
def test_a_content_length_that_lies_is_an_error(own, sandbox, person, raw):
    """T09"""
    sandbox.fault(raw=raw, person=person, call='access_token')
    answer, _, visitor = finish(own, person)
    assert is_not_signed_in(own, person, answer, visitor)


def test_redirects_are_not_followed(own, sandbox, person):
    """T12"""
    with socket.socket() as trap:
        trap.bind(('127.0.0.1', 0))
        trap.listen()
        trap.settimeout(0.3)
        for target in (f'http://127.0.0.1:{trap.getsockname()[1]}/', 'file:///etc/passwd', 'gopher://127.0.0.1:1/', sandbox.url + '/sns/userinfo'):
            sandbox.fault(redirect=target, person=person, call='access_token', count=1)
            answer, _, visitor = finish(own, person)
            assert is_not_signed_in(own, person, answer, visitor)
        with pytest.raises(TimeoutError):
            trap.accept()


@pytest.mark.parametrize('status', [401, 403, 404, 429, 500, 502, 503])
def test_an_http_error_is_the_upstreams_failure(own, sandbox, person, status):
    """T13"""
    sandbox.fault(status=status, body='<html>no</html>', content_type='text/html', person=person, call='access_token', **({'retry_after': 7} if status in (429, 503) else {}))
    answer, _, visitor = finish(own, person)
    assert is_not_signed_in(own, person, answer, visitor)
    assert answer.status in (502, 503, 504)
    assert len(sandbox.calls(person=person)) <= 2


@pytest.mark.parametrize('raw', [b'<html>HTTP/0.9</html>', b'\x00\x01\x02\x03', b'HTTP/9.9 200 OK\r\n\r\n{}', b'SSH-2.0-OpenSSH_9.2\r\n', b'HTTP/1.1 abc\r\n\r\n'])
def test_what_is_not_http_is_an_error(own, sandbox, person, raw):
    """T14"""
    sandbox.fault(raw=raw, person=person, call='access_token')
    answer, _, visitor = finish(own, person)
    assert is_not_signed_in(own, person, answer, visitor)


@pytest.mark.parametrize('kind', ['reset', 'closed', 'truncated'])
def test_a_broken_connection_is_an_error_and_never_a_second_exchange(own, sandbox, person, kind):
    """T14: the call may have taken effect; its code is not sent again."""
    sandbox.fault(kind, person=person, call='access_token', count=1)
    answer, _, visitor = finish(own, person)
    assert len([entry for entry in sandbox.calls(person=person, call='access_token') if entry['outcome'] == 'ok']) <= 1
    assert answer.status in (302, 303) or is_not_signed_in(own, person, answer, visitor)


def test_busy_is_repeated_once_and_a_minutes_quota_is_not(new_rig, sandbox, people):
    """T24"""
    busy_once, busy, quota = people(3)
    sandbox.fault('busy', person=busy_once, call='access_token', count=1)
    sandbox.fault('busy', person=busy, call='access_token')
    sandbox.fault('quota_minute', person=quota, call='access_token')
    rig = new_rig(BUDGET)
    assert finish(rig, busy_once)[0].status == 303
    finish(rig, busy)
    finish(new_rig(BUDGET), quota)
    assert [len(sandbox.calls(person=one, call='access_token')) for one in (busy_once, busy, quota)] == [2, 2, 1]


def test_a_wrong_app_secret_alarms_and_does_not_storm(own, sandbox, person):
    """T25"""
    sandbox.fault('wrong_secret', person=person, call='access_token')
    answer, _, visitor = finish(own, person)
    assert answer.json()['error'] == 'account_misconfigured' and not visitor.is_signed_in()
    assert len(sandbox.calls(person=person)) == 1
    assert any('error' in line.lower() and '40125' in line for line in own.log())


def test_a_dead_upstream_opens_the_breaker_and_a_living_one_closes_it(new_rig, sandbox, people):
    """T23"""
    rig = new_rig({'server': {'workers': 1}, **BUDGET})
    fault = sandbox.fault('closed')
    for one in people(12):
        finish(rig, one)
    called = len(sandbox.calls(call='access_token'))
    assert called <= 10, 'five failures open it; each may have been tried twice'
    answer, ms, _ = finish(rig, people(1)[0])
    assert answer.status in (502, 503) and ms < 200 * SLACK
    sandbox.clear_faults(fault)
    eventually(lambda: finish(rig, people(1)[0])[0].status == 303, seconds=12)
    assert finish(rig, people(1)[0])[0].status == 303


def test_hundreds_of_mixed_answers_never_mix_people(rig, sandbox, people):
    """T17: double answers, delays, random order."""
    sandbox.latency(5, 40)
    sandbox.fault('busy', call='access_token', count=20)
    many = people(300 // SLACK)

    def one(who):
        visitor = Visitor(rig)
        visitor.sign_in(who)
        session = visitor.session()
        return session is None or session['openid'] == sandbox.openid(who)
    with ThreadPoolExecutor(48) as pool:
        assert all(pool.map(one, many))
    openids = {sandbox.openid(who) for who in many}
    assert all(person['login_count'] == 1 for openid, person in rig.people().items() if openid in openids)


def test_proxy_ca_and_keylog_settings_of_the_environment_are_ignored(new_rig, directory, person):
    """F25 F24"""
    hole = f'http://127.0.0.1:{free_port()}'
    keylog = directory / 'keylog'
    rig = new_rig(environment={name: hole for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'all_proxy')} |
                  {'SSLKEYLOGFILE': str(keylog), 'CURL_CA_BUNDLE': '/nonexistent', 'SSL_CERT_FILE': '/nonexistent', 'CURL_HOME': '/nonexistent'})
    visitor = Visitor(rig)
    assert visitor.get(rig.url + '/weixin/login', headers={'Proxy': hole}).status == 302
    assert visitor.sign_in(person).status == 200
    assert not keylog.exists()


def test_a_missing_ca_file_refuses_the_start_and_keeps_the_old_settings_at_a_reload(new_rig, person):
    """T29"""
    rig = new_rig({'account': {'ca_file': '/nonexistent/ca.pem'}}, start=False)
    rig.first.write_conf()
    run = rig.weigate('-t')
    assert run.returncode != 0 and '/nonexistent/ca.pem' in run.stderr
    good = new_rig()
    workers = set(good.first.workers())
    good.overrides['account'] = {'ca_file': '/nonexistent/ca.pem'}
    good.first.write_conf()
    good.first.signal(1)
    eventually(lambda: good.log('/nonexistent/ca.pem'))
    assert set(good.first.workers()) == workers
    assert Visitor(good).sign_in(person).status == 200


def test_the_second_host_is_tried_where_the_first_does_not_answer(new_rig, sandbox, person):
    """Failover over api_urls, which nobody else does."""
    rig = new_rig({'account': {'api_urls': f'http://127.0.0.1:{free_port()} {sandbox.url}'}})
    assert Visitor(rig).sign_in(person).status == 200


def test_a_host_whose_address_changes_is_followed(new_rig, directory, people):
    """T21: the old address is gone, the next call finds the new one; a pooled connection is given up."""
    first, second = people(2)
    wechat = SandboxRun(directory / 'moving', accounts=[(APPID, APPSECRET)])
    conf = {'account': {'api_urls': wechat.url, 'authorize_url': wechat.url + '/connect/oauth2/authorize', 'request_timeout': '3s'}}
    rig = new_rig(conf)
    rig.sandbox = wechat
    assert Visitor(rig).sign_in(first).status == 200
    port = wechat.port
    wechat.stop()
    with SandboxRun(directory / 'moved', accounts=[(APPID, APPSECRET)], listen=f'127.0.0.1:{port}') as moved:
        rig.sandbox = moved
        assert Visitor(rig).sign_in(second).status == 200


def test_threads_and_files_are_at_the_baseline_after_many_errors(own, sandbox, people):
    """Nothing is lost: descriptors and threads as before, after every kind of failure."""
    def held():
        return [(len(list(Path(f'/proc/{pid}/fd').iterdir())), len(list(Path(f'/proc/{pid}/task').iterdir()))) for pid in own.first.workers()]
    Visitor(own).sign_in(people(1)[0])
    before = held()
    for kind in ('busy', 'reset', 'garbage', 'empty_gbk', 'gateway_error', 'truncated'):
        one = people(1)[0]
        sandbox.fault(kind, person=one, call='access_token')
        finish(own, one)
    eventually(lambda: all(new[0] <= old[0] + 24 and new[1] == old[1] for old, new in zip(before, held())))
    assert threading.active_count() < 20
