//! Cancellation at any moment.

use std::process::Command;
use std::sync::atomic::Ordering;

use haslim::open::Backup;
use haslim::pipe::Control;
use haslim::plan::EncryptionChoice;
use rustix::process::{Pid, Signal, kill_process};

use crate::job::{Job, keys, watched};
use crate::paused::Paused;
use crate::*;

fn send(to: &Paused, signal: Signal) {
    kill_process(
        Pid::from_raw(i32::try_from(to.id()).unwrap()).unwrap(),
        signal,
    )
    .unwrap();
}

/// A command that starts the program with no signals ignored, even if these tests ignore some.
fn attentive() -> Command {
    let mut env = Command::new("env");
    env.args(["--default-signal=HUP,INT,TERM", PROGRAM]);
    env
}

#[test]
fn what_is_ignored_at_the_start_stops_nothing() {
    let place = Place::new("v3.tar");
    let mut ignoring = Command::new("sh");
    // As `nohup` starts a program, and as a shell starts a background job.
    ignoring.args(["-c", "trap '' HUP INT; exec \"$@\"", "sh", PROGRAM]);
    let mut paused = Paused::started_by(
        ignoring,
        shrink(&place.input, &place.output(), "--drop media:music"),
    );
    let key = paused.key();
    send(&paused, Signal::HUP);
    send(&paused, Signal::INT);
    let run = paused.release(key);
    assert_eq!(run.code, 0, "{}", run.err);
    place.holds(&["out.tar"], "ignored");
}

#[test]
fn a_signal_ends_a_run_with_its_code_and_nothing_is_left() {
    let signals = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];
    for (signal, code) in signals {
        for command in ["shrink", "verify", "ls"] {
            let place = Place::new("v3.tar");
            let args = match command {
                "shrink" => shrink(&place.input, &place.output(), "--drop media:music"),
                _ => vec![command.into(), text(&place.input)],
            };
            let mut paused = Paused::started_by(attentive(), args);
            let key = paused.key();
            send(&paused, signal);
            // The pipe never has data; the wait for it ends nevertheless.
            let run = paused.end();
            drop(key);
            assert_eq!(run.code, code, "{command}: {}", run.err);
            assert!(says_what_did_not_happen(command, &run.err), "{}", run.err);
            place.holds(&[], command);
        }
    }
}

#[test]
fn a_wish_to_stop_at_any_step_of_any_stage_is_heard_at_once() {
    let (place, keys) = (Place::new("v3.tar"), keys());
    stop_at_every_step(&place, &["read", "write", "verify"], |backup, control| {
        let drops = ["media:music", "homeassistant:nest/**"];
        Job::new(backup, &keys, &drops, EncryptionChoice::AsIs, control)
    });
}

#[test]
fn a_wish_to_stop_is_heard_while_parts_are_measured_and_compressed() {
    let (place, keys) = (Place::new("v3-uncompressed.tar"), keys());
    stop_at_every_step(&place, &["measure", "write"], |backup, control| {
        Job::compressed(backup, &keys, &["media:music"], control)
    });
}

/// Runs the job again and again, and stops it at each step of these stages.
fn stop_at_every_step(
    place: &Place,
    stages: &[&'static str],
    job: impl Fn(Backup, &Control) -> haslim::Result<Job>,
) {
    let mut steps = Vec::new();
    for &stage in stages {
        for step in 0.. {
            let control = watched(move |begun, moved, stop| {
                if begun == stage && moved == step {
                    stop.store(15, Ordering::SeqCst);
                }
            });
            let backup = Backup::open(&place.input).unwrap();
            let outcome =
                job(backup, &control).and_then(|mut job| job.run(&place.output(), &control));
            match outcome {
                Err(error) => assert_eq!(error.kind().code(), 143, "{stage} {step}: {error}"),
                // There are no more steps than this.
                Ok(path) => {
                    std::fs::remove_file(path).unwrap();
                    steps.push(step);
                    break;
                }
            }
            place.holds(&[], &format!("{stage} {step}"));
        }
    }
    assert!(steps.iter().all(|&count| count > 2), "{steps:?}");
}
