//! Single flipped bits in the parts of a backup: they are found, or have no effect on what is read.
//! For formats in which nothing can detect them, `verify` says so.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use haslim::crypt::KeyRing;
use haslim::open::{Backup, Part};
use haslim::pipe::Control;
use haslim::verify::{self, Evidence};
use haslim::{Kind, Result};

use crate::job::{Contents, Job, contents, keys};
use crate::support::rng::Rng;
use crate::*;

/// Formats in which every flip is found.
const GUARDED: [&str; 5] = [
    "v3.tar",
    "v3-uncompressed.tar",
    "v2.tar",
    "v1.tar",
    "plain.tar",
];
/// Formats in which nothing can detect a flip.
const BARE: [&str; 3] = [
    "v2-uncompressed.tar",
    "v1-uncompressed.tar",
    "plain-uncompressed.tar",
];

/// The result of a flip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// An error reported it.
    Found,
    /// Everything is read as before.
    Harmless,
    /// Something else is read, and no error reported it.
    Silent,
}

/// Reads the backup like `haslim verify`, then all of its contents.
fn verified(path: &Path, keys: &Arc<KeyRing>) -> Result<Contents> {
    let backup = Backup::open(path)?;
    for check in verify::backup(&backup, Some(keys), &Control::default())? {
        check?;
    }
    contents(&backup, keys)
}

/// Shrinks the backup so that the part with the flip is rewritten, and reads the copy.
fn shrunk(path: &Path, keys: &Arc<KeyRing>, drop: &str, out: &Path) -> Result<Contents> {
    let mut job = Job::alike(Backup::open(path)?, keys, &[drop])?;
    let written = job.run(out, &Control::default())?;
    let after = contents(&Backup::open(&written)?, keys);
    std::fs::remove_file(written).unwrap();
    after
}

/// One entry of each part. Dropping it makes the program rewrite the part.
const DROPS: [&str; 9] = [
    "homeassistant:tts/511.mp3",
    "addon:a0d7b954_influxdb:data/influxdb/data/_internal/**",
    "addon:core_mariadb:data/databases",
    "addon:db21ed7f_filebrowser:data/filebrowser.db",
    "share:notes.txt",
    "addons/local:kiosk/run.sh",
    "ssl:fullchain.pem",
    "media:music",
    "supervisor:mounts.json",
];

/// The expected contents: of a fixture, and of its copies without one of [`DROPS`].
struct Before {
    verified: Contents,
    shrunk: BTreeMap<String, (&'static str, Contents)>,
}

impl Before {
    fn new(path: &Path, keys: &Arc<KeyRing>, out: &Path) -> Self {
        let backup = Backup::open(path).unwrap();
        let verified = contents(&backup, keys).unwrap();
        let of = |id: &String| {
            let drop = DROPS.into_iter().find(|drop| {
                drop.strip_prefix(id.as_str())
                    .is_some_and(|rest| rest.starts_with(':'))
            });
            (
                id.clone(),
                (
                    drop.unwrap(),
                    shrunk(path, keys, drop.unwrap(), out).unwrap(),
                ),
            )
        };
        let shrunk = verified.keys().map(of).collect();
        Self { verified, shrunk }
    }
}

/// An error counts as found. A flip looks like damage, like another archive or like another key; it
/// never looks like a disk failure or a bug in the program.
fn found(outcome: Result<bool>, what: &str) -> End {
    match outcome {
        Ok(true) => End::Harmless,
        Ok(false) => End::Silent,
        Err(error) => {
            let told = matches!(
                error.kind(),
                Kind::Damaged | Kind::Refused | Kind::Password | Kind::VerifyFailed
            );
            assert!(told, "{what}: {:?}: {error}", error.kind());
            End::Found
        }
    }
}

/// A copy of a fixture in which bits are flipped and restored.
struct Subject {
    scratch: Scratch,
    input: PathBuf,
    file: File,
    keys: Arc<KeyRing>,
    before: Before,
}

impl Subject {
    fn new(name: &str) -> Self {
        let (scratch, keys) = (Scratch::new(), keys());
        let input = scratch.copy(name);
        let file = File::options().read(true).write(true).open(&input).unwrap();
        let before = Before::new(&input, &keys, &scratch.path("out.tar"));
        Self {
            scratch,
            input,
            file,
            keys,
            before,
        }
    }

