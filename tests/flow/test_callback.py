# SPDX-License-Identifier: Apache-2.0
"""The callback: a code is exchanged once, by one of us, and every way it can end leads somewhere calm."""
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

import fastcgi
from visitor import API_CALL, Visitor, query_of
from wait import SLACK, Stopwatch, eventually


def exchanges(sandbox, person):
    return sandbox.calls(person=person, call='access_token')


def finish_at_once(rig, visitor, addresses):
    """The callbacks of one browser, all at the same moment, in order of the addresses."""
    cookie = visitor.cookie_header(urlsplit(rig.url + '/'))
    barrier = threading.Barrier(len(addresses))

    def one(address):
        other = Visitor(rig)
        barrier.wait()
        return other.get(address, headers={'Cookie': cookie})
    with ThreadPoolExecutor(len(addresses)) as pool:
        return list(pool.map(one, addresses))


@pytest.mark.parametrize('answer', ['decline', 'authdeny'])
def test_who_declines_sees_a_calm_page(rig, visitor, sandbox, person, answer):
    """C01"""
    address = sandbox.agree(visitor, visitor.start(), person, answer=answer)
    page = visitor.get(address)
    assert page.status in (200, 403) and 'href="' in page.text
    assert sandbox.calls(person=person) == [] and not visitor.is_signed_in()


@pytest.mark.parametrize('code', ['', 'x' * 5000, 'abc%26secret=stolen', 'abc%0d%0aHost:%20evil', 'abc%23', 'abc%00def', '..%2f..%2fcgi-bin', 'a b', 'ä'])
def test_an_odd_code_never_reaches_a_url(rig, visitor, sandbox, code):
    """C02"""
    state = query_of(visitor.start())['state']
    before = len(sandbox.calls())
    answer = rig.ask('/weixin/callback', query=f'code={code}&state={state}', cookie=visitor.cookie_header(urlsplit(rig.url + '/')))
    assert answer.status in (200, 400, 403)
    assert len(sandbox.calls()) == before


@pytest.mark.parametrize('kind', ['used_code', 'bad_code', 'expired_code'])
def test_a_void_code_begins_again_once_and_does_not_loop(rig, visitor, sandbox, person, kind):
    """C03"""
    sandbox.fault(kind, person=person, call='access_token')
    again = visitor.follow(visitor.get(visitor.agree_at(visitor.start(), person)), until='/connect/oauth2/authorize')
    assert isinstance(again, str), f'not begun again: {again}'
    page = visitor.follow(visitor.get(visitor.agree_at(again, person)), until='/connect/oauth2/authorize')
    assert not isinstance(page, str) and page.status >= 400
    assert len(exchanges(sandbox, person)) == 2


def test_a_void_code_that_is_good_the_second_time_ends_on_the_page(rig, visitor, sandbox, person):
    """C03"""
    sandbox.fault('used_code', person=person, call='access_token', count=1)
    again = visitor.follow(visitor.get(visitor.agree_at(visitor.start('/private/?kept=1'), person)), until='/connect/oauth2/authorize')
    page = visitor.follow(visitor.get(visitor.agree_at(again, person)))
    assert (page.status, page.url) == (200, rig.url + '/private/?kept=1')


def test_twenty_callbacks_at_once_exchange_once(rig, visitor, sandbox, person):
    """C04: two workers; every browser ends on its page."""
    address = visitor.agree_at(visitor.start('/private/?x=1'), person)
    pages = finish_at_once(rig, visitor, [address] * 20)
    assert [page.status for page in pages] == [303] * 20
    assert {page.location.removeprefix(rig.url) for page in pages} == {'/private/?x=1'}
    assert len(exchanges(sandbox, person)) == 1
    assert rig.person(sandbox.openid(person))['login_count'] == 1


