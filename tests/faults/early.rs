//! Parts that are compared while the rest of the copy is still being written.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use haslim::pipe::{Control, Progress};
use haslim::rewrite::{Output, OutputPath, Place, Written, rewrite};
use haslim::verify::Verification;
use haslim::{Kind, Result, verify};

use crate::Scratch;
use crate::job::{Job, keys};

const FIXTURES: [&str; 4] = ["v3.tar", "v2.tar", "v1.tar", "plain-uncompressed.tar"];
const DROPS: [&str; 3] = ["homeassistant:www", "media:music", "share:notes.txt"];

/// Writes a copy; gives the places of the parts that were cut.
fn write(job: &Job<'_>, scratch: &Scratch) -> (Output, Written, Vec<Place>) {
    let mut output = OutputPath::check(&scratch.path("out.tar"), false, &job.backup.input).unwrap().create().unwrap();
    let mut places = Vec::new();
    let mut cut = |place, _: &Output| {
        places.push(place);
        Ok(())
    };
    let written = rewrite(&job.backup, &job.surveys, &job.plan, Some(job.keys), &mut output, &Control::default(), &mut cut).unwrap();
    assert!(!places.is_empty());
    (output, written, places)
}

fn verification<'a>(job: &'a Job<'_>) -> Verification<'a> {
    Verification::new(&job.backup, &job.surveys, &job.plan, Some(job.keys))
}

fn finish(verification: &Verification<'_>, output: &Output, written: &Written) -> Result<verify::Verified> {
    verification.finish(written, output.read_back().unwrap(), &Control::default())
}

/// Changes a byte of the output for as long as `work` takes.
fn with_a_changed_byte(output: &mut Output, at: u64, work: impl FnOnce(&Output)) {
    let mut byte = [0];
    output.read_back().unwrap().read_exact_at(at, &mut byte).unwrap();
    output.patch(at, &[byte[0] ^ 1]).unwrap();
    work(output);
    output.patch(at, &byte).unwrap();
}

#[test]
fn a_part_can_be_compared_as_soon_as_it_is_told_of() {
    for name in FIXTURES {
        let (keys, scratch) = (keys(), Scratch::new());
        let job = Job::of_fixture(name, &keys, &DROPS);
        let verification = verification(&job);
        let mut output = OutputPath::check(&scratch.path("out.tar"), false, &job.backup.input).unwrap().create().unwrap();
        let mut cut = |place, output: &Output| {
            verification.begin_with(place, &output.read_back()?, &Control::default());
            Ok(())
        };
        let written = rewrite(&job.backup, &job.surveys, &job.plan, Some(&keys), &mut output, &Control::default(), &mut cut).unwrap();
        let early = finish(&verification, &output, &written).unwrap();
        assert_eq!(early, job.verify(&output, &written, &Control::default()).unwrap(), "{name}");
    }
}

#[test]
fn what_was_wrong_with_a_part_while_writing_fails_the_copy() {
    for name in FIXTURES {
        let (keys, scratch) = (keys(), Scratch::new());
        let job = Job::of_fixture(name, &keys, &DROPS);
        let (mut output, written, places) = write(&job, &scratch);
        for &place in &places {
            let verification = verification(&job);
            with_a_changed_byte(&mut output, place.data_at + place.size / 2, |output| {
                verification.begin_with(place, &output.read_back().unwrap(), &Control::default());
            });
            let error = finish(&verification, &output, &written).unwrap_err();
            assert_eq!(error.kind(), Kind::VerifyFailed, "{name}: {error}");
        }
        job.verify(&output, &written, &Control::default()).unwrap();
    }
}

#[test]
fn what_was_found_at_another_place_or_behind_another_header_does_not_count() {
    for name in FIXTURES {
        let (keys, scratch) = (keys(), Scratch::new());
        let job = Job::of_fixture(name, &keys, &DROPS);
        let (mut output, written, places) = write(&job, &scratch);
        let verification = verification(&job);
        for &place in &places {
            // Neither can be read: if it counted, the copy would fail.
            let elsewhere = Place { size: place.size - 1, ..place };
            verification.begin_with(elsewhere, &output.read_back().unwrap(), &Control::default());
        }
        finish(&verification, &output, &written).unwrap();
        if name.starts_with("plain") || name == "v1.tar" {
            continue;
        }
        // A salt: the part was right, but it is not this one.
        for &place in &places {
            let verification = self::verification(&job);
            verification.begin_with(place, &output.read_back().unwrap(), &Control::default());
            with_a_changed_byte(&mut output, place.data_at + 40, |output| {
                let error = finish(&verification, output, &written).unwrap_err();
                assert_eq!(error.kind(), Kind::VerifyFailed, "{name}: {error}");
            });
        }
    }
}

/// Tells of the first progress, and does not go on before it is let.
struct Held {
    tell: Mutex<Option<Sender<()>>>,
    wait: Mutex<Receiver<()>>,
}

impl Progress for Held {
    fn begin(&self, _: &str, _: u64) {}
    fn end(&self) {}

    fn advance(&self, _: u64) {
        if let Some(tell) = self.tell.lock().unwrap().take() {
            tell.send(()).unwrap();
            self.wait.lock().unwrap().recv().unwrap();
        }
    }
}

#[test]
fn a_part_that_is_being_compared_is_waited_for_and_not_compared_twice() {
    let (keys, scratch) = (keys(), Scratch::new());
    let job = Job::of_fixture("v3.tar", &keys, &DROPS);
    let (output, written, places) = write(&job, &scratch);
    let verification = verification(&job);
    let (tell, told) = channel();
    let (go, wait) = channel();
    let held = Control::new(Arc::new(Held { tell: Mutex::new(Some(tell)), wait: Mutex::new(wait) }), Arc::default(), 1);
    let copy = output.read_back().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| verification.begin_with(places[0], &copy, &held));
        told.recv().unwrap();
        // Somebody else who comes with the same part is sent away.
        verification.begin_with(places[0], &copy, &Control::default());
        let finishing = scope.spawn(|| finish(&verification, &output, &written));
        held.abandon();
        go.send(()).unwrap();
        // Nothing but the abandoned look could make it say so.
        assert_eq!(finishing.join().unwrap().unwrap_err().kind(), Kind::Interrupted(0));
    });
    job.verify(&output, &written, &Control::default()).unwrap();
}
