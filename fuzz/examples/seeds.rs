//! Writes a first corpus out of the fixtures: `cargo run --manifest-path fuzz/Cargo.toml --example
//! seeds`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use haslim::crypt::{KeyRing, Password};
use haslim::gzip::{Gunzip, Trailer};
use haslim::open::{Backup, source};

const PASSWORD: &str = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG";
/// Larger inputs make the fuzzer slow.
const LARGEST: usize = 40_000;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let keys = KeyRing::new(Password::new(PASSWORD.into()));
    for name in [
        "core-plain",
        "core-v2",
        "core-v3",
        "plain",
        "plain-uncompressed",
        "v1",
        "v2",
        "v2-uncompressed",
        "v3",
        "v1-snapshot",
    ] {
        let path = root.join("../fixtures").join(name).with_extension("tar");
        let seeds = Seeds {
            corpus: root.join("corpus"),
            name,
        };
        let backup = Backup::open(&path).expect("a fixture opens");
        let bytes = fs::read(&path).expect("and is read");
        seeds.keep("outer", name, &bytes);
        seeds.keep("whole", name, &[&[0, 1, 0, 6], bytes.as_slice()].concat());
        let text = backup.manifest.text().as_bytes();
        seeds.keep("manifest", name, &[&[0xff], text].concat());
        for part in &backup.parts {
            let member = backup.member(part);
            let stored = &bytes[member.data_at() as usize..][..member.size as usize];
            let id = part.id.replace(['/', ':'], "-");
            seeds.keep(
                "secure",
                &id,
                &[&[u8::from(part.compressed) << 1], stored].concat(),
            );
            let mut stream = Vec::new();
            source(&backup, part, Some(&keys))
                .and_then(|mut s| s.read_to_end(&mut stream).map_err(haslim::Error::from_read))
                .expect("a part is decrypted");
            let tar = if part.compressed {
                gunzip(&stream)
            } else {
                Some(stream)
            };
            // The trailer of version 1 is another one; the other fixtures hold the same tars.
            let Some(tar) = tar else { continue };
            seeds.keep("inner", &id, &tar);
            for (form, drops) in [
                (1, 1),
                (1 | 8, 1 | 4),
                (1 | 2, 0x10),
                (1 | 4 | 8, 0x20),
                (1 | 8 | 16, 0x80),
                (1 | 8 | 16, 2),
            ] {
                seeds.keep(
                    "whole",
                    &format!("{id}-{form}-{drops}"),
                    &[&[form, drops, 0, 6], tar.as_slice()].concat(),
                );
            }
        }
    }
}

struct Seeds<'a> {
    corpus: PathBuf,
    name: &'a str,
}

impl Seeds<'_> {
    fn keep(&self, target: &str, id: &str, bytes: &[u8]) {
        if bytes.len() > LARGEST {
            return;
        }
        let folder = self.corpus.join(target);
        fs::create_dir_all(&folder).expect("the corpus has a place");
        fs::write(folder.join(format!("{}-{id}", self.name)), bytes).expect("a seed is written");
    }
}

fn gunzip(stream: &[u8]) -> Option<Vec<u8>> {
    let mut gunzip = Gunzip::new(stream, Trailer::Strict);
    let mut out = Vec::new();
    while let Some(piece) = gunzip.next_piece().ok()? {
        out.extend_from_slice(piece);
    }
    Some(out)
}
