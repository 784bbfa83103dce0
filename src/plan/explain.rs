//! Why a path, a folder or a part stays or goes.

use std::collections::BTreeMap;

use super::conditions::Conditions;
use super::cut::paths;
use super::groups::Groups;
use super::guard::Guard;
use super::scan::Selectors;
use super::{Action, Plan, Request, database, effect};
use crate::error::{Error, Kind, Result, escape};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, Part};
use crate::report::words;
use crate::rules::{Matcher, Rule};
use crate::size;
use crate::survey::{Entry, PartSurvey, config_path};

/// Tells which rule or choice decided about a path, given as `COMPONENT:PATH`, or about
/// what lies in a folder or a component. One sentence or more per entry of that name; of a
/// folder first how much of it goes, then what goes and what stays for each reason, by the
/// bytes that it takes in the backup. The path may be written as it is shown, with escapes.
///
/// # Errors
/// `Usage` when there is no such component or path in what was surveyed.
pub fn why(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    plan: &Plan,
    place: &str,
) -> Result<Vec<String>> {
    let unknown = || {
        Error::new(
            Kind::Usage,
            format!("there is no '{}' in this backup", escape(place.as_bytes())),
        )
        .advice("`haslim ls` shows the paths.")
    };
    let request = &*database::located(backup, surveys, request);
    let (at, path) = split(backup, place).ok_or_else(unknown)?;
    let part = backup.part(at);
    let Some(survey) = surveys.iter().find(|s| s.part == at) else {
        return unseen(backup, request, plan, at, path).map(|s| vec![s]);
    };
    let teller = Teller::new(backup, request, plan, survey)?;
    let (mut own, mut below, mut pace) = (Vec::new(), Vec::new(), request.control.pace());
    for (index, entry) in survey.entries.iter().enumerate() {
        let Some(found) = config_path(part.kind, backup.manifest.version(), &entry.name) else {
            continue;
        };
        pace.step(found.len())?;
        match lies(found, path) {
            Some(Lies::There) => own.push((found, index, entry)),
            Some(Lies::Below) => below.push((found, index, entry)),
            None => {}
        }
    }
    if path.is_empty() || !below.is_empty() {
        below.append(&mut own);
        return teller.folder(path, &below);
    }
    let said = own.into_iter().map(|(found, index, entry)| {
        format!(
            "{}:{} {}",
            part.id,
            escape(found),
            teller.tell(found, index, entry)
        )
    });
    let said: Vec<String> = said.collect();
    if said.is_empty() {
        Err(unknown())
    } else {
        Ok(said)
    }
}

/// The part that a place names, and the path in it. An add-on's id has a colon of its own.
fn split<'a>(backup: &Backup, place: &'a str) -> Option<(usize, &'a str)> {
    let rest = |id: &str| {
        place
            .strip_prefix(id)
            .filter(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    let (at, rest) = backup
        .parts
        .iter()
        .enumerate()
        .find_map(|(at, part)| Some((at, rest(&part.id)?)))?;
    Some((
        at,
        rest.trim_start_matches(':')
            .trim_start_matches("./")
            .trim_matches('/'),
    ))
}

/// Where a path lies, seen from the one that was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lies {
    There,
    Below,
}

/// Compares a path as it is, and as it is shown, with the one that was asked about.
fn lies(found: &[u8], asked: &str) -> Option<Lies> {
    let lies = |found: &[u8]| match found.strip_prefix(asked.as_bytes())? {
        [] => Some(Lies::There),
        [b'/', ..] => Some(Lies::Below),
        _ if asked.is_empty() => Some(Lies::Below),
        _ => None,
    };
    // Only a path with a backslash looks different when it is shown.
    lies(found).or_else(|| {
        asked
            .contains('\\')
            .then(|| lies(escape(found).as_bytes()))
            .flatten()
    })
}

/// About a part that nobody looked into.
fn unseen(
    backup: &Backup,
    request: &Request,
    plan: &Plan,
    at: usize,
    path: &str,
) -> Result<String> {
    let part = backup.part(at);
    let all = format!(
        "All of {} ({})",
        part.id,
        size::decimal(backup.stored(part))
    );
    let locked = !part.is_readable(request.has_key) && part.version().is_some();
    let advice = if locked {
        "Give the key with --password-file or --emergency-kit, so that haslim can look inside."
    } else {
        ""
    };
    match plan.parts.get(at).map(|p| &p.action) {
        Some(Action::Drop) => Ok(format!(
            "{all} would be left out: {}. {}",
            of_whole(request, plan, part, at),
            effect(backup, part, true, None).sentence()
        )),
        _ if request.keeps_component(&part.id) => Ok(format!("{all} stays: --keep names it.")),
        _ if path.is_empty() => Ok(format!("{all} stays: it was not looked into. {advice}")
            .trim_end()
            .to_owned()),
        _ => {
            Err(Error::new(Kind::Usage, format!("{} was not looked into", part.id)).advice(advice))
        }
    }
}

/// Why a part goes as a whole, for people who know no rule's id.
fn of_whole(request: &Request, plan: &Plan, part: &Part, at: usize) -> String {
    let takes = |s: &&super::Selector| {
        s.looks_into(&part.id)
            || s.takes_component(&part.id) && !request.spares_component(s, &part.id)
    };
    let named: Vec<String> = request
        .drops
        .iter()
        .filter(takes)
        .map(|s| format!("--drop {}", escape(s.text().as_bytes())))
        .collect();
    let here = || plan.units.iter().filter(|u| u.part == at);
    if here().any(|u| u.rule.is_none()) {
        return "the limit demands it, and whole folders and add-ons may go (--allow user, or your answer)".into();
    }
    if here().next().is_none() {
        return format!("{} names it", named.join(", "));
    }
    format!(
        "{}all that is in it may go",
        named
            .iter()
            .map(|n| format!("{n} names some of it, and "))
            .collect::<String>()
    )
}

/// What is said about one entry, or about all of which the same can be said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    /// Whether it stays; what goes comes first.
    stays: bool,
    why: String,
    restore: &'static str,
}

