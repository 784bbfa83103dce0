//! What a rest knows about its original.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use super::{Digest, hex};
use crate::error::{Error, Kind, Result};
use crate::format::manifest::Manifest;
use crate::format::outer::Member;
use crate::format::securetar::MAX_HEADER;
use crate::open::Backup;
use crate::pipe::Input;
use crate::plan::{Action, Plan};

/// More bytes than this outside the parts are refused. A backup of Home Assistant has some
/// thousand.
const MAX_OUTSIDE: u64 = 16 << 20;
/// More JSON text than this is refused: `backup.json` would not be read again.
const MAX_TEXT: usize = 512 << 10;

/// The original of a rest and of the copy that it completes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its bytes.
    pub size: u64,
    /// The SHA-256 of the whole file.
    pub sha256: Digest,
    /// The id that Home Assistant has for it.
    pub slug: String,
    /// Its parts, in the order of the file.
    pub parts: Vec<Piece>,
    /// All its bytes outside the data of the parts, in order: the headers, `backup.json`, the
    /// padding and the end. At most 16 MiB.
    pub outside: Vec<u8>,
}

/// The data of one part of the original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The name of the member that holds it, in that file.
    pub name: String,
    /// Its position in the original.
    pub at: u64,
    /// Its bytes.
    pub size: u64,
    /// Which file holds it.
    pub held: Held,
    /// The CRC-32 of its first 136 bytes, or of all if it has less: the longest header of an
    /// encrypted archive. It shows whether the part was encrypted anew, because each encryption has
    /// its own random numbers there. Rests that were written before December 2026 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<u32>,
}

/// Which of the two files holds a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Held {
    /// The smaller copy.
    Copy,
    /// The rest.
    Rest,
}

/// See [`Piece::begin`].
pub(super) fn begin(input: &Input, member: &Member) -> Result<u32> {
    let len = usize::try_from(member.size).map_or(MAX_HEADER, |size| size.min(MAX_HEADER));
    let mut bytes = vec![0; len];
    input.read_exact_at(member.data_at(), &mut bytes)?;
    Ok(crc32fast::hash(&bytes))
}

/// The form in `extra.haslim`.
#[derive(Serialize, Deserialize)]
struct About {
    rest_of: Original,
}

#[derive(Serialize, Deserialize)]
struct Original {
    slug: String,
    size: u64,
    /// In hex digits.
    sha256: String,
    parts: Vec<Piece>,
    /// Compressed as RFC 1950 says, then in base64.
    outside: String,
}

impl Record {
    /// The record for the rest that `rest` plans, beside the copy that `copy` plans.
    ///
    /// # Errors
    /// `Refused` if a member has a name that JSON cannot hold, or if there is too much outside the
    /// parts; errors of reading.
    pub fn new(backup: &Backup, copy: &Plan, rest: &Plan, sha256: Digest) -> Result<Self> {
        let mut parts = Vec::with_capacity(backup.parts.len());
        let (mut outside, mut end) = (Vec::new(), 0);
        for ((part, copied), rested) in backup.parts.iter().zip(&copy.parts).zip(&rest.parts) {
            let member = backup.member(part);
            let (held, form) = match copied.action {
                Action::Copy => (Held::Copy, &copied.form),
                _ => (Held::Rest, &rested.form),
            };
            let name = form.name.clone().unwrap_or(member.header.name.clone());
            let name = String::from_utf8(name).map_err(|_| {
                Error::refused("its name is not UTF-8, so a rest cannot refer to it")
                    .in_part(part.id.clone())
            })?;
            read_outside(backup, end, member.data_at(), &mut outside)?;
            end = member.data_at().saturating_add(member.size);
            parts.push(Piece {
                name,
                at: member.data_at(),
                size: member.size,
                held,
                begin: Some(begin(&backup.input, member)?),
            });
        }
        read_outside(backup, end, backup.input.len(), &mut outside)?;
        Ok(Self {
            size: backup.input.len(),
            sha256,
            slug: backup.manifest.slug().to_owned(),
            parts,
            outside,
        })
    }

