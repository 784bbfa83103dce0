//! A system whose calls fail on demand. The job's tests use it for whole runs.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use std::io::ErrorKind;

use super::{System, Target};
use crate::pipe::Input;
use crate::report::tests::options::Options;
use crate::rewrite::output::system::Call;
use crate::{Kind, Result};

/// The calls that fail, and the calls that were made. Clones share both.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    always: Vec<(Call, ErrorKind)>,
    next: Option<(Call, ErrorKind)>,
    nth: Option<(usize, ErrorKind)>,
    made: usize,
    /// The call that failed as the n-th.
    failed: Option<Call>,
    fat: bool,
    largest: Option<u64>,
}

impl Faults {
    /// Every call of this kind fails.
    pub fn always(self, call: Call, error: ErrorKind) -> Self {
        self.state().always.push((call, error));
        self
    }

    /// The next call of this kind fails, and no other.
    pub fn next(&self, call: Call, error: ErrorKind) {
        self.state().next = Some((call, error));
    }

    /// The call with this number fails, counting from zero over all kinds.
    pub fn nth(self, number: usize, error: ErrorKind) -> Self {
        self.state().nth = Some((number, error));
        self
    }

    /// The disk is formatted as FAT.
    pub fn on_fat(self) -> Self {
        self.state().fat = true;
        self
    }

    /// No file may be larger than this.
    pub fn up_to(self, bytes: u64) -> Self {
        self.state().largest = Some(bytes);
        self
    }

    pub fn is_fat(&self) -> bool {
        self.state().fat
    }

    pub fn largest(&self) -> Option<u64> {
        self.state().largest
    }

    /// The call that failed because of [`Faults::nth`].
    pub fn failed(&self) -> Option<Call> {
        self.state().failed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn before(&self, call: Call) -> Result<(), ErrorKind> {
        let mut state = self.state();
        if let Some((_, error)) = state.always.iter().find(|(kind, _)| *kind == call) {
            return Err(*error);
        }
        let number = state.made;
        state.made += 1;
        if let Some((_, error)) = state.nth.filter(|(nth, _)| *nth == number) {
            state.failed = Some(call);
            return Err(error);
        }
        match state.next.take_if(|(kind, _)| *kind == call) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}

impl Target {
    /// Like [`Target::check`], over a system with these faults.
    pub(crate) fn check_with_faults(
        faults: Faults,
        path: &Path,
        force: bool,
        input: &Input,
    ) -> Result<Self> {
        Self::check_by(System { faults }, path, force, Some(input))
    }
}

/// Report 116.
#[test]
fn a_file_that_the_place_cannot_hold_is_told_of_before_the_work_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let check = |faults: Faults, bytes: u64| {
        let mut target = Target::check_by(
            System { faults },
            &folder.path().join("out.tar"),
            false,
            None,
        )
        .unwrap();
        target
            .check_space(bytes)
            .map_err(|error| (error.kind(), crate::report::words::error(&error, &Options)))
    };
    let four = 1u64 << 32;
    assert_eq!(check(Faults::default().on_fat(), 1000), Ok(()));
    assert_eq!(check(Faults::default().up_to(1000), 1000), Ok(()));
    for (faults, bytes, words) in [
        (
            Faults::default().on_fat(),
            four,
            ["4.29 GB", "FAT", "TooLargeForFat"],
        ),
        (
            Faults::default().up_to(1000),
            1001,
            ["1.00 kB", "ulimit -f", "unlimited"],
        ),
    ] {
        let (kind, said) = check(faults, bytes).unwrap_err();
        assert_eq!(kind, Kind::OutputIo);
        assert!(
            words.iter().all(|word| said.contains(word)) && !said.to_lowercase().contains("free"),
            "{said}"
        );
    }
}