impl Told {
    fn stays(why: impl Into<String>) -> Self {
        Self {
            stays: true,
            why: why.into(),
            restore: "",
        }
    }

    fn goes(why: impl Into<String>, restore: &'static str) -> Self {
        Self {
            stays: false,
            why: why.into(),
            restore,
        }
    }

    fn sentence(&self) -> String {
        let verb = if self.stays {
            "stays"
        } else {
            "would be left out"
        };
        format!("{verb}: {} {}", self.why, self.restore)
            .trim_end()
            .to_owned()
    }
}

/// What telling of one entry costs, in bytes of a path that are looked at.
const TELLING: usize = 256;

/// The files about which the same is said.
#[derive(Default)]
struct Group<'a> {
    stored: u64,
    files: u64,
    /// The largest of them.
    first: (u64, &'a [u8]),
}

/// Puts reasons into words.
struct Teller<'a> {
    backup: &'a Backup,
    request: &'a Request,
    plan: &'a Plan,
    part: &'a Part,
    survey: &'a PartSurvey,
    guard: Guard<'a>,
    paths: Vec<Option<&'a [u8]>>,
    groups: Groups,
    keeps: Selectors<'a>,
    drops: Selectors<'a>,
    matcher: Matcher,
    /// By entry: the rule whose find goes with all of the part.
    finds: BTreeMap<usize, &'a Rule>,
}

impl<'a> Teller<'a> {
    fn new(
        backup: &'a Backup,
        request: &'a Request,
        plan: &'a Plan,
        survey: &'a PartSurvey,
    ) -> Result<Self> {
        let part = backup.part(survey.part);
        let guard = Guard::new(backup, part, request)?;
        let matcher = Matcher::new(&request.catalogue, &part.id)
            .map_err(|e| Error::new(Kind::Usage, e.to_string()))?;
        let dropped = matches!(
            plan.parts.get(survey.part).map(|p| &p.action),
            Some(Action::Drop)
        );
        let finds = plan
            .units
            .iter()
            .filter(|u| dropped && u.part == survey.part)
            .flat_map(|u| u.finds());
        let entries = finds.filter_map(|find| Some((find.rule.as_ref()?, &find.entries)));
        let finds = entries
            .flat_map(|(rule, entries)| entries.iter().map(move |&at| (at, rule)))
            .collect();
        let (keeps, drops) = (
            Selectors::new(&request.keeps, &part.id)?,
            Selectors::new(&request.drops, &part.id)?,
        );
        let paths = paths(backup, part, survey);
        let groups = Groups::new(&part.id, survey, &paths);
        Ok(Self {
            backup,
            request,
            plan,
            part,
            survey,
            guard,
            paths,
            groups,
            keeps,
            drops,
            matcher,
            finds,
        })
    }

    fn action(&self) -> Option<&Action> {
        self.plan.parts.get(self.survey.part).map(|p| &p.action)
    }

    /// Whether the bytes of an entry leave the archive.
    fn removes(&self, index: usize) -> bool {
        match self.action() {
            Some(Action::Drop) => true,
            Some(Action::Cut(cut)) => cut.removes(index),
            _ => false,
        }
    }

