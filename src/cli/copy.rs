//! Writing a copy and verifying it, on all threads at once.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Instant;

use haslim::format::secure::Version;
use haslim::pipe::Control;
use haslim::report::json;
use haslim::rewrite::{self, Output, OutputPath, Place, Written};
use haslim::verify::Verification;
use haslim::{Error, Kind, Result};

use super::Session;
use super::commands::shrink::refusal;
use super::kept::{self, Check};
use super::prepare::Prepared;

/// Where the copy goes and how freely.
pub struct Writing {
    pub output: Option<PathBuf>,
    pub yes: bool,
    pub force: bool,
    /// Give the copy its name without having read it back.
    pub no_verify: bool,
}

/// A copy that has its name.
pub struct Finished {
    pub path: PathBuf,
    pub size: u64,
    /// What Home Assistant will know it by.
    pub slug: String,
    pub name: String,
    pub protected: bool,
    pub securetar: Option<Version>,
}

impl Finished {
    /// The same for programs.
    pub fn for_json(&self, limit: u64, verified: bool, begin: Instant) -> json::Copy<'_> {
        let Self {
            path,
            size,
            slug,
            name,
            protected,
            securetar,
        } = self;
        json::Copy {
            path,
            size: *size,
            fits: *size <= limit,
            slug,
            name,
            protected: *protected,
            securetar: *securetar,
            verified,
            seconds: begin.elapsed().as_secs_f64(),
        }
    }
}

/// How often a copy that came out too large is planned anew with what was measured.
const ATTEMPTS: usize = 3;

/// Writes until the copy is not larger than the limit; a plan that was too
/// optimistic is made anew with the bytes that were measured.
pub fn write(
    session: &Session,
    prepared: &mut Prepared,
    place: &Path,
    writing: &Writing,
) -> Result<Finished> {
    for attempt in 1..=ATTEMPTS {
        let mut target = OutputPath::check(place, writing.force, &prepared.backup.input)?;
        target.remove_leftovers();
        target.check_space(prepared.plan.predicted_size)?;
        let mut output = target.create()?;
        match complete(session, prepared, &mut output, writing) {
            Ok((Written { size, changes }, checks)) => {
                prepared.checked.extend(checks);
                let (path, name) = (
                    output.publish()?,
                    prepared.backup.manifest.changed_name(&changes),
                );
                session.published();
                let securetar = prepared.plan.securetar(&prepared.backup);
                return Ok(Finished {
                    path,
                    size,
                    slug: changes.slug,
                    name,
                    protected: changes.protected,
                    securetar,
                });
            }
            Err(error) if error.kind() != Kind::CannotFit || attempt == ATTEMPTS => {
                return Err(error);
            }
            Err(_) => {
                let plan = &prepared.plan;
                let over = output.position().saturating_sub(plan.predicted_size);
                prepared.request.margin = prepared.request.margin.saturating_add(over);
                prepared.again()?;
                if let Some(error) = refusal(prepared) {
                    return Err(error);
                }
            }
        }
    }
    Err(Error::new(Kind::Internal, "no attempt was made"))
}

/// Writes and verifies; what is kept as it is, is looked at for damage at the same time,
/// unless that was done before somebody was asked. Gives what was found out there.
fn complete(
    session: &Session,
    prepared: &Prepared,
    output: &mut Output,
    writing: &Writing,
) -> Result<(Written, Vec<Check>)> {
    let look = writing.yes && !writing.no_verify;
    let beside = session.control.beside();
    let done = std::thread::scope(|scope| -> Result<(Written, Vec<Check>)> {
        let check = || kept::check(prepared, &beside);
        let thread = if look && session.control.threads() > 1 {
            thread("check").spawn_scoped(scope, check).ok()
        } else {
            None
        };
        let written = fill(session, prepared, output, !writing.no_verify)
            .inspect_err(|_| beside.abandon())?;
        let checks = match thread {
            Some(thread) => thread.join().map_err(|_| lost("check"))?,
            None if look => kept::check(prepared, &session.control),
            None => Vec::new(),
        };
        let checks = kept::tell(session, prepared, checks, false)?;
        Ok((written, checks))
    })?;
    prepared.backup.input.check_unchanged()?;
    session.control.check()?;
    Ok(done)
}

/// Writes the copy, then reads it back. Parts that were cut are read back while the rest is
/// still being written.
fn fill(
    session: &Session,
    prepared: &Prepared,
    output: &mut Output,
    verified: bool,
) -> Result<Written> {
    let Prepared {
        backup,
        keys,
        surveys,
        plan,
        ..
    } = prepared;
    let (keys, control) = (keys.as_ref(), &session.control);
    let verification = Verification::new(backup, surveys, plan, keys);
    let beside = control.beside();
    let reader = output.read_back()?;
    std::thread::scope(|scope| {
        let _abandoned = Abandon(&beside);
        // One place for each part at most.
        let (tell, complete) = channel::<Place>();
        let compare = || {
            complete
                .into_iter()
                .for_each(|place| verification.compare_early(place, &reader, &beside))
        };
        let early = if verified && control.threads() > 1 {
            thread("verify").spawn_scoped(scope, compare).ok()
        } else {
            None
        };
        // Where nobody hears it, all is left to the end.
        let written =
            rewrite::rewrite(backup, surveys, plan, keys, output, control, &mut |place| {
                tell.send(place).unwrap_or_default()
            })?;
        drop(tell);
        let (output, sync) = (&*output, thread("sync"));
        // While the disk catches up, what it is given is read back.
        let sync = sync.spawn_scoped(scope, || output.sync()).ok();
        if verified {
            verification.finish(&written, output.read_back()?, control)?;
        }
        early.map_or(Ok(()), |early| early.join().map_err(|_| lost("verify")))?;
        sync.map_or_else(
            || output.sync(),
            |sync| sync.join().map_err(|_| lost("sync"))?,
        )?;
        Ok(written)
    })
}

/// Whoever leaves early leaves nobody at work.
struct Abandon<'a>(&'a Control);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

fn thread(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.into())
}

fn lost(thread: &str) -> Error {
    Error::new(Kind::Internal, format!("the {thread} thread was lost"))
}
