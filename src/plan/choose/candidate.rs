//! One thing that a plan may leave out.

use std::sync::Arc;

use crate::format::tar::block::EntryKind;
use crate::open::Backup;
use crate::plan::choose::harm::Harm;
use crate::plan::choose::tiers::{Item, Piece};
use crate::rules::{Class, Effect, Rule, Split};
use crate::survey::PartSurvey;

/// Something that the planner may leave out: what a rule matches in a part, or a whole part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Index of the part.
    pub part: usize,
    /// The rule that matched it; `None` for a whole part that contains more than rules match.
    pub rule: Option<Rule>,
    /// How bad it is to lose it.
    pub harm: Harm,
    /// What a restore does about it.
    pub effect: Effect,
    /// Indices of its entries in the part's survey, in rising order; empty for a whole part.
    pub entries: Arc<[usize]>,
    /// Its stored bytes: compressed, if the backup or the copy is.
    pub stored: u64,
    /// How many of its entries are not directories; for a whole part, how many files it has. Zero
    /// for a part that was not read.
    pub files: u64,
    /// The files in the order of their age, if the oldest can go alone.
    pub ages: Option<Arc<Ages>>,
    /// If only the oldest of its files are meant: what they are a part of.
    pub oldest_of: Option<OldestOf>,
    /// The matches that make up a whole folder. The one that decides about the folder comes first.
    pub pieces: Vec<Self>,
}

/// Files in the order of their age. Memory: 32 bytes for each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ages {
    /// Their entries, the oldest first.
    pub entries: Vec<usize>,
    /// Their times and stored bytes, in the same order. Folders count with the youngest.
    pub pieces: Arc<[Piece]>,
}

/// What the oldest files are a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldestOf {
    /// How many files there are in all.
    pub files: u64,
    /// Their stored bytes.
    pub stored: u64,
}

impl Candidate {
    /// The tiers of what makes itself again, one for each class and way of going.
    const REMADE_TIERS: u8 = 16;

    /// What a rule matches in a part. `entries` are in rising order.
    pub(in crate::plan) fn find(
        survey: &PartSurvey,
        rule: &Rule,
        effect: Effect,
        entries: Vec<usize>,
    ) -> Self {
        let of = |at: &usize| survey.entries.get(*at);
        let is_file = |at: &&usize| of(at).is_some_and(|e| e.kind != EntryKind::Directory);
        let files = entries.iter().filter(is_file).count() as u64;
        let ages = (rule.split == Split::Oldest && files > 1).then(|| Ages::new(survey, &entries));
        Self {
            part: survey.part,
            rule: Some(rule.clone()),
            harm: Harm::of(Some(rule), effect),
            effect,
            stored: entries.iter().filter_map(of).map(|e| e.stored).sum(),
            files,
            entries: entries.into(),
            ages: ages.map(Arc::new),
            oldest_of: None,
            pieces: Vec::new(),
        }
    }

    /// A whole part that takes this many bytes and has this many files.
    pub(in crate::plan) fn whole(part: usize, effect: Effect, stored: u64, files: u64) -> Self {
        Self {
            part,
            rule: None,
            harm: Harm::Irreplaceable,
            effect,
            entries: Arc::default(),
            stored,
            files,
            ages: None,
            oldest_of: None,
            pieces: Vec::new(),
        }
    }

    /// The whole part that these matches make up.
    pub(in crate::plan) fn made_up_of(&self, mut pieces: Vec<Self>) -> Self {
        pieces.sort_by_key(|piece| std::cmp::Reverse((piece.harm, piece.stored)));
        Self {
            rule: pieces.first().and_then(|first| first.rule.clone()),
            harm: pieces.first().map_or(self.harm, |first| first.harm),
            pieces,
            ..self.clone()
        }
    }

    /// The oldest `count` of its files; all of it if it has no more, or can only go as a whole.
    pub(in crate::plan) fn oldest(&self, count: usize) -> Self {
        let Some(ages) = self.ages.as_ref().filter(|ages| count < ages.entries.len()) else {
            return self.clone();
        };
        let mut entries = ages.entries.get(..count).unwrap_or_default().to_vec();
        entries.sort_unstable();
        let pieces = ages.pieces.iter().take(count);
        Self {
            stored: pieces.map(|piece| piece.size).sum(),
            files: entries.len() as u64,
            entries: entries.into(),
            ages: None,
            oldest_of: Some(OldestOf {
                files: self.files,
                stored: self.stored,
            }),
            ..self.clone()
        }
    }

    /// True for a part as a whole.
    pub fn is_whole(&self) -> bool {
        self.rule.is_none() || !self.pieces.is_empty()
    }

    /// The class for which it needs consent. Whole parts need consent for user data.
    pub fn class(&self) -> Class {
        self.rule.as_ref().map_or(Class::User, |rule| rule.class)
    }

    /// The key under which consent to it is recorded: the component, and the rule unless it is the
    /// whole part.
    pub fn key(&self, backup: &Backup) -> (String, Option<String>) {
        let component = backup
            .parts
            .get(self.part)
            .map_or_else(String::new, |p| p.id.clone());
        (component, self.rule.as_ref().map(|r| r.id.clone()))
    }

    /// The matches that it consists of: itself, unless it is a whole folder of several.
    pub(crate) fn finds(&self) -> impl Iterator<Item = &Self> {
        let own = self.pieces.is_empty() && self.rule.is_some();
        own.then_some(self).into_iter().chain(&self.pieces)
    }

    /// When it goes: what does less harm goes first. Of what makes itself again, caches go before
    /// logs and so on; what can go piece by piece goes before what goes as a whole.
    fn tier(&self) -> u8 {
        let whole = u8::from(self.ages.is_none());
        match self.harm {
            Harm::Remade => self.class() as u8 * 2 + whole,
            // Single files of the owner's go before a whole part.
            harm => Self::REMADE_TIERS + harm as u8 * 4 + u8::from(self.is_whole()) * 2 + whole,
        }
    }

    /// The form that the choosing code uses.
    pub(in crate::plan) fn item(&self) -> Item {
        Item {
            size: self.stored,
            tier: self.tier(),
            first: self.harm == Harm::Remade,
            part: self.part,
            whole: self.is_whole(),
            pieces: self.ages.as_ref().map(|ages| ages.pieces.clone()),
        }
    }
}

impl Ages {
    fn new(survey: &PartSurvey, entries: &[usize]) -> Self {
        let all = || {
            entries
                .iter()
                .filter_map(|&at| Some((at, survey.entries.get(at)?)))
        };
        let mut files: Vec<_> = all()
            .filter(|(_, e)| e.kind != EntryKind::Directory)
            .collect();
        files.sort_by_key(|(at, e)| (e.mtime, *at));
        let folders: u64 = all()
            .filter(|(_, e)| e.kind == EntryKind::Directory)
            .map(|(_, e)| e.stored)
            .sum();
        let piece = |(_, e): &(usize, &crate::survey::Entry)| Piece {
            time: e.mtime,
            size: e.stored,
        };
        let mut pieces: Vec<Piece> = files.iter().map(piece).collect();
        if let Some(youngest) = pieces.last_mut() {
            youngest.size += folders;
        }
        Self {
            entries: files.into_iter().map(|(at, _)| at).collect(),
            pieces: pieces.into(),
        }
    }
}
