# SPDX-License-Identifier: Apache-2.0
"""Drives weigate-sandbox from Python.

    with Sandbox("./weigate-sandbox") as wechat:
        wechat.next_person("emoji")                       # whoever comes next agrees as this person
        wechat.fault("busy", call="userinfo", count=2)
        ...                                               # sign in
        assert wechat.ledger(call="access_token")[-1]["outcome"] == "ok"

Needs nothing but Python's standard library. Every method raises SandboxError with the sandbox's own sentence when it refuses.
"""
import base64
import http.client
import json
import re
import subprocess
import threading
import urllib.parse

APPID, SECRET = "wx0123456789abcdef", "0123456789abcdef0123456789abcdef"
WEBSITE_APPID, WEBSITE_SECRET = "wxfedcba9876543210", "fedcba9876543210fedcba9876543210"


class SandboxError(Exception):
    """The sandbox did not start, or answered a control request with an error."""


class Reply:
    """An HTTP answer, read to its end."""

    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)


class Sandbox:
    """One running weigate-sandbox; leaves with stop() or at the end of a with block.

    Options are those of the command line with underscores: Sandbox(binary, latency_ms=50, redirect_host="www.example.com",
    https_listen="127.0.0.1:0", cert=..., key=...). Accounts are (appid, secret) or (appid, secret, "website").
    """

    def __init__(self, binary, listen="127.0.0.1:0", accounts=(), **options):
        command = [str(binary), "--listen", listen]
        for account in accounts:
            command += ["--appid", account[0], "--secret", account[1]]
            command += ["--website"] if len(account) > 2 and account[2] == "website" else []
        for name, value in options.items():
            option = "--" + name.replace("_", "-")
            command += [option] if value is True else [option, str(value)]
        self.appid, self.secret = accounts[0][:2] if accounts else (APPID, SECRET)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.urls = self._read_addresses(2 if "https_listen" in options else 1)
        self.url = self.urls[0]
        parts = urllib.parse.urlsplit(self.url)
        self.host, self.port = parts.hostname, parts.port
        self.output = []
        for stream in (self.process.stdout, self.process.stderr):
            threading.Thread(target=self._keep_output, args=(stream,), daemon=True).start()

    def _read_addresses(self, count):
        urls = []
        while len(urls) < count:
            line = self.process.stdout.readline()
            if not line:
                self.process.wait()
                raise SandboxError(self.process.stderr.read().strip() or "weigate-sandbox left without a word")
            found = re.search(r"listening on (\S+)", line)
            if found:
                urls.append(found.group(1))
        return urls

    def _keep_output(self, stream):
        for line in stream:
            self.output.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends it with SIGTERM and returns its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=20)

    # --- what a client of WeChat sees ------------------------------------------------------------------------------------

    def connect(self, timeout=10):
        """A connection of its own, for several requests or for reading raw."""
        if self.url.startswith("https"):
            import ssl
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=10):
        """One request on a connection of its own; redirects are not followed."""
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, headers=None, **query):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        return self.request("GET", path, headers=headers)

    def authorize_url(self, redirect_uri, scope="snsapi_userinfo", state="state1", appid=None):
        """The path of an authorize link with WeChat's order of parameters."""
        quoted = urllib.parse.quote(redirect_uri, safe="")
        return (f"/connect/oauth2/authorize?appid={appid or self.appid}&redirect_uri={quoted}"
                f"&response_type=code&scope={scope}&state={state}")

    def token(self, code, **changes):
        """GET /sns/oauth2/access_token; changes replace parameters, None leaves one out."""
        query = {"appid": self.appid, "secret": self.secret, "code": code, "grant_type": "authorization_code", **changes}
        return self.get("/sns/oauth2/access_token", **{k: v for k, v in query.items() if v is not None})

    def refresh(self, refresh_token, **changes):
        query = {"appid": self.appid, "grant_type": "refresh_token", "refresh_token": refresh_token, **changes}
        return self.get("/sns/oauth2/refresh_token", **{k: v for k, v in query.items() if v is not None})

    def userinfo(self, access_token, openid, lang="zh_CN"):
        return self.get("/sns/userinfo", access_token=access_token, openid=openid, lang=lang)

    def auth(self, access_token, openid):
        return self.get("/sns/auth", access_token=access_token, openid=openid)

    # --- steering --------------------------------------------------------------------------------------------------------

    def control(self, method, path, body=None):
        """A control request; returns the parsed answer."""
        data = None if body is None else json.dumps(body)
        reply = self.request(method, path, data, {"Content-Type": "application/json"})
        if reply.status >= 300:
            raise SandboxError(f"{method} {path}: {reply.json().get('error', reply.status)}")
        return reply.json()

    def people(self):
        """The virtual people by id, each with openids per appid, unionid and what they provoke."""
        return {person["id"]: person for person in self.control("GET", "/sandbox/people")["people"]}

    def person(self, person):
        """One person, generated ones (p000001) included."""
        return self.control("GET", "/sandbox/people?id=" + urllib.parse.quote(person))

    def openid(self, person, appid=None):
        return self.person(person)["openids"][appid or self.appid]

    def kinds(self):
        """The ready-made faults by name."""
        return {kind["kind"]: kind for kind in self.control("GET", "/sandbox/kinds")["kinds"]}

    def next_person(self, person=None, answer="agree", count=0):
        """What authorize requests do from now on without showing a page: agree, decline, authdeny, close, or ask (show it)."""
        body = {"answer": answer, "count": count}
        if person is not None:
            body["person"] = person
        return self.control("PUT", "/sandbox/next", body)

    def clear_next(self):
        return self.control("DELETE", "/sandbox/next")

    def fault(self, kind=None, **fields):
        """Sets a fault and returns its id; bytes values of raw, raw_repeat and body are sent as base64."""
        if kind is not None:
            fields["kind"] = kind
        for name in ("body", "raw", "raw_repeat"):
            if isinstance(fields.get(name), bytes):
                fields[name + "_base64"] = base64.b64encode(fields.pop(name)).decode()
        return self.control("POST", "/sandbox/faults", fields)["id"]

    def faults(self):
        return self.control("GET", "/sandbox/faults")["faults"]

    def clear_faults(self, fault_id=None):
        return self.control("DELETE", "/sandbox/faults" + (f"?id={fault_id}" if fault_id else ""))["removed"]

    def mint_code(self, person="plain", scope="snsapi_userinfo", appid=None, **fields):
        """A code as if the person had agreed just now."""
        body = {"person": person, "scope": scope, "appid": appid or self.appid, **fields}
        return self.control("POST", "/sandbox/codes", body)["code"]

    def mint_codes(self, count, person="p000001", scope="snsapi_userinfo", appid=None):
        """Codes of consecutive generated people."""
        body = {"person": person, "scope": scope, "appid": appid or self.appid, "count": count}
        return self.control("POST", "/sandbox/codes", body)["codes"]

    def ledger(self, since=0, call=None, person=None):
        """Every call since entry number `since`, oldest first."""
        query = {"since": since, "call": call, "person": person}
        reply = self.get("/sandbox/ledger", **{k: v for k, v in query.items() if v is not None})
        if reply.status != 200:
            raise SandboxError(reply.json()["error"])
        return [json.loads(line) for line in reply.body.splitlines()]

    def clear_ledger(self):
        """Empties the ledger and sets the counters to 0."""
        return self.control("DELETE", "/sandbox/ledger")

    def counts(self):
        return self.control("GET", "/sandbox/counts")

    def advance_clock(self, seconds):
        """Moves WeChat's clock; codes and tokens age by it."""
        return self.control("POST", "/sandbox/clock", {"advance_s": seconds})

    def latency(self, latency_ms=0, jitter_ms=0):
        return self.control("PUT", "/sandbox/latency", {"latency_ms": latency_ms, "jitter_ms": jitter_ms})

    def reset(self):
        """As after start: no faults, no steering, no codes, an empty ledger, the right time."""
        return self.control("POST", "/sandbox/reset")
