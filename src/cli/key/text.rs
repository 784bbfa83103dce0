//! Finds keys in the text of a key file or an emergency kit.

use haslim::crypt::{Password, is_dash};
use zeroize::Zeroizing;

/// How many different keys from one text are tried. Each one takes a key derivation.
pub const MOST_KEYS: usize = 8;

/// The text in these bytes: UTF-8, UTF-16 in either byte order, or otherwise Windows-1252, which
/// has a character for (almost) every byte.
pub struct Text {
    text: Zeroizing<String>,
    /// False if the bytes were decoded as Windows-1252.
    sure: bool,
}

impl Text {
    /// Decodes the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
            // A unit of two bytes becomes three bytes at most.
            let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
            let (units, _) = bytes.as_chunks::<2>();
            text.extend(
                char::decode_utf16(units.iter().map(|&two| unit(two)))
                    .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)),
            );
            Self { text, sure: true }
        };
        match bytes {
            [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
            // There is no byte order mark, but no text contains a NUL character.
            [_, 0, ..] => wide(bytes, u16::from_le_bytes),
            [0, _, ..] => wide(bytes, u16::from_be_bytes),
            _ => Self::narrow(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
        }
    }

    fn narrow(bytes: &[u8]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 3));
        if let Ok(utf8) = std::str::from_utf8(bytes) {
            text.push_str(utf8);
            return Self { text, sure: true };
        }
        // Decoded line by line, so that other lines cannot spoil a key.
        let mut sure = true;
        for (number, line) in bytes.split(|&b| b == b'\n').enumerate() {
            if number > 0 {
                text.push('\n');
            }
            match std::str::from_utf8(line) {
                Ok(utf8) => text.push_str(utf8),
                Err(_) => {
                    sure &= number > 0;
                    text.extend(line.iter().map(|&byte| windows_1252(byte)));
                }
            }
        }
        Self { text, sure }
    }

    /// The first line without its line end, and whether its encoding is certain.
    pub fn first_line(&self) -> (Password, bool) {
        let line = self.text.split(['\n', '\r']).next().unwrap_or_default();
        (Password::new(line.to_owned()), self.sure)
    }

    /// The different keys that Home Assistant may have made, in their order and at most one more
    /// than [`MOST_KEYS`]: the lines that consist of exactly one key or, if there are none,
    /// everything that can be read as a key.
    pub fn keys(&self) -> Vec<Password> {
        let lines = || self.text.split(['\n', '\r']);
        let exact = collected(
            lines()
                .filter(|line| is_exact(trimmed(line)))
                .filter_map(Password::automatic),
        );
        if !exact.is_empty() {
            return exact;
        }
        let words = |line| str::split(line, |c: char| !c.is_ascii_alphanumeric() && !is_dash(c));
        let dashed = |word: &&str| word.split(is_dash).all(|group| group.len() == 4);
        let spelled = lines().flat_map(|line| {
            let in_line = words(line).filter(dashed).filter_map(Password::automatic);
            Password::automatic(line).into_iter().chain(in_line)
        });
        collected(spelled)
    }

    /// True for an emergency kit: a text that contains a key but does not begin with one.
    pub fn is_kit(&self) -> bool {
        let mut lines = self.text.split(['\n', '\r']).map(trimmed);
        !lines.next().is_some_and(is_exact) && lines.any(is_exact)
    }
}

fn collected(found: impl Iterator<Item = Password>) -> Vec<Password> {
    let mut keys: Vec<Password> = Vec::new();
    for key in found {
        if keys.len() <= MOST_KEYS && !keys.iter().any(|known| known.is_same(&key)) {
            keys.push(key);
        }
    }
    keys
}

/// The line without surrounding spaces, and without byte order marks, which editors also leave
/// inside a text.
fn trimmed(line: &str) -> &str {
    line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

/// Seven groups of four capital letters or digits, as Home Assistant writes a key.
fn is_exact(line: &str) -> bool {
    let mut groups = 0;
    line.split('-').all(|group| {
        groups += 1;
        group.len() == 4
            && group
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    }) && groups == 7
}

/// Windows code page 1252 (Unicode, `CP1252.TXT`): Latin-1 with other characters from 0x80 to 0x9f.
fn windows_1252(byte: u8) -> char {
    const SIGNS: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    let sign = byte
        .checked_sub(0x80)
        .and_then(|at| SIGNS.get(usize::from(at)));
    sign.copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-1234";
    const OTHER: &str = "ZZZZ-BBBB-CCCC-DDDD-EEEE-FFFF-1234";

    fn keys(text: &str) -> usize {
        let found = Text::of(text.as_bytes()).keys();
        assert!(
            found.iter().all(|key| [KEY, OTHER]
                .iter()
                .any(|known| key.is_same(&Password::new((*known).into())))),
            "{text}"
        );
        found.len()
    }

    #[test]
    fn only_a_whole_line_in_the_right_form_is_a_key_for_certain() {
        assert!(is_exact(KEY));
        for line in [
            "",
            "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF",
            "aaaa-BBBB-CCCC-DDDD-EEEE-FFFF-1234",
            &format!("key: {KEY}"),
            &format!("{KEY}-AAAA"),
        ] {
            assert!(!is_exact(line), "{line}");
        }
    }

    /// Report 118.
    #[test]
    fn the_same_key_is_one_and_a_line_of_its_own_counts_most() {
        for (text, count) in [
            (format!("\u{feff}{KEY}\r\n"), 1),
            (format!("Key:\n{KEY}\nagain:\n  {KEY}\t\n"), 1),
            (format!("Like this: {OTHER}.\n{KEY}\n"), 1),
            (format!("{OTHER}\n{KEY}\n"), 2),
            (format!("<p>Key: <b>{KEY}</b></p>"), 1),
            (format!("key={}, or {OTHER}", KEY.to_lowercase()), 2),
            (KEY.replace('-', " "), 1),
            (format!("{KEY}-GGGG"), 0),
            ("no key at all".into(), 0),
        ] {
            assert_eq!(keys(&text), count, "{text}");
        }
    }

    #[test]
    fn a_kit_is_told_from_a_file_that_begins_with_a_key() {
        for (text, kit) in [
            (format!("Kit\n\n{KEY}\n"), true),
            (format!("{KEY}\nold: x\n{OTHER}"), false),
            ("secret\nnot the key".into(), false),
        ] {
            assert_eq!(Text::of(text.as_bytes()).is_kit(), kit, "{text}");
        }
    }

    #[test]
    fn every_encoding_of_windows_is_read() {
        let text = format!("\u{feff}Schlüssel – „hier“:\r\n{KEY}\r\n");
        let wide =
            |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let ansi = [
            b"Schl\xfcssel \x96 \x84hier\x93:\r\n".as_slice(),
            KEY.as_bytes(),
        ]
        .concat();
        for (bytes, sure) in [
            (wide(u16::to_le_bytes), true),
            (wide(u16::to_be_bytes), true),
            (text.clone().into_bytes(), true),
            (ansi, false),
        ] {
            let text = Text::of(&bytes);
            let (first, certain) = text.first_line();
            assert_eq!((text.keys().len(), certain), (1, sure));
            assert!(first.is_same(&Password::new("Schlüssel – „hier“:".into())));
        }
        let many: String = (10..99)
            .map(|n| format!("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-00{n}\n"))
            .collect();
        assert_eq!(Text::of(many.as_bytes()).keys().len(), MOST_KEYS + 1);
    }
}
