//! A wish to stop, whenever it comes.

use std::process::Command;
use std::sync::atomic::Ordering;

use haslim::open::Backup;
use haslim::plan::Wrapping;
use rustix::process::{Pid, Signal, kill_process};

use crate::job::{Job, keys, watched};
use crate::paused::Paused;
use crate::*;

/// How often the thread that hears signals has gone to sleep; asked while it sleeps.
fn naps(process: u32) -> u64 {
    loop {
        let Some(status) = listener(process) else { continue };
        let value = |key: &str| status.lines().find_map(|l| l.strip_prefix(key)).unwrap().trim().to_owned();
        let count = value("voluntary_ctxt_switches:").parse().unwrap();
        if value("State:").starts_with('S') && count > 0 {
            return count;
        }
        std::thread::yield_now();
    }
}

fn listener(process: u32) -> Option<String> {
    let tasks = format!("/proc/{process}/task");
    let task = std::fs::read_dir(tasks).unwrap().map(|t| t.unwrap().path());
    let mut listeners = task.filter(|t| std::fs::read_to_string(t.join("comm")).is_ok_and(|name| name.trim() == "signals"));
    std::fs::read_to_string(listeners.next()?.join("status")).ok()
}

fn send(to: &Paused, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(to.id()).unwrap()).unwrap(), signal).unwrap();
}

/// A command that starts the program so that it ignores no signal, even where these tests do.
fn attentive() -> Command {
    let mut env = Command::new("env");
    env.args(["--default-signal=HUP,INT,TERM", PROGRAM]);
    env
}

#[test]
fn what_is_ignored_at_the_start_stops_nothing() {
    let place = Place::new("v3.tar");
    let mut ignoring = Command::new("sh");
    // As `nohup` starts a program, and as a shell starts what it does not wait for.
    ignoring.args(["-c", "trap '' HUP INT; exec \"$@\"", "sh", PROGRAM]);
    let mut paused = Paused::started_by(ignoring, shrink(&place.input, &place.output(), "--drop media:music"));
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
            let before = naps(paused.id());
            send(&paused, signal);
            // It sleeps again once the wish is noted.
            while naps(paused.id()) == before {
                std::thread::yield_now();
            }
            let run = paused.release(key);
            assert_eq!(run.code, code, "{command}: {}", run.err);
            assert!(run.err.trim_end().ends_with(UNCHANGED), "{}", run.err);
            place.holds(&[], command);
        }
    }
}

#[test]
fn a_wish_to_stop_at_any_step_of_any_stage_is_heard_at_once() {
    let (place, keys) = (Place::new("v3.tar"), keys());
    let mut steps = Vec::new();
    for stage in ["survey", "write", "verify"] {
        for step in 0.. {
            let control = watched(move |begun, moved, stop| {
                if begun == stage && moved == step {
                    stop.store(15, Ordering::SeqCst);
                }
            });
            let backup = Backup::open(&place.input).unwrap();
            let outcome = Job::new(backup, &keys, &["media:music", "homeassistant:nest/**"], Wrapping::AsIs, &control)
                .and_then(|job| job.run(&place.output(), &control));
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
