//! What was done, in one line: for logs and mails.

use haslim::job::Published;
use haslim::report::words;
use haslim::size;

use super::escaped_path;
use crate::cli::session::Session;

/// Prints the result of writing a copy as the last line, off a terminal:
/// `backup.slim.tar: 4.95 GB (−12 %), verified`.
pub fn of_copy(session: &Session, original: u64, copy: &Published, verified: bool) {
    if !session.screen.is_terminal() {
        session.screen.as_is(&line(
            &escaped_path(&copy.path),
            original,
            copy.size,
            verified,
        ));
    }
}

fn line(path: &str, original: u64, copy: u64, verified: bool) -> String {
    let verified = if verified { "verified" } else { "NOT VERIFIED" };
    let change = words::change(original, copy);
    format!("{path}: {} ({change}), {verified}", size::short(copy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_file_its_size_and_the_saving() {
        assert_eq!(
            line("b.slim.tar", 5_651_000_000, 4_950_000_000, true),
            "b.slim.tar: 4.95 GB (−12 %), verified"
        );
        assert!(line("b", 2, 1, false).ends_with("NOT VERIFIED"));
    }
}
