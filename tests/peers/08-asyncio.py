#!/usr/bin/python3
"""A right server for lesson 08 in Python: asyncio, a coroutine for a client.

    tests/peers/08-asyncio.py [-p PORT] [-q]

Look at serve(): it reads like a server for one client.
"""
import asyncio
import errno
import os
import resource
import select
import signal
import socket
import sys

LESSON = "08-coroutines"
USAGE = f"usage: {LESSON} [-p PORT] [-q]"
BUFFER_SIZE = 64 * 1024

quiet = False
clients = set()  # the tasks; asyncio itself keeps no reference to them


def log(text):
    if not quiet:
        line = sys._getframe(1).f_lineno
        os.write(1, f"{__file__}:{line}: {text}\n".encode())


def say_bye(*_):
    """SIGINT and SIGTERM. A full pipe has no room for the word."""
    if select.select([], [1], [], 0)[1]:
        os.write(1, b"bye\n")
    os._exit(0)


async def serve(client, name, room):
    loop = asyncio.get_running_loop()
    try:
        while data := await loop.sock_recv(client, BUFFER_SIZE):
            log(f"{name}: recv: {len(data)} bytes")
            await loop.sock_sendall(client, data.upper())
            # sock_recv() does not wait while there are bytes: let others run
            await asyncio.sleep(0)
    except OSError as error:
        log(f"{name}: {error.strerror}")
    log(f"{name}: close")
    client.close()
    room.set()


async def accept_clients(listener):
    loop = asyncio.get_running_loop()
    room = asyncio.Event()  # a client has closed
    while True:
        room.clear()
        try:
            client, (host, port) = await loop.sock_accept(listener)
        except OSError as error:
            log(f"accept: {error.strerror}")
            if error.errno == errno.EMFILE and clients:
                await room.wait()
            elif error.errno != errno.ECONNABORTED:
                await asyncio.sleep(0.01)
            continue
        log(f"{host}:{port}: accept")
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = loop.create_task(serve(client, f"{host}:{port}", room))
        clients.add(task)
        task.add_done_callback(clients.discard)
        await asyncio.sleep(0)


def parse_arguments():
    global quiet
    port, words = 9008, sys.argv[1:]
    while words:
        word = words.pop(0)
        if word == "-q":
            quiet = True
        elif word == "-p" and words and words[0].isdigit() and \
                int(words[0]) < 65536:
            port = int(words.pop(0))
        else:
            wrong = " ".join([word] + words[:1])
            print(f"'{wrong}' is wrong\n{USAGE}", file=sys.stderr)
            sys.exit(2)
    return port


async def main(listener):
    # A signal that comes just before epoll_wait() wakes it by this socket.
    wake, woken = socket.socketpair()
    woken.setblocking(False)
    asyncio.get_running_loop().add_reader(wake, wake.recv, 1)
    signal.set_wakeup_fd(woken.fileno())
    await accept_clients(listener)


PORT = parse_arguments()
while os.open("/dev/null", os.O_RDWR) <= 2:  # 0 to 2 may be closed
    pass
signal.signal(signal.SIGINT, say_bye)
signal.signal(signal.SIGTERM, say_bye)
_, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
LISTENER = socket.socket()
LISTENER.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
LISTENER.setblocking(False)
try:
    LISTENER.bind(("127.0.0.1", PORT))
except OSError as failure:
    sys.exit(f"bind, port {PORT}: {failure.strerror}")
LISTENER.listen(1024)
os.write(1, b"%s: listening on 127.0.0.1:%d\n" %
         (LESSON.encode(), LISTENER.getsockname()[1]))
asyncio.run(main(LISTENER))
