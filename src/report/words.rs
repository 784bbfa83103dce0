//! Sentences that several commands use.

use crate::error::{Error, printable};
use crate::open::Part;
use crate::plan::{Action, Encryption, PartPlan, Plan};
use crate::report::terms::Terms;
use crate::size;

/// The end of every message about a run that should have written an output and did not.
pub const UNCHANGED: &str = "No file was written; the original is unchanged.";

/// An error for its reader: what happened, where, and the next step.
pub fn error(error: &Error, terms: &dyn Terms) -> String {
    told(error, error.to_string(), terms)
}

/// The same, with the byte offset in the input if it is known: for those who examine the file.
pub fn error_in_detail(error: &Error, terms: &dyn Terms) -> String {
    let at = error.offset().map(|at| format!(" (at byte {at})"));
    let text = format!("{error}{}", at.unwrap_or_default());
    told(error, text, terms)
}

fn told(error: &Error, mut text: String, terms: &dyn Terms) -> String {
    if !text.ends_with('.') {
        text.push('.');
    }
    if let Some(step) = error.next_step() {
        text.push(' ');
        text.push_str(&terms.advice(step));
    }
    // It contains file paths and messages from the system that are not escaped yet.
    printable(&text)
}

/// How a size compares with the limit: `6.50 GB, 1.50 GB over the limit of 5.00 GB`.
pub fn against_limit_in_short(bytes: u64, limit: u64) -> String {
    stand(bytes, limit, size::short, size::short)
}

fn stand(bytes: u64, limit: u64, size: fn(u64) -> String, apart: fn(u64) -> String) -> String {
    let side = if bytes > limit { "over" } else { "under" };
    format!(
        "{}, {} {side} the limit of {}",
        size(bytes),
        apart(bytes.abs_diff(limit)),
        size(limit)
    )
}

/// The same in detail: `6.50 GB (6.05 GiB), 1.50 GB over the limit of 5.00 GB`.
pub fn against_limit(bytes: u64, limit: u64) -> String {
    stand(bytes, limit, size::both, size::decimal)
}

/// A share of the limit in percent.
pub fn share(bytes: u64, limit: u64) -> String {
    let percent = bytes as f64 * 100.0 / limit.max(1) as f64;
    if bytes > 0 && percent < 0.1 {
        "<0.1 %".into()
    } else {
        format!("{percent:.1} %")
    }
}

/// How much smaller a copy is: `−12 %`. A copy that is not smaller: `+1 %`.
pub fn change(before: u64, after: u64) -> String {
    if after <= before {
        format!("−{}", size::percent(before - after, before))
    } else {
        format!("+{}", size::percent(after - before, before))
    }
}

/// A number of files: `1 file`, `12 files`.
pub fn files(count: u64) -> String {
    if count == 1 {
        "1 file".into()
    } else {
        format!("{count} files")
    }
}

/// How long something takes, roughly: `about 12 s`, `about 3 min`.
pub fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        "less than 1 s".into()
    } else if seconds < 99.5 {
        format!("about {seconds:.0} s")
    } else {
        format!("about {:.0} min", seconds / 60.0)
    }
}

/// What happens to a part, in one or two words. Rewritten parts get the encryption of `target`.
pub fn action(part: &Part, planned: &PartPlan, target: &Encryption) -> &'static str {
    let rewrapped = match (target, part.version()) {
        (Encryption::Plain, None) => "kept, rewritten",
        (Encryption::Plain, Some(_)) => "kept, decrypted",
        (_, None) => "kept, encrypted",
        (_, Some(_)) => "kept, re-encrypted",
    };
    let is_compressed = planned.form.compressed && !part.compressed;
    match &planned.action {
        Action::Rewrite if is_compressed => "kept, compressed",
        Action::Edit(_) if is_compressed => "partly dropped, compressed",
        Action::Copy => "kept",
        Action::Drop => "dropped",
        Action::Reencrypt | Action::Rewrite => rewrapped,
        Action::Edit(_) => "partly dropped",
    }
}

/// By how many bytes a plan misses its limit.
pub fn shortfall(plan: &Plan) -> u64 {
    plan.predicted_size.saturating_sub(plan.limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::options::Options;

    #[test]
    fn both_sides_of_the_limit_are_named() {
        assert!(
            against_limit(6_500_000_000, 5_000_000_000)
                .contains("1.50 GB over the limit of 5.00 GB (4.66 GiB)")
        );
        assert!(against_limit(5_000_000_000, 5_000_000_000).contains("0 B under"));
    }

    #[test]
    fn durations_are_rough() {
        let said = [0.2, 1.4, 99.0, 100.0, 3600.0].map(duration);
        let expected = [
            "less than 1 s",
            "about 1 s",
            "about 99 s",
            "about 2 min",
            "about 60 min",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn errors_end_with_the_next_step() {
        let cut = Error::damaged("cut short").in_part("media").at(512);
        for (text, begin) in [
            (error(&cut, &Options), "media: cut short. "),
            (
                error_in_detail(&cut, &Options),
                "media: cut short (at byte 512). ",
            ),
        ] {
            assert!(text.starts_with(begin), "{text}");
            assert!(text.ends_with("DownloadAgain"), "{text}");
        }
        let text = error(
            &Error::input(std::io::Error::other("no"), "cannot open a\u{1b}[2J.tar"),
            &Options,
        );
        assert!(
            text.starts_with("cannot open a\\u{1b}[2J.tar: no. "),
            "{text}"
        );
    }
}
