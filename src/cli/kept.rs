//! Parts that a copy keeps as they are: whether they are sound.

use super::Session;
use super::prepare::Prepared;
use super::terms::DOWNLOAD_AGAIN;
use haslim::crypt::KeyRing;
use haslim::open::Backup;
use haslim::pipe::Control;
use haslim::plan::Action;
use haslim::{Error, Kind, Result, verify};

/// A part by its index, and what is wrong with it.
pub type Check = (usize, Result<()>);

/// Runs `work`, which has `busy` parts to look into, and checks `parts` on a thread that it
/// leaves idle, the smallest first. Gives what was found out when the work was done.
pub fn meanwhile<T>(
    backup: &Backup,
    parts: &[usize],
    keys: Option<&KeyRing>,
    busy: usize,
    control: &Control,
    work: impl FnOnce() -> T,
) -> (T, Vec<Check>) {
    if parts.is_empty() || busy == 0 || busy >= control.threads() {
        return (work(), Vec::new());
    }
    let mut order = parts.to_vec();
    order.sort_by_key(|&at| backup.stored(&backup.parts[at]));
    let beside = control.beside();
    let check = |at| Some((at, verify::integrity(backup, &[at], keys, &beside).pop()?));
    let checks = || {
        order
            .into_iter()
            .take_while(|_| beside.check().is_ok())
            .filter_map(check)
            .collect::<Vec<Check>>()
    };
    std::thread::scope(|scope| {
        // Where the system gives no further thread, all of it is done later.
        let checks = std::thread::Builder::new()
            .name("check".into())
            .spawn_scoped(scope, checks);
        let outcome = work();
        beside.abandon();
        let found = checks
            .ok()
            .and_then(|checks| checks.join().ok())
            .unwrap_or_default();
        // What else went wrong will go wrong again, where it can be told.
        let finished = |(_, check): &Check| check.as_ref().err().is_none_or(about_contents);
        (outcome, found.into_iter().filter(finished).collect())
    })
}

/// Reads the parts that will be copied and were not looked into, as far as the key
/// reaches: damage in them would go into the copy unseen.
pub fn check(prepared: &Prepared, control: &Control) -> Vec<Check> {
    let Prepared {
        backup,
        keys,
        surveys,
        checked,
        ..
    } = prepared;
    let read =
        |at: &usize| checked.iter().any(|(c, _)| c == at) || surveys.iter().any(|s| s.part == *at);
    let readable = |at: &usize| {
        backup.parts[*at].fault.is_some() || backup.parts[*at].is_readable(keys.is_some())
    };
    let parts: Vec<usize> = (0..backup.parts.len())
        .filter(|at| is_copied(prepared, *at) && !read(at) && readable(at))
        .collect();
    let checks = verify::integrity(backup, &parts, keys.as_ref(), control);
    parts.into_iter().zip(checks).collect()
}

fn is_copied(prepared: &Prepared, at: usize) -> bool {
    matches!(
        prepared.plan.parts.get(at).map(|p| &p.action),
        Some(Action::Copy | Action::Reencrypt)
    )
}

fn about_contents(error: &Error) -> bool {
    matches!(error.kind(), Kind::Damaged | Kind::Refused)
}

/// Tells of damage in parts that the copy would keep. The user who is `asked` afterwards can
/// go on; and whoever named the part with --keep wants it as it is. For all others it is an error.
/// Gives the checks back when none of them ends the run.
///
/// # Errors
/// The damage, and whatever is not about the contents of a part.
pub fn tell(
    session: &Session,
    prepared: &Prepared,
    mut checks: Vec<Check>,
    asked: bool,
) -> Result<Vec<Check>> {
    let id = |at: usize| &prepared.backup.parts[at].id;
    let stops = |(at, check): &Check| match check {
        Err(error) if about_contents(error) => {
            error.kind() == Kind::Damaged
                && !asked
                && is_copied(prepared, *at)
                && !prepared.request.keeps_component(id(*at))
        }
        other => other.is_err(),
    };
    let first = checks
        .iter()
        .position(stops)
        .map(|at| checks.swap_remove(at));
    warnings(prepared, &checks)
        .iter()
        .for_each(|warning| session.screen.warn(warning));
    let Some((at, Err(error))) = first else {
        return Ok(checks);
    };
    Err(with_way_out(error, id(at)))
}

