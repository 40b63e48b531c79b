#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories below a folder over HTTPS, by git's own http-backend: git-server.py --root DIR
--certificate FILE [--port-file FILE]. The certificate's file holds its key, too."""
import argparse
import http.server
import os
import ssl
import subprocess

BACKEND = os.path.join(subprocess.run(['git', '--exec-path'], stdout=subprocess.PIPE, text=True,
                                      check=True).stdout.strip(), 'git-http-backend')


class Handler(http.server.BaseHTTPRequestHandler):
    root = ''

    def answer(self):
        path, _, query = self.path.partition('?')
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        env = {'PATH': os.environ['PATH'], 'GIT_PROJECT_ROOT': self.root, 'GIT_HTTP_EXPORT_ALL': '1',
               'PATH_INFO': path, 'QUERY_STRING': query, 'REQUEST_METHOD': self.command,
               'CONTENT_TYPE': self.headers.get('Content-Type', ''), 'CONTENT_LENGTH': str(len(body)),
               'HTTP_CONTENT_ENCODING': self.headers.get('Content-Encoding', ''),
               'GIT_PROTOCOL': self.headers.get('Git-Protocol', ''), 'REMOTE_ADDR': '127.0.0.1',
               'GIT_CONFIG_COUNT': '1', 'GIT_CONFIG_KEY_0': 'safe.directory', 'GIT_CONFIG_VALUE_0': '*'}
        done = subprocess.run([BACKEND], input=body, env=env, stdout=subprocess.PIPE, check=False)
        head, _, rest = done.stdout.partition(b'\r\n\r\n')
        lines = [line.split(': ', 1) for line in head.decode().split('\r\n') if ': ' in line]
        status = next((int(value.split()[0]) for name, value in lines if name == 'Status'), 200)
        self.send_response(status)
        for name, value in lines:
            if name != 'Status':
                self.send_header(name, value)
        self.send_header('Content-Length', str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)

    do_GET = do_POST = answer


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--root', required=True)
    p.add_argument('--certificate', required=True)
    p.add_argument('--port-file')
    o = p.parse_args()
    Handler.root = o.root
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(o.certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    if o.port_file:
        with open(o.port_file + '.new', 'w', encoding='ascii') as f:
            f.write('%d\n' % server.server_address[1])
        os.rename(o.port_file + '.new', o.port_file)
    server.serve_forever()


if __name__ == '__main__':
    main()
