# SPDX-License-Identifier: Apache-2.0
"""The thin line with the memory plugin: two workers, one mapped file."""
import shutil

import pytest

from visitor import Visitor
from wait import BUILD

pytestmark = pytest.mark.skipif(not list(BUILD.rglob('.libs/memory.so')), reason='built without the memory plugin')


@pytest.fixture
def memory_rig(new_rig, programs):
    plugin = programs.directory / 'memory.so'
    shutil.copy(programs.plugin('memory'), plugin)
    plugin.chmod(0o755)
    return new_rig({'storage': {'plugin': plugin}, 'plugin memory': {'path': lambda rig: rig.dir / 'data/people', 'size': '16M'}})


def test_a_sign_in_is_kept_in_memory_and_counted_by_any_worker(memory_rig, sandbox):
    for count in range(1, 5):
        assert Visitor(memory_rig).sign_in('plain').status == 200
        stored = memory_rig.person(sandbox.openid('plain'))
        assert (stored['profile']['nickname'], stored['login_count']) == ('李平', count)
