# SPDX-License-Identifier: Apache-2.0
"""Scope, escalation, snapshot visitors, single-page apps, popups, the hand-over to a computer, and the stored token."""
import json
import re
from urllib.parse import quote

import pytest

from rig import WEBSITE_APPID
from visitor import API_CALL, DESKTOP, Visitor, query_of

JSON_POST = {**API_CALL, 'Content-Type': 'application/json'}


def post_session(rig, visitor, **body):
    return visitor.get(rig.url + '/weixin/session', method='POST', body=json.dumps(body), headers={**JSON_POST, 'Origin': rig.url})


def begin_app(rig, visitor, **query):
    """A single-page app's first step; the second, up to where it has code and state, is agree_app()."""
    path = f'/weixin/authorize?redirect_uri={quote(rig.url + "/spa/back", safe="")}' + ''.join(f'&{key}={value}' for key, value in query.items())
    answer = visitor.get(rig.url + path, headers=API_CALL)
    assert answer.status == 200, answer
    return answer.json()


def agree_app(rig, visitor, begun, person):
    back = query_of(visitor.agree_at(begun['authorize_url'], person))
    return {'code': back['code'], 'state': back['state']}


# --- scope ------------------------------------------------------------------------------------------------------------------------


def test_a_silent_sign_in_knows_the_openid_only(new_rig, sandbox, person):
    rig = new_rig({'account': {'scope': 'snsapi_base'}})
    visitor = Visitor(rig)
    assert visitor.sign_in(person).status == 200
    session = visitor.session()
    assert (session['openid'], session['scope'], session['profile']['nickname']) == (sandbox.openid(person), 'snsapi_base', '')
    assert sandbox.calls(person=person, call='userinfo') == []


def test_a_later_silent_sign_in_erases_nothing(new_rig, sandbox):
    rig = new_rig({'account': {'scope': 'snsapi_base'}})
    visitor = Visitor(rig)
    visitor.sign_in('plain', '/weixin/login?scope=snsapi_userinfo&next=/private/')
    assert visitor.session()['profile']['nickname'] == '李平'
    again = Visitor(rig)
    again.sign_in('plain')
    assert again.session()['scope'] == 'snsapi_base' and again.session()['profile']['nickname'] == '李平'
    assert rig.person(sandbox.openid('plain'))['login_count'] == 2


def test_scope_auto_asks_for_a_profile_once(new_rig, sandbox, person):
    rig = new_rig({'account': {'scope': 'auto'}})
    visitor = Visitor(rig)
    first = visitor.start('/private/?x=1')
    assert query_of(first)['scope'] == 'snsapi_base'
    second = visitor.follow(visitor.get(visitor.agree_at(first, person)), until='/connect/oauth2/authorize')
    assert query_of(second)['scope'] == 'snsapi_userinfo'
    page = visitor.follow(visitor.get(visitor.agree_at(second, person)))
    assert page.url == rig.url + '/private/?x=1' and visitor.session()['profile']['nickname']
    again = Visitor(rig)
    assert again.sign_in(person, '/app/').status == 200, 'silently: the profile is stored'
    assert again.get(rig.url + '/app/').json()['nickname'] != ''
    assert len(sandbox.calls(person=person, call='userinfo')) == 1
    assert rig.person(sandbox.openid(person))['login_count'] == 2


def test_a_profile_that_fails_does_not_turn_away_who_is_known(rig, sandbox):
    """C17 T18: the one exception."""
    Visitor(rig).sign_in('emoji_escaped')
    sandbox.fault('busy', person='emoji_escaped', call='userinfo')
    visitor = Visitor(rig)
    assert visitor.sign_in('emoji_escaped').status == 200
    assert visitor.session()['profile']['nickname'] == '😀 小明'
    assert visitor.get(rig.url + '/app/').json()['nickname'] == quote('😀 小明', safe='')


# --- ends that a person sees ------------------------------------------------------------------------------------------------------


