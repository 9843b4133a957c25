# SPDX-License-Identifier: Apache-2.0
"""Where a browser would go: the parts of the WHATWG URL standard that attacks on return addresses live from."""
import itertools
import re

SPECIAL = ('http', 'https', 'ftp', 'ws', 'wss', 'file')


def browser_origin(base_origin, location):
    """The origin a browser ends on when it follows `location` from a page of `base_origin`; 'opaque' for javascript: and the like."""
    text = re.sub('[\t\n\r]', '', location.strip(''.join(map(chr, range(33)))))
    scheme = re.match(r'([a-zA-Z][a-zA-Z0-9+.-]*):(.*)$', text, re.S)
    base_scheme = base_origin.split(':', 1)[0]
    if scheme and scheme.group(1).lower() not in SPECIAL:
        return 'opaque'
    if scheme and not (scheme.group(1).lower() == base_scheme and not re.match(r'[/\\]{2}', scheme.group(2))):
        rest = scheme.group(2).lstrip('/\\')
        return scheme.group(1).lower() + '://' + host_of(rest)
    rest = scheme.group(2) if scheme else text
    if re.match(r'[/\\]{2}', rest):
        return base_scheme + '://' + host_of(rest.lstrip('/\\'))
    return base_origin


def host_of(rest):
    return re.split(r'[/\\?#]', rest, maxsplit=1)[0].rsplit('@', 1)[-1].lower()


def generated():
    """Scheme x slashes x separators x authority: more than five thousand spellings of somebody else's address."""
    schemes = ['', 'http:', 'https:', 'HTTPS:', 'javascript:', 'data:', 'java\tscript:', 'ftp:']
    slashes = ['', '/', '//', '///', '\\', '\\\\', '/\\', '\\/', '/\t/', '/\n/', '/./', '/../', '/.//', '/%2f', '/%5c', '/;/', '\t//', ' //', '\x00//']
    authorities = ['evil.example', 'evil.example:443', 'good@evil.example', '127.0.0.1@evil.example', '127.0.0.1:80\\@evil.example',
                   '127.0.0.1.evil.example', '[::ffff:1.2.3.4]', '0330.072.0326.0316', '1249763844', 'evil.example.', 'ｅｖｉｌ.example',
                   'evil%2eexample', '%65vil.example', 'localhost.evil.example']
    tails = ['', '/', '/private/', '?x=/private/', '#/private/']
    for scheme, slash, authority, tail in itertools.product(schemes, slashes, authorities, tails):
        yield scheme + slash + authority + tail
