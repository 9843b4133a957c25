# SPDX-License-Identifier: Apache-2.0
"""The four API calls: meaning, order, lifetimes and errcodes."""
import re
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers import errcode, sign_in
from sandbox import APPID, WEBSITE_APPID, WEBSITE_SECRET


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
