# SPDX-License-Identifier: Apache-2.0
"""Sign-ins a second while what the spool holds goes into the store, against the same site with an empty spool."""
import sqlite3

from figures import median
from programs import run_load

IN_FLIGHT = 64
RATE_MAX = 18000


def sign_in(bench, site, seconds):
    bench.mint_from(site.rig.sandbox)
    return run_load(codes=bench.codes, count=int(RATE_MAX * (seconds + 1)), port=site.rig.port, pids=[site.worker], seconds=seconds, warm_up=0.5, in_flight=IN_FLIGHT,
                    path=('/weixin/login', '/weixin/callback'), session='weigate=')


def waiting(site):
    return sum(value for name, value in site.rig.metrics().items() if name.startswith('weigate_spool_records'))


def fill_spool(bench, site):
    """Somebody else holds the write lock of the file store for a while."""
    connection = sqlite3.connect(site.rig.store_path, isolation_level=None)
    connection.execute('BEGIN IMMEDIATE')
    try:
        sign_in(bench, site, bench.seconds + 6)
        return waiting(site)
    finally:
        connection.execute('ROLLBACK')
        connection.close()


def run(bench, report):
    calm, draining, spooled = [], [], []
    with bench.sandbox() as sandbox, bench.site(sandbox, 'drain') as site:
        for _ in range(bench.signin_rounds):
            calm.append(sign_in(bench, site, bench.seconds))
            spooled.append((fill_spool(bench, site), 0))
            before = waiting(site)
            draining.append(sign_in(bench, site, bench.seconds))
            spooled[-1] = (before, waiting(site))
    rates = [[run['per_second'] for run in runs] for runs in (calm, draining)]
    failed = sum(run['failed'] for run in calm + draining)
    report.raw['drain'] = {'calm': calm, 'draining': draining, 'spooled': spooled}
    report.add('drain', f'sign-ins while {median([before for before, _ in spooled]):.0f} spooled ones drain; spool empty', f'{median(rates[1]):.0f}/s', f'{median(rates[0]):.0f}/s',
               ratio=median([a / b for a, b in zip(rates[1], rates[0]) if b]), note=f'{median([after for _, after in spooled]):.0f} still waited at the end; {failed} failed')
