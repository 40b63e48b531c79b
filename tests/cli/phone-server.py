#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A port of this machine behind which a phone answers: each connection gets an sshd of its own.

  phone-server.py SSHD CONFIG --port-file FILE

SIGUSR1 is the end of the phone: its connections break and nobody listens any more.
"""
import os
import signal
import socket
import subprocess
import sys

sshd, config = sys.argv[1:3]
port_file = sys.argv[sys.argv.index('--port-file') + 1]
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
connections = []


def die(*_):
    listener.close()
    for sshd_pid in connections:
        try:
            os.killpg(sshd_pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os._exit(0)


listener = socket.socket()
listener.bind(('127.0.0.1', 0))
listener.listen(16)
with open(port_file + '.new', 'w') as handle:
    handle.write(str(listener.getsockname()[1]))
os.rename(port_file + '.new', port_file)
signal.signal(signal.SIGUSR1, die)
with open(port_file + '.log', 'a') as log:
    while True:
        connection, _ = listener.accept()
        connections.append(subprocess.Popen([sshd, '-i', '-e', '-f', config], stdin=connection,
                                            stdout=connection, stderr=log, start_new_session=True).pid)
        connection.close()