    fn tell(&self, path: &[u8], index: usize, entry: &Entry) -> String {
        let told = self.told(path, index, entry);
        if matches!(self.action(), Some(Action::Drop)) {
            let whole = of_whole(self.request, self.plan, self.part, self.survey.part);
            let id = &self.part.id;
            let rule = if told.why.is_empty() {
                format!("{whole}.")
            } else {
                told.why
            };
            return format!(
                "would be left out, with all of {id}: {rule} {}",
                told.restore
            );
        }
        told.sentence()
    }

    fn told(&self, path: &[u8], index: usize, entry: &Entry) -> Told {
        match self.action() {
            Some(Action::Drop) => {
                let rule = self
                    .finds
                    .get(&index)
                    .map_or(String::new(), |rule| named(rule));
                return Told::goes(rule, effect(self.backup, self.part, true, None).sentence());
            }
            Some(Action::Cut(cut)) => {
                if let Some(reason) = cut.verdicts.get(index).copied().flatten() {
                    let mut told = self.goes(usize::from(reason), path, index);
                    if cut.promoted.contains_key(&index) {
                        told.restore = "Its contents stay: another name for them is kept.";
                    }
                    return told;
                }
            }
            _ => {}
        }
        self.stays(path, index, entry)
    }

    fn goes(&self, reason: usize, path: &[u8], index: usize) -> Told {
        let Some(past) = reason.checked_sub(self.request.drops.len()) else {
            let Some(selector) = self.request.drops.get(reason) else {
                return Told::goes("it was named.", "");
            };
            let text = escape(selector.text().as_bytes());
            let what = match self
                .groups
                .main(index)
                .and_then(|main| self.paths.get(main).copied().flatten())
            {
                _ if selector.takes_path(&self.part.id, path) => "it".to_owned(),
                Some(main) => format!("{}, which it belongs to", escape(main)),
                None => "what it belongs to".to_owned(),
            };
            return Told::goes(format!("--drop {text} names {what}."), "");
        };
        let Some(rule) = self.plan.units.get(past).and_then(|u| u.rule.as_ref()) else {
            return Told::goes("the limit demands it.", "");
        };
        Told::goes(
            named(rule),
            effect(self.backup, self.part, false, Some(rule)).sentence(),
        )
    }

    fn stays(&self, path: &[u8], index: usize, entry: &Entry) -> Told {
        let mut taking = Vec::new();
        self.keeps.taking(path, &mut taking);
        if !taking.is_empty() {
            return Told::stays("--keep names it.");
        }
        self.drops.taking(path, &mut taking);
        if let Some(selector) = taking.first().and_then(|&at| self.request.drops.get(at)) {
            let why = match self.guard.held_back(selector, path, entry.kind) {
                Some(reason) => format!("patterns leave it alone. {reason}"),
                None if entry.kind == EntryKind::Directory => "something in it stays.".into(),
                None => self.groups.held(index, &self.paths).map_or_else(
                    || "it belongs to a file that stays.".into(),
                    |reason| format!("cannot take it alone. {reason}"),
                ),
            };
            return Told::stays(format!(
                "--drop {} matches it, but {why}",
                escape(selector.text().as_bytes())
            ));
        }
        if let Some(reason) = self
            .matcher
            .never()
            .reason(path)
            .filter(|_| entry.kind != EntryKind::Symlink)
        {
            return Told::stays(format!("no rule ever drops it. {reason}"));
        }
        Told::stays(self.of_rules(path, entry))
    }

    /// What the rules say about a path that stays.
    fn of_rules(&self, path: &[u8], entry: &Entry) -> String {
        let conditions = Conditions {
            backup: self.backup,
            part: self.part,
            request: self.request,
            survey: self.survey,
        };
        let mut unmet = None;
        let is_dir = entry.kind == EntryKind::Directory;
        let found = self.matcher.rule_where(path, is_dir, |index| {
            let Some(rule) = self.request.catalogue.rule(index) else {
                return false;
            };
            let why = conditions.unmet(rule, path, entry);
            let applies = why.is_none();
            // Whether a file is a backup is asked of every file; that most are none is no news.
            if let (Some(why), false) = (why, rule.globs.iter().any(|glob| glob == "**/*")) {
                unmet.get_or_insert_with(|| format!("it could go as {}, but {why}.", titled(rule)));
            }
            applies
        });
        match found.and_then(|index| self.request.catalogue.rule(index)) {
            Some(rule) if !self.consented(rule) => {
                format!(
                    "{} only with your consent (--allow {}). Lost then: {}",
                    goes_as(rule),
                    rule.class.name(),
                    rule.lost
                )
            }
            Some(rule) => format!("{}, but the limit does not demand it.", goes_as(rule)),
            None => unmet.unwrap_or_else(|| "no rule takes it.".into()),
        }
    }

    fn consented(&self, rule: &Rule) -> bool {
        let key = (self.part.id.clone(), Some(rule.id.clone()));
        self.request.class_may_go(rule.class) || self.request.consent.contains(&key)
    }

