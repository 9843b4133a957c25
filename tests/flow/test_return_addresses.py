# SPDX-License-Identifier: Apache-2.0
"""Wherever `next` points, a sign-in ends on the own site or on a listed origin."""
from urllib.parse import quote, urljoin, urlsplit

import http.client

import pytest

from addresses import browser_origin, generated
from visitor import Visitor
from wait import SLACK

EVIL = {
    'R01': ['//evil.example/', '//evil.example'],
    'R02': ['/\\evil.example', '\\/evil.example', '\\\\evil.example', '/\\/evil.example'],
    'R03': ['/\t/evil.example', '/\n/evil.example', '/\x0b/evil.example', '/\r/evil.example', '\t//evil.example'],
    'R04': ['/./\\evil.example', '/..//evil.example', '/.//evil.example'],
    'R06': ['https://evil.example', 'https:/evil.example', 'https:evil.example', 'HTTPS://evil.example', '///evil.example', 'http:evil.example'],
    'R07': ['https://{own}@evil.example', 'https://{own}:443@evil.example', 'https://{own}\\@evil.example', 'https://evil.example\\.{own}'],
    'R08': ['https://evil-{own}', 'https://{own}.evil.example', 'http://{own}.', 'http://127.0.0.1:1/'],
    'R09': ['javascript:alert(1)', 'data:text/html,x', 'java\tscript:alert(1)', 'blob:https://evil.example/x', 'vbscript:x'],
    'R11': ['/x\r\nSet-Cookie: a=b', '/x\nLocation: //evil.example'],
    'R12': ['/private/\x00//evil.example', '\x00//evil.example'],
    'R13': ['/' + 'a' * 5000, '/' + 'a' * 1025],
    'R14': ['/weixin/login', '/weixin/callback?code=1', '/weixin/logout', '/private/../weixin/login', '/weixin/./login', '/%77eixin/login'],
    'R20': ['http://[::ffff:1.2.3.4]/', 'http://0330.072.0326.0316/', 'http://1249763844/', 'http://[::1]:1/'],
}


def end_of(visitor, rig, person, login_query):
    """Where the callback sends a visitor who began with this query."""
    authorize = visitor.follow(visitor.get(rig.url + '/weixin/login?' + login_query), until='/connect/oauth2/authorize')
    answer = visitor.get(visitor.agree_at(authorize, person))
    assert answer.status == 303 and len(answer.all('Location')) == 1
    return answer.location


def is_default(rig, location):
    return urljoin(rig.url, location) == rig.url + '/'


@pytest.mark.parametrize('case,target', [(case, target) for case, targets in EVIL.items() for target in targets])
def test_a_foreign_target_becomes_the_default_page(rig, visitor, case, target):
    """R01 R02 R03 R04 R06 R07 R08 R09 R11 R12 R13 R14 R20"""
    target = target.replace('{own}', urlsplit(rig.url).netloc)
    assert is_default(rig, end_of(visitor, rig, 'plain', 'next=' + quote(target, safe='')))


@pytest.mark.parametrize('target', ['%252f%252fevil.example', '%255cevil.example'])
def test_what_is_encoded_twice_stays_a_path_of_the_own_site(rig, visitor, target):
    """R05: decoded once only."""
    location = end_of(visitor, rig, 'plain', 'next=/' + target)
    assert urljoin(rig.url, location) == rig.url + '/' + target.replace('%25', '%')


@pytest.mark.parametrize('query,expected', [('next=/a&next=//evil.example', '/'), ('next=//evil.example&next=/a', '/'), ('NEXT=/a', '/'), ('next[]=/a', '/'), ('next=', '/')])
def test_an_ambiguous_target_never_wins(rig, visitor, query, expected):
    """R16"""
    page = visitor.get(rig.url + '/weixin/login?' + query)
    if page.status == 400:
        return
    authorize = visitor.follow(page, until='/connect/oauth2/authorize')
    location = visitor.get(visitor.agree_at(authorize, 'plain')).location
    assert urljoin(rig.url, location) == rig.url + expected


