//! Questions over Home Assistant's WebSocket.

use std::collections::VecDeque;
use std::io;

use serde_json::{Map, Value, json};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::Uri;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{ClientRequestBuilder, Message};

use super::address::{Address, Token};
use super::connection::{CHECK, Connection};
use super::queries::without_queries;
use crate::error::{Advice, Error, Kind, Result, escape};

/// The maximum size of an answer: the list of a thousand backups takes less than 1 MiB.
const ANSWER: usize = 32 << 20;

/// An authenticated connection.
pub struct WebSocket<'a> {
    socket: tungstenite::WebSocket<Connection<'a>>,
    last: u64,
    /// Events that came before they were waited for. Core sends the first event of a subscription
    /// before its result (tried).
    early: VecDeque<Value>,
}

impl<'a> WebSocket<'a> {
    /// Opens the WebSocket and presents the token.
    ///
    /// # Errors
    /// `HomeAssistant` if there is no WebSocket at this address, or the token is refused.
    pub fn begin(connection: Connection<'a>, address: &Address, token: &Token) -> Result<Self> {
        let place = format!("ws://{}{}", address.authority(), address.websocket());
        let place: Uri = place.parse().map_err(|e| failed(&e))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(ANSWER))
            .max_frame_size(Some(ANSWER));
        let request = ClientRequestBuilder::new(place).with_header("User-Agent", "haslim");
        let opened = tungstenite::client::client_with_config(request, connection, Some(config));
        let (socket, _) = opened.map_err(|error| match error {
            HandshakeError::Failure(error) => not_opened(error, address),
            HandshakeError::Interrupted(_) => failed(&"the handshake did not end"),
        })?;
        let mut talk = Self {
            socket,
            last: 0,
            early: VecDeque::new(),
        };
        talk.present(token)?;
        Ok(talk)
    }

    fn present(&mut self, token: &Token) -> Result<()> {
        let greeting = self.read()?;
        if kind(&greeting) != "auth_required" {
            return Err(failed(&"it is not Home Assistant's"));
        }
        self.write(&json!({"type": "auth", "access_token": token.expose()}))?;
        // Not asked again if the answer is lost: each token that is wrong counts as a failed login.
        let answer = self.read().map_err(|error| error.advice(CHECK))?;
        match kind(&answer) {
            "auth_ok" => Ok(()),
            _ => Err(Error::new(
                Kind::HomeAssistant,
                "Home Assistant does not know this token",
            )
            .advice(Advice::NewToken)),
        }
    }

    /// Asks a question of this type with these fields, and returns the result. Events that arrive
    /// meanwhile are kept for [`WebSocket::next_event`].
    ///
    /// # Errors
    /// `HomeAssistant` with what Home Assistant answered.
    pub fn ask(&mut self, question: &str, fields: Value) -> Result<Value> {
        self.last += 1;
        let mut message = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        message.insert("id".into(), self.last.into());
        message.insert("type".into(), question.into());
        self.write(&Value::Object(message))?;
        loop {
            let mut answer = self.read()?;
            if kind(&answer) == "event" {
                self.early.extend(answer.get_mut("event").map(Value::take));
                continue;
            }
            if kind(&answer) != "result" || answer.get("id") != Some(&self.last.into()) {
                continue;
            }
            if answer.get("success") == Some(&Value::Bool(true)) {
                return Ok(answer
                    .get_mut("result")
                    .map(Value::take)
                    .unwrap_or_default());
            }
            return Err(refused(question, &answer));
        }
    }

    /// Waits for the next event of a subscription.
    ///
    /// # Errors
    /// As [`WebSocket::ask`].
    pub fn next_event(&mut self) -> Result<Value> {
        if let Some(event) = self.early.pop_front() {
            return Ok(event);
        }
        loop {
            let mut message = self.read()?;
            if kind(&message) == "event" {
                return Ok(message
                    .get_mut("event")
                    .map(Value::take)
                    .unwrap_or_default());
            }
        }
    }

    fn write(&mut self, message: &Value) -> Result<()> {
        self.socket
            .send(Message::text(message.to_string()))
            .map_err(broken)
    }

    fn read(&mut self) -> Result<Value> {
        loop {
            // Pings are answered in here.
            if let Message::Text(text) = self.socket.read().map_err(broken)? {
                return serde_json::from_str(&text).map_err(|_| failed(&"the answer is not JSON"));
            }
        }
    }
}

