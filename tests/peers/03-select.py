#!/usr/bin/python3
"""A right server for lesson 03 in Python: select.select().

    tests/peers/03-select.py [-p PORT] [-q]

The server waits for a client to be readable, or, while bytes are pending for
it, to be writable; never for both.
"""
import argparse
import errno
import os
import select
import signal
import socket
import sys

LESSON = "03-select"
BUFFER_SIZE = 64 * 1024
FD_SETSIZE = 1024  # select.select() raises ValueError from this fd on

clients = {}  # socket -> [its name, bytes that the kernel had no room for]
no_accept = False  # no free fd: no accept() until a client closes
quiet = False


def log(text):
    if not quiet:
        line = sys._getframe(1).f_lineno
        os.write(1, f"{os.path.basename(__file__)}:{line}: {text}\n".encode())


def say_bye(*_):
    """SIGINT and SIGTERM. A full pipe has no room for the word."""
    if select.select([], [1], [], 0)[1]:
        os.write(1, b"bye\n")
    os._exit(0)


def close_client(client):
    global no_accept
    log(f"{clients.pop(client)[0]}: close")
    client.close()
    no_accept = False


def accept_client(listener):
    global no_accept
    try:
        client, (host, port) = listener.accept()
    except OSError as error:
        # With EMFILE and no client, nothing would end the wait: try again.
        no_accept = error.errno == errno.EMFILE and len(clients) > 0
        if error.errno != errno.EAGAIN:
            log(f"accept: {error.strerror}")
        return
    clients[client] = [f"{host}:{port}", b""]
    log(f"{host}:{port}: accept")
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if client.fileno() >= FD_SETSIZE:
        log(f"{host}:{port}: refused: FD_SETSIZE is {FD_SETSIZE}")
        close_client(client)


def serve(client):
    """One turn: send what is pending, or read once and answer."""
    name, pending = clients[client]
    try:
        if not pending:
            pending = client.recv(BUFFER_SIZE).upper()
            log(f"{name}: recv: {len(pending)} bytes")
            if not pending:
                close_client(client)
                return
            clients[client][1] = pending
        sent = client.send(pending)
        log(f"{name}: send: {sent} of {len(pending)} bytes")
        clients[client][1] = pending[sent:]
    except BlockingIOError:
        pass
    except OSError as error:
        log(f"{name}: {error.strerror}")
        close_client(client)


def port_number(text):
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is no port")
    return int(text)


def main():
    global quiet
    arguments = argparse.ArgumentParser(prog=LESSON, allow_abbrev=False)
    arguments.add_argument("-p", type=port_number, default=9003, metavar="PORT")
    arguments.add_argument("-q", action="store_true", help="no log")
    options = arguments.parse_args()
    quiet = options.q
    while os.open("/dev/null", os.O_RDWR) <= 2:  # 0 to 2 may be closed
        pass
    # A signal that comes just before select() sleeps wakes it by this socket.
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    signal.signal(signal.SIGINT, say_bye)
    signal.signal(signal.SIGTERM, say_bye)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind(("127.0.0.1", options.p))
    except OSError as error:
        sys.exit(f"bind, port {options.p}: {error.strerror}")
    listener.listen(128)
    os.write(1, b"%s: listening on 127.0.0.1:%d\n" %
             (LESSON.encode(), listener.getsockname()[1]))
    while True:
        readable = [wake] + ([] if no_accept else [listener])
        readable += [c for c in clients if not clients[c][1]]
        writable = [c for c in clients if clients[c][1]]
        readable, writable, _ = select.select(readable, writable, [])
        log(f"select: {len(readable) + len(writable)} ready")
        for ready in readable + writable:
            if ready is listener:
                accept_client(listener)
            elif ready in clients:
                serve(ready)


main()