def test_signing_in_again_after_no_keeps_the_page(rig, visitor, sandbox, person):
    """C01"""
    page = visitor.stand_on(visitor.get(sandbox.agree(visitor, visitor.start('/private/?x=1'), person, answer='decline')))
    assert page.status == 403 and 'history.replaceState' in page.text, 'the address bar keeps neither code nor state'
    href = re.search(r'<a class="button" href="([^"]*)"', page.text).group(1)
    authorize = visitor.follow(visitor.get(rig.url + href), until='/connect/oauth2/authorize')
    assert visitor.follow(visitor.get(visitor.agree_at(authorize, person))).url == rig.url + '/private/?x=1'


def test_after_an_upstream_failure_signing_in_again_works(rig, visitor, sandbox, person):
    """C03"""
    sandbox.fault('gateway_error', person=person, call='access_token', count=10)
    page = visitor.get(visitor.agree_at(visitor.start('/private/?x=1'), person))
    assert page.status == 502
    sandbox.reset()
    href = re.search(r'<a class="button" href="([^"]*)"', page.text).group(1)
    authorize = visitor.follow(visitor.get(rig.url + href), until='/connect/oauth2/authorize')
    assert visitor.follow(visitor.get(visitor.agree_at(authorize, person))).url == rig.url + '/private/?x=1'


def test_outside_wechat_a_lost_cookie_is_explained(rig, sandbox, person):
    """S02"""
    visitor = Visitor(rig)
    address = visitor.agree_at(visitor.start(), person)
    page = Visitor(rig, agent=DESKTOP).get(address)
    assert page.status == 400 and 'state_missing' in page.text
    assert sandbox.calls(person=person) == []


# --- windows of their own ---------------------------------------------------------------------------------------------------------


def test_a_popup_tells_its_opener_and_closes(rig, visitor, person):
    callback = visitor.agree_at(visitor.start('/weixin/login?popup=1&next=/private/'), person)
    page = visitor.get(callback)
    assert page.status == 200 and "postMessage({weigate:'signed_in'}" in page.text
    assert visitor.is_signed_in()


# --- single-page apps -------------------------------------------------------------------------------------------------------------


def test_the_same_code_and_state_twice_are_one_sign_in(rig, visitor, sandbox, person):
    """C04"""
    handed = agree_app(rig, visitor, begin_app(rig, visitor), person)
    cookies = dict(visitor.cookies)
    first = post_session(rig, visitor, **handed).json()
    visitor.cookies = {**visitor.cookies, **cookies}  # as if both had left the app at once
    second = post_session(rig, visitor, **handed)
    assert second.status == 200 and second.json()['signed_in_at'] == first['signed_in_at']
    assert len(sandbox.calls(person=person, call='access_token')) == 1


def test_an_app_with_scope_auto_is_not_sent_in_circles(new_rig, sandbox, person):
    rig = new_rig({'account': {'scope': 'auto'}})
    visitor = Visitor(rig)
    answer = post_session(rig, visitor, **agree_app(rig, visitor, begin_app(rig, visitor), person))
    assert answer.status == 200 and answer.json()['profile']['nickname'] == ''
    answer = post_session(rig, visitor, **agree_app(rig, visitor, begin_app(rig, visitor, scope='snsapi_userinfo'), person))
    assert answer.status == 200 and answer.json()['profile']['nickname'] != ''


@pytest.mark.parametrize('redirect_uri', ['', 'https://evil.example/', '//evil.example', '/weixin/login', 'javascript:alert(1)'])
def test_an_app_gets_its_code_on_an_allowed_origin_only(rig, visitor, redirect_uri):
    """R01"""
    answer = visitor.get(rig.url + '/weixin/authorize?redirect_uri=' + quote(redirect_uri, safe=''), headers=API_CALL)
    assert (answer.status, answer.json()['error']) == (400, 'bad_request')


@pytest.mark.parametrize('body, status, error', [('', 400, 'bad_request'), ('[]', 400, 'bad_request'), ('{"code":1}', 400, 'bad_request'),
                                                 ('{"code":"a&b"}', 400, 'bad_request'), ('{"code":"abc"}', 400, 'state_missing'),
                                                 ('{"code":"abc","state":"x"}', 400, 'state_mismatch'), ('{"code":"' + 'x' * 5000 + '"}', 413, 'payload_too_large')])
