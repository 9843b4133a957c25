# SPDX-License-Identifier: Apache-2.0
"""The state and its login cookie: only the browser that began a sign-in can finish it."""
import re
import secrets
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from rig import rss_kib, write_private
from visitor import API_CALL, Visitor, query_of
from wait import MEMORY_SLACK, SLACK

@pytest.fixture
def nobody_is_called(sandbox):
    """No call goes upstream during the test."""
    before = len(sandbox.calls())
    yield
    assert len(sandbox.calls()) == before


def callback(rig, **query):
    return rig.url + '/weixin/callback?' + '&'.join(f'{key}={value}' for key, value in query.items())


def is_refused(page):
    return not any(line.startswith(('weigate=', '__Host-weigate=')) and 'Max-Age=0' not in line for line in page.all('Set-Cookie'))


def test_a_callback_without_state_is_refused(rig, visitor, sandbox, nobody_is_called):
    """S01"""
    answer = visitor.get(callback(rig, code=sandbox.code('plain')), headers=API_CALL)
    assert answer.status in (400, 401, 403) and answer.json()['error'] == 'state_missing'
    assert not visitor.is_signed_in()


def test_a_state_without_its_cookie_begins_again_once_and_then_explains(rig, visitor, sandbox, person):
    """S02: WeChat's browser does lose cookies; nothing goes upstream for what cannot be trusted."""
    first = visitor.agree_at(visitor.start(), person)
    visitor.drop_cookies()
    again = visitor.follow(visitor.get(first), until='/connect/oauth2/authorize')
    assert isinstance(again, str), f'not begun again: {again}'
    visitor.drop_cookies('weigate-login-')
    page = visitor.follow(visitor.get(visitor.agree_at(again, person)), until='/connect/oauth2/authorize')
    assert not isinstance(page, str) and page.status >= 400, 'the loop breaker should have stopped here'
    assert sandbox.calls(person=person, call='access_token') == []


def test_another_browser_cannot_finish_a_sign_in(rig, sandbox, person, visitor):
    """S02"""
    address = visitor.agree_at(visitor.start(), person)
    other = Visitor(rig)
    assert is_refused(other.get(address)) and not other.is_signed_in()
    assert sandbox.calls(person=person, call='access_token') == []


def test_the_state_of_one_sign_in_with_the_cookie_of_another_is_refused(rig, sandbox, people):
    """S03"""
    mine, theirs = people(2)
    attacker, victim = Visitor(rig), Visitor(rig)
    address = attacker.agree_at(attacker.start(), mine)
    victim.start()
    assert is_refused(victim.get(address)) and not victim.is_signed_in()
    assert sandbox.calls(person=mine, call='access_token') == []


def test_every_changed_state_is_refused(rig, visitor, sandbox, nobody_is_called):
    """S05: each character changed, each cut, one more: over FastCGI, with the right cookie."""
    state = query_of(visitor.start())['state']
    cookie = '; '.join(f'{c.name}={c.value}' for c in visitor.login_cookies())
    wrong = [state[:i] + ('A' if state[i] != 'A' else 'B') + state[i + 1:] for i in range(len(state))]
    wrong += [state[:n] for n in range(1, len(state))] + [state + 'A', 'A' + state, state.lower(), state.upper()]
    for one in set(wrong) - {state}:
        answer = rig.ask('/weixin/callback', query=f'code=0123456789abcdef0123456789abcdef&state={one}', cookie=cookie, HTTP_ACCEPT='application/json')
        assert answer.status in (400, 401, 403), one
        assert answer.json_error() in ('state_mismatch', 'state_missing', 'state_expired'), one


def test_a_used_state_makes_no_second_session_and_leads_to_the_page(rig, visitor, sandbox, person):
    """S08: reload and the back button."""
    address = visitor.agree_at(visitor.start('/private/?x=1'), person)
    visitor.follow(visitor.get(address))
    first = visitor.session_cookie.value
    page = visitor.follow(visitor.get(address))
    assert page.url == rig.url + '/private/?x=1' and page.status == 200
    assert visitor.is_signed_in() and first
    assert len(sandbox.calls(person=person, call='access_token')) == 1


