//! Valid and invalid inputs, and inputs that change while the program reads them.

use std::fs::File;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use haslim::Kind;
use haslim::open::Backup;
use haslim::plan::EncryptionChoice;

use crate::job::{Job, keys, watched};
use crate::paused::{Paused, fifo};
use crate::*;

#[test]
fn what_cannot_be_read_at_many_places_is_refused() {
    let scratch = Scratch::new();
    let pipe = fifo(&scratch.path("pipe"));
    for command in ["info", "ls", "verify", "plan", "shrink"] {
        for input in ["-", "/dev/stdin", &pipe, "/dev/null"] {
            let mut child = Command::new(PROGRAM)
                .args([command, input])
                .env("HASLIM_PASSWORD", PASSWORD)
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            // The program may already have ended.
            let _ = child.stdin.take().unwrap().write_all(b"./backup.json");
            let output = child.wait_with_output().unwrap();
            let err = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(10), "{command} {input}: {err}");
            assert!(
                err.contains("to a file first") && says_what_did_not_happen(command, &err),
                "{command} {input}: {err}"
            );
        }
    }
}

/// What can happen to a file while it is being read.
#[derive(Debug, Clone, Copy)]
enum Change {
    Grows,
    Shrinks,
    IsReplaced,
    IsRewritten,
    IsRewrittenWithOtherBytes,
    IsRemoved,
}

use Change::*;

const CHANGES: [Change; 6] = [
    Grows,
    Shrinks,
    IsReplaced,
    IsRewritten,
    IsRewrittenWithOtherBytes,
    IsRemoved,
];

impl Change {
    fn happen(self, path: &Path) {
        let bytes = std::fs::read(path).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        let mut end = File::options().append(true).open(path).unwrap();
        match self {
            Grows => end.write_all(&[0; 10_240]).unwrap(),
            Shrinks => file.set_len(bytes.len() as u64 / 3).unwrap(),
            IsReplaced => {
                let other = path.with_extension("new");
                std::fs::write(&other, bytes).unwrap();
                std::fs::rename(other, path).unwrap();
            }
            IsRewritten => (&file).write_all(&bytes).unwrap(),
            IsRewrittenWithOtherBytes => (&file)
                .write_all(&bytes.iter().map(|b| b ^ 0x5a).collect::<Vec<_>>())
                .unwrap(),
            IsRemoved => std::fs::remove_file(path).unwrap(),
        }
    }
}

/// An old copy of a fixture, so that a new time differs however coarse the clock is.
fn old_copy(scratch: &Scratch, name: &str) -> PathBuf {
    let path = scratch.copy(name);
    File::open(&path)
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30))
        .unwrap();
    path
}

#[track_caller]
fn nothing_but_the_input(scratch: &Scratch, input: &Path, change: Change, what: &str) {
    let left: &[&str] = if matches!(change, IsRemoved) {
        &[]
    } else {
        &[input.file_name().unwrap().to_str().unwrap()]
    };
    assert_eq!(scratch.listing(), left, "{what}");
}

#[test]
fn a_change_after_the_opening_is_11_for_every_command() {
    for name in ["v3.tar", "v2-uncompressed.tar"] {
        for command in ["ls", "verify", "plan", "shrink"] {
            for change in CHANGES {
                let scratch = Scratch::new();
                let input = old_copy(&scratch, name);
                let args = match command {
                    "shrink" => {
                        shrink(&input, &scratch.path("out.tar"), "--drop homeassistant:www")
                    }
                    "plan" => vec![
                        "plan".into(),
                        text(&input),
                        "--drop".into(),
                        "homeassistant:www".into(),
                    ],
                    _ => vec![command.into(), text(&input)],
                };
                let mut paused = Paused::at_the_key(args);
                let key = paused.key();
                change.happen(&input);
                let run = paused.release(key);
                let what = format!("{name} {command} {change:?}: {}", run.err);
                assert_eq!(run.code, 11, "{what}");
                assert!(says_what_did_not_happen(command, &run.err), "{what}");
                nothing_but_the_input(&scratch, &input, change, &what);
            }
        }
    }
}

#[test]
fn a_change_at_the_begin_of_any_stage_is_11_and_leaves_nothing() {
    let keys = keys();
    for stage in ["read", "write", "verify"] {
        for change in CHANGES {
            let scratch = Scratch::new();
            let input = old_copy(&scratch, "v3.tar");
            let control = {
                let input = input.clone();
                watched(move |begun, moved, _| {
                    if begun == stage && moved == 0 {
                        change.happen(&input);
                    }
                })
            };
            let backup = Backup::open(&input).unwrap();
            let opened = Arc::clone(&backup.input);
            let outcome = Job::new(
                backup,
                &keys,
                &["media:music", "homeassistant:nest/**"],
                EncryptionChoice::AsIs,
                &control,
            )
            .and_then(|mut job| job.run(&scratch.path("out.tar"), &control))
            .map_err(|e| opened.explain(e));
            let error = outcome.expect_err(&format!("{stage} {change:?}"));
            assert_eq!(error.kind(), Kind::InputIo, "{stage} {change:?}: {error}");
            nothing_but_the_input(&scratch, &input, change, stage);
        }
    }
}
