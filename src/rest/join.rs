//! Puts an original together again.

use std::path::PathBuf;
use std::sync::mpsc;

use super::digest::{Digest, Growing};
use super::record::{Held, Piece, Record, begin};
use crate::error::{Error, Kind, Result, escape, escaped_path};
use crate::format::outer::Member;
use crate::open::Backup;
use crate::pipe::{Control, Input, Stage};
use crate::rewrite::{Output, OutputPath};

/// A joined file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// Its SHA-256, which is that of the original.
    pub sha256: Digest,
}

/// How many bytes are copied before the other thread may read them back.
const STEP: u64 = 16 << 20;

/// Writes the original of which `copy` is the smaller copy and `rest` the rest. They may be given in
/// either order. The file gets its name only when it is on disk, and what was read back of it has
/// the original's SHA-256. Needs no key.
///
/// Bytes are copied inside the kernel if possible, and read back by another thread at the same
/// time. Memory: the bytes outside the parts (at most 16 MiB) and 1 MiB.
///
/// # Errors
/// `Refused` if neither is a rest, or if they do not belong together; `Damaged` if the record of the
/// original cannot be read; `VerifyFailed` if the result is not the original; `OutputIo`; `InputIo`;
/// `Interrupted`. No file is left behind then.
pub fn join(
    copy: &Backup,
    rest: &Backup,
    mut target: OutputPath,
    control: &Control,
) -> Result<Joined> {
    let (copy, rest, record) = match (Record::of(&rest.manifest)?, Record::of(&copy.manifest)?) {
        (Some(record), _) => (copy, rest, record),
        (None, Some(record)) => (rest, copy, record),
        (None, None) => {
            return Err(no_pair(format!(
                "neither {} nor {} is a rest that `haslim shrink --rest` wrote",
                escaped_path(copy.input.path()),
                escaped_path(rest.input.path())
            )));
        }
    };
    let sources = record
        .parts
        .iter()
        .map(|piece| {
            let holder = match piece.held {
                Held::Copy => copy,
                Held::Rest => rest,
            };
            find(holder, piece).map(|member| (&*holder.input, member.data_at()))
        })
        .collect::<Result<Vec<(&Input, u64)>>>()?;
    target.remove_leftovers();
    target.check_space(record.size)?;
    let mut output = target.create()?;
    let sha256 = write(&record, &sources, &mut output, control)?;
    if sha256 != record.sha256 || output.position() != record.size {
        return Err(Error::new(
            Kind::VerifyFailed,
            "the result is not the original: a part of one of the two files is not what it was",
        )
        .advice("`haslim verify` with the key shows which part of which file is damaged."));
    }
    copy.input.check_unchanged()?;
    rest.input.check_unchanged()?;
    control.check()?;
    Ok(Joined {
        path: output.publish()?,
        size: record.size,
        sha256,
    })
}

/// The member that holds a part.
fn find<'a>(holder: &'a Backup, piece: &Piece) -> Result<&'a Member> {
    let members = &holder.members;
    let member = members
        .iter()
        .find(|member| member.header.name == piece.name.as_bytes() && member.size == piece.size);
    let (path, name) = (
        escaped_path(holder.input.path()),
        escape(piece.name.as_bytes()),
    );
    let member = member.ok_or_else(|| {
        no_pair(format!(
            "{path} does not hold {name} of the original; the two files do not belong together"
        ))
    })?;
    match piece.begin {
        Some(known) if begin(&holder.input, member)? != known => Err(no_pair(format!(
            "{name} in {path} is not the original's, byte for byte: it was encrypted anew, or it is damaged at its beginning"
        ))),
        _ => Ok(member),
    }
}

fn no_pair(message: String) -> Error {
    Error::refused(message).advice(
        "Name the smaller copy and the rest as one run of `haslim shrink --rest` wrote them.",
    )
}

/// Writes everything and waits until it is on disk. Returns the SHA-256 of what was read back.
fn write(
    record: &Record,
    sources: &[(&Input, u64)],
    output: &mut Output,
    control: &Control,
) -> Result<Digest> {
    control.begin(Stage::Write, record.size);
    let reader = output.read_back()?;
    let beside = control.beside();
    let digest = std::thread::scope(|scope| {
        // Holds a number for each step.
        let (written, ends) = mpsc::channel::<u64>();
        let hash = std::thread::Builder::new()
            .name("digest".into())
            .spawn_scoped(scope, || {
                let mut hash = Growing::default();
                for end in ends {
                    hash.read_to(&reader, end, &beside)?;
                }
                Ok(hash.finish())
            })
            .map_err(|e| Error::new(Kind::Internal, "cannot start a thread").caused_by(e))?;
        let done = fill(record, sources, output, control, &mut |end| {
            written.send(end).unwrap_or_default()
        });
        drop(written);
        let synced = done.and_then(|()| output.sync());
        if synced.is_err() {
            beside.abandon();
        }
        let hashed: Result<Digest> = hash
            .join()
            .map_err(|_| Error::new(Kind::Internal, "the digest thread was lost"))?;
        synced.and(hashed)
    })?;
    control.end();
    Ok(digest)
}

/// Writes the bytes outside the parts and the parts in turn.
fn fill(
    record: &Record,
    sources: &[(&Input, u64)],
    output: &mut Output,
    control: &Control,
    written: &mut dyn FnMut(u64),
) -> Result<()> {
    let mut outside = record.outside.as_slice();
    for (piece, (input, from)) in record.parts.iter().zip(sources) {
        let len = usize::try_from(piece.at.saturating_sub(output.position())).unwrap_or(0);
        let (before, after) = outside.split_at_checked(len).unwrap_or((outside, &[]));
        output.append(before)?;
        outside = after;
        let mut done = 0;
        while done < piece.size {
            let step = STEP.min(piece.size - done);
            output.copy(input, from + done, step, control)?;
            done += step;
            written(output.position());
        }
    }
    output.append(outside)?;
    written(output.position());
    Ok(())
}
