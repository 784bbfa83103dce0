//! Header blocks: valid and invalid numbers, names and checksums.

use super::*;

fn with_size(field: &[u8]) -> [u8; BLOCK] {
    let mut block = [0u8; BLOCK];
    block[124..124 + field.len()].copy_from_slice(field);
    set_checksum(&mut block);
    block
}

#[test]
fn octal_and_base256_sizes_are_read() {
    assert_eq!(HeaderBlock(&with_size(b"00000000017\0")).size(), Ok(15));
    assert_eq!(HeaderBlock(&with_size(b"     17 \0")).size(), Ok(15));
    let big = with_size(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1]);
    assert_eq!(HeaderBlock(&big).size(), Ok((2 << 32) + 1));
}

#[test]
fn numbers_that_only_python_would_take_are_damage() {
    for field in [
        &b"0o17\0"[..],
        b"1_7\0",
        b"-17\0",
        b"19\0",
        &[0xff; 12],
        &[
            0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ],
    ] {
        assert!(
            HeaderBlock(&with_size(field)).size().is_err(),
            "{field:?} was taken for a size"
        );
    }
}

#[test]
fn a_size_written_is_the_size_read() {
    for size in [
        0,
        1,
        (1 << 33) - 1,
        1 << 33,
        (1 << 33) + 1,
        u64::from(u32::MAX) * 1000,
    ] {
        let mut block = [0u8; BLOCK];
        set_size(&mut block, size);
        assert_eq!(HeaderBlock(&block).size(), Ok(size));
        assert!(HeaderBlock(&block).checksum_fits());
    }
}

#[test]
fn a_changed_byte_breaks_the_checksum() {
    let mut block = with_size(b"17\0");
    block[3] ^= 1;
    assert!(!HeaderBlock(&block).checksum_fits());
}

#[test]
fn a_prefix_under_a_gnu_mark_is_refused() {
    let mut block = [0u8; BLOCK];
    block[0] = b'n';
    block[345] = b'p';
    block[257..263].copy_from_slice(b"ustar\0");
    assert_eq!(HeaderBlock(&block).name(), Ok(b"p/n".to_vec()));
    block[257..265].copy_from_slice(b"ustar  \0");
    assert!(matches!(
        HeaderBlock(&block).name(),
        Err(TarError::Refused(_))
    ));
}
