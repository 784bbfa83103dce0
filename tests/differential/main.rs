//! Reads unusual archives with haslim and with Python, which Home Assistant uses to read them.
//!
//!     differential COUNT SEED [SUITE]
//!
//! For each archive haslim must see what Python sees, or refuse it. It must never see less or more
//! than a restore would. Run by tests/differential/run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

mod gzips;
mod ours;
mod report;
#[path = "../support/rng.rs"]
mod rng;
mod secures;
mod tars;
mod view;
mod worker;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use report::{Outcome, Report};
use rng::Rng;
use view::{Entry, Fields, Judgement, Rest};
use worker::Worker;

/// How many cases are sent at once.
const BATCH: u64 = 256;

/// An archive or a stream, and the names of its oddities.
struct Case {
    bytes: Vec<u8>,
    oddities: Vec<&'static str>,
}

/// The name for the absence of oddities. Such a case must not be refused.
const SOUND: &str = "sound";

/// One kind of archive.
struct Suite {
    name: &'static str,
    /// The kind of request in worker.py.
    kind: u8,
    /// Its share of all cases, in percent.
    share: u64,
    make: fn(&Tools, &mut Rng) -> Case,
    /// Reads the archive and compares with the worker's answer.
    compare: fn(&Tools, &[u8], &mut Fields<'_>) -> Outcome,
}

/// Objects that makers and readers reuse between archives.
struct Tools {
    outer: ours::OuterReader,
    secure: ours::SecureReader,
    streams: Vec<secures::Stream>,
}

const SUITES: [Suite; 4] = [
    Suite {
        name: "inner",
        kind: b'i',
        share: 40,
        make: |_, rng| tars::inner(rng),
        compare: inner,
    },
    Suite {
        name: "outer",
        kind: b'o',
        share: 40,
        make: |_, rng| tars::outer(rng),
        compare: outer,
    },
    Suite {
        name: "gzip",
        kind: b'g',
        share: 18,
        make: |_, rng| gzips::case(rng),
        compare: |_, bytes, answer| gzips::compare(bytes, answer),
    },
    Suite {
        name: "secure",
        kind: b's',
        share: 2,
        make: |tools, rng| secures::case(&tools.streams, rng),
        compare: |tools, bytes, answer| secures::compare(&tools.secure, bytes, answer),
    },
];

fn inner(_: &Tools, bytes: &[u8], answer: &mut Fields<'_>) -> Outcome {
    compare(
        ours::inner(bytes),
        Judgement::decode(answer),
        &[Rest::Empty],
    )
}

/// Bytes after the two zero blocks cause a warning, and a copy leaves them out.
fn outer(tools: &Tools, bytes: &[u8], answer: &mut Fields<'_>) -> Outcome {
    compare(
        tools.outer.read(bytes),
        Judgement::decode(answer),
        &[Rest::Empty, Rest::AfterTheEnd],
    )
}

fn compare(ours: Result<Vec<Entry>, String>, theirs: Judgement, allowed: &[Rest]) -> Outcome {
    match (ours, theirs) {
        (Err(_), Judgement::Raised(_)) => Outcome::Refused { both: true },
        (Err(_), Judgement::Read { rest, .. }) => Outcome::Refused {
            both: !allowed.contains(&rest),
        },
        (Ok(ours), Judgement::Read { entries, rest })
            if ours == entries && allowed.contains(&rest) =>
        {
            Outcome::Same
        }
        (Ok(ours), theirs) => Outcome::Different(format!("ours: {ours:#?}\nPython: {theirs:#?}")),
    }
}

fn run(suite: &Suite, seed: u64, count: u64, worker: &mut Worker, tools: &Tools) -> Report {
    let mut report = Report::default();
    for begin in (0..count).step_by(BATCH as usize) {
        let numbers = begin..count.min(begin + BATCH);
        let cases: Vec<Case> = numbers
            .clone()
            .map(|case| (suite.make)(tools, &mut Rng::of(seed, case)))
            .collect();
        let requests: Vec<&[u8]> = cases.iter().map(|case| case.bytes.as_slice()).collect();
        let answers = worker.ask(suite.kind, &requests);
        for ((number, case), answer) in numbers.zip(&cases).zip(&answers) {
            let compared = std::panic::catch_unwind(AssertUnwindSafe(|| {
                (suite.compare)(tools, &case.bytes, &mut Fields(answer))
            }));
            let outcome = match compared {
                Err(_) => Outcome::Different("we panicked".into()),
                Ok(Outcome::Refused { .. }) if case.oddities == [SOUND] => {
                    Outcome::Different("we refuse a sound one".into())
                }
                Ok(outcome) => outcome,
            };
            report.add(
                &format!("{}-{seed}-{number}", suite.name),
                &case.oddities,
                &case.bytes,
                &outcome,
            );
        }
    }
    report
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [count, seed, only @ ..] = words.as_slice() else {
        panic!("differential COUNT SEED [SUITE]")
    };
    let (count, seed): (u64, u64) = (
        count.parse().expect("a count"),
        seed.parse().expect("a seed"),
    );
    let mut worker = Worker::start();
    let is_wanted = |suite: &&Suite| only.is_empty() || only.iter().any(|name| name == suite.name);
    let streams = if SUITES
        .iter()
        .filter(is_wanted)
        .any(|suite| suite.name == "secure")
    {
        secures::streams(&mut worker, seed)
    } else {
        Vec::new()
    };
    let tools = Tools {
        outer: ours::OuterReader::new(),
        secure: ours::SecureReader::new(),
        streams,
    };
    let (mut passed, mut failed) = (0, 0);
    for suite in SUITES.iter().filter(is_wanted) {
        let count = if only.is_empty() {
            count * suite.share / 100
        } else {
            count
        };
        let report = run(suite, seed, count, &mut worker, &tools);
        println!("{}", report.table(suite.name));
        assert!(
            report.is_telling(),
            "{}: too few cases to tell anything",
            suite.name
        );
        passed += report.passed();
        failed += report.failed();
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
