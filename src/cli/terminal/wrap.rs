//! Text that fits the terminal: wrapped between words, and only on a terminal.

use haslim::sys::AsStream;
use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// On a terminal narrower than this, lines are not wrapped here.
const NARROW: usize = 20;

/// The number of columns that a line may have: the variable `COLUMNS`, else the width of the
/// terminal; `None` if neither says it, as in a pipe.
pub fn width(stream: impl AsStream) -> Option<usize> {
    let variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    let terminal = || Some(usize::from(terminal_size::terminal_size_of(stream)?.0.0));
    let wanted = |&columns: &usize| columns >= NARROW;
    variable()
        .filter(wanted)
        .or_else(|| terminal().filter(wanted))
}

/// Wraps the lines of a text that are longer than `width`. Continuation lines are indented like
/// their line. A word longer than a line stays whole, so that it can be copied, and a number stays
/// with its unit.
pub fn wrap(text: &str, width: Option<usize>) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| wrap_line(line, width))
        .collect();
    lines.join("\n")
}

/// Spaces at the end are kept, because an answer is typed after them.
fn wrap_line(line: &str, width: usize) -> String {
    let words = line.trim_start_matches(' ');
    let (indent, _) = line.split_at(line.len() - words.len());
    let (words, end) = words.split_at(words.trim_end_matches(' ').len());
    if words.is_empty() {
        return line.to_owned();
    }
    let options = Options::new(width)
        .initial_indent(indent)
        .subsequent_indent(indent)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::Custom(words_and_amounts))
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    textwrap::fill(words, options) + end
}

/// The words of a line; a number with its unit counts as one.
fn words_and_amounts(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut words = WordSeparator::AsciiSpace.find_words(line).peekable();
    let mut begin = 0;
    Box::new(std::iter::from_fn(move || {
        let mut last = words.next()?;
        let mut end = begin + last.len() + last.whitespace.len();
        while last.whitespace.len() == 1
            && let Some(unit) = words.next_if(|next| are_one(&last, next))
        {
            end += unit.len() + unit.whitespace.len();
            last = unit;
        }
        let word = line.get(begin..end).map(Word::from);
        begin = end;
        word
    }))
}

/// Whether the two are a number and its unit.
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
