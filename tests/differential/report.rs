//! Results of the cases.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The result of one case.
pub enum Outcome {
    /// Both readers saw the same.
    Same,
    /// haslim refuses it; the other reader refuses it too, or does not.
    Refused { both: bool },
    /// The readers saw different archives, and haslim did not refuse.
    Different(String),
}

/// Counts by outcome.
#[derive(Default)]
struct Counts {
    same: u64,
    refused_by_both: u64,
    refused_by_us: u64,
    different: u64,
}

/// The counts of a suite, in total and by oddity.
#[derive(Default)]
pub struct Report {
    all: Counts,
    by_oddity: BTreeMap<&'static str, Counts>,
}

/// How many differences are shown in full; the others are only counted and kept.
const SHOWN: u64 = 10;

impl Report {
    pub fn add(&mut self, label: &str, oddities: &[&'static str], bytes: &[u8], outcome: &Outcome) {
        let mut names = oddities.to_vec();
        names.sort_unstable();
        names.dedup();
        self.all.add(outcome);
        for name in names {
            self.by_oddity.entry(name).or_default().add(outcome);
        }
        if let Outcome::Different(what) = outcome {
            keep(label, bytes);
            if self.all.different <= SHOWN {
                eprintln!("DIFFERENT {label} ({}):\n{what}\n", oddities.join(", "));
            }
        }
    }

    pub fn passed(&self) -> u64 {
        self.all.same + self.all.refused_by_both + self.all.refused_by_us
    }

    pub fn failed(&self) -> u64 {
        self.all.different
    }

    /// True if both outcomes that a suite must have occurred.
    pub fn is_telling(&self) -> bool {
        self.all.same > 0 && self.all.refused_by_both > 0
    }

    pub fn table(&self, suite: &str) -> String {
        let mut out = String::new();
        let heads = ["same", "refused by both", "by us alone", "different"];
        writeln!(
            out,
            "{suite:<32}{:>12}{:>18}{:>14}{:>12}",
            heads[0], heads[1], heads[2], heads[3]
        )
        .unwrap();
        for (name, counts) in self
            .by_oddity
            .iter()
            .map(|(name, counts)| (*name, counts))
            .chain([("all", &self.all)])
        {
            let Counts {
                same,
                refused_by_both,
                refused_by_us,
                different,
            } = counts;
            writeln!(
                out,
                "  {name:<30}{same:>12}{refused_by_both:>18}{refused_by_us:>14}{different:>12}"
            )
            .unwrap();
        }
        out
    }
}

impl Counts {
    fn add(&mut self, outcome: &Outcome) {
        let slot = match outcome {
            Outcome::Same => &mut self.same,
            Outcome::Refused { both: true } => &mut self.refused_by_both,
            Outcome::Refused { both: false } => &mut self.refused_by_us,
            Outcome::Different(_) => &mut self.different,
        };
        *slot += 1;
    }
}

/// Keeps the archive for inspection.
fn keep(label: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("differential");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(label), bytes).unwrap();
}
