//! A connection to Home Assistant: TCP, or TLS over it, with waits that can be cancelled.
//!
//! The socket wakes up every [`TICK`]. Each time, the owner of the connection decides whether to
//! wait any longer; that is also when it looks for cancellation. TLS and the WebSocket lie above
//! it and see a stream that blocks.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use socket2::{SockRef, TcpKeepalive};

use super::address::Address;
use super::away::again;
use crate::error::{Error, Kind, Result};
use crate::pipe::Control;

/// How often a wait looks for cancellation.
const TICK: Duration = Duration::from_millis(100);
/// How long a connection may take, looking the host up included, and an attempt to one of its
/// addresses.
const CONNECT: Duration = Duration::from_secs(15);
const ATTEMPT: Duration = Duration::from_secs(10);
/// The maximum number of addresses of the host that are tried.
const ADDRESSES: usize = 8;
/// How often the system asks a silent connection whether it is still there. Less than the time
/// after which home routers forget a connection.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Decides, for each tick, whether to wait any longer: called with how long nothing has moved.
pub type Patience<'a> = Box<dyn FnMut(Duration) -> Result<()> + 'a>;

/// Waits until nothing has moved for `limit`, or the work is cancelled.
pub fn up_to<'a>(limit: Duration, control: &Control) -> Patience<'a> {
    let control = control.clone();
    Box::new(move |idle| {
        control.check()?;
        if idle < limit {
            return Ok(());
        }
        let message = format!("Home Assistant has sent nothing for {} s", limit.as_secs());
        Err(Error::new(Kind::HomeAssistant, message).advice(CHECK))
    })
}

/// As [`up_to`], with a limit that may change meanwhile.
pub fn up_to_changing<'a>(limit: Rc<Cell<Duration>>, control: &Control) -> Patience<'a> {
    let control = control.clone();
    Box::new(move |idle| up_to(limit.get(), &control)(idle))
}

/// What to check if a connection fails.
pub const CHECK: &str = "Check that Home Assistant runs, and that this is its own address, without a proxy: it usually looks like http://homeassistant.local:8123, and begins with https:// if Home Assistant has a certificate.";

/// The TCP connection with its patience.
struct Socket<'a> {
    tcp: TcpStream,
    patience: Patience<'a>,
}

impl Socket<'_> {
    fn until_moved(
        &mut self,
        mut attempt: impl FnMut(&mut TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let begin = Instant::now();
        loop {
            match attempt(&mut self.tcp) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    (self.patience)(begin.elapsed()).map_err(Error::into_io)?;
                }
                other => return other,
            }
        }
    }
}

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.until_moved(|tcp| tcp.read(buffer))
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.until_moved(|tcp| tcp.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An open connection. Closing it, by dropping it, ends whatever Home Assistant does for it.
pub struct Connection<'a> {
    socket: Socket<'a>,
    tls: Option<Box<ClientConnection>>,
}

impl<'a> Connection<'a> {
    /// Connects, and with TLS verifies the certificate. Tries again if the host refuses or ends the
    /// connection at once, as while it restarts.
    ///
    /// # Errors
    /// `HomeAssistant` if there is no connection, with the cause; `Interrupted`.
    pub fn open(
        address: &Address,
        tls: Option<&Arc<ClientConfig>>,
        patience: Patience<'a>,
        control: &Control,
    ) -> Result<Self> {
        let cannot = |why: &dyn std::fmt::Display| {
            let message = format!("cannot connect to {address}: {why}");
            Error::new(Kind::HomeAssistant, message).advice(CHECK)
        };
        let may_pass = |error: &io::Error| is_passing(error.kind());
        let tcp = again(control, may_pass, || connect(address, control))?;
        let tcp = tcp.map_err(|e| cannot(&e))?;
        let set = tcp
            .set_nodelay(true)
            .and_then(|()| tcp.set_read_timeout(Some(TICK)))
            .and_then(|()| tcp.set_write_timeout(Some(TICK)));
        set.map_err(|e| cannot(&e))?;
        let asking = TcpKeepalive::new()
            .with_time(KEEP_ALIVE)
            .with_interval(KEEP_ALIVE);
        // If the system cannot do it, a lost connection is noticed later.
        let _ = SockRef::from(&tcp).set_tcp_keepalive(&asking);
        let mut connection = Self {
            socket: Socket { tcp, patience },
            tls: None,
        };
        if let Some(config) = tls {
            let name = ServerName::try_from(address.host.clone()).map_err(|e| cannot(&e))?;
            let mut tls =
                ClientConnection::new(Arc::clone(config), name).map_err(|e| cannot(&e))?;
            while tls.is_handshaking() {
                tls.complete_io(&mut connection.socket)
                    .map_err(|e| Error::from_io(e, |e| untrusted(address, &e)))?;
            }
            connection.tls = Some(Box::new(tls));
        }
        Ok(connection)
    }

