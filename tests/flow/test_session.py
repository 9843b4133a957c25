# SPDX-License-Identifier: Apache-2.0
"""The session cookie and the gate: yes only to a cookie that weigate made, for this site, still good."""
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import http.client
import re
import secrets

import pytest

import fastcgi
from rig import rss_kib, write_private
from visitor import API_CALL, Visitor
from wait import MEMORY_SLACK, SLACK, eventually


@pytest.fixture
def signed_in(visitor, person):
    visitor.sign_in(person)
    return visitor


@pytest.fixture
def auth(rig):
    """auth('name=value; …') -> status, over one kept connection."""
    with fastcgi.Client(rig.socket) as client:
        yield lambda cookie, **more: client.get('/weixin/auth', cookie=cookie, **more).status


def test_a_good_cookie_opens_the_gate(auth, signed_in):
    assert auth(f'weigate={signed_in.session_cookie.value}') == 204
    assert auth(f'theme=dark; weigate={signed_in.session_cookie.value}; lang=zh') == 204


def test_every_flipped_bit_is_a_401(auth, signed_in):
    """K01: bits that leave the alphabet and bits that stay in it."""
    good = signed_in.session_cookie.value
    for i in range(len(good)):
        for bit in range(8):
            changed = good[:i] + chr(ord(good[i]) ^ (1 << bit)) + good[i + 1:]
            assert auth('weigate=' + changed) in (401, 400), (i, bit)
    assert auth('weigate=' + good) == 204


def test_every_cut_and_every_extension_is_a_401(auth, signed_in):
    """K02"""
    good = signed_in.session_cookie.value
    wrong = [good[:n] for n in range(len(good))] + [good + end for end in ('A', '=', '==', '.', '~', 'A' * 100)] + ['A' + good, good * 2]
    assert {auth('weigate=' + one) for one in wrong} == {401}


def test_a_megabyte_of_cookie_is_refused_within_bounded_memory(rig):
    """K03"""
    before = [rss_kib(pid) for pid in rig.first.workers()]
    with fastcgi.Connection(rig.socket) as peer:
        try:
            peer.send(fastcgi.request('/weixin/auth', cookie='weigate=' + 'A' * 1_000_000))
            answer = peer.answer()
        except (BrokenPipeError, ConnectionResetError):
            answer = None
    assert answer is None or answer.status in (400, 401)
    assert all(new - old < 2048 * MEMORY_SLACK for old, new in zip(before, [rss_kib(pid) for pid in rig.first.workers()]))


def test_a_cookie_of_another_account_opens_nothing(new_rig, people):
    """K05: both accounts in one process, under the same keys."""
    rig = new_rig(shop=True)
    mine, theirs = people(2)
    main, shop = Visitor(rig), Visitor(rig)
    main.sign_in(mine)
    shop.sign_in(theirs, '/shop-private/')
    cookies = {name: f'{one.cookie("weigate").name}={one.cookie("weigate").value}' for name, one in (('main', main), ('shop', shop))}
    assert rig.ask('/weixin/auth', cookie=cookies['main']).status == 204
    assert rig.ask('/shop/auth', cookie=cookies['shop']).status == 204
    value = {name: cookie.split('=', 1)[1] for name, cookie in cookies.items()}
    names = {name: cookie.split('=', 1)[0] for name, cookie in cookies.items()}
    assert rig.ask('/shop/auth', cookie=f'{names["shop"]}={value["main"]}').status == 401
    assert rig.ask('/weixin/auth', cookie=f'{names["main"]}={value["shop"]}').status == 401


def test_unknown_empty_and_retired_keys_are_a_401(auth, rig, signed_in):
    """K06: the key's id stands in front of the sealed text."""
    good = signed_in.session_cookie.value
    assert auth('weigate=' + 'AAAAAA' + good[6:]) == 401
    assert auth('weigate=' + good[6:]) == 401
    assert auth('weigate=') == 401


