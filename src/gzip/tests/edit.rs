//! Compares edits of a stream with the same edits of a slice.

use std::io;

use proptest::prelude::*;

use super::super::{Edit, EditBuffer, Filter, Gunzip, GzipError, Trailer, copy_plain, rewrite};
use super::{gzip, own, sample};

/// Returns each edit after a given number of bytes; the rest at the end.
struct Script {
    edits: std::collections::VecDeque<(u64, Edit)>,
    seen: u64,
}

impl Script {
    fn new(edits: impl IntoIterator<Item = (u64, Edit)>) -> Self {
        Self {
            edits: edits.into_iter().collect(),
            seen: 0,
        }
    }
}

impl Filter for Script {
    fn feed(&mut self, plaintext: &[u8], edits: &mut Vec<Edit>) -> io::Result<()> {
        self.seen += plaintext.len() as u64;
        while self.edits.front().is_some_and(|(at, _)| *at <= self.seen) {
            edits.extend(self.edits.pop_front().map(|(_, edit)| edit));
        }
        Ok(())
    }

    fn finish(&mut self, edits: &mut Vec<Edit>) -> io::Result<()> {
        edits.extend(self.edits.drain(..).map(|(_, edit)| edit));
        Ok(())
    }
}

/// Applies the edits to the whole plaintext at once.
fn naive(mut rest: &[u8], edits: &[(u64, Edit)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (_, edit) in edits {
        match edit {
            Edit::Insert(bytes) => out.extend_from_slice(bytes),
            Edit::Keep(count) => out.extend_from_slice(rest.split_off(..*count as usize).unwrap()),
            Edit::Drop(count) => drop(rest.split_off(..*count as usize).unwrap()),
        }
    }
    assert!(rest.is_empty());
    out
}

fn inflated(stored: &[u8]) -> Vec<u8> {
    let mut gunzip = Gunzip::new(stored, Trailer::Strict);
    let mut out = Vec::new();
    while let Some(piece) = gunzip.next_piece().unwrap() {
        out.extend_from_slice(piece);
    }
    out
}

/// Edits that cover a plaintext, each with the time when it is returned: from before its bytes are
/// read to long after. Times only increase, because edits are returned in order.
fn edits() -> impl Strategy<Value = Vec<(u64, Edit)>> {
    let edit = prop_oneof![
        3 => (0u64..90_000).prop_map(Edit::Keep),
        3 => (0u64..90_000).prop_map(Edit::Drop),
        1 => proptest::collection::vec(any::<u8>(), 0..2000).prop_map(Edit::Insert),
    ];
    proptest::collection::vec((0u64..80_000, edit), 0..12).prop_map(|mut list| {
        let mut time = 0;
        for (at, _) in &mut list {
            time += *at;
            *at = time;
        }
        list
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_stream_is_edited_as_a_slice_is(edits in edits(), level in 0u32..=9, threads in 1usize..4) {
        let len: u64 = edits.iter().map(|(_, edit)| match edit { Edit::Keep(n) | Edit::Drop(n) => *n, Edit::Insert(_) => 0 }).sum();
        let plaintext = sample(len as usize);
        let expected = naive(&plaintext, &edits);

        let stored = rewrite(&gzip(&plaintext, 1, 1)[..], Trailer::Strict, Vec::new(), &mut Script::new(edits.clone()), level, threads).unwrap();
        prop_assert!(inflated(&stored) == expected);
        prop_assert!(stored == gzip(&expected, level, 1));

        let plain = copy_plain(&plaintext[..], Vec::new(), &mut Script::new(edits)).unwrap();
        prop_assert!(plain == expected);
    }

    #[test]
    fn an_edit_buffer_does_not_care_how_the_bytes_arrive(edits in edits(), step in 1usize..5000) {
        let len: u64 = edits.iter().map(|(_, edit)| match edit { Edit::Keep(n) | Edit::Drop(n) => *n, Edit::Insert(_) => 0 }).sum();
        let plaintext = sample(len as usize);
        let (mut buffer, mut filter, mut out) = (EditBuffer::default(), Script::new(edits.clone()), Vec::new());
        for chunk in plaintext.chunks(step) {
            buffer.feed(chunk, &mut filter, &mut out).unwrap();
        }
        buffer.finish(&mut filter, &mut out).unwrap();
        prop_assert!(out == naive(&plaintext, &edits));
    }
}

#[test]
fn edits_that_do_not_cover_the_data_exactly_are_a_mistake() {
    let cases = [
        vec![],
        vec![Edit::Keep(99)],
        vec![Edit::Drop(101)],
        vec![Edit::Keep(100), Edit::Keep(1)],
    ];
    for edits in cases {
        let mut script = Script::new(edits.iter().cloned().map(|edit| (0, edit)));
        let error = copy_plain(&[7; 100][..], Vec::new(), &mut script).unwrap_err();
        assert_eq!(*own(&error), GzipError::BadEdit, "{edits:?}");
    }
}

#[test]
fn a_damaged_input_leaves_an_output_without_end() {
    let mut stored = gzip(&sample(300_000), 6, 1);
    let crc = stored.len() - 8;
    stored[crc] ^= 1;
    let mut out = Vec::new();
    let error = rewrite(
        &stored[..],
        Trailer::Strict,
        &mut out,
        &mut Script::new([(0, Edit::Keep(300_000))]),
        6,
        2,
    )
    .unwrap_err();
    assert!(matches!(own(&error), GzipError::BadTrailer { .. }));
    let mut gunzip = Gunzip::new(&out[..], Trailer::Strict);
    let outcome = std::iter::from_fn(|| gunzip.next_piece().map(|p| p.map(drop)).transpose())
        .find_map(Result::err);
    assert!(matches!(
        own(&outcome.unwrap()),
        GzipError::Truncated { .. }
    ));
}
