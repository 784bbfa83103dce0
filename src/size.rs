//! Byte counts, as people write and read them.

use bytesize::ByteSize;

/// The presumed limit of Home Assistant Cloud: 5 GB. No byte count is published; the decimal
/// reading is the safe one.
pub const CLOUD_LIMIT: u64 = 5_000_000_000;

/// Parses `5GB` (decimal), `5GiB` (binary), `720MB` or a plain byte count.
///
/// # Errors
/// A sentence for the user if the text is not a size, or is zero.
pub fn parse(text: &str) -> Result<u64, String> {
    let size: ByteSize = text.trim().parse().map_err(|_| {
        format!("'{text}' is not a size; write for example 5GB, 4.7GiB or 5000000000")
    })?;
    if size.as_u64() == 0 {
        return Err("a size of zero makes no sense here".into());
    }
    Ok(size.as_u64())
}

/// Parses a limit. Like [`parse`], but a small number without a unit is treated as a mistake.
///
/// # Errors
/// As [`parse`], and if the text is a number below 1,000.
pub fn parse_limit(text: &str) -> Result<u64, String> {
    match text.trim().parse::<u64>() {
        Ok(bytes @ 1..1000) => Err(format!(
            "that would be {bytes} bytes; write {bytes}GB, {bytes}MB or, if you mean it, {bytes}B"
        )),
        _ => parse(text),
    }
}

/// A size in the form that the option `--limit` accepts: exact, and as short as possible.
pub fn option(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units
        .into_iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit))
    {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None if bytes < 1000 => format!("{bytes}B"),
        None => bytes.to_string(),
    }
}

/// A size in decimal units with about three significant digits: `4.21 GB`.
pub fn decimal(bytes: u64) -> String {
    scaled(bytes, 1000.0, ["B", "kB", "MB", "GB", "TB", "PB"])
}

/// A size in decimal units with three significant digits, for overviews: `4.21 GB`, `27.1 MB`,
/// `600 MB`.
pub fn short(bytes: u64) -> String {
    let (value, unit) = scale(bytes, 1000.0, ["B", "kB", "MB", "GB", "TB", "PB"]);
    match value {
        _ if bytes < 1000 => format!("{bytes} B"),
        value if value < 9.995 => format!("{value:.2} {unit}"),
        value if value < 99.95 => format!("{value:.1} {unit}"),
        value => format!("{value:.0} {unit}"),
    }
}

/// A size as Home Assistant's log states it when a backup is too large for its cloud: divided by
/// 1024³, with one or two decimals, and called "GB" (Core, `components/cloud/backup.py`).
pub fn home_assistant(bytes: u64) -> String {
    let hundredths = format!("{:.2}", bytes as f64 / f64::from(1 << 30));
    let shown = hundredths.strip_suffix('0').unwrap_or(&hundredths);
    format!("{shown}GB")
}

/// A size in binary units: `3.92 GiB`.
pub fn binary(bytes: u64) -> String {
    scaled(bytes, 1024.0, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

/// A share of a whole in percent, without decimals: `89 %`, `<1 %` for anything above nothing.
pub fn percent(bytes: u64, whole: u64) -> String {
    match bytes as f64 * 100.0 / whole.max(1) as f64 {
        share if bytes > 0 && share < 1.0 => "<1 %".into(),
        share => format!("{share:.0} %"),
    }
}

/// Both, where the difference matters: `4.21 GB (3.92 GiB)`.
pub fn both(bytes: u64) -> String {
    format!("{} ({})", decimal(bytes), binary(bytes))
}

fn scaled(bytes: u64, base: f64, units: [&str; 6]) -> String {
    if (bytes as f64) < base {
        return format!("{bytes} {}", units[0]);
    }
    let (value, unit) = scale(bytes, base, units);
    format!("{value:.2} {unit}")
}

/// The number and the unit that a size is written with.
fn scale(bytes: u64, base: f64, units: [&str; 6]) -> (f64, &str) {
    let mut value = bytes as f64;
    let mut unit = units[0];
    for next in &units[1..] {
        // Compare with the rounded value, so that 999.999 kB becomes 1.00 MB.
        if value < base - 0.005 {
            break;
        }
        value /= base;
        unit = next;
    }
    (value, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_binary_units_are_told_apart() {
        assert_eq!(parse("5GB"), Ok(5_000_000_000));
        assert_eq!(parse("5GiB"), Ok(5 << 30));
        assert_eq!(parse("5000000000"), Ok(CLOUD_LIMIT));
        assert_eq!(parse("720 MB"), Ok(720_000_000));
    }

    #[test]
    fn a_size_survives_the_way_through_an_option() {
        for (bytes, text) in [
            (5_000_000_000, "5GB"),
            (720_000_000, "720MB"),
            (60_000, "60kB"),
            (5 << 30, "5368709120"),
            (999, "999B"),
            (1, "1B"),
        ] {
            assert_eq!(
                (option(bytes).as_str(), parse_limit(text)),
                (text, Ok(bytes))
            );
        }
    }

    #[test]
    fn a_limit_of_a_few_bytes_has_to_be_meant() {
        for text in ["5", " 999 ", "1"] {
            assert!(
                parse_limit(text)
                    .unwrap_err()
                    .contains(&format!("write {}GB", text.trim())),
                "{text}"
            );
            assert!(parse(text).is_ok());
        }
        assert_eq!(
            (parse_limit("5B"), parse_limit("1000"), parse_limit("5GB")),
            (Ok(5), Ok(1000), Ok(CLOUD_LIMIT))
        );
        assert!(parse_limit("0").is_err() && parse_limit("potatoes").is_err());
    }

    #[test]
    fn nonsense_is_not_a_size() {
        for text in ["", "five", "-1GB", "0", "5XB"] {
            assert!(parse(text).is_err(), "{text} was taken for a size");
        }
    }

    #[test]
    fn a_short_size_has_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (9_994, "9.99 kB"),
            (9_996, "10.0 kB"),
            (27_100_000, "27.1 MB"),
            (99_960_000, "100 MB"),
            (600_000_000, "600 MB"),
            (999_499_000, "999 MB"),
            (999_999_999, "1.00 GB"),
            (5_651_000_000, "5.65 GB"),
        ] {
            assert_eq!(short(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn home_assistant_counts_in_other_units() {
        for (bytes, text) in [
            (5_651_000_000, "5.26GB"),
            (6_979_321_856, "6.5GB"),
            (5 << 30, "5.0GB"),
            (112_000_000, "0.1GB"),
        ] {
            assert_eq!(home_assistant(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn rounding_carries_into_the_next_unit() {
        assert_eq!(decimal(999), "999 B");
        assert_eq!(decimal(999_999), "1.00 MB");
        assert_eq!(both(4_213_000_000), "4.21 GB (3.92 GiB)");
    }
}
