//! Where Home Assistant is, and the token that it asks for.

use std::fmt;

use zeroize::Zeroizing;

use crate::error::{Advice, Error, Kind, Result, escape};

/// The address of Home Assistant: `http://` or `https://`, a host, and optionally a port and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Whether the connection is encrypted.
    pub is_secure: bool,
    /// A name or an IP address; an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path before `/api`, without a slash at its end; mostly empty.
    path: String,
}

impl Address {
    /// Parses an address as people copy it from the browser. Everything after the host that Home
    /// Assistant's own pages add (`/lovelace/0`, `/config/backup`) must be left out.
    ///
    /// # Errors
    /// `Usage` if it is not an address, or contains a name and password, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            // The text may hold a password, so it is not repeated.
            Error::new(
                Kind::Usage,
                format!("the address of Home Assistant is wrong: {why}"),
            )
            .advice("It looks like http://homeassistant.local:8123.")
        };
        let text = text.trim();
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| wrong("it does not begin with http:// or https://"))?;
        let is_secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(wrong("it does not begin with http:// or https://")),
        };
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "@?#\\\"<>".contains(c);
        if rest.contains(is_odd) || !rest.is_ascii() {
            return Err(wrong("it may only have a host, a port and a path"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest
                    .split_once(']')
                    .ok_or_else(|| wrong("a bracket is missing"))?;
                let number = port.strip_prefix(':');
                let number = number.or(Some(port).filter(|port| port.is_empty()));
                (host, number.ok_or_else(|| wrong("the port needs a colon"))?)
            }
            None => authority.rsplit_once(':').unwrap_or((authority, "")),
        };
        if host.is_empty() {
            return Err(wrong("it has no host"));
        }
        if host.contains(':') && !authority.starts_with('[') {
            return Err(wrong(
                "an IPv6 address needs brackets, as in http://[fd00::1]:8123",
            ));
        }
        let port = match port {
            "" if is_secure => 443,
            "" => 80,
            digits => digits
                .parse::<u16>()
                .map_err(|_| wrong("the port is not a number"))?,
        };
        Ok(Self {
            is_secure,
            host: host.to_owned(),
            port,
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// The host and the port, as the `Host` header has them.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.is_secure, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The path of the WebSocket. An app reaches Home Assistant at `http://supervisor/core`, where it
    /// stands beside `/core/api` (read, Supervisor `api/proxy.py`; tried with a stand-in).
    pub fn websocket(&self) -> String {
        if self.path.ends_with("/core") {
            format!("{}/websocket", self.path)
        } else {
            self.path("/api/websocket")
        }
    }

    /// The path of an endpoint that begins with `/api`.
    pub fn path(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        let (authority, path) = (self.authority(), escape(self.path.as_bytes()));
        write!(f, "{scheme}://{authority}{path}")
    }
}

/// A long-lived access token. Wiped from memory when dropped, and never shown.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A token from the text around it, which is trimmed.
    ///
    /// # Errors
    /// `Usage` if it is empty or has characters that no token has.
    pub fn new(text: &Zeroizing<String>) -> Result<Self> {
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let why = "the token is empty, or has characters that no token has";
            return Err(Error::new(Kind::Usage, why).advice(Advice::NewToken));
        }
        Ok(Self(Zeroizing::new(token.to_owned())))
    }

    /// The token itself, for the request and nothing else.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_a_port_and_a_path() {
        for (text, host, port, path, shown) in [
            (
                "http://ha.local:8123",
                "ha.local",
                8123,
                "/api/x",
                "http://ha.local:8123",
            ),
            (
                "HTTPS://Ha.example/",
                "Ha.example",
                443,
                "/api/x",
                "https://Ha.example",
            ),
            (
                "http://10.0.0.2",
                "10.0.0.2",
                80,
                "/api/x",
                "http://10.0.0.2",
            ),
            (
                "https://[fd00::1]:8123/ha/",
                "fd00::1",
                8123,
                "/ha/api/x",
                "https://[fd00::1]:8123/ha",
            ),
            ("http://[::1]", "::1", 80, "/api/x", "http://[::1]"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(
                (address.host.as_str(), address.port),
                (host, port),
                "{text}"
            );
            assert_eq!(address.path("/api/x"), path, "{text}");
            assert_eq!(address.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn the_supervisor_has_the_websocket_in_another_place() {
        for (text, path) in [
            ("http://ha.local:8123", "/api/websocket"),
            ("https://ha.example/ha/", "/ha/api/websocket"),
            ("http://supervisor/core", "/core/websocket"),
        ] {
            assert_eq!(Address::parse(text).unwrap().websocket(), path, "{text}");
        }
    }

    #[test]
    fn an_address_that_is_wrong_is_not_repeated() {
        for text in [
            "homeassistant.local:8123",
            "ftp://secret",
            "http://name:secret@host",
            "http://host/?auth=secret",
            "http://",
            "http://host:secret",
            "http://ho\nst",
            "http://[::1",
            "http://[::1]8123",
            "http://fd00::1",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{text}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn a_token_is_trimmed_and_never_shown() {
        let token = Token::new(&Zeroizing::new(" abc.def\r\n".into())).unwrap();
        assert_eq!(token.expose(), "abc.def");
        assert_eq!(format!("{token:?}"), "Token");
        for text in ["", " \n", "a b", "a\nb", "ä"] {
            assert!(
                Token::new(&Zeroizing::new(text.into())).is_err(),
                "{text:?}"
            );
        }
    }
}