def test_an_ambiguous_cookie_is_a_401(auth, rig, people):
    """K07: nobody is chosen."""
    values = []
    for one in people(2):
        visitor = Visitor(rig)
        visitor.sign_in(one)
        values.append(visitor.session_cookie.value)
    first, second = values
    assert auth(f'weigate={first}; weigate={second}') == 401
    assert auth(f'weigate={first}; weigate=junk') == 401
    assert auth(f'weigate=junk; weigate={first}') == 401
    assert auth(f'weigate={first}') == 204


@pytest.mark.parametrize('form', ['=weigate={}', '=__Host-weigate={}', '__host-weigate={}', 'WEIGATE={}', 'weigate ={}', 'weigate="{}"', 'weigate2={}', 'xweigate={}',
                                  'weigate%20={}', '$weigate={}', 'weigate[]={}'])
def test_only_the_exact_name_and_a_bare_value_count(auth, signed_in, form):
    """K09"""
    assert auth(form.format(signed_in.session_cookie.value)) == 401


@pytest.mark.parametrize('cookie', [';', ',', '   ', ';' * 500, '=;' * 500, ' ; ' * 100, 'weigate', 'weigate;', ';=;weigate;='])
def test_cookie_headers_of_separators_are_a_401(auth, cookie):
    """K10"""
    assert auth(cookie) == 401


def test_the_cookies_attributes_on_https(new_rig, person):
    """K12: in full, in a real browser's terms, through TLS."""
    rig = new_rig(tls=True)
    visitor = Visitor(rig)
    answer = visitor.get(visitor.agree_at(visitor.start(), person))
    line = next(line for line in answer.all('Set-Cookie') if line.startswith('__Host-weigate='))
    attributes = {part.strip().lower() for part in line.split(';')[1:]}
    assert {'secure', 'httponly', 'samesite=lax', 'path=/'} <= attributes and not any(part.startswith('domain') for part in attributes)
    assert len(line) <= 4096 and sum(len(name) + len(value) + 4 for name, value in answer.headers) <= 3584
    assert visitor.follow(answer).status == 200 and visitor.is_signed_in()


def test_a_long_nickname_does_not_lengthen_the_cookie(rig, new_visitor, person):
    """K13"""
    plain, long = Visitor(rig), Visitor(rig)
    plain.sign_in(person)
    long.sign_in('emoji200')
    assert len(long.session_cookie.value) <= len(plain.session_cookie.value) + 1100


def test_a_session_ends_when_its_time_is_up(new_rig, person):
    """K14: in real seconds; the edges to the microsecond are unit tests with the clock held."""
    rig = new_rig({'session': {'lifetime': '2s', 'idle': '2s'}})
    visitor = Visitor(rig)
    visitor.sign_in(person)
    assert visitor.is_signed_in()
    eventually(lambda: not visitor.is_signed_in(), seconds=4)
    assert visitor.get(rig.url + '/private/').status == 302


def test_after_signing_out_the_saved_cookie_is_dead_everywhere(new_rig, person):
    """K15: two instances with two workers each; within 5 s."""
    rig = new_rig(instances=2)
    visitor = Visitor(rig)
    visitor.sign_in(person)
    saved = f'weigate={visitor.session_cookie.value}'
    answer = visitor.get(rig.url + '/weixin/logout', method='POST', body='', headers={'Origin': rig.url})
    assert any(line.startswith('weigate=;') and 'Max-Age=0' in line for line in answer.all('Set-Cookie'))

    def is_dead_everywhere():
        return all(instance.ask('/weixin/auth', cookie=saved).status == 401 for instance in rig.instances for _ in range(8))
    eventually(is_dead_everywhere, seconds=5)


@pytest.mark.parametrize('headers', [{'Sec-Fetch-Site': 'cross-site', 'Origin': 'https://evil.example'}, {'Origin': 'null'}, {'Origin': 'https://evil.example', 'Sec-Fetch-Site': None},
                                     {'Referer': 'https://evil.example/', 'Sec-Fetch-Site': None}])
def test_another_site_cannot_sign_somebody_out(rig, signed_in, headers):
    """K16"""
    answer = signed_in.get(rig.url + '/weixin/logout', method='POST', body='', headers=headers)
    assert answer.status in (400, 403)
    assert signed_in.is_signed_in()


