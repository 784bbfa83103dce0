//! Bars and shortened names, for lines of a fixed width. The screen replaces what is not ASCII
//! where that cannot be shown.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A bar of `width` columns of which the share `bytes` of `whole` is filled. Anything above nothing
/// fills at least nothing, and only the whole fills everything.
pub fn bar(bytes: u64, whole: u64, width: usize) -> String {
    let filled = u128::from(bytes.min(whole)) * width as u128 / u128::from(whole.max(1));
    let filled = usize::try_from(filled).unwrap_or(width).min(width);
    "█".repeat(filled) + &"░".repeat(width - filled)
}

/// A name of at most `width` columns: what does not fit is left out of the middle, because both the
/// beginning and the end of a name tell names apart. Names are not shortened to fewer than five
/// columns, nor without a width.
pub fn shorten(name: &str, width: Option<usize>) -> String {
    let Some(width) = width.map(|width| width.max(5)) else {
        return name.to_owned();
    };
    if name.width() <= width {
        return name.to_owned();
    }
    let room = width - 1;
    let head = fitting(name.chars(), room / 2);
    let tail: String = fitting(name.chars().rev(), room - head.width());
    head + "…" + &tail.chars().rev().collect::<String>()
}

/// The first characters that fit into `room` columns.
fn fitting(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect()
}

/// A text followed by spaces up to `width` columns.
pub fn left(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// A text after spaces, up to `width` columns.
pub fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_only_for_the_whole() {
        assert_eq!(bar(0, 10, 4), "░░░░");
        assert_eq!(bar(5, 10, 4), "██░░");
        assert_eq!(bar(9, 10, 4), "███░");
        assert_eq!(bar(10, 10, 4), "████");
        assert_eq!(bar(u64::MAX, u64::MAX, 3), "███");
        assert_eq!(bar(1, 0, 3), "░░░");
    }

    #[test]
    fn a_long_name_keeps_its_beginning_and_its_end() {
        let name = "Automatic_backup_2026.11.0_2026-11-28_05.00_00001234.tar";
        assert_eq!(shorten(name, Some(20)), "Automatic…001234.tar");
        assert_eq!(shorten(name, None), name);
        assert_eq!(shorten("short", Some(5)), "short");
        assert_eq!(shorten("日本語の名前", Some(8)), "日…名前");
        for width in 0..70 {
            assert!(shorten(name, Some(width)).width() <= width.max(5));
        }
    }

    #[test]
    fn columns_count_what_a_terminal_shows() {
        assert_eq!(left("日本", 6), "日本  ");
        assert_eq!(right("9 %", 4), " 9 %");
        assert_eq!(left("longer", 3), "longer");
    }
}