@pytest.mark.parametrize('query, end', [('next=/private/?x=1&scope=snsapi_base', '/private/?x=1&scope=snsapi_base'),
                                        ('next=/private/&scope=snsapi_base&handover=x', '/private/')])
def test_what_follows_an_unencoded_address_is_no_parameter_of_ours(rig, visitor, query, end):
    """R17: behind a bare '?' it is part of the address, as in next=$request_uri; behind a bare '&' it is nobody's."""
    authorize = visitor.follow(visitor.get(rig.url + '/weixin/login?' + query), until='/connect/oauth2/authorize')
    assert 'scope=snsapi_userinfo' in authorize
    assert visitor.get(visitor.agree_at(authorize, 'plain')).location.endswith(end)


def test_own_parameters_behind_an_encoded_address_count(rig, visitor):
    authorize = visitor.follow(visitor.get(rig.url + '/weixin/login?next=%2Fprivate%2F&scope=snsapi_base'), until='/connect/oauth2/authorize')
    assert 'scope=snsapi_base' in authorize


def test_the_page_behind_the_gate_keeps_its_ampersands(rig, visitor, person):
    """R17: reached through error_page, the original address is taken whole."""
    page = visitor.sign_in(person, '/private/?x=1&scope=evil&next=//evil.example')
    assert page.url == rig.url + '/private/?x=1&scope=evil&next=//evil.example'


@pytest.mark.parametrize('target', ['/a#@evil.example', '/a#wechat_redirect', '/a#//evil.example#x'])
def test_a_fragment_in_next_leaves_the_authorize_address_alone(rig, visitor, target):
    """R18"""
    page = visitor.get(rig.url + '/weixin/login?next=' + quote(target, safe=''))
    authorize = visitor.follow(page, until='/connect/oauth2/authorize')
    assert authorize.endswith('#wechat_redirect') and authorize.count('#') == 1
    location = visitor.get(visitor.agree_at(authorize, 'plain')).location
    assert browser_origin(rig.url, location) == rig.url


def test_listed_origins_are_reached_and_others_are_not(new_rig, person):
    """R08"""
    rig = new_rig({'account': {'allowed_origins': 'https://shop.example.com https://www.example.org:8443'}})
    ends = {target: end_of(Visitor(rig), rig, person, 'next=' + quote(target, safe='')) for target in
            ('https://shop.example.com/cart?x=1#y', 'https://www.example.org:8443/', 'https://www.example.org/', 'https://evil-shop.example.com/',
             'https://shop.example.com.evil.example/', 'https://shop.example.com./', 'http://shop.example.com/', 'https://shop.example.com:444/')}
    reached = {target for target, location in ends.items() if location == target}
    assert reached == {'https://shop.example.com/cart?x=1#y', 'https://www.example.org:8443/'}
    assert all(is_default(rig, location) for target, location in ends.items() if target not in reached)


def test_five_thousand_spellings_reach_no_foreign_origin(rig):
    """R21: signing out takes next through the same judge, one request each, through nginx."""
    connection = http.client.HTTPConnection('127.0.0.1', rig.port, timeout=20 * SLACK)
    foreign, count = [], 0
    for target in generated():
        connection.request('POST', '/weixin/logout', 'next=' + quote(target, safe=''),
                           {'Origin': rig.url, 'Content-Type': 'application/x-www-form-urlencoded', 'Accept': 'text/html'})
        answer = connection.getresponse()
        answer.read()
        count += 1
        if answer.status == 303 and browser_origin(rig.url, answer.getheader('Location')) != rig.url:
            foreign.append((target, answer.getheader('Location')))
        assert answer.status in (303, 400, 413), (target, answer.status)
    assert count >= 5000 and foreign == []
