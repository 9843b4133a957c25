# SPDX-License-Identifier: Apache-2.0
"""What weigate-sandbox promises, one behaviour a test. WEIGATE_SANDBOX names the built program."""
import gzip
import http.client
import json
import os
import re
import socket
import subprocess
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox import APPID, SECRET, WEBSITE_APPID, WEBSITE_SECRET, Sandbox, SandboxError

BINARY = os.environ.get("WEIGATE_SANDBOX", "./weigate-sandbox")
CALLBACK = "http://127.0.0.1:8080/weixin/callback"


@pytest.fixture(scope="module")
def running():
    with Sandbox(BINARY, seed=7) as started:
        yield started
        assert started.stop() == 0


@pytest.fixture
def wechat(running):
    running.reset()
    return running


def sign_in(wechat, person="plain", scope="snsapi_userinfo"):
    """The token answer of a person who has just agreed."""
    return wechat.token(wechat.mint_code(person, scope)).json()


def callback_query(reply):
    """The parameters that a redirect brings back."""
    assert reply.status == 302, reply.text
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(reply.headers["Location"]).query))


def errcode(reply):
    assert reply.status == 200 and reply.headers["Content-Type"] == "text/plain"
    return reply.json()["errcode"]


def problem(reply):
    """The number on WeChat's page of complaint."""
    assert reply.status == 200
    return int(re.search(r"id=errcode>(\d+)<", reply.text).group(1))


# --- code to token ------------------------------------------------------------------------------------------------------------

def test_code_becomes_token_in_wechats_order(wechat):
    reply = wechat.token(wechat.mint_code())
    assert reply.headers["Content-Type"] == "text/plain"
    assert list(reply.json()) == ["access_token", "expires_in", "refresh_token", "openid", "scope", "unionid"]


def test_token_answer_tells_lifetime_scope_and_the_openid_of_the_list(wechat):
    token, plain = sign_in(wechat), wechat.person("plain")
    assert token["expires_in"] == 7200 and token["scope"] == "snsapi_userinfo"
    assert token["openid"] == plain["openids"][APPID] and token["unionid"] == plain["unionid"]


def test_openid_has_wechats_form(wechat):
    assert all(re.fullmatch(r"o[0-9A-Za-z_-]{27}", openid) for p in wechat.people().values() for openid in p["openids"].values())


def test_code_works_once(wechat):
    code = wechat.mint_code()
    wechat.token(code)
    assert errcode(wechat.token(code)) == 40163


def test_one_of_many_simultaneous_exchanges_wins(wechat):
    code = wechat.mint_code()
    with ThreadPoolExecutor(16) as pool:
        answers = [reply.json() for reply in pool.map(lambda _: wechat.token(code), range(32))]
    assert sum("openid" in answer for answer in answers) == 1
    assert sum(answer.get("errcode") == 40163 for answer in answers) == 31


@pytest.mark.parametrize("code", ["x", "0" * 32, "0" * 5000, "%", "é"])
def test_unknown_code_is_invalid(wechat, code):
    assert errcode(wechat.token(code)) == 40029


def test_changed_case_of_a_code_is_invalid(wechat):
    assert errcode(wechat.token(wechat.mint_code().swapcase())) == 40029


def test_code_of_another_account_is_invalid_and_stays_unused(wechat):
    code = wechat.mint_code(appid=WEBSITE_APPID, scope="snsapi_login")
    assert errcode(wechat.token(code)) == 40029
    assert "openid" in wechat.token(code, appid=WEBSITE_APPID, secret=WEBSITE_SECRET).json()


def test_code_lives_five_minutes(wechat):
    young, old = wechat.mint_code(), wechat.mint_code()
    wechat.advance_clock(299)
    assert "openid" in wechat.token(young).json()
    wechat.advance_clock(1)
    assert errcode(wechat.token(old)) == 42003


def test_qrconnect_code_lives_ten_minutes(wechat):
    code = wechat.mint_code(appid=WEBSITE_APPID, scope="snsapi_login")
    wechat.advance_clock(599)
    assert wechat.token(code, appid=WEBSITE_APPID, secret=WEBSITE_SECRET).json()["scope"] == "snsapi_login"


@pytest.mark.parametrize("changes, expected", [
    ({"appid": None}, 41002), ({"secret": None}, 41004), ({"code": None}, 41008), ({"grant_type": None}, 40002),
    ({"grant_type": "refresh_token"}, 40002), ({"appid": "wx1111111111111111"}, 40013), ({"secret": "wrong"}, 40125),
    ({"secret": WEBSITE_SECRET}, 40001)])
def test_wrong_token_request_has_its_errcode_and_uses_no_code(wechat, changes, expected):
    code = wechat.mint_code()
    assert errcode(wechat.token(**{"code": code, **changes})) == expected
    assert "openid" in wechat.token(code).json()


def test_errmsg_carries_a_rid(wechat):
    assert re.fullmatch(r"invalid code, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", wechat.token("x").json()["errmsg"])


def test_post_is_refused_as_wechat_does(wechat):
    assert errcode(wechat.request("POST", "/sns/userinfo?access_token=x&openid=y", "")) == 43001


def test_base_scope_has_no_unionid(wechat):
    assert "unionid" not in sign_in(wechat, scope="snsapi_base")


