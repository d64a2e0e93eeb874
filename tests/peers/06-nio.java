// A right server for lesson 06 in Java: java.nio.channels.Selector.
//
//     $(tests/peers/build 06-nio.java) [-p PORT] [-q]
//
// A key waits for "writable" while bytes are pending for its client, otherwise
// for "readable".
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Iterator;

// An object is what the server keeps for a client.
final class Server {
    static final String LESSON = "06-selector";
    static final String USAGE = "usage: " + LESSON + " [-p PORT] [-q]";
    static final int BUFFER_SIZE = 16 * 1024;

    static final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_SIZE);
    static boolean quiet;
    static SelectionKey listener;
    static int clients;

    final String name;
    ByteBuffer pending; // bytes that the kernel had no room for, or null

    Server(String name) {
        this.name = name;
    }

    static void log(String text) {
        if (quiet)
            return;
        StackTraceElement caller = new Throwable().getStackTrace()[1];
        System.out.println(caller.getFileName() + ":" + caller.getLineNumber()
                + ": " + text);
    }

    // SIGINT and SIGTERM begin the shutdown, which runs this. println() may
    // sleep for ever: the log may be a pipe that nobody reads.
    static void sayBye() {
        Thread bye = new Thread(() -> System.out.println("bye"));
        bye.start();
        try {
            bye.join(200); // ms
        } catch (InterruptedException early) {
            // the end of the process interrupts nothing
        }
        Runtime.getRuntime().halt(0);
    }

    static void accept(SelectionKey key) {
        try {
            ServerSocketChannel server = (ServerSocketChannel) key.channel();
            SocketChannel channel = server.accept();
            if (channel == null)
                return;
            Server client = new Server(
                    channel.getRemoteAddress().toString().substring(1));
            clients++;
            log(client.name + ": accept");
            channel.configureBlocking(false);
            channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
            channel.register(key.selector(), SelectionKey.OP_READ, client);
        } catch (IOException error) {
            log("accept: " + error.getMessage());
            if (clients > 0)
                key.interestOps(0); // until a client closes
        }
    }

    // One turn: send what is pending, or read once and answer.
    boolean serve(SelectionKey key) throws IOException {
        SocketChannel channel = (SocketChannel) key.channel();
        ByteBuffer bytes = pending;
        if (bytes == null) {
            bytes = buffer.clear();
            int n = channel.read(bytes);
            log(name + ": read: " + n + " bytes");
            if (n < 0)
                return false;
            bytes.flip();
            for (int i = 0; i < n; i++) {
                byte b = bytes.get(i);
                if ('a' <= b && b <= 'z')
                    bytes.put(i, (byte) (b - 32));
            }
        }
        int n = channel.write(bytes);
        log(name + ": write: " + n + " bytes");
        if (!bytes.hasRemaining())
            pending = null;
        else if (pending == null)
            pending = ByteBuffer.allocate(bytes.remaining()).put(bytes).flip();
        key.interestOps(pending == null ? SelectionKey.OP_READ
                : SelectionKey.OP_WRITE);
        return true;
    }

    static void takeTurn(SelectionKey key) {
        Server client = (Server) key.attachment();
        try {
            if (client.serve(key))
                return;
        } catch (IOException error) {
            log(client.name + ": " + error.getMessage());
        }
        log(client.name + ": close");
        try {
            key.channel().close(); // the next select() closes the fd
        } catch (IOException error) {
            log(client.name + ": " + error.getMessage());
        }
        clients--;
        listener.interestOps(SelectionKey.OP_ACCEPT);
    }

    static void wrongUsage(String message) {
        System.err.println(message + "\n" + USAGE);
        System.exit(2);
    }

    static int parseArguments(String[] words) {
        int port = 9006;
        for (int i = 0; i < words.length; i++) {
            if (words[i].equals("-q"))
                quiet = true;
            else if (words[i].equals("-p") && i + 1 < words.length) {
                if (!words[++i].matches("\\d{1,5}")
                        || Integer.parseInt(words[i]) > 65535)
                    wrongUsage("-p: '" + words[i] + "' is no port");
                port = Integer.parseInt(words[i]);
            } else
                wrongUsage("unexpected argument '" + words[i] + "'");
        }
        return port;
    }

    public static void main(String[] words) throws IOException {
        int port = parseArguments(words);
        Selector selector = Selector.open();
        ServerSocketChannel server = ServerSocketChannel.open();
        try {
            server.bind(new InetSocketAddress(
                    InetAddress.getLoopbackAddress(), port));
        } catch (IOException error) {
            System.err.println("bind, port " + port + ": "
                    + error.getMessage());
            System.exit(1);
        }
        server.configureBlocking(false);
        listener = server.register(selector, SelectionKey.OP_ACCEPT);
        Runtime.getRuntime().addShutdownHook(new Thread(Server::sayBye));
        System.out.println(LESSON + ": listening on 127.0.0.1:"
                + server.socket().getLocalPort());
        for (;;) {
            selector.select();
            Iterator<SelectionKey> ready = selector.selectedKeys().iterator();
            while (ready.hasNext()) {
                SelectionKey key = ready.next();
                ready.remove();
                if (key == listener)
                    accept(key);
                else if (key.isValid())
                    takeTurn(key);
            }
        }
    }
}
