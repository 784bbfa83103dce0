//! Writes one copy and compares it, on all threads at once.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;

use crate::crypt::KeyRing;
use crate::error::{Error, Kind, Result};
use crate::format::securetar::SecureHeader;
use crate::open::Backup;
use crate::pipe::{Control, Growth, Input};
use crate::plan::Plan;
use crate::rewrite::{self, Output, Place, Watcher, Written};
use crate::survey::PartSurvey;
use crate::verify::{self, Begun, Verification, Verified};

/// Everything needed to write a copy, and to compare it with its original.
#[derive(Debug, Clone, Copy)]
pub struct CopyWriter<'a> {
    /// The original.
    pub backup: &'a Backup,
    /// The surveys from which the plan was made.
    pub surveys: &'a [PartSurvey],
    /// What to write.
    pub plan: &'a Plan,
    /// The key.
    pub keys: Option<&'a KeyRing>,
}

impl CopyWriter<'_> {
    /// Writes the copy and waits until it is on disk. With `verify`, it is read back and compared
    /// with the original. Edited parts are compared while they and the rest are being written.
    ///
    /// # Errors
    /// As [`rewrite::rewrite`] and [`verify::output`]; the output must not be published then.
    pub fn write(&self, output: &mut Output, verify: bool, control: &Control) -> Result<Written> {
        let Self {
            backup,
            surveys,
            plan,
            keys,
        } = *self;
        let verification = Verification::new(backup, surveys, plan, keys);
        let beside = control.beside();
        let reader = output.read_back()?;
        let growth = output.growth();
        std::thread::scope(|scope| {
            let _abandoned = AbandonOnDrop(&beside);
            // Holds at most one of them for each part.
            let (tell, parts) = channel::<Begun>();
            let compare = |parts: Receiver<Begun>| {
                let compare = |begun| verification.compare_early(&begun, &reader, &beside);
                parts.into_iter().for_each(compare)
            };
            let early = if verify && control.threads() > 1 {
                named("verify")
                    .spawn_scoped(scope, move || compare(parts))
                    .ok()
            } else {
                None
            };
            let mut tell = Tell {
                tell,
                growth,
                begun: None,
            };
            // Without a receiver, everything is compared at the end.
            let written =
                rewrite::rewrite(backup, surveys, plan, keys, output, control, &mut tell)?;
            drop(tell);
            let output = &*output;
            // The data is read back while it is being flushed to disk.
            let sync = named("sync").spawn_scoped(scope, || output.sync()).ok();
            if verify {
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

    /// Compares a copy that an earlier run wrote with what this plan says.
    ///
    /// # Errors
    /// As [`verify::output`].
    pub(super) fn compare(
        &self,
        copy: Arc<Input>,
        written: &Written,
        control: &Control,
    ) -> Result<Verified> {
        verify::output(
            self.backup,
            self.surveys,
            self.plan,
            written,
            copy,
            self.keys,
            control,
        )
    }

    /// Reads a finished copy back and compares it with the original.
    ///
    /// # Errors
    /// As [`verify::output`].
    pub fn verify(
        &self,
        output: &Output,
        written: &Written,
        control: &Control,
    ) -> Result<Verified> {
        self.compare(output.read_back()?, written, control)
    }
}

/// Tells the verification where the parts are.
struct Tell {
    tell: Sender<Begun>,
    growth: Arc<Growth>,
    /// The part that is being written.
    begun: Option<Begun>,
}

impl Watcher for Tell {
    fn begins(&mut self, part: usize, data_at: u64, header: Option<SecureHeader>) {
        let begun = Begun::new(part, data_at, header, Arc::clone(&self.growth));
        self.begun = Some(begun.clone());
        // Without a receiver, it is compared at the end.
        self.tell.send(begun).unwrap_or_default()
    }

    fn ends(&mut self, place: Place) {
        if let Some(begun) = self.begun.take() {
            begun.complete(place);
        }
    }
}

/// Ends the helper threads if the work itself ends early.
pub(super) struct AbandonOnDrop<'a>(pub &'a Control);

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// A thread with this name.
pub(super) fn named(name: &str) -> Builder {
    Builder::new().name(name.into())
}

/// The error for a thread that ended without a result.
pub(super) fn lost(thread: &str) -> Error {
    Error::new(Kind::Internal, format!("the {thread} thread was lost"))
}
