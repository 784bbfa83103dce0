//! Globs over names as stored in a backup: bytes, with `/` between folders, on every system. A
//! backslash is part of a name like any other byte.
//!
//! The syntax is that of the `globset` crate. Its matcher is not used, because on some systems it
//! treats a backslash in a name as a separator.

use globset::GlobBuilder;
use regex::bytes::{Regex, RegexBuilder};

/// The maximum size of a compiled glob, in bytes. Larger ones are refused.
const COMPILED: usize = 10 << 20;

/// The characters that a backslash escapes. Before any other character it is literal.
const SPECIAL: [char; 9] = ['*', '?', '[', ']', '{', '}', ',', '!', '\\'];

/// A compiled glob for whole names, or for paths and everything below what it matches.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    text: String,
    literal: bool,
    regex: Regex,
}

impl Pattern {
    /// Compiles a glob for names. Matching is case-sensitive, `*` and `?` stay inside one name, and
    /// `**` also matches no folder at all. A backslash before a special character makes it literal;
    /// any other backslash is literal itself, as in the names.
    ///
    /// # Errors
    /// What is wrong with the glob.
    pub fn of_names(text: &str) -> Result<Self, String> {
        Self::compiled(text, "")
    }

    /// Compiles a glob for paths. Everything below a match is matched too.
    ///
    /// # Errors
    /// What is wrong with the glob.
    pub fn of_paths(text: &str) -> Result<Self, String> {
        Self::compiled(text, "(?:/.*)?")
    }

    fn compiled(text: &str, rest: &str) -> Result<Self, String> {
        let glob = GlobBuilder::new(&escaped(text))
            .literal_separator(true)
            .backslash_escape(true)
            .build();
        let glob = glob.map_err(|e| e.kind().to_string())?;
        let body = glob.regex();
        let body = body.strip_prefix("(?-u)").unwrap_or(body);
        let body = body.strip_prefix('^').unwrap_or(body);
        let body = body.strip_suffix('$').unwrap_or(body);
        let pattern = format!("^(?:{body}){rest}$");
        let built = RegexBuilder::new(&pattern)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(COMPILED)
            .build();
        let regex = built.map_err(|_| "the pattern is too large".to_owned())?;
        Ok(Self {
            literal: is_literal(text),
            text: text.to_owned(),
            regex,
        })
    }

    /// The glob that matches exactly this name.
    pub fn literal_text(name: &str) -> String {
        // The `globset` crate does not escape backslashes.
        globset::escape(name).replace('\\', "\\\\")
    }

    /// The original text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if it matches only one name: any wildcards are escaped.
    pub fn is_literal(&self) -> bool {
        self.literal
    }

    /// True for `X/**`, `X/**/*` and `X/*` if the name of the folder X has no wildcards.
    pub fn is_all_of_a_folder(&self) -> bool {
        let folder = ["/**/*", "/**", "/*"]
            .iter()
            .find_map(|all| self.text.strip_suffix(all));
        folder.is_some_and(|folder| !folder.is_empty() && is_literal(folder))
    }

    /// Its regular expression.
    pub fn regex(&self) -> &str {
        self.regex.as_str()
    }

    /// Whether it matches a name or a path. The time grows with the length of the name or path.
    pub fn is_match(&self, name: &[u8]) -> bool {
        self.regex.is_match(name)
    }
}

/// The pieces of a glob, as far as this module distinguishes them.
enum Piece<'a> {
    /// A literal character, as written.
    Plain(char),
    /// A backslash and the character after it.
    Escape(char),
    /// `[...]`, or the rest of the text if the bracket is not closed.
    Class(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let behind = rest.get(first.len_utf8()..).unwrap_or_default();
        let next = behind.chars().next();
        let (piece, used) = match (first, next) {
            ('\\', Some(sign)) if SPECIAL.contains(&sign) => {
                (Piece::Escape(sign), 1 + sign.len_utf8())
            }
            ('[', _) => {
                let class = rest.get(..class_end(rest)).unwrap_or(rest);
                (Piece::Class(class), class.len())
            }
            _ => (Piece::Plain(first), first.len_utf8()),
        };
        rest = rest.get(used..).unwrap_or_default();
        Some(piece)
    })
}