# --- refresh, userinfo, auth --------------------------------------------------------------------------------------------------

def test_refresh_prolongs_a_valid_token_and_keeps_both(wechat):
    token = sign_in(wechat)
    wechat.advance_clock(7000)
    again = wechat.refresh(token["refresh_token"]).json()
    assert list(again) == ["access_token", "expires_in", "refresh_token", "openid", "scope"]
    assert (again["access_token"], again["refresh_token"]) == (token["access_token"], token["refresh_token"])
    wechat.advance_clock(7000)
    assert errcode(wechat.auth(token["access_token"], token["openid"])) == 0


def test_refresh_replaces_an_expired_token(wechat):
    token = sign_in(wechat)
    wechat.advance_clock(7200)
    assert errcode(wechat.userinfo(token["access_token"], token["openid"])) == 42001
    again = wechat.refresh(token["refresh_token"]).json()
    assert again["access_token"] != token["access_token"] and again["refresh_token"] == token["refresh_token"]
    assert errcode(wechat.userinfo(token["access_token"], token["openid"])) == 40001
    assert "nickname" in wechat.userinfo(again["access_token"], token["openid"]).json()


def test_refresh_token_lives_thirty_days(wechat):
    token = sign_in(wechat)
    wechat.advance_clock(30 * 86400)
    assert errcode(wechat.refresh(token["refresh_token"])) == 42002


@pytest.mark.parametrize("changes, expected", [
    ({"appid": None}, 41002), ({"refresh_token": None}, 41003), ({"grant_type": "x"}, 40002), ({"appid": "wx1"}, 40013),
    ({"refresh_token": "x"}, 40030), ({"appid": WEBSITE_APPID}, 40030)])
def test_wrong_refresh_request_has_its_errcode(wechat, changes, expected):
    token = sign_in(wechat)["refresh_token"]
    assert errcode(wechat.refresh(**{"refresh_token": token, **changes})) == expected


def test_access_token_is_no_refresh_token(wechat):
    assert errcode(wechat.refresh(sign_in(wechat)["access_token"])) == 40030


def test_userinfo_is_that_of_today(wechat):
    token = sign_in(wechat)
    profile = wechat.userinfo(token["access_token"], token["openid"]).json()
    assert profile["nickname"] == "李平" and profile["sex"] == 0 and profile["privilege"] == []
    assert profile["city"] == profile["province"] == profile["country"] == ""
    assert profile["openid"] == token["openid"] and profile["unionid"] == token["unionid"]


def test_slashes_of_the_picture_arrive_escaped_and_the_picture_is_there(wechat):
    token = sign_in(wechat)
    reply = wechat.userinfo(token["access_token"], token["openid"])
    assert rb'"headimgurl":"http:\/\/127.0.0.1' in reply.body
    path = urllib.parse.urlsplit(reply.json()["headimgurl"]).path
    assert path.endswith("/132") and wechat.get(path).headers["Content-Type"] == "image/svg+xml"


def test_userinfo_with_a_base_token_is_unauthorized(wechat):
    token = sign_in(wechat, scope="snsapi_base")
    assert errcode(wechat.userinfo(token["access_token"], token["openid"])) == 48001


@pytest.mark.parametrize("call", ["userinfo", "auth"])
def test_token_and_openid_must_belong_together(wechat, call):
    token, other = sign_in(wechat), sign_in(wechat, "second")
    ask = getattr(wechat, call)
    assert errcode(ask(token["access_token"], other["openid"])) == 40003
    assert errcode(ask("x", token["openid"])) == 40014
    assert errcode(ask(token["access_token"][:-1] + "~", token["openid"])) == 40001
    assert errcode(ask("", token["openid"])) == 41001
    assert errcode(ask(token["access_token"], "")) == 41009


def test_auth_says_ok(wechat):
    token = sign_in(wechat)
    assert wechat.auth(token["access_token"], token["openid"]).json() == {"errcode": 0, "errmsg": "ok"}


# --- virtual people -----------------------------------------------------------------------------------------------------------

def nickname_bytes(wechat, person):
    token = sign_in(wechat, person)
    body = wechat.userinfo(token["access_token"], token["openid"]).body
    return body.split(b'"nickname":"')[1].split(b'","sex"')[0]


def test_nicknames_are_sent_as_bytes_nobody_repaired(wechat):
    assert nickname_bytes(wechat, "control_bytes") == b"A\x14B\x07C"
    assert b"\\ud83d and" in nickname_bytes(wechat, "lone_surrogate")
    assert b"\xc0\x80" in nickname_bytes(wechat, "ill_formed")
    assert nickname_bytes(wechat, "empty") == b""
    assert "\u202e" in nickname_bytes(wechat, "right_to_left").decode()


def test_long_nicknames_have_their_length(wechat):
    assert len(nickname_bytes(wechat, "long64").decode()) == 64
    assert len(nickname_bytes(wechat, "emoji200")) == 800
    assert nickname_bytes(wechat, "combining").decode().count("\u0301") == 1000


def test_region_may_be_gbk(wechat):
    token = sign_in(wechat, "gbk_city")
    body = wechat.userinfo(token["access_token"], token["openid"]).body
    assert b'"province":"' + "广东".encode("gbk") + b'"' in body


