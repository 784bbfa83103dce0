//! Parts that are compared while the rest of the copy is still being written.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use haslim::pipe::{Control, Input, Progress, Stage};
use haslim::rewrite::{Output, OutputPath, Place, Written, rewrite};
use haslim::verify::{Verification, Verified};
use haslim::{Kind, Result};

use crate::Scratch;
use crate::job::{Job, keys};

const FIXTURES: [&str; 4] = ["v3.tar", "v2.tar", "v1.tar", "plain-uncompressed.tar"];
const DROPS: [&str; 3] = ["homeassistant:www", "media:music", "share:notes.txt"];

/// Writes a copy. Returns the places of the edited parts.
fn write(job: &Job, path: &Path) -> (Output, Written, Vec<Place>) {
    let mut output = OutputPath::check(path, false, &job.backup.input)
        .unwrap()
        .create()
        .unwrap();
    let mut places = Vec::new();
    let mut complete = |place| places.push(place);
    let written = rewrite(
        &job.backup,
        &job.surveys,
        &job.plan,
        job.keys.as_deref(),
        &mut output,
        &Control::default(),
        &mut complete,
    )
    .unwrap();
    assert!(!places.is_empty());
    (output, written, places)
}

fn compare_early(verification: &Verification<'_>, place: Place, output: &Output) {
    verification.compare_early(place, &output.read_back().unwrap(), &Control::default());
}

fn finish(verification: &Verification<'_>, output: &Output, written: &Written) -> Result<Verified> {
    verification.finish(written, output.read_back().unwrap(), &Control::default())
}

/// Changes a byte in the middle of a part.
fn change(output: &mut Output, place: Place) {
    let (at, mut byte) = (place.data_at + place.size / 2, [0]);
    output
        .read_back()
        .unwrap()
        .read_exact_at(at, &mut byte)
        .unwrap();
    output.patch(at, &[byte[0] ^ 1]).unwrap();
}

/// The output as a separate file, with one changed byte in this part.
fn damaged(output: &mut Output, place: Place, path: &Path) -> Arc<Input> {
    change(output, place);
    let copy = output.read_back().unwrap();
    let mut bytes = vec![0; usize::try_from(copy.len()).unwrap()];
    copy.read_exact_at(0, &mut bytes).unwrap();
    std::fs::write(path, bytes).unwrap();
    change(output, place);
    Input::open(path).unwrap()
}

