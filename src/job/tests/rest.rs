//! A copy and its rest, on a system whose calls fail.

use std::io::ErrorKind;
use std::path::Path;

use super::{control, keys, listing, prepared};
use crate::job::{Prepared, WriteOptions, WriteOutcome};
use crate::pipe::{Control, Input, Silent};
use crate::rest::digest;
use crate::rewrite::OutputPath;
use crate::rewrite::output::{Call, Faults};
use crate::{Kind, Result};

fn job() -> Prepared {
    prepared("v2.tar", &["homeassistant:nest", "media"], Some(keys()))
}

/// Writes the copy and its rest into `folder`, each on a system with its own faults.
fn write(
    job: &mut Prepared,
    folder: &Path,
    [copy, rest]: [&Faults; 2],
    threads: usize,
) -> Result<WriteOutcome> {
    let target = |faults: &Faults, name: &str, input: &Input| {
        OutputPath::check_with_faults(faults.clone(), &folder.join(name), false, input)
    };
    let options = WriteOptions {
        asked: false,
        replace: false,
        verify: true,
        check_kept: false,
    };
    let write = |prepared: &Prepared, control: &Control| {
        let input = &prepared.backup.input;
        let target = target(rest, "rest.tar", input)?;
        prepared.write_rest(target, digest(input, control)?, options, control)
    };
    job.write_to(
        &|input| target(copy, "copy.tar", input),
        options,
        &Silent,
        &control(threads, 0),
        Some(&write),
    )
}

#[test]
fn whatever_fails_for_the_rest_there_are_both_files_or_none() {
    let mut job = job();
    for threads in [1, 3] {
        let mut failed = 0;
        for number in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let faults = Faults::default().nth(number, ErrorKind::StorageFull);
            let outcome = write(
                &mut job,
                folder.path(),
                [&Faults::default(), &faults],
                threads,
            );
            let what = format!("{:?} as call {number}: {outcome:?}", faults.failed());
            match outcome {
                Ok(_) => assert_eq!(listing(folder.path()), ["copy.tar", "rest.tar"], "{what}"),
                Err(error) => {
                    assert_eq!(error.kind(), Kind::OutputIo, "{what}");
                    assert!(listing(folder.path()).is_empty(), "{what}");
                    failed += 1;
                }
            }
            if faults.failed().is_none() {
                break;
            }
        }
        assert!(failed > 5, "{failed}");
    }
}

#[test]
fn a_rest_whose_copy_gets_no_name_is_removed_again() {
    let mut job = job();
    for call in [Call::SyncFolder, Call::Sync, Call::Write] {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::default().always(call, ErrorKind::Other);
        let outcome = write(&mut job, folder.path(), [&faults, &Faults::default()], 2);
        assert_eq!(outcome.unwrap_err().kind(), Kind::OutputIo, "{call:?}");
        assert!(listing(folder.path()).is_empty(), "{call:?}");
    }
}