@pytest.mark.parametrize("lang, expected", [("zh_CN", ("zh_CN", "广东", "中国")), ("zh_TW", ("zh_TW", "廣東", "中国")),
                                            ("en", ("en", "Guangdong", "China"))])
def test_old_account_tells_its_region_in_the_language_asked_for(wechat, lang, expected):
    token = sign_in(wechat, "old_account")
    profile = wechat.userinfo(token["access_token"], token["openid"], lang).json()
    assert (profile["language"], profile["province"], profile["country"]) == expected and profile["sex"] == 1


def test_snapshot_visitor_is_virtual_with_userinfo_only(wechat):
    person, full, base = wechat.person("snapshot"), sign_in(wechat, "snapshot"), sign_in(wechat, "snapshot", "snsapi_base")
    assert full["is_snapshotuser"] == 1 and full["openid"] == person["snapshot_openids"][APPID]
    assert full["unionid"] != person["unionid"]
    assert "is_snapshotuser" not in base and base["openid"] == person["openids"][APPID]


def test_flag_of_snapshots_is_absent_for_others(wechat):
    assert "is_snapshotuser" not in sign_in(wechat)


def test_unionid_comes_with_the_second_sign_in(wechat):
    assert "unionid" not in sign_in(wechat, "unionid_later")
    assert sign_in(wechat, "unionid_later")["unionid"] == wechat.person("unionid_later")["unionid"]


def test_some_never_have_a_unionid(wechat):
    token = sign_in(wechat, "no_unionid")
    assert "unionid" not in token and "unionid" not in wechat.userinfo(token["access_token"], token["openid"]).json()


@pytest.mark.parametrize("person, expected", [("frozen", 50002), ("high_risk", 40226)])
def test_blocked_people_get_no_token(wechat, person, expected):
    assert sign_in(wechat, person)["errcode"] == expected


def test_changed_password_voids_both_tokens_at_the_first_refresh(wechat):
    token = sign_in(wechat, "password_changed")
    assert "nickname" in wechat.userinfo(token["access_token"], token["openid"]).json()
    assert errcode(wechat.refresh(token["refresh_token"])) == 42007
    assert errcode(wechat.userinfo(token["access_token"], token["openid"])) == 42007


def test_generated_people_are_distinct_and_stable(wechat):
    codes = wechat.mint_codes(50, "p000101")
    openids = [wechat.token(code).json()["openid"] for code in codes]
    assert len(set(openids)) == 50 and openids[6] == wechat.openid("p107")
    assert wechat.person("p107")["id"] == "p000107" and wechat.person("p123456789")["id"] == "p123456789"


@pytest.mark.parametrize("person", ["p", "p0123456789", "p-1", "nobody", "P1", ""])
def test_there_are_no_other_people(wechat, person):
    with pytest.raises(SandboxError):
        wechat.mint_code(person)


# --- authorize ----------------------------------------------------------------------------------------------------------------

def test_base_scope_goes_back_at_once(wechat):
    query = callback_query(wechat.get(wechat.authorize_url(CALLBACK, "snsapi_base", "abc")))
    assert list(query) == ["code", "state"] and query["state"] == "abc"
    assert wechat.token(query["code"]).json()["openid"] == wechat.openid("plain")


def test_callback_keeps_query_and_fragment(wechat):
    reply = wechat.get(wechat.authorize_url("https://localhost/cb?x=1#part", "snsapi_base"))
    assert re.fullmatch(r"https://localhost/cb\?x=1&code=\w{32}&state=state1#part", reply.headers["Location"])


def test_browser_is_asked_for_the_profile(wechat):
    reply = wechat.get(wechat.authorize_url(CALLBACK))
    assert reply.status == 200 and reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert all(mark in reply.text for mark in ("id=agree", "id=decline", "id=person", 'value="emoji"', "wechat_redirect"))


