#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serve a repository tree to programs on this machine, as a mirror would.

Only on the loopback address. Names with '+' and '~' are found whether they come raw or percent-encoded;
folders have no listing, because Alpine's clients never ask for one.
"""
import argparse
import http.server
import os
import signal
import sys
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_version = 'standin'

    def _open(self):
        """The file asked for, or None. unquote(), not unquote_plus(): '+' in a path is itself."""
        path = urllib.parse.unquote(self.path.partition('?')[0])
        root = self.server.root
        name = os.path.realpath(os.path.join(root, path.lstrip('/')))
        if '\0' in path or os.path.commonpath((root, name)) != root or not os.path.isfile(name):
            return None
        return open(name, 'rb')

    def _refuse(self, status):
        self.send_response(status)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def _answer(self, body):
        try:
            handle = self._open()
        except (OSError, ValueError):
            handle = None
        if handle is None:
            self._refuse(404)
            return
        with handle:
            status = os.fstat(handle.fileno())
            modified = self.date_time_string(int(status.st_mtime))
            first, last = self._range(status.st_size, modified)
            if first and first >= status.st_size:
                self._refuse(416)
                return
            partial = first > 0 or last < status.st_size - 1
            self.send_response(206 if partial else 200)
            self.send_header('Content-Type', 'application/octet-stream')
            self.send_header('Content-Length', str(last - first + 1))
            self.send_header('Last-Modified', modified)
            self.send_header('Accept-Ranges', 'bytes')
            if partial:
                self.send_header('Content-Range', 'bytes %d-%d/%d' % (first, last, status.st_size))
            self.end_headers()
            if body:
                self._send(handle, first, last - first + 1)

    def _range(self, size, modified):
        """First and last byte: a download that broke off is continued with 'bytes=N-'. What it has of
        another version of the file (If-Range) gets the whole one."""
        if self.headers.get('If-Range', modified) != modified:
            return 0, size - 1
        unit, _, span = self.headers.get('Range', '').partition('=')
        first, dash, last = span.partition('-')
        if unit == 'bytes' and dash and first.isdigit() and (not last or last.isdigit()):
            if not last or int(first) <= int(last):
                return int(first), min(int(last), size - 1) if last else size - 1
        return 0, size - 1

    def _send(self, handle, at, left):
        self.wfile.flush()
        while left:
            sent = os.sendfile(self.connection.fileno(), handle.fileno(), at, left)
            if not sent:
                self.close_connection = True
                return
            at, left = at + sent, left - sent

    def do_GET(self):
        try:
            self._answer(True)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_HEAD(self):
        self._answer(False)

    def log_message(self, format, *arguments):
        if self.server.verbose:
            super().log_message(format, *arguments)


def make_server(root, port=0, verbose=False):
    """A server for use inside a test: serve_forever() in a thread, server_address[1] is the port."""
    root = os.path.realpath(root)
    if not os.path.isdir(root):
        raise NotADirectoryError(root)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
    server.daemon_threads = True
    server.root, server.verbose = root, verbose
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--root', required=True)
    parser.add_argument('--port', type=int, default=0, help='0 (the default) takes any free one')
    parser.add_argument('--port-file', help='written, with the port, once connections are taken')
    parser.add_argument('--verbose', action='store_true')
    options = parser.parse_args()
    try:
        server = make_server(options.root, options.port, options.verbose)
    except OSError as error:
        sys.exit('serve.py: %s' % error)
    port = server.server_address[1]
    if options.port_file:
        with open(options.port_file + '.new', 'w', encoding='utf-8') as handle:
            handle.write('%d\n' % port)
        os.rename(options.port_file + '.new', options.port_file)
    print(port, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    main()
