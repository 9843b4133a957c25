# SPDX-License-Identifier: Apache-2.0
"""A person with a browser: keeps cookies as browsers do, follows redirects, taps "agree" on WeChat's page.

    visitor.open('/private/')          # ends on WeChat's authorize page
    page = visitor.agree('plain')      # ends on the page that was wanted
    assert page.path == '/private/'
"""
import html
import http.client
import json
import re
import ssl
import urllib.parse

from wait import SLACK

WECHAT_PHONE = ('Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile '
                'Safari/537.36 MicroMessenger/8.0.47.2560(0x28002F30) NetType/WIFI Language/zh_CN')
DESKTOP = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
PAGE_LOAD = {'Accept': 'text/html,application/xhtml+xml,*/*;q=0.8', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'none'}
API_CALL = {'Accept': 'application/json'}
REDIRECTS_MAX = 12


class Page:
    """One answer, and where the browser stands after it."""

    def __init__(self, url, status, headers, body):
        self.url, self.status, self.headers, self.body = url, status, headers, body
        parts = urllib.parse.urlsplit(url)
        self.path, self.query, self.fragment = parts.path, parts.query, parts.fragment

    def __repr__(self):
        return f'<{self.status} {self.url} {self.text[:300]!r}>'

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def text(self):
        return self.body.decode('utf-8', 'replace')

    @property
    def location(self):
        return self.header('Location')

    def json(self):
        return json.loads(self.body)


def query_of(url):
    """The query of an address as a dictionary of first values."""
    return {key: values[0] for key, values in urllib.parse.parse_qs(urllib.parse.urlsplit(url).query, keep_blank_values=True).items()}


class Cookie:
    def __init__(self, line):
        first, *attributes = [part.strip() for part in line.split(';')]
        self.name, _, self.value = first.partition('=')
        self.attributes = {key.lower(): value for key, _, value in (part.partition('=') for part in attributes)}

    @property
    def is_deletion(self):
        return self.attributes.get('max-age', '1').lstrip('-') in ('0', '') or self.attributes.get('max-age', '1').startswith('-')


