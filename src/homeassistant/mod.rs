//! Home Assistant over the network: what it stores, downloads, and uploads that are confirmed.
//!
//! [`Client`] knows where Home Assistant is. [`Client::look`] asks for everything that the other
//! calls need; [`check()`] finds out, before a byte is sent, what would keep an upload from
//! succeeding; [`Client::upload`] sends a file and then asks whether it was stored, because Home
//! Assistant answers 201 in either case. [`Client::download`] writes a backup to a file.
//! `backup/delete` is never called: it deletes a backup everywhere.
//!
//! Nothing here prints. What a user should know during an upload arrives as an [`UploadEvent`],
//! progress through the [`Control`], which also ends every wait. Memory: one buffer of 512 KiB, and
//! the answers, of which each may have 32 MiB.
//!
//! Source of the facts: Home Assistant Core 2026.11.0, tried with its own cloud agent in front of a
//! stand-in for the cloud. What was only read in its sources is marked.
#![deny(clippy::indexing_slicing)]

mod address;
mod answers;
mod away;
mod check;
mod confirm;
mod connection;
mod download;
mod http;
mod multipart;
mod phase;
mod queries;
mod upload;
mod websocket;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use address::{Address, Token};
pub use answers::{Agent, Config, Copy, Details, Event, Info, LogEntry, Stored, User};
pub use check::{File, Upload, Warning, check};
pub use download::{DownloadEvent, Source, pick};
pub use upload::{UploadEvent, UploadObserver};

use crate::crypt::Password;
use crate::error::{Advice, Error, Kind, Result, escape};
use crate::pipe::Control;
use answers::Agents;
use away::{Away, ask_again};
use connection::{Connection, up_to, up_to_changing};
use websocket::WebSocket;

/// The id of Home Assistant Cloud.
pub const CLOUD: &str = "cloud.cloud";
/// The state of a manager that does nothing.
pub const IDLE: &str = "idle";
/// How long an answer may take. Listing a slow network share takes seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where Home Assistant is, and how to get in.
#[derive(Debug, Clone)]
pub struct Client {
    address: Address,
    token: Token,
    tls: Option<Arc<ClientConfig>>,
}

/// What Home Assistant says about itself and its backups.
#[derive(Debug, Clone, Default)]
pub struct Instance {
    /// The user of the token.
    pub user: User,
    /// Its version and integrations.
    pub config: Config,
    /// The places that store backups.
    pub agents: Vec<Agent>,
    /// The backups.
    pub info: Info,
    /// The free bytes on the disk where Home Assistant keeps what it receives, in tenths of a
    /// gibibyte, if its Supervisor tells.
    pub free: Option<u64>,
}

impl Instance {
    /// The place with this id.
    pub fn agent(&self, id: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.agent_id == id)
    }
}

