//! A whole shrink in process, stage by stage, in the order of `haslim shrink`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use haslim::crypt::{KeyRing, Password};
use haslim::open::{Backup, Pieces};
use haslim::pipe::{Control, Progress};
use haslim::plan::{self, EncryptionChoice, Plan, Request, Selector};
use haslim::rewrite::{self, Output, OutputPath, Written};
use haslim::survey::{self, PartSurvey};
use haslim::verify::Verification;
use haslim::{Error, Result, verify};

use crate::support::PASSWORD;

pub fn keys() -> KeyRing {
    KeyRing::new(Password::new(PASSWORD.into()))
}

/// A backup with its plan.
pub struct Job<'a> {
    pub backup: Backup,
    pub keys: &'a KeyRing,
    pub surveys: Vec<PartSurvey>,
    pub plan: Plan,
}

impl<'a> Job<'a> {
    /// Surveys what is needed and plans to leave out `drops`.
    pub fn new(
        backup: Backup,
        keys: &'a KeyRing,
        drops: &[&str],
        encryption: EncryptionChoice,
        control: &Control,
    ) -> Result<Self> {
        let drops = drops
            .iter()
            .map(|text| Selector::parse(text))
            .collect::<Result<Vec<_>>>()?;
        let request = Request {
            drops,
            encryption,
            has_key: true,
            ..Request::new(u64::MAX)?
        };
        let surveys = survey::survey(
            &backup,
            &plan::to_survey(&backup, &request),
            Some(keys),
            control,
        )?;
        let plan = plan::make(&backup, &surveys, &request)?;
        Ok(Self {
            backup,
            keys,
            surveys,
            plan,
        })
    }

    /// A fixture with some of its entries to be left out.
    pub fn of_fixture(name: &str, keys: &'a KeyRing, drops: &[&str]) -> Self {
        let backup = Backup::open(&crate::fixture(name)).unwrap();
        Self::alike(backup, keys, drops).unwrap()
    }

    /// A copy that is encrypted if its original is.
    pub fn alike(backup: Backup, keys: &'a KeyRing, drops: &[&str]) -> Result<Self> {
        let encryption = if backup.is_protected() {
            EncryptionChoice::AsIs
        } else {
            EncryptionChoice::Plain
        };
        Self::new(backup, keys, drops, encryption, &Control::default())
    }

    /// Writes the copy; it has no name yet.
    pub fn write(&self, path: &Path, control: &Control) -> Result<(Output, Written)> {
        let mut output = OutputPath::check(path, false, &self.backup.input)?.create()?;
        let written = rewrite::rewrite(
            &self.backup,
            &self.surveys,
            &self.plan,
            Some(self.keys),
            &mut output,
            control,
            &mut |_| (),
        )?;
        output.sync()?;
        Ok((output, written))
    }

    /// A verification that can begin early.
    pub fn verification(&self) -> Verification<'_> {
        Verification::new(&self.backup, &self.surveys, &self.plan, Some(self.keys))
    }

    /// Reads the copy back and compares.
    pub fn verify(
        &self,
        output: &Output,
        written: &Written,
        control: &Control,
    ) -> Result<verify::Verified> {
        verify::output(
            &self.backup,
            &self.surveys,
            &self.plan,
            written,
            output.read_back()?,
            Some(self.keys),
            control,
        )
    }

    /// All of it; parts that are cut are compared as soon as they are written.
    pub fn run(&self, path: &Path, control: &Control) -> Result<PathBuf> {
        let explained = |e: Error| self.backup.input.explain(e);
        let mut output = OutputPath::check(path, false, &self.backup.input)?.create()?;
        let verification = self.verification();
        let (reader, beside) = (output.read_back()?, control.beside());
        let mut complete = |place| verification.compare_early(place, &reader, &beside);
        let written = rewrite::rewrite(
            &self.backup,
            &self.surveys,
            &self.plan,
            Some(self.keys),
            &mut output,
            control,
            &mut complete,
        )
        .map_err(explained)?;
        output.sync()?;
        verification
            .finish(&written, output.read_back()?, control)
            .map_err(explained)?;
        self.backup.input.check_unchanged()?;
        control.check()?;
        output.publish()
    }
}

/// A control whose every sign of progress is heard: the stage, and how often it
/// has moved on; zero for its begin. Whoever hears it can ask to stop.
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
    fn begin(&self, stage: &str, _: u64) {
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
