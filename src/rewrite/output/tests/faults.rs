//! A system whose calls fail on demand, and whole runs over it: each call in turn.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::io::Errno;

use super::{System, Target, listing};
use crate::crypt::{KeyRing, Password};
use crate::open::Backup;
use crate::pipe::Control;
use crate::plan::{self, Plan, Request, Selector};
use crate::report::tests::options::Options;
use crate::rewrite::output::system::Call;
use crate::survey::{self, PartSurvey};
use crate::{Kind, Result, verify};

/// Which calls fail, and which were made. Clones share both.
#[derive(Debug, Clone, Default)]
pub(in crate::rewrite::output) struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    always: Vec<(Call, Errno)>,
    next: Option<(Call, Errno)>,
    nth: Option<(usize, Errno)>,
    made: usize,
    /// What failed as the n-th call.
    failed: Option<Call>,
    fat: bool,
    largest: Option<u64>,
}

impl Faults {
    /// Every call of this kind fails.
    pub fn always(self, call: Call, errno: Errno) -> Self {
        self.state().always.push((call, errno));
        self
    }

    /// The next call of this kind fails, and no other.
    pub fn next(&self, call: Call, errno: Errno) {
        self.state().next = Some((call, errno));
    }

    /// The call with this number fails, counted from zero over all kinds.
    pub fn nth(self, number: usize, errno: Errno) -> Self {
        self.state().nth = Some((number, errno));
        self
    }

    /// The disk is formatted as FAT.
    fn on_fat(self) -> Self {
        self.state().fat = true;
        self
    }

    /// No file may have more bytes.
    fn up_to(self, bytes: u64) -> Self {
        self.state().largest = Some(bytes);
        self
    }

    pub fn is_fat(&self) -> bool {
        self.state().fat
    }

    pub fn largest(&self) -> Option<u64> {
        self.state().largest
    }

    /// What was made to fail by [`Faults::nth`].
    fn failed(&self) -> Option<Call> {
        self.state().failed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn before(&self, call: Call) -> rustix::io::Result<()> {
        let mut state = self.state();
        if let Some((_, errno)) = state.always.iter().find(|(kind, _)| *kind == call) {
            return Err(*errno);
        }
        let number = state.made;
        state.made += 1;
        if let Some((_, errno)) = state.nth.filter(|(nth, _)| *nth == number) {
            state.failed = Some(call);
            return Err(errno);
        }
        match state.next.take_if(|(kind, _)| *kind == call) {
            Some((_, errno)) => Err(errno),
            None => Ok(()),
        }
    }
}

/// A backup with a plan that copies some parts and cuts others.
struct Job {
    backup: Backup,
    keys: KeyRing,
    surveys: Vec<PartSurvey>,
    plan: Plan,
}

impl Job {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/v3.tar");
        let backup = Backup::open(&path).unwrap();
        let keys = KeyRing::new(Password::new("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG".into()));
        let drops = [
            "homeassistant",
            "addon:*",
            "media",
            "share:nothing",
            "addons/local:**",
        ];
        let drops = drops.map(|text| Selector::parse(text).unwrap()).to_vec();
        let request = Request {
            drops,
            has_key: true,
            ..Request::new(u64::MAX).unwrap()
        };
        let surveys = survey::survey(
            &backup,
            &plan::to_survey(&backup, &request),
            Some(&keys),
            &Control::default(),
        )
        .unwrap();
        let plan = plan::make(&backup, &surveys, &request).unwrap();
        Self {
            backup,
            keys,
            surveys,
            plan,
        }
    }

    /// The way that `haslim shrink` goes.
    fn run(&self, system: System, path: &Path, force: bool) -> Result<PathBuf> {
        let Self {
            backup,
            keys,
            surveys,
            plan,
        } = self;
        let control = Control::default();
        let mut target = Target::check_by(system, path, force, Some(&backup.input))?;
        target.remove_leftovers();
        target.check_space(plan.predicted_size)?;
        let mut output = target.create()?;
        let written = crate::rewrite::rewrite(
            backup,
            surveys,
            plan,
            Some(keys),
            &mut output,
            &control,
            &mut |_| (),
        )?;
        output.sync()?;
        verify::output(
            backup,
            surveys,
            plan,
            &written,
            output.read_back()?,
            Some(keys),
            &control,
        )?;
        output.publish()
    }
}

/// Failures that a run can do without: there is another way, or nothing depends on them.
fn can_be_survived(call: Call, errno: Errno) -> bool {
    match call {
        Call::CreateNameless | Call::Lock | Call::Look | Call::Space | Call::Remove => true,
        Call::CopyRange => errno == Errno::IO,
        _ => false,
    }
}

