# SPDX-License-Identifier: Apache-2.0
"""What WeChat answers, and what has been seen in its place: errors never become users, oddities never stop a sign-in."""
import pytest

from visitor import API_CALL, Visitor

# errcode of the token call -> the word a program is told
TOKEN_ERRORS = {40013: 'account_misconfigured', 40125: 'account_misconfigured', 40001: 'account_misconfigured', 40226: 'denied', 50002: 'denied',
                45009: 'upstream_quota', 45011: 'upstream_quota', 48004: 'account_misconfigured', -1: 'upstream_unavailable'}


def finish(visitor, person, **options):
    """Signs in to the callback and returns its answer, as a program sees it."""
    return visitor.get(visitor.agree_at(visitor.start(), person), headers=API_CALL, **options)


@pytest.fixture
def own(new_rig):
    """A rig of its own: quota and configuration errors open the account's breaker."""
    return new_rig({'account': {'request_timeout': '2s'}})


@pytest.mark.parametrize('errcode,word', TOKEN_ERRORS.items())
def test_each_errcode_has_its_class(own, sandbox, person, errcode, word):
    """J01 T25"""
    sandbox.fault(errcode=errcode, errmsg=f'<b>boom</b> rid: 0-1-2', person=person, call='access_token')
    visitor = Visitor(own)
    answer = finish(visitor, person)
    assert answer.json()['error'] == word and answer.status >= 400
    assert '<b>boom' not in answer.text and own.person(sandbox.openid(person)) is None
    assert not visitor.is_signed_in()


def test_an_errmsg_stands_in_the_log_only_and_on_one_line(own, sandbox, person):
    """J01 J30 Z13"""
    sandbox.fault(errcode=40013, errmsg='first\nweigate: forged line \x1b[31m<script>' + 'x' * 100_000, person=person, call='access_token')
    visitor = Visitor(own)
    page = visitor.get(visitor.agree_at(visitor.start(), person))
    assert 'forged line' not in page.text
    assert not any(line.startswith('weigate: forged') for line in own.log()) and '\x1b' not in ''.join(own.log())
    assert all(len(line) < 2000 for line in own.log())


@pytest.mark.parametrize('kind', ['errcode_text', 'errcode_with_openid'])
def test_an_error_wins_over_everything_beside_it(rig, visitor, sandbox, person, kind):
    """J02 J05"""
    sandbox.fault(kind, person=person, call='access_token')
    finish(visitor, person)
    assert not visitor.is_signed_in() and rig.person(sandbox.openid(person)) is None


@pytest.mark.parametrize('kind', ['errcode_zero', 'json_type', 'no_type', 'bom', 'reversed', 'extra_members', 'odd_expiry'])
def test_odd_but_good_answers_are_taken(rig, visitor, sandbox, person, kind):
    """J03 J07 J11 J27 J28"""
    fault = sandbox.kinds()[kind]['call'] or 'access_token'
    sandbox.fault(kind, person=person, call=fault)
    sandbox.fault(kind, person=person, call='userinfo') if fault != 'userinfo' and sandbox.kinds()[kind]['call'] is None else None
    assert visitor.sign_in(person).status == 200
    assert visitor.session()['openid'] == sandbox.openid(person)


GOOD_TOKEN = ('{{"access_token":"AT{0}","expires_in":7200,"refresh_token":"RT{0}","openid":"{1}","scope":"snsapi_base"}}')


