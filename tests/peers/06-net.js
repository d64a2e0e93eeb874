#!/usr/bin/env node
// A right server for lesson 06 in JavaScript: node, whose loop is libuv's.
//
//     tests/peers/06-net.js [-p PORT] [-q]
//
// Each event has a callback. While the kernel has no room for an answer, the
// socket is paused: node then reads no more from this client.
'use strict';
const fs = require('fs');
const net = require('net');

const LESSON = '06-selector';
const USAGE = `usage: ${LESSON} [-p PORT] [-q]`;
let port = 9006;
let quiet = false;

function wrongUsage(message) {
    process.stderr.write(`${message}\n${USAGE}\n`);
    process.exit(2);
}

for (let words = process.argv.slice(2); words.length > 0;) {
    const word = words.shift();
    if (word === '-q')
        quiet = true;
    else if (word !== '-p')
        wrongUsage(`unexpected argument '${word}'`);
    else if (!/^\d{1,5}$/.test(words[0]) || Number(words[0]) > 65535)
        wrongUsage(`-p: '${words[0]}' is no port`);
    else
        port = Number(words.shift());
}

// A pipe that nobody reads would block the process, and the callbacks of its
// signals. So the log does not block, and the server drops lines.
if (process.stdout._handle && process.stdout._handle.setBlocking)
    process.stdout._handle.setBlocking(false);

function log(text) {
    if (quiet || process.stdout.writableLength > 65536)
        return;
    const place = new Error().stack.split('\n')[2];
    const [, file, line] = /([^/(]*):(\d+):\d+\)?$/.exec(place);
    process.stdout.write(`${file}:${line}: ${text}\n`);
}

function bye() {
    if (process.stdout.writableLength > 0)
        process.exit(0); // nobody reads the log
    process.stdout.write('bye\n', () => process.exit(0));
}
process.on('SIGTERM', bye);
process.on('SIGINT', bye);

const upper = Buffer.alloc(256);
for (let i = 0; i < 256; i++)
    upper[i] = i >= 97 && i <= 122 ? i - 32 : i;

const server = net.createServer({ allowHalfOpen: true, noDelay: true });
server.on('connection', (client) => {
    const name = `${client.remoteAddress}:${client.remotePort}`;
    log(`${name}: accept`);
    client.on('data', (bytes) => {
        log(`${name}: recv: ${bytes.length} bytes`);
        for (let i = 0; i < bytes.length; i++)
            bytes[i] = upper[bytes[i]];
        if (!client.write(bytes))
            client.pause();
    });
    client.on('drain', () => client.resume());
    client.on('end', () => client.end());
    client.on('error', (error) => log(`${name}: ${error.message}`));
    client.on('close', () => log(`${name}: close`));
});

// libuv accepts a client without a free fd and closes it at once. node says
// nothing about that. So the server itself counts, and refuses the clients from
// its limit on. (node has raised the limit.)
function countFds() {
    const limits = fs.readFileSync('/proc/self/limits', 'latin1');
    const limit = /^Max open files +(\d+)/m.exec(limits)[1];
    const own = fs.readdirSync('/proc/self/fd').length;
    server.maxConnections = Math.max(1, limit - own - 2);
}
server.on('drop', (client) =>
    log(`${client.remoteAddress}:${client.remotePort}: refused: no free fd`));

server.on('error', (error) => {
    process.stderr.write(`bind, port ${port}: ${error.message}\n`);
    process.exit(1);
});
server.listen(port, '127.0.0.1', () => {
    countFds();
    process.stdout.write(
        `${LESSON}: listening on 127.0.0.1:${server.address().port}\n`);
});
