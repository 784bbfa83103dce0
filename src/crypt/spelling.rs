//! The same password as other people, keyboards and editors would have written it.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::Password;

/// The number of groups in a key that Home Assistant generates, and of capital letters and digits
/// in each group (Core, `backup/config.py`, and securetar's `XXXX-XXXX-…`), with a dash between
/// groups.
const GROUPS: usize = 7;
const GROUP: usize = 4;

/// Composing and decomposing make UTF-8 at most three times as long (UAX #15, "expansion factor").
/// The buffer is never reallocated, so no copy of a secret stays in memory.
const EXPANSION: usize = 3;

impl Password {
    /// The key in Home Assistant's own format that a text contains: in capital letters, with a dash
    /// between groups, whatever separated them. `None` if the text is not such a key.
    pub fn automatic(text: &str) -> Option<Self> {
        let mut key = Zeroizing::new(String::with_capacity(GROUPS * (GROUP + 1)));
        let mut count = 0;
        for c in text.chars().filter(|&c| !is_between(c)) {
            if !c.is_ascii_alphanumeric() || count == GROUPS * GROUP {
                return None;
            }
            if count > 0 && count % GROUP == 0 {
                key.push('-');
            }
            key.push(c.to_ascii_uppercase());
            count += 1;
        }
        (count == GROUPS * GROUP).then_some(Self(key))
    }

    /// The same password in Unicode normalisation form C (UAX #15), if that differs.
    pub fn nfc(&self) -> Option<Self> {
        self.mapped(|text, out| out.extend(text.nfc()))
    }

    /// The same password in Unicode normalisation form D, if that differs.
    pub fn nfd(&self) -> Option<Self> {
        self.mapped(|text, out| out.extend(text.nfd()))
    }

    /// The same password without the invisible spaces, line ends and marks around it, if that
    /// differs.
    pub fn trimmed(&self) -> Option<Self> {
        self.without(is_unseen)
    }

    /// Other passwords that the user may have meant, the most likely first: without surrounding
    /// characters, including quotation marks; in both normal forms, because one keyboard composes
    /// letters and another does not; and as a key in Home Assistant's own format. At most nine, all
    /// different and none of them the password itself.
    pub fn other_spellings(&self) -> Vec<Self> {
        let bare = self.without(|c| is_unseen(c) || is_quote(c));
        let bases: Vec<Self> = std::iter::once(self.clone())
            .chain(self.trimmed())
            .chain(bare)
            .collect();
        let forms = bases
            .iter()
            .flat_map(|base| base.nfc().into_iter().chain(base.nfd()));
        let key = bases.last().and_then(|bare| Self::automatic(&bare.0));
        let mut found: Vec<Self> = Vec::new();
        for other in bases.iter().skip(1).cloned().chain(key).chain(forms) {
            if !other.is_same(self) && !found.iter().any(|known| known.is_same(&other)) {
                found.push(other);
            }
        }
        found
    }

    /// The password for a new backup: without invisible characters around it and, if it is a key in
    /// Home Assistant's own format, in the spelling of the emergency kit.
    #[must_use]
    pub fn for_new_backup(self) -> Self {
        Self::automatic(&self.0)
            .or_else(|| self.trimmed())
            .unwrap_or(self)
    }

    /// True if both passwords are equal, character for character.
    pub fn is_same(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }

    fn mapped(&self, map: impl FnOnce(&str, &mut String)) -> Option<Self> {
        let mut text = Zeroizing::new(String::with_capacity(
            self.0.len().saturating_mul(EXPANSION),
        ));
        map(&self.0, &mut text);
        (*text != *self.0).then_some(Self(text))
    }

    fn without(&self, around: impl Fn(char) -> bool) -> Option<Self> {
        let text = self.0.trim_matches(around);
        (!text.is_empty() && text.len() < self.0.len()).then(|| Self::new(text.to_owned()))
    }
}

/// Spaces, line ends, byte order marks, soft hyphens, and marks without width.
fn is_unseen(c: char) -> bool {
    let marks = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    marks || c.is_whitespace() || c.is_control()
}

fn is_quote(c: char) -> bool {
    matches!(
        c,
        '"' | '\'' | '`' | '´' | '«' | '»' | '‹' | '›' | '\u{2018}'
            ..='\u{201f}' | '「' | '」' | '\u{ff02}' | '\u{ff07}'
    )
}

/// The characters that replace a dash in typeset, typed or scanned text.
pub fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '_' | '\u{ad}' | '\u{2010}'
            ..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// Characters allowed between the letters of a key, or around it.
fn is_between(c: char) -> bool {
    is_dash(c)
        || is_unseen(c)
        || is_quote(c)
        || matches!(c, '.' | ',' | ':' | '/' | '|' | '·' | '•')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-1234";

    fn password(text: &str) -> Password {
        Password::new(text.into())
    }

    fn meant(text: &str) -> Vec<String> {
        password(text)
            .other_spellings()
            .iter()
            .map(|p| p.0.to_string())
            .collect()
    }

    /// Report 118.
    #[test]
    fn a_key_is_recognised_however_it_was_typed() {
        for text in [
            "aaaa-bbbb-cccc-dddd-eeee-ffff-1234",
            "AAAABBBBCCCCDDDDEEEEFFFF1234",
            "aaaa bbbb cccc dddd eeee ffff 1234",
            "AAAA\u{2013}BBBB\u{2013}CCCC\u{2013}DDDD\u{2013}EEEE\u{2013}FFFF\u{2013}1234",
            "AAAA\u{2011}BBBB\u{2212}CCCC_DDDD.EEEE  FFFF\u{200b}1234",
            "\u{feff}\u{201c}AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-1234\u{201d}\r\n",
        ] {
            assert!(meant(text).contains(&KEY.to_owned()), "{text}");
        }
        for text in [
            "",
            KEY,
            "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF",
            "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-12345",
            "ÄAAA-BBBB-CCCC-DDDD-EEEE-FFFF-1234",
        ] {
            assert!(!meant(text).contains(&KEY.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_stands_around_a_password_is_left_out_step_by_step() {
        assert_eq!(meant("\"two words\" "), ["\"two words\"", "two words"]);
        assert_eq!(meant("\u{feff}secret\u{200b}"), ["secret"]);
        assert_eq!(meant("secret"), [""; 0]);
        assert_eq!(meant("\"\""), [""; 0]);
    }

    #[test]
    fn both_normal_forms_are_meant() {
        assert_eq!(meant("Schl\u{fc}ssel"), ["Schlu\u{308}ssel"]);
        assert_eq!(meant("Schlu\u{308}ssel"), ["Schl\u{fc}ssel"]);
        assert_eq!(meant("'\u{fc}'"), ["\u{fc}", "'u\u{308}'", "u\u{308}"]);
    }

    #[test]
    fn there_are_never_more_than_nine_and_none_twice() {
        for text in [
            " \"\u{fc}\u{1e69}s\u{323}\u{307}u\u{308}\" ",
            " ' aaaabbbbccccddddeeeeffff1234 ' ",
            "\u{212b} \u{feff}\"\u{212b}\"",
        ] {
            let mut found = meant(text);
            let count = found.len();
            assert!(
                (1..=9).contains(&count) && !found.contains(&text.to_owned()),
                "{found:?}"
            );
            found.sort();
            found.dedup();
            assert_eq!(found.len(), count);
        }
    }
}
