//! Whole jobs in memory and on small files: the events, what is written, and when nothing is
//! written.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop, and makes its files"
)]

mod events;
mod faults;
mod rest;
mod saved;
mod streaming;
mod writing;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use super::{Depth, Event, Job, Observer, Prepared};
use crate::Result;
use crate::crypt::{KeyRing, Password};
use crate::open::Backup;
use crate::pipe::{Control, Silent};
use crate::plan::{Request, Selector};

fn keys() -> Arc<KeyRing> {
    let password = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG";
    Arc::new(KeyRing::new(Password::new(password.into())))
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// A request to drop these, with a limit that leaves room for everything else.
fn request(drops: &[&str]) -> Request {
    let drops = drops.iter().map(|text| Selector::parse(text).unwrap());
    Request {
        drops: drops.collect(),
        ..Request::new(u64::MAX).unwrap()
    }
}

/// A job on a fixture that reads as little as possible.
fn prepared(name: &str, drops: &[&str], keys: Option<Arc<KeyRing>>) -> Prepared {
    let backup = Backup::open(&fixture(name)).unwrap();
    Job::new(backup, request(drops))
        .unwrap()
        .prepare(keys, Depth::Needed, &Control::default())
        .unwrap()
}

/// A control with this many threads; a number other than zero is a signal that was already
/// received.
fn control(threads: usize, signal: usize) -> Control {
    Control::new(
        Arc::new(Silent),
        Arc::new(AtomicUsize::new(signal)),
        threads,
    )
}

fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Records the events in a short form.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Heard {
    fn event(&self, event: Event<'_>) {
        let text = match event {
            Event::PartDamaged { part, .. } => format!("damaged: {part}"),
            Event::PartUnusable { part, .. } => format!("unusable: {part}"),
            Event::PartUnchecked { part, .. } => format!("unchecked: {part}"),
            Event::Kept { note, .. } => format!("kept: {note:?}"),
            Event::Replanned { excess, .. } => format!("too large: {}", excess.unwrap_or_default()),
        };
        self.0.lock().unwrap().push(text);
    }
}

/// A fixture in this folder with the middle byte of a part changed.
fn damaged(folder: &Path, name: &str, id: &str) -> PathBuf {
    let backup = Backup::open(&fixture(name)).unwrap();
    let part = backup.parts.iter().find(|part| part.id == id).unwrap();
    let member = backup.member(part);
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    bytes[usize::try_from(member.data_at() + member.size / 2).unwrap()] ^= 1;
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A backup in this folder that is not compressed: `media` holds a tar, and in `share` something
/// else follows the first entry of the tar.
fn unreadable(folder: &Path) -> PathBuf {
    let text = r#"{"slug":"aaaaaaaa","version":2,"name":"n","date":"2026-10-01","type":"full","compressed":false,
        "protected":false,"homeassistant":null,"folders":["media","share"],"addons":[]}"#;
    let mut inner = tar::Builder::new(Vec::new());
    append(&mut inner, "film.mkv", b"a film");
    let media = inner.into_inner().unwrap();
    let mut share = media.clone();
    share[1024..].fill(b'?');
    let mut backup = tar::Builder::new(Vec::new());
    append(&mut backup, "./backup.json", text.as_bytes());
    append(&mut backup, "media.tar", &media);
    append(&mut backup, "share.tar", &share);
    let path = folder.join("in.tar");
    std::fs::write(&path, backup.into_inner().unwrap()).unwrap();
    path
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, data: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(data.len() as u64);
    header.set_mode(0o600);
    header.set_cksum();
    tar.append(&header, data).unwrap();
}

/// Prepares a job on this file, with the key of the fixtures.
fn prepare(path: &Path, request: Request, depth: Depth) -> Result<Prepared> {
    let job = Job::new(Backup::open(path)?, request)?;
    job.prepare(Some(keys()), depth, &control(2, 0))
}
