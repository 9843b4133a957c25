# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the flow tests.

    rig        nginx, spawn-fcgi, weigate (two workers, file store) and the sandbox with the usual configuration; shared by a module
    new_rig    makes one of its own for a test: new_rig({'account': {'scope': 'auto'}}, instances=2, tls=True)
    visitor    a person with WeChat's browser on a phone, at `rig`; new_visitor(rig, agent=DESKTOP) for others
    person     somebody who has never signed in before (an id of the sandbox)
    sandbox    the sandbox: faults, ledger, people; its faults are cleared after every test
"""
import itertools
import os
import pathlib
import shutil
import tempfile

import pytest

from rig import APPID, APPSECRET, SHOP_APPID, SHOP_APPSECRET, WEBSITE_APPID, WEBSITE_APPSECRET, Programs, Rig
from sandbox_run import SandboxRun
from visitor import Visitor
from wait import SLACK


def pytest_configure(config):
    config.addinivalue_line('markers', 'figures: measures time or memory; not run under sanitizers')
    config.addinivalue_line('markers', 'browser: drives Chromium')
    config.addinivalue_line('markers', 'proof: a long one, run in a short form here and in full by scripts/prove (scale.py)')


@pytest.fixture(scope='session')
def directory():
    """Not pytest's own: the service's user must get in, and socket paths are short."""
    path = pathlib.Path(tempfile.mkdtemp(prefix='weigate-flow-', dir='/tmp'))
    path.chmod(0o755)
    yield path
    if not os.environ.get('WEIGATE_KEEP'):
        shutil.rmtree(path)


@pytest.fixture(scope='session')
def programs(directory):
    return Programs(directory / 'bin')


@pytest.fixture(scope='session')
def sandbox_session(directory):
    accounts = [(APPID, APPSECRET), (SHOP_APPID, SHOP_APPSECRET), (WEBSITE_APPID, WEBSITE_APPSECRET, 'website')]
    with SandboxRun(directory / 'sandbox', accounts=accounts) as run:
        yield run


@pytest.fixture
def sandbox(sandbox_session):
    yield sandbox_session
    sandbox_session.reset()


numbers = itertools.count(1)


def make_rig(directory, programs, sandbox_session, conf=None, **options):
    return Rig(directory / f'rig{next(numbers)}', programs, sandbox_session, conf, **options)


@pytest.fixture(scope='module')
def rig(directory, programs, sandbox_session):
    one = make_rig(directory, programs, sandbox_session)
    yield one
    one.stop()
    one.check_after()


@pytest.fixture
def new_rig(directory, programs, sandbox):
    made = []

    def new(conf=None, **options):
        made.append(make_rig(directory, programs, sandbox, conf, **options))
        return made[-1]
    yield new
    for one in made:
        one.stop()
    for one in made:
        one.check_after()


@pytest.fixture
def visitor(rig, sandbox):
    return Visitor(rig)


@pytest.fixture
def new_visitor(sandbox):
    return Visitor


@pytest.fixture
def person():
    return next(fresh_people)


fresh_people = (f'p{n:06}' for n in itertools.count(1))


@pytest.fixture
def people():
    """As many strangers as asked for: people(3)."""
    return lambda count: list(itertools.islice(fresh_people, count))


@pytest.fixture
def slack():
    return SLACK
