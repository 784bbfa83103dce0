//! A whole shrink in process, as `haslim shrink` does it.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use haslim::crypt::{KeyRing, Password};
use haslim::job::{self, Depth, Prepared, WriteOptions, WriteOutcome};
use haslim::open::Backup;
use haslim::open::Pieces;
use haslim::pipe::{Control, Progress, Silent, Stage};
use haslim::plan::{CompressionChoice, EncryptionChoice, Request, Selector};
use haslim::rewrite::{Output, OutputPath, Written};
use haslim::verify::Verification;
use haslim::{Error, Result, verify};

use crate::support::PASSWORD;

pub fn keys() -> Arc<KeyRing> {
    Arc::new(KeyRing::new(Password::new(PASSWORD.into())))
}

/// A backup with its plan.
pub struct Job(Prepared);

impl Deref for Job {
    type Target = Prepared;

    fn deref(&self) -> &Prepared {
        &self.0
    }
}

impl DerefMut for Job {
    fn deref_mut(&mut self) -> &mut Prepared {
        &mut self.0
    }
}

impl Job {
    /// Surveys the necessary parts and plans to drop `drops`.
    pub fn new(
        backup: Backup,
        keys: &Arc<KeyRing>,
        drops: &[&str],
        encryption: EncryptionChoice,
        control: &Control,
    ) -> Result<Self> {
        let request = Request {
            encryption,
            ..Request::new(u64::MAX)?
        };
        Self::by(backup, keys, drops, request, control)
    }

    /// A copy in which everything is compressed that the backup stores uncompressed.
    pub fn compressed(
        backup: Backup,
        keys: &Arc<KeyRing>,
        drops: &[&str],
        control: &Control,
    ) -> Result<Self> {
        let request = Request {
            compression: CompressionChoice::Always,
            ..Request::new(u64::MAX)?
        };
        Self::by(backup, keys, drops, request, control)
    }

    fn by(
        backup: Backup,
        keys: &Arc<KeyRing>,
        drops: &[&str],
        request: Request,
        control: &Control,
    ) -> Result<Self> {
        let drops = drops
            .iter()
            .map(|text| Selector::parse(text))
            .collect::<Result<Vec<_>>>()?;
        let request = Request { drops, ..request };
        let keys = Some(Arc::clone(keys));
        job::Job::new(backup, request)?
            .prepare(keys, Depth::Needed, control)
            .map(Self)
    }

    /// A fixture with some of its entries to be dropped.
    pub fn of_fixture(name: &str, keys: &Arc<KeyRing>, drops: &[&str]) -> Self {
        let backup = Backup::open(&crate::fixture(name)).unwrap();
        Self::alike(backup, keys, drops).unwrap()
    }

    /// A copy that is encrypted if its original is encrypted.
    pub fn alike(backup: Backup, keys: &Arc<KeyRing>, drops: &[&str]) -> Result<Self> {
        let encryption = if backup.is_protected() {
            EncryptionChoice::AsIs
        } else {
            EncryptionChoice::Plain
        };
        Self::new(backup, keys, drops, encryption, &Control::default())
    }

    /// Writes the copy, which does not have a name yet.
    pub fn write(&self, path: &Path, control: &Control) -> Result<(Output, Written)> {
        let mut output = OutputPath::check(path, false, &self.backup.input)?.create()?;
        let written = self.writer().write(&mut output, false, control)?;
        Ok((output, written))
    }

    /// A verification that can begin early.
    pub fn verification(&self) -> Verification<'_> {
        Verification::new(
            &self.backup,
            &self.surveys,
            &self.plan,
            self.keys.as_deref(),
        )
    }

    /// Reads the copy back and compares.
    pub fn verify(
        &self,
        output: &Output,
        written: &Written,
        control: &Control,
    ) -> Result<verify::Verified> {
        self.writer().verify(output, written, control)
    }

    /// Runs everything. Edited parts are compared as soon as they are written.
    pub fn run(&mut self, path: &Path, control: &Control) -> Result<PathBuf> {
        let options = WriteOptions {
            asked: false,
            replace: false,
            verify: true,
            check_kept: false,
        };
        let outcome = self.0.write(path, options, &Silent, control);
        match outcome.map_err(|e: Error| self.backup.input.explain(e))? {
            WriteOutcome::Published(copy) => Ok(copy.path),
            WriteOutcome::Refused(refusal) => panic!("{refusal:?}"),
        }
    }
}

/// A control that reports every sign of progress to `hear`: the stage, and how many times it has
/// advanced; zero for its start. `hear` can cancel the job.
pub fn watched(hear: impl Fn(&str, usize, &AtomicUsize) + Send + Sync + 'static) -> Control {
    let stop = Arc::new(AtomicUsize::new(0));
    let watch = Watch {
        hear,
        stage: std::sync::Mutex::default(),
        moved: AtomicUsize::new(0),
        stop: Arc::clone(&stop),
    };
    Control::new(Arc::new(watch), stop, 2)
}

struct Watch<F> {
    hear: F,
    stage: std::sync::Mutex<String>,
    moved: AtomicUsize,
    stop: Arc<AtomicUsize>,
}

impl<F: Fn(&str, usize, &AtomicUsize) + Send + Sync> Progress for Watch<F> {
    fn begin(&self, stage: Stage, _: u64) {
        let stage = stage.name();
        *self.stage.lock().unwrap() = stage.to_owned();
        self.moved.store(0, Ordering::SeqCst);
        (self.hear)(stage, 0, &self.stop);
    }

    fn advance(&self, _: u64) {
        let moved = self.moved.fetch_add(1, Ordering::SeqCst) + 1;
        (self.hear)(&self.stage.lock().unwrap(), moved, &self.stop);
    }

    fn end(&self) {}
}

/// The plaintext of every part, by its id.
pub type Contents = BTreeMap<String, Vec<u8>>;

/// Reads every part.
pub fn contents(backup: &Backup, keys: &KeyRing) -> Result<Contents> {
    let mut contents = Contents::new();
    for part in backup.parts.iter().filter(|part| part.layer.is_some()) {
        let mut pieces = Pieces::new(backup, part, Some(keys))?;
        let mut bytes = Vec::new();
        while let Some((piece, _)) = pieces.next_piece()? {
            bytes.extend_from_slice(piece);
        }
        contents.insert(part.id.clone(), bytes);
    }
    Ok(contents)
}
