# SPDX-License-Identifier: Apache-2.0
"""The line that everything hangs on: a protected page, WeChat's page, and back."""
from urllib.parse import quote, unquote

from visitor import API_CALL, DESKTOP, Visitor, query_of


def test_a_stranger_is_sent_to_wechat(rig, visitor):
    authorize = visitor.start('/private/')
    assert authorize.startswith(rig.sandbox.url + '/connect/oauth2/authorize?appid=wx0123456789abcdef&redirect_uri=')
    assert visitor.session() is None


def test_who_agrees_comes_back_to_the_page_they_wanted(rig, visitor):
    page = visitor.sign_in('plain', '/private/?from=menu&n=1')
    assert (page.status, page.url) == (200, rig.url + '/private/?from=menu&n=1')
    assert 'the protected page' in page.text


def test_the_fragment_survives_the_sign_in(rig, visitor, person):
    page = visitor.sign_in(person, '/weixin/login?next=' + quote('/private/?a=1#/route/2', safe=''))
    assert page.url == rig.url + '/private/?a=1#/route/2'


def test_the_session_says_who_is_signed_in(rig, visitor):
    visitor.sign_in('plain')
    session = visitor.session()
    assert session['openid'] == rig.sandbox.openid('plain')
    assert session['profile']['nickname'] == '李平'
    assert session['appid'] == 'wx0123456789abcdef'
    assert session['scope'] == 'snsapi_userinfo'
    assert session['snapshot'] is False
    assert session['signed_in_at'] < session['expires_at']
    assert not any('token' in key for key in session)


def test_the_person_is_stored_when_the_browser_is_told(rig, visitor, person):
    visitor.sign_in(person)
    stored = rig.person(visitor.session()['openid'])
    assert stored['login_count'] == 1
    assert stored['profile'] == visitor.session()['profile']


def test_the_address_bar_holds_neither_code_nor_state(rig, visitor, person):
    page = visitor.sign_in(person)
    assert 'code=' not in page.url and 'state=' not in page.url


def test_an_application_reads_identity_from_headers(rig, visitor):
    visitor.sign_in('plain')
    seen = visitor.get(rig.url + '/app/').json()
    assert seen['openid'] == rig.sandbox.openid('plain')
    assert unquote(seen['nickname']) == '李平'
    assert (seen['appid'], seen['scope']) == ('wx0123456789abcdef', 'snsapi_userinfo')
    assert int(seen['expires']) > 0


def test_a_client_cannot_send_identity_headers_of_its_own(rig, visitor, person):
    visitor.sign_in(person)
    forged = {'X-Weigate-Openid': 'oForged', 'X_Weigate_Openid': 'oForged', 'x-weigate-nickname': 'forged'}
    seen = visitor.get(rig.url + '/app/', headers=forged).json()
    assert seen['openid'] == visitor.session()['openid'] and 'forged' not in seen['nickname']


def test_signing_out_closes_the_door(rig, visitor, person):
    visitor.sign_in(person)
    answer = visitor.get(rig.url + '/weixin/session', method='DELETE', headers={**API_CALL, 'Origin': rig.url})
    assert answer.status == 204
    assert visitor.session() is None
    assert visitor.get(rig.url + '/private/').status == 302


def test_the_sign_out_form_goes_on_to_next(rig, visitor, person):
    visitor.sign_in(person)
    answer = visitor.get(rig.url + '/weixin/logout', method='POST', body='next=%2F', headers={'Origin': rig.url})
    assert (answer.status, answer.location) == (303, rig.url + '/') or (answer.status, answer.location) == (303, '/')
    assert visitor.session() is None


def test_a_second_page_asks_nobody_again(rig, visitor, person):
    visitor.sign_in(person)
    assert visitor.get(rig.url + '/private/other.html').status == 200


def test_a_program_gets_401_as_json_where_a_person_gets_a_redirect(rig, visitor):
    answer = visitor.get(rig.url + '/api/', headers=API_CALL)
    assert answer.status == 401
    assert answer.header('Content-Type') == 'application/problem+json'
    assert answer.json()['error'] == 'not_signed_in'


def test_a_desktop_browser_sees_a_qr_code(rig, new_visitor):
    page = new_visitor(rig, agent=DESKTOP).open('/private/')
    assert page.status in (200, 401) and '<svg' in page.text


def test_a_single_page_app_signs_in_with_code_and_state(rig, visitor, person):
    begun = visitor.get(rig.url + '/weixin/authorize?redirect_uri=' + quote(rig.url + '/spa/back', safe=''), headers=API_CALL).json()
    assert begun['expires_in'] == 600 and begun['state'] in begun['authorize_url']
    back = query_of(visitor.agree_at(begun['authorize_url'], person))
    answer = visitor.get(rig.url + '/weixin/session', method='POST', body='{"code":"%s","state":"%s"}' % (back['code'], back['state']),
                         headers={**API_CALL, 'Content-Type': 'application/json', 'Origin': rig.url})
    assert answer.status == 200
    assert answer.json()['openid'] == visitor.session()['openid'] == rig.sandbox.openid(person)


def test_without_kept_connections_it_works_the_same(new_rig, person):
    """fastcgi_keep_conn off, as in many a hand-written nginx configuration."""
    rig = new_rig(nginx=lambda text: text.replace('fastcgi_keep_conn on', 'fastcgi_keep_conn off'))
    visitor = Visitor(rig)
    assert visitor.sign_in(person).status == 200
    assert all(visitor.get(rig.url + '/private/').status == 200 for _ in range(20))


def test_over_tcp_it_works_the_same(new_rig, person):
    """spawn-fcgi -a 127.0.0.1 -p PORT, kept connections and not."""
    for keep in ('on', 'off'):
        rig = new_rig(tcp=True, nginx=lambda text: text.replace('fastcgi_keep_conn on', 'fastcgi_keep_conn ' + keep))
        visitor = Visitor(rig)
        assert visitor.sign_in(person).status == 200
        assert all(visitor.get(rig.url + '/private/').status == 200 for _ in range(20))