def test_two_codes_for_one_state_at_once_sign_in_once(rig, visitor, sandbox, person):
    """C04: WeChat's WebView calls back twice with two codes."""
    authorize = visitor.start()
    addresses = [visitor.agree_at(authorize, person) for _ in range(2)]
    pages = finish_at_once(rig, visitor, addresses)
    assert [page.status for page in pages] == [303, 303]
    assert len(exchanges(sandbox, person)) == 1
    assert rig.person(sandbox.openid(person))['login_count'] == 1


def test_a_browser_that_leaves_blocks_nothing(rig, visitor, sandbox, person):
    """C06 F13: the connection to weigate is cut while WeChat thinks; the person is stored once or not at all."""
    sandbox.fault(delay_ms=300, person=person, call='access_token')
    address = visitor.agree_at(visitor.start(), person)
    peer = fastcgi.Connection(rig.socket)
    peer.send(fastcgi.request('/weixin/callback', query=urlsplit(address).query, cookie=visitor.cookie_header(urlsplit(rig.url + '/'))))
    eventually(lambda: exchanges(sandbox, person))
    peer.send(fastcgi.record(fastcgi.ABORT_REQUEST))
    peer.socket.close()
    eventually(lambda: rig.metrics()['weigate_signins_in_flight'] == 0)
    stored = rig.person(sandbox.openid(person))
    assert stored is None or stored['login_count'] == 1
    assert Visitor(rig).sign_in('plain').status == 200


def test_unknown_parameters_are_taken_calmly(rig, visitor, person):
    """C07"""
    address = visitor.agree_at(visitor.start(), person)
    assert visitor.follow(visitor.get(address + '&from=singlemessage&isappinstalled=0&x=%ff')).status == 200


def test_an_error_parameter_is_taken_calmly(rig, visitor, sandbox, person):
    """C07"""
    state = query_of(visitor.start())['state']
    answer = visitor.get(rig.url + f'/weixin/callback?error=access_denied&state={state}')
    assert answer.status in (200, 403) and not visitor.is_signed_in()


def test_a_base_token_asks_for_no_profile(rig, visitor, sandbox, person):
    """C09: the scope came back smaller than asked for."""
    sandbox.fault('became_base', person=person)
    visitor.sign_in(person)
    assert sandbox.calls(person=person, call='userinfo') == []
    session = visitor.session()
    assert session['scope'] == 'snsapi_base' and session['openid'] == sandbox.openid(person)


def test_success_leads_away_from_the_code(rig, visitor, person):
    """C11 C12"""
    answer = visitor.get(visitor.agree_at(visitor.start(), person))
    assert answer.status == 303
    assert 'no-store' in answer.header('Cache-Control') and answer.header('Referrer-Policy') == 'no-referrer'
    assert 'code=' not in answer.location and 'state=' not in answer.location and 'http' not in answer.text.replace(rig.url, '')


def test_reloads_while_wechat_is_slow_exchange_once(rig, visitor, sandbox, person):
    """C13"""
    sandbox.fault(delay_ms=500, person=person, call='access_token')
    address = visitor.agree_at(visitor.start(), person)
    assert [page.status for page in finish_at_once(rig, visitor, [address] * 5)] == [303] * 5
    assert len(exchanges(sandbox, person)) == 1


def test_with_all_places_taken_the_answer_is_quick_and_a_repeat_works(new_rig, sandbox, people):
    """C14 T22"""
    rig = new_rig({'server': {'signins_max': 2, 'workers': 1}})
    slow = people(2)
    for one in slow:
        sandbox.fault(delay_ms=3000, person=one, call='access_token')
    waiting = [(visitor := Visitor(rig), visitor.agree_at(visitor.start(), one)) for one in slow]
    late = Visitor(rig)
    address = late.agree_at(late.start('/private/?late=1'), people(1)[0])
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(visitor.get, url) for visitor, url in waiting]
        eventually(lambda: rig.metrics()['weigate_signins_in_flight'] == 2)
        with Stopwatch() as took:
            answer = late.get(address)
        assert answer.status == 503 and int(answer.header('Retry-After')) >= 1
        assert took.ms < 50 * SLACK
        assert [one.result().status for one in held] == [303, 303]
    assert late.follow(late.get(address)).url == rig.url + '/private/?late=1'


