# SPDX-License-Identifier: Apache-2.0
"""weigatectl storage verify: equal stores are equal, and each kind of difference is found and named."""
import itertools
import sqlite3

import pytest

from stores import Stores

numbers = itertools.count(1)


@pytest.fixture
def stores(directory, programs):
    """Two equal ones: file and template."""
    one = Stores(directory / f'verify{next(numbers)}', programs)
    one.fill('file', 300, erased=10, revoked=10)
    one.copy('file', 'template')
    return one


def change(stores, statement):
    """What a bug, or a hand, does to the file store."""
    connection = sqlite3.connect(stores.options['file']['path'])
    with connection:
        assert connection.execute(statement).rowcount == 1
    connection.close()


def test_equal_stores_are_equal(stores):
    assert stores.assert_equal('file', 'template') == {'people': 290, 'erasures': 10, 'events': 900, 'tickets': 13}


CHANGES = {
    "UPDATE person SET nickname = nickname || 'x' WHERE openid = (SELECT min(openid) FROM person)": ('people', 'differs'),
    "UPDATE token SET sealed = x'00' WHERE openid = (SELECT max(openid) FROM token)": ('people', 'differs'),
    "UPDATE event SET latency_ms = latency_ms + 1 WHERE event_at_us = (SELECT min(event_at_us) FROM event)": ('events', 'differs'),
    "DELETE FROM event WHERE event_at_us = (SELECT max(event_at_us) FROM event)": ('events', 'extra'),
    "DELETE FROM tombstone WHERE hash = (SELECT min(hash) FROM tombstone)": ('erasures', 'extra'),
    "DELETE FROM ticket WHERE kind = 'revoke' AND key = (SELECT min(key) FROM ticket WHERE kind = 'revoke')": ('tickets', 'extra'),
}


def test_each_changed_record_is_found_and_named_to_the_admin_who_asks(stores):
    """check 103"""
    for statement in CHANGES:
        change(stores, statement)
    differences, parts, said = stores.verify('file', 'template')
    assert sorted((line['part'], line['why']) for line in differences) == sorted(CHANGES.values())
    assert 'file and template differ: 0 records are missing in template, 3 are only there, 3 are not the same' in said
    assert {name: part['differ'] for name, part in parts.items()} == {'people': 2, 'erasures': 1, 'events': 2, 'tickets': 1}
    # The other way round, what was extra is missing.
    assert sorted(line['why'] for line in stores.verify('template', 'file')[0]) == ['differs'] * 3 + ['missing'] * 3
    # An openid is for the admin who asks for it, and for nobody who looks over a shoulder.
    openids = [line['openid'] for line in differences if line['part'] == 'people']
    said = stores.ctl('storage', 'verify', '--from', 'file', '--to', 'template', check=False)
    assert 'is not the same in template' in said.stdout and not any(openid in said.stdout + said.stderr for openid in openids)


def test_many_differences_are_counted_and_a_few_shown(stores):
    stores.fill('file', 50, first=5000)
    said = stores.ctl('storage', 'verify', '--from', 'file', '--to', 'template', check=False)
    assert said.returncode == 1 and '201 records are missing in template' in said.stderr, said.stderr
    assert sum('is missing' in line for line in said.stdout.splitlines()) == 10 and '--json lists them all' in said.stdout
    stores.copy('file', 'template')
    stores.assert_equal('file', 'template')
