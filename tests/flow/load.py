# SPDX-License-Identifier: Apache-2.0
"""People who sign in at a fixed rate while a test does something to the site, and what each of them was told.

    with Load(rig, rate=50, people=200) as load:     nobody waits for anybody else; a slow answer makes more of them wait at once
        cluster.stop()
        load.until(500)                              so many have been answered
    assert not load.trouble, load.trouble[:3]
    load.told                                        {openid: how many sign-ins of theirs were acknowledged}

A sign-in is GET login, then GET callback with the state and cookies that came back and a code that WeChat gave out for the next person of the
ledger, then GET of a gated page with the session; each visitor keeps a connection. What is acknowledged is a 303 with a session cookie. With
`gate=False` the page is left out. `trouble` holds everything else, as sentences."""
import collections
import http.client
import itertools
import queue
import re
import threading
import time
import urllib.parse

from visitor import PAGE_LOAD, WECHAT_PHONE, Cookie, query_of
from wait import SLACK, eventually

# One a sign-in in flight: at 100 a second and a store that hangs until its deadline of 3 s.
VISITORS_MAX = 400
# Codes live for five minutes.
CODES_AT_ONCE = 200


def words_of(page):
    """What a page says, without its dress."""
    body = re.sub(r'(?s)<(style|script|title).*?</\1>', ' ', page.decode('utf-8', 'replace'))
    return ' '.join(re.sub('<[^>]*>', ' ', body).split())[:200]


class Load:
    def __init__(self, rig, rate, people=100, first=1, gate=True):
        self.rig, self.rate, self.gate = rig, rate, gate
        self.people = [f'p{first + n:06}' for n in range(people)]
        self.openids = {person: rig.sandbox.openid(person) for person in self.people}
        self.lock = threading.Lock()
        self.codes = collections.deque()
        self.round = itertools.count()
        self.told, self.first_told, self.trouble, self.latencies = collections.Counter(), {}, [], []
        self.started = self.answered = self.idle = 0
        self.due, self.ended = queue.SimpleQueue(), threading.Event()
        self.visitors = []
        self.host = f'127.0.0.1:{rig.port}'

    def __enter__(self):
        self.clock = threading.Thread(target=self.keep_time, daemon=True)
        self.clock.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    # --- what a test says ---

    def until(self, count, seconds=120):
        """Waits until so many sign-ins have been answered, well or not."""
        return eventually(lambda: self.answered >= count, seconds=seconds, what=f'{count} sign-ins answered; {self.answered} are, {self.trouble[:3]}')

    def more(self, count, seconds=120):
        return self.until(self.answered + count, seconds)

    def stop(self):
        """Nobody new begins, and everybody has been answered."""
        self.ended.set()
        self.clock.join()
        for _ in self.visitors:
            self.due.put(None)
        for visitor in self.visitors:
            visitor.join()

    @property
    def acknowledged(self):
        return sum(self.told.values())

    def percentile_ms(self, share):
        ordered = sorted(self.latencies)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))]) if ordered else 0

    # --- how it goes on ---

    def keep_time(self):
        began = time.monotonic()
        while not self.ended.wait(max(0, began + self.started / self.rate - time.monotonic())):
            self.started += 1
            self.due.put(self.next_code())
            with self.lock:
                self.idle -= 1
                wants_one = self.idle < 0 and len(self.visitors) < VISITORS_MAX
            if wants_one:
                self.visitors.append(threading.Thread(target=self.visit, daemon=True))
                self.visitors[-1].start()

    def next_code(self):
        if not self.codes:
            count = min(CODES_AT_ONCE, len(self.people))
            at = next(self.round) * count % len(self.people)
            people = self.people[at:at + count]
            self.codes.extend(zip(people, self.rig.sandbox.mint_codes(len(people), person=people[0])))
        return self.codes.popleft()

    def visit(self):
        connection = None
        while True:
            with self.lock:
                self.idle += 1
            job = self.due.get()
            if job is None:
                break
            person, code = job
            began = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection(self.host, timeout=30 * SLACK)
                trouble = self.sign_in(connection, code)
            except (OSError, http.client.HTTPException) as error:
                trouble = f'{type(error).__name__}: {error}'
                connection.close()
                connection = None
            with self.lock:
                self.answered += 1
                self.latencies.append((time.monotonic() - began) * 1000)
                if trouble:
                    self.trouble.append(f'{person} after {self.latencies[-1]:.0f} ms: {trouble}')
                else:
                    self.told[self.openids[person]] += 1
                    self.first_told.setdefault(self.openids[person], time.time())
        if connection:
            connection.close()

    def ask(self, connection, path, cookies=()):
        headers = {'Host': self.host, 'User-Agent': WECHAT_PHONE, **PAGE_LOAD}
        if cookies:
            headers['Cookie'] = '; '.join(f'{cookie.name}={cookie.value}' for cookie in cookies if not cookie.is_deletion)
        connection.request('GET', path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        return answer, [Cookie(line) for name, line in answer.getheaders() if name.lower() == 'set-cookie'], body

    def sign_in(self, connection, code):
        """None, or what went wrong."""
        answer, cookies, body = self.ask(connection, f'{self.rig.prefix}/login?next=/private/')
        if answer.status != 302:
            return f'login: {answer.status} {words_of(body)}'
        query = urllib.parse.urlencode({'code': code, 'state': query_of(answer.getheader('Location'))['state']})
        answer, cookies, body = self.ask(connection, f'{self.rig.prefix}/callback?{query}', cookies)
        session = [cookie for cookie in cookies if cookie.name == 'weigate']
        if answer.status != 303 or not session:
            return f'callback: {answer.status} to {answer.getheader("Location")} {words_of(body)}'
        if self.gate:
            answer, _, body = self.ask(connection, '/private/', session)
            if answer.status != 200:
                return f'page: {answer.status} {words_of(body)}'
        return None
