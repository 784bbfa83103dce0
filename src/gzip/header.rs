//! The header of a gzip member (RFC 1952 §2.3).

/// Bytes that every gzip header has.
pub(crate) const FIXED: usize = 10;

/// The header that haslim writes: deflate, no flags, no time, unknown system. Home Assistant's
/// reader of encrypted archives fails on optional fields.
pub(crate) const OURS: [u8; FIXED] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The maximum length of a header. The extra field ends at 64 KiB; the two names end only at their
/// zero byte, and without a limit a name without one would fill the memory.
pub(super) const LIMIT: usize = 1 << 20;

/// The trailer of a member: the checksum and the size modulo 2^32 (RFC 1952 §2.3.1).
pub(super) fn trailer(crc: u32, size: u64) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h, ..]) = (crc.to_le_bytes(), size.to_le_bytes());
    [a, b, c, d, e, f, g, h]
}

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// The result of parsing the start of a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A whole header of this many bytes.
    Complete(usize),
    /// The bytes so far could be the start of a header.
    More,
    /// It is not a header.
    Wrong,
    /// It would be a header, but sets reserved flags (RFC 1952 §2.3.1.2 requires an error; Python
    /// ignores them).
    Reserved,
    /// It could be a header, but exceeds [`LIMIT`].
    TooLong,
}

/// Reads a header from the available bytes.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let magic = bytes.iter().zip(&OURS).take(3).all(|(a, b)| a == b);
    if !magic {
        return Parsed::Wrong;
    }
    let Some((fixed, _)) = bytes.split_first_chunk::<FIXED>() else {
        return Parsed::More;
    };
    let flags = fixed[3];
    if flags & RESERVED != 0 {
        return Parsed::Reserved;
    }
    match optional(bytes, flags) {
        Some(end) if end <= LIMIT => Parsed::Complete(end),
        None if bytes.len() <= LIMIT => Parsed::More,
        _ => Parsed::TooLong,
    }
}

/// The end of the optional fields; `None` if more bytes are needed.
fn optional(bytes: &[u8], flags: u8) -> Option<usize> {
    let mut at = FIXED;
    if flags & FEXTRA != 0 {
        let len = bytes.get(at..)?.first_chunk::<2>()?;
        at += 2 + usize::from(u16::from_le_bytes(*len));
    }
    for flag in [FNAME, FCOMMENT] {
        if flags & flag != 0 {
            at += 1 + bytes.get(at..)?.iter().position(|&b| b == 0)?;
        }
    }
    if flags & FHCRC != 0 {
        at += 2;
    }
    (bytes.len() >= at).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_are_skipped_once_they_are_complete() {
        let mut header = OURS.to_vec();
        header[3] = FEXTRA | FNAME | FCOMMENT | FHCRC;
        header.extend([3, 0, 1, 2, 3]);
        header.extend(b"name\0comment\0");
        header.extend([9, 9]);
        for cut in 3..header.len() {
            assert_eq!(parse(&header[..cut]), Parsed::More, "cut at {cut}");
        }
        header.push(77);
        assert_eq!(parse(&header), Parsed::Complete(header.len() - 1));
    }

    #[test]
    fn a_name_may_fill_the_limit_and_no_more() {
        let mut header = OURS.to_vec();
        header[3] = FNAME;
        header.resize(LIMIT - 1, b'n');
        assert_eq!(parse(&header), Parsed::More);
        header.push(0);
        assert_eq!(parse(&header), Parsed::Complete(LIMIT));
        header[LIMIT - 1] = b'n';
        header.push(0);
        assert_eq!(parse(&header), Parsed::TooLong);
        header[LIMIT] = b'n';
        assert_eq!(parse(&header), Parsed::TooLong);
    }

    #[test]
    fn other_methods_are_wrong_and_reserved_flags_are_told() {
        assert_eq!(parse(&[0x1f, 0x8b, 7]), Parsed::Wrong);
        assert_eq!(parse(b"BZ"), Parsed::Wrong);
        let mut header = OURS;
        header[3] = 0x20;
        assert_eq!(parse(&header), Parsed::Reserved);
    }
}
