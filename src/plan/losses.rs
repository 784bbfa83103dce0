//! What is lost with dropped files: which rules match them, what protects them, and what stays
//! under another name.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::error::{Error, Kind, Result};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::pipe::parallel;
use crate::plan::choose::harm::Harm;
use crate::plan::edit::conditions::{Conditions, IMAGE, image_tar};
use crate::plan::edit::groups::is_needed;
use crate::plan::effects::{Which, effect, rule_of_database, which_recorder};
use crate::plan::facts::{Holding, Lasting, Loss, Renamed};
use crate::plan::model::PartEdit;
use crate::plan::request::Request;
use crate::rules::{
    Condition, Effect, MARIADB, Matcher, Matching, NeverList, Rule, RulesError, Taking,
    is_mariadb_file,
};
use crate::survey::{Entry, PartSurvey, config_path};

/// More rules than this are too many to read.
const MANY: usize = 4;

/// Finds the rule for each file of a part.
pub(super) struct LossIndex<'a> {
    backup: &'a Backup,
    part: &'a Part,
    request: &'a Request,
    conditions: Option<Conditions<'a>>,
    /// There if there is a survey.
    matcher: Option<(Matcher, NeverList)>,
    going: Going,
}

/// Which of the recorder's databases are dropped. Next to one that stays, a file is like any other.
struct Going {
    /// The one with the usual name.
    usual: bool,
    /// The one that `db_url` names.
    moved: bool,
}

/// An entry whose name is dropped.
#[derive(Clone, Copy)]
pub(super) struct DroppedEntry<'e> {
    pub entry: &'e Entry,
    /// The name of the hard link under which its contents stay, if they do.
    pub survivor: Option<&'e [u8]>,
}

impl<'e> DroppedEntry<'e> {
    /// An entry that is dropped with its contents.
    pub fn whole(entry: &'e Entry) -> Self {
        Self {
            entry,
            survivor: None,
        }
    }

    /// The stored bytes that are dropped.
    pub fn stored(&self) -> u64 {
        if self.survivor.is_some() {
            0
        } else {
            self.entry.stored
        }
    }
}

/// Files with the same effect on restore.
pub(super) struct LossGroup<'a> {
    pub effect: Effect,
    /// The rules that match the files.
    rules: Vec<&'a Rule>,
    /// Whether there are files that no rule matches.
    has_unknown: bool,
    pub files: u64,
    pub stored: u64,
    protected: Vec<(String, u64)>,
    holds: BTreeSet<Holding>,
    renamed: Option<Renamed>,
    lasting: Lasting,
    harm: Harm,
}

/// The names of files in `.storage`, and what they contain.
const STORAGE: [(&str, Holding); 17] = [
    ("auth", Holding::Users),
    ("person", Holding::Persons),
    ("core.device_registry", Holding::Devices),
    ("core.entity_registry", Holding::Entities),
    ("core.config_entries", Holding::Integrations),
    ("core.area_registry", Holding::Areas),
    ("core.floor_registry", Holding::Floors),
    ("core.label_registry", Holding::Labels),
    ("core.config", Holding::Home),
    ("lovelace", Holding::Dashboards),
    ("energy", Holding::Energy),
    ("input_", Holding::Helpers),
    ("counter", Holding::Helpers),
    ("timer", Holding::Helpers),
    ("schedule", Holding::Helpers),
    ("zone", Holding::Zones),
    ("tag", Holding::Tags),
];

/// What a file of `.storage` contains, if its name is known.
fn holding(path: &[u8]) -> Option<Holding> {
    let name = path.strip_prefix(b".storage/")?;
    let is = |stem: &str| match name.strip_prefix(stem.as_bytes()) {
        Some(rest) => {
            rest.is_empty()
                || stem.ends_with('_')
                || matches!(rest.first(), Some(b'.' | b'_')) && !stem.starts_with("core.")
        }
        None => false,
    };
    STORAGE
        .iter()
        .find(|(stem, _)| is(stem))
        .map(|(_, what)| *what)
}

/// How many dropped entries are matched at a time, by all threads together.
const WINDOW: usize = 1 << 17;

/// What is known about a dropped file.
struct Known<'s, 'a> {
    effect: Effect,
    rule: Option<&'a Rule>,
    /// See [`LossIndex::reason`].
    reason: Option<&'s str>,
}

impl<'a> LossIndex<'a> {
    /// `edit` says what is dropped of the part; without it, that is all.
    ///
    /// # Errors
    /// `Usage` if the catalogue's globs cannot be compiled.
    pub fn new(
        backup: &'a Backup,
        part: &'a Part,
        request: &'a Request,
        survey: Option<&'a PartSurvey>,
        edit: Option<&PartEdit>,
    ) -> Result<Self> {
        let conditions = survey.map(|survey| Conditions::new(backup, part, request, survey));
        let (catalogue, id) = (&request.catalogue, &part.id);
        let compile = |_| Ok((Matcher::new(catalogue, id)?, NeverList::new(catalogue, id)?));
        let matcher = conditions.as_ref().map(compile).transpose();
        let matcher = matcher.map_err(|e: RulesError| Error::new(Kind::Usage, e.to_string()))?;
        Ok(Self {
            backup,
            part,
            request,
            conditions,
            matcher,
            going: Going::of(backup, part, request, survey, edit),
        })
    }

