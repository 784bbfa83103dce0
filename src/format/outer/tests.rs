//! Where a file may stop.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;

use super::*;

fn scanned(bytes: &[u8]) -> Result<Outer> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    scan(&Input::from_file(file, Path::new("outer.tar")).unwrap())
}

/// One member of three bytes, and the end.
fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(3);
    builder.append_data(&mut header, "a.tar", &b"abc"[..]).unwrap();
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
            assert_eq!(outcome.unwrap_err().kind(), crate::Kind::Damaged, "cut at {cut}");
        }
    }
}
