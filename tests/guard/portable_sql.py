#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds sql/*.sql and the plugin's statements against what engines that spread PostgreSQL over machines can do (Citus, YugabyteDB): each thing
they cannot is refused, unless it is named below with the reason why it must stay. docs/scaling.md says what follows from the exceptions.

    portable_sql.py          checks
    portable_sql.py --list   prints the exceptions, one a line"""
import os
import pathlib
import re
import sys

top = pathlib.Path(os.environ.get('srcdir', '.'))

# What is refused, and who cannot.
RULES = {
    'conflict without columns': (r'ON CONFLICT DO\b', 'Citus and CockroachDB want to know which key is meant'),
    'trigger': (r'\bCREATE\s+(CONSTRAINT\s+|EVENT\s+)?TRIGGER\b', 'Citus refuses them on distributed tables'),
    'listen': (r'\b(LISTEN|NOTIFY|pg_notify)\b', 'YugabyteDB and CockroachDB have none, poolers swallow them'),
    'exclusion constraint': (r'\bEXCLUDE\s+(USING|\()', 'YugabyteDB has none, Citus only with the distribution column'),
    'deferrable constraint': (r'\bDEFERRABLE\b', 'YugabyteDB and Citus have none'),
    'system column': (r'\b(xmin|xmax|cmin|cmax|ctid)\b', 'means nothing across machines'),
    'session lock': (r'\bpg_(try_)?advisory_(lock|unlock)', 'outlives the transaction: stays behind in a pooler'),
    'transaction lock': (r'\bpg_(try_)?advisory_xact_lock', 'holds on one node only'),
    'extension': (r'\bCREATE\s+EXTENSION\b', 'not every engine has it'),
    'inheritance': (r'\bINHERITS\b', 'YugabyteDB has none'),
    'temporary table': (r'\bCREATE\s+(GLOBAL\s+|LOCAL\s+)?TEMP(ORARY)?\b', 'session state'),
    'table lock': (r'\bLOCK\s+TABLE\b', 'YugabyteDB ignores it'),
    'transaction number': (r'\b(pg_current_xact_id|pg_current_snapshot|pg_snapshot_xmin|txid_\w+)\b', 'each node counts its own'),
    'server identity': (r'\b(pg_control_system|pg_walfile_name|pg_current_wal_lsn)\b', 'there is not one server'),
    'session setting': (r'[;"]\s*SET\s+(?!LOCAL\b)(SESSION\s+)?(statement_timeout|lock_timeout|search_path|role|synchronous_commit)\b',
                        'outlives the transaction'),
    'cursor that is held': (r'\bWITH\s+HOLD\b', 'session state'),
    'named statement': (r'\b(PQprepare|PQsendPrepare|PQexecPrepared|PQsendQueryPrepared)\b', 'PgBouncer before 1.21 loses it'),
    'writing in WITH': (r'\bAS\s+(MATERIALIZED\s+)?\(\s*(INSERT|UPDATE|DELETE)\b', 'Citus runs it, but not on the nodes that hold the rows'),
}

# (file, rule): why it stays. One that is not needed any more is refused too.
EXCEPTIONS = {
    ('sql/0002_functions.sql', 'conflict without columns'): 'subject has two keys that say the same, and two writers may meet at either',
    ('sql/0002_functions.sql', 'table lock'): 'a tombstone of another store names a person by hash only; copies and imports, never a sign-in',
    ('sql/0002_functions.sql', 'transaction number'): 'tickets are scanned in the order in which they become visible; a spread engine needs a clock here',
    ('plugins/postgres/tickets.c', 'transaction number'): 'the other half of it',
    ('sql/0002_functions.sql', 'writing in WITH'): 'a batch of whole records (import, copy) in few statements; sign-ins do not take that way',
    ('sql/0003_upkeep.sql', 'transaction lock'): 'two that make the same month take turns; without it one fails and tries again',
    ('sql/0004_roles.sql', 'transaction lock'): 'migrations take turns',
    ('plugins/postgres/schema.c', 'transaction lock'): 'migrations take turns',
    ('sql/0006_mart_refresh.sql', 'writing in WITH'): 'the analysts\' tables are small and counted on one node',
    ('plugins/postgres/care.c', 'server identity'): 'how a fail-over is noticed; health alone asks it',
}

# What a table would be spread by: its primary key must hold that column. reference: small, a copy on every node. local: on one node.
TABLES = {
    'weigate.subject': 'openid', 'weigate.profile': 'profile_no', 'weigate.profile_activity': 'profile_no', 'weigate.profile_history': 'profile_no',
    'weigate.user_day': 'profile_no', 'weigate_secret.token': 'profile_no', 'weigate.login_event': 'event_id',
    'weigate.ticket': 'key', 'weigate.tombstone': 'key_hash', 'weigate.app': 'reference', 'weigate.schema_migration': 'reference',
    'weigate.store_meta': 'reference', 'weigate.daily_rollup': 'reference', 'weigate.rollup_due': 'local', 'weigate.privacy_request': 'local',
    'weigate.ingest_batch': 'local'}
problems, used = [], set()


def complain(path, text, at, what):
    problems.append(f'{path}:{text.count(chr(10), 0, at) + 1}: {what}')


def blank(match):
    return re.sub(r'[^\n]', ' ', match.group(0))


def statements(path):
    """Without comments; of C the strings and names that stay."""
    text = (top / path).read_text()
    return re.sub(r'/\*.*?\*/|//[^\n]*', blank, text, flags=re.S) if path.endswith(('.c', '.h')) else re.sub(r"--[^\n]*|COMMENT ON [^;]*?'(?:[^']|'')*';", blank, text)


def check_rules(path, text):
    for rule, (pattern, why) in RULES.items():
        for found in re.finditer(pattern, text, re.I if path.endswith('.sql') else 0):
            if (path, rule) in EXCEPTIONS:
                used.add((path, rule))
            else:
                complain(path, text, found.start(), f'{rule}: {why}')


def check_tables(path, text):
    for found in re.finditer(r'CREATE TABLE (weigate\w*\.\w+) \((.*?)\n\)', text, re.S):
        name, body = found.groups()
        # What the mart counts is small and lives on one node.
        spread = TABLES.get(name) or ('local' if re.search(r'/\d+_mart', path) else None)
        if spread is None:
            complain(path, text, found.start(), f'{name}: say in TABLES by which column it could be spread, or that it is a reference or local table')
        if spread in (None, 'reference', 'local'):
            continue
        key = re.search(r'PRIMARY KEY \(([^)]*)\)', body) or re.search(r'^\s*(\w+)\b[^,\n]*\bPRIMARY KEY', body, re.M)
        if not key or spread not in re.split(r',\s*', key.group(1)):
            complain(path, text, found.start(), f'{name}: its primary key does not hold {spread}')


if '--list' in sys.argv:
    print('\n'.join(f'{path}: {rule}: {why}' for (path, rule), why in EXCEPTIONS.items()))
    sys.exit(0)
files = [str(path.relative_to(top)) for folder, name in (('sql', '[0-9]*.sql'), ('plugins/postgres', '*.c'), ('plugins/postgres', '*.h')) for path in sorted((top / folder).glob(name))]
for file in files:
    source = statements(file)
    check_rules(file, source)
    if file.endswith('.sql'):
        check_tables(file, source)
problems += [f'{path}: {rule}: the exception is not needed any more' for path, rule in EXCEPTIONS if (path, rule) not in used]
print('\n'.join(problems) or f'{len(files)} files keep to the portable profile, {len(EXCEPTIONS)} exceptions are named')
sys.exit(1 if problems else 0)
