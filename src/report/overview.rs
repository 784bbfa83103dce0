//! The parts of a backup at a glance: the few that make it large, and the others together.

use crate::open::{Backup, Part};
use crate::report::names;

/// How many parts are shown at least, if there are so many.
const FEW: usize = 4;

/// How many parts are shown at most.
const MANY: usize = 10;

/// A part.
#[derive(Debug)]
pub struct Row<'a> {
    /// The part.
    pub part: &'a Part,
    /// Its name as Home Assistant shows it. Escaped.
    pub name: String,
    /// Its bytes in the file.
    pub stored: u64,
}

/// The parts, the largest first.
#[derive(Debug)]
pub struct Overview<'a> {
    /// Those that are shown one by one.
    pub rows: Vec<Row<'a>>,
    /// Those that are shown together: none or at least two.
    pub rest: Vec<Row<'a>>,
}

impl<'a> Overview<'a> {
    /// All parts, one by one.
    pub fn all(backup: &'a Backup) -> Self {
        let mut rows: Vec<Row<'a>> = backup
            .parts
            .iter()
            .map(|part| Row {
                part,
                name: names::part(backup, part),
                stored: backup.stored(part),
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.stored));
        Self {
            rows,
            rest: Vec::new(),
        }
    }

    /// The largest parts: as many as have 99 % of the bytes, but at least four and at most ten.
    pub fn short(backup: &'a Backup) -> Self {
        let mut all = Self::all(backup);
        let sizes: Vec<u64> = all.rows.iter().map(|row| row.stored).collect();
        all.rest = all.rows.split_off(shown(&sizes));
        all
    }

    /// The bytes of the parts that are shown together.
    pub fn rest_bytes(&self) -> u64 {
        self.rest.iter().map(|row| row.stored).sum()
    }
}

/// How many of these sizes, the largest first, are shown one by one.
fn shown(sizes: &[u64]) -> usize {
    let all: u64 = sizes.iter().sum();
    let mut seen = 0;
    let most = sizes
        .iter()
        .take_while(|&&size| {
            let missing = u128::from(all - seen) * 100 > u128::from(all);
            seen += size;
            missing
        })
        .count()
        .clamp(FEW, MANY)
        .min(sizes.len());
    // One more line for one more part is no longer than a line that sums it up.
    if most + 1 == sizes.len() {
        sizes.len()
    } else {
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_parts_are_shown_and_the_others_are_summed_up() {
        // 89 %, 11 % and eight small ones, as in a backup that recordings fill.
        assert_eq!(shown(&[890, 110, 1, 1, 0, 0, 0, 0, 0, 0]), 4);
        assert_eq!(shown(&[10; 30]), 10);
        assert_eq!(shown(&[200, 200, 200, 200, 194, 2, 2, 2]), 5);
    }

    #[test]
    fn a_single_part_is_never_summed_up() {
        assert_eq!(shown(&[5, 4, 3, 2, 1]), 5);
        assert_eq!(shown(&[1000, 1, 1, 1, 1, 1]), 4);
        assert_eq!(shown(&[10; 11]), 11);
        assert_eq!(shown(&[7]), 1);
        assert_eq!(shown(&[]), 0);
    }
}