def test_a_rotated_key_opens_while_it_is_listed(new_rig, people):
    """S09 K18"""
    rig = new_rig()
    before, after, late = people(3)
    early, waiting = Visitor(rig), Visitor(rig)
    early.sign_in(before)
    saved = early.cookie_header(urlsplit(rig.url + '/'))
    address = waiting.agree_at(waiting.start(), after)
    new_key = secrets.token_hex(32)
    rig.known_secrets.add(new_key)
    write_private(rig.dir / 'keys', f'{new_key}\n{rig.keys[0]}\n')
    rig.reload()
    assert waiting.follow(waiting.get(address)).status == 200
    assert early.is_signed_in()
    address = waiting.agree_at(Visitor.start(waiting := Visitor(rig)), late)
    write_private(rig.dir / 'keys', f'{new_key}\n')
    rig.reload()
    assert early.is_signed_in(), 'its cookie was sealed anew while the old key was listed'
    assert rig.ask('/weixin/auth', cookie=saved).status == 401, 'sealed with the key that was removed'
    assert waiting.follow(waiting.get(address)).status == 200, 'sealed with the key that stayed'


def test_a_login_begun_under_a_removed_key_is_refused(new_rig, person, sandbox):
    """S09"""
    rig = new_rig()
    visitor = Visitor(rig)
    address = visitor.agree_at(visitor.start(), person)
    new_key = secrets.token_hex(32)
    rig.known_secrets.add(new_key)
    write_private(rig.dir / 'keys', f'{new_key}\n')
    rig.reload()
    assert is_refused(visitor.get(address))
    assert sandbox.calls(person=person, call='access_token') == []


def test_two_tabs_finished_in_reverse_order_each_reach_their_page(rig, visitor, person):
    """S10"""
    first = visitor.agree_at(visitor.start('/private/?tab=1'), person)
    second = visitor.agree_at(visitor.start('/private/?tab=2'), person)
    assert visitor.follow(visitor.get(second)).url == rig.url + '/private/?tab=2'
    assert visitor.follow(visitor.get(first)).url == rig.url + '/private/?tab=1'


def test_fifty_unfinished_sign_ins_leave_few_cookies_and_the_newest_works(rig, visitor, person):
    """S11"""
    for n in range(50):
        authorize = visitor.start(f'/private/?try={n}&' + 'x' * 300)
    assert len(visitor.login_cookies()) <= 5
    assert len(visitor.cookie_header(urlsplit(rig.url + '/'))) < 4096
    page = visitor.follow(visitor.get(visitor.agree_at(authorize, person)))
    assert page.url.startswith(rig.url + '/private/?try=49&')


def test_states_are_letters_and_digits_and_never_repeat(rig):
    """S13 S24: over FastCGI; the state lives in the cookie, so nothing grows."""
    count = 10_000 // SLACK
    workers = rig.first.workers()
    seen, before = set(), None
    with_peer = rig.kept_connection()
    for n in range(count):
        answer = with_peer.get('/weixin/login', query='next=/private/', HTTP_USER_AGENT='MicroMessenger')
        seen.add(query_of(answer.header('Location'))['state'])
        if n == count // 10:
            before = [rss_kib(pid) for pid in workers]
    after = [rss_kib(pid) for pid in workers]
    assert len(seen) == count
    assert all(re.fullmatch('[A-Za-z0-9]{1,128}', state) for state in seen)
    assert all(new - old < 1024 * MEMORY_SLACK for old, new in zip(before, after))


def test_the_authorize_address_has_wechats_order(rig, visitor):
    """S14"""
    address = visitor.start('/private/?x=1&y=2')
    parts = urlsplit(address)
    assert [name for name, _ in parse_qsl(parts.query)] == ['appid', 'redirect_uri', 'response_type', 'scope', 'state']
    assert 'redirect_uri=' + quote(rig.url + '/weixin/callback', safe='') + '&' in address
    assert parts.fragment == 'wechat_redirect' and address.count('#') == 1


def test_forged_host_headers_change_nothing(rig, visitor):
    """S15"""
    page = visitor.get(rig.url + '/weixin/login?next=/private/', headers={
        'Host': 'evil.example', 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https', 'Forwarded': 'host=evil.example;proto=https',
        'X-Original-Host': 'evil.example'})
    assert query_of(page.location)['redirect_uri'] == rig.url + '/weixin/callback'


