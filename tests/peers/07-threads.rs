//! A right server for lesson 07 in Rust: a thread for each client.
//!
//!     $(tests/peers/build 07-threads.rs) [-p PORT] [-q]
//!
//! Look at serve(): each call may block, and then only this thread sleeps.
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;

const LESSON: &str = "07-threads-procs";
const USAGE: &str = "usage: 07-threads-procs [-p PORT] [-q]";
const BUFFER_SIZE: usize = 16 * 1024;
const STACK_SIZE: usize = 64 * 1024;
const EMFILE: i32 = 24;

static QUIET: AtomicBool = AtomicBool::new(false);
static CLIENTS: Mutex<usize> = Mutex::new(0);
static CLOSED: Condvar = Condvar::new();

// What std has no words for.
#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    revents: i16,
}
extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
    fn poll(fds: *mut PollFd, count: u64, milliseconds: i32) -> i32;
    fn write(fd: i32, bytes: *const u8, length: usize) -> isize;
    fn getrlimit(what: i32, limit: *mut [u64; 2]) -> i32;
    fn setrlimit(what: i32, limit: *const [u64; 2]) -> i32;
    fn _exit(status: i32) -> !;
}
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
const POLLOUT: i16 = 4;
const RLIMIT_NOFILE: i32 = 7;

macro_rules! log {
    ($($argument:tt)*) => {
        if !QUIET.load(Ordering::Relaxed) {
            let text = format!($($argument)*);
            println!("{}:{}: {text}", file!(), line!());
        }
    };
}

/// SIGINT and SIGTERM. A full pipe has no room for the word.
extern "C" fn say_bye(_: i32) {
    let mut log = PollFd { fd: 1, events: POLLOUT, revents: 0 };
    unsafe {
        if poll(&mut log, 1, 0) == 1 {
            write(1, b"bye\n".as_ptr(), 4);
        }
        _exit(0)
    }
}

fn talk(mut client: &TcpStream, name: SocketAddr) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER_SIZE];
    loop {
        let n = client.read(&mut buffer)?;
        log!("{name}: read: {n} bytes");
        if n == 0 {
            return Ok(());
        }
        buffer[..n].make_ascii_uppercase();
        client.write_all(&buffer[..n])?;
    }
}

fn serve(client: TcpStream, name: SocketAddr) {
    let _ = client.set_nodelay(true);
    if let Err(error) = talk(&client, name) {
        log!("{name}: {error}");
    }
    log!("{name}: close");
    drop(client);
    *CLIENTS.lock().unwrap() -= 1;
    CLOSED.notify_one();
}

/// Without a free fd, sleep until a client has closed.
fn wait_for_room() {
    let mut clients = CLIENTS.lock().unwrap();
    let before = *clients;
    while before > 0 && *clients >= before {
        clients = CLOSED.wait(clients).unwrap();
    }
}

fn accept_clients(listener: &TcpListener) {
    loop {
        let (client, name) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => {
                log!("accept: {error}");
                if error.raw_os_error() == Some(EMFILE) {
                    wait_for_room();
                }
                continue;
            }
        };
        *CLIENTS.lock().unwrap() += 1;
        log!("{name}: accept");
        let thread = thread::Builder::new().stack_size(STACK_SIZE);
        if let Err(error) = thread.spawn(move || serve(client, name)) {
            log!("{name}: no thread: {error}");
            *CLIENTS.lock().unwrap() -= 1;
        }
    }
}

fn wrong_usage(message: String) -> ! {
    eprintln!("{message}\n{USAGE}");
    exit(2)
}

fn parse_arguments() -> u16 {
    let mut port = 9007;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-q" => QUIET.store(true, Ordering::Relaxed),
            "-p" => {
                let text = words.next().unwrap_or_default();
                port = text.parse().unwrap_or_else(|error| {
                    wrong_usage(format!("port '{text}': {error}"))
                });
            }
            _ => wrong_usage(format!("unexpected argument '{word}'")),
        }
    }
    port
}

fn main() {
    let port = parse_arguments();
    unsafe {
        signal(SIGINT, say_bye);
        signal(SIGTERM, say_bye);
        let mut limit = [0; 2];
        getrlimit(RLIMIT_NOFILE, &mut limit);
        limit[0] = limit[1];
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    let address = ("127.0.0.1", port);
    let listener = TcpListener::bind(address).unwrap_or_else(|error| {
        eprintln!("bind, port {port}: {error}");
        exit(1)
    });
    println!("{LESSON}: listening on {}", listener.local_addr().unwrap());
    accept_clients(&listener);
}
