//! Characters that are invisible, or that change how other characters are displayed.

/// All characters that Unicode classes as control (Cc), format (Cf), private use (Co), line or
/// paragraph separator (Zl, Zp), `Default_Ignorable_Code_Point`, `Bidi_Control` or
/// `Noncharacter_Code_Point`, in order, as the first and last of each range. Unicode 16.0 and 17.0
/// agree on them (`DerivedGeneralCategory.txt`, `DerivedCoreProperties.txt` and `PropList.txt` of
/// the Unicode Character Database).
///
/// Characters that Unicode may assign to these classes later are not listed, unless they are
/// already ignorable: a letter or picture newer than this list is printed unchanged.
const RANGES: [(char, char); 43] = [
    ('\0', '\u{1f}'),
    ('\u{7f}', '\u{9f}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{e000}', '\u{f8ff}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{1fffe}', '\u{1ffff}'),
    ('\u{2fffe}', '\u{2ffff}'),
    ('\u{3fffe}', '\u{3ffff}'),
    ('\u{4fffe}', '\u{4ffff}'),
    ('\u{5fffe}', '\u{5ffff}'),
    ('\u{6fffe}', '\u{6ffff}'),
    ('\u{7fffe}', '\u{7ffff}'),
    ('\u{8fffe}', '\u{8ffff}'),
    ('\u{9fffe}', '\u{9ffff}'),
    ('\u{afffe}', '\u{affff}'),
    ('\u{bfffe}', '\u{bffff}'),
    ('\u{cfffe}', '\u{cffff}'),
    ('\u{dfffe}', '\u{e0fff}'),
    ('\u{efffe}', '\u{10ffff}'),
];

/// True for a character that makes a printed name misleading: one that a terminal interprets, or
/// one that hides or reorders the characters next to it (UAX #9, UTS #39).
///
/// This includes the joiners and variation selectors inside emoji, because they cannot be
/// distinguished from the same characters used to deceive. Such an emoji is shown in its pieces.
pub fn is_unsafe(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    let next = RANGES.partition_point(|&(first, _)| first <= c);
    next.checked_sub(1)
        .and_then(|at| RANGES.get(at))
        .is_some_and(|&(_, last)| c <= last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unsafe_is_what_unicode_calls_so() {
        let pattern = r"[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Noncharacter_Code_Point}]";
        let parsed = regex_syntax::parse(pattern).unwrap();
        let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) =
            parsed.kind()
        else {
            panic!("{parsed:?}")
        };
        let expected: Vec<(char, char)> = class
            .iter()
            .map(|range| (range.start(), range.end()))
            .collect();
        assert_eq!(RANGES.to_vec(), expected);
        let is_expected = |c: char| {
            expected
                .iter()
                .any(|&(first, last)| (first..=last).contains(&c))
        };
        let wrong = ('\0'..=char::MAX).find(|&c| is_unsafe(c) != is_expected(c));
        assert_eq!(wrong, None);
    }

    #[test]
    fn letters_signs_and_pictures_of_all_kinds_are_safe() {
        for text in [
            "Küche/日本語_한국어-Ελληνικά (1).jpg",
            "שלום عربي हिन्दी",
            "😀 ✓ → ░█ ½ e\u{301}",
            "a\u{a0}b",
        ] {
            assert_eq!(text.chars().find(|&c| is_unsafe(c)), None, "{text}");
        }
    }
}