@pytest.mark.parametrize('path', ['/login', '/callback'])
@pytest.mark.parametrize('method', ['OPTIONS', 'POST', 'PUT', 'DELETE', 'PATCH', 'PROPFIND'])
def test_other_methods_are_answered_405(rig, visitor, path, method):
    """S16"""
    answer = visitor.get(rig.url + '/weixin' + path, method=method)
    assert answer.status == 405 and 'GET' in answer.header('Allow')


def test_head_consumes_nothing(rig, visitor, sandbox, person):
    """S16"""
    address = visitor.agree_at(visitor.start(), person)
    visitor.get(address, method='HEAD')
    assert sandbox.calls(person=person, call='access_token') == []
    assert visitor.follow(visitor.get(address)).status == 200


def test_a_prefetched_login_leaves_the_one_under_way_alone(rig, visitor, person):
    """S17"""
    address = visitor.agree_at(visitor.start('/private/?real=1'), person)
    cookies = {cookie.name for cookie in visitor.login_cookies()}
    for _ in range(6):
        visitor.get(rig.url + '/weixin/login?next=/private/', headers={'Sec-Purpose': 'prefetch'})
    assert {cookie.name for cookie in visitor.login_cookies()} == cookies
    assert visitor.follow(visitor.get(address)).url == rig.url + '/private/?real=1'


@pytest.mark.parametrize('name', ['state', 'code'])
def test_a_repeated_parameter_is_a_bad_request(rig, visitor, sandbox, person, name):
    """S18"""
    address = visitor.agree_at(visitor.start(), person)
    answer = visitor.get(address + f'&{name}={query_of(address)[name]}', headers=API_CALL)
    assert answer.status == 400
    assert sandbox.calls(person=person, call='access_token') == []


def test_a_planted_session_cookie_is_replaced_and_never_valid(rig, visitor, person):
    """S19"""
    planted = 'planted0planted0planted0planted0'
    assert rig.ask('/weixin/auth', cookie='weigate=' + planted).status == 401
    address = visitor.agree_at(visitor.start(), person)
    page = visitor.get(address, headers={'Cookie': f'weigate={planted}; ' + visitor.cookie_header(urlsplit(rig.url + '/'))})
    assert page.status == 303 and visitor.session_cookie.value != planted
    assert rig.ask('/weixin/auth', cookie='weigate=' + planted).status == 401


def test_the_state_of_one_account_is_refused_by_another(new_rig, person, sandbox):
    """S20: two accounts in one process, each with its prefix."""
    rig = new_rig(shop=True)
    visitor = Visitor(rig)
    address = visitor.agree_at(visitor.start('/weixin/login?next=/private/'), person)
    answer = rig.ask('/shop/callback', query=urlsplit(address).query, cookie=visitor.cookie_header(urlsplit(rig.url + '/')), HTTP_ACCEPT='application/json')
    assert answer.status in (400, 401, 403)
    assert sandbox.calls(person=person, call='access_token') == []


def test_signing_in_as_somebody_else_replaces_the_session(rig, visitor, sandbox, people):
    """S21"""
    first, second = people(2)
    visitor.sign_in(first)
    visitor.follow(visitor.get(visitor.agree_at(visitor.start('/weixin/login?next=/private/'), second)))
    session = visitor.session()
    assert session['openid'] == sandbox.openid(second)
    assert rig.person(session['openid'])['profile'] == session['profile']


def test_a_state_of_another_deployment_with_the_same_key_is_refused(new_rig, sandbox, person):
    """S23 K05: the site's address and the account are bound into every seal."""
    here, there = new_rig(), new_rig()
    write_private(there.dir / 'keys', here.keys[0] + '\n')
    there.reload()
    visitor = Visitor(here)
    address = visitor.agree_at(visitor.start(), person)
    cookies = visitor.cookie_header(urlsplit(here.url + '/'))
    answer = there.ask('/weixin/callback', query=urlsplit(address).query, cookie=cookies, HTTP_ACCEPT='application/json')
    assert answer.status in (400, 401, 403)
    visitor.follow(visitor.get(address))
    session = f'{visitor.session_cookie.name}={visitor.session_cookie.value}'
    assert here.ask('/weixin/auth', cookie=session).status == 204
    assert there.ask('/weixin/auth', cookie=session).status == 401
