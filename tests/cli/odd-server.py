#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror in trouble, for the command-line tests. The first folder of the path says how it answers:

  /good/...     as it should          /short/...    half of the body, then the connection ends
  /missing/...  404                   /garbage/...  200 and a page of a hotel's wireless network
  /broken/...   500                   /endless/...  200 and bytes without end
  /moved/...    302 to file:///etc/passwd
  /slow/...     as it should, drop by drop

Beside that, /half-KIND/... answers KIND for packages and as it should for indexes.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'standin'))
import serve  # noqa: E402

PAGE = b'<html><body>Welcome! Please log in to use the network.</body></html>\n'


class Handler(serve.Handler):
    def do_GET(self):
        kind, _, rest = self.path.lstrip('/').partition('/')
        self.path = '/' + rest
        half = kind.startswith('half-')
        kind = kind.removeprefix('half-')
        if half and not rest.endswith('.apk'):
            kind = 'good'
        try:
            getattr(self, 'answer_' + kind, self.answer_missing)()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer_good(self):
        self._answer(True)

    def answer_missing(self):
        self._refuse(404)

    def answer_broken(self):
        self._refuse(500)

    def answer_moved(self):
        self.send_response(302)
        self.send_header('Location', 'file:///etc/passwd')
        self.send_header('Content-Length', '0')
        self.end_headers()

    def start(self, size=None):
        self.send_response(200)
        if size is not None:
            self.send_header('Content-Length', str(size))
        self.end_headers()

    def answer_garbage(self):
        self.start(len(PAGE))
        self.wfile.write(PAGE)

    def body(self):
        with self._open() as handle:
            return handle.read()

    def answer_short(self):
        body = self.body()
        self.start(len(body))
        self.wfile.write(body[:len(body) // 2])
        self.close_connection = True

    def answer_endless(self):
        # no Content-Length: only the receiver can know when it is too much
        self.close_connection = True
        self.start()
        self.wfile.write(self.body())
        while True:
            self.wfile.write(bytes(65536))

    def answer_slow(self):
        """Slowly enough to be interrupted, not so slowly that a test takes long."""
        body = self.body()
        self.start(len(body))
        for at in range(0, len(body), len(body) // 16 + 1):
            self.wfile.write(body[at:at + len(body) // 16 + 1])
            self.wfile.flush()
            time.sleep(0.1)


serve.Handler = Handler

if __name__ == '__main__':
    serve.main()