    /// Whether bytes of a reply are there. Does not wait. An error of the connection counts as a
    /// reply, because reading it shows the error.
    pub fn has_reply(&mut self) -> bool {
        let mut first = [0];
        let peeked = self
            .socket
            .tcp
            .set_nonblocking(true)
            .and_then(|()| self.socket.tcp.peek(&mut first));
        let is_blocking = self.socket.tcp.set_nonblocking(false).is_ok();
        let nothing = peeked.is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
        if nothing && is_blocking {
            return false;
        }
        let Some(tls) = &mut self.tls else {
            return true;
        };
        // Not every TLS record belongs to a reply: servers send session tickets, too.
        if tls.read_tls(&mut self.socket).is_err() {
            return true;
        }
        tls.process_new_packets().map_or(true, |state| {
            state.plaintext_bytes_to_read() > 0 || state.peer_has_closed()
        })
    }

    /// Ends the connection at once.
    pub fn cut(&self) {
        // If this fails, it has ended already.
        let _ = self.socket.tcp.shutdown(Shutdown::Both);
    }
}

impl Read for Connection<'_> {
    /// Reads even after a write has failed.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.read(buffer);
        };
        loop {
            match tls.reader().read(buffer) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            // What the other end closed without saying so ends with an error in the reader.
            tls.read_tls(&mut self.socket)?;
            if let Err(error) = tls.process_new_packets() {
                return Err(io::Error::new(ErrorKind::InvalidData, error));
            }
        }
    }
}

impl Write for Connection<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.write(bytes);
        };
        let taken = tls.writer().write(bytes)?;
        while tls.wants_write() {
            tls.write_tls(&mut self.socket)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            }
        }
        Ok(())
    }
}

/// Looks the host up and connects, on a thread of its own, because neither can be cancelled. The
/// thread ends by itself after [`ATTEMPT`], and the time that the host takes to be found.
fn connect(address: &Address, control: &Control) -> Result<io::Result<TcpStream>> {
    let (done, outcome) = channel();
    let (host, port) = (address.host.clone(), address.port);
    let spawned = std::thread::Builder::new()
        .name("connect".into())
        .spawn(move || {
            // If the program no longer waits, the connection is closed again.
            let _ = done.send(first_of(&host, port));
        });
    if let Err(error) = spawned {
        return Ok(Err(error));
    }
    let begin = Instant::now();
    loop {
        match outcome.recv_timeout(TICK) {
            Ok(connected) => return Ok(connected),
            Err(RecvTimeoutError::Disconnected) => return Ok(Err(ErrorKind::Other.into())),
            Err(RecvTimeoutError::Timeout) if begin.elapsed() > CONNECT => {
                return Ok(Err(ErrorKind::TimedOut.into()));
            }
            Err(RecvTimeoutError::Timeout) => control.check()?,
        }
    }
}

/// Whether the next attempt may succeed. One that was not answered is not repeated: it took long.
fn is_passing(kind: ErrorKind) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        kind,
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// Connects to all addresses of the host at once, and takes the first that answers: in many homes an
/// address of the newer kind (IPv6) leads nowhere.
fn first_of(host: &str, port: u16) -> io::Result<TcpStream> {
    let (done, outcomes) = channel();
    for one in (host, port).to_socket_addrs()?.take(ADDRESSES) {
        let done = done.clone();
        std::thread::Builder::new()
            .name("connect".into())
            .spawn(move || done.send(TcpStream::connect_timeout(&one, ATTEMPT)))?;
    }
    drop(done);
    let mut last = io::Error::from(ErrorKind::NotFound);
    for outcome in outcomes {
        match outcome {
            Ok(tcp) => return Ok(tcp),
            // An address that leads nowhere says less than one that refuses.
            Err(_) if is_passing(last.kind()) => {}
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn untrusted(address: &Address, error: &io::Error) -> Error {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let message = format!("no encrypted connection to {address}: {error}");
    let error = Error::new(Kind::HomeAssistant, message);
    match tls {
        Some(rustls::Error::InvalidCertificate(_)) => error.advice("Use the name that is in its certificate. If the certificate is your own, name the file with the certificate of its authority (PEM). A server cannot use the certificate of an authority (CA:TRUE) itself."),
        _ => error.advice(CHECK),
    }
}
