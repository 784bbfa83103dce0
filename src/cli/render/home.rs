//! What Home Assistant stores, for people.

use haslim::dates;
use haslim::error::escape;
use haslim::homeassistant::{Address, CLOUD, IDLE, Info, Instance, Source, Stored};
use haslim::size;

use super::columns::{left, right, shorten};
use crate::cli::session::Session;

/// The columns of `list` before the name.
const BEFORE_NAME: usize = 52;

/// The name of a place, for a sentence.
pub fn place(agent: &str) -> String {
    match agent {
        CLOUD => "Home Assistant Cloud".into(),
        other => escape(other.as_bytes()),
    }
}

/// The name and the id of a backup to download.
pub fn name(source: &Source) -> String {
    format!(
        "\"{}\" (id {}) from {}",
        escape(source.name.as_bytes()),
        escape(source.id.as_bytes()),
        place(&source.agent)
    )
}

/// What a manager of backups does in this state.
pub fn busy(state: &str) -> String {
    match state {
        "blocked" => "Home Assistant is still starting".into(),
        "create_backup" => "Home Assistant is making a backup".into(),
        "receive_backup" => "Home Assistant is receiving another backup".into(),
        "restore_backup" => "Home Assistant is restoring a backup".into(),
        other => format!("Home Assistant is busy ({})", escape(other.as_bytes())),
    }
}

/// A backup in a sentence: its name, date, id and size at a place.
pub fn stored(backup: &Stored, agent: &str) -> String {
    let bytes = backup.at(agent).unwrap_or_default().size;
    format!(
        "\"{}\" of {} (id {}), {}",
        escape(backup.name.as_bytes()),
        dates::backup(backup.shown_date()),
        escape(backup.backup_id.as_bytes()),
        size::short(bytes)
    )
}

/// Prints what `haslim ha status` found.
pub fn status(session: &Session, address: &Address, instance: &Instance) {
    let (screen, info) = (&session.screen, &instance.info);
    let capped = instance.config.caps_uploads();
    let verdict = match (info.state.as_str(), capped) {
        (IDLE, false) => screen.green("ready"),
        (IDLE, true) => screen.red("uploads over 16 MiB fail"),
        (state, _) => screen.red(&format!("busy ({})", escape(state.as_bytes()))),
    };
    let version = escape(instance.config.version.as_bytes());
    screen.say(&format!("Home Assistant {version} at {address}: {verdict}"));
    if capped {
        screen
            .say("2026.7.0 to 2026.9.0 refuse larger uploads (413). Update to 2026.9.1 or later.");
    }
    if let Some(free) = instance.free {
        let free = size::short(free);
        screen.say(&format!(
            "Free on its disk: {free}. An upload needs room there for a while."
        ));
    }
    screen.say("");
    let widest = instance.agents.iter().map(|agent| agent.agent_id.len());
    let widest = widest.max().unwrap_or_default().min(30);
    for agent in &instance.agents {
        let id = &agent.agent_id;
        let bytes = info
            .at(id)
            .filter_map(|backup| backup.at(id))
            .map(|copy| copy.size);
        let stands = match info.agent_errors.get(id) {
            Some(why) => format!("cannot be listed: {}", escape(why.as_bytes())),
            None => {
                let count = match info.at(id).count() {
                    1 => "1 backup ".to_owned(),
                    count => format!("{count} backups"),
                };
                format!("{:>12}  {:>8}", count, size::short(bytes.sum()))
            }
        };
        let name = shorten(&escape(id.as_bytes()), Some(widest));
        screen.as_is(&format!("  {}  {stands}", left(&name, widest)));
    }
    screen.say("");
    cloud(session, instance);
    automatic(session, info);
}