def test_the_own_pages_form_counts_as_ours_although_its_origin_is_null(rig, signed_in):
    """K16: a page under no-referrer sends "Origin: null"; Sec-Fetch-Site tells the truth."""
    answer = signed_in.get(rig.url + '/weixin/logout', method='POST', body='', headers={'Origin': 'null', 'Sec-Fetch-Site': 'same-origin'})
    assert answer.status == 303 and not signed_in.is_signed_in()


def test_an_image_tag_cannot_sign_somebody_out(rig, signed_in):
    """K16"""
    assert signed_in.get(rig.url + '/weixin/logout', headers={'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors'}).status == 405
    assert signed_in.is_signed_in()


def test_a_rotation_signs_nobody_out_and_seals_anew(new_rig, people):
    """K18: an older key opens, and the cookie is sealed anew with the newest."""
    rig = new_rig()
    visitor = Visitor(rig)
    visitor.sign_in(people(1)[0])
    new_key = secrets.token_hex(32)
    rig.known_secrets.add(new_key)
    write_private(rig.dir / 'keys', f'{new_key}\n{rig.keys[0]}\n')
    rig.reload()
    old = visitor.session_cookie.value
    assert visitor.get(rig.url + '/private/').status == 200
    assert visitor.session_cookie.value != old
    write_private(rig.dir / 'keys', f'{new_key}\n')
    rig.reload()
    assert visitor.is_signed_in()


@pytest.mark.parametrize('header', ['X-Forwarded-Uri', 'X-Original-URI', 'X-Original-URL', 'X-Rewrite-URL', 'X-Original-Method', 'X-Forwarded-For', 'X-Real-IP'])
def test_forged_forwarding_headers_open_nothing(rig, visitor, header):
    """K20"""
    answer = visitor.get(rig.url + '/private/', headers={header: '/weixin/status/live'})
    assert answer.status == 302 and 'the protected page' not in answer.text
    assert rig.ask('/weixin/auth', **{'HTTP_' + header.upper().replace('-', '_'): '/'}).status == 401


@pytest.mark.parametrize('path', ['/private/?x=/public', '/private/%23/public', '/public/../private/', '/private%2findex.html', '//private/', '/./private/', '/private/./',
                                  '/public%2f..%2fprivate/', '/private//index.html', '/PRIVATE/../private/', '/private/index.html/', '/x/..%2fprivate/'])
def test_odd_spellings_do_not_get_around_the_gate(rig, visitor, path):
    """K21: weigate has no list of public paths; nginx decides which location is asked."""
    answer = visitor.get(rig.url + path)
    assert answer.status != 200 and 'the protected page' not in answer.text


@pytest.mark.parametrize('method', ['OPTIONS', 'HEAD', 'PROPFIND', 'POST', 'PUT', 'TRACE'])
def test_odd_methods_do_not_get_around_the_gate(rig, visitor, method):
    """K23"""
    answer = visitor.get(rig.url + '/private/', method=method)
    assert answer.status != 200 and 'the protected page' not in answer.text


def test_an_upgrade_does_not_get_around_the_gate(rig, visitor):
    """K23"""
    answer = visitor.get(rig.url + '/private/', headers={'Upgrade': 'websocket', 'Connection': 'Upgrade', 'X-Weigate-Openid': 'oForged'})
    assert answer.status == 302


