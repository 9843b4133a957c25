# SPDX-License-Identifier: Apache-2.0
"""The gate: a static page behind auth_request, asked of weigate, of a bare libfcgi reactor, through a plain snippet, and not asked at all."""
import re

from figures import cpu_us, median, per_round
from programs import SOURCE, run_wrk, start_bare, upstream_of

CONNECTIONS = 32
LOCATIONS = '''
    location /bare/ {{ auth_request /bare-auth; alias {dir}/www/private/; }}
    location /plain/ {{ auth_request /plain-auth; alias {dir}/www/private/; }}
    location = /plain-auth {{
      internal;
      include fastcgi_params;
      fastcgi_param SCRIPT_NAME /weixin/auth;
      fastcgi_param CONTENT_LENGTH "";
      fastcgi_pass_request_body off;
      fastcgi_keep_conn on;
      fastcgi_pass weigate;
    }}
'''
PATHS = {'weigate': '/private/', 'bare': '/bare/', 'plain': '/plain/', 'open': '/'}
# What /etc/nginx/fastcgi_params of Debian sends.
PLAIN_PARAMS = '''
fastcgi_param  QUERY_STRING       $query_string;
fastcgi_param  REQUEST_METHOD     $request_method;
fastcgi_param  CONTENT_TYPE       $content_type;
fastcgi_param  REQUEST_URI        $request_uri;
fastcgi_param  DOCUMENT_URI       $document_uri;
fastcgi_param  DOCUMENT_ROOT      $document_root;
fastcgi_param  SERVER_PROTOCOL    $server_protocol;
fastcgi_param  REQUEST_SCHEME     $scheme;
fastcgi_param  HTTPS              $https if_not_empty;
fastcgi_param  GATEWAY_INTERFACE  CGI/1.1;
fastcgi_param  SERVER_SOFTWARE    nginx/$nginx_version;
fastcgi_param  REMOTE_ADDR        $remote_addr;
fastcgi_param  REMOTE_PORT        $remote_port;
fastcgi_param  SERVER_ADDR        $server_addr;
fastcgi_param  SERVER_PORT        $server_port;
fastcgi_param  SERVER_NAME        $server_name;
fastcgi_param  REDIRECT_STATUS    200;
'''


def bare_gate():
    """The shipped gate with another upstream: what nginx does for both programs is the same."""
    shipped = (SOURCE / 'scripts/nginx/weigate.conf').read_text()
    gate = re.search(r'location = /weixin/auth \{.*?\n\}', shipped, re.S).group(0)
    gate = gate.replace('location = /weixin/auth', 'location = /bare-auth').replace('fastcgi_pass weigate', 'fastcgi_pass bare_reactor')
    return gate.replace('{', '{{').replace('}', '}}')


def measure_round(site, names, seconds, bare):
    figures = {}
    pids = {'weigate': site.worker, 'bare': bare.pid, 'plain': site.worker, 'open': None}
    cookie = f'{site.cookie.name}={site.cookie.value}'
    for name in names:
        pid = pids[name]
        before, nginx_before = cpu_us(pid) if pid else 0, cpu_us(site.nginx_worker)
        figures[name] = run_wrk(site.rig.url + PATHS[name], seconds, CONNECTIONS, cookie)
        used, nginx_used = (cpu_us(pid) if pid else 0) - before, cpu_us(site.nginx_worker) - nginx_before
        figures[name]['cpu_us'] = used / figures[name]['count']
        figures[name]['nginx_us'] = nginx_used / figures[name]['count']
        assert figures[name]['refused'] == 0, f'{name}: {figures[name]}'
    return figures


def run(bench, report):
    names = list(PATHS)
    with bench.sandbox() as sandbox, bench.site(sandbox, 'auth', http=upstream_of('bare_reactor'), server=LOCATIONS + bare_gate(),
                                                files={'fastcgi_params': PLAIN_PARAMS}) as site:
        bare = start_bare(site.rig.dir, 'bare_reactor')
        try:
            site.sign_in()
            measure_round(site, names, 1, bare)
            rounds = [measure_round(site, names if i % 2 == 0 else names[::-1], bench.seconds, bare) for i in range(bench.rounds)]
        finally:
            bare.stop()
    report.raw['auth'] = rounds
    add_rows(report, {name: {key: [one[name][key] for one in rounds] for key in ('per_second', 'cpu_us', 'nginx_us')} for name in names})


def add_rows(report, of):
    rate, cpu = ({name: median(of[name][key]) for name in of} for key in ('per_second', 'cpu_us'))

    def compare(what, key, other, unit, **aim):
        report.add('the gate', what, f'{median(of["weigate"][key]):.{1 if key == "cpu_us" else 0}f} {unit}',
                   f'{median(of[other][key]):.{1 if key == "cpu_us" else 0}f} {unit}', ratio=per_round(of['weigate'][key], of[other][key]), **aim)
    compare('auth check, worker CPU, cookie opened; bare libfcgi reactor', 'cpu_us', 'bare', 'us', at_most=1.4)
    compare('auth checks a second through nginx; bare libfcgi reactor', 'per_second', 'bare', '/s', at_least=0.9)
    compare('static page behind the gate; the page ungated', 'per_second', 'open', '/s', at_least=0.55)
    compare('static page behind the gate; the gate with a plain snippet', 'per_second', 'plain', '/s', at_least=1.5)
    report.note(f'the gate: nginx worker CPU per page {median(of["weigate"]["nginx_us"]):.0f} us gated, {median(of["open"]["nginx_us"]):.0f} us ungated, '
                f'{median(of["plain"]["nginx_us"]):.0f} us with the plain snippet; weigate CPU there {cpu["plain"]:.1f} us ({rate["plain"]:.0f}/s)')