/// The end of the class at the start of the text. A bracket directly after its start is a member.
fn class_end(text: &str) -> usize {
    let inside = text.get(1..).unwrap_or_default();
    let skipped = usize::from(inside.starts_with(['!', '^']));
    let inside = inside.get(skipped..).unwrap_or_default();
    let mut named = false;
    let mut last = '[';
    for (at, sign) in inside.char_indices() {
        match sign {
            // POSIX names in a class: `[[:digit:]]`.
            ':' if last == '[' => named = true,
            ']' if named && last == ':' => named = false,
            ']' if !named && at > 0 => return 1 + skipped + at + 1,
            _ => {}
        }
        last = sign;
    }
    text.len()
}

/// The glob with every literal backslash doubled.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain('\\') => escaped.push_str("\\\\"),
            Piece::Plain(sign) => escaped.push(sign),
            Piece::Escape(sign) => escaped.extend(['\\', sign]),
            Piece::Class(class) => escaped.push_str(class),
        }
    }
    escaped
}

fn is_literal(text: &str) -> bool {
    // Braces around a single alternative have no effect.
    let braces = text.contains(['{', '}']);
    pieces(text).all(|piece| match piece {
        Piece::Plain('*' | '?') => false,
        Piece::Plain(',') => !braces,
        Piece::Plain(_) | Piece::Escape(_) => true,
        Piece::Class(class) => {
            class.chars().count() == 3
                && class.ends_with(']')
                && !class.starts_with("[!")
                && !class.starts_with("[^")
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::of_paths(text).unwrap()
    }

    #[test]
    fn a_backslash_in_a_name_is_no_separator() {
        // Report 11, `backslash_names`.
        let name = b"samba\\deep\\precious.bin";
        for takes in [
            "samba\\deep\\precious.bin",
            "samba\\\\deep\\\\precious.bin",
            "samba*",
            "*.bin",
            "samba[\\]deep*",
        ] {
            assert!(pattern(takes).is_match(name), "{takes}");
        }
        for spares in [
            "samba/**",
            "samba",
            "samba/*",
            "samba/deep/precious.bin",
            "sambadeepprecious.bin",
            "samba\\**\\x",
        ] {
            assert!(!pattern(spares).is_match(name), "{spares}");
        }
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_what_has_one() {
        for (text, name) in [
            ("a\\*b", "a*b"),
            ("a\\?b", "a?b"),
            ("\\[a]", "[a]"),
            ("a\\{b,c\\}", "a{b,c}"),
            ("a\\", "a\\"),
            ("a\\\\", "a\\"),
        ] {
            assert!(pattern(text).is_match(name.as_bytes()), "{text} {name}");
        }
        assert!(!pattern("a\\*b").is_match(b"a\\xb"));
    }

    #[test]
    fn what_lies_below_a_match_is_taken_too() {
        for (text, path, takes) in [
            ("a", "a", true),
            ("a", "a/b/c", true),
            ("a", "ab", false),
            ("a/*", "a/b/c", true),
            ("a/**", "a", false),
            ("**/b", "a/b/c", true),
            ("**", "a/b", true),
            ("a", "a\n/b", false),
            ("a?", "a\n/b", true),
        ] {
            assert_eq!(
                pattern(text).is_match(path.as_bytes()),
                takes,
                "{text} {path}"
            );
        }
    }

    #[test]
    fn what_matches_one_name_only_is_literal() {
        for text in ["a/b.txt", "a\\b", "a[[]1[]]", "a\\*", "a{ }", "a[ ]"] {
            assert!(pattern(text).is_literal(), "{text}");
        }
        for text in [
            "a*",
            "a?",
            "a[bc]",
            "a[!b]",
            "{a,b}",
            "[a-c]",
            "[[:digit:]]",
        ] {
            assert!(!pattern(text).is_literal(), "{text}");
        }
    }

    #[test]
    fn a_folder_is_named_in_full_only_without_wildcards_in_its_name() {
        for text in ["www/**", "www/*", "www/**/*", "a/b/**", "a\\*/**"] {
            assert!(pattern(text).is_all_of_a_folder(), "{text}");
        }
        for text in [
            "**",
            "*",
            "**/*",
            "www*/**",
            "*/www/**",
            "www/*.yaml",
            "www/**/*.js",
            "www",
            "{a,b}/**",
        ] {
            assert!(!pattern(text).is_all_of_a_folder(), "{text}");
        }
    }
}
