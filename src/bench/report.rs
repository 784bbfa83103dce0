//! The results: to be shown, stored, and compared with earlier ones.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Advice, Error, Kind, Result};
use crate::sys;

/// The version of the stored form. Keys are only ever added.
pub const SCHEMA: u32 = 1;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`] of the program that wrote it.
    pub schema: u32,
    /// The version of that program.
    pub version: String,
    /// The machine that ran it.
    pub machine: Machine,
    /// The backup that was measured.
    pub backup: Sample,
    /// The results of each stage.
    pub stages: Vec<Measure>,
    /// The results of the whole run, as the commands do it.
    pub whole: Vec<Measure>,
}

/// The relevant facts about the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name; empty if the system does not report it.
    pub processor: String,
    /// Threads that were used.
    pub threads: usize,
    /// The maximum memory that the program has used so far, in bytes; zero if the system does not
    /// report it.
    pub peak_memory: u64,
}

/// The backup, without anything that identifies its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Bytes of the file.
    pub size: u64,
    /// The SecureTar version, `None` if it is not encrypted.
    pub securetar: Option<u8>,
    /// How many parts it has.
    pub parts: u64,
    /// How many entries they contain.
    pub entries: u64,
    /// Bytes of the parts' tars.
    pub plaintext_bytes: u64,
}

/// One stage, or a whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// A stable name: `read`, `decrypt`, `inflate`, `walk`, `splice`, `deflate`, `encrypt`,
    /// `write`; `survey`, `rewrite`, `verify`.
    pub name: String,
    /// Threads that it could use.
    pub threads: usize,
    /// Bytes as they are stored, encrypted and compressed.
    pub stored_bytes: u64,
    /// The corresponding bytes of tar; zero if there are none.
    pub plaintext_bytes: u64,
    /// The time in seconds.
    pub seconds: f64,
}

impl Measure {
    /// A stage on one thread that has not begun.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            threads: 1,
            stored_bytes: 0,
            plaintext_bytes: 0,
            seconds: 0.0,
        }
    }

    pub(super) fn add(&mut self, stored: u64, plaintext: u64, time: Duration) {
        self.stored_bytes += stored;
        self.plaintext_bytes += plaintext;
        self.seconds += time.as_secs_f64();
    }

    /// Stored bytes per second.
    pub fn stored_rate(&self) -> f64 {
        rate(self.stored_bytes, self.seconds)
    }

    /// Bytes of plaintext per second.
    pub fn plaintext_rate(&self) -> f64 {
        rate(self.plaintext_bytes, self.seconds)
    }
}

/// A stage that is too short for the clock counts as a nanosecond.
fn rate(bytes: u64, seconds: f64) -> f64 {
    bytes as f64 / seconds.max(1e-9)
}

impl Report {
    pub(super) fn new(
        backup: Sample,
        threads: usize,
        stages: Vec<Measure>,
        whole: Vec<Measure>,
    ) -> Self {
        let machine = Machine {
            processor: sys::processor_name(),
            threads,
            peak_memory: sys::peak_memory(),
        };
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").into(),
            machine,
            backup,
            stages,
            whole,
        }
    }

    /// Reads a stored report.
    ///
    /// # Errors
    /// `Usage` if the text is not a report, or comes from a newer program.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let wrong = |what: String| Error::new(Kind::Usage, what).advice(Advice::GiveSavedBenchmark);
        let report: Self = serde_json::from_slice(text)
            .map_err(|e| wrong(format!("this is no kept result: {e}")))?;
        if report.schema > SCHEMA {
            return Err(wrong(format!(
                "this result has the schema {}, which is newer than this program",
                report.schema
            )));
        }
        Ok(report)
    }

    /// A stage's share of the time of all stages, from 0 to 1.
    pub fn share(&self, stage: &Measure) -> f64 {
        let all: f64 = self.stages.iter().map(|stage| stage.seconds).sum();
        stage.seconds / all.max(1e-9)
    }

    /// How many times as fast a measure is as the one with the same name in `earlier`.
    pub fn gain(measure: &Measure, earlier: &Self) -> Option<f64> {
        let before = earlier
            .stages
            .iter()
            .chain(&earlier.whole)
            .find(|m| m.name == measure.name)?;
        Some(measure.stored_rate() / before.stored_rate().max(1e-9))
    }

    /// Why the rates of two reports can only be compared with reservations.
    pub fn differences(&self, earlier: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.backup != earlier.backup {
            found.push("the earlier result is of another backup".to_owned());
        }
        if self.machine.processor != earlier.machine.processor {
            found.push("the earlier result is of another machine".to_owned());
        }
        if self.machine.threads != earlier.machine.threads {
            found.push(format!(
                "the earlier result is with {} threads, this one with {}",
                earlier.machine.threads, self.machine.threads
            ));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn report(seconds: f64) -> Report {
        let sample = Sample {
            size: 1000,
            securetar: Some(3),
            parts: 1,
            entries: 2,
            plaintext_bytes: 4000,
        };
        let measure = |name: &str| Measure {
            stored_bytes: 1000,
            plaintext_bytes: 4000,
            seconds,
            ..Measure::new(name)
        };
        Report::new(
            sample,
            2,
            vec![measure("read"), measure("inflate")],
            vec![measure("survey")],
        )
    }

    #[test]
    fn a_kept_report_is_the_same_when_read() {
        let report = report(0.123_456_789);
        assert_eq!(
            Report::parse(&serde_json::to_vec(&report).unwrap()).unwrap(),
            report
        );
    }

    #[test]
    fn what_is_no_report_or_a_newer_one_is_refused() {
        for text in [&b""[..], b"{}", b"[1]", b"{\"schema\":1}"] {
            assert_eq!(Report::parse(text).unwrap_err().kind(), Kind::Usage);
        }
        let newer = serde_json::to_vec(&Report {
            schema: SCHEMA + 1,
            ..report(1.0)
        })
        .unwrap();
        assert!(
            Report::parse(&newer)
                .unwrap_err()
                .message()
                .contains("newer")
        );
    }

    #[test]
    fn half_the_time_is_twice_as_fast() {
        let (now, earlier) = (report(1.0), report(2.0));
        let gain = Report::gain(&now.stages[0], &earlier).unwrap();
        assert!((gain - 2.0).abs() < 1e-9, "{gain}");
        assert!(Report::gain(&Measure::new("other"), &earlier).is_none());
    }

    #[test]
    fn shares_add_up_to_the_whole() {
        let report = report(3.0);
        let sum: f64 = report.stages.iter().map(|stage| report.share(stage)).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn a_result_of_something_else_is_told() {
        let (now, mut earlier) = (report(1.0), report(2.0));
        assert!(now.differences(&earlier).is_empty());
        earlier.backup.size += 1;
        earlier.machine.threads += 1;
        assert_eq!(now.differences(&earlier).len(), 2);
    }
}
