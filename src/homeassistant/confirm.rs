//! Whether an upload was stored, and why not.
//!
//! Home Assistant answers 201 also if every place refused the backup (tried). Its list of backups
//! is the only proof, and its log the only place with a reason.

use std::time::Duration;

use serde_json::Value;

use super::answers::LogEntry;
use super::away::{Away, pause};
use super::check::File;
use super::queries::without_queries;
use super::{CLOUD, Client, Details, IDLE, Info, parsed};
use crate::error::{Error, Kind, Result, escape};
use crate::pipe::Control;

/// How often the list is read. It is fresh when the 201 arrives (tried).
const LOOKS: u32 = 3;
/// How often after a restart: the places are not all there at once.
const LOOKS_AFTER_RESTART: u32 = 40;
/// How often after a lost reply, each time as often as above, while Home Assistant is not idle.
const LOOKS_AFTER_LOSS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);

/// The logger of the manager of backups, which names the place in `Upload failed for PLACE: WHY`.
const MANAGER: &str = "homeassistant.components.backup";
const UPLOAD_FAILED: &str = "Upload failed for ";

/// What a list says about a backup at a place.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Stored,
    OtherSize(u64),
    Absent,
    /// The place cannot list its backups, for this reason.
    Unknown(String),
}

impl Verdict {
    fn of(details: &Details, agent: &str, size: u64) -> Self {
        let copy = details.backup.as_ref().and_then(|backup| backup.at(agent));
        match copy {
            Some(copy) if copy.size == size => Self::Stored,
            Some(copy) => Self::OtherSize(copy.size),
            None => match details.agent_errors.get(agent) {
                Some(why) => Self::Unknown(escape(why.as_bytes())),
                None => Self::Absent,
            },
        }
    }
}

impl Client {
    /// What the place lists. Waits for a Home Assistant that restarts.
    ///
    /// # Errors
    /// `Interrupted`.
    fn verdict(&self, file: &File, agent: &str, control: &Control) -> Result<Verdict> {
        let mut away = Away::default();
        let (mut looks, mut most) = (0, LOOKS);
        loop {
            let verdict = match self.details(&file.slug, control) {
                Ok(details) => Verdict::of(&details, agent, file.size),
                Err(error) => {
                    if let Some(error) = away.wait(error, control)? {
                        return Ok(Verdict::Unknown(error.message().to_owned()));
                    }
                    most = LOOKS_AFTER_RESTART;
                    continue;
                }
            };
            looks += 1;
            if looks >= most || matches!(verdict, Verdict::Stored | Verdict::OtherSize(_)) {
                return Ok(verdict);
            }
            pause(PAUSE, control)?;
        }
    }

    /// Whether the place lists the backup with exactly its size, although the reply was lost. Waits
    /// while Home Assistant still does something with backups: when it is stopped, it goes on for up
    /// to 10 s (tried).
    ///
    /// # Errors
    /// `NotStored` if that cannot be found out; `Interrupted`.
    pub(super) fn is_stored(&self, file: &File, agent: &str, control: &Control) -> Result<bool> {
        for _ in 0..LOOKS_AFTER_LOSS {
            match self.verdict(file, agent, control)? {
                Verdict::Stored => return Ok(true),
                Verdict::Unknown(why) => return Err(unconfirmed(agent, &why)),
                Verdict::OtherSize(_) => return Ok(false),
                Verdict::Absent if self.is_idle(control) => return Ok(false),
                Verdict::Absent => pause(PAUSE, control)?,
            }
        }
        Ok(false)
    }

    /// Whether Home Assistant does nothing with backups, as far as it says.
    fn is_idle(&self, control: &Control) -> bool {
        let ask = || parsed::<Info>(self.talk(control)?.ask("backup/info", Value::Null)?);
        ask().is_ok_and(|info| info.state == IDLE)
    }

    /// Confirms an upload for which Home Assistant answered 201. `before` is the log from before.
    ///
    /// # Errors
    /// `NotStored` if the place does not list the backup with exactly its size, with the reason in
    /// the log, or if that cannot be found out; `Interrupted`.
    pub(super) fn confirm(
        &self,
        file: &File,
        agent: &str,
        before: Option<&[LogEntry]>,
        control: &Control,
    ) -> Result<()> {
        let verdict = self.verdict(file, agent, control)?;
        let place = escape(agent.as_bytes());
        let message = match verdict {
            Verdict::Stored => return Ok(()),
            Verdict::OtherSize(size) => format!(
                "{place} lists the backup with {size} bytes instead of {}",
                file.size
            ),
            Verdict::Absent => format!("{place} did not store the backup"),
            Verdict::Unknown(why) => return Err(unconfirmed(agent, &why)),
        };
        let reason = self.logged(agent, before, control);
        let advice = advice(reason.as_deref().unwrap_or_default(), agent);
        let reason = reason.map_or_else(
            || "; Home Assistant's log has no reason".to_owned(),
            |reason| format!(": {reason}"),
        );
        Err(Error::new(Kind::NotStored, message + &reason).advice(advice))
    }

