//! Parts that are compared while the rest of the copy is still being written.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use haslim::format::securetar::SecureHeader;
use haslim::pipe::{Control, Growth, Input, Progress, Stage};
use haslim::rewrite::{Output, OutputPath, Place, Watcher, Written, rewrite};
use haslim::verify::{Begun, Verification, Verified};
use haslim::{Kind, Result};

use crate::Scratch;
use crate::job::{Job, keys};

const FIXTURES: [&str; 4] = ["v3.tar", "v2.tar", "v1.tar", "plain-uncompressed.tar"];
const DROPS: [&str; 3] = ["homeassistant:www", "media:music", "share:notes.txt"];

/// An edited part, as it was announced and as it is now.
#[derive(Clone)]
struct Edited {
    header: Option<SecureHeader>,
    place: Place,
}

impl Edited {
    /// The part at this place of the output.
    fn at(&self, place: Place, output: &Output) -> Begun {
        let header = self.header.clone();
        let begun = Begun::new(place.part, place.data_at, header, output.growth());
        begun.complete(place);
        begun
    }

    fn begun(&self, output: &Output) -> Begun {
        self.at(self.place, output)
    }
}

/// Collects the edited parts.
#[derive(Default)]
struct Collect {
    header: Option<SecureHeader>,
    parts: Vec<Edited>,
}

impl Watcher for Collect {
    fn begins(&mut self, _: usize, _: u64, header: Option<SecureHeader>) {
        self.header = header;
    }

    fn ends(&mut self, place: Place) {
        let header = self.header.take();
        self.parts.push(Edited { header, place });
    }
}

/// Writes a copy. Returns the edited parts.
fn write(job: &Job, path: &Path) -> (Output, Written, Vec<Edited>) {
    let mut output = OutputPath::check(path, false, &job.backup.input)
        .unwrap()
        .create()
        .unwrap();
    let mut collect = Collect::default();
    let written = rewrite(
        &job.backup,
        &job.surveys,
        &job.plan,
        job.keys.as_deref(),
        &mut output,
        &Control::default(),
        &mut collect,
    )
    .unwrap();
    assert!(!collect.parts.is_empty());
    (output, written, collect.parts)
}

fn compare_early(verification: &Verification<'_>, part: &Begun, output: &Output) {
    verification.compare_early(part, &output.read_back().unwrap(), &Control::default());
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

/// Has another thread follow each part from its beginning.
struct Follow {
    tell: Sender<Begun>,
    growth: Arc<Growth>,
    begun: Option<Begun>,
}

impl Watcher for Follow {
    fn begins(&mut self, part: usize, data_at: u64, header: Option<SecureHeader>) {
        let begun = Begun::new(part, data_at, header, Arc::clone(&self.growth));
        self.begun = Some(begun.clone());
        self.tell.send(begun).unwrap();
    }

    fn ends(&mut self, place: Place) {
        // A reader takes what is written for data of the part, until it is complete.
        let has_nothing_behind = |end| {
            assert_eq!(end, place.data_at + place.size);
            true
        };
        let control = Control::default();
        self.growth.wait(&control, has_nothing_behind).unwrap();
        self.begun.take().unwrap().complete(place);
    }
}

#[test]
fn a_part_can_be_compared_while_it_is_written() {
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
        let (tell, parts) = channel();
        let mut follow = Follow {
            tell,
            growth: output.growth(),
            begun: None,
        };
        let written = std::thread::scope(|scope| {
            scope.spawn(|| {
                let compare =
                    |part| verification.compare_early(&part, &reader, &Control::default());
                parts.into_iter().for_each(compare);
            });
            let written = rewrite(
                &job.backup,
                &job.surveys,
                &job.plan,
                Some(&keys),
                &mut output,
                &Control::default(),
                &mut follow,
            )
            .unwrap();
            drop(follow);
            written
        });
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
        let (mut output, written, parts) = write(&job, &scratch.path("out.tar"));
        for part in &parts {
            let (verification, place) = (job.verification(), part.place);
            compare_early(&verification, &part.begun(&output), &output);
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
        let (mut output, written, parts) = write(&job, &scratch.path("out.tar"));
        for part in &parts {
            let (verification, place) = (job.verification(), part.place);
            let wrong = damaged(&mut output, place, &scratch.path("wrong"));
            verification.compare_early(&part.begun(&output), &wrong, &Control::default());
            finish(&verification, &output, &written).unwrap();
            std::fs::remove_file(scratch.path("wrong")).unwrap();
        }
    }
}

#[test]
fn what_was_found_elsewhere_does_not_count() {
    let (keys, scratch) = (keys(), Scratch::new());
    let job = Job::of_fixture("v3.tar", &keys, &DROPS);
    let (output, written, parts) = write(&job, &scratch.path("out.tar"));
    let place = parts[0].place;
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
            part: parts[1].place.part,
            ..place
        },
    ] {
        let verification = job.verification();
        compare_early(&verification, &parts[0].at(wrong, &output), &output);
        finish(&verification, &output, &written).unwrap();
    }
}

#[test]
fn nothing_is_begun_any_more_once_the_end_was_and_it_can_come_twice() {
    let (keys, scratch) = (keys(), Scratch::new());
    let job = Job::of_fixture("v2.tar", &keys, &DROPS);
    let (output, written, parts) = write(&job, &scratch.path("out.tar"));
    let verification = job.verification();
    let first = finish(&verification, &output, &written).unwrap();
    // This control would wait forever if it were called.
    let (tell, _told) = channel();
    let (_go, wait) = channel();
    let part = parts[0].begun(&output);
    verification.compare_early(&part, &output.read_back().unwrap(), &held(tell, wait));
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
    let (output, written, parts) = write(&job, &scratch.path("out.tar"));
    let verification = job.verification();
    let (tell, begun) = channel();
    let (go, wait) = channel();
    let looking = held(tell, wait);
    let (tell, progress) = channel();
    let (unheld, free) = channel();
    drop(unheld);
    let finishing = held(tell, free);
    let (copy, part) = (output.read_back().unwrap(), parts[0].begun(&output));
    std::thread::scope(|scope| {
        scope.spawn(|| verification.compare_early(&part, &copy, &looking));
        begun.recv().unwrap();
        // Another thread that asks for the same part returns at once.
        compare_early(&verification, &part, &output);
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
    let (output, written, parts) = write(&job, &scratch.path("out.tar"));
    let blind = std::fs::File::options()
        .write(true)
        .open(scratch.file("blind", b""))
        .unwrap();
    let blind = Input::of_output(blind, Path::new("out.tar")).unwrap();
    let verification = job.verification();
    verification.compare_early(&parts[0].begun(&output), &blind, &Control::default());
    assert_eq!(
        finish(&verification, &output, &written).unwrap_err().kind(),
        Kind::OutputIo
    );
}

#[test]
fn a_comparison_that_was_given_up_is_done_at_the_end() {
    let (keys, scratch) = (keys(), Scratch::new());
    let job = Job::of_fixture("v3.tar", &keys, &DROPS);
    let (output, written, parts) = write(&job, &scratch.path("out.tar"));
    let verification = job.verification();
    let abandoned = Control::default().beside();
    abandoned.abandon();
    for part in &parts {
        let part = part.begun(&output);
        verification.compare_early(&part, &output.read_back().unwrap(), &abandoned);
    }
    assert_eq!(
        finish(&verification, &output, &written).unwrap(),
        job.verify(&output, &written, &Control::default()).unwrap()
    );
}