def test_an_odd_body_is_refused(rig, visitor, sandbox, body, status, error):
    """C02"""
    before = len(sandbox.calls())
    answer = visitor.get(rig.url + '/weixin/session', method='POST', body=body, headers={**JSON_POST, 'Origin': rig.url})
    assert (answer.status, answer.json()['error']) == (status, error)
    assert len(sandbox.calls()) == before


@pytest.mark.parametrize('headers, status', [({'Content-Type': 'text/plain', 'Origin': None}, 415), ({'Origin': 'https://evil.example'}, 403)])
def test_a_foreign_page_cannot_hand_in_a_code(rig, visitor, headers, status):
    """K16"""
    answer = visitor.get(rig.url + '/weixin/session', method='POST', body='{"code":"abc"}', headers={**JSON_POST, **headers})
    assert answer.status == status


def test_a_code_alone_is_taken_only_where_the_account_says_so(new_rig, sandbox, person):
    rig = new_rig({'account': {'code_without_state': 'yes'}})
    app, same, thief = Visitor(rig), Visitor(rig), Visitor(rig)
    code = sandbox.code(person)
    assert post_session(rig, app, code=code).json()['openid'] == sandbox.openid(person)
    assert post_session(rig, same, code=code).status == 200, 'posted twice at once'
    assert len(sandbox.calls(person=person, call='access_token')) == 1
    assert post_session(rig, thief, code=code, state='0' * 39).status == 400, 'a wrong state is not no state'


# --- snapshot visitors ------------------------------------------------------------------------------------------------------------

PERSON_ONLY = 'location /members/ {{ auth_request /weixin/auth/person; error_page 401 403 = /weixin/login; alias {dir}/www/private/; }}'


def test_a_guest_gets_in_and_is_never_a_person(new_rig, sandbox):
    rig = new_rig({'account': {'snapshot': 'guest'}}, server=PERSON_ONLY)
    visitor = Visitor(rig)
    assert visitor.sign_in('snapshot', '/private/').status == 200
    session = visitor.session()
    assert session['snapshot'] is True and session['openid'] == sandbox.snapshot_openid('snapshot')
    answer = rig.ask('/weixin/auth', cookie=f'weigate={visitor.session_cookie.value}')
    assert answer.status == 204 and answer.header('X-Weigate-Snapshot') == '1'
    assert rig.people() == {}
    page = visitor.get(rig.url + '/members/?x=1')
    assert page.status == 403 and '使用完整服务' in page.text and 'href="/weixin/login?next=%2Fmembers%2F%3Fx%3D1"' in page.text
    assert visitor.get(rig.url + '/members/', headers=API_CALL).json()['error'] == 'snapshot_user'


def test_a_person_gets_in_where_persons_are_wanted(new_rig, person):
    rig = new_rig({'account': {'snapshot': 'guest'}}, server=PERSON_ONLY)
    visitor = Visitor(rig)
    assert visitor.sign_in(person, '/members/').status == 200


@pytest.mark.parametrize('policy, word', [('page', 'snapshot_user'), ('refuse', 'snapshot_refused')])
def test_a_virtual_visitor_is_told(new_rig, policy, word):
    rig = new_rig({'account': {'snapshot': policy}})
    visitor = Visitor(rig)
    page = visitor.sign_in('snapshot')
    assert page.status == 403 and word in page.text and not visitor.is_signed_in()
    assert rig.people() == {} and rig.sql('SELECT count(*) FROM event')[0][0] == 1


# --- from the phone to the computer -----------------------------------------------------------------------------------------------


class Computer(Visitor):
    """A desktop that shows the QR page."""

    def __init__(self, rig, url='/private/?from=desktop'):
        super().__init__(rig, agent=DESKTOP)
        page = self.open(url)
        assert page.status == 200 and '<svg' in page.text, page
        self.poll = re.search(r'href="(/weixin/handover\?state=\w+)"', page.text).group(1)
        self.code = '/weixin/login?handover=' + query_of(self.poll)['state']
        self.number = re.search(r'数字 (\d{4})', page.text).group(1)

    def ask(self):
        answer = self.get(self.rig.url + self.poll, headers=API_CALL)
        assert answer.status == 200, answer
        return answer.json()