    /// The reason in the log for an upload that failed, if there is one.
    pub(super) fn logged(
        &self,
        agent: &str,
        before: Option<&[LogEntry]>,
        control: &Control,
    ) -> Option<String> {
        let reason = reason(before?, &self.log(control)?, agent)?;
        Some(escape(reason.as_bytes()))
    }
}

/// The error if the place cannot list its backups.
fn unconfirmed(agent: &str, why: &str) -> Error {
    let message = format!(
        "the backup was sent, but whether {} stored it cannot be confirmed: {why}",
        escape(agent.as_bytes())
    );
    Error::new(Kind::NotStored, message)
        .advice("Look at the list of backups in Home Assistant later.")
}

/// What the log says about the place since `before`; `None` if that is not certain. The log has the
/// newest first. A message that comes again is counted, not listed again (tried), so of several
/// messages in one entry it cannot be told which one came again.
fn reason(before: &[LogEntry], after: &[LogEntry], agent: &str) -> Option<String> {
    let prefix = format!("{UPLOAD_FAILED}{agent}: ");
    let changed = after.iter().filter(|entry| !before.contains(entry));
    let said = changed.filter(|entry| is_about(entry, agent)).map(|entry| {
        let ours = entry
            .message
            .iter()
            .filter(|text| !text.starts_with(UPLOAD_FAILED) || text.starts_with(&prefix));
        let is_new = |message: &&String| {
            let listed = |old: &LogEntry| old.name == entry.name && old.message.contains(message);
            !before.iter().any(listed)
        };
        let newest = ours.clone().rev().find(is_new);
        let only = ours.clone().next().filter(|_| ours.count() == 1);
        newest.or(only)
    });
    let said: Vec<&String> = said.flatten().collect();
    let named = said.iter().find(|text| text.starts_with(&prefix));
    let message = named.or(said.first())?;
    let text = message.strip_prefix(&prefix).unwrap_or(message);
    let line = text.lines().next().unwrap_or_default();
    Some(without_queries(line).trim_end_matches('.').to_owned())
}

/// Whether an entry can be about storing a backup at this place.
fn is_about(entry: &LogEntry, agent: &str) -> bool {
    let is_of = |logger: &str| entry.name.starts_with(logger);
    is_of(MANAGER)
        || agent == CLOUD
            && (is_of("homeassistant.components.cloud.backup") || is_of("hass_nabucasa"))
        || agent.starts_with("hassio.") && is_of("homeassistant.components.hassio.backup")
}