    /// Groups the dropped entries by their effect on restore, the largest group first.
    pub fn groups<'e>(
        &self,
        taken: impl IntoIterator<Item = DroppedEntry<'e>>,
    ) -> Vec<LossGroup<'a>> {
        let mut groups: Vec<LossGroup<'a>> = Vec::new();
        let mut folders = None;
        let mut taken = taken.into_iter();
        loop {
            let window: Vec<DroppedEntry<'e>> = taken.by_ref().take(WINDOW).collect();
            if window.is_empty() {
                break;
            }
            for (taken, known) in window.iter().zip(self.known(&window)) {
                let Some(known) = known else {
                    *folders.get_or_insert(0) += taken.stored();
                    continue;
                };
                let at = groups
                    .iter()
                    .position(|group| group.effect == known.effect)
                    .unwrap_or(groups.len());
                if at == groups.len() {
                    groups.push(LossGroup::new(known.effect));
                }
                if let Some(group) = groups.get_mut(at) {
                    // A file beside the configuration is shown under its own name.
                    let path = Some(self.path(taken.entry)).filter(|path| !path.is_empty());
                    group.add(known.rule, *taken, path.unwrap_or(&taken.entry.name));
                    self.note_protected(group, taken.entry, known.reason);
                }
            }
        }
        if groups.is_empty() && folders.is_some() {
            groups.push(LossGroup {
                has_unknown: true,
                ..LossGroup::new(effect(
                    self.backup,
                    self.part,
                    false,
                    None,
                    &self.request.database,
                ))
            });
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.stored));
        if let Some(first) = groups.first_mut() {
            first.stored += folders.unwrap_or(0);
        }
        groups
    }

    /// What is known about each of these entries; `None` for a folder, which is not counted as a
    /// loss. Several threads match their paths.
    fn known<'s>(
        &'s self,
        taken: &[DroppedEntry<'_>],
    ) -> impl Iterator<Item = Option<Known<'s, 'a>>> {
        let known = |matching: &mut Option<Matching<'_>>, taken: &DroppedEntry<'_>| {
            let entry = taken.entry;
            let is_file = entry.kind != EntryKind::Directory;
            let (effect, rule) = is_file.then(|| self.of(matching, entry))?;
            let reason = self.reason(entry);
            Some(Known {
                effect,
                rule,
                reason,
            })
        };
        let step = |range: Range<usize>| -> Vec<Option<Known<'s, 'a>>> {
            // The caller asks again, and ends with an error.
            if self.request.control.check().is_err() {
                return Vec::new();
            }
            let mut matching = self.matcher.as_ref().map(|(rules, _)| rules.matching());
            let taken = taken.get(range).unwrap_or_default();
            taken
                .iter()
                .map(|taken| known(&mut matching, taken))
                .collect()
        };
        let known = parallel::in_steps(self.request.control.threads(), taken.len(), step);
        known.into_iter().flatten()
    }

    /// The never-drop list's reason for a file that is dropped anyway.
    fn reason(&self, entry: &Entry) -> Option<&str> {
        // Checked strictly, so that single files of a listed folder are found too.
        let (_, never) = self.matcher.as_ref()?;
        if entry.kind == EntryKind::Symlink {
            return None;
        }
        never.reason_when(self.path(entry), Taking::Folder)
    }

    /// The path in the component; the name of a file beside it.
    fn path<'e>(&self, entry: &'e Entry) -> &'e [u8] {
        config_path(self.part.kind, self.backup.manifest.version(), &entry.name).unwrap_or_default()
    }

    /// Records the never-drop list's reason for a file that is dropped anyway.
    fn note_protected(&self, group: &mut LossGroup<'a>, entry: &Entry, reason: Option<&str>) {
        let Some(reason) = reason else {
            return;
        };
        let path = self.path(entry);
        match group
            .protected
            .iter_mut()
            .find(|(known, _)| known == reason)
        {
            Some((_, count)) => *count += 1,
            None => group.protected.push((reason.to_owned(), 1)),
        }
        group
            .holds
            .extend(holding(path).filter(|_| self.part.kind == ComponentKind::HomeAssistant));
    }

    /// What a restore does about a missing file, and the rule that matches the file.
    fn of(&self, matching: &mut Option<Matching<'_>>, entry: &Entry) -> (Effect, Option<&'a Rule>) {
        let path = self.path(entry);
        if self.is_made_again(path, entry) {
            return (
                effect(self.backup, self.part, false, None, &self.request.database),
                None,
            );
        }
        let Some(rule) = self.by_place(path) else {
            let rule = matching
                .as_mut()
                .and_then(|matching| self.rule(matching, path, entry));
            return (
                effect(self.backup, self.part, false, rule, &self.request.database),
                rule,
            );
        };
        let is_image = rule.is_some_and(|rule| rule.condition == Condition::ImageTar);
        if is_image && image_tar(self.backup, self.part, self.request).is_err() {
            return (Effect::ImageLost, rule);
        }
        (
            effect(self.backup, self.part, false, rule, &self.request.database),
            rule,
        )
    }

    /// Whether MariaDB makes this entry of its folder itself: its databases do not miss it.
    fn is_made_again(&self, path: &[u8], entry: &Entry) -> bool {
        self.part.id == MARIADB
            && is_mariadb_file(path)
            && entry.kind != EntryKind::Directory
            && !is_needed(path, entry.kind)
    }

    /// The rule for a file that is recognised by its location, regardless of the rule's globs.
    fn by_place(&self, path: &[u8]) -> Option<Option<&'a Rule>> {
        if self.part.kind == ComponentKind::Addon && path == IMAGE {
            return Some(self.request.catalogue.by_condition(Condition::ImageTar));
        }
        let rule = rule_of_database(self.request, self.part, path)?;
        let goes = match rule.map(|rule| rule.condition) {
            Some(Condition::RecorderUrl) => self.going.moved,
            Some(Condition::RecorderDatabase) => self.going.usual,
            _ => true,
        };
        goes.then_some(rule)
    }

    fn rule(&self, matching: &mut Matching<'_>, path: &[u8], entry: &Entry) -> Option<&'a Rule> {
        let (catalogue, conditions) = (&self.request.catalogue, self.conditions.as_ref()?);
        let applies = |index| {
            let rule = catalogue.rule(index);
            rule.is_some_and(|rule| {
                !rule.condition.is_of_the_recorder() && conditions.met(rule, path, entry)
            })
        };
        catalogue.rule(matching.rule_where(path, false, applies)?)
    }
}