def test_page_speaks_chinese_and_english(wechat):
    path = wechat.authorize_url(CALLBACK)
    assert "允许" in wechat.get(path, {"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert "Agree" in wechat.get(path, {"Accept-Language": "en"}).text


def test_pages_load_nothing_from_elsewhere(wechat):
    for path in (wechat.authorize_url(CALLBACK), "/sandbox/", "/connect/oauth2/authorize"):
        reply = wechat.get(path)
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert not re.search(r"(src|href)=[\"']?(https?:)?//", reply.text)


def test_button_agree_brings_a_code_of_the_chosen_person(wechat):
    link = wechat.authorize_url(CALLBACK).split("?", 1)[1]
    reply = wechat.get("/connect/confirm", page="authorize", link=link, person="emoji", answer="agree")
    assert wechat.token(callback_query(reply)["code"]).json()["openid"] == wechat.openid("emoji")


def test_button_decline_brings_the_state_only(wechat):
    link = wechat.authorize_url(CALLBACK, state="s9").split("?", 1)[1]
    reply = wechat.get("/connect/confirm", page="authorize", link=link, person="emoji", answer="decline")
    assert callback_query(reply) == {"state": "s9"}


def test_person_is_remembered_for_the_next_page(wechat):
    path = wechat.authorize_url(CALLBACK)
    reply = wechat.get("/connect/confirm", page="authorize", link=path.split("?", 1)[1], person="html", answer="agree")
    again = wechat.get(path, {"Cookie": reply.headers["Set-Cookie"].split(";")[0]}).text
    assert re.search(r'value="html"[^>]* selected>', again)


def test_cookies_steer_one_client(wechat):
    headers = {"Cookie": "sandbox_person=p000042; sandbox_answer=agree"}
    code = callback_query(wechat.get(wechat.authorize_url(CALLBACK), headers))["code"]
    assert wechat.token(code).json()["openid"] == wechat.openid("p42")


def test_next_steers_everybody_until_changed(wechat):
    wechat.next_person("sql")
    for _ in range(3):
        code = callback_query(wechat.get(wechat.authorize_url(CALLBACK)))["code"]
        assert wechat.token(code).json()["openid"] == wechat.openid("sql")
    wechat.clear_next()
    assert wechat.get(wechat.authorize_url(CALLBACK)).status == 200


def test_next_can_be_counted(wechat):
    wechat.next_person("sql", count=1)
    assert wechat.get(wechat.authorize_url(CALLBACK)).status == 302
    assert wechat.get(wechat.authorize_url(CALLBACK)).status == 200


def test_cookie_wins_over_next(wechat):
    wechat.next_person("sql")
    code = callback_query(wechat.get(wechat.authorize_url(CALLBACK, "snsapi_base"), {"Cookie": "sandbox_person=html"}))["code"]
    assert wechat.token(code).json()["openid"] == wechat.openid("html")


def test_ways_to_refuse(wechat):
    path = wechat.authorize_url(CALLBACK, state="s1")
    wechat.next_person(answer="decline")
    assert callback_query(wechat.get(path)) == {"state": "s1"}
    wechat.next_person(answer="authdeny")
    assert callback_query(wechat.get(path)) == {"code": "authdeny", "state": "s1"}
    wechat.next_person(answer="close")
    assert "id=closed" in wechat.get(path).text


def link(**changes):
    """An authorize query from parts, in WeChat's order; None leaves one out."""
    parts = {"appid": APPID, "redirect_uri": urllib.parse.quote(CALLBACK, safe=""), "response_type": "code",
             "scope": "snsapi_base", "state": "s", **changes}
    return "/connect/oauth2/authorize?" + "&".join(f"{k}={v}" for k, v in parts.items() if v is not None)


@pytest.mark.parametrize("changes, expected", [
    ({"appid": None}, 10012), ({"appid": ""}, 10012), ({"appid": "wx1"}, 10005), ({"appid": WEBSITE_APPID}, 10016),
    ({"redirect_uri": None}, 10011), ({"redirect_uri": ""}, 10011), ({"redirect_uri": CALLBACK}, 10038),
    ({"redirect_uri": "https%253A%252F%252F127.0.0.1"}, 10003), ({"redirect_uri": "https%3A%2F%2Fevil.example%2F"}, 10003),
    ({"redirect_uri": "https%3A%2F%2F127.0.0.1.evil.example%2F"}, 10003), ({"redirect_uri": "ftp%3A%2F%2F127.0.0.1"}, 10003),
    ({"redirect_uri": "http%3A%2F%2F127.0.0.1%0D%0AX%3A1"}, 10038), ({"redirect_uri": "%zz"}, 10038),
    ({"response_type": None}, 10038), ({"response_type": "token"}, 10038), ({"scope": None}, 10010), ({"scope": ""}, 10010),
    ({"scope": "snsapi_login"}, 10005), ({"scope": "snsapi_base,snsapi_userinfo"}, 10005), ({"state": ""}, 10013),
    ({"state": "a-b"}, 10013), ({"state": "a" * 129}, 10013), ({"state": "s", "unknown": "1"}, 10038)])
def test_bad_link_is_complained_about(wechat, changes, expected):
    assert problem(wechat.get(link(**changes))) == expected


@pytest.mark.parametrize("changes", [{"state": None}, {"state": "a" * 128}, {"forcePopup": "true"}, {"connect_redirect": "1"}])
def test_good_link_is_taken(wechat, changes):
    assert wechat.get(link(**changes)).status == 302


def test_order_and_letter_case_are_enforced(wechat):
    good = link().split("?")[1].split("&")
    for order in ([1, 0, 2, 3, 4], [0, 1, 3, 2, 4], [0, 1, 2, 4, 3]):
        assert problem(wechat.get("/connect/oauth2/authorize?" + "&".join(good[i] for i in order))) == 10038
    assert problem(wechat.get(link().replace("scope=", "Scope="))) == 10038


def test_state_is_optional_and_then_not_returned(wechat):
    assert list(callback_query(wechat.get(link(state=None)))) == ["code"]


def test_head_mints_no_code(wechat):
    wechat.request("HEAD", link())
    assert wechat.counts()["codes_minted"] == 0


def test_qrconnect_signs_in_to_a_website(wechat):
    wechat.next_person("emoji")
    query = link(appid=WEBSITE_APPID, scope="snsapi_login").split("?")[1]
    code = callback_query(wechat.get("/connect/qrconnect?" + query))["code"]
    token = wechat.token(code, appid=WEBSITE_APPID, secret=WEBSITE_SECRET).json()
    assert token["openid"] == wechat.openid("emoji", WEBSITE_APPID) != wechat.openid("emoji")
    assert token["unionid"] == wechat.person("emoji")["unionid"]


def test_qrconnect_never_comes_back_when_declined(wechat):
    wechat.next_person("emoji", "decline")
    assert wechat.get("/connect/qrconnect?" + link(appid=WEBSITE_APPID, scope="snsapi_login").split("?")[1]).status == 200


def test_qrconnect_wants_a_website_account(wechat):
    assert problem(wechat.get("/connect/qrconnect?" + link(scope="snsapi_login").split("?")[1])) == 10005


def test_named_callback_hosts_are_exact():
    with Sandbox(BINARY, redirect_host="www.example.com,127.0.0.1:8080", quiet=True) as wechat:
        for address, expected in (("https://www.example.com/cb", 302), ("https://WWW.example.com", 302), ("http://127.0.0.1:8080/", 302),
                                  ("https://example.com/cb", 200), ("https://www.example.com:8443/cb", 200),
                                  ("https://www.example.com.evil/", 200), ("https://a@www.example.com/", 200), ("http://127.0.0.1/", 200)):
            assert wechat.get(wechat.authorize_url(address, "snsapi_base")).status == expected, address


# --- faults -------------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("code", [-1, 40001, 45009, 45011, 48004, 50002])
def test_any_errcode_can_be_asked_for(wechat, code):
    wechat.fault(errcode=code)
    assert errcode(wechat.token(wechat.mint_code())) == code


def test_busy_leaves_the_code_unused(wechat):
    code = wechat.mint_code()
    wechat.fault("busy", call="access_token", count=2)
    assert [wechat.token(code).json().get("errcode") for _ in range(3)] == [-1, -1, None]


def test_consumed_code_is_used_although_the_answer_was_an_error(wechat):
    code = wechat.mint_code()
    wechat.fault(errcode=-1, consume=True, count=1)
    assert errcode(wechat.token(code)) == -1
    assert errcode(wechat.token(code)) == 40163


def test_lost_answer_uses_the_code(wechat):
    code = wechat.mint_code()
    wechat.fault("closed", count=1)
    with pytest.raises(http.client.RemoteDisconnected):
        wechat.token(code)
    assert errcode(wechat.token(code)) == 40163


def test_most_particular_fault_is_met_first(wechat):
    wechat.fault(errcode=1)
    wechat.fault(errcode=2, call="access_token")
    wechat.fault(errcode=3, person="emoji")
    wechat.fault(errcode=4, person="emoji", call="access_token", count=1)
    assert [sign_in(wechat, "emoji")["errcode"] for _ in range(2)] == [4, 3]
    assert sign_in(wechat)["errcode"] == 2
    assert errcode(wechat.auth("x", "y")) == 1


def test_faults_of_one_kind_are_met_in_order(wechat):
    for code in (1, 2, 3):
        wechat.fault(errcode=code, call="access_token", count=1)
    assert [sign_in(wechat).get("errcode") for _ in range(4)] == [1, 2, 3, None]


def test_fault_of_one_generated_person_leaves_others_alone(wechat):
    wechat.fault(errcode=-1, person="p000007")
    assert sign_in(wechat, "p7")["errcode"] == -1 and "openid" in sign_in(wechat, "p8")


def test_faults_are_listed_and_removed(wechat):
    first, second = wechat.fault("busy", count=5), wechat.fault("slow", person="emoji", note="mine")
    sign_in(wechat)
    listed = {entry["id"]: entry for entry in wechat.faults()}
    assert listed[first]["left"] == 4 and listed[first]["hits"] == 1 and listed[second]["left"] is None
    assert wechat.clear_faults(first) == 1 and wechat.clear_faults() == 1 and wechat.faults() == []


@pytest.mark.parametrize("fault", [{"nonsense": 1}, {"kind": "nonsense"}, {"call": "nonsense"}, {"person": "nobody"}, {"count": -1},
                                   {"delay_ms": "soon"}, {"set": 1}, {"raw_base64": "*"}, {"close": "yes"}])
def test_odd_fault_is_refused_with_a_reason(wechat, fault):
    with pytest.raises(SandboxError, match=list(fault)[0] if "nonsense" in fault else '"'):
        wechat.control("POST", "/sandbox/faults", fault)
    assert wechat.faults() == []


def test_errcode_may_be_text(wechat):
    wechat.fault("errcode_text")
    assert sign_in(wechat)["errcode"] == "40029"


def test_error_and_openid_may_come_together(wechat):
    wechat.fault("errcode_with_openid")
    answer = sign_in(wechat)
    assert answer["errcode"] == 40029 and answer["openid"]


def test_members_can_be_replaced_added_and_removed(wechat):
    wechat.fault(set={"expires_in": -1, "unionid": None, "extra": [1]}, set_raw={"scope": "1e400"})
    body = wechat.token(wechat.mint_code()).text
    assert '"expires_in":-1' in body and "unionid" not in body and '"extra":[1]' in body and '"scope":1e400' in body


def test_value_can_be_any_bytes(wechat):
    token = sign_in(wechat)
    wechat.fault(call="userinfo", set_base64={"nickname": "Iv8AIg=="})
    assert b'"nickname":"\xff\x00"' in wechat.userinfo(token["access_token"], token["openid"]).body


def test_body_can_be_any_bytes(wechat):
    wechat.fault(body=b"\x00\xff{")
    assert wechat.token(wechat.mint_code()).body == b"\x00\xff{"


def test_members_can_be_reversed_and_follow_a_bom(wechat):
    wechat.fault(reversed=True, bom=True)
    body = wechat.token(wechat.mint_code()).body
    assert body.startswith(b"\xef\xbb\xbf") and list(json.loads(body.decode("utf-8-sig")))[-1] == "access_token"


def test_empty_gbk_answer(wechat):
    wechat.fault("empty_gbk")
    reply = wechat.token(wechat.mint_code())
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, "text/html; charset=gbk", b"")


def test_status_with_retry_after(wechat):
    wechat.fault("throttled")
    reply = wechat.token(wechat.mint_code())
    assert reply.status == 503 and reply.headers["Retry-After"] == "2"


def test_content_type_can_be_missing(wechat):
    wechat.fault("no_type")
    assert "Content-Type" not in wechat.token(wechat.mint_code()).headers


def test_redirect_elsewhere(wechat):
    wechat.fault("redirected")
    reply = wechat.token(wechat.mint_code())
    assert reply.status == 302 and reply.headers["Location"] == "http://127.0.0.1:1/elsewhere"


def test_body_is_cut_at_each_byte_asked_for(wechat):
    for at in (0, 1, 100):
        wechat.fault(truncate_at=at, count=1)
        with pytest.raises(http.client.IncompleteRead) as cut:
            wechat.token(wechat.mint_code())
        assert len(cut.value.partial) == at


def test_delay_comes_before_the_answer(wechat):
    wechat.fault(delay_ms=150)
    code, before = wechat.mint_code(), time.monotonic()
    assert "openid" in wechat.token(code).json()
    assert 0.15 <= time.monotonic() - before < 2


def test_dripping_body_arrives_byte_by_byte(wechat):
    wechat.fault(drip_ms=5, body="0123456789")
    code, before = wechat.mint_code(), time.monotonic()
    assert wechat.token(code).text == "0123456789"
    assert time.monotonic() - before >= 0.05


def test_compressed_although_nobody_asked(wechat):
    wechat.fault("gzip")
    reply = wechat.token(wechat.mint_code())
    assert reply.headers["Content-Encoding"] == "gzip" and json.loads(gzip.decompress(reply.body))["openid"]


def test_bomb_is_small_and_becomes_large(wechat):
    wechat.fault(gzip_bomb_bytes=8 << 20)
    body = wechat.token(wechat.mint_code()).body
    assert len(body) < 16384 and len(gzip.decompress(body)) == 8 << 20


def test_oversize_answer_is_still_json(wechat):
    wechat.fault(blanks=1 << 20)
    reply = wechat.token(wechat.mint_code())
    assert len(reply.body) > 1 << 20 and reply.json()["openid"]


def read_some(wechat, wanted):
    """At least so many bytes of an answer that does not end, with the peer left alone afterwards."""
    path = f"/sns/oauth2/access_token?appid={APPID}&secret={SECRET}&code={wechat.mint_code()}&grant_type=authorization_code"
    got = b""
    with socket.create_connection((wechat.host, wechat.port), 10) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while len(got) < wanted:
            piece = peer.recv(65536)
            assert piece, got[-100:]
            got += piece
    return got


def test_endless_body_goes_on(wechat):
    wechat.fault("endless_body")
    assert b"chunked" in read_some(wechat, 1 << 20)


def test_endless_headers_go_on(wechat):
    wechat.fault("endless_headers")
    got = read_some(wechat, 1 << 20)
    assert got.startswith(b"HTTP/1.1 200 OK\r\nX-Filler: a") and b"\r\n\r\n" not in got


def test_endless_continues_go_on(wechat):
    wechat.fault("endless_continue", raw_repeat_ms=1)
    assert set(read_some(wechat, 500).split(b"\r\n\r\n")[:-1]) == {b"HTTP/1.1 100 Continue"}


def test_raw_bytes_replace_the_answer(wechat):
    wechat.fault(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\x00\x01junk")
    assert wechat.token(wechat.mint_code()).body == b"\x00\x01"


def test_garbage_is_not_http(wechat):
    wechat.fault("garbage")
    with pytest.raises(http.client.BadStatusLine):
        wechat.token(wechat.mint_code())


def test_reset_instead_of_an_answer(wechat):
    wechat.fault("reset")
    with pytest.raises(ConnectionResetError):
        wechat.token(wechat.mint_code())


def test_reset_in_the_middle_of_the_body(wechat):
    wechat.fault(reset=True, truncate_at=10)
    with pytest.raises(ConnectionResetError):
        wechat.token(wechat.mint_code())


def test_double_callback_with_one_code_or_two(wechat):
    for kind, codes in (("double_same", 1), ("double_two", 2)):
        wechat.fault(kind, count=1)
        wechat.next_person("plain")
        page = wechat.get(wechat.authorize_url(CALLBACK)).text
        found = re.findall(r"code=(\w{32})&state=state1", page)
        assert len(found) == 2 and len(set(found)) == codes
        assert all("openid" in wechat.token(code).json() for code in set(found))


def test_authorize_page_can_complain_on_request(wechat):
    wechat.fault(call="authorize", errcode=10006)
    assert problem(wechat.get(wechat.authorize_url(CALLBACK))) == 10006


def test_every_ready_made_fault_is_accepted(wechat):
    for kind in wechat.kinds():
        wechat.fault(kind)
    assert len(wechat.faults()) == len(wechat.kinds())


# --- ledger, clock, control ---------------------------------------------------------------------------------------------------

def test_ledger_tells_the_story_of_a_sign_in(wechat):
    wechat.next_person("emoji")
    code = callback_query(wechat.get(wechat.authorize_url(CALLBACK)))["code"]
    token = wechat.token(code).json()
    wechat.userinfo(token["access_token"], token["openid"])
    story = wechat.ledger()
    assert [(e["call"], e["outcome"]) for e in story] == [("authorize", "agree"), ("access_token", "ok"), ("userinfo", "ok")]
    assert all(e["person"] == "emoji" and e["openid"] == token["openid"] and e["appid"] == APPID for e in story)
    assert story[0]["code"] == story[1]["code"] == code


def test_ledger_notes_errors_faults_and_problems(wechat):
    wechat.token("x")
    fault = wechat.fault("busy", count=1)
    sign_in(wechat)
    wechat.get(link(scope="x"))
    assert [(e["errcode"], e["outcome"], e["fault"]) for e in wechat.ledger()] == [
        (40029, "errcode", None), (-1, "fault", fault), (10005, "problem", None)]


def test_ledger_can_be_read_on_and_filtered(wechat):
    token = sign_in(wechat)
    since = wechat.ledger()[-1]["seq"]
    sign_in(wechat, "second")
    wechat.auth(token["access_token"], token["openid"])
    assert [e["call"] for e in wechat.ledger(since)] == ["access_token", "auth"]
    assert [e["person"] for e in wechat.ledger(call="access_token")] == ["plain", "second"]
    assert [e["call"] for e in wechat.ledger(person="plain")] == ["access_token", "auth"]


def test_ledger_keeps_the_last_calls_only():
    with Sandbox(BINARY, ledger=10, quiet=True) as wechat:
        for _ in range(25):
            wechat.token("x")
        assert [e["seq"] for e in wechat.ledger()] == list(range(16, 26))


def test_long_ledger_is_streamed_whole(wechat):
    connection = wechat.connect()
    for _ in range(600):
        connection.request("GET", "/sns/auth?access_token=x&openid=y")
        connection.getresponse().read()
    connection.close()
    story = wechat.ledger()
    assert len(story) == 600 and [e["seq"] for e in story] == list(range(story[0]["seq"], story[0]["seq"] + 600))
    assert [e["reused"] for e in story] == [False] + [True] * 599 and len({e["port"] for e in story}) == 1


def test_counts_tell_totals_and_distinct_codes(wechat):
    code = wechat.mint_code()
    for _ in range(3):
        wechat.token(code)
    counts = wechat.counts()
    assert counts["calls"]["access_token"] == 3 and counts["failed"]["access_token"] == 2
    assert counts["codes_minted"] == counts["codes_exchanged"] == 1 and counts["in_flight_max"] >= 1


def test_cleared_ledger_and_counts_start_anew(wechat):
    sign_in(wechat)
    wechat.clear_ledger()
    assert wechat.ledger() == [] and wechat.counts()["calls"]["access_token"] == 0


def test_most_in_flight_is_remembered(wechat):
    wechat.latency(200)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(wechat.token, wechat.mint_codes(20)))
    assert wechat.counts()["in_flight_max"] >= 15


def test_latency_is_shared_by_those_who_wait_together(wechat):
    wechat.latency(200)
    codes, before = wechat.mint_codes(40), time.monotonic()
    with ThreadPoolExecutor(40) as pool:
        assert all("openid" in reply.json() for reply in pool.map(wechat.token, codes))
    assert 0.2 <= time.monotonic() - before < 2


def test_clock_moves_both_ways(wechat):
    now = wechat.control("GET", "/sandbox/clock")["now_s"]
    assert wechat.advance_clock(1000)["now_s"] - now in (1000, 1001)
    assert wechat.advance_clock(-1000)["advanced_s"] == 0


def test_reset_forgets_codes(wechat):
    code = wechat.mint_code()
    wechat.reset()
    assert errcode(wechat.token(code)) == 40029


@pytest.mark.parametrize("method, path, body", [
    ("POST", "/sandbox/codes", "nonsense"), ("POST", "/sandbox/codes", "[]"), ("POST", "/sandbox/codes", '{"appid":"wx1"}'),
    ("POST", "/sandbox/codes", '{"scope":"x"}'), ("POST", "/sandbox/codes", '{"count":0}'), ("PUT", "/sandbox/next", '{"answer":"x"}'),
    ("PUT", "/sandbox/next", '{"who":"x"}'), ("POST", "/sandbox/clock", "{}"), ("PUT", "/sandbox/latency", '{"latency_ms":-1}'),
    ("GET", "/sandbox/ledger?since=x", None), ("GET", "/sandbox/ledger?call=x", None), ("DELETE", "/sandbox/faults?id=x", None)])
def test_odd_control_request_is_refused_with_a_sentence(wechat, method, path, body):
    reply = wechat.request(method, path, body)
    assert reply.status == 400 and reply.json()["error"]


def test_unknown_path_and_wrong_method(wechat):
    assert wechat.get("/nowhere").status == 404
    assert wechat.request("DELETE", "/sandbox/people").status == 405


def test_own_page_is_served(wechat):
    assert wechat.get("/").headers["Location"] == "/sandbox/"
    assert "weigate sandbox" in wechat.get("/sandbox/").text


# --- start and stop -----------------------------------------------------------------------------------------------------------

def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=20)


