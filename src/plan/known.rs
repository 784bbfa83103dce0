//! What the catalogue knows of things that the user named himself.

use std::collections::BTreeSet;

use super::Request;
use super::conditions::{Conditions, IMAGE, image_tar};
use super::database::Target;
use super::groups::is_mariadb_file;
use super::rows::effect;
use super::selector::is_recorder_file;
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, ComponentKind, Part};
use crate::report::words;
use crate::rules::{Effect, Matcher, Rule, Taking};
use crate::survey::{Entry, PartSurvey, config_path};

/// Of more rules than this nobody wants to read at once.
const MANY: usize = 4;

/// Finds the rule for each file of a part.
pub(super) struct Known<'a> {
    backup: &'a Backup,
    part: &'a Part,
    request: &'a Request,
    conditions: Option<Conditions<'a>>,
    matcher: Option<Matcher>,
}

/// An entry whose name is dropped.
#[derive(Clone, Copy)]
pub(super) struct Taken<'e> {
    pub entry: &'e Entry,
    /// The hard link as which its contents stay, if they do.
    pub heir: Option<&'e [u8]>,
}

impl<'e> Taken<'e> {
    /// One that goes with its contents.
    pub fn whole(entry: &'e Entry) -> Self {
        Self { entry, heir: None }
    }

    /// The stored bytes that go.
    pub fn stored(&self) -> u64 {
        if self.heir.is_some() {
            0
        } else {
            self.entry.stored
        }
    }
}

/// Files for which a restore does the same.
pub(super) struct Kin<'a, 'e> {
    pub effect: Effect,
    /// Those that know the files.
    rules: Vec<&'a Rule>,
    /// Whether there are files that no rule knows.
    strange: bool,
    pub files: u64,
    pub stored: u64,
    /// Those whose contents stay.
    pub heirs: Vec<Taken<'e>>,
    /// How many no rule would ever take, and why, by reason.
    guarded: Vec<(String, u64)>,
    /// What these hold.
    precious: BTreeSet<&'static str>,
}

/// What Home Assistant keeps in the files of `.storage` (Core, `homeassistant/auth`,
/// `helpers/*_registry.py`, `config_entries.py`, `components/lovelace`).
const STORAGE: [(&str, &str); 17] = [
    ("auth", "users"),
    ("person", "persons"),
    ("core.device_registry", "devices"),
    ("core.entity_registry", "entities"),
    ("core.config_entries", "integrations"),
    ("core.area_registry", "areas"),
    ("core.floor_registry", "floors"),
    ("core.label_registry", "labels"),
    ("core.config", "the home's name and place"),
    ("lovelace", "dashboards"),
    ("energy", "the energy dashboard"),
    ("input_", "helpers"),
    ("counter", "helpers"),
    ("timer", "helpers"),
    ("schedule", "helpers"),
    ("zone", "zones"),
    ("tag", "tags"),
];

/// What a file of `.storage` holds, where that is known.
fn precious(path: &[u8]) -> Option<&'static str> {
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

impl<'a> Known<'a> {
    pub fn new(
        backup: &'a Backup,
        part: &'a Part,
        request: &'a Request,
        survey: Option<&'a PartSurvey>,
    ) -> Self {
        let conditions = survey.map(|survey| Conditions {
            backup,
            part,
            request,
            survey,
        });
        // A catalogue that cannot be compiled was refused before.
        let matcher = conditions
            .as_ref()
            .and_then(|_| Matcher::new(&request.catalogue, &part.id).ok());
        Self {
            backup,
            part,
            request,
            conditions,
            matcher,
        }
    }