#[test]
fn a_part_can_be_compared_as_soon_as_it_is_told_of() {
    for name in FIXTURES {
        let (keys, scratch) = (keys(), Scratch::new());
        let job = Job::of_fixture(name, &keys, &DROPS);
        let verification = job.verification();
        let mut output = OutputPath::check(&scratch.path("out.tar"), false, &job.backup.input)
            .unwrap()
            .create()
            .unwrap();
        // Opened before the output contains any data.
        let reader = output.read_back().unwrap();
        let mut complete = |place| verification.compare_early(place, &reader, &Control::default());
        let written = rewrite(
            &job.backup,
            &job.surveys,
            &job.plan,
            Some(&keys),
            &mut output,
            &Control::default(),
            &mut complete,
        )
        .unwrap();
        let early = finish(&verification, &output, &written).unwrap();
        assert_eq!(
            early,
            job.verify(&output, &written, &Control::default()).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn a_part_that_changes_after_it_was_compared_fails_the_copy() {
    for name in FIXTURES {
        let (keys, scratch) = (keys(), Scratch::new());
        let job = Job::of_fixture(name, &keys, &DROPS);
        let (mut output, written, places) = write(&job, &scratch.path("out.tar"));
        for &place in &places {
            let verification = job.verification();
            compare_early(&verification, place, &output);
            change(&mut output, place);
            let error = finish(&verification, &output, &written).unwrap_err();
            assert_eq!(error.kind(), Kind::VerifyFailed, "{name}: {error}");
            change(&mut output, place);
        }
        finish(&job.verification(), &output, &written).unwrap();
    }
}

#[test]
fn a_part_that_was_wrong_and_is_other_bytes_now_is_compared_again() {
    for name in FIXTURES {
        let (keys, scratch) = (keys(), Scratch::new());
        let job = Job::of_fixture(name, &keys, &DROPS);
        let (mut output, written, places) = write(&job, &scratch.path("out.tar"));
        for &place in &places {
            let verification = job.verification();
            let wrong = damaged(&mut output, place, &scratch.path("wrong"));
            verification.compare_early(place, &wrong, &Control::default());
            finish(&verification, &output, &written).unwrap();
            std::fs::remove_file(scratch.path("wrong")).unwrap();
        }
    }
}

#[test]
fn what_was_found_elsewhere_does_not_count() {
    let (keys, scratch) = (keys(), Scratch::new());
    let job = Job::of_fixture("v3.tar", &keys, &DROPS);
    let (output, written, places) = write(&job, &scratch.path("out.tar"));
    let place = places[0];
    for wrong in [
        Place {
            data_at: place.data_at + 512,
            ..place
        },
        Place {
            size: place.size - 600,
            ..place
        },
        Place {
            part: places[1].part,
            ..place
        },
    ] {
        let verification = job.verification();
        compare_early(&verification, wrong, &output);
        finish(&verification, &output, &written).unwrap();
    }
}

#[test]
fn nothing_is_begun_any_more_once_the_end_was_and_it_can_come_twice() {
    let (keys, scratch) = (keys(), Scratch::new());
    let job = Job::of_fixture("v2.tar", &keys, &DROPS);
    let (output, written, places) = write(&job, &scratch.path("out.tar"));
    let verification = job.verification();
    let first = finish(&verification, &output, &written).unwrap();
    // This control would wait forever if it were called.
    let (tell, _told) = channel();
    let (_go, wait) = channel();
    verification.compare_early(places[0], &output.read_back().unwrap(), &held(tell, wait));
    assert_eq!(finish(&verification, &output, &written).unwrap(), first);
}

/// Reports all progress, and blocks at the first report until it is released.
struct Held {
    tell: Mutex<Sender<u64>>,
    wait: Mutex<Option<Receiver<()>>>,
}

fn held(tell: Sender<u64>, wait: Receiver<()>) -> Control {
    Control::new(
        Arc::new(Held {
            tell: Mutex::new(tell),
            wait: Mutex::new(Some(wait)),
        }),
        Arc::default(),
        1,
    )
}

impl Progress for Held {
    fn begin(&self, _: Stage, _: u64) {}
    fn end(&self) {}

    fn advance(&self, bytes: u64) {
        // The receiver may already be gone.
        let _ = self.tell.lock().unwrap().send(bytes);
        if let Some(wait) = self.wait.lock().unwrap().take() {
            // Released, or the sender is gone.
            let _ = wait.recv();
        }
    }
}

#[test]
fn a_part_that_is_being_compared_is_waited_for() {
    let (keys, scratch) = (keys(), Scratch::new());
    // With one edited part, only the wait reports zero progress again and again.
    let job = Job::of_fixture("v3.tar", &keys, &["media:music"]);
    let (output, written, places) = write(&job, &scratch.path("out.tar"));
    let verification = job.verification();
    let (tell, begun) = channel();
    let (go, wait) = channel();
    let looking = held(tell, wait);
    let (tell, progress) = channel();
    let (unheld, free) = channel();
    drop(unheld);
    let finishing = held(tell, free);
    let copy = output.read_back().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| verification.compare_early(places[0], &copy, &looking));
        begun.recv().unwrap();
        // Another thread that asks for the same part returns at once.
        compare_early(&verification, places[0], &output);
        let finished =
            scope.spawn(|| verification.finish(&written, output.read_back().unwrap(), &finishing));
        for _ in 0..3 {
            while progress
                .recv_timeout(Duration::from_secs(20))
                .expect("it did not wait")
                > 0
            {}
        }
        go.send(()).unwrap();
        finished.join().unwrap().unwrap();
    });
}

#[test]
fn a_copy_that_could_not_be_read_while_it_was_written_is_not_trusted() {
    let (keys, scratch) = (keys(), Scratch::new());
    let job = Job::of_fixture("v3.tar", &keys, &DROPS);
    let (output, written, places) = write(&job, &scratch.path("out.tar"));
    let blind = std::fs::File::options()
        .write(true)
        .open(scratch.file("blind", b""))
        .unwrap();
    let blind = Input::of_output(blind, Path::new("out.tar")).unwrap();
    let verification = job.verification();
    verification.compare_early(places[0], &blind, &Control::default());
    assert_eq!(
        finish(&verification, &output, &written).unwrap_err().kind(),
        Kind::OutputIo
    );
}

#[test]
fn a_comparison_that_was_given_up_is_done_at_the_end() {
    let (keys, scratch) = (keys(), Scratch::new());
    let job = Job::of_fixture("v3.tar", &keys, &DROPS);
    let (output, written, places) = write(&job, &scratch.path("out.tar"));
    let verification = job.verification();
    let abandoned = Control::default().beside();
    abandoned.abandon();
    for &place in &places {
        verification.compare_early(place, &output.read_back().unwrap(), &abandoned);
    }
    assert_eq!(
        finish(&verification, &output, &written).unwrap(),
        job.verify(&output, &written, &Control::default()).unwrap()
    );
}