def scan(rig, computer, person):
    """A phone that scans the code, signs in, and stands on the question."""
    phone = Visitor(rig)
    authorize = phone.follow(phone.get(rig.url + computer.code), until='/connect/oauth2/authorize')
    phone.follow(phone.get(phone.agree_at(authorize, person)))
    return phone


def test_the_phone_signs_the_computer_in(rig, sandbox, person):
    computer = Computer(rig)
    assert computer.ask() == {'signed_in': False}
    phone = scan(rig, computer, person)
    assert computer.number in phone.page.text
    assert 'history.replaceState' in phone.page.text, 'the address bar keeps neither code nor state'
    assert computer.ask() == {'signed_in': False}, 'not before the tap'
    assert '电脑上已登录' in phone.tap('确认登录').text
    answer = computer.ask()
    assert answer['signed_in'] and answer['next'] == '/private/?from=desktop' and answer['popup'] is False
    assert computer.session()['openid'] == sandbox.openid(person)
    assert phone.session()['openid'] == sandbox.openid(person)


def test_signing_out_on_the_computer_leaves_the_phone_alone(rig, person):
    computer = Computer(rig)
    phone = scan(rig, computer, person)
    phone.tap('确认登录')
    assert computer.ask()['signed_in']
    computer.get(rig.url + '/weixin/session', method='DELETE', headers={**API_CALL, 'Origin': rig.url})
    assert not computer.is_signed_in() and phone.is_signed_in()


def test_without_script_the_button_does_the_same(rig, person):
    computer = Computer(rig)
    assert '<svg' in computer.get(rig.url + computer.poll).text, 'too early: the code again'
    scan(rig, computer, person).tap('确认登录')
    assert computer.follow(computer.get(rig.url + computer.poll)).url == rig.url + '/private/?from=desktop'
    assert computer.is_signed_in()


def test_head_takes_no_ticket(rig, person):
    """S16"""
    computer = Computer(rig)
    scan(rig, computer, person).tap('确认登录')
    computer.get(rig.url + computer.poll, method='HEAD')
    assert not computer.is_signed_in()
    assert computer.ask()['signed_in']


def test_a_popup_on_a_computer_is_told_too(rig, person):
    computer = Computer(rig, '/weixin/login?popup=1&next=%2Fprivate%2F')
    scan(rig, computer, person).tap('确认登录')
    assert computer.ask()['popup'] is True


def test_only_the_computer_that_shows_the_code_is_signed_in(rig, person):
    computer, other = Computer(rig), Computer(rig)
    scan(rig, computer, person).tap('确认登录')
    assert other.ask() == {'signed_in': False}
    thief = Visitor(rig, agent=DESKTOP)
    assert thief.get(rig.url + computer.poll, headers=API_CALL).json()['error'] == 'state_expired'
    assert computer.ask()['signed_in']


def test_the_first_confirmation_stands(rig, sandbox, people):
    first, second = people(2)
    computer = Computer(rig)
    one, two = scan(rig, computer, first), scan(rig, computer, second)
    one.tap('确认登录')
    assert '二维码已失效' in two.tap('确认登录').text
    assert computer.ask()['signed_in'] and computer.session()['openid'] == sandbox.openid(first)


def test_another_site_cannot_confirm(rig, person):
    """K16"""
    computer = Computer(rig)
    phone = scan(rig, computer, person)
    state = query_of(computer.poll)['state']
    answer = phone.get(rig.url + '/weixin/handover', method='POST', body=f'state={state}', headers={'Origin': 'https://evil.example'})
    assert answer.status == 403 and computer.ask() == {'signed_in': False}


def test_the_code_carries_what_the_computer_wished_for(rig, person):
    computer = Visitor(rig, agent=DESKTOP)
    page = computer.open('/weixin/login?scope=snsapi_base&next=%2Fprivate%2F')
    assert page.status == 200
    phone = Visitor(rig)
    state = query_of(re.search(r'href="(/weixin/handover\?state=\w+)"', page.text).group(1))['state']
    authorize = phone.follow(phone.get(f'{rig.url}/weixin/login?scope=snsapi_base&handover={state}'), until='/connect/oauth2/authorize')
    assert query_of(authorize)['scope'] == 'snsapi_base'


