//! Downloads a backup. The file is complete or absent.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::answers::Stored;
use super::away::{Away, pause};
use super::connection::{Connection, up_to};
use super::http::{self, Reply};
use super::upload::encoded;
use super::{CLOUD, Client, Instance};
use crate::error::{Error, Kind, Result, escape};
use crate::pipe::{Control, Stage};
use crate::rewrite::{Output, OutputPath};

/// How long the next bytes may take. A backup in the cloud takes a while to begin.
const SILENCE: Duration = Duration::from_secs(180);
/// How often a download is taken up again without a gain in between, and the pause before.
const RETRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);
const STEP: usize = 1 << 19;

/// A backup at one of its places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The place.
    pub agent: String,
    /// Its bytes.
    pub size: u64,
    /// Whether it is encrypted there.
    pub is_protected: bool,
}

/// Picks a backup, and the place that it is best downloaded from: Home Assistant's own disk, then
/// others, the cloud last. `id` may be the beginning of an id if no other begins so; `None` is the
/// newest one that haslim did not make. `from` is a place that it must be at.
///
/// # Errors
/// `Usage` if there is no such backup, or more than one.
pub fn pick(instance: &Instance, id: Option<&str>, from: Option<&str>) -> Result<Source> {
    let at = |stored: &Stored| match from {
        Some(agent) => stored.at(agent).map(|copy| (agent.to_owned(), copy)),
        None => {
            let places = stored.agents.iter();
            let best = places.min_by_key(|(agent, _)| (rank(agent), (*agent).clone()));
            best.map(|(agent, copy)| (agent.clone(), *copy))
        }
    };
    let backups = instance.info.newest_first();
    let here = backups.into_iter().filter(|stored| at(stored).is_some());
    let found: Vec<&Stored> = match id {
        None => here.filter(|stored| !stored.is_copy()).take(1).collect(),
        Some(id) => {
            let begin: Vec<&Stored> = here.filter(|b| b.backup_id.starts_with(id)).collect();
            let same = begin.iter().position(|b| b.backup_id == id);
            same.map_or(begin.clone(), |at| {
                begin.get(at).copied().into_iter().collect()
            })
        }
    };
    let wanted = id.map_or_else(
        || "backup".to_owned(),
        |id| format!("backup {}", escape(id.as_bytes())),
    );
    let place = from.map_or(String::new(), |agent| {
        format!(" at {}", escape(agent.as_bytes()))
    });
    match found.as_slice() {
        [one] => {
            let (agent, copy) = at(one).unwrap_or_default();
            Ok(Source {
                id: one.backup_id.clone(),
                name: one.name.clone(),
                agent,
                size: copy.size,
                is_protected: copy.protected,
            })
        }
        [] => Err(Error::new(
            Kind::Usage,
            format!("Home Assistant lists no {wanted}{place}"),
        )
        .advice("Look at the list of its backups.")),
        _ => Err(Error::new(
            Kind::Usage,
            format!("more than one id begins like {wanted}"),
        )
        .advice("Name more of the id.")),
    }
}

/// The order in which places are asked.
fn rank(agent: &str) -> u8 {
    match agent {
        "backup.local" | "hassio.local" => 0,
        CLOUD => 3,
        _ if agent.starts_with("hassio.") => 1,
        _ => 2,
    }
}

/// How a download goes on after its connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownloadEvent {
    /// From where it was: the place allows it.
    Resumed,
    /// From the beginning.
    Restarted,
    /// From the beginning, because the place has another file by now.
    Changed,
}

/// A download with the file that it fills.
struct Download<'a> {
    output: Output,
    /// What to say when the next bytes come, after a loss.
    news: Option<DownloadEvent>,
    notice: &'a mut dyn FnMut(DownloadEvent),
    /// The version of the file that is being downloaded, if the place allows to take it up again.
    version: Option<String>,
    source: &'a Source,
    control: &'a Control,
}

