//! Predicts the size of the copy.

use crate::error::Result;
use crate::format::manifest::Changes;
use crate::format::outer::{Member, RECORD};
use crate::format::securetar;
use crate::format::securetar::SecureHeader;
use crate::format::tar::block::padding;
use crate::open::{Backup, Part};
use crate::plan::encryption::Encryption;
use crate::plan::layout::Settled;
use crate::plan::model::{Action, Form, PartEdit};
use crate::survey::PartSurvey;

/// Bytes of the two zero blocks that end a tar.
const END: u64 = 1024;

/// The size of each part in the copy, in bytes.
pub(super) fn parts(backup: &Backup, surveys: &[PartSurvey], settled: &Settled) -> Vec<u64> {
    let survey = |at: usize| surveys.iter().find(|s| s.part == at);
    let each = settled.actions.iter().zip(&settled.forms).enumerate();
    each.map(|(at, (action, form))| part(backup, at, action, form, survey(at), &settled.target))
        .collect()
}

fn part(
    backup: &Backup,
    at: usize,
    action: &Action,
    form: &Form,
    survey: Option<&PartSurvey>,
    target: &Encryption,
) -> u64 {
    let part = backup.part(at);
    let member = backup.member(part);
    match action {
        Action::Drop => 0,
        Action::Copy => member.stored(),
        Action::Reencrypt => member_with(member, target.member_size(stream_size(part, member))),
        Action::Edit(_) | Action::Rewrite => {
            let Some(cut) = action.edit() else { return 0 };
            let stream = stream_size(part, member);
            let kept = match survey {
                // It is unknown how well a tar compresses; it will not grow.
                Some(survey) if part.compressed && !form.compressed => inflated(survey, cut),
                Some(survey) if !part.compressed && form.compressed => packed(part, survey, cut),
                Some(survey) => cut_stream(part, survey, cut),
                None => stream,
            };
            member_with(member, target.member_size(kept))
        }
    }
}

fn member_with(member: &Member, size: u64) -> u64 {
    member.header.raw.len() as u64 + size + padding(size)
}

/// Bytes of the gzip or tar stream inside a part, according to its headers.
fn stream_size(part: &Part, member: &Member) -> u64 {
    match part.secure() {
        None => member.size,
        Some(header) => header.plaintext_size().unwrap_or_else(|| {
            let ciphertext = member.size.saturating_sub(header.len() as u64);
            securetar::plaintext_len_from_ciphertext(SecureHeader::version(header), ciphertext)
                .map_or(ciphertext, |range| *range.end())
        }),
    }
}

/// Bytes of the stream without the dropped entries.
fn cut_stream(part: &Part, survey: &PartSurvey, cut: &PartEdit) -> u64 {
    let entries = || survey.entries.iter().enumerate();
    let gone: u64 = entries()
        .filter(|(at, _)| cut.removes(*at))
        .map(|(_, e)| e.stored)
        .sum();
    if part.compressed {
        return survey.end.stream_bytes.saturating_sub(gone);
    }
    let kept: u64 = entries()
        .filter(|(at, _)| !cut.removes(*at))
        .map(|(_, e)| e.stored)
        .sum();
    (kept + END).next_multiple_of(RECORD)
}

/// Bytes of the stream without the dropped entries, if it is compressed for the first time: exact if
/// nothing is dropped. If it was not measured, it is unknown how well it compresses; it will hardly
/// grow.
fn packed(part: &Part, survey: &PartSurvey, cut: &PartEdit) -> u64 {
    let Some(packed) = &survey.packed else {
        return cut_stream(part, survey, cut);
    };
    let entries = survey.entries.iter().enumerate();
    let gone = entries.filter(|(at, _)| cut.removes(*at));
    let gone: u64 = gone.map(|(_, entry)| entry.stored).sum();
    packed.stream_bytes.saturating_sub(gone)
}

/// Bytes of the uncompressed tar without the dropped entries.
fn inflated(survey: &PartSurvey, cut: &PartEdit) -> u64 {
    let kept: u64 = survey
        .entries
        .iter()
        .enumerate()
        .filter(|(at, _)| !cut.removes(*at))
        .map(|(_, e)| e.span())
        .sum();
    let length = cut.kept_length(survey);
    let globals = survey.globals.iter().filter(|g| g.before < length);
    let globals: u64 = globals.map(|global| global.bytes).sum();
    (kept + globals + END).next_multiple_of(RECORD)
}

/// Bytes of a file whose last record is full.
pub(super) fn padded(exact: u64) -> u64 {
    exact.next_multiple_of(RECORD)
}

/// Bytes of the whole copy before its last record is filled up.
pub(super) fn exact(backup: &Backup, parts: &[u64], changes: &Changes) -> Result<u64> {
    let text = backup.manifest.changed_len(changes)?;
    let manifest = backup
        .members
        .get(backup.manifest_member)
        .map_or(0, |m| member_with(m, text));
    let others: u64 = (0..backup.members.len())
        .filter(|&at| at != backup.manifest_member && backup.part_of(at).is_none())
        .filter_map(|at| backup.members.get(at))
        .map(Member::stored)
        .sum();
    Ok(parts.iter().sum::<u64>() + manifest + others + END)
}
