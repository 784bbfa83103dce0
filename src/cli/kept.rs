//! Parts that a copy keeps as they are: whether they are sound.

use haslim::crypt::KeyRing;
use haslim::open::Backup;
use haslim::pipe::Control;
use haslim::plan::Action;
use haslim::{Error, Kind, Result, verify};

use super::Session;
use super::prepare::Prepared;

/// A part by its index, and what is wrong with it.
pub type Check = (usize, Result<()>);

/// Runs `work`, which has `busy` parts to look into, and checks `parts` on threads that it
/// leaves idle, the smallest first. Gives what was found out when the work was done.
pub fn meanwhile<T>(
    backup: &Backup,
    parts: &[usize],
    keys: Option<&KeyRing>,
    busy: usize,
    control: &Control,
    work: impl FnOnce() -> T,
) -> (T, Vec<Check>) {
    if busy == 0 || busy >= control.threads() {
        return (work(), Vec::new());
    }
    let mut order = parts.to_vec();
    order.sort_by_key(|&at| backup.stored(&backup.parts[at]));
    let beside = control.beside();
    std::thread::scope(|scope| {
        let checks = scope.spawn(|| {
            let check = |at| Some((at, verify::integrity(backup, &[at], keys, &beside).pop()?));
            order.into_iter().take_while(|_| beside.check().is_ok()).filter_map(check).collect::<Vec<Check>>()
        });
        let outcome = work();
        beside.abandon();
        // What else went wrong will go wrong again, where it can be told.
        let finished = |(_, check): &Check| check.as_ref().err().is_none_or(about_contents);
        (outcome, checks.join().unwrap_or_default().into_iter().filter(finished).collect())
    })
}

/// Reads the parts that will be copied and were not looked into, as far as the key
/// reaches: damage in them would go into the copy unseen.
pub fn check(prepared: &Prepared, control: &Control) -> Vec<Check> {
    let Prepared { backup, keys, surveys, damaged, checked, .. } = prepared;
    let read = |at: &usize| damaged.contains(at) || checked.iter().any(|(c, _)| c == at) || surveys.iter().any(|s| s.part == *at);
    let readable = |at: &usize| backup.parts[*at].is_readable(keys.is_some());
    let parts: Vec<usize> = (0..backup.parts.len()).filter(|at| is_copied(prepared, *at) && !read(at) && readable(at)).collect();
    let checks = verify::integrity(backup, &parts, keys.as_ref(), control);
    parts.into_iter().zip(checks).collect()
}

fn is_copied(prepared: &Prepared, at: usize) -> bool {
    matches!(prepared.plan.parts.get(at).map(|p| &p.action), Some(Action::Copy | Action::Rewrap))
}

fn about_contents(error: &Error) -> bool {
    matches!(error.kind(), Kind::Damaged | Kind::Refused)
}

/// Tells of damage. It is no reason to stop, as the copy is no worse than its original.
///
/// # Errors
/// Whatever is not about the contents of a part.
pub fn tell(session: &Session, prepared: &Prepared, checks: Vec<Check>) -> Result<()> {
    let earlier = prepared.checked.iter().filter(|(at, _)| is_copied(prepared, *at));
    for (at, error) in earlier.filter_map(|(at, check)| Some((*at, check.as_ref().err()?))) {
        warn(session, &prepared.backup, at, error);
    }
    for (at, error) in checks.into_iter().filter_map(|(at, check)| Some((at, check.err()?))) {
        if !about_contents(&error) {
            return Err(error);
        }
        warn(session, &prepared.backup, at, &error);
    }
    Ok(())
}

fn warn(session: &Session, backup: &Backup, at: usize, error: &Error) {
    let what = if error.kind() == Kind::Damaged { "is damaged" } else { "could not be checked" };
    session.screen.warn(&format!("{} {what}; the copy keeps it as it is. {error}", backup.parts[at].id));
}
