//! Every run creates its own salts and nonces, with one root salt per file, and its own slug.

use std::collections::HashSet;

use haslim::format::securetar::{SecureHeader, V3Salts, Version};
use haslim::open::Backup;
use haslim::pipe::Control;
use haslim::plan::EncryptionChoice;

use crate::job::{Job, keys};
use crate::*;

/// Values that must never occur twice, over all runs.
#[derive(Default)]
struct Seen {
    salts: HashSet<Vec<u8>>,
    slugs: HashSet<String>,
    names: HashSet<String>,
}

impl Seen {
    /// Records the new values of a file. Parts with the ids in `copied` are the original's.
    fn add(&mut self, path: &Path, copied: &[String]) -> Option<V3Salts> {
        let backup = Backup::open(path).unwrap();
        assert!(
            self.slugs.insert(backup.manifest.slug().to_owned()),
            "a slug came twice"
        );
        assert!(
            self.names.insert(backup.manifest.name().to_owned()),
            "a name came twice"
        );
        let mut roots: Vec<V3Salts> = Vec::new();
        for part in backup.parts.iter().filter(|part| part.layer.is_some()) {
            let (salt, nonce) = match part.secure().expect("everything is encrypted") {
                SecureHeader::V3 {
                    salts,
                    derivation_salt,
                    stream_header,
                    ..
                } => {
                    roots.push(*salts);
                    (derivation_salt, stream_header.to_vec())
                }
                SecureHeader::V2 { salt, .. } => (salt, Vec::new()),
                SecureHeader::V1 { .. } => panic!("version 1 is never written"),
            };
            if !copied.contains(&part.id) {
                assert!(self.salts.insert(salt.to_vec()), "a salt came twice");
                assert!(
                    nonce.is_empty() || self.salts.insert(nonce),
                    "a nonce came twice"
                );
            }
        }
        assert!(
            roots.windows(2).all(|pair| pair[0] == pair[1]),
            "one file has two root salts"
        );
        roots.pop()
    }
}

fn root(backup: &Backup) -> Option<V3Salts> {
    backup.parts.iter().find_map(|part| match part.secure() {
        Some(SecureHeader::V3 { salts, .. }) => Some(*salts),
        _ => None,
    })
}

/// Runs the job repeatedly. Returns the root salts of the files.
fn many(
    name: &str,
    encryption: EncryptionChoice,
    drops: &[&str],
    runs: u64,
) -> Vec<Option<V3Salts>> {
    let mut seen = Seen::default();
    let original = Backup::open(&fixture(name)).unwrap();
    seen.slugs.insert(original.manifest.slug().to_owned());
    seen.names.insert(original.manifest.name().to_owned());
    for part in &original.parts {
        match part.secure() {
            Some(SecureHeader::V1 { salt } | SecureHeader::V2 { salt, .. }) => {
                seen.salts.insert(salt.to_vec())
            }
            Some(SecureHeader::V3 {
                derivation_salt, ..
            }) => seen.salts.insert(derivation_salt.to_vec()),
            None => true,
        };
    }
    let scratch = Scratch::new();
    let path = scratch.path("out.tar");
    let fresh = |_| {
        // A new key ring for each run, as in the program.
        let keys = keys();
        let backup = Backup::open(&fixture(name)).unwrap();
        let mut job = Job::new(backup, &keys, drops, encryption, &Control::default()).unwrap();
        job.run(&path, &Control::default()).unwrap();
        let copied = job
            .backup
            .parts
            .iter()
            .zip(&job.plan.parts)
            .filter(|(_, p)| matches!(p.action, haslim::plan::Action::Copy));
        let copied: Vec<String> = copied.map(|(part, _)| part.id.clone()).collect();
        let salts = seen.add(&path, &copied);
        std::fs::remove_file(&path).unwrap();
        salts
    };
    (0..runs).map(fresh).collect()
}

#[test]
fn no_salt_or_nonce_and_no_slug_ever_comes_twice() {
    let runs = count("HASLIM_FRESH_RUNS", 20);
    let own = root(&Backup::open(&fixture("core-v3.tar")).unwrap());
    assert!(
        many(
            "core-v3.tar",
            EncryptionChoice::AsIs,
            &["homeassistant:tts/**"],
            runs
        )
        .iter()
        .all(|salts| salts.is_some() && *salts == own)
    );
    assert!(
        many(
            "core-v2.tar",
            EncryptionChoice::AsIs,
            &["homeassistant:tts/**"],
            runs
        )
        .iter()
        .all(Option::is_none)
    );
}

#[test]
fn parts_of_one_file_share_their_root_salt_and_nothing_else() {
    let runs = count("HASLIM_FRESH_RUNS", 20).div_ceil(10);
    for name in ["v3.tar", "v2.tar", "v1.tar", "plain.tar"] {
        let drops = [
            "homeassistant",
            "media:music",
            "share:nothing",
            "addon:*:data/nothing",
        ];
        let salts = many(name, EncryptionChoice::Version(Version::V3), &drops, runs);
        let roots: HashSet<[u8; 16]> = salts
            .iter()
            .flatten()
            .map(|salts| salts.root_salt)
            .collect();
        // An archive with a root salt keeps it; otherwise each run creates one.
        let expected = if name == "v3.tar" { 1 } else { runs };
        assert_eq!(
            (salts.len() as u64, roots.len() as u64),
            (runs, expected),
            "{name}"
        );
    }
}
