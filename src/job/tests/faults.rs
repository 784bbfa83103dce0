//! Whole jobs on a system whose calls fail, one call at a time.

use crate::report::tests::options::Options;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use std::io::ErrorKind;

use super::{keys, listing, prepared};
use crate::job::{Prepared, WriteOptions, WriteOutcome};
use crate::open::Backup;
use crate::pipe::{Control, Input, Silent};
use crate::rewrite::OutputPath;
use crate::rewrite::output::{Call, Faults, is_private};
use crate::{Kind, Result};

/// A job that copies some parts and cuts others.
fn job() -> Prepared {
    let drops = [
        "homeassistant",
        "addon:*",
        "media",
        "share:nothing",
        "addons/local:**",
    ];
    prepared("v3.tar", &drops, Some(keys()))
}

/// Writes the copy on a system with these faults.
fn run(job: &mut Prepared, faults: &Faults, path: &Path, force: bool) -> Result<PathBuf> {
    let target = |input: &Input| OutputPath::check_with_faults(faults.clone(), path, force, input);
    let options = WriteOptions {
        asked: false,
        replace: force,
        verify: true,
        check_kept: false,
    };
    match job.write_to(&target, options, &Silent, &Control::default(), None)? {
        WriteOutcome::Published(copy) => Ok(copy.path),
        WriteOutcome::Refused(refusal) => panic!("{refusal:?}"),
    }
}

/// Failures that a run survives: there is another way, or nothing depends on them.
fn can_be_survived(call: Call, error: ErrorKind) -> bool {
    match call {
        Call::CreateNameless | Call::Lock | Call::Look | Call::Space | Call::Remove => true,
        Call::CopyRange => error == ErrorKind::Other,
        _ => false,
    }
}

/// Lets each call of a run fail in turn, until a run succeeds. Returns the kinds of calls that
/// failed.
fn each_call_fails(
    job: &mut Prepared,
    error: ErrorKind,
    force: bool,
    nameless: bool,
) -> HashSet<Call> {
    let mut kinds = HashSet::new();
    for number in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tar");
        if force {
            std::fs::write(&path, b"old").unwrap();
        }
        let mut faults = Faults::default().nth(number, error);
        if !nameless {
            faults = faults.always(Call::CreateNameless, ErrorKind::Unsupported);
        }
        let outcome = run(job, &faults, &path, force);
        let failed = faults.failed();
        let what = format!(
            "{failed:?} as call {number} with {error:?}, force {force}, nameless {nameless}: {outcome:?}"
        );
        match outcome {
            Ok(_) => {
                assert!(
                    failed.is_none_or(|call| can_be_survived(call, error)),
                    "{what}"
                );
                assert_eq!(listing(folder.path()), ["out.tar"], "{what}");
                assert!(is_private(&path), "{what}");
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
    let mut job = job();
    let mut kinds = HashSet::new();
    for error in [
        ErrorKind::StorageFull,
        ErrorKind::Other,
        ErrorKind::QuotaExceeded,
    ] {
        for force in [false, true] {
            for nameless in [true, false] {
                kinds.extend(each_call_fails(&mut job, error, force, nameless));
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
    // Only Linux names a file that has no name.
    let mut all = all
        .iter()
        .filter(|&&call| call != Link || cfg!(target_os = "linux"));
    assert!(all.all(|call| kinds.contains(call)), "{kinds:?}");
}

#[test]
fn a_folder_that_cannot_be_synced_at_all_is_no_failure() {
    let mut job = job();
    for force in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tar");
        let faults = Faults::default().always(Call::SyncFolder, ErrorKind::InvalidInput);
        run(&mut job, &faults, &path, force).unwrap();
        assert_eq!(listing(folder.path()), ["out.tar"]);
    }
}

#[test]
fn a_full_disk_is_told_with_the_bytes_needed_and_free() {
    let (mut job, folder) = (job(), tempfile::tempdir().unwrap());
    let faults = Faults::default();
    faults.next(Call::Write, ErrorKind::StorageFull);
    let error = run(&mut job, &faults, &folder.path().join("out.tar"), false).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains(&format!(
            "{} needed",
            crate::size::decimal(job.plan.predicted_size)
        )),
        "{said}"
    );
    assert!(
        said.contains("free on the disk") && said.contains("no storage space"),
        "{said}"
    );
}

#[test]
fn a_write_that_a_limit_ends_has_advice_of_its_own() {
    let mut job = job();
    for (faults, error, advice) in [
        (Faults::default(), ErrorKind::QuotaExceeded, "Quota"),
        (
            Faults::default(),
            ErrorKind::FileTooLarge,
            "TooLargeForDisk",
        ),
        (
            Faults::default().on_fat(),
            ErrorKind::FileTooLarge,
            "TooLargeForFat",
        ),
        (
            Faults::default().up_to(u64::MAX),
            ErrorKind::FileTooLarge,
            "ulimit -f",
        ),
    ] {
        for call in [Call::Write, Call::CopyRange] {
            let folder = tempfile::tempdir().unwrap();
            faults.next(call, error);
            let error = run(&mut job, &faults, &folder.path().join("out.tar"), false).unwrap_err();
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
