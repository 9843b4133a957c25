# SPDX-License-Identifier: Apache-2.0
"""people erase and sessions revoke: who is meant is gone or out, on every worker and host, and nobody else. (K17, L06 to L08, L14, Z18)"""
import contextlib
import os
import pty
import signal
import sqlite3
import subprocess

import pytest

from scale import report, scale
from test_spool import cluster, needs_postgres, one_cluster, postgres_rig  # noqa: F401 (fixtures)
from visitor import Visitor
from wait import SLACK, eventually


def is_out_everywhere(rig, visitor):
    saved = f'weigate={visitor.session_cookie.value}'
    return all(instance.ask('/weixin/auth', cookie=saved).status == 401 for instance in rig.instances for _ in range(8))


def signed_in(rig, person):
    visitor = Visitor(rig)
    visitor.sign_in(person)
    assert visitor.get(rig.url + '/private/').status == 200
    return visitor


def erase(rig, openid, *options, check=True):
    return rig.ctl('people', 'erase', openid, '--yes', *options, check=check)


def dump(rig):
    """All bytes of the store, with what is in its log."""
    with sqlite3.connect(rig.store_path) as store:
        store.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    return b''.join(path.read_bytes() for path in (rig.dir / 'data').iterdir() if path.name.startswith('profiles'))


# --- sessions revoke ------------------------------------------------------------------------------------------------------------------

def test_a_persons_sessions_end_on_every_host_and_nobody_elses(new_rig, people, sandbox):
    """K17: through the gate, two instances with two workers each."""
    rig = new_rig(instances=2)
    one, other = people(2)
    phone, computer, bystander = signed_in(rig, one), signed_in(rig, one), signed_in(rig, other)
    assert 'within 5 s' in rig.ctl('sessions', 'revoke', sandbox.openid(one)).stdout
    eventually(lambda: is_out_everywhere(rig, phone) and is_out_everywhere(rig, computer), seconds=5)
    assert phone.get(rig.url + '/private/').status == 302 and bystander.get(rig.url + '/private/').status == 200
    assert sandbox.openid(one) in rig.people()


def test_everybodys_sessions_end_and_the_next_sign_in_holds(new_rig, people):
    rig = new_rig(shop=True)
    visitors = [signed_in(rig, one) for one in people(3)]
    refused = rig.ctl('sessions', 'revoke', '--all', check=False)
    assert refused.returncode == 1 and '--yes' in refused.stderr
    rig.ctl('sessions', 'revoke', '--all', '--account', 'shop', '--yes')
    rig.ctl('sessions', 'revoke', '--all', '--account', 'default', '--yes')
    eventually(lambda: all(is_out_everywhere(rig, visitor) for visitor in visitors), seconds=5)
    eventually(lambda: signed_in(rig, people(1)[0]), what='a sign-in after the second of the revocation')
    begun, done = [line for line in rig.first.lines('audit') if 'sessions revoke' in line][-2:]
    assert 'begins sessions revoke: everybody' in begun and 'has done sessions revoke: everybody in default' in done


def test_only_one_accounts_sessions_end(new_rig, people):
    rig = new_rig(shop=True)
    visitor = signed_in(rig, people(1)[0])
    rig.ctl('sessions', 'revoke', '--all', '--account', 'shop', '--yes')
    other = signed_in(rig, people(1)[0])
    rig.ctl('sessions', 'revoke', '--all', '--account', 'default', '--yes')
    eventually(lambda: is_out_everywhere(rig, visitor) and is_out_everywhere(rig, other), seconds=5)


@pytest.mark.parametrize('words, said', [([], 'whose sessions'), (['o1', '--all'], 'either'), (['%', '--yes'], 'no openid'), (['nobody'], 'nobody with the openid')])
def test_nobodys_sessions_are_not_ended_by_mistake(rig, words, said):
    run = rig.ctl('sessions', 'revoke', *words, check=False)
    assert run.returncode == 1 and said in run.stderr


# --- people erase ---------------------------------------------------------------------------------------------------------------------