fn kind(message: &Value) -> &str {
    message.get("type").and_then(Value::as_str).unwrap_or("")
}

fn failed(why: &dyn std::fmt::Display) -> Error {
    let why = escape(why.to_string().as_bytes());
    Error::new(
        Kind::HomeAssistant,
        format!("the WebSocket of Home Assistant failed: {why}"),
    )
    .advice(CHECK)
}

fn broken(error: tungstenite::Error) -> Error {
    match error {
        tungstenite::Error::Io(error) => super::http::lost(error),
        tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Protocol(
            ProtocolError::HandshakeIncomplete | ProtocolError::ResetWithoutClosingHandshake,
        ) => super::http::lost(io::ErrorKind::UnexpectedEof.into()),
        other => failed(&other),
    }
}

/// Core answers 403 to a banned address (components/http/ban.py). Anything but an upgrade comes
/// from something between, such as a proxy that does not pass WebSockets on.
fn not_opened(error: tungstenite::Error, address: &Address) -> Error {
    let tungstenite::Error::Http(reply) = error else {
        return broken(error);
    };
    let status = reply.status().as_u16();
    // Core always sends a `Server` header, an empty one (tried).
    let server = reply.headers().get("Server");
    match (status, server.map(|name| escape(name.as_bytes()))) {
        (403, Some(name)) if name.is_empty() => return banned(),
        (401 | 403 | 502..=504, name) if name.as_deref() != Some("") => {
            return proxied(status, &name.unwrap_or_default());
        }
        _ => {}
    }
    let target = reply.headers().get("Location").map(|to| to.as_bytes());
    let target = target.map(|to| without_queries(&String::from_utf8_lossy(to)));
    let target = target.map(|to| format!(", to {}", escape(to.as_bytes())));
    let message = format!(
        "{address} answers the request for a WebSocket with {status}{}",
        target.unwrap_or_default()
    );
    Error::new(Kind::HomeAssistant, message).advice(CHECK)
}

/// A proxy with this name, escaped; empty if it has none.
pub fn proxy(server: &str) -> String {
    match server {
        "" => "a proxy".to_owned(),
        name => format!("a proxy ({name})"),
    }
}

/// The error for an answer of such a proxy.
pub fn proxied(status: u16, server: &str) -> Error {
    let proxy = proxy(server);
    let error = |message: String| Error::new(Kind::HomeAssistant, message);
    match status {
        502 => error(format!("{proxy} cannot reach Home Assistant (502)"))
            .advice("Check that Home Assistant runs, or use its own address."),
        status => error(format!("{proxy} answered with {status}"))
            .advice("Use the address of Home Assistant itself."),
    }
}

/// The error for a token that Core refuses.
pub fn token_refused() -> Error {
    let message = "Home Assistant refuses the token (401)";
    Error::new(Kind::HomeAssistant, message).advice(Advice::NewToken)
}

/// The error for an address that Core has banned after failed logins.
pub fn banned() -> Error {
    Error::new(
        Kind::HomeAssistant,
        "Home Assistant refuses everything from this computer (403), probably after failed logins",
    )
    .advice("Remove its address from ip_bans.yaml in Home Assistant's configuration folder, and restart Home Assistant.")
}

fn refused(question: &str, answer: &Value) -> Error {
    let of = |key: &str| {
        let text = answer
            .get("error")
            .and_then(|error| error.get(key)?.as_str());
        escape(text.unwrap_or_default().as_bytes())
    };
    let (code, message) = (of("code"), of("message"));
    let error = Error::new(
        Kind::HomeAssistant,
        format!("Home Assistant refuses {question}: {message} ({code})"),
    );
    match code.as_str() {
        "unauthorized" => error.advice(Advice::NewToken),
        "unknown_command" => error.advice(Advice::UpdateHomeAssistant),
        _ => error.advice("Wait until Home Assistant is ready, and try again."),
    }
}