impl Client {
    /// Downloads a backup to `path`. A lost connection is made again: `backup.local` continues
    /// where it was; all other places ignore ranges (tried, `hassio.*` read) and begin again.
    /// `notice` learns which.
    ///
    /// # Errors
    /// `OutputIo` and `Refused` as [`OutputPath::check_alone`]; `HomeAssistant` if it cannot be
    /// downloaded, or has another size than Home Assistant lists; `Interrupted`.
    pub fn download(
        &self,
        source: &Source,
        path: &Path,
        force: bool,
        notice: &mut dyn FnMut(DownloadEvent),
        control: &Control,
    ) -> Result<PathBuf> {
        let create = || {
            let mut target = OutputPath::check_alone(path, force)?;
            target.remove_leftovers();
            target.check_space(source.size)?;
            target.create()
        };
        let mut download = Download {
            output: create()?,
            news: None,
            notice,
            version: None,
            source,
            control,
        };
        control.begin(Stage::Fetch, source.size);
        let (mut fruitless, mut away) = (0, Away::default());
        let outcome = loop {
            let before = download.output.position();
            match self.fetch(&mut download) {
                Ok(()) => break Ok(()),
                Err(Ended::Away(error)) => match away.wait(error, control)? {
                    Some(error) => break Err(error),
                    None => continue,
                },
                Err(Ended::Final(error)) => break Err(error),
                Err(Ended::Lost(error)) => {
                    let has_moved = download.output.position() > before;
                    // What is begun again may end at the same byte every time.
                    let has_gained = has_moved && download.version.is_some();
                    fruitless = if has_gained { 1 } else { fruitless + 1 };
                    if error.kind() != Kind::HomeAssistant || fruitless > RETRIES {
                        break Err(error);
                    }
                }
            }
            away = Away::default();
            pause(PAUSE, control)?;
            if download.output.position() == 0 {
                continue;
            }
            if download.version.is_some() {
                download.news = Some(DownloadEvent::Resumed);
            } else {
                download.news.get_or_insert(DownloadEvent::Restarted);
                control.end();
                control.begin(Stage::Fetch, source.size);
                download.output = create()?;
            }
        };
        control.end();
        outcome?;
        let got = download.output.position();
        if got != source.size {
            let message = format!(
                "the download has {got} bytes, and Home Assistant lists {} for it",
                source.size
            );
            return Err(Error::new(Kind::HomeAssistant, message).advice("Try again."));
        }
        download.output.sync()?;
        control.check()?;
        download.output.publish()
    }

    /// Downloads what is missing.
    fn fetch(&self, download: &mut Download<'_>) -> Result<(), Ended> {
        let (source, control) = (download.source, download.control);
        let path = format!(
            "/api/backup/download/{}?agent_id={}",
            encoded(&source.id),
            encoded(&source.agent)
        );
        let begin = download.output.position();
        let range = match &download.version {
            Some(version) if begin > 0 => {
                format!("Range: bytes={begin}-\r\nIf-Range: {version}\r\n")
            }
            _ => String::new(),
        };
        let (path, host) = (self.address.path(&path), self.address.authority());
        let head = http::head("GET", &path, &host, &self.token, &range);
        let opened = self.open(up_to(SILENCE, control), control);
        let mut connection = opened.map_err(Ended::Away)?;
        http::send(&mut connection, head.as_bytes()).map_err(http::lost)?;
        let reply = Reply::read(&mut connection)?;
        let is_next = reply
            .header("Content-Range")
            .starts_with(&format!("bytes {begin}-"));
        match reply.status {
            200 if range.is_empty() => {}
            206 if !range.is_empty() && is_next => {}
            200 | 206 | 416 => {
                // The file is another one now. Begin again.
                download.version = None;
                download.news = Some(DownloadEvent::Changed);
                let message = "the backup changed while it was downloaded";
                return Err(Error::new(Kind::HomeAssistant, message)
                    .advice("Try again.")
                    .into());
            }
            // It restarts, or a proxy cannot reach it.
            status @ (502 | 503) => {
                return Err(Ended::Away(refusal(status, reply, &mut connection, source)));
            }
            status => {
                let error = refusal(status, reply, &mut connection, source);
                return Err(Ended::Final(error));
            }
        }
        if range.is_empty() {
            let etag = reply.header("ETag");
            let allows = reply.header("Accept-Ranges") == "bytes" && etag.starts_with('"');
            download.version = allows.then(|| etag.to_owned());
        }
        let mut body = reply.body(&mut connection);
        let mut buffer = vec![0u8; STEP];
        loop {
            let got = match body.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(got) => got,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(http::lost(error).into()),
            };
            let bytes = buffer.get(..got).unwrap_or_default();
            if download.output.position() + got as u64 > source.size {
                let message = "the download is larger than what Home Assistant lists";
                let error = Error::new(Kind::HomeAssistant, message).advice("Try again.");
                return Err(Ended::Final(error));
            }
            if let Some(news) = download.news.take() {
                (download.notice)(news);
            }
            download.output.append(bytes)?;
            control.advance(got as u64)?;
        }
    }
}

/// A download that ended too early.
enum Ended {
    /// Home Assistant is out of reach.
    Away(Error),
    /// Trying again is of no use.
    Final(Error),
    /// Something else happened.
    Lost(Error),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Lost(error)
    }
}

/// Why a download is refused (tried: unknown id 404, unknown place 400, no administrator 401, the
/// place failed 500).
fn refusal(status: u16, reply: Reply, connection: &mut Connection<'_>, source: &Source) -> Error {
    let from = escape(source.agent.as_bytes());
    if reply.is_from_proxy() {
        return super::websocket::proxied(status, &reply.server());
    }
    let message = match status {
        404 => format!(
            "{from} no longer has the backup {}",
            escape(source.id.as_bytes())
        ),
        401 => return super::websocket::token_refused(),
        403 => return super::websocket::banned(),
        status => format!(
            "{from} cannot provide the backup ({status}): {}",
            reply.text(connection)
        ),
    };
    Error::new(Kind::HomeAssistant, message.trim_end_matches(": "))
        .advice("See Settings → System → Logs in Home Assistant.")
}