/// Lets every call of a run fail in turn, until a run gets through; gives the kinds that failed.
fn each_call_fails(job: &Job, errno: Errno, force: bool, nameless: bool) -> HashSet<Call> {
    let mut kinds = HashSet::new();
    for number in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tar");
        if force {
            std::fs::write(&path, b"old").unwrap();
        }
        let mut faults = Faults::default().nth(number, errno);
        if !nameless {
            faults = faults.always(Call::CreateNameless, Errno::OPNOTSUPP);
        }
        let outcome = job.run(
            System {
                faults: faults.clone(),
            },
            &path,
            force,
        );
        let failed = faults.failed();
        let what = format!(
            "{failed:?} as call {number} with {errno:?}, force {force}, nameless {nameless}: {outcome:?}"
        );
        match outcome {
            Ok(_) => {
                assert!(
                    failed.is_none_or(|call| can_be_survived(call, errno)),
                    "{what}"
                );
                assert_eq!(listing(folder.path()), ["out.tar"], "{what}");
                assert_eq!(
                    std::fs::metadata(&path).unwrap().mode() & 0o777,
                    0o600,
                    "{what}"
                );
                assert!(Backup::open(&path).is_ok(), "{what}");
            }
            Err(error) => {
                assert_eq!(error.kind(), Kind::OutputIo, "{what}");
                assert!(error.next_step().is_some(), "{what}");
                let replaced = failed == Some(Call::SyncFolder);
                let left: &[&str] = if force && !replaced {
                    &["out.tar"]
                } else {
                    &[]
                };
                assert_eq!(listing(folder.path()), left, "{what}");
                assert!(
                    left.is_empty() || std::fs::read(&path).unwrap() == b"old",
                    "{what}"
                );
            }
        }
        match failed {
            Some(call) => kinds.insert(call),
            None => break,
        };
    }
    kinds
}

#[test]
fn no_failure_of_the_system_ends_in_success_or_leaves_anything() {
    let job = Job::new();
    let mut kinds = HashSet::new();
    for errno in [Errno::NOSPC, Errno::IO, Errno::DQUOT] {
        for force in [false, true] {
            for nameless in [true, false] {
                kinds.extend(each_call_fails(&job, errno, force, nameless));
            }
        }
    }
    use Call::*;
    let all = [
        OpenFolder,
        Look,
        Space,
        CreateNameless,
        CreateHidden,
        Lock,
        Write,
        CopyRange,
        Sync,
        Link,
        Rename,
        SyncFolder,
    ];
    assert!(all.iter().all(|call| kinds.contains(call)), "{kinds:?}");
}

#[test]
fn a_folder_that_cannot_be_synced_at_all_is_no_failure() {
    let job = Job::new();
    for force in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tar");
        job.run(
            System {
                faults: Faults::default().always(Call::SyncFolder, Errno::INVAL),
            },
            &path,
            force,
        )
        .unwrap();
        assert_eq!(listing(folder.path()), ["out.tar"]);
    }
}

#[test]
fn a_full_disk_is_told_with_the_bytes_needed_and_free() {
    let (job, folder) = (Job::new(), tempfile::tempdir().unwrap());
    let faults = Faults::default();
    faults.next(Call::Write, Errno::NOSPC);
    let error = job
        .run(System { faults }, &folder.path().join("out.tar"), false)
        .unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains(&format!(
            "{} needed",
            crate::size::both(job.plan.predicted_size)
        )),
        "{said}"
    );
    assert!(
        said.contains("free on the disk") && said.contains("No space left"),
        "{said}"
    );
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
            ["4.29 GB (4.00 GiB)", "FAT", "exFAT"],
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

#[test]
fn a_write_that_a_limit_ends_has_advice_of_its_own() {
    let job = Job::new();
    for (faults, errno, advice) in [
        (Faults::default(), Errno::DQUOT, "quota"),
        (
            Faults::default(),
            Errno::FBIG,
            "cannot hold a file of this size",
        ),
        (Faults::default().on_fat(), Errno::FBIG, "exFAT"),
        (Faults::default().up_to(u64::MAX), Errno::FBIG, "ulimit -f"),
    ] {
        for call in [Call::Write, Call::CopyRange] {
            let folder = tempfile::tempdir().unwrap();
            faults.next(call, errno);
            let error = job
                .run(
                    System {
                        faults: faults.clone(),
                    },
                    &folder.path().join("out.tar"),
                    false,
                )
                .unwrap_err();
            assert_eq!(error.kind(), Kind::OutputIo);
            let said = crate::report::words::error(&error, &Options);
            assert!(
                said.contains(advice) && said.contains(" needed") && !said.contains("free space"),
                "{said}"
            );
            assert_eq!(listing(folder.path()), [""; 0]);
        }
    }
}
