# SPDX-License-Identifier: Apache-2.0
"""FastCGI by hand: records built byte by byte and sent on weigate's socket, so that a test can be as wrong as it likes.

    with Connection(rig.socket) as peer:
        peer.send(begin() + params({'REQUEST_METHOD': 'GET', ...}) + stdin())
        answer = peer.answer()          # .status .headers .body
        assert peer.is_closed()
"""
import json
import socket
import struct

from wait import SLACK

BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = range(1, 12)
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = range(4)


def record(kind, content=b'', request_id=1, version=1, padding=0, length=None):
    return struct.pack('>BBHHBx', version, kind, request_id, len(content) if length is None else length, padding) + content + bytes(padding)


def begin(role=RESPONDER, keep=True, request_id=1, version=1, body=None):
    content = struct.pack('>HB5x', role, 1 if keep else 0) if body is None else body
    return record(BEGIN_REQUEST, content, request_id, version)


def size(n):
    return bytes([n]) if n < 128 else struct.pack('>I', n | 0x80000000)


def pair(name, value):
    name, value = (part.encode('latin-1') if isinstance(part, str) else part for part in (name, value))
    return size(len(name)) + size(len(value)) + name + value


def stream(kind, content, request_id=1, chunk=65535, padding=0):
    """One FastCGI stream: records of at most `chunk` bytes and the empty one that ends it."""
    pieces = [content[i:i + chunk] for i in range(0, len(content), chunk)]
    return b''.join(record(kind, piece, request_id, padding=padding) for piece in pieces) + record(kind, b'', request_id)


def params(values, **options):
    """A dictionary, or a list of pairs where a name must come twice."""
    pairs = values.items() if isinstance(values, dict) else values
    return stream(PARAMS, b''.join(pair(name, value) for name, value in pairs), **options)


def stdin(body=b'', **options):
    return stream(STDIN, body, **options)


def environment(path, method='GET', query='', cookie='', body=b'', **more):
    """The parameters nginx would send; a value of None leaves one out."""
    values = {'REQUEST_METHOD': method, 'QUERY_STRING': query, 'SCRIPT_NAME': path, 'REQUEST_URI': path + ('?' + query if query else ''),
              'SERVER_PROTOCOL': 'HTTP/1.1', 'HTTP_HOST': 'weigate.test', 'REMOTE_ADDR': '127.0.0.1', 'HTTP_COOKIE': cookie,
              'CONTENT_LENGTH': str(len(body)) if body else ''}
    values.update(more)
    return {name: value for name, value in values.items() if value is not None}


def request(path, body=b'', keep=True, **more):
    return begin(keep=keep) + params(environment(path, body=body, **more)) + stdin(body)


class Answer:
    def __init__(self, text, protocol_status):
        head, _, self.body = text.partition(b'\r\n\r\n')
        lines = head.decode('latin-1').split('\r\n')
        self.head_bytes = len(head)
        self.protocol_status = protocol_status
        self.headers = [tuple(line.split(': ', 1)) for line in lines if ': ' in line]
        status = self.header('Status')
        self.status = int(status.split()[0]) if status else (200 if head else 0)

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self):
        return json.loads(self.body)

    def json_error(self):
        """The word of a problem document, '' for other answers."""
        return self.json()['error'] if self.header('Content-Type') == 'application/problem+json' else ''


class Connection:
    """One connection to the FastCGI socket (a path, or a (host, port) pair)."""

    def __init__(self, address, timeout=10):
        self.socket = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
        self.socket.settimeout(timeout * SLACK)
        self.socket.connect(address if isinstance(address, tuple) else str(address))
        self.pending = b''

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.socket.close()

    def send(self, *parts):
        self.socket.sendall(b''.join(parts))

    def read(self, n):
        while len(self.pending) < n:
            try:
                arrived = self.socket.recv(65536)
            except ConnectionResetError:
                arrived = b''
            if not arrived:
                return None
            self.pending += arrived
        taken, self.pending = self.pending[:n], self.pending[n:]
        return taken

    def record(self):
        """(kind, request id, content), or None at the end of the connection."""
        head = self.read(8)
        if head is None:
            return None
        _, kind, request_id, length, padding = struct.unpack('>BBHHBx', head)
        content = self.read(length + padding)
        return None if content is None else (kind, request_id, content[:length])

    def answer(self):
        """The whole answer to one request, or None if the connection ended first."""
        text = b''
        while True:
            got = self.record()
            if got is None:
                return None
            kind, _, content = got
            if kind == STDOUT:
                text += content
            elif kind == END_REQUEST:
                return Answer(text, content[4])

    def is_closed(self):
        """Waits for the peer to close, and says whether nothing came before that."""
        return self.read(1) is None


def ask(address, path, body=b'', **more):
    """One request on a connection of its own."""
    with Connection(address) as peer:
        peer.send(request(path, body=body, keep=False, **more))
        return peer.answer()


class Client(Connection):
    """A kept connection for many well-formed requests."""

    def get(self, path, **more):
        self.send(request(path, **more))
        answer = self.answer()
        assert answer is not None, f'the connection ended instead of answering {path}'
        return answer
