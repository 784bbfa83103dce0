//! Where a file may end.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::sys::write_all_at;

fn scanned(bytes: &[u8]) -> Result<Outer> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    scanned_file(file, &Control::default())
}

fn scanned_file(file: File, control: &Control) -> Result<Outer> {
    scan(
        &Input::from_file(file, Path::new("outer.tar")).unwrap(),
        control,
    )
}

/// One member of three bytes, and the end.
fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(3);
    builder
        .append_data(&mut header, "a.tar", &b"abc"[..])
        .unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn a_file_may_stop_only_after_a_whole_member_with_its_padding() {
    let bytes = archive();
    assert_eq!(bytes.len(), 4 * BLOCK);
    for cut in 0..bytes.len() {
        let outcome = scanned(&bytes[..cut]);
        if cut % BLOCK == 0 && cut >= 2 * BLOCK {
            assert_eq!(outcome.unwrap().members.len(), 1, "cut at {cut}");
        } else {
            assert_eq!(
                outcome.unwrap_err().kind(),
                crate::Kind::Damaged,
                "cut at {cut}"
            );
        }
    }
}

/// An archive followed by `len` zeros, all of them a hole.
fn with_tail(len: u64) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&archive()).unwrap();
    file.set_len(archive().len() as u64 + len).unwrap();
    file
}

#[test]
#[cfg_attr(
    windows,
    ignore = "Windows does not say where holes are: they are read, which would take days"
)]
fn a_hole_behind_the_end_is_not_read() {
    // More than could be read in a day.
    const TAIL: u64 = 1 << 43;
    assert_eq!(
        scanned_file(with_tail(TAIL), &Control::default())
            .unwrap()
            .findings,
        []
    );
    let file = with_tail(TAIL);
    write_all_at(&file, b"xyz", TAIL).unwrap();
    let count = archive().len() as u64;
    assert_eq!(
        scanned_file(file, &Control::default()).unwrap().findings,
        [Finding::BytesBehindTheEnd { count }]
    );
}

#[test]
fn whoever_waits_for_the_end_of_zeros_can_be_stopped() {
    let file = with_tail(0);
    write_all_at(&file, &vec![0; 3 << 20], archive().len() as u64).unwrap();
    let stopped = Control::new(Arc::new(crate::pipe::Silent), Arc::new(2.into()), 1);
    assert_eq!(
        scanned_file(file, &stopped).unwrap_err().kind(),
        crate::Kind::Interrupted(2)
    );
}