    /// The text for [`Changes::about`](crate::format::manifest::Changes::about).
    ///
    /// # Errors
    /// `Refused` if it has more than 512 KiB.
    pub fn to_json(&self) -> Result<String> {
        let internal = |e: &dyn std::error::Error| {
            Error::new(
                Kind::Internal,
                format!("cannot write the record of the original: {e}"),
            )
        };
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&self.outside).map_err(|e| internal(&e))?;
        let packed = packed.finish().map_err(|e| internal(&e))?;
        let about = About {
            rest_of: Original {
                slug: self.slug.clone(),
                size: self.size,
                sha256: hex(&self.sha256),
                parts: self.parts.clone(),
                outside: STANDARD.encode(packed),
            },
        };
        let text = serde_json::to_string(&about).map_err(|e| internal(&e))?;
        if text.len() > MAX_TEXT {
            return Err(Error::refused(format!(
                "the record of the original would take {} bytes of backup.json; at most {MAX_TEXT} are possible",
                text.len()
            )));
        }
        Ok(text)
    }

    /// The record in the metadata of a rest; `None` if they have none.
    ///
    /// # Errors
    /// `Damaged` if the record contradicts itself or cannot be read.
    pub fn of(manifest: &Manifest) -> Result<Option<Self>> {
        let Some(text) = manifest.about() else {
            return Ok(None);
        };
        let known: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|e| damaged(&e.to_string()))?;
        if !known.contains_key("rest_of") {
            return Ok(None);
        }
        let About { rest_of } = serde_json::from_str(text).map_err(|e| damaged(&e.to_string()))?;
        let sha256 = unhex(&rest_of.sha256).ok_or_else(|| damaged("its SHA-256 is none"))?;
        let packed = STANDARD
            .decode(&rest_of.outside)
            .map_err(|e| damaged(&e.to_string()))?;
        let mut outside = Vec::new();
        ZlibDecoder::new(&*packed)
            .take(MAX_OUTSIDE + 1)
            .read_to_end(&mut outside)
            .map_err(|e| damaged(&e.to_string()))?;
        let record = Self {
            size: rest_of.size,
            sha256,
            slug: rest_of.slug,
            parts: rest_of.parts,
            outside,
        };
        record.check()?;
        Ok(Some(record))
    }

    /// The parts follow each other, and together with the bytes outside they make up the whole.
    fn check(&self) -> Result<()> {
        let mut end = 0u64;
        for piece in &self.parts {
            let next = piece.at.checked_add(piece.size);
            end = next
                .filter(|_| piece.at >= end)
                .ok_or_else(|| damaged("its parts overlap"))?;
        }
        let inside: u64 = self.parts.iter().map(|piece| piece.size).sum();
        let outside = self.outside.len() as u64;
        if end > self.size || inside.checked_add(outside) != Some(self.size) {
            return Err(damaged("its sizes do not add up"));
        }
        Ok(())
    }
}

fn damaged(why: &str) -> Error {
    Error::damaged(format!(
        "what it says about its original cannot be read: {why}"
    ))
    .in_part("./backup.json")
}

/// Appends the bytes between two positions.
fn read_outside(backup: &Backup, from: u64, to: u64, outside: &mut Vec<u8>) -> Result<()> {
    let len = to.saturating_sub(from);
    if outside.len() as u64 + len > MAX_OUTSIDE {
        return Err(Error::refused(
            "the backup has more than 16 MiB outside its parts, so a rest cannot hold them",
        ));
    }
    let begin = outside.len();
    outside.resize(begin + usize::try_from(len).unwrap_or(0), 0);
    backup
        .input
        .read_exact_at(from, outside.get_mut(begin..).unwrap_or_default())
}

fn unhex(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if text.len() != 2 * digest.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest(about: &str) -> Manifest {
        let text = format!(
            r#"{{"slug":"aaaaaaaa","name":"n","date":"d","type":"full","version":2,"folders":[],"addons":[],"extra":{{"haslim":{about}}}}}"#
        );
        Manifest::parse(text).unwrap()
    }

    /// A record of parts with these sizes, with these many bytes before each.
    fn record(parts: &[(u64, u64)], end: u64) -> Record {
        let (mut at, mut outside, mut pieces) = (0, 0, Vec::new());
        for (number, (gap, size)) in parts.iter().enumerate() {
            at += gap;
            outside += gap;
            let held = if number % 2 == 0 {
                Held::Copy
            } else {
                Held::Rest
            };
            let name = format!("./{number}.tar.gz");
            pieces.push(Piece {
                name,
                at,
                size: *size,
                held,
                begin: Some(number as u32),
            });
            at += size;
        }
        let outside = (0..outside + end).map(|at| at as u8).collect();
        Record {
            size: at + end,
            sha256: [7; 32],
            slug: "aaaaaaaa".into(),
            parts: pieces,
            outside,
        }
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(parts in prop::collection::vec((0u64..3000, 0u64..u64::MAX >> 8), 0..9), end in 0u64..3000) {
            let record = record(&parts, end);
            let read = Record::of(&manifest(&record.to_json().unwrap())).unwrap();
            prop_assert_eq!(read, Some(record));
        }
    }

    #[test]
    fn other_records_are_none_and_contradictions_are_damage() {
        let none = ["null", "{}", r#"{"of":"aaaaaaaa"}"#, r#""rest_of""#];
        for about in none {
            assert_eq!(Record::of(&manifest(about)).unwrap(), None, "{about}");
        }
        let sound = record(&[(600, 40), (10, 50)], 20);
        let text = sound.to_json().unwrap();
        let wrong = [
            text.replace("\"size\":720", "\"size\":721"),
            text.replace("\"at\":650", "\"at\":639"),
            text.replace(
                "\"at\":650,\"size\":50",
                "\"at\":650,\"size\":18446744073709550965",
            )
            .replace("\"size\":720", "\"size\":18446744073709551615"),
            text.replace("\"at\":650", "\"at\":18446744073709551615"),
            text.replace("0707", "0x07"),
            text.replace("0707", ""),
            text.replace("\"copy\"", "\"both\""),
            text.replace("outside\":\"", "outside\":\"!"),
            r#"{"rest_of":3}"#.to_owned(),
        ];
        for about in wrong {
            assert!(about != text, "{about}");
            let error = Record::of(&manifest(&about)).unwrap_err();
            assert_eq!(error.kind(), Kind::Damaged, "{about}");
        }
    }

    #[test]
    fn what_expands_too_far_is_not_expanded() {
        let mut bomb = record(&[], 0);
        bomb.outside = vec![0; 17 << 20];
        bomb.size = 17 << 20;
        let error = Record::of(&manifest(&bomb.to_json().unwrap())).unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged);
    }
}