@pytest.mark.parametrize('path', ['/callback/', '/CALLBACK', '/callback%2f', '/callback;x=1', '/callback/..;/', '/callback/extra', '/callbackx', '/', '/nothing', '//callback'])
def test_spellings_near_the_callback_are_not_it(rig, visitor, sandbox, path):
    """C15: asked over FastCGI too, where no nginx normalises."""
    assert rig.ask('/weixin' + path.replace('%2f', '/'), query='code=a&state=b').status == 404
    assert rig.ask('/weixin/callback', PATH_INFO='/extra', query='code=a&state=b').status == 404
    assert visitor.get(rig.url + '/weixin' + path + '?code=a&state=b').status in (400, 401, 403, 404)


def test_callbacks_mixed_in_time_keep_people_apart(rig, sandbox, people):
    """C16 T17: answers delayed at random, finished in parallel."""
    sandbox.latency(10, 30)
    waiting = []
    for one in people(300 // SLACK):
        visitor = Visitor(rig)
        waiting.append((one, visitor, visitor.agree_at(visitor.start(), one)))

    def finish(item):
        one, visitor, address = item
        visitor.follow(visitor.get(address))
        return one, visitor.session()
    with ThreadPoolExecutor(32) as pool:
        results = list(pool.map(finish, reversed(waiting)))
    wrong = [one for one, session in results if session is None or session['openid'] != sandbox.openid(one)]
    assert wrong == []


@pytest.mark.parametrize('fields', [{'status': 500, 'body': 'oops'}, {'kind': 'empty_gbk'}, {'kind': 'hanging'}, {'errcode': -1}])
def test_a_profile_that_fails_never_leaves_half_a_session(new_rig, sandbox, person, fields):
    """C17 T18: either a whole sign-in with what is known, or none."""
    rig = new_rig({'account': {'connect_timeout': '1s', 'request_timeout': '1s'}})
    visitor = Visitor(rig)
    sandbox.fault(person=person, call='userinfo', **fields)
    page = visitor.get(visitor.agree_at(visitor.start(), person))
    assert len(sandbox.calls(person=person, call='userinfo')) <= 2
    session = visitor.session()
    stored = rig.person(sandbox.openid(person))
    if session is None:
        assert page.status >= 500 and stored is None
    else:
        assert page.status == 303 and stored['openid'] == session['openid']


def test_a_callback_over_http_at_an_https_site_is_not_completed(new_rig, sandbox, person):
    """C18: the cookies are Secure, so a browser does not send them there; without them nothing is exchanged."""
    rig = new_rig({'account': {'public_url': 'https://www.example.com'}})
    start = rig.ask('/weixin/login', query='next=/private/', HTTP_USER_AGENT='MicroMessenger')
    assert all('Secure' in line for line in start.all('Set-Cookie'))
    state = query_of(start.header('Location'))['state']
    answer = rig.ask('/weixin/callback', query=f'code={sandbox.code(person)}&state={state}', HTTP_ACCEPT='application/json')
    assert answer.status in (400, 401, 403)
    assert exchanges(sandbox, person) == []


def test_a_problem_document_for_a_program(rig, visitor, sandbox, person):
    """J01: errcode and rid are told to programs."""
    sandbox.fault(errcode=50002, errmsg='user limited rid: 61725984-6126f6f9-040f19c4', person=person, call='access_token')
    answer = visitor.get(visitor.agree_at(visitor.start(), person), headers=API_CALL)
    problem = answer.json()
    assert answer.header('Content-Type') == 'application/problem+json' and problem['type'] == 'about:blank'
    assert (problem['errcode'], problem['rid']) == (50002, '61725984-6126f6f9-040f19c4')
    assert problem['error'] == 'denied' and problem['status'] == answer.status