def test_codes_repeat_with_the_same_seed():
    with Sandbox(BINARY, seed=1, quiet=True) as one, Sandbox(BINARY, seed=1, quiet=True) as two, Sandbox(BINARY, quiet=True) as other:
        assert one.mint_codes(3) == two.mint_codes(3) != other.mint_codes(3)


def test_accounts_come_from_options(tmp_path):
    (tmp_path / "secret").write_text("from-a-file\n")
    process = subprocess.Popen([BINARY, "--listen", "127.0.0.1:0", "--appid", "wxa", "--secret", "one", "--appid=wxb", "--secret-file",
                                str(tmp_path / "secret")], stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline() for _ in range(4)]
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    assert re.fullmatch(r"weigate-sandbox listening on http://127\.0\.0\.1:\d+\n", lines[0])
    assert "account wxa secret one" in lines[1] and "account wxb secret from-a-file" in lines[2]


def test_delayed_and_endless_answers_do_not_hold_up_the_end():
    wechat = Sandbox(BINARY, quiet=True)
    wechat.fault(delay_ms=600000, count=1)
    wechat.fault("endless_headers")
    peers = [socket.create_connection((wechat.host, wechat.port)) for _ in range(2)]
    for peer in peers:
        peer.sendall(b"GET /sns/auth HTTP/1.1\r\nHost: x\r\n\r\n")
    while wechat.counts()["in_flight"] < 2:
        pass
    before = time.monotonic()
    assert wechat.stop() == 0 and time.monotonic() - before < 5
    for peer in peers:
        peer.close()