    /// What goes and what stays of a folder, or of the whole part when the path is empty.
    ///
    /// # Errors
    /// `Interrupted`.
    fn folder(&self, path: &str, entries: &[(&[u8], usize, &Entry)]) -> Result<Vec<String>> {
        let (id, whole) = (&self.part.id, path.is_empty());
        let place = if whole {
            id.clone()
        } else {
            format!("{id}:{}", escape(path.as_bytes()))
        };
        let mut groups: BTreeMap<Told, Group<'_>> = BTreeMap::new();
        let (mut gone, mut total, mut files) = (0, 0, 0);
        let mut pace = self.request.control.pace();
        for &(found, index, entry) in entries {
            // To tell of an entry takes longer than to look at it.
            pace.step(found.len() + TELLING)?;
            let is_file = entry.kind != EntryKind::Directory;
            let removed = self.removes(index);
            gone += if removed { entry.stored } else { 0 };
            total += entry.stored;
            files += u64::from(is_file);
            // A folder that stays says nothing about what is in it.
            if is_file || removed {
                let told = self.told(found, index, entry);
                // The contents of a hard link that goes may stay.
                let stored = if told.stays || removed {
                    entry.stored
                } else {
                    0
                };
                groups.entry(told).or_default().add(found, stored, is_file);
            }
        }
        if whole {
            total = self.backup.stored(self.part);
        }
        groups.retain(|_, group| group.files > 0);
        let kept = groups.iter().any(|(told, _)| told.stays);
        let size = format!("{}, {}", size::decimal(total), words::files(files));
        if matches!(self.action(), Some(Action::Drop)) {
            return Ok(self.dropped(&format!("{place} ({size})"), &groups));
        }
        if let (1, Some((told, group))) = (groups.len(), groups.iter().next()) {
            // Folders that stay behind empty are not worth a word.
            let size = if told.stays {
                size
            } else {
                format!("{}, {}", size::decimal(gone), words::files(group.files))
            };
            return Ok(vec![format!("{place} ({size}) {}", told.sentence())]);
        }
        let gone = size::decimal(gone);
        let head = match groups.keys().next() {
            None => format!("{place} ({size}) stays: there are no files in it."),
            Some(_) if !kept => format!("All files of {place} ({size}) would be left out."),
            Some(first) if first.stays => format!("All of {place} ({size}) stays."),
            Some(_) => format!("Of {place} ({size}) {gone} would be left out; the rest stays."),
        };
        Ok(std::iter::once(head)
            .chain(lines(&groups).map(|(told, size)| format!("{size} {}", told.sentence())))
            .collect())
    }

    /// A folder in a part that goes as a whole: why, and what the rules know of it.
    fn dropped(&self, place: &str, groups: &BTreeMap<Told, Group<'_>>) -> Vec<String> {
        let whole = of_whole(self.request, self.plan, self.part, self.survey.part);
        let restore = effect(self.backup, self.part, true, None).sentence();
        let head = format!(
            "{place} would be left out, with all of {}: {whole}. {restore}",
            self.part.id
        );
        let known = lines(groups)
            .filter(|(told, _)| !told.why.is_empty())
            .map(|(told, size)| format!("{size}: {}", told.why));
        std::iter::once(head).chain(known).collect()
    }
}

impl<'a> Group<'a> {
    fn add(&mut self, path: &'a [u8], stored: u64, is_file: bool) {
        self.stored += stored;
        if is_file && (self.files == 0 || stored > self.first.0) {
            self.first = (stored, path);
        }
        self.files += u64::from(is_file);
    }

    fn size(&self) -> String {
        let (files, first) = (words::files(self.files), escape(self.first.1));
        let most = if self.files > 1 { "the largest: " } else { "" };
        format!("{} ({files}, {most}{first})", size::decimal(self.stored))
    }
}

/// The groups, what goes first, then by size.
fn lines<'a>(groups: &'a BTreeMap<Told, Group<'_>>) -> impl Iterator<Item = (&'a Told, String)> {
    let mut order: Vec<_> = groups.iter().collect();
    order.sort_by_key(|(told, group)| (told.stays, std::cmp::Reverse(group.stored)));
    order.into_iter().map(|(told, group)| (told, group.size()))
}

/// A rule by what it takes, with its id.
fn titled(rule: &Rule) -> String {
    format!("\"{}\" [{}]", rule.title, rule.id)
}

fn goes_as(rule: &Rule) -> String {
    format!("it may go as {}", titled(rule))
}

fn named(rule: &Rule) -> String {
    format!(
        "it belongs to {}, class {}. Lost: {}",
        titled(rule),
        rule.class.name(),
        rule.lost
    )
}
