//! `haslim ha list`: the backups that Home Assistant stores.

use haslim::Result;
use haslim::report::json;

use crate::cli::home::Home;
use crate::cli::render;
use crate::cli::session::{DONE, Session};

/// Lists the backups, the newest first.
///
/// # Errors
/// As [`Home::client`] and [`Client::look`](haslim::homeassistant::Client::look).
pub fn run(session: &Session, home: &Home) -> Result<u8> {
    let client = home.client(&session.control)?;
    let instance = client.look(&session.control)?;
    if session.settings.json {
        session
            .screen
            .json(&json::home::list(&instance.info, session.settings.limit));
    } else {
        render::home::list(session, &instance.info);
    }
    Ok(DONE)
}