@pytest.mark.parametrize("arguments", [
    ["--bogus"], ["stray"], ["--listen"], ["--listen", "0.0.0.0:0"], ["--listen", "127.0.0.1"], ["--listen", "127.0.0.1:65536"],
    ["--secret", "x"], ["--appid", "wxa"], ["--appid", "wx a", "--secret", "x"], ["--https"], ["--latency-ms", "-1"],
    ["--latency-ms", "1e3"], ["--ledger", "0"], ["--quiet=yes"], ["--redirect-host", "http://x"], ["--secret-file", "/nowhere"],
    ["--appid", "wxa", "--secret", "x", "--appid", "wxa", "--secret", "y"]])
def test_odd_option_is_refused_with_a_sentence(arguments):
    left = run(*arguments)
    assert left.returncode == 1 and left.stderr.startswith("weigate-sandbox: ") and left.stdout == ""


def test_busy_port_is_named(running):
    left = run("--listen", f"127.0.0.1:{running.port}")
    assert left.returncode == 1 and str(running.port) in left.stderr and "in use" in left.stderr


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", folder / "key.pem", "-out",
                    folder / "cert.pem"], check=True, capture_output=True)
    return {"cert": folder / "cert.pem", "key": folder / "key.pem"}


def test_https_instead_of_http(certificate):
    with Sandbox(BINARY, https=True, quiet=True, **certificate) as wechat:
        assert wechat.url.startswith("https://")
        token = sign_in(wechat)
        assert wechat.userinfo(token["access_token"], token["openid"]).json()["headimgurl"].startswith("https://")
        assert [entry["tls"] for entry in wechat.ledger()] == [True, True]
        wechat.latency(50)
        assert "openid" in sign_in(wechat)


