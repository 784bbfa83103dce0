//! Whether a backup can be sent to the cloud as it is.

use crate::open::Backup;
use crate::report::words;
use crate::size::{self, CLOUD_LIMIT, percent, short};

/// Home Assistant states sizes in hundredths of a GiB, which say nothing about smaller files.
const NAMED: u64 = 50_000_000;

/// The answer to the question whether a backup fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The size of the file in bytes.
    pub bytes: u64,
    /// The limit in bytes.
    pub limit: u64,
    /// Whether any part is encrypted.
    pub protected: bool,
}

impl Verdict {
    /// The verdict on a backup.
    pub fn of(backup: &Backup, limit: u64) -> Self {
        Self {
            bytes: backup.input.len(),
            limit,
            protected: backup.is_protected(),
        }
    }

    /// Whether the size is within the limit.
    pub fn fits(&self) -> bool {
        self.bytes <= self.limit
    }

    /// The answer in a few words: `TOO BIG for Home Assistant Cloud`, `FITS`.
    pub fn answer(&self) -> &'static str {
        match (self.fits(), self.protected) {
            (true, true) => "FITS",
            (true, false) => "FITS, BUT NOT ENCRYPTED",
            (false, _) if self.limit == CLOUD_LIMIT => "TOO BIG for Home Assistant Cloud",
            (false, _) => "TOO BIG",
        }
    }

    /// The size beside the limit: `5.65 GB, 651 MB over the limit of 5.00 GB`.
    pub fn sizes(&self) -> String {
        if !self.fits() {
            return words::against_limit_in_short(self.bytes, self.limit);
        }
        let (size, limit) = (short(self.bytes), short(self.limit));
        let share = percent(self.bytes, self.limit);
        format!("{size}, {share} of the limit of {limit}")
    }

    /// What else there is to know about the answer, a line each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if !self.fits() {
            let calls = if self.bytes > CLOUD_LIMIT {
                "Home Assistant's log calls it"
            } else {
                "Home Assistant would call it"
            };
            let binary = size::binary(self.bytes);
            remarks.push(if self.bytes < NAMED {
                format!("({binary})")
            } else {
                format!(
                    "({binary}; {calls} \"{}\")",
                    size::home_assistant(self.bytes)
                )
            });
        }
        if !self.protected {
            remarks.push(
                "Home Assistant Cloud accepts only encrypted backups; this one is not.".into(),
            );
        }
        remarks
    }

    /// The answer again, for the end.
    pub fn again(&self) -> String {
        let over = short(self.bytes.saturating_sub(self.limit));
        match (self.fits(), self.protected) {
            (true, true) => "FITS: nothing to do.".into(),
            (true, false) => "FITS, BUT NOT ENCRYPTED.".into(),
            (false, true) => format!("TOO BIG by {over}."),
            (false, false) => format!("TOO BIG by {over}, and not encrypted."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(bytes: u64, limit: u64, protected: bool) -> Verdict {
        Verdict {
            bytes,
            limit,
            protected,
        }
    }

    #[test]
    fn the_answer_names_the_size_and_the_limit_within_80_columns() {
        let big = verdict(5_651_000_000, CLOUD_LIMIT, true);
        let line = format!("{}: {}", big.answer(), big.sizes());
        assert_eq!(
            line,
            "TOO BIG for Home Assistant Cloud: 5.65 GB, 651 MB over the limit of 5.00 GB"
        );
        assert!(line.len() <= 80);
        assert_eq!(
            big.remarks(),
            ["(5.26 GiB; Home Assistant's log calls it \"5.26GB\")"]
        );
        assert_eq!(big.again(), "TOO BIG by 651 MB.");
    }

    #[test]
    fn a_backup_that_is_not_encrypted_is_never_simply_said_to_fit() {
        let plain = verdict(10, 100, false);
        assert_eq!(plain.answer(), "FITS, BUT NOT ENCRYPTED");
        assert_eq!(plain.sizes(), "10 B, 10 % of the limit of 100 B");
        assert!(plain.remarks().concat().contains("only encrypted backups"));
        assert!(plain.again().contains("NOT ENCRYPTED"));
        assert!(verdict(200, 100, false).again().contains("not encrypted"));
    }

    #[test]
    fn the_limit_itself_fits() {
        assert!(verdict(100, 100, true).fits() && !verdict(101, 100, true).fits());
        assert_eq!(verdict(100, 100, true).remarks(), [""; 0]);
    }
}
