// A right server for lesson 08 in Go: a goroutine for each client.
//
//	$(tests/peers/build 08-goroutines.go) [-p PORT] [-q]
//
// Look at serve(): it reads like a server for one client. Where a call would
// block, the runtime parks this goroutine and sleeps in epoll_wait().
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	lesson     = "08-coroutines"
	usage      = "usage: " + lesson + " [-p PORT] [-q]"
	bufferSize = 16 * 1024 // bytes: one Read() takes no more than this
)

var (
	quiet  bool
	closed = make(chan bool, 1) // a client has closed since the last look
)

func logf(format string, arguments ...any) {
	if !quiet {
		_, _, line, _ := runtime.Caller(1)
		text := fmt.Sprintf(format, arguments...)
		fmt.Printf("08-goroutines.go:%d: %s\n", line, text)
	}
}

func fail(status int, format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(status)
}

func upper(bytes []byte) {
	for i, b := range bytes {
		if 'a' <= b && b <= 'z' {
			bytes[i] = b - ('a' - 'A')
		}
	}
}

func serve(client net.Conn) {
	name := client.RemoteAddr()
	logf("%s: accept", name)
	buffer := make([]byte, bufferSize)
	var err error
	for err == nil {
		var n int
		n, err = client.Read(buffer)
		logf("%s: read: %d bytes", name, n)
		upper(buffer[:n])
		if n > 0 {
			_, err = client.Write(buffer[:n])
		}
	}
	if err != io.EOF {
		logf("%s: %s", name, err)
	}
	logf("%s: close", name)
	client.Close()
	select {
	case closed <- true:
	default:
	}
}

// Without a free fd the server sleeps until a client closes. (Where it has no
// client, another process of this user has taken the last fd: it tries again.)
func waitForRoom(clients int) {
	if clients == 0 {
		time.Sleep(10 * time.Millisecond)
		return
	}
	<-closed
}

func acceptClients(listener net.Listener) {
	clients := 0
	for {
		client, err := listener.Accept()
		if err == nil {
			clients++
			go serve(client)
			continue
		}
		logf("accept: %s", err)
		if errors.Is(err, syscall.EMFILE) {
			waitForRoom(clients)
		}
	}
}

// SIGINT and SIGTERM. If the log is a pipe that nobody reads, the process ends
// without the word.
func waitForSignals(signals chan os.Signal) {
	<-signals
	done := make(chan bool)
	go func() {
		fmt.Println("bye")
		done <- true
	}()
	select {
	case <-done:
	case <-time.After(200 * time.Millisecond):
	}
	os.Exit(0)
}

func parseArguments() int {
	port := 9008
	for i := 1; i < len(os.Args); i++ {
		if os.Args[i] == "-q" {
			quiet = true
		} else if os.Args[i] == "-p" && i+1 < len(os.Args) {
			i++
			n, err := strconv.ParseUint(os.Args[i], 10, 16)
			if err != nil {
				fail(2, "'%s' is no port\n%s", os.Args[i], usage)
			}
			port = int(n)
		} else {
			fail(2, "unexpected argument '%s'\n%s", os.Args[i], usage)
		}
	}
	return port
}

func main() {
	port := parseArguments()
	for fd := 0; fd <= 2; { // 0 to 2 may be closed
		fd, _ = syscall.Open("/dev/null", syscall.O_RDWR, 0)
	}
	var limit syscall.Rlimit
	syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	limit.Cur = limit.Max
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		fail(1, "port %d: %s", port, err) // "listen ...: bind: ..."
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go waitForSignals(signals)
	fmt.Printf("%s: listening on %s\n", lesson, listener.Addr())
	acceptClients(listener)
}
