//! How much it harms a home to lose something. One order for everything that is offered or done:
//! in plans, in the ways out, in questions and in JSON.
//!
//! From the least to the most:
//!
//! 1. What makes itself again: caches, logs, downloads of programs, backups of this system.
//! 2. Recordings, of which the oldest can go alone.
//! 3. Other history: databases, old backups, and all that goes or stays as a whole.
//! 4. What nobody can make again: the owner's files, whole folders and whole apps.
//! 5. A database that a restore of the copy would replace with an empty one on the live system.
//!
//! Bytes decide only between equals.

use std::cmp::Ordering;

use crate::rules::{Class, Effect, Rule, Split};

/// How bad it is to lose something. The order is that of the harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Harm {
    /// It makes itself again, or a program fetches it again.
    Remade,
    /// Recorded over time, file by file: the oldest can go without the others.
    Recordings,
    /// Recorded over time, and it goes or stays as a whole; the live system keeps it.
    History,
    /// Nobody can make it again.
    Irreplaceable,
    /// A restore of the copy would replace a live database with an empty one.
    Destroyed,
}

impl Harm {
    /// All of them, in rising order.
    pub const ALL: [Self; 5] = [
        Self::Remade,
        Self::Recordings,
        Self::History,
        Self::Irreplaceable,
        Self::Destroyed,
    ];

    /// The harm of losing what a rule matches, or files that no rule matches. `effect` is what a
    /// restore does about them.
    pub fn of(rule: Option<&Rule>, effect: Effect) -> Self {
        let Some(rule) = rule else {
            return Self::Irreplaceable;
        };
        if rule.makes_itself_again() {
            return Self::Remade;
        }
        let emptied = matches!(
            effect,
            Effect::PartOfAddon | Effect::PartOfFolder | Effect::PartOfConfig
        );
        match (rule.class, effect) {
            (_, Effect::MariaDb | Effect::MovedDatabase) => Self::Destroyed,
            _ if rule.database && emptied => Self::Destroyed,
            (Class::User, _) => Self::Irreplaceable,
            _ if rule.condition.wants_backup() => Self::History,
            _ if rule.split == Split::Oldest => Self::Recordings,
            _ => Self::History,
        }
    }

    /// Whether nobody can make it again.
    pub fn is_lasting(self) -> bool {
        self != Self::Remade
    }

    /// Whether it is the owner's own, and nothing like it will be recorded again.
    pub fn is_irreplaceable(self) -> bool {
        matches!(self, Self::Irreplaceable | Self::Destroyed)
    }

    /// The word that `--json` uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Remade => "remade",
            Self::Recordings => "recordings",
            Self::History => "history",
            Self::Irreplaceable => "irreplaceable",
            Self::Destroyed => "emptied_on_restore",
        }
    }
}

/// The harm of losing several things: the bytes of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost([u64; Harm::ALL.len()]);

impl Cost {
    /// Adds this many bytes.
    pub fn add(&mut self, harm: Harm, bytes: u64) {
        if let Some(sum) = self.0.get_mut(harm as usize) {
            *sum = sum.saturating_add(bytes);
        }
    }

    /// The bytes of one kind.
    pub fn bytes(&self, harm: Harm) -> u64 {
        self.0.get(harm as usize).copied().unwrap_or(0)
    }
}

impl FromIterator<(Harm, u64)> for Cost {
    fn from_iter<T: IntoIterator<Item = (Harm, u64)>>(things: T) -> Self {
        let mut cost = Self::default();
        things
            .into_iter()
            .for_each(|(harm, bytes)| cost.add(harm, bytes));
        cost
    }
}

impl Ord for Cost {
    /// The dearest kind decides; cheaper ones only between equals.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

impl PartialOrd for Cost {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use crate::rules::Catalogue;

    #[test]
    fn the_order_of_harm_is_the_one_in_the_docs() {
        let rule = |id| Some(Catalogue::builtin().unwrap().by_id(id).unwrap());
        let cases = [
            (rule("esphome"), Effect::PartOfAddon, Harm::Remade),
            (rule("llmvision-tmp"), Effect::PartOfConfig, Harm::Remade),
            (rule("config-backups"), Effect::ConfigBackups, Harm::Remade),
            (rule("jellyfin-meta"), Effect::PartOfFolder, Harm::Remade),
            (rule("frigate-rec"), Effect::PartOfFolder, Harm::Recordings),
            (rule("frigate-rec"), Effect::WholeFolder, Harm::Recordings),
            (rule("nest-media"), Effect::PartOfConfig, Harm::Recordings),
            (rule("ha-recorder"), Effect::RecorderDatabase, Harm::History),
            (rule("git-history"), Effect::PartOfConfig, Harm::History),
            (rule("unknown-backup"), Effect::PartOfFolder, Harm::History),
            (
                rule("media-video"),
                Effect::PartOfFolder,
                Harm::Irreplaceable,
            ),
            (None, Effect::WholeFolder, Harm::Irreplaceable),
            (None, Effect::WholeAddon, Harm::Irreplaceable),
            (rule("mariadb"), Effect::MariaDb, Harm::Destroyed),
            (rule("influx"), Effect::PartOfAddon, Harm::Destroyed),
            (rule("timescale"), Effect::PartOfAddon, Harm::Destroyed),
            (
                rule("ha-recorder-moved"),
                Effect::MovedDatabase,
                Harm::Destroyed,
            ),
        ];
        for (rule, effect, harm) in cases {
            let id = rule.map(|rule| &rule.id);
            assert_eq!(Harm::of(rule, effect), harm, "{id:?}, {effect:?}");
        }
        assert!(Harm::ALL.is_sorted());
    }

    #[test]
    fn bytes_decide_only_between_equals() {
        let cost = |things: &[(Harm, u64)]| things.iter().copied().collect::<Cost>();
        let rising = [
            cost(&[]),
            cost(&[(Harm::Remade, 900)]),
            cost(&[(Harm::Recordings, 1)]),
            cost(&[(Harm::Recordings, 1), (Harm::Remade, 1)]),
            cost(&[(Harm::Recordings, 2)]),
            cost(&[(Harm::History, 1), (Harm::Recordings, 5)]),
            cost(&[(Harm::Irreplaceable, 1)]),
            cost(&[(Harm::Irreplaceable, 900)]),
            cost(&[(Harm::Destroyed, 1)]),
        ];
        assert!(rising.is_sorted_by(|one, next| one < next), "{rising:?}");
    }
}