/// Damage in a part, with what lets a run go on all the same.
pub fn with_way_out(error: Error, id: &str) -> Error {
    let way_out = format!(
        "Or leave the part out with --drop {id}, or keep it as it is with --keep {id}; a restore of it may fail."
    );
    if error.kind() == Kind::Damaged {
        error.advice(format!("{DOWNLOAD_AGAIN} {way_out}"))
    } else {
        error
    }
}

/// Parts that the copy keeps although something of this kind is known to be wrong with them.
pub fn wrong(prepared: &Prepared, kind: Kind) -> Vec<(&str, &Error)> {
    let of_kind = |(at, check): &Check| {
        check.as_ref().is_err_and(|e| e.kind() == kind) && is_copied(prepared, *at)
    };
    let found = prepared.checked.iter().filter(|check| of_kind(check));
    found
        .filter_map(|(at, check)| {
            Some((
                prepared.backup.parts[*at].id.as_str(),
                check.as_ref().err()?,
            ))
        })
        .collect()
}

/// What is wrong with the contents of parts that the copy would keep. Of all else that keeps
/// a part from being checked, a wish to stop for one, no copy is made.
fn warnings(prepared: &Prepared, checks: &[Check]) -> Vec<String> {
    let kept = checks.iter().filter(|(at, _)| is_copied(prepared, *at));
    let told = kept.filter_map(|(at, check)| {
        Some((
            *at,
            check.as_ref().err().filter(|error| about_contents(error))?,
        ))
    });
    let warning = |(at, error): (usize, &Error)| {
        let what = if error.kind() == Kind::Damaged {
            "is damaged"
        } else {
            "could not be checked"
        };
        format!(
            "{} {what}; a copy keeps it as it is. {error}",
            prepared.backup.parts[at].id
        )
    };
    told.map(warning).collect()
}

/// Parts that the copy keeps and nobody could look at, for want of the key.
pub fn unseen(prepared: &Prepared) -> Vec<&str> {
    let parts = prepared.backup.parts.iter().enumerate();
    let locked = parts.filter(|(at, part)| {
        is_copied(prepared, *at)
            && part.layer.is_some()
            && !part.is_readable(prepared.keys.is_some())
    });
    locked.map(|(_, part)| part.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use haslim::plan::{self, Request};

    #[test]
    fn a_wish_to_stop_is_not_told_of_as_if_a_copy_were_made() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/plain.tar");
        let backup = Backup::open(std::path::Path::new(path)).unwrap();
        let request = Request {
            drops: vec![plan::parse("media", &backup).unwrap()],
            ..Request::new(u64::MAX).unwrap()
        };
        let plan = plan::make(&backup, &[], &request).unwrap();
        let prepared = Prepared {
            backup,
            keys: None,
            surveys: Vec::new(),
            checked: Vec::new(),
            request,
            plan,
        };
        let kept: Vec<usize> = (0..prepared.backup.parts.len())
            .filter(|at| is_copied(&prepared, *at))
            .collect();
        let errors = [
            Error::damaged("cut short"),
            Error::new(Kind::Interrupted(2), "stopped on request"),
            Error::refused("odd"),
        ];
        let checks: Vec<Check> = kept.into_iter().zip(errors.into_iter().map(Err)).collect();
        let told = warnings(&prepared, &checks);
        assert!(
            told.len() == 2
                && told[0].contains("is damaged")
                && told[1].contains("could not be checked"),
            "{told:?}"
        );
    }
}