fn cloud(session: &Session, instance: &Instance) {
    let screen = &session.screen;
    if instance.agent(CLOUD).is_none() {
        screen.say("Home Assistant Cloud is not there: no one is logged in.");
        return;
    }
    if instance.info.agent_errors.contains_key(CLOUD) {
        screen.say("What the cloud holds is not known now.");
        return;
    }
    let mut held = instance.info.at(CLOUD).peekable();
    if held.peek().is_none() {
        screen.say("The cloud holds no backup.");
    }
    for backup in held {
        screen.say(&format!("The cloud holds {}.", stored(backup, CLOUD)));
        screen.say("It keeps one backup: the next upload replaces it.");
    }
}

fn automatic(session: &Session, info: &Info) {
    let screen = &session.screen;
    let date = |text: &Option<String>| text.as_deref().map(dates::backup);
    let (tried, done) = (
        date(&info.last_attempted_automatic_backup),
        date(&info.last_completed_automatic_backup),
    );
    let seconds = |text: &Option<String>| text.as_deref().and_then(dates::seconds);
    let failed = seconds(&info.last_attempted_automatic_backup)
        > seconds(&info.last_completed_automatic_backup);
    let done_text = done.map_or("none yet".into(), |done| format!("on {done}"));
    match tried {
        None => screen.say("Automatic backups: none was made yet."),
        // Home Assistant notes the attempt when it begins.
        Some(tried) if failed && info.state == "create_backup" => {
            screen.say(&format!("An automatic backup began: {tried}."));
            screen.say(&format!(
                "The last one that reached every place: {done_text}."
            ));
        }
        Some(tried) if failed => {
            screen.say(&screen.red(&format!(
                "Last automatic backup: {tried}; it did not reach every place."
            )));
            screen.say(&format!("The last one that did: {done_text}."));
        }
        Some(tried) => screen.say(&format!(
            "Last automatic backup: {tried}; it reached every place."
        )),
    }
    if let Some(next) = date(&info.next_automatic_backup) {
        screen.say(&format!("Next: {next}."));
    }
}

/// Prints a line for each backup at each of its places.
pub fn list(session: &Session, info: &Info) {
    let (screen, limit) = (&session.screen, session.settings.limit);
    let heading = format!(
        "FITS {:>9}  {:<11}  {:<8}  {:<12} NAME",
        "SIZE", "DATE", "ID", "PLACE"
    );
    screen.as_is(&screen.bold(&heading));
    let backups = info.newest_first();
    for backup in &backups {
        for (agent, copy) in &backup.agents {
            let mut marks = Vec::new();
            marks.extend((!copy.protected).then_some("not encrypted"));
            marks.extend((backup.with_automatic_settings == Some(true)).then_some("automatic"));
            let marks = if marks.is_empty() {
                String::new()
            } else {
                format!("  ({})", marks.join(", "))
            };
            let room = screen
                .width()
                .map(|width| width.saturating_sub(BEFORE_NAME + marks.len()));
            let column =
                |text: &str, width| left(&shorten(&escape(text.as_bytes()), Some(width)), width);
            let day = dates::backup_day(backup.shown_date());
            screen.as_is(&format!(
                " {}  {}  {}  {}  {} {}{marks}",
                left(if copy.size <= limit { "yes" } else { "no" }, 4),
                right(&size::short(copy.size), 7),
                left(day.as_deref().unwrap_or("-"), 11),
                column(&backup.backup_id, 8),
                column(agent, 12),
                shorten(&escape(backup.name.as_bytes()), room),
            ));
        }
    }
    for (agent, why) in &info.agent_errors {
        let why = escape(why.as_bytes());
        screen.warn(&format!("{} cannot be listed: {why}", place(agent)));
    }
    let count = match backups.len() {
        1 => "1 backup".to_owned(),
        count => format!("{count} backups"),
    };
    let too_big = backups
        .iter()
        .filter(|backup| backup.agents.values().all(|copy| copy.size > limit))
        .count();
    let limit = size::short(limit);
    screen.say(&match too_big {
        0 => format!("\n{count}; all fit into {limit}."),
        some => format!("\n{count}; {some} too big for {limit}."),
    });
}
