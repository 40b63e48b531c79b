#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror in trouble, for the command-line tests. The first folder of the path says how it answers:

  /good/...     as it should          /short/...    half of the body, then the connection ends
  /missing/...  404                   /garbage/...  200 and a page of a hotel's wireless network
  /broken/...   500                   /endless/...  200 and bytes without end
  /moved/...    302 to file:///etc/passwd
  /forbidden/.. 403                   /slow/...     as it should, drop by drop
  /late/...     404, for tiny-1 half a second later
  /crowd/...    as it should, once three are asked for at a time

and what is good at last:

  /cut/...      half of the body each time, of what is asked for, until a kilobyte or less is left
  /stall/...    the first time half of the body, and then nothing for three seconds
  /renewed/...  the first time half of another file, with an ETag
  /whole/...    the first time half of the body; ranges are not understood
  /nothing/...  the first time half of the body; to each Range 416
  /shifted/...  the first time half of the body; to each Range another one
  /busy/...     503 twice             /later/...    the first time 503 and Retry-After: 1
  /login/...    the first and third time that page instead of an index
  /unsaid/...   the first time half of the body, and no length

Beside that, /half-KIND/... answers KIND for packages and as it should for indexes. With --log FILE each
request is a line: status of what kind, path, Range, If-Range, how many packages are asked for right now.
"""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'standin'))
import serve  # noqa: E402

PAGE = b'<html><body>Welcome! Please log in to use the network.</body></html>\n'
CROWD = 3
LOG = None
lock = threading.Condition()
asked = {}
busy = 0


class Handler(serve.Handler):
    def do_GET(self):
        global busy
        whole = self.path
        kind, _, rest = self.path.lstrip('/').partition('/')
        self.path = '/' + rest
        half = kind.startswith('half-')
        kind = kind.removeprefix('half-')
        if half and not rest.endswith('.apk'):
            kind = 'good'
        with lock:
            self.times = asked[whole] = asked.get(whole, 0) + 1
            busy += 1
            lock.notify_all()
            if LOG:
                with open(LOG, 'a', encoding='utf-8') as log:
                    print(whole, self.headers.get('Range', '-'), self.headers.get('If-Range', '-'), busy,
                          sep='\t', file=log)
        try:
            getattr(self, 'answer_' + kind, self.answer_missing)()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with lock:
                busy -= 1

    def answer_good(self):
        self._answer(True)

    def answer_missing(self):
        self._refuse(404)

    def answer_broken(self):
        self._refuse(500)

    def answer_forbidden(self):
        self._refuse(403)

    def answer_late(self):
        if '/tiny-1-' in self.path:
            time.sleep(0.5)
        self._refuse(404)

    def answer_moved(self):
        self.send_response(302)
        self.send_header('Location', 'file:///etc/passwd')
        self.send_header('Content-Length', '0')
        self.end_headers()

    def start(self, size=None, status=200, **headers):
        self.send_response(status)
        if size is not None:
            self.send_header('Content-Length', str(size))
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
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

    def answer_crowd(self):
        with lock:
            lock.wait_for(lambda: busy >= CROWD, timeout=2)
        time.sleep(0.1)
        self._answer(True)

    # ---- good at last ----

    def answer_cut(self):
        body = self.body()
        first = self._range(len(body), None)[0]
        if len(body) - first <= 1024:
            return self._answer(True)
        headers = {'Content_Range': 'bytes %d-%d/%d' % (first, len(body) - 1, len(body))} if first else {}
        self.start(len(body) - first, 206 if first else 200, **headers)
        self.wfile.write(body[first:(first + len(body)) // 2])
        self.close_connection = True

    def first_half(self, then):
        return self.answer_short() if self.times == 1 else then()

    def answer_stall(self):
        if self.times == 1:
            body = self.body()
            self.start(len(body))
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            time.sleep(3)
            self.close_connection = True
        else:
            self._answer(True)

    def answer_login(self):
        if self.times in (1, 3) and 'APKINDEX' in self.path:
            self.answer_garbage()
        else:
            self._answer(True)

    def answer_unsaid(self):
        if self.times == 1:
            body = self.body()
            self.close_connection = True
            self.start()
            self.wfile.write(body[:len(body) // 2])
        else:
            self._answer(True)

    def answer_renewed(self):
        if self.times == 1:
            size = len(self.body())
            self.start(size, ETag='"of-the-other"')
            self.wfile.write(bytes(size // 2))
            self.close_connection = True
        else:
            self._answer(True)

    def without_range(self):
        body = self.body()
        self.start(len(body))
        self.wfile.write(body)

    def answer_whole(self):
        self.first_half(self.without_range)

    def answer_nothing(self):
        self.first_half(lambda: self._refuse(416) if 'Range' in self.headers else self.without_range())

    def answer_shifted(self):
        def other_range():
            if 'Range' not in self.headers:
                return self.without_range()
            body = self.body()
            self.start(len(body) - 7, 206, Content_Range='bytes 7-%d/%d' % (len(body) - 1, len(body)))
            self.wfile.write(body[7:])
        self.first_half(other_range)

    def answer_busy(self):
        if self.times <= 2:
            self._refuse(503)
        else:
            self._answer(True)

    def answer_later(self):
        if self.times == 1:
            self.start(0, 503, Retry_After='1')
        else:
            self._answer(True)


serve.Handler = Handler

if __name__ == '__main__':
    if '--log' in sys.argv:
        at = sys.argv.index('--log')
        LOG = sys.argv[at + 1]
        del sys.argv[at:at + 2]
    serve.main()