impl Going {
    fn of(
        backup: &Backup,
        part: &Part,
        request: &Request,
        survey: Option<&PartSurvey>,
        edit: Option<&PartEdit>,
    ) -> Self {
        let (Some(survey), Some(edit)) = (survey, edit) else {
            return Self {
                usual: true,
                moved: true,
            };
        };
        let version = backup.manifest.version();
        let entries = survey.entries.iter().enumerate();
        let dropped = entries.filter(|(at, _)| edit.drops_name(*at));
        let mut going = Self {
            usual: false,
            moved: false,
        };
        for path in dropped.filter_map(|(_, entry)| config_path(part.kind, version, &entry.name)) {
            match which_recorder(request, part, path) {
                Some(Which::Usual) => going.usual = true,
                Some(Which::Moved) => going.moved = true,
                None => {}
            }
        }
        going
    }
}

impl<'a> LossGroup<'a> {
    fn new(effect: Effect) -> Self {
        Self {
            effect,
            rules: Vec::new(),
            has_unknown: false,
            files: 0,
            stored: 0,
            protected: Vec::new(),
            holds: BTreeSet::new(),
            renamed: None,
            lasting: Lasting::default(),
            harm: Harm::Remade,
        }
    }

    fn add(&mut self, rule: Option<&'a Rule>, taken: DroppedEntry<'_>, path: &[u8]) {
        let harm = Harm::of(rule, self.effect);
        self.harm = self.harm.max(harm);
        if harm.is_lasting() && taken.survivor.is_none() {
            self.lasting
                .add(harm, taken.stored(), path, taken.entry.mtime);
        }
        match rule {
            None => self.has_unknown = true,
            // They will not be listed.
            Some(_) if self.rules.len() > MANY => {}
            Some(rule) if self.rules.iter().any(|known| known.id == rule.id) => {}
            Some(rule) => self.rules.push(rule),
        }
        self.files += 1;
        self.stored += taken.stored();
        add_renamed(&mut self.renamed, taken);
    }

    /// Whether rules match all of the files, and there are few such rules.
    pub fn is_known(&self) -> bool {
        !self.rules.is_empty() && !self.has_unknown && self.rules.len() <= MANY
    }

    /// How bad it is to lose the files.
    pub fn harm(&self) -> Harm {
        self.harm
    }

    /// What is lost.
    pub fn loss(self) -> Loss {
        let known = self.is_known();
        let rules = self.rules.into_iter().filter(|_| known).cloned();
        Loss {
            rules: rules.collect(),
            protected: self.protected,
            holds: self.holds,
            renamed: self.renamed,
            lasting: self.lasting,
        }
    }
}

/// Counts an entry among those of which only the name is dropped, if it is one.
pub(super) fn add_renamed(renamed: &mut Option<Renamed>, taken: DroppedEntry<'_>) {
    let Some(survivor) = taken.survivor else {
        return;
    };
    match renamed {
        Some(renamed) => renamed.count += 1,
        None => {
            *renamed = Some(Renamed {
                count: 1,
                name: taken.entry.name.clone(),
                survivor: survivor.into(),
            });
        }
    }
}