def test_the_auth_endpoint_answers_only_what_nginx_understands(rig):
    """K24: malformed requests by the thousand."""
    statuses = set()
    client = fastcgi.Client(rig.socket)
    values = ['', 'weigate=', 'weigate=' + 'A' * 300, '\xff' * 20, 'weigate=A\x01', '"', 'weigate=A' * 50, 'a=b; ' * 200]
    shapes = [{}, {'method': 'POST'}, {'method': 'X'}, {'REQUEST_METHOD': None}, {'QUERY_STRING': None}, {'CONTENT_LENGTH': '-1'}, {'method': 'POST', 'body': b'x' * 1000},
              {'PATH_INFO': '/'}, {'REQUEST_URI': '\x00'}, {'query': 'x=\xff&' * 20}, {'HTTP_ACCEPT': '*' * 1000}, {'REQUEST_URI': None}]
    for n in range(10_000 // SLACK):
        client.send(fastcgi.request('/weixin/auth', cookie=values[n % len(values)], **shapes[n // len(values) % len(shapes)]))
        answer = client.answer()
        if answer is None:
            client = fastcgi.Client(rig.socket)
            continue
        statuses.add(answer.status)
    assert statuses <= {204, 401, 403, 503}, statuses
    client.socket.close()


@pytest.mark.parametrize('path', ['/weixin/session', '/weixin/login', '/weixin/callback', '/weixin/auth', '/weixin/nothing'])
def test_answers_forbid_caching(rig, signed_in, path):
    """K25"""
    for cookie in ('', f'weigate={signed_in.session_cookie.value}'):
        assert 'no-store' in rig.ask(path, cookie=cookie).header('Cache-Control')


def test_a_cache_in_front_mixes_nobody_up(new_rig, people):
    """K25: nginx told to cache what it may."""
    cache = 'fastcgi_cache_path {dir}/cache levels=1 keys_zone=z:1m; fastcgi_cache z; fastcgi_cache_key $request_uri; fastcgi_cache_valid any 1m;'
    rig = new_rig(http=cache)
    seen = []
    for one in people(2):
        visitor = Visitor(rig)
        visitor.sign_in(one)
        seen.append((rig.sandbox.openid(one), visitor.session()['openid']))
        assert Visitor(rig).session() is None
    assert all(expected == actual for expected, actual in seen)


def test_sessions_are_judged_with_the_store_away(new_rig, person):
    """K26"""
    rig = new_rig()
    visitor = Visitor(rig)
    visitor.sign_in(person)
    for path in rig.store_path.parent.iterdir():
        path.rename(path.with_suffix(path.suffix + '.away'))
    rig.store_path.mkdir()
    assert all(visitor.get(rig.url + '/private/').status == 200 for _ in range(20))


@pytest.mark.parametrize('text', ['<script>alert(1)</script>', '</pre><script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'--><svg/onload=alert(1)>"])
def test_pages_escape_what_they_show_and_forbid_the_rest(rig, visitor, text):
    """K29 J30"""
    for path in ('/weixin/callback?error=' + quote(text) + '&state=' + quote(text), '/weixin/login?next=' + quote(text), '/weixin/' + quote(text, safe='')):
        page = Visitor(rig, agent='Desktop').get(rig.url + path)
        assert text not in page.text and '<script>alert' not in page.text and 'onerror=' not in re.sub(r'&quot;.*?&gt;', '', page.text)
        if 'text/html' in (page.header('Content-Type') or '') and page.header('Content-Security-Policy'):
            assert "default-src 'none'" in page.header('Content-Security-Policy')
            assert page.header('X-Frame-Options') == 'DENY' and page.header('X-Content-Type-Options') == 'nosniff'


def test_every_page_of_ours_has_its_policy(rig, visitor):
    """K29"""
    for path in ('/weixin/callback', '/weixin/nothing'):
        page = visitor.get(rig.url + path)
        assert page.header('Content-Security-Policy') and page.header('X-Frame-Options') == 'DENY'
        assert not re.search(r'(src|href)="https?://(?!127\.0\.0\.1)', page.text)


def test_a_worker_without_the_others_key_file_permissions_refuses(new_rig):
    """The keys file readable by others is refused with its name."""
    rig = new_rig(start=False)
    (rig.dir / 'keys').chmod(0o644)
    rig.first.write_conf()
    run = rig.weigate('-t')
    assert run.returncode != 0 and 'keys' in run.stderr and '644' in run.stderr


def test_a_thousand_checks_in_parallel_agree(rig, signed_in):
    """Both workers judge alike."""
    def check(_):
        connection = http.client.HTTPConnection('127.0.0.1', rig.port, timeout=20 * SLACK)
        connection.request('GET', '/private/', headers={'Cookie': f'weigate={signed_in.session_cookie.value}'})
        return connection.getresponse().status
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(check, range(1000 // SLACK))) == {200}


def test_signing_out_needs_no_session(rig, visitor):
    answer = visitor.get(rig.url + '/weixin/session', method='DELETE', headers={**API_CALL, 'Origin': rig.url})
    assert answer.status in (204, 401)