impl Client {
    /// A client for this address. `authorities` is the text of a PEM file with more certificate
    /// authorities than the public ones.
    ///
    /// # Errors
    /// `Usage` if there is no certificate in `authorities`.
    pub fn new(address: Address, token: Token, authorities: Option<&[u8]>) -> Result<Self> {
        let tls = address.is_secure.then(|| trust(authorities)).transpose()?;
        Ok(Self {
            address,
            token,
            tls: tls.map(Arc::new),
        })
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    fn open<'a>(
        &self,
        patience: connection::Patience<'a>,
        control: &Control,
    ) -> Result<Connection<'a>> {
        Connection::open(&self.address, self.tls.as_ref(), patience, control)
    }

    fn talk<'a>(&self, control: &'a Control) -> Result<WebSocket<'a>> {
        let connection = self.open(up_to(PATIENCE, control), control)?;
        WebSocket::begin(connection, &self.address, &self.token)
    }

    /// Asks for everything about the user, the version, the places and the backups. The user is
    /// asked first: over HTTP, a token that is wrong and a user without rights look the same, and
    /// each request counts as a failed login (tried). Asks again if the connection is lost.
    ///
    /// # Errors
    /// `HomeAssistant` if it cannot be reached, the token is wrong, or its user is not an
    /// administrator.
    pub fn look(&self, control: &Control) -> Result<Instance> {
        ask_again(control, || self.look_once(control))
    }

    fn look_once(&self, control: &Control) -> Result<Instance> {
        let mut talk = self.talk(control)?;
        let user: User = parsed(talk.ask("auth/current_user", Value::Null)?)?;
        if !user.is_admin {
            let name = escape(user.name.as_bytes());
            let message = format!("the token belongs to {name}, who is not an administrator");
            return Err(Error::new(Kind::HomeAssistant, message).advice(Advice::NewToken));
        }
        let config: Config = parsed(talk.ask("get_config", Value::Null)?)?;
        let agents: Agents = parsed(talk.ask("backup/agents/info", Value::Null)?)?;
        let info = parsed(talk.ask("backup/info", Value::Null)?)?;
        Ok(Instance {
            user,
            free: if config.has_supervisor() {
                free(&mut talk)?
            } else {
                None
            },
            config,
            agents: agents.agents,
            info,
        })
    }

    /// Waits until the manager of backups does nothing. `waiting` is called with each state that it
    /// is in before. Waits for a Home Assistant that restarts meanwhile.
    ///
    /// # Errors
    /// As [`Client::look`]; `Interrupted`.
    pub fn wait_until_idle(&self, control: &Control, waiting: &mut dyn FnMut(&str)) -> Result<()> {
        let (mut last, mut away) = (String::new(), Away::default());
        loop {
            let mut told = |state: &str| {
                away = Away::default();
                if state != last {
                    waiting(state);
                    last = state.to_owned();
                }
            };
            let Err(error) = self.events_until_idle(control, &mut told) else {
                return Ok(());
            };
            if let Some(error) = away.wait(error, control)? {
                return Err(error);
            }
        }
    }

    /// Receives events over one connection until the manager of backups does nothing.
    fn events_until_idle(&self, control: &Control, told: &mut dyn FnMut(&str)) -> Result<()> {
        // A backup can take an hour in which no event comes.
        let mut talk = self.subscribe(control)?;
        loop {
            let event: Event = parsed(talk.next_event()?)?;
            match event.manager_state.as_str() {
                IDLE => return Ok(()),
                "" => {}
                state => told(state),
            }
        }
    }

    /// Asks for the events of the manager of backups. The connection then waits for them without a
    /// limit: a backup can take an hour in which none comes.
    fn subscribe(&self, control: &Control) -> Result<WebSocket<'static>> {
        let limit = Rc::new(Cell::new(PATIENCE));
        let patience = up_to_changing(Rc::clone(&limit), control);
        let connection = self.open(patience, control)?;
        let mut talk = WebSocket::begin(connection, &self.address, &self.token)?;
        talk.ask("backup/subscribe_events", Value::Null)?;
        limit.set(Duration::MAX);
        Ok(talk)
    }

    /// The key with which Home Assistant encrypts its backups now; `None` if it has none, because
    /// automatic backups were never set up. A backup that was made by hand or earlier may have
    /// another one. The key is wiped when it is dropped; the buffers of the connection are not.
    ///
    /// # Errors
    /// As [`Client::look`].
    pub fn encryption_key(&self, control: &Control) -> Result<Option<Password>> {
        let ask = || self.talk(control)?.ask("backup/config/info", Value::Null);
        let mut answer = ask_again(control, ask)?;
        let key = answer.pointer_mut("/config/create_backup/password");
        Ok(match key.map(Value::take) {
            Some(Value::String(key)) if !key.is_empty() => Some(Password::new(key)),
            _ => None,
        })
    }

    fn details(&self, id: &str, control: &Control) -> Result<Details> {
        parsed(
            self.talk(control)?
                .ask("backup/details", json!({"backup_id": id}))?,
        )
    }

    /// The log; `None` if it cannot be read, because it only explains other errors.
    fn log(&self, control: &Control) -> Option<Vec<LogEntry>> {
        let ask = || parsed(self.talk(control)?.ask("system_log/list", Value::Null)?);
        ask().ok()
    }
}

/// The free bytes of Home Assistant's disk. What the Supervisor does not tell prevents nothing.
///
/// # Errors
/// `Interrupted`.
fn free(talk: &mut WebSocket<'_>) -> Result<Option<u64>> {
    // Core, `components/hassio/websocket_api.py`; Supervisor, `api/host.py`: a number of GiB.
    let question = json!({"endpoint": "/host/info", "method": "get"});
    match talk.ask("supervisor/api", question) {
        Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => Err(error),
        answer => {
            let free = answer.ok().and_then(|info| info.get("disk_free")?.as_f64());
            let free = free.filter(|gibibytes| *gibibytes >= 0.0);
            Ok(free.map(|gibibytes| (gibibytes * f64::from(1 << 30)) as u64))
        }
    }
}

/// An answer as its type.
fn parsed<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|e| {
        let message = format!("Home Assistant's answer is not understood: {e}");
        Error::new(Kind::HomeAssistant, message).advice("Its version may be too new or too old.")
    })
}

/// The public certificate authorities, and these.
fn trust(authorities: Option<&[u8]>) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(text) = authorities {
        let found: Vec<_> = CertificateDer::pem_slice_iter(text).flatten().collect();
        if roots.add_parsable_certificates(found).0 == 0 {
            let message = "the file with certificate authorities has no certificate in it";
            return Err(Error::new(Kind::Usage, message)
                .advice("It must be a PEM file, which begins with -----BEGIN CERTIFICATE-----."));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::new(Kind::Internal, format!("TLS is not available: {e}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