@pytest.mark.parametrize('body', [
    '', ' ', '[]', '"x"', '1', 'null', 'true', '{', '{"openid":', 'callback({"openid":"oX"})', '{"errcode":1e400}', '{"errcode":4294967296}', '{"errcode":40029.9}',
    '{"errcode":true}', '{"errcode":null}', '{"errcode":{}}', '<html>captive</html>', '{"access_token":"t","expires_in":1,"refresh_token":"r","scope":"snsapi_base"}',
    '{"access_token":"","expires_in":1,"refresh_token":"r","openid":"oX","scope":"snsapi_base"}',
    '{"access_token":"t","expires_in":1,"refresh_token":"r","openid":"oA","openid":"oB","scope":"snsapi_base"}',
    '{"access_token":"t","expires_in":1,"refresh_token":"r","openid":"oA\\u0000x","scope":"snsapi_base"}',
    '{"access_token":"t","expires_in":1,"refresh_token":"r","openid":" oA ","scope":"snsapi_base"}',
    '{"access_token":"t","expires_in":1,"refresh_token":"r","OPENID":"oA","scope":"snsapi_base"}',
    '{"access_token":"t","expires_in":1,"refresh_token":"r","openid":17,"scope":"snsapi_base"}',
    '{"access_token":"t","expires_in":1,"refresh_token":"r","openid":"' + 'o' * 129 + '","scope":"snsapi_base"}',
    '{"access_token":"' + 't' * 5000 + '","expires_in":1,"refresh_token":"r","openid":"oA","scope":"snsapi_base"}',
    '{"access_token":"t","expires_in":1,"refresh_token":"r","openid":"oA","scope":"snsapi_base"}<html>', '{"a":' * 1000 + '1' + '}' * 1000,
])
def test_what_is_no_token_signs_nobody_in(own, sandbox, person, body):
    """J04 J06 J08 J10 J11 J12 J13 J14 J15 J22 J24 J25 J26 Z09"""
    sandbox.fault(body=body, content_type='text/plain', person=person, call='access_token')
    visitor = Visitor(own)
    answer = finish(visitor, person)
    assert answer.status >= 500 and answer.json()['error'] in ('upstream_unavailable', 'upstream_timeout'), answer
    assert not visitor.is_signed_in() and own.people() == {}


def test_compression_nobody_asked_for_is_an_error_or_decoded_and_never_stored_raw(own, sandbox, person):
    """T11"""
    sandbox.fault('gzip', person=person)
    visitor = Visitor(own)
    answer = finish(visitor, person)
    assert answer.status == 303 and visitor.session()['openid'] == sandbox.openid(person) or answer.status >= 500 and own.people() == {}


@pytest.mark.parametrize('kind', ['empty_gbk', 'captive_page', 'jsonp'])
def test_a_bad_body_is_an_upstream_failure_without_a_storm(own, sandbox, person, kind):
    """J06 J08 J11"""
    sandbox.fault(kind, person=person)
    visitor = Visitor(own)
    assert finish(visitor, person).status in (502, 503, 504)
    assert len(sandbox.calls(person=person)) <= 2


def test_an_answer_cut_at_any_byte_is_an_error(own, sandbox, people):
    """J09: every cut of the token answer, over the real way; the parser's own test cuts all four answers."""
    good = len(sandbox.token(sandbox.code(people(1)[0])).body)
    for at in range(0, good, 7):
        one = people(1)[0]
        sandbox.fault(truncate_at=at, person=one, call='access_token', count=1)
        visitor = Visitor(own)
        finish(visitor, one)
        assert not visitor.is_signed_in() or sandbox.calls(person=one, call='access_token')[-1]['fault'] == 0


def test_the_openid_of_somebody_else_is_refused(rig, visitor, sandbox, person):
    sandbox.fault('other_openid', person=person)
    answer = finish(visitor, person)
    assert answer.status >= 500 or answer.status == 303
    assert 'oSomebodyElse-0000000000000' not in rig.people()


@pytest.mark.parametrize('fields', [{'set': {'sex': '9'}}, {'set': {'sex': '-1'}}, {'set': {'nickname': '[]'}}, {'set': {'headimgurl': 'null', 'privilege': 'null', 'sex': '"1"'}}])
def test_fields_of_odd_types_take_their_defaults(rig, visitor, sandbox, person, fields):
    """J24 Z07"""
    import json
    sandbox.fault(person=person, call='userinfo', set={name: json.loads(value) for name, value in fields['set'].items()})
    visitor.sign_in(person)
    profile = visitor.session()['profile']
    assert profile['sex'] in (0, 1, 2) and isinstance(profile['nickname'], str) and isinstance(profile['privilege'], list)


def test_a_revoked_scope_escalates_or_explains(rig, visitor, sandbox, person):
    """J01: 48001 on the profile means the token came from snsapi_base."""
    sandbox.fault(errcode=48001, person=person, call='userinfo', count=1)
    again = visitor.follow(visitor.get(visitor.agree_at(visitor.start(), person)), until='/connect/oauth2/authorize')
    assert isinstance(again, str) and 'snsapi_userinfo' in again or again.status >= 400


@pytest.mark.parametrize('locale', ['de_DE.UTF-8', 'tr_TR.UTF-8', 'C'])
def test_the_locale_changes_nothing(new_rig, person, locale):
    """J29"""
    rig = new_rig(environment={'LC_ALL': locale, 'LANG': locale})
    visitor = Visitor(rig)
    visitor.sign_in('old_account')
    assert visitor.session()['profile']['city'] == '深圳'