    /// The results of `verify` and `shrink` for one flip in a part.
    fn turn(&self, part: &Part, keys: &Arc<KeyRing>, what: &str) -> (End, End) {
        let read = found(
            verified(&self.input, keys).map(|now| now == self.before.verified),
            what,
        );
        let (drop, unflipped) = &self.before.shrunk[&part.id];
        let out = self.scratch.path("out.tar");
        let written = found(
            shrunk(&self.input, keys, drop, &out).map(|now| now == *unflipped),
            what,
        );
        assert!(!out.exists(), "{what}");
        (read, written)
    }

    fn flip(&self, at: u64, bit: usize) {
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, at).unwrap();
        self.file.write_all_at(&[byte[0] ^ 1 << bit], at).unwrap();
    }
}

/// Flips bits in the parts of a fixture, one at a time.
fn no_flip_is_silent(name: &str) {
    let (flips, seed) = (count("HASLIM_FLIPS", 100), count("HASLIM_SEED", 2026));
    let (subject, mut random) = (Subject::new(name), Rng::new(seed));
    let whole = Backup::open(&subject.input).unwrap();
    let parts: Vec<_> = whole
        .parts
        .iter()
        .filter(|part| part.layer.is_some())
        .collect();
    let mut ends = BTreeMap::<(End, End), u64>::new();
    for _ in 0..flips {
        let part = parts[random.below(parts.len())];
        let member = whole.member(part);
        let (at, bit) = (
            member.header_at + random.next() % member.stored(),
            random.below(8),
        );
        // A flip in the root salt leads to another key, and a key ring is limited to a few.
        let in_header =
            at < member.data_at() + part.secure().map_or(0, |header| header.len() as u64);
        let fresh = in_header.then(keys);
        let what = format!(
            "{name}, seed {seed}: bit {bit} of byte {at}, in {}",
            part.id
        );
        subject.flip(at, bit);
        let (read, written) = subject.turn(part, fresh.as_ref().unwrap_or(&subject.keys), &what);
        subject.flip(at, bit);
        assert!(
            read != End::Silent && written != End::Silent,
            "{what}: {read:?} by verify, {written:?} by shrink"
        );
        *ends.entry((read, written)).or_default() += 1;
    }
    println!("{name}: {flips} flips from seed {seed}; by verify and by shrink: {ends:?}");
    assert!(ends[&(End::Found, End::Found)] > flips / 2);
}

#[test]
fn no_flip_in_a_kept_part_of_v3_is_silent() {
    no_flip_is_silent("v3.tar");
}

#[test]
fn no_flip_in_a_kept_part_of_v3_without_compression_is_silent() {
    no_flip_is_silent("v3-uncompressed.tar");
}

#[test]
fn no_flip_in_a_kept_part_of_v2_is_silent() {
    no_flip_is_silent("v2.tar");
}

#[test]
fn no_flip_in_a_kept_part_of_v1_is_silent() {
    no_flip_is_silent("v1.tar");
}

#[test]
fn no_flip_in_a_kept_part_without_encryption_is_silent() {
    no_flip_is_silent("plain.tar");
}

