//! Text that fits the terminal: broken between words, and only where somebody sees it.

use std::os::fd::AsFd;

/// A terminal narrower than this is left to break lines itself.
const NARROW: usize = 20;

/// The columns of a terminal; `None` for what is no terminal.
pub fn width(stream: impl AsFd) -> Option<usize> {
    // An error says that it is none.
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns >= NARROW)
}

/// Breaks the lines of a text where they are longer than `width`. What follows a break is
/// indented as its line is. A word that is longer than a line stays whole, to be copied.
pub fn wrap(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        wrap_line(line, width, &mut out);
    }
    out
}

fn wrap_line(line: &str, width: usize, out: &mut String) {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let (mut column, mut begun) = (0, false);
    let words: Vec<&str> = line.split(' ').collect();
    for (number, word) in words.iter().enumerate() {
        let length = columns(word);
        let unit = words
            .get(number + 1)
            .filter(|next| are_one(word, next))
            .map_or(0, |next| 1 + columns(next));
        let in_one = number
            .checked_sub(1)
            .and_then(|before| words.get(before))
            .is_some_and(|before| are_one(before, word));
        if begun && length > 0 && !in_one && column + 1 + length + unit > width {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if number > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        begun |= length > 0;
    }
}

/// A number and its unit stay together.
fn are_one(number: &str, unit: &str) -> bool {
    let unit = unit.trim_matches(|c: char| !c.is_alphanumeric() && c != '%');
    number.ends_with(|c: char| c.is_ascii_digit())
        && matches!(
            unit,
            "B" | "kB"
                | "MB"
                | "GB"
                | "TB"
                | "KiB"
                | "MiB"
                | "GiB"
                | "TiB"
                | "%"
                | "bytes"
                | "file"
                | "files"
        )
}

/// The columns that a word takes; what sets colours takes none.
fn columns(word: &str) -> usize {
    let (mut count, mut hidden) = (0, false);
    for c in word.chars() {
        match c {
            '\x1b' => hidden = true,
            'm' if hidden => hidden = false,
            _ => count += usize::from(!hidden),
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_between_words_and_keeps_its_indentation() {
        assert_eq!(
            wrap("  Lost: all of it. For good.", Some(14)),
            "  Lost: all of\n  it. For\n  good."
        );
        assert_eq!(
            wrap("one two\n\nthree four", Some(8)),
            "one two\n\nthree\nfour"
        );
        assert_eq!(wrap("just fits", Some(9)), "just fits");
    }

    #[test]
    fn a_word_stays_whole_and_nothing_is_lost() {
        assert_eq!(
            wrap("see media:frigate/recordings now", Some(10)),
            "see\nmedia:frigate/recordings\nnow"
        );
        for text in [
            "",
            " ",
            "Write it? [y]es, [N]o: ",
            "\nNow:      2.24 MB  x",
            "   ",
        ] {
            assert_eq!(wrap(text, None), text);
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(&wrap(text, Some(5))), words(text));
        }
        assert!(
            wrap("Write it? [y]es, [N]o: ", Some(12)).ends_with("[N]o: "),
            "the answer stands beside the question"
        );
    }

    #[test]
    fn a_number_keeps_its_unit() {
        assert_eq!(
            wrap("with 1.32 MB, 4 files", Some(10)),
            "with\n1.32 MB,\n4 files"
        );
        assert_eq!(
            wrap("over 5.00 GB (4.66 GiB).", Some(15)),
            "over 5.00 GB\n(4.66 GiB)."
        );
    }

    #[test]
    fn colours_take_no_room() {
        let red = "\x1b[1;31mred words\x1b[0m here";
        assert_eq!(wrap(red, Some(14)), red);
        assert_eq!(wrap(red, Some(13)), "\x1b[1;31mred words\x1b[0m\nhere");
    }
}
