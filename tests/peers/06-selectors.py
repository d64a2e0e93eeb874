#!/usr/bin/python3
"""A right server for lesson 06 in Python: selectors.DefaultSelector.

    tests/peers/06-selectors.py [-p PORT] [-q]

Each fd has a callback. SIGINT and SIGTERM wait for a thread of their own, in
sigwait(): so they end the server also while a full log blocks it.
"""
import errno
import getopt
import os
import resource
import select
import selectors
import signal
import socket
import sys
import threading

LESSON = "06-selector"
USAGE = f"usage: {LESSON} [-p PORT] [-q]"
BUFFER_SIZE = 64 * 1024

while os.open("/dev/null", os.O_RDWR) <= 2:  # 0 to 2 may be closed
    pass
selector = selectors.DefaultSelector()
listener = socket.socket()
quiet = False
count = 0  # clients
waits = False  # the listener waits for a free fd


def log(text):
    if not quiet:
        line = sys._getframe(1).f_lineno
        os.write(1, f"{__file__}:{line}: {text}\n".encode())


def wait_for_signals(signals):
    signal.sigwait(signals)
    if select.select([], [1], [], 0)[1]:
        os.write(1, b"bye\n")
    os._exit(0)


class Client:
    __slots__ = ("socket", "name", "pending")

    def __init__(self, accepted, address):
        self.socket = accepted
        self.name = "%s:%d" % address
        self.pending = b""
        log(f"{self.name}: accept")
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(accepted, selectors.EVENT_READ, self.serve)

    def close(self):
        global count, waits
        log(f"{self.name}: close")
        selector.unregister(self.socket)
        self.socket.close()
        count -= 1
        if waits:
            selector.register(listener, selectors.EVENT_READ, on_accept)
            waits = False

    def serve(self):
        """One turn: send what is pending, or read once and answer."""
        had = self.pending
        try:
            self.pending = had or self.socket.recv(BUFFER_SIZE).upper()
            if not self.pending:
                self.close()
                return
            sent = self.socket.send(self.pending)
            log(f"{self.name}: send: {sent} of {len(self.pending)} bytes")
            self.pending = self.pending[sent:]
        except BlockingIOError:
            pass
        except OSError as error:
            log(f"{self.name}: {error.strerror}")
            self.close()
            return
        if bool(had) != bool(self.pending):
            selector.modify(self.socket, selectors.EVENT_WRITE if self.pending
                            else selectors.EVENT_READ, self.serve)


def on_accept():
    global count, waits
    try:
        Client(*listener.accept())
        count += 1
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return
        log(f"accept: {error.strerror}")
        if error.errno == errno.EMFILE and count > 0:
            selector.unregister(listener)  # a client that closes ends this
            waits = True


def parse_arguments():
    global quiet
    port = 9006
    try:
        options, rest = getopt.getopt(sys.argv[1:], "p:q")
        if rest:
            raise ValueError(f"unexpected argument '{rest[0]}'")
        for option, value in options:
            if option == "-q":
                quiet = True
            elif not value.isdigit() or int(value) > 65535:
                raise ValueError(f"'{value}' is no port")
            else:
                port = int(value)
    except (getopt.GetoptError, ValueError) as error:
        print(f"{error}\n{USAGE}", file=sys.stderr)
        sys.exit(2)
    return port


def main():
    port = parse_arguments()
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    threading.Thread(target=wait_for_signals, args=[signals]).start()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        print(f"bind, port {port}: {error.strerror}", file=sys.stderr)
        os._exit(1)  # the thread waits on
    listener.listen()  # 128
    os.write(1, b"%s: listening on 127.0.0.1:%d\n" %
             (LESSON.encode(), listener.getsockname()[1]))
    selector.register(listener, selectors.EVENT_READ, on_accept)
    while True:
        ready = selector.select()
        log(f"{len(ready)} ready")
        for key, _ in ready:
            key.data()


main()