    /// Sorts what is taken by what a restore does about it, the largest first.
    pub fn kin<'e>(&self, taken: impl IntoIterator<Item = Taken<'e>>) -> Vec<Kin<'a, 'e>> {
        let mut groups: Vec<Kin<'a, 'e>> = Vec::new();
        let mut folders = None;
        for taken in taken {
            // A folder is no loss of its own.
            if taken.entry.kind == EntryKind::Directory {
                *folders.get_or_insert(0) += taken.stored();
                continue;
            }
            let (effect, rule) = self.of(taken.entry);
            let at = groups
                .iter()
                .position(|kin| kin.effect == effect)
                .unwrap_or(groups.len());
            if at == groups.len() {
                groups.push(Kin::new(effect));
            }
            if let Some(kin) = groups.get_mut(at) {
                kin.add(rule, taken);
                self.guard(kin, taken.entry);
            }
        }
        if groups.is_empty() && folders.is_some() {
            groups.push(Kin {
                strange: true,
                ..Kin::new(effect(self.backup, self.part, false, None))
            });
        }
        groups.sort_by_key(|kin| std::cmp::Reverse(kin.stored));
        if let Some(first) = groups.first_mut() {
            first.stored += folders.unwrap_or(0);
        }
        groups
    }

    /// Notes what the never-drop list says about a file that goes all the same.
    fn guard(&self, kin: &mut Kin<'a, '_>, entry: &Entry) {
        let path = config_path(self.part.kind, self.backup.manifest.version(), &entry.name)
            .unwrap_or_default();
        // Strictly read, so that it speaks of single files of a folder too.
        let reason = self
            .matcher
            .as_ref()
            .and_then(|matcher| matcher.never().reason_when(path, Taking::Folder));
        let Some(reason) = reason.filter(|_| entry.kind != EntryKind::Symlink) else {
            return;
        };
        match kin.guarded.iter_mut().find(|(known, _)| known == reason) {
            Some((_, count)) => *count += 1,
            None => kin.guarded.push((reason.to_owned(), 1)),
        }
        kin.precious
            .extend(precious(path).filter(|_| self.part.kind == ComponentKind::HomeAssistant));
    }

    /// What a restore makes of a file that is missing, and the rule that knows it.
    fn of(&self, entry: &Entry) -> (Effect, Option<&'a Rule>) {
        let path = config_path(self.part.kind, self.backup.manifest.version(), &entry.name)
            .unwrap_or_default();
        let moved = || {
            self.request
                .database
                .target()
                .filter(|target| matches!(target, Target::File(_)))
        };
        let id = match self.part.kind {
            _ if moved().is_some_and(|target| target.takes(&self.part.id, path)) => {
                "ha-recorder-moved"
            }
            ComponentKind::HomeAssistant if is_recorder_file(path) => "ha-recorder",
            ComponentKind::Addon
                if self.part.id == "addon:core_mariadb" && is_mariadb_file(path) =>
            {
                "mariadb"
            }
            ComponentKind::Addon if path == IMAGE => "image-tar",
            _ => {
                let rule = self.rule(path, entry);
                return (effect(self.backup, self.part, false, rule), rule);
            }
        };
        let rule = self.request.catalogue.by_id(id);
        let lost = id == "image-tar" && image_tar(self.backup, self.part, self.request).is_err();
        (
            if lost {
                Effect::ImageLost
            } else {
                effect(self.backup, self.part, false, rule)
            },
            rule,
        )
    }

    fn rule(&self, path: &[u8], entry: &Entry) -> Option<&'a Rule> {
        let (catalogue, conditions) = (&self.request.catalogue, self.conditions.as_ref()?);
        let applies = |index| {
            catalogue
                .rule(index)
                .is_some_and(|rule| conditions.met(rule, path, entry))
        };
        catalogue.rule(self.matcher.as_ref()?.rule_where(path, false, applies)?)
    }
}

impl<'a, 'e> Kin<'a, 'e> {
    fn new(effect: Effect) -> Self {
        Self {
            effect,
            rules: Vec::new(),
            strange: false,
            files: 0,
            stored: 0,
            heirs: Vec::new(),
            guarded: Vec::new(),
            precious: BTreeSet::new(),
        }
    }

    fn add(&mut self, rule: Option<&'a Rule>, taken: Taken<'e>) {
        match rule {
            None => self.strange = true,
            // Nobody will read them.
            Some(_) if self.rules.len() > MANY => {}
            Some(rule) if self.rules.iter().any(|known| known.id == rule.id) => {}
            Some(rule) => self.rules.push(rule),
        }
        self.files += 1;
        self.stored += taken.stored();
        self.heirs.extend(taken.heir.map(|_| taken));
    }

    /// The rules, when they know all of the files and are few.
    fn rules(&self) -> &[&'a Rule] {
        if self.strange || self.rules.len() > MANY {
            &[]
        } else {
            &self.rules
        }
    }

    /// What they take, in plain words.
    pub fn titles(&self) -> Option<String> {
        let titles: Vec<&str> = self
            .rules()
            .iter()
            .map(|rule| rule.title.as_str())
            .collect();
        (!titles.is_empty()).then(|| titles.join(", "))
    }

    /// What the owner loses.
    pub fn lost(&self) -> Option<String> {
        match self.rules() {
            [] => None,
            [rule] => Some(rule.lost.clone()),
            rules => Some(
                rules
                    .iter()
                    .map(|rule| format!("{}: {}", rule.title, rule.lost))
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
        }
    }

    /// What goes of the things that only the user himself can leave out.
    pub fn guarded(&self) -> Option<String> {
        if self.guarded.is_empty() {
            return None;
        }
        let named: Vec<&str> = self.precious.iter().copied().collect();
        let holds = if named.is_empty() {
            String::new()
        } else {
            format!(" They hold: {}.", named.join(", "))
        };
        let reasons: Vec<String> = self
            .guarded
            .iter()
            .map(|(reason, count)| format!("{}: {reason}", words::files(*count)))
            .collect();
        Some(format!(
            "No rule would take these. {}{holds}",
            reasons.join(" ")
        ))
    }

    /// How to stop it from growing next time.
    pub fn advice(&self) -> Option<String> {
        let mut advice: Vec<&str> = self
            .rules()
            .iter()
            .map(|rule| rule.prevent.as_str())
            .filter(|text| !text.is_empty())
            .collect();
        advice.dedup();
        (!advice.is_empty()).then(|| advice.join(" "))
    }
}
