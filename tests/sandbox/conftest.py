# SPDX-License-Identifier: Apache-2.0
"""One sandbox per test file, reset before each test."""
import pytest

from helpers import BINARY
from sandbox import Sandbox


@pytest.fixture(scope="module")
def running():
    with Sandbox(BINARY, seed=7) as started:
        yield started
        assert started.stop() == 0


@pytest.fixture
def wechat(running):
    running.reset()
    return running