def test_a_virtual_visitor_hands_nothing_over(new_rig):
    rig = new_rig({'account': {'snapshot': 'guest'}})
    computer = Computer(rig)
    phone = scan(rig, computer, 'snapshot')
    assert phone.page.status == 403 and 'snapshot_user' in phone.page.text
    assert 'href="/weixin/login?handover=' in phone.page.text and computer.ask() == {'signed_in': False}


def test_a_website_app_signs_the_computer_in(new_rig, sandbox, person):
    rig = new_rig({'account': {'outside_wechat': 'qrconnect', 'qrconnect_appid': WEBSITE_APPID, 'qrconnect_secret_file': lambda rig: rig.dir / 'websitesecret',
                               'qrconnect_url': lambda rig: rig.sandbox.url + '/connect/qrconnect'}})
    computer = Visitor(rig, agent=DESKTOP)
    connect = computer.follow(computer.get(rig.url + '/private/'), until='/connect/qrconnect')
    assert query_of(connect)['scope'] == 'snsapi_login'
    assert computer.follow(computer.get(sandbox.agree(computer, connect, person))).url == rig.url + '/private/'
    session = computer.session()
    assert (session['appid'], session['scope']) == (WEBSITE_APPID, 'snsapi_login') and session['profile']['nickname']
    assert computer.get(rig.url + '/app/').json()['appid'] == WEBSITE_APPID
    rig.overrides['account'] = {}
    rig.reload()
    assert not computer.is_signed_in(), 'its openid means nothing here any more'


# --- the stored token -------------------------------------------------------------------------------------------------------------


def refresh(rig, visitor):
    return visitor.get(rig.url + '/weixin/session/refresh', method='POST', headers={**API_CALL, 'Origin': rig.url})


def verify(rig, visitor):
    return visitor.get(rig.url + '/weixin/session/verify', headers=API_CALL)


def test_a_refresh_pulls_the_profile_again(rig, visitor, sandbox, person):
    visitor.sign_in(person)
    sandbox.fault(person=person, call='userinfo', set={'nickname': '新名字'})
    answer = refresh(rig, visitor)
    assert answer.status == 200 and answer.json()['profile']['nickname'] == '新名字'
    assert visitor.get(rig.url + '/app/').json()['nickname'] == quote('新名字')
    assert rig.person(sandbox.openid(person))['profile']['nickname'] == '新名字'
    assert refresh(rig, visitor).status == 200
    assert len(sandbox.calls(person=person, call='refresh_token')) == 1, 'two within ten seconds are one'


def test_a_refresh_needs_a_token(new_rig, person):
    rig = new_rig({'account': {'scope': 'auto', 'snapshot': 'guest'}})
    guest = Visitor(rig)
    guest.sign_in('snapshot', '/weixin/login?scope=snsapi_userinfo&next=/private/')
    assert guest.session()['snapshot'] is True
    assert (refresh(rig, guest).status, refresh(rig, guest).json()['error']) == (401, 'not_signed_in')
    assert refresh(rig, Visitor(rig)).status == 401


def test_a_grant_is_verified_with_wechat(rig, visitor, sandbox, person):
    visitor.sign_in(person)
    assert verify(rig, visitor).json() == {'valid': True}
    sandbox.fault('expired_token', person=person, call='auth')
    sandbox.fault(person=person, call='refresh_token', errcode=42002)
    assert verify(rig, visitor).json() == {'valid': False}


@pytest.mark.parametrize('kind, statuses', [('busy', {502, 503}), ('gateway_error', {502}), ('quota_minute', {503})])
def test_a_busy_wechat_is_no_answer_about_the_grant(rig, visitor, sandbox, person, kind, statuses):
    visitor.sign_in(person)
    sandbox.fault(kind, person=person, call='auth')
    answer = verify(rig, visitor)
    assert answer.status in statuses and 'valid' not in answer.json()
