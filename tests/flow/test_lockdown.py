# SPDX-License-Identifier: Apache-2.0
"""Who may connect whatever the socket's mode lets in, and what never reaches the swap."""
import pathlib
import re

import pytest

from rig import IS_ROOT, SERVICE_USER
from visitor import Visitor


def locked_kib(pid):
    return int(re.search(r'VmLck:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text()).group(1))


# --- server.allowed_peers -------------------------------------------------------------------------------------------------------

@pytest.mark.skipif(not IS_ROOT, reason='nginx has to be somebody else')
def test_a_user_who_is_not_on_the_list_is_refused_although_the_socket_lets_it_in(new_rig, person):
    """F33: nginx can reach the socket and gets no answer; root, who is listed, does; a reload lets nginx in."""
    rig = new_rig({'server': {'workers': 1, 'allowed_peers': 'root'}})
    assert Visitor(rig).get(rig.url + '/weixin/login').status == 502
    assert rig.log('was refused: it is not among the allowed ones')
    assert rig.ask('/weixin/status/live', WEIGATE_STATUS='on').status == 200
    rig.overrides['server']['allowed_peers'] = f'0 {SERVICE_USER}'
    rig.reload()
    assert Visitor(rig).sign_in(person).status == 200


@pytest.mark.parametrize('peers, said', [('nobody-of-that-name', 'this machine has no user "nobody-of-that-name"'), ('4294967295', 'no user'),
                                         (' '.join(map(str, range(17))), 'more than 16 users')])
def test_a_list_with_a_stranger_is_refused(new_rig, peers, said):
    """F33"""
    rig = new_rig({'server': {'allowed_peers': peers}}, start=False)
    rig.first.write_conf()
    run = rig.ctl('config', 'check', check=False)
    assert run.returncode == 1 and said in run.stderr and 'server.allowed_peers' in run.stderr


def test_a_list_that_nobody_could_hold_a_peer_against_is_refused(new_rig):
    """F33: a socket of the network shows no users."""
    rig = new_rig({'server': {'allowed_peers': '0'}}, tcp=True, start=False)
    rig.exit_codes_expected = {1}
    with pytest.raises(AssertionError, match='allowed_peers needs a Unix socket'):
        rig.start()


# --- server.lock_memory -----------------------------------------------------------------------------------------------------------

def test_keys_and_secrets_are_locked_in_every_process(rig):
    """G17"""
    assert all(locked_kib(pid) > 0 for pid in (rig.first.master, *rig.first.workers()))
    assert not rig.log('may reach the swap')


def test_a_limit_of_locked_memory_that_is_too_small_is_warned_of(new_rig, person):
    """G17"""
    rig = new_rig({'server': {'workers': 1}}, memlock=0)
    assert len(rig.log('server.lock_memory: keys and AppSecrets may reach the swap')) == 1
    assert Visitor(rig).sign_in(person).status == 200


def test_a_limit_of_locked_memory_that_is_too_small_is_refused_where_that_is_asked_for(new_rig):
    """G17: at the start, and by a reload, which then changes nothing."""
    rig = new_rig({'server': {'workers': 1, 'lock_memory': 'require'}}, memlock=0, start=False)
    rig.exit_codes_expected = {1}
    with pytest.raises(AssertionError, match='raise LimitMEMLOCK='):
        rig.start()
    rig.exit_codes_expected = {0}
    said = rig.log('may reach the swap')
    rig.overrides['server']['lock_memory'] = 'no'
    rig.start()
    assert rig.log('may reach the swap') == said
    rig.overrides['server']['lock_memory'] = 'require'
    rig.first.write_conf()
    run = rig.ctl('reload', check=False)
    assert run.returncode == 1 and 'raise LimitMEMLOCK=' in run.stderr
    assert rig.ask('/weixin/status/live', WEIGATE_STATUS='on').status == 200