def test_https_beside_http_shares_everything(certificate):
    with Sandbox(BINARY, https_listen="127.0.0.1:0", quiet=True, **certificate) as wechat:
        assert [url.split(":")[0] for url in wechat.urls] == ["http", "https"]
        code = wechat.mint_code()
        wechat.url, wechat.port = wechat.urls[1], int(wechat.urls[1].rsplit(":", 1)[1])
        assert "openid" in wechat.token(code).json()


def test_wrong_certificate_files_are_named(certificate, tmp_path):
    left = run("--https", "--cert", str(tmp_path / "none"), "--key", str(certificate["key"]))
    assert left.returncode == 1 and str(tmp_path / "none") in left.stderr
    left = run("--listen", "127.0.0.1:0", "--https", "--cert", str(certificate["key"]), "--key", str(certificate["cert"]))
    assert left.returncode == 1 and "--cert" in left.stderr


def test_manual_and_help_name_the_same_options():
    manual = open(os.path.join(os.path.dirname(__file__), "weigate-sandbox.1"), encoding="utf-8").read()
    documented = {name.replace("\\-", "-") for name in re.findall(r"^\.(?:B|BI) \\-\\-([a-z\\-]+)", manual, re.M)}
    assert documented == set(re.findall(r"^  --([a-z-]+)", run("--help").stdout, re.M))


def test_manual_names_every_field_of_a_fault(wechat):
    manual = open(os.path.join(os.path.dirname(__file__), "weigate-sandbox.1"), encoding="utf-8").read()
    fields = {field["name"] for field in wechat.control("GET", "/sandbox/kinds")["fields"]}
    assert fields <= set(re.findall(r"[a-z_0-9]+", manual))
