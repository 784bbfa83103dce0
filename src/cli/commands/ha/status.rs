//! `haslim ha status`: whether Home Assistant is ready for an upload, and what the cloud holds.

use haslim::Result;
use haslim::report::json;

use crate::cli::home::Home;
use crate::cli::render;
use crate::cli::session::{DONE, Session};

/// Shows the state.
///
/// # Errors
/// As [`Home::client`] and [`Client::look`](haslim::homeassistant::Client::look).
pub fn run(session: &Session, home: &Home) -> Result<u8> {
    let client = home.client(&session.control)?;
    let instance = client.look(&session.control)?;
    if session.settings.json {
        let limit = session.settings.limit;
        let document = json::home::status(client.address(), &instance, limit);
        session.screen.json(&document);
    } else {
        render::home::status(session, client.address(), &instance);
    }
    Ok(DONE)
}
