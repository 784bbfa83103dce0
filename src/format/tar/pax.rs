//! PAX extended header records (POSIX.1-2017 pax, "pax Extended Header"): `LENGTH KEY=VALUE\n`,
//! where the length includes its own digits.

use super::block::{BLOCK, MAX_ID, TarError, padding, set_size};

/// One keyword and its value, as bytes.
pub type Record = (Vec<u8>, Vec<u8>);

/// Reads every record of an extended header, in order.
///
/// # Errors
/// `Damaged` if a length does not lead from one record to the next.
pub fn parse(mut data: &[u8]) -> Result<Vec<Record>, TarError> {
    let mut records = Vec::new();
    while !data.is_empty() {
        let (record, rest) =
            first(data).ok_or_else(|| TarError::damaged("a PAX record has a wrong length"))?;
        records.push(record);
        data = rest;
    }
    Ok(records)
}

fn first(data: &[u8]) -> Option<(Record, &[u8])> {
    let space = data.iter().take(20).position(|&b| b == b' ')?;
    let length: usize = digits(data.get(..space)?)?.try_into().ok()?;
    let (record, rest) = data.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&b| b == b'=').filter(|&at| at > 0)?;
    let (key, value) = body.split_at_checked(equals)?;
    Some(((key.to_vec(), value.get(1..)?.to_vec()), rest))
}

/// Checks the values that haslim itself does not use, but that stop Python in the middle of a
/// restore: a time or an owner that the system rejects, an encoding without a name.
///
/// # Errors
/// `Refused` for such a value.
pub fn check_values(records: &[Record]) -> Result<(), TarError> {
    let wrong = |(key, value): &&Record| match key.as_slice() {
        b"mtime" => time(value).is_none(),
        b"uid" | b"gid" => digits(value).is_none_or(|id| id > MAX_ID),
        b"hdrcharset" => !value.is_ascii(),
        _ => false,
    };
    match records.iter().find(wrong) {
        Some((key, value)) => Err(TarError::refused(format!(
            "a PAX {} of '{}'",
            crate::error::escape(key),
            crate::error::escape(value)
        ))),
        None => Ok(()),
    }
}

/// Checks that a header gives an entry one name and one link at most: readers take the first or the
/// last of several.
///
/// # Errors
/// `Refused` if there are different ones.
pub fn check_names(records: &[Record]) -> Result<(), TarError> {
    for key in [&b"path"[..], b"linkpath"] {
        let mut values = records.iter().filter(|record| record.0 == key);
        let Some((_, first)) = values.next() else {
            continue;
        };
        if values.any(|(_, other)| other != first) {
            return Err(TarError::refused(format!(
                "a PAX header gives '{}' two different values",
                crate::error::escape(key)
            )));
        }
    }
    Ok(())
}

/// The whole seconds of a time in any decimal spelling that writers use; `None` for a text that is
/// not a number, or does not fit into 64 bits.
pub fn time(value: &[u8]) -> Option<i64> {
    let seconds: f64 = std::str::from_utf8(value).ok()?.parse().ok()?;
    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
    (seconds.abs() < 9e18).then_some(seconds.floor() as i64)
}

/// The seconds of a time, rounded down, and the nanoseconds after them; digits beyond those do not
/// count. `None` for what is not a number in plain decimal digits.
pub fn exact_time(value: &[u8]) -> Option<(i64, u32)> {
    let (is_negative, value) = match value.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let mut parts = value.splitn(2, |&b| b == b'.');
    let whole = i64::try_from(digits(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let padded = fraction.iter().copied().chain(std::iter::repeat(b'0'));
    let nanos = padded
        .take(9)
        .fold(0, |n, digit| n * 10 + u32::from(digit - b'0'));
    match (is_negative, nanos) {
        (false, _) => Some((whole, nanos)),
        (true, 0) => Some((-whole, 0)),
        (true, _) => Some((-whole - 1, 1_000_000_000 - nanos)),
    }
}

/// Plain decimal digits only: Python's `int()` would also accept `2_000` and surrounding spaces,
/// other readers would not.
pub fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Writes one record with its length.
pub fn write(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    // The length counts its own digits: the first guess is at most one too short.
    let rest = key.len() + value.len() + 3;
    let mut length = rest + rest.to_string().len();
    length = rest + length.to_string().len();
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Writes an extended header with these records. `first` is its first block, which gets their size.
pub fn write_header(mut first: [u8; BLOCK], records: &[Record], out: &mut Vec<u8>) {
    let mut data = Vec::new();
    for (key, value) in records {
        write(key, value, &mut data);
    }
    set_size(&mut first, data.len() as u64);
    out.extend_from_slice(&first);
    let pad = padding(data.len() as u64);
    out.append(&mut data);
    out.resize(out.len() + usize::try_from(pad).unwrap_or_default(), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_has_one_name() {
        let named = |values: &[&str]| -> Vec<Record> {
            let record = |value: &&str| (b"path".to_vec(), value.as_bytes().to_vec());
            values.iter().map(record).collect()
        };
        assert!(check_names(&named(&["a"])).is_ok());
        assert!(check_names(&named(&["a", "a"])).is_ok());
        assert!(check_names(&named(&["a", "b"])).is_err());
    }

    #[test]
    fn records_written_are_the_records_read() {
        for len in [
            0, 1, 5, 88, 89, 90, 91, 92, 980, 990, 991, 992, 993, 994, 995, 9985, 9990,
        ] {
            let value = vec![b'v'; len];
            let mut data = Vec::new();
            write(b"path", &value, &mut data);
            write(b"size", b"12", &mut data);
            let expected = vec![
                (b"path".to_vec(), value),
                (b"size".to_vec(), b"12".to_vec()),
            ];
            assert_eq!(parse(&data), Ok(expected), "value of {len} bytes");
        }
    }

    #[test]
    fn a_value_may_hold_newlines_and_equals_signs() {
        assert_eq!(
            parse(b"12 a=b\nc=d\n\n"),
            Ok(vec![(b"a".to_vec(), b"b\nc=d\n".to_vec())])
        );
    }

    #[test]
    fn a_time_keeps_its_nanoseconds() {
        for (value, time) in [
            ("1700000000", Some((1_700_000_000, 0))),
            ("1700000000.5", Some((1_700_000_000, 500_000_000))),
            ("1700000000.1234567899", Some((1_700_000_000, 123_456_789))),
            ("-1.25", Some((-2, 750_000_000))),
            ("-3", Some((-3, 0))),
            ("1e3", None),
            ("1.x", None),
            ("", None),
        ] {
            assert_eq!(exact_time(value.as_bytes()), time, "{value}");
        }
    }

    #[test]
    fn wrong_lengths_are_damage() {
        for data in [
            &b"0 a=b\n"[..],
            b"5 a=b\n",
            b"7 a=b\n",
            b"x a=b\n",
            b"6 a=b ",
            b"6 =ab\n",
            b"6 abc\n",
            b"6 a=b\n\0",
        ] {
            assert!(parse(data).is_err(), "{data:?} was taken for records");
        }
    }
}
