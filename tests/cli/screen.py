#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command on a terminal of a given size and show what is on its screen.

  screen.py LINES COLUMNS [--at SECONDS] [--resize SECONDS LINES COLUMNS] [--kill SECONDS SIGNAL]
            COMMAND...

At those times after the command's first output the screen is printed below a line "== SECONDS" (as
soon as what was drawn is whole: the last was to erase what is below), the terminal gets another
size, the command gets a signal. In the end everything that scrolled off and the screen are printed
below "== end", then "cursor LINE COLUMN", "colour on" or "off", "colours N" (changes of it),
"wrapped N" (lines that were too long), "redraws N" (how often the cursor went up) and "seconds S".
Only standard error is the terminal; standard output is passed through, below "== output". The exit
status is the command's.
An escape sequence that is not known here is an error of the command.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

SEQUENCE = re.compile(rb'\x1b\[([0-9;]*)([A-Za-z])')


class Screen:
    def __init__(self, lines, columns):
        self.lines, self.columns = lines, columns
        self.rows, self.off = [''], []
        self.row = self.column = self.wrapped = 0
        self.colour, self.colours, self.left = False, 0, b''
        self.redraws, self.whole = 0, False

    def resize(self, lines, columns):
        """As terminals do that wrap again what is on them."""
        rows, cursor = [], 0
        for i, row in enumerate(self.rows):
            pieces = [row[k:k + columns] for k in range(0, len(row), columns)] or ['']
            if i == self.row:
                cursor = len(rows) + min(self.column // columns, len(pieces) - 1)
            rows += pieces
        self.lines, self.columns, self.rows, self.row = lines, columns, rows, cursor
        while self.row >= lines:
            self.off.append(self.rows.pop(0))
            self.row -= 1
        del self.rows[lines:]

    def down(self):
        self.row += 1
        if self.row == self.lines:
            self.off.append(self.rows.pop(0))
            self.row -= 1
        while len(self.rows) <= self.row:
            self.rows.append('')

    def put(self, character):
        if self.column == self.columns:
            self.wrapped += 1
            self.column = 0
            self.down()
        row = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = row[:self.column] + character + row[self.column + 1:]
        self.column += 1

    def sequence(self, number, letter):
        self.whole = letter == 'J'
        if letter == 'A':
            self.redraws += 1
            self.row = max(0, self.row - int(number or 1))
        elif letter == 'K' and not number:
            self.rows[self.row] = self.rows[self.row][:self.column]
        elif letter == 'J' and not number:
            self.rows[self.row] = self.rows[self.row][:self.column]
            del self.rows[self.row + 1:]
        elif letter == 'm':
            self.colour = number not in ('', '0')
            self.colours += 1
        else:
            sys.exit(f'screen.py: unknown sequence ESC [ {number} {letter}')

    def write(self, data):
        data, self.left = self.left + data, b''
        at = 0
        while at < len(data):
            c = data[at]
            if c == 0x1b:
                m = SEQUENCE.match(data, at)
                if not m:
                    if len(data) - at < 12:
                        self.left = data[at:]
                        return
                    sys.exit(f'screen.py: unknown sequence {data[at:at + 12]!r}')
                self.sequence(m[1].decode(), m[2].decode())
                at = m.end()
                continue
            self.whole = False
            if c == 0x0d:
                self.column = 0
            elif c == 0x0a:
                self.down()
            elif c < 0x20:
                sys.exit(f'screen.py: control character {c}')
            elif c & 0xc0 != 0x80:  # of a character of several bytes the first counts
                self.put(chr(c) if c < 0x80 else '?')
            at += 1


def set_size(terminal, lines, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))


def main():
    arguments = sys.argv[1:]
    lines, columns = int(arguments.pop(0)), int(arguments.pop(0))
    todo = []
    while arguments[0].startswith('--'):
        what = arguments.pop(0)
        values = [int(arguments.pop(0)) if i else float(arguments.pop(0))
                  for i in range({'--at': 1, '--resize': 3, '--kill': 2}[what])]
        todo.append((values[0], what, values[1:]))
    todo.sort()
    terminal, inside = pty.openpty()
    set_size(terminal, lines, columns)
    output = os.memfd_create('output')
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(inside, termios.TIOCSCTTY, 0)
        os.dup2(inside, 2)
        os.dup2(output, 1)
        os.execvp(arguments[0], arguments)
    os.close(inside)
    screen, drawn = Screen(lines, columns), None
    while time.monotonic() - began < 120:
        now = time.monotonic()
        while todo and drawn and drawn + todo[0][0] <= now and (screen.whole or todo[0][1] != '--at'):
            when, what, values = todo.pop(0)
            if what == '--at':
                print(f'== {when:g}', *screen.rows, sep='\n')
            elif what == '--resize':
                screen.resize(*values)
                set_size(terminal, *values)
            else:
                os.kill(pid, signal.Signals(values[0]))
        if not select.select([terminal], [], [], 0.02)[0]:
            continue
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        drawn = drawn or time.monotonic()
        screen.write(data)
    else:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    print('== end', *screen.off, *screen.rows, sep='\n')
    print('cursor', screen.row, screen.column)
    print('colour', 'on' if screen.colour else 'off')
    print('colours', screen.colours)
    print('wrapped', screen.wrapped)
    print('redraws', screen.redraws)
    print(f'seconds {time.monotonic() - began:.1f}')
    print('== output')
    sys.stdout.flush()
    os.lseek(output, 0, os.SEEK_SET)
    with os.fdopen(output, 'rb') as file:
        sys.stdout.buffer.write(file.read())
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


main()
