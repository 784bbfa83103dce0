//! Requests and replies of HTTP/1.1, one on each connection.
//!
//! Written here, because an upload needs what clients do not offer: the reply is read even if
//! writing the body fails, since Home Assistant may answer with the reason and close the connection
//! while it is still receiving; the wait for the reply has no limit of its own; and every wait can
//! be cancelled.

use std::io::{self, ErrorKind, Read, Write};

use super::address::Token;
use super::connection::Connection;
use crate::error::{Advice, Error, Kind, Result, escape};

/// The maximum size of a reply's head.
const HEAD: usize = 1 << 16;
/// The maximum number of header lines.
const HEADERS: usize = 100;
/// How much of an error's text is read.
const TEXT: u64 = 1 << 16;

/// The first lines of a request, with the token.
pub fn head(
    method: &str,
    path: &str,
    host: &str,
    token: &Token,
    more: &str,
) -> zeroize::Zeroizing<String> {
    zeroize::Zeroizing::new(format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: haslim\r\nAuthorization: Bearer {}\r\nAccept: */*\r\nConnection: close\r\n{more}\r\n",
        token.expose()
    ))
}

/// The head of a reply.
#[derive(Debug)]
pub struct Reply {
    /// The status, such as 201.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// Bytes of the body that were read with the head.
    rest: Vec<u8>,
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Bytes(u64),
    /// The bytes left of the current chunk; `None` before the first.
    Chunks(Option<u64>),
    UntilClosed,
    Over,
}

impl Reply {
    /// Reads the head of the reply. Heads that only announce another one (1xx) are skipped.
    ///
    /// # Errors
    /// `HomeAssistant` if the connection ends before, or if this is not HTTP; the error of a wait.
    pub fn read(connection: &mut Connection<'_>) -> Result<Self> {
        let mut bytes = Vec::new();
        let mut buffer = [0u8; 4096];
        loop {
            if let Some((reply, length)) = parse(&bytes)? {
                bytes.drain(..length.min(bytes.len()));
                if !(100..200).contains(&reply.status) {
                    return Ok(Self {
                        rest: bytes,
                        ..reply
                    });
                }
                continue;
            }
            let got = connection.read(&mut buffer).map_err(lost)?;
            if got == 0 {
                return Err(lost(ErrorKind::UnexpectedEof.into()));
            }
            bytes.extend_from_slice(buffer.get(..got).unwrap_or_default());
        }
    }

    /// The value of a header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The number of bytes of the body, if the head says so.
    pub fn length(&self) -> Option<u64> {
        self.header("Content-Length").trim().parse().ok()
    }

    /// Whether something other than Home Assistant wrote this reply: Core always sends a `Server`
    /// header, an empty one, and never a web page with an error (tried, Core 2026.11.0 behind nginx
    /// 1.22).
    pub fn is_from_proxy(&self) -> bool {
        let mut servers = self.headers.iter();
        let has_empty =
            servers.any(|(name, value)| name.eq_ignore_ascii_case("Server") && value.is_empty());
        !has_empty || self.header("Content-Type").starts_with("text/html")
    }

    /// The name of that program, escaped.
    pub fn server(&self) -> String {
        escape(self.header("Server").as_bytes())
    }

    /// A reader for the body.
    pub fn body<'l, 'a>(self, connection: &'l mut Connection<'a>) -> Body<'l, 'a> {
        let framing = if self
            .header("Transfer-Encoding")
            .eq_ignore_ascii_case("chunked")
        {
            Framing::Chunks(None)
        } else {
            self.length().map_or(Framing::UntilClosed, Framing::Bytes)
        };
        Body {
            connection,
            rest: io::Cursor::new(self.rest),
            framing,
        }
    }

    /// The beginning of a short body as text, escaped, on one line. What cannot be read is left
    /// out.
    pub fn text(self, connection: &mut Connection<'_>) -> String {
        let mut bytes = Vec::new();
        let _ = self.body(connection).take(TEXT).read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let words: Vec<&str> = text.split_whitespace().collect();
        escape(words.join(" ").as_bytes())
    }
}

fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let not_http = || {
        Error::new(Kind::HomeAssistant, "the reply is not HTTP/1.1")
            .advice("Check the address, and whether it is http or https.")
    };
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let reply = Reply {
                status: response.code.unwrap_or_default(),
                headers: response
                    .headers
                    .iter()
                    .map(|header| (header.name.to_owned(), text(header.value)))
                    .collect(),
                rest: Vec::new(),
            };
            Ok(Some((reply, length)))
        }
        Ok(httparse::Status::Partial) if bytes.len() <= HEAD => Ok(None),
        _ => Err(not_http()),
    }
}

/// The error of a connection that ended.
pub fn lost(error: io::Error) -> Error {
    Error::from_io(error, |error| {
        let why = match error.kind() {
            ErrorKind::UnexpectedEof => "it was closed".to_owned(),
            _ => error.to_string(),
        };
        Error::new(
            Kind::HomeAssistant,
            format!("the connection to Home Assistant was lost: {why}"),
        )
        .advice(Advice::Reconnect)
    })
}

/// The body of a reply. Ends with an error if the connection ends before the body does.
pub struct Body<'l, 'a> {
    connection: &'l mut Connection<'a>,
    rest: io::Cursor<Vec<u8>>,
    framing: Framing,
}

impl Body<'_, '_> {
    fn raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.rest.read(buffer)? {
            0 => self.connection.read(buffer),
            got => Ok(got),
        }
    }

    /// Reads at most `left` bytes, of which at least one must be there.
    fn some(&mut self, buffer: &mut [u8], left: u64) -> io::Result<usize> {
        let most = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        match self.raw(buffer.get_mut(..most).unwrap_or_default())? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            got => Ok(got),
        }
    }

    /// A line of the framing, without its end.
    fn framing_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while line.len() < HEADERS {
            self.some(&mut byte, 1)?;
            match byte {
                [b'\n'] => return Ok(String::from_utf8_lossy(&line).trim().to_owned()),
                [other] => line.push(other),
            }
        }
        Err(ErrorKind::InvalidData.into())
    }

    /// The bytes in the next chunk; zero after the last.
    fn next_chunk(&mut self, is_first: bool) -> io::Result<u64> {
        if !is_first {
            self.framing_line()?;
        }
        let line = self.framing_line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        u64::from_str_radix(digits, 16).map_err(|_| ErrorKind::InvalidData.into())
    }
}

impl Read for Body<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match self.framing {
                Framing::Over | Framing::Bytes(0) => return Ok(0),
                Framing::UntilClosed => return self.raw(buffer),
                Framing::Bytes(left) => {
                    let got = self.some(buffer, left)?;
                    self.framing = Framing::Bytes(left.saturating_sub(got as u64));
                    return Ok(got);
                }
                Framing::Chunks(Some(left)) if left > 0 => {
                    let got = self.some(buffer, left)?;
                    self.framing = Framing::Chunks(Some(left.saturating_sub(got as u64)));
                    return Ok(got);
                }
                Framing::Chunks(before) => {
                    self.framing = match self.next_chunk(before.is_none())? {
                        0 => Framing::Over,
                        bytes => Framing::Chunks(Some(bytes)),
                    };
                }
            }
        }
    }
}

/// Writes everything and sends it.
///
/// # Errors
/// As the connection.
pub fn send(connection: &mut Connection<'_>, bytes: &[u8]) -> io::Result<()> {
    connection.write_all(bytes)?;
    connection.flush()
}
