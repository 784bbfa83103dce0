//! Words of commands to paste, quoted for the shell that users of this system have.

use haslim::error::printable;

/// Quotes a word for a POSIX shell if necessary. Characters that are not printed as they are, such as
/// those that control a terminal, are written as their bytes: `$'\x1b'` (POSIX.1-2024 §2.2.4).
#[cfg(any(unix, test))]
pub fn posix(word: &str) -> String {
    if word.chars().any(is_unprintable) {
        let quoted: String = word.chars().map(in_dollar_quotes).collect();
        return format!("$'{quoted}'");
    }
    if is_plain(word, "/._-:=@%+,") {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(any(unix, test))]
fn in_dollar_quotes(c: char) -> String {
    match c {
        '\'' | '\\' => format!("\\{c}"),
        _ if is_unprintable(c) => {
            let bytes = c.to_string().into_bytes();
            bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
        }
        _ => c.to_string(),
    }
}

/// Quotes a word for PowerShell if necessary (its help, `about_Quoting_Rules`). Characters that are
/// not printed as they are are written as their numbers, in a form that every version knows.
#[cfg(any(windows, test))]
pub fn powershell(word: &str) -> String {
    if word.chars().any(is_unprintable) {
        let quoted: String = word.chars().map(in_double_quotes).collect();
        return format!("\"{quoted}\"");
    }
    if is_plain(word, "/\\._-:=+") {
        word.into()
    } else {
        // PowerShell takes these quotes for the plain one too.
        let doubled = |c: char| match c {
            '\'' | '\u{2018}'..='\u{201b}' => vec![c, c],
            c => vec![c],
        };
        format!("'{}'", word.chars().flat_map(doubled).collect::<String>())
    }
}

#[cfg(any(windows, test))]
fn in_double_quotes(c: char) -> String {
    match c {
        '"' | '$' | '`' | '\u{201c}'..='\u{201e}' => format!("`{c}"),
        _ if is_unprintable(c) => format!("$([char]::ConvertFromUtf32({}))", u32::from(c)),
        _ => c.to_string(),
    }
}

/// Whether a shell takes a word as it is: letters, digits, and these characters.
fn is_plain(word: &str, others: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    !word.is_empty() && word.chars().all(plain)
}

fn is_unprintable(c: char) -> bool {
    c == '\n' || printable(c.encode_utf8(&mut [0; 4])) != c.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_control_a_terminal_are_pasted_as_their_bytes() {
        assert_eq!(posix("a\u{1b}[31m'\\\n"), "$'a\\x1b[31m\\'\\\\\\x0a'");
        assert_eq!(posix("\u{202e}"), "$'\\xe2\\x80\\xae'");
        assert_eq!(printable(&posix("a\u{1b}\r")), posix("a\u{1b}\r"));
        assert_eq!(
            powershell("$a\u{1b}`\""),
            "\"`$a$([char]::ConvertFromUtf32(27))```\"\""
        );
    }

    #[test]
    fn words_are_quoted_only_when_the_shell_would_change_them() {
        for quoted in [posix, powershell] {
            assert_eq!(quoted("addon:core_mariadb"), "addon:core_mariadb");
            assert_eq!(quoted("media:a b/**"), "'media:a b/**'");
            assert_eq!(quoted(""), "''");
        }
        assert_eq!(posix("it's"), "'it'\\''s'");
        assert_eq!(powershell("it's"), "'it''s'");
        assert_eq!(powershell("it\u{2019}s a"), "'it\u{2019}\u{2019}s a'");
        assert_eq!(posix("a,b"), "a,b");
        assert_eq!(powershell("a,b"), "'a,b'", "a list in PowerShell");
        assert_eq!(powershell(r"C:\Users\me\a.tar"), r"C:\Users\me\a.tar");
        assert_eq!(powershell("@a"), "'@a'");
    }
}