def test_an_erased_person_is_out_and_leaves_nothing(new_rig, people, sandbox):
    """K17, L14: not in the store, not in a ticket, not in an audit line."""
    rig = new_rig(instances=2)
    one, other = people(2)
    visitor, bystander = signed_in(rig, one), signed_in(rig, other)
    openid = sandbox.openid(one)
    nickname = rig.person(openid)['profile']['nickname']
    assert openid.encode() in dump(rig)
    run = erase(rig, openid)
    assert run.stdout.count('done') == 4 and 'LEFT' not in run.stdout
    eventually(lambda: is_out_everywhere(rig, visitor), seconds=5)
    assert bystander.get(rig.url + '/private/').status == 200
    assert set(rig.people()) == {sandbox.openid(other)}
    assert nickname not in run.stderr
    audit = '\n'.join(rig.first.lines('audit'))
    assert 'begins people erase: person ' in audit and '4 done, 0 left' in audit and openid not in audit and nickname not in audit
    events = rig.ctl('people', 'export', '--erased').stdout
    assert openid not in events and 'erased_hash":"' in events
    with sqlite3.connect(rig.store_path) as store:
        tables = [row[0] for row in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [str(row) for table in tables for row in store.execute(f'SELECT * FROM "{table}"')]
    assert rows and not [row for row in rows if openid in row]


def test_who_signs_in_after_being_erased_begins_anew(new_rig, person, sandbox):
    """Z18"""
    rig = new_rig()
    signed_in(rig, person)
    signed_in(rig, person)
    openid = sandbox.openid(person)
    before = rig.person(openid)
    assert before['login_count'] == 2
    erase(rig, openid)
    assert openid not in rig.people()
    Visitor(rig).sign_in(person)
    after = rig.person(openid)
    assert after['login_count'] == 1 and after['first_seen_at'] >= before['last_seen_at']
    eventually(lambda: signed_in(rig, person), what='a session after the second of the erasure')


@pytest.mark.parametrize('openid', ['%', '*', '', "o' OR '1'='1", 'a\nb', 'o' * 129])
def test_what_is_no_openid_erases_nobody(rig, visitor, person, openid):
    """L06, L10"""
    visitor.sign_in(person)
    before = rig.people()
    run = rig.ctl('people', 'erase', '--yes', '--', openid, check=False)
    assert run.returncode == 1 and 'no openid' in run.stderr and rig.people() == before


def test_a_prefix_or_a_stranger_erases_nobody(rig, visitor, person, sandbox):
    """L06: an unknown person leaves no tombstone either."""
    visitor.sign_in(person)
    before = rig.people()
    for openid in (sandbox.openid(person)[:-1], sandbox.openid(person) + 'x', sandbox.openid(person).swapcase()):
        run = erase(rig, openid, check=False)
        assert run.returncode == 1 and 'nobody with the openid' in run.stderr
    assert rig.people() == before and 'erased_hash":"' not in rig.ctl('people', 'export', '--erased').stdout


def test_the_account_must_be_said_where_there_are_several(new_rig, person, sandbox):
    rig = new_rig(shop=True)
    signed_in(rig, person)
    openid = sandbox.openid(person)
    assert '--account' in erase(rig, openid, check=False).stderr
    assert 'nobody' in erase(rig, openid, '--account', 'shop', check=False).stderr
    erase(rig, openid, '--account', 'default')
    assert rig.people() == {}


def test_a_store_that_is_away_is_what_is_left_and_doing_it_again_finishes(new_rig, person, sandbox):
    """L08, L07: said, non-zero, and repeatable; both tries are in the audit."""
    rig = new_rig({'storage': {'spool_dir': 'off'}})
    visitor = signed_in(rig, person)
    openid = sandbox.openid(person)
    (rig.dir / 'data').chmod(0o000)
    rig.store_path.rename(rig.dir / 'away.db')
    rig.store_path.mkdir()
    run = erase(rig, openid, check=False)
    assert run.returncode == 1 and run.stdout.count('LEFT') == 3 and '3 of 3 are left' in run.stderr and 'do it again' in run.stderr
    rig.store_path.rmdir()
    (rig.dir / 'away.db').rename(rig.store_path)
    (rig.dir / 'data').chmod(0o700)
    erase(rig, openid)
    eventually(lambda: is_out_everywhere(rig, visitor), seconds=5)
    ends = [line for line in rig.first.lines('audit') if 'people erase' in line and 'begins' not in line]
    assert 'could not finish' in ends[0] and 'has done' in ends[1]


@needs_postgres
def test_who_waits_in_the_spool_is_erased_there_and_stays_erased_when_the_store_is_back(postgres_rig, cluster, people, sandbox):  # noqa: F811
    """L08: the store is down; its erasure waits behind what came before it, and the session ends on this host at once."""
    rig = postgres_rig()
    one, other = people(2)
    openid = sandbox.openid(one)
    signed_in(rig, one)
    cluster.stop()
    visitor = signed_in(rig, one)
    signed_in(rig, other)
    run = erase(rig, openid, check=False)
    assert run.returncode == 1 and 'spool of this host done   1 records' in run.stdout and run.stdout.count('WAITS') == 2, run.stdout
    eventually(lambda: is_out_everywhere(rig, visitor), seconds=5)
    cluster.start()
    eventually(lambda: sandbox.openid(other) in rig.people(), seconds=20, what='what waited in the store')
    eventually(lambda: openid not in rig.people(), seconds=20, what='the erasure in the store')
    assert openid not in rig.ctl('people', 'export', '--erased').stdout
    eventually(lambda: erase(rig, openid, check=False).returncode == 1 and is_out_everywhere(rig, visitor))


@needs_postgres
def test_the_mirror_forgets_too_and_is_told_when_it_is_back(new_rig, programs, cluster, people, sandbox):  # noqa: F811
    """L08: a store and its mirror; the mirror away."""
    rig = new_rig({'storage': {'mirror': programs.postgres_plugin}, 'plugin postgres': {'dsn': cluster.dsn('weigate')}}, start=False)
    rig.first.write_conf()
    rig.ctl('storage', 'init', '--plugin', str(programs.postgres_plugin))
    rig.start()
    one, two = people(2)
    for who in (one, two):
        signed_in(rig, who)
    mirrored = lambda: {row[0] for row in cluster.sql('SELECT openid FROM weigate.subject')}
    eventually(lambda: mirrored() == {sandbox.openid(one), sandbox.openid(two)}, what='both in the mirror')
    assert erase(rig, sandbox.openid(one)).stdout.count('done') == 7
    assert mirrored() == {sandbox.openid(two)}
    rig.ctl('storage', 'copy', '--from', str(programs.file_plugin), '--to', str(programs.postgres_plugin))
    assert 'has done storage copy: from ' in rig.first.lines('audit')[-1]  # L14
    path = rig.dir / 'data/table'
    path.write_text('openid,nickname\noImported,x\n')
    rig.ctl('people', 'import', str(path))
    assert mirrored() == {sandbox.openid(two), 'oImported'} == set(rig.people())
    erase(rig, 'oImported')
    cluster.stop()
    run = rig.ctl('people', 'import', str(path), check=False)
    assert run.returncode == 1 and 'the mirror has to be there' in run.stderr
    run = erase(rig, sandbox.openid(two), check=False)
    assert run.returncode == 1 and 'store postgres.so  WAITS' in run.stdout and 'store file.so      done' in run.stdout, run.stdout
    cluster.start()
    eventually(lambda: mirrored() == set(), seconds=20, what='the erasure in the mirror')


def on_terminal(rig, answer, *words):
    """weigatectl with a terminal to ask on; what it said and its status."""
    ours, theirs = pty.openpty()
    run = subprocess.Popen([str(rig.programs.weigatectl), '-c', str(rig.first.conf), *words], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           text=True, env=rig.first.environment())
    os.close(theirs)
    os.write(ours, answer.encode())
    out, err = run.communicate(timeout=30 * SLACK)
    os.close(ours)
    return run.returncode, out, err


def test_an_erasure_asks_before_and_takes_no_silence_for_a_yes(new_rig, person, sandbox):
    rig = new_rig()
    signed_in(rig, person)
    openid = sandbox.openid(person)
    run = rig.ctl('people', 'erase', openid, check=False)
    assert run.returncode == 1 and '--yes' in run.stderr and openid in rig.people()
    code, _, err = on_terminal(rig, '\n', 'people', 'erase', openid)
    assert code == 1 and f'Erase {openid} (' in err and openid in rig.people()
    code, out, _ = on_terminal(rig, 'y\n', 'people', 'erase', openid)
    assert code == 0 and 'done' in out and rig.people() == {}


def test_a_sign_in_under_way_is_forgotten_too(new_rig, person, sandbox):
    """L08: what the second hit of a code would be told holds the person."""
    rig = new_rig()
    visitor = Visitor(rig)
    visitor.sign_in(person)
    run = erase(rig, sandbox.openid(person))
    assert '1 of sign-ins under way taken' in run.stdout, run.stdout


def test_an_import_does_not_bring_an_erased_person_back(new_rig, person, sandbox):
    rig = new_rig()
    signed_in(rig, person)
    path = rig.dir / 'data/backup'
    rig.ctl('people', 'export', '--output', str(path))
    erase(rig, sandbox.openid(person))
    assert '1 of erased people' in rig.ctl('people', 'import', str(path)).stdout
    assert rig.people() == {}


@pytest.mark.proof
def test_an_erasure_that_is_killed_is_whole_or_can_be_done_again(new_rig, people, sandbox):
    """L07, L14: kill -9 at some moment; the audit has its beginning whatever became of it, and nothing is left after the second try."""
    rig = new_rig()
    rounds = scale(4, 100)
    for person in people(rounds):
        Visitor(rig).sign_in(person)
        openid = sandbox.openid(person)
        lines = len(rig.first.lines('begins people erase'))
        run = subprocess.Popen([str(rig.programs.weigatectl), '-c', str(rig.first.conf), 'people', 'erase', openid, '--yes'], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, env=rig.first.environment())
        eventually(lambda: len(rig.first.lines('begins people erase')) > lines, what='the first audit line')
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.pid, signal.SIGKILL)
        run.wait()
        again = erase(rig, openid, check=False)
        assert again.returncode == 0 or 'nobody with the openid' in again.stderr
        assert openid not in rig.people() and openid not in '\n'.join(rig.first.lines('audit'))
    report('erasures killed', rounds=rounds)
