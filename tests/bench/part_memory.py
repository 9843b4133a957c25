# SPDX-License-Identifier: Apache-2.0
"""What a worker holds: idle, and with 1,024 sign-ins in flight over HTTP/2 and over HTTP/1.1, both with TLS."""
from figures import forget_peak, peak_mib, rss_mib
from programs import run_load

IN_FLIGHT = 1024
LATENCY_MS = 200
AIM_IDLE_MIB, AIM_HTTP2_MIB, AIM_HTTP1_MIB = 12, 64, 160


def measure(bench, site):
    bench.mint_from(site.rig.sandbox)
    idle = rss_mib(site.worker)
    site.rig.sandbox.latency(LATENCY_MS)
    forget_peak(site.worker)
    result = run_load(codes=bench.codes, count=int(6 * IN_FLIGHT * (bench.seconds + 4)), port=site.rig.port, pids=[site.worker],
                      seconds=bench.seconds, warm_up=2, in_flight=IN_FLIGHT, path=('/weixin/login', '/weixin/callback'), session='weigate=')
    return {'idle_mib': idle, 'peak_mib': peak_mib(site.worker), 'load': result}


def add_row(report, what, figure, aim, figures):
    failed = figures['load']['failed'] if what != 'idle worker' else 0
    report.add('memory', what, f'{figure:.1f} MiB', '', measured=figure, at_most=aim, note=f'{failed} sign-ins failed' if failed else '')


def run(bench, report):
    figures = {}
    for protocol in ('', 'http2'):
        with bench.sandbox(protocol) as sandbox, bench.site(sandbox, f'memory{protocol}') as site:
            figures[protocol] = measure(bench, site)
    http1, http2 = figures[''], figures['http2']
    report.raw['memory'] = {'http1': http1, 'http2': http2}
    add_row(report, 'idle worker', http1['idle_mib'], AIM_IDLE_MIB, http1)
    add_row(report, f'{IN_FLIGHT} sign-ins in flight, HTTP/2, peak', http2['peak_mib'], AIM_HTTP2_MIB, http2)
    add_row(report, f'{IN_FLIGHT} sign-ins in flight, HTTP/1.1 with TLS, peak', http1['peak_mib'], AIM_HTTP1_MIB, http1)
