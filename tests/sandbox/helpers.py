# SPDX-License-Identifier: Apache-2.0
"""What several test files need: the program, and sign-ins in one line. WEIGATE_SANDBOX names the built program."""
import os
import re
import subprocess
import urllib.parse

from sandbox import APPID

BINARY = os.environ.get("WEIGATE_SANDBOX", "./weigate-sandbox")
CALLBACK = "http://127.0.0.1:8080/weixin/callback"


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


def link(**changes):
    """An authorize query from parts, in WeChat's order; None leaves one out."""
    parts = {"appid": APPID, "redirect_uri": urllib.parse.quote(CALLBACK, safe=""), "response_type": "code",
             "scope": "snsapi_base", "state": "s", **changes}
    return "/connect/oauth2/authorize?" + "&".join(f"{k}={v}" for k, v in parts.items() if v is not None)


def run(*arguments):
    """Starts the program for as long as it takes to leave by itself."""
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=20)
