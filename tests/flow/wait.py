# SPDX-License-Identifier: Apache-2.0
"""Waiting for events: a test says what must become true, never how long to sleep."""
import os
import pathlib
import select
import time

BUILD = pathlib.Path(os.environ.get('WEIGATE_BUILD') or pathlib.Path(__file__).parents[2] / 'build' / 'test-plain').resolve()


def sanitizer():
    """'address', 'thread' or '' for the build under test, as scripts/build wrote it down."""
    options = BUILD / 'options'
    words = options.read_text().split() if options.exists() else []
    return next((word.split('=')[1] for word in words if word.startswith('--enable-sanitizer=')), '')


# Sanitizers make everything several times slower; limits on time are multiplied, behaviour is not.
SLACK = {'': 1, 'address': 4, 'thread': 8}[sanitizer()]
# Their quarantine and shadow memory make growth of the resident set meaningless; only something endless would show.
MEMORY_SLACK = 64 if sanitizer() else 1


def eventually(condition, seconds=10, what=''):
    """Returns the first true value of condition(); fails after the time."""
    deadline = time.monotonic() + seconds * SLACK
    poll = select.poll()
    pause_ms = 1
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f'not within {seconds * SLACK} s: {what or condition}'
        poll.poll(pause_ms)
        pause_ms = min(pause_ms * 2, 50)


class Stopwatch:
    """with Stopwatch() as took: …; assert took.ms < 100 * SLACK"""

    def __enter__(self):
        self.began = time.monotonic()
        return self

    def __exit__(self, *exception):
        self.ms = (time.monotonic() - self.began) * 1000