class Visitor:
    def __init__(self, rig, agent=WECHAT_PHONE, language='zh-CN,zh;q=0.9'):
        self.rig, self.agent, self.language = rig, agent, language
        self.cookies = {}  # (host, name) -> Cookie: as in a browser, ports share them
        self.history = []
        self.page = None

    # --- what a browser does by itself -----------------------------------------------------------------------------------------

    def cookie_header(self, parts):
        return '; '.join(f'{name}={cookie.value}' for (host, name), cookie in self.cookies.items()
                         if host == parts.hostname and parts.path.startswith(cookie.attributes.get('path', '/'))
                         and ('secure' not in cookie.attributes or parts.scheme == 'https'))

    def keep_cookies(self, parts, page):
        for line in page.all('Set-Cookie'):
            cookie = Cookie(line)
            if cookie.name.startswith('__Host-'):
                assert 'secure' in cookie.attributes and cookie.attributes.get('path') == '/' and 'domain' not in cookie.attributes, line
            self.rig.remember_secret(cookie.value)
            if cookie.is_deletion:
                self.cookies.pop((parts.hostname, cookie.name), None)
            else:
                self.cookies[(parts.hostname, cookie.name)] = cookie

    def get(self, url, method='GET', headers=None, body=None, send_cookies=True):
        """One exchange; redirects are not followed. A header of value None is left out."""
        url = urllib.parse.urljoin(self.page.url if self.page else self.rig.url + '/', url) if '://' not in url else url
        parts = urllib.parse.urlsplit(url)
        sent = {'Host': parts.netloc, 'User-Agent': self.agent, 'Accept-Language': self.language, **PAGE_LOAD}
        if send_cookies and self.cookie_header(parts):
            sent['Cookie'] = self.cookie_header(parts)
        sent.update(headers or {})
        if body is not None:
            sent.setdefault('Content-Type', 'application/x-www-form-urlencoded')
            sent['Content-Length'] = str(len(body))
        connection = connect(parts)
        try:
            connection.putrequest(method, parts.path + ('?' + parts.query if parts.query else '') or '/', skip_host=True,
                                  skip_accept_encoding=True)
            for name, value in sent.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body.encode() if isinstance(body, str) else body)
            answer = connection.getresponse()
            page = Page(url, answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()
        for secret in ('code',):
            if query_of(url).get(secret):
                self.rig.remember_secret(query_of(url)[secret])
        self.keep_cookies(parts, page)
        self.history.append(page)
        return page

    def follow(self, page, until=None):
        """Follows redirects, keeping the fragment as browsers do; stops in front of an address that contains `until`."""
        for _ in range(REDIRECTS_MAX):
            if page.status not in (301, 302, 303, 307, 308) or not page.location:
                return self.stand_on(page)
            target = urllib.parse.urljoin(page.url, page.location)
            if '#' not in target and page.fragment:
                target += '#' + page.fragment
            if until and until in target:
                self.stand_on(page)
                return target
            page = self.get(target)
        raise AssertionError(f'more than {REDIRECTS_MAX} redirects: {[(p.status, p.url) for p in self.history[-REDIRECTS_MAX:]]}')

    def stand_on(self, page):
        self.page = page
        return page

    # --- what a person does ----------------------------------------------------------------------------------------------------

    def open(self, url, **options):
        """Types an address or taps a link, and follows where it leads."""
        return self.follow(self.get(self.rig.url + url if url.startswith('/') else url, **options))

    def tap(self, text):
        """Taps the link or button of that (part of) text on the page the browser shows."""
        for attributes, label in re.findall(r'<a\s([^>]*)>(.*?)</a>', self.page.text, re.S):
            href = re.search(r'href="([^"]*)"', attributes)
            if href and text in html.unescape(re.sub('<[^>]*>', '', label)):
                return self.follow(self.get(html.unescape(href.group(1))))
        for attributes, inside in re.findall(r'<form\s([^>]*)>(.*?)</form>', self.page.text, re.S):
            if text in html.unescape(re.sub('<[^>]*>', '', inside)):
                return self.submit(attributes, inside)
        raise AssertionError(f'no "{text}" on {self.page}')

    def submit(self, attributes, inside):
        action = html.unescape(re.search(r'action="([^"]*)"', attributes).group(1))
        fields = {}
        for tag in re.findall(r'<input\s([^>]*)>', inside):
            name, value = (re.search(rf'{key}="([^"]*)"', tag) for key in ('name', 'value'))
            if name:
                fields[html.unescape(name.group(1))] = html.unescape(value.group(1)) if value else ''
        body = urllib.parse.urlencode(fields)
        parts = urllib.parse.urlsplit(self.page.url)
        page = self.get(action, method='POST', body=body,
                        headers={'Origin': f'{parts.scheme}://{parts.netloc}', 'Sec-Fetch-Site': 'same-origin'})
        return self.follow(page)

    def start(self, url='/private/'):
        """Opens a protected page and stops in front of WeChat: returns the authorize address."""
        page = self.get(self.rig.url + url)
        target = self.follow(page, until='/connect/oauth2/authorize')
        assert isinstance(target, str), f'not sent to WeChat: {target}'
        return target

    def agree_at(self, authorize_url, person):
        """Agrees at that authorize address and stops in front of the callback: returns the callback address."""
        return self.rig.sandbox_agree(self, authorize_url, person)

    def sign_in(self, person, url='/private/'):
        """The whole way; returns the page it ends on."""
        callback = self.agree_at(self.start(url), person)
        return self.follow(self.get(callback))

    # --- what a test asks ------------------------------------------------------------------------------------------------------

    def session(self):
        """The session JSON, or None when not signed in."""
        page = self.get(self.rig.url + self.rig.prefix + '/session', headers=API_CALL)
        assert page.status in (200, 401), page
        return page.json() if page.status == 200 else None

    def is_signed_in(self):
        return self.session() is not None

    def cookie(self, start):
        """The one cookie whose name begins so (without its __Host-)."""
        found = [cookie for (_, name), cookie in self.cookies.items() if name.removeprefix('__Host-').startswith(start)]
        assert len(found) == 1, [cookie.name for cookie in self.cookies.values()]
        return found[0]

    @property
    def session_cookie(self):
        return next((cookie for (_, name), cookie in self.cookies.items() if name.removeprefix('__Host-') == 'weigate'), None)

    def login_cookies(self):
        return [cookie for (_, name), cookie in self.cookies.items() if name.removeprefix('__Host-').startswith('weigate-login-')]

    def drop_cookies(self, start=''):
        """What WeChat's WebView does now and then."""
        self.cookies = {key: cookie for key, cookie in self.cookies.items() if not key[1].removeprefix('__Host-').startswith(start)}


def connect(parts):
    if parts.scheme == 'https':
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=20 * SLACK, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=20 * SLACK)
