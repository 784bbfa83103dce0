//! The rows of a tree, sorted so that the contents of a folder are adjacent.

use std::cmp::Ordering;

use super::Tag;
use crate::error::Result;
use crate::pipe::Control;
use crate::survey::Entry;

/// An entry and its path.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub path: &'a [u8],
    pub entry: &'a Entry,
    /// The length of the prefix that it shares with the row before.
    pub shared: u32,
    pub tag: Tag,
}

/// The number of rows sorted in one step; cancellation is checked between steps.
pub(super) const STEP_ROWS: usize = 1 << 15;
const STEP_BYTES: usize = 16 << 20;

/// Compares paths name by name: a folder's contents directly follow it.
pub(super) fn order(a: &[u8], b: &[u8]) -> Ordering {
    let at = shared(a, b);
    let rank = |path: &[u8]| {
        path.get(at)
            .map(|&byte| if byte == b'/' { 0 } else { u16::from(byte) + 1 })
    };
    rank(a).cmp(&rank(b))
}

/// The length of the common prefix of two paths.
pub(super) fn shared(a: &[u8], b: &[u8]) -> usize {
    const WORD: usize = 32;
    let (words_a, words_b) = (a.as_chunks::<WORD>().0, b.as_chunks::<WORD>().0);
    let alike = words_a
        .iter()
        .zip(words_b)
        .take_while(|(a, b)| a == b)
        .count()
        * WORD;
    let (a, b) = (
        a.get(alike..).unwrap_or_default(),
        b.get(alike..).unwrap_or_default(),
    );
    alike + a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Sorts in short steps, with a check for cancellation between them.
pub(super) fn sorted<'a>(mut rows: Vec<Row<'a>>, control: &Control) -> Result<Vec<Row<'a>>> {
    let mut ends = sort_runs(&mut rows, control)?;
    let mut other = Vec::with_capacity(if ends.len() > 1 { rows.len() } else { 0 });
    while ends.len() > 1 {
        let (mut begin, mut merged) = (0, Vec::with_capacity(ends.len() / 2 + 1));
        for pair in ends.chunks(2) {
            let end = pair.last().copied().unwrap_or(begin);
            let middle = pair.first().copied().unwrap_or(end);
            let (left, right) = (
                rows.get(begin..middle).unwrap_or_default(),
                rows.get(middle..end).unwrap_or_default(),
            );
            merge(left, right, &mut other, control)?;
            merged.push(end);
            begin = end;
        }
        std::mem::swap(&mut rows, &mut other);
        other.clear();
        ends = merged;
    }
    Ok(rows)
}

/// Sorts the rows in runs, each in one step, and returns where the runs end.
fn sort_runs(rows: &mut [Row<'_>], control: &Control) -> Result<Vec<usize>> {
    let mut ends = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    for at in 0..rows.len() {
        bytes += rows.get(at).map_or(0, |row| row.path.len());
        if at + 1 - from >= STEP_ROWS || bytes >= STEP_BYTES || at + 1 == rows.len() {
            control.check()?;
            rows.get_mut(from..=at)
                .unwrap_or_default()
                .sort_by(|a, b| order(a.path, b.path));
            ends.push(at + 1);
            (from, bytes) = (at + 1, 0);
        }
    }
    Ok(ends)
}

/// Merges two sorted runs and appends the result.
fn merge<'a>(
    mut left: &[Row<'a>],
    mut right: &[Row<'a>],
    out: &mut Vec<Row<'a>>,
    control: &Control,
) -> Result<()> {
    let mut pace = control.pace();
    while let (Some((a, after_a)), Some((b, after_b))) = (left.split_first(), right.split_first()) {
        pace.step(a.path.len())?;
        if order(a.path, b.path).is_le() {
            out.push(*a);
            left = after_a;
        } else {
            out.push(*b);
            right = after_b;
        }
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
    Ok(())
}
