//! Whether an upload was stored, and why not.
//!
//! Home Assistant answers 201 also if every place refused the backup (tried). Its list of backups
//! is the only proof, and its log the only place with a reason.

use std::time::Duration;

use super::answers::LogEntry;
use super::check::File;
use super::{Client, Details};
use crate::error::{Error, Kind, Result, escape};
use crate::pipe::Control;

/// How often the list is read. It is fresh when the 201 arrives (tried).
const LOOKS: u32 = 3;
/// How often, if Home Assistant cannot be reached, because it restarts.
const RECONNECTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(500);
/// The part of a pause between two looks for cancellation.
const NAP: Duration = Duration::from_millis(100);

/// The loggers that report why a backup was not stored.
const LOGGERS: [&str; 4] = [
    "homeassistant.components.backup",
    "homeassistant.components.cloud",
    "homeassistant.components.hassio",
    "hass_nabucasa",
];

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
    /// Whether the place lists the backup with exactly its size now.
    pub(super) fn is_stored(&self, file: &File, agent: &str, control: &Control) -> bool {
        let details = self.details(&file.slug, control);
        details.is_ok_and(|details| Verdict::of(&details, agent, file.size) == Verdict::Stored)
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
        before: &[LogEntry],
        control: &Control,
    ) -> Result<()> {
        let mut verdict = Verdict::Absent;
        let (mut looks, mut losses) = (0, 0);
        while looks < LOOKS && losses < RECONNECTS {
            if looks + losses > 0 {
                pause(PAUSE, control)?;
            }
            verdict = match self.details(&file.slug, control) {
                Ok(details) => {
                    looks += 1;
                    Verdict::of(&details, agent, file.size)
                }
                Err(error) if error.kind() == Kind::HomeAssistant => {
                    losses += 1;
                    Verdict::Unknown(error.message().to_owned())
                }
                Err(error) => return Err(error),
            };
            if matches!(verdict, Verdict::Stored | Verdict::OtherSize(_)) {
                break;
            }
        }
        let place = escape(agent.as_bytes());
        let message = match verdict {
            Verdict::Stored => return Ok(()),
            Verdict::OtherSize(size) => format!(
                "{place} lists the backup with {size} bytes instead of {}",
                file.size
            ),
            Verdict::Absent => format!("{place} did not store the backup"),
            Verdict::Unknown(why) => {
                let message = format!(
                    "the backup was sent, but whether {place} stored it cannot be confirmed: {why}"
                );
                return Err(Error::new(Kind::NotStored, message)
                    .advice("Look at the list of backups in Home Assistant later."));
            }
        };
        let reason = reason(before, &self.log(control), agent);
        let advice = advice(reason.as_deref().unwrap_or_default());
        let reason = reason.map_or_else(
            || "; Home Assistant's log has no reason".to_owned(),
            |reason| format!(": {}", escape(reason.as_bytes())),
        );
        Err(Error::new(Kind::NotStored, message + &reason).advice(advice))
    }

    /// The reason in the log for an upload that failed, if there is one.
    pub(super) fn logged(
        &self,
        agent: &str,
        before: &[LogEntry],
        control: &Control,
    ) -> Option<String> {
        reason(before, &self.log(control), agent).map(|reason| escape(reason.as_bytes()))
    }
}

/// Waits, unless the work is cancelled.
pub(super) fn pause(time: Duration, control: &Control) -> Result<()> {
    let mut left = time;
    while !left.is_zero() {
        control.check()?;
        let nap = left.min(NAP);
        std::thread::sleep(nap);
        left -= nap;
    }
    control.check()
}

/// What the log says about the place since `before`. The log has the newest first. A message that
/// comes again is counted, not listed again (tried).
fn reason(before: &[LogEntry], after: &[LogEntry], agent: &str) -> Option<String> {
    let mut messages = Vec::new();
    let ours = |entry: &&LogEntry| LOGGERS.iter().any(|name| entry.name.starts_with(name));
    for entry in after
        .iter()
        .filter(ours)
        .filter(|entry| !before.contains(entry))
    {
        let is_new = |message: &&String| {
            let listed = |old: &LogEntry| old.name == entry.name && old.message.contains(message);
            !before.iter().any(listed)
        };
        let newest = entry.message.iter().rev().find(is_new);
        messages.extend(newest.or(entry.message.last()));
    }
    let named = messages.iter().find(|message| message.contains(agent));
    let message = named.or(messages.first())?;
    let prefix = format!("Upload failed for {agent}: ");
    let text = message.strip_prefix(&prefix).unwrap_or(message);
    let line = text.lines().next().unwrap_or_default();
    Some(without_queries(line).trim_end_matches('.').to_owned())
}

/// Leaves out the queries of addresses: those of the cloud are signed and let anyone in for a
/// minute.
fn without_queries(text: &str) -> String {
    let cut = |word: &str| match word.split_once('?') {
        Some((address, _)) if address.contains("://") => format!("{address}?…"),
        _ => word.to_owned(),
    };
    text.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

/// What to do about a reason.
fn advice(reason: &str) -> &'static str {
    let has = |texts: &[&str]| texts.iter().any(|text| reason.contains(text));
    if has(&["too large", "NC-SH-FH-03"]) {
        "Make a smaller copy. The older backup in the cloud is still there."
    } else if has(&["must be protected"]) {
        "Make an encrypted copy. The older backup in the cloud is still there."
    } else if has(&["ubscription"]) {
        "Renew the subscription: Settings → Home Assistant Cloud."
    } else if has(&["MD5", "does not match actual size"]) {
        "The file changed between Home Assistant's disk and the cloud: its memory, its disk or its line may be faulty. Try again."
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
    fn a_signed_address_is_not_repeated() {
        let text = "Failed (403) https://r2.example/a.tar?X-Amz-Signature=secret now? yes.";
        assert_eq!(
            without_queries(text),
            "Failed (403) https://r2.example/a.tar?… now? yes."
        );
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
                advice(reason).contains(step),
                "{reason}: {}",
                advice(reason)
            );
        }
    }
}
