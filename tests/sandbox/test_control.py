# SPDX-License-Identifier: Apache-2.0
"""Ledger, counters, clock, and the manners of the control interface."""
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers import BINARY, CALLBACK, callback_query, errcode, link, sign_in
from sandbox import APPID, Sandbox


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
    ("POST", "/sandbox/codes", '{"scope":"x"}'), ("POST", "/sandbox/codes", '{"count":0}'),
    ("PUT", "/sandbox/next", '{"answer":"x"}'), ("PUT", "/sandbox/next", '{"who":"x"}'),
    ("POST", "/sandbox/clock", "{}"), ("PUT", "/sandbox/latency", '{"latency_ms":-1}'),
    ("GET", "/sandbox/ledger?since=x", None), ("GET", "/sandbox/ledger?call=x", None), ("DELETE", "/sandbox/faults?id=x", None)])
def test_odd_control_request_is_refused_with_a_sentence(wechat, method, path, body):
    reply = wechat.request(method, path, body)
    assert reply.status == 400 and reply.json()["error"]


def test_unknown_path_and_wrong_method(wechat):
    assert wechat.get("/nowhere").status == 404
    assert wechat.request("DELETE", "/sandbox/people").status == 405


def test_pages_of_other_sites_cannot_steer(wechat):
    for origin, expected in (("http://evil.example", 403), ("null", 403), (wechat.url, 201)):
        assert wechat.request("POST", "/sandbox/codes", "{}", {"Origin": origin}).status == expected


def test_own_page_is_served(wechat):
    assert wechat.get("/").headers["Location"] == "/sandbox/"
    assert "weigate sandbox" in wechat.get("/sandbox/").text