#[test]
fn where_nothing_vouches_for_the_bytes_verify_says_so() {
    let keys = keys();
    for name in BARE {
        let backup = Backup::open(&fixture(name)).unwrap();
        let checks = verify::backup(&backup, Some(&keys), &Control::default()).unwrap();
        assert!(
            checks
                .iter()
                .all(|check| check.as_ref().unwrap().evidence == Evidence::Nothing),
            "{name}"
        );
        let said = haslim([
            "verify".as_ref(),
            fixture(name).as_os_str(),
            "--json".as_ref(),
        ])
        .code(0)
        .json();
        let evidence: Vec<_> = said["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["evidence"].as_str().unwrap())
            .collect();
        assert!(
            evidence.len() == checks.len()
                && evidence
                    .iter()
                    .all(|text| text.contains("nothing that could show a changed byte"))
        );
    }
    for name in GUARDED {
        let backup = Backup::open(&fixture(name)).unwrap();
        let checks = verify::backup(&backup, Some(&keys), &Control::default()).unwrap();
        let archives = checks
            .iter()
            .flatten()
            .filter(|check| backup.parts[check.part].layer.is_some());
        assert!(
            archives.clone().count() > 2
                && archives
                    .clone()
                    .all(|check| check.evidence != Evidence::Nothing),
            "{name}"
        );
    }
}

/// Flips one bit in the middle of a part.
fn flipped(scratch: &Scratch, name: &str, id: &str) -> PathBuf {
    let path = scratch.copy(name);
    let backup = Backup::open(&path).unwrap();
    let member = backup.member(backup.parts.iter().find(|part| part.id == id).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(member.data_at() + member.size / 2) as usize] ^= 1;
    scratch.file(name, &bytes)
}

#[test]
fn damage_in_a_part_that_is_copied_is_an_error_as_far_as_the_key_reaches() {
    for (name, threads) in GUARDED.into_iter().flat_map(|name| [(name, 1), (name, 4)]) {
        for drop in [
            "--drop ssl",
            "--drop homeassistant",
            "--drop homeassistant:automations.yaml",
        ] {
            if name == "v3-uncompressed.tar" && drop == "--drop ssl" {
                continue;
            }
            if threads == 1 && drop != "--drop homeassistant:automations.yaml" {
                continue;
            }
            let rest = format!("{drop} --threads {threads}");
            let scratch = Scratch::new();
            let input = flipped(&scratch, name, "share");
            let run = haslim(shrink(&input, &scratch.path("out.tar"), &rest)).code(5);
            assert!(
                run.err.contains("error: share: "),
                "{name} {rest}: {}",
                run.err
            );
            assert_eq!(scratch.listing(), [name], "{name} {rest}");
            // A version 1 part cannot stay as it is: it becomes version 2.
            if name != "v1.tar" {
                assert!(
                    run.err
                        .contains("--drop share, or keep it as it is with --keep share"),
                    "{name} {rest}: {}",
                    run.err
                );
                let kept = haslim(shrink(
                    &input,
                    &scratch.path("kept.tar"),
                    &format!("{rest} --keep share"),
                ))
                .code(0);
                assert_eq!(
                    kept.err
                        .matches("warning: share is damaged; a copy keeps it as it is.")
                        .count(),
                    1,
                    "{name} {rest}: {}",
                    kept.err
                );
            }
            haslim(shrink(
                &input,
                &scratch.path("without.tar"),
                &format!("{rest} --drop share"),
            ))
            .code(0);
        }
    }
}

#[test]
fn without_the_key_the_parts_that_nobody_could_look_at_are_named() {
    for name in GUARDED {
        let scratch = Scratch::new();
        let input = flipped(&scratch, name, "share");
        let run = keyless(shrink(
            &input,
            &scratch.path("unseen.tar"),
            "--drop homeassistant",
        ));
        if name == "plain.tar" {
            assert!(run.code(5).err.contains("error: share: "));
            continue;
        }
        let run = run.code(0);
        let named = run
            .out
            .lines()
            .find(|line| line.contains("not checked (no key)"))
            .unwrap_or_else(|| panic!("{name}: {}", run.out));
        assert!(named.contains("share"), "{name}: {named}");
        let json = keyless(shrink(
            &input,
            &scratch.path("json.tar"),
            "--drop homeassistant --json",
        ))
        .code(0)
        .json();
        assert!(
            json["unchecked"]
                .as_array()
                .unwrap()
                .iter()
                .any(|part| part == "share"),
            "{name}: {json}"
        );
    }
}
