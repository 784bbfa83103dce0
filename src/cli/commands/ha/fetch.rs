//! `haslim ha fetch`: downloads a backup.

use std::path::{Path, PathBuf};
use std::time::Instant;

use haslim::homeassistant::{Client, DownloadEvent, Source, pick};
use haslim::report::json;
use haslim::rewrite::OutputPath;
use haslim::{Result, size};

use super::file_stem;
use crate::cli::home::Home;
use crate::cli::render::{escaped_path, home as words};
use crate::cli::session::{DONE, Session};
use crate::cli::settings::Wanted;

/// Downloads the backup.
///
/// # Errors
/// As [`pick`] and [`Client::download`].
pub fn run(
    session: &Session,
    home: &Home,
    wanted: &Wanted,
    output: Option<&Path>,
    replace: bool,
) -> Result<u8> {
    let begin = Instant::now();
    let client = home.client(&session.control)?;
    if let Some(output) = output {
        OutputPath::check_alone(output, replace)?;
    }
    let instance = client.look(&session.control)?;
    let source = pick(&instance, wanted.id.as_deref(), wanted.from.as_deref())?;
    let own = || PathBuf::from(format!("{}.tar", file_stem(&source.id)));
    let output = output.map_or_else(own, Path::to_owned);
    download(session, &client, &source, &output, replace)?;
    session.published();
    let seconds = begin.elapsed().as_secs_f64();
    if session.settings.json {
        session
            .screen
            .json(&json::home::fetched(&source, &output, seconds));
        return Ok(DONE);
    }
    session.screen.say(&session.screen.green(&format!(
        "Fetched in {seconds:.1} s: {}, {}",
        words::name(&source),
        size::short(source.size)
    )));
    session
        .screen
        .as_is(&format!("  {}", escaped_path(&output)));
    Ok(DONE)
}

/// Downloads to this path, and says when it had to begin again.
///
/// # Errors
/// As [`Client::download`].
pub fn download(
    session: &Session,
    client: &Client,
    source: &Source,
    output: &Path,
    replace: bool,
) -> Result<()> {
    let mut notice = |event| {
        session.screen.warn(match event {
            DownloadEvent::Resumed => "The connection was lost. Resumed where it was.",
            DownloadEvent::Restarted => {
                "The connection was lost. The download has begun again, because this place cannot resume one."
            }
            DownloadEvent::Changed => {
                "The backup at this place changed meanwhile. The download has begun again."
            }
        });
    };
    client.download(source, output, replace, &mut notice, &session.control)?;
    Ok(())
}