/// What to do about a reason.
fn advice(reason: &str, agent: &str) -> &'static str {
    if reason.contains("connecting to Supervisor") {
        return "Home Assistant's own computer was too slow: its database or its SD card. Try again later.";
    }
    if agent != CLOUD {
        return if reason.contains("Timeout") {
            "The place was too slow. Try again later, or from another computer."
        } else {
            "See Settings → System → Logs in Home Assistant."
        };
    }
    let has = |texts: &[&str]| texts.iter().any(|text| reason.contains(text));
    if has(&["too large", "NC-SH-FH-03"]) {
        "Make a smaller copy. The older backup in the cloud is still there."
    } else if has(&["must be protected"]) {
        "Make an encrypted copy. The older backup in the cloud is still there."
    } else if has(&["ubscription"]) {
        "Renew the subscription: Settings → Home Assistant Cloud."
    } else if has(&["MD5", "does not match actual size"]) {
        "The file changed between Home Assistant's disk and the cloud: its memory, its disk or its line may be faulty. Try again; `haslim ha fetch` twice shows whether two downloads are the same."
    } else if has(&[
        "Failed to upload",
        "reset",
        "Timeout",
        "status: 5",
        "token refresh",
    ]) {
        "The cloud or the line to it failed. Try again at another hour."
    } else {
        "See Settings → System → Logs in Home Assistant."
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::{Copy, Stored};
    use super::*;

    fn entry(name: &str, messages: &[&str], count: u64) -> LogEntry {
        LogEntry {
            name: name.into(),
            message: messages.iter().map(|&text| text.into()).collect(),
            count,
            timestamp: count as f64,
        }
    }

    const BACKUP: &str = "homeassistant.components.backup.manager";

    /// Texts from a log of Core 2026.11.0.
    #[test]
    fn the_reason_is_what_the_log_says_since_the_start() {
        let large = "Upload failed for cloud.cloud: The backup size of 6.5GB is too large to be uploaded to Home Assistant Cloud";
        let plain = "Upload failed for cloud.cloud: Cloud backups must be protected";
        let other = entry("homeassistant.components.recorder", &["late"], 9);
        let of = |before: &[LogEntry], after: &[LogEntry]| reason(before, after, "cloud.cloud");
        let (one, two) = (
            entry(BACKUP, &[large], 1),
            entry(BACKUP, &[large, plain], 2),
        );
        let said = of(&[], &[other.clone(), one.clone()]).unwrap();
        assert!(said.starts_with("The backup size of 6.5GB"), "{said}");
        assert_eq!(
            of(std::slice::from_ref(&one), &[other.clone(), one.clone()]),
            None
        );
        assert_eq!(
            of(std::slice::from_ref(&one), &[two]).unwrap(),
            "Cloud backups must be protected"
        );
        // The same message again.
        let again = entry(BACKUP, &[large], 2);
        assert!(of(&[one], &[again]).unwrap().contains("too large"));
        assert_eq!(of(&[], &[other]), None);
    }

    #[test]
    fn what_is_not_certain_is_no_reason() {
        let of = |before: &[LogEntry], after: &[LogEntry]| reason(before, after, "hassio.nas");
        let failed = |place: &str, why: &str| format!("{UPLOAD_FAILED}{place}: {why}");
        let (expired, plain) = (
            failed("hassio.nas", "expired"),
            failed("hassio.nas", "plain"),
        );
        let both = [expired.as_str(), plain.as_str()];
        // One of two came again.
        assert_eq!(
            of(&[entry(BACKUP, &both, 2)], &[entry(BACKUP, &both, 3)]),
            None
        );
        let other = failed("hassio.nas2", "full");
        assert_eq!(of(&[], &[entry(BACKUP, &[&other], 1)]), None);
        let two = [other.as_str(), expired.as_str()];
        let said = of(&[entry(BACKUP, &two, 2)], &[entry(BACKUP, &two, 3)]);
        assert_eq!(said.as_deref(), Some("expired"));
        for logger in [
            "homeassistant.components.cloud.google_config",
            "homeassistant.components.hassio",
        ] {
            for agent in ["hassio.nas", CLOUD] {
                assert_eq!(
                    reason(&[], &[entry(logger, &["Error syncing"], 1)], agent),
                    None
                );
            }
        }
    }

    /// TRAP 201, and "cloud can't be listed".
    #[test]
    fn only_exactly_our_size_is_success() {
        let listed = |size| Details {
            backup: Some(Stored {
                agents: [(
                    "cloud.cloud".into(),
                    Copy {
                        size,
                        protected: true,
                    },
                )]
                .into(),
                ..Stored::default()
            }),
            ..Details::default()
        };
        let of = |details: &Details| Verdict::of(details, "cloud.cloud", 7);
        assert_eq!(of(&listed(7)), Verdict::Stored);
        assert_eq!(of(&listed(8)), Verdict::OtherSize(8));
        assert_eq!(of(&Details::default()), Verdict::Absent);
        let failed = Details {
            backup: None,
            agent_errors: [("cloud.cloud".into(), "Failed to list backups".into())].into(),
        };
        assert_eq!(
            of(&failed),
            Verdict::Unknown("Failed to list backups".into())
        );
    }

    #[test]
    fn every_reason_has_its_next_step() {
        for (reason, step) in [
            ("The backup size of 6.5GB is too large", "smaller"),
            ("Cloud backups must be protected", "encrypted"),
            ("Cloud subscription has expired", "Renew"),
            (
                "(400) The MD5 checksum you specified did not match what we received",
                "memory",
            ),
            ("Indicated size 1 does not match actual size 2", "memory"),
            (
                "Failed to upload backup Failed to fetch: [Errno 104] Connection reset by peer",
                "another hour",
            ),
            ("Timeout reached while calling API", "another hour"),
            ("something new", "Logs"),
        ] {
            assert!(
                advice(reason, CLOUD).contains(step),
                "{reason}: {}",
                advice(reason, CLOUD)
            );
        }
    }
}
