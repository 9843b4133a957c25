# SPDX-License-Identifier: Apache-2.0
"""Whole sign-ins at several upstream latencies and numbers in flight: weigate with one worker and the file store, a bare curl_multi loop over
libfcgi that does the same two calls and stores nothing, and Express with wechat-oauth and pg. WeChat's API is spoken over TLS, as in life."""
from figures import median, per_round
from programs import Missing, run_load, start_bare, start_express, start_postgres, upstream_of

LATENCIES_MS = (0, 50, 200)
IN_FLIGHT = (64, 256, 1024)
CALLS = 2
RATE_MAX = 18000  # more than this machine signs in; only for minting enough codes
EXPRESS_RATE_MAX = 2000
LOCATION_BARE = '''
    location = /bare {{
      fastcgi_pass bare_curl;
      fastcgi_keep_conn on;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param QUERY_STRING   $query_string;
      fastcgi_param SCRIPT_NAME    $fastcgi_script_name;
      fastcgi_read_timeout 60s;
    }}
'''
AIM_RATE, AIM_CPU, AIM_EXPRESS, AIM_ADDED_MS = 0.8, 1.3, 15, 10


class SignIns:
    """One site with everything that is compared; runs are made one after the other."""

    def __init__(self, bench, sandbox, site, bare):
        self.bench, self.sandbox, self.site, self.bare, self.express = bench, sandbox, site, bare, None

    def run(self, name, in_flight, latency_ms, rate=0):
        seconds, warm_up = self.bench.seconds, self.bench.warm_up + 2 * CALLS * latency_ms / 1000
        highest = rate or min(EXPRESS_RATE_MAX if name == 'express' else RATE_MAX, 1100 * in_flight / (CALLS * latency_ms) if latency_ms else RATE_MAX)
        common = {'codes': self.bench.codes, 'count': int(highest * (seconds + warm_up) * 1.2) + 2 * in_flight, 'seconds': seconds,
                  'warm_up': warm_up, 'in_flight': in_flight, 'rate': rate}
        port = self.site.rig.port
        if name == 'weigate':
            result = run_load(port=port, pids=[self.site.worker, self.site.nginx_worker, self.sandbox.process.pid],
                              path=('/weixin/login', '/weixin/callback'), session='weigate=', **common)
        elif name == 'bare':
            result = run_load(port=port, pids=[self.bare.pid, self.site.nginx_worker, self.sandbox.process.pid], path='/bare', **common)
        else:
            result = run_load(port=self.express.port, pids=[self.express.pid], path=('/login', '/callback'), session='session=', **common)
        return result | {'program': name, 'latency_ms': latency_ms}


def cell_rows(report, latency_ms, in_flight, runs):
    rates, cpus = ({name: [one[key] if key == 'per_second' else one[key][0] for one in of] for name, of in runs.items()}
                   for key in ('per_second', 'cpu_us'))
    failed = {name: sum(one['failed'] for one in of) for name, of in runs.items() if any(one['failed'] for one in of)}
    note = '; '.join(f'{name}: {count} failed' for name, count in failed.items())
    part, cell = 'sign-ins', f'{latency_ms:>3} ms, {in_flight:>4} in flight'
    report.add(part, f'{cell}: rate; bare', f'{median(rates["weigate"]):.0f} /s', f'{median(rates["bare"]):.0f} /s',
               ratio=per_round(rates['weigate'], rates['bare']), at_least=AIM_RATE, note=note)
    report.add(part, f'{cell}: worker CPU; bare', f'{median(cpus["weigate"]):.0f} us', f'{median(cpus["bare"]):.0f} us',
               ratio=per_round(cpus['weigate'], cpus['bare']), at_most=AIM_CPU)
    if 'express' in runs:
        report.add(part, f'{cell}: rate; Express', f'{median(rates["weigate"]):.0f} /s', f'{median(rates["express"]):.0f} /s',
                   ratio=median(rates['weigate']) / median(rates['express']) if median(rates['express']) else None,
                   note='' if median(rates['express']) else 'none of its sign-ins ended in time')


def measure_matrix(bench, all_programs, report):
    best = {}
    for latency_ms in bench.latencies(LATENCIES_MS):
        all_programs.sandbox.latency(latency_ms)
        for in_flight in bench.in_flight(IN_FLIGHT):
            names = ['weigate', 'bare']
            runs = {name: [] for name in names}
            for i in range(bench.signin_rounds):
                for name in names if i % 2 == 0 else names[::-1]:
                    runs[name].append(all_programs.run(name, in_flight, latency_ms))
            if all_programs.express:
                runs['express'] = [all_programs.run('express', in_flight, latency_ms)]
            bench.say(f'  {latency_ms} ms, {in_flight} in flight: ' + ', '.join(
                f'{name} {median([one["per_second"] for one in of]):.0f}/s at {median([one["cpu_us"][0] for one in of]):.0f} us' for name, of in runs.items()))
            report.raw.setdefault('sign-ins', []).append({'latency_ms': latency_ms, 'in_flight': in_flight, 'runs': runs})
            cell_rows(report, latency_ms, in_flight, runs)
            for name, of in runs.items():
                best[name] = max(best.get(name, 0), median([one['per_second'] for one in of]))
    if 'express' in best:
        report.add('sign-ins', 'the most that each completes, any cell; Express', f'{best["weigate"]:.0f} /s', f'{best["express"]:.0f} /s',
                   ratio=best['weigate'] / best['express'], at_least=AIM_EXPRESS)


def measure_added(bench, all_programs, report, latency_ms=50):
    """At half of what weigate completes at that latency; timed from the moment a sign-in should have begun."""
    all_programs.sandbox.latency(latency_ms)
    most = all_programs.run('weigate', 1024, latency_ms)['per_second']
    runs = {name: all_programs.run(name, 1024, latency_ms, rate=most / 2) for name in ('weigate', 'bare')}
    report.raw['added'] = runs
    added = {name: {share: one['sign_in_ms'][share] - CALLS * latency_ms for share in ('p50', 'p99')} for name, one in runs.items()}
    report.add('sign-ins', f'added beyond {latency_ms} ms upstream at half load ({most / 2:.0f}/s), p99; bare', f'{added["weigate"]["p99"]:.1f} ms',
               f'{added["bare"]["p99"]:.1f} ms', measured=added['weigate']['p99'], at_most=AIM_ADDED_MS,
               note=f'p50 {added["weigate"]["p50"]:.1f} ms, bare {added["bare"]["p50"]:.1f} ms')


def run(bench, report):
    with bench.sandbox() as sandbox, bench.site(sandbox, 'signins', http=upstream_of('bare_curl'), server=LOCATION_BARE) as site:
        bench.mint_from(sandbox)
        bare = start_bare(site.rig.dir, 'bare_curl', API_URL=sandbox.api_url, CA_FILE=str(bench.certificate), APPID=sandbox.appid, APPSECRET=sandbox.secret)
        postgres = express = None
        try:
            all_programs = SignIns(bench, sandbox, site, bare)
            try:
                postgres = start_postgres(bench.directory)
                express = start_express(bench.directory, sandbox.api_url, bench.certificate, postgres)
                all_programs.express = express
            except Missing as missing:
                report.note(f'Express is not measured: {missing}')
            measure_matrix(bench, all_programs, report)
            measure_added(bench, all_programs, report)
        finally:
            for child in (bare, express, postgres):
                if child:
                    child.stop()
