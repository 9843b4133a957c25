# SPDX-License-Identifier: Apache-2.0
"""The thin line with the memory plugin: two workers, one mapped file."""
import re
import shutil
import subprocess

import pytest

from scale import report, scale
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


@pytest.mark.proof
def test_eight_processes_never_read_a_torn_record(programs):
    """M05"""
    run = subprocess.run([programs.weigatectl, 'plugins', 'check', programs.plugin('memory'), '--option', 'size=16M', '--level', 'soak',
                          '--only', 'nothing_that_many_write_is_ever_read_torn', '--soak', scale('1s', whole='5m')],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout
    counts = [int(count) for count in re.findall(r'^# (\d+) operations, 0 torn$', run.stdout, flags=re.M)]
    assert len(counts) == 8, run.stdout
    report('memory, eight processes', operations=sum(counts), torn=0)
    assert sum(counts) >= scale(500, whole=10_000_000)
