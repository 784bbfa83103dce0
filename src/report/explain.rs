//! Explains why a path, a folder or a part stays or is dropped.

use std::collections::BTreeMap;

use crate::component::Location;
use crate::error::{Advice, Error, Kind, Result, escape};
use crate::format::tar::block::EntryKind;
use crate::open::{Backup, Part};
use crate::plan::compression::CompressedFor;
use crate::plan::edit::conditions::Conditions;
use crate::plan::edit::conditions::Unmet;
use crate::plan::edit::groups::Groups;
use crate::plan::edit::paths::paths;
use crate::plan::edit::protected::Guard;
use crate::plan::effects::effect;
use crate::plan::model::{Action, PartPlan, Plan};
use crate::plan::request::Request;
use crate::plan::request::locate::located;
use crate::plan::request::names;
use crate::plan::request::selector_set::Selectors;
use crate::report::places::no_such_place;
use crate::report::terms::Terms;
use crate::report::{notes, words};
use crate::rules::{Matcher, NeverList, Origin, Rule, RulesError};
use crate::size;
use crate::survey::{Entry, PartSurvey, Totals, config_path};

/// Explains which rule or choice decided about a path, given as `COMPONENT:PATH`, or about the
/// contents of a folder or a component. Returns one or more sentences per entry of that name. For a
/// folder, the first sentence says how much of it is dropped; then follows what is dropped and what
/// stays for each reason, by size in the backup. The path may be written as it is shown, with
/// escapes.
///
/// # Errors
/// `Usage` if no such component or path was surveyed.
pub fn why(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    plan: &Plan,
    place: &str,
    terms: &dyn Terms,
) -> Result<Vec<String>> {
    let request = &*located(backup, surveys, request);
    let place = &*names::location(place, backup);
    let Some((at, path)) = find(backup, place) else {
        return Err(no_such_place(backup, surveys, place, &request.control));
    };
    let part = backup.part(at);
    let Some(survey) = surveys.iter().find(|s| s.part == at) else {
        return unseen(backup, request, plan, at, path, terms).map(|s| vec![s]);
    };
    let explainer = Explainer::new(backup, request, plan, survey, terms)?;
    let (mut own, mut below, mut pace) = (Vec::new(), Vec::new(), request.control.pace());
    for (index, entry) in survey.entries.iter().enumerate() {
        let Some(found) = config_path(part.kind, backup.manifest.version(), &entry.name) else {
            continue;
        };
        pace.step(found.len())?;
        match relation(found, path) {
            Some(Relation::There) => own.push((found, index, entry)),
            Some(Relation::Below) => below.push((found, index, entry)),
            None => {}
        }
    }
    let compressed = compressed(part, plan.parts.get(at), backup);
    if path.is_empty() || !below.is_empty() {
        below.append(&mut own);
        let mut said = explainer.folder(path, &below)?;
        said.extend(compressed);
        return Ok(said);
    }
    let said = own.into_iter().map(|(found, index, entry)| {
        format!(
            "{}:{} {}",
            part.id,
            escape(found),
            explainer.tell(found, index, entry)
        )
    });
    let mut said: Vec<String> = said.collect();
    if said.is_empty() {
        return Err(no_such_place(backup, surveys, place, &request.control));
    }
    said.extend(compressed);
    Ok(said)
}

/// The sentence about a part that is compressed to make the copy smaller.
fn compressed(part: &Part, planned: Option<&PartPlan>, backup: &Backup) -> Option<String> {
    let planned = planned?;
    let how = planned.compressing?;
    let about = if how.is_exact { "" } else { "about " };
    (how.why == CompressedFor::Size).then(|| {
        format!(
            "In the copy all of {} is compressed, from {} to {about}{}; what stays of it loses nothing.",
            part.id,
            size::decimal(backup.stored(part)),
            size::decimal(planned.predicted)
        )
    })
}

/// The part that a location names, and the path in it.
fn find<'a>(backup: &Backup, place: &'a str) -> Option<(usize, &'a str)> {
    let Location { component, path } = Location::parse(place);
    let at = backup.parts.iter().position(|part| part.id == component)?;
    Some((at, path.unwrap_or_default()))
}

/// How a path relates to the requested one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    There,
    Below,
}

/// Compares a path, in its plain and its escaped form, with the requested one.
fn relation(found: &[u8], asked: &str) -> Option<Relation> {
    let relation = |found: &[u8]| match found.strip_prefix(asked.as_bytes())? {
        [] => Some(Relation::There),
        [b'/', ..] => Some(Relation::Below),
        _ if asked.is_empty() => Some(Relation::Below),
        _ => None,
    };
    // Only a path with a backslash is shown differently.
    relation(found).or_else(|| {
        asked
            .contains('\\')
            .then(|| relation(escape(found).as_bytes()))
            .flatten()
    })
}

/// The sentences about a part that was not read.
fn unseen(
    backup: &Backup,
    request: &Request,
    plan: &Plan,
    at: usize,
    path: &str,
    terms: &dyn Terms,
) -> Result<String> {
    let part = backup.part(at);
    let stored = size::decimal(backup.stored(part));
    let all = format!("All of {} ({stored})", part.id);
    let locked = !part.is_readable(request.has_key) && part.version().is_some();
    if plan.parts.get(at).is_some_and(|p| p.action == Action::Drop) {
        return Ok(format!(
            "{all} would be left out: {}. {}",
            of_whole(request, plan, part, at, terms),
            effect(backup, part, true, None, &plan.database).sentence()
        ));
    }
    if request.keeps_component(&part.id) {
        return Ok(format!("{all} stays: {} names it.", terms.keep()));
    }
    if path.is_empty() {
        let advice = if locked {
            format!(" {}", terms.advice(&Advice::GiveKeyToLook))
        } else {
            String::new()
        };
        return Ok(format!("{all} stays: it was not looked into.{advice}"));
    }
    let error = Error::new(Kind::Usage, format!("{} was not looked into", part.id));
    Err(if locked {
        error.advice(Advice::GiveKeyToLook)
    } else {
        error
    })
}

/// Why a part is dropped as a whole, without the ids of rules.
fn of_whole(request: &Request, plan: &Plan, part: &Part, at: usize, terms: &dyn Terms) -> String {
    let selectors = request.selectors_into(part);
    let named: Vec<String> = selectors
        .map(|s| format!("{} {}", terms.drop(), escape(s.text().as_bytes())))
        .collect();
    let here = || plan.units.iter().filter(|u| u.part == at);
    if here().any(|u| u.rule.is_none()) {
        return format!(
            "the limit demands it, and whole folders and add-ons may go ({} user, or your answer)",
            terms.allow()
        );
    }
    if here().next().is_none() {
        return format!("{} names it", named.join(", "));
    }
    let some = named
        .iter()
        .map(|name| format!("{name} names some of it, and "));
    format!("{}all that is in it may go", some.collect::<String>())
}

/// The explanation for one entry, or for all entries with the same explanation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Explanation {
    /// Whether it stays. Dropped entries come first.
    stays: bool,
    why: String,
    restore: &'static str,
}

impl Explanation {
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

/// The cost of explaining one entry, as the number of path bytes read in the same time.
const TELLING: usize = 256;

/// The files with the same explanation.
#[derive(Default)]
struct Group<'a> {
    stored: u64,
    files: u64,
    /// The size and path of the largest of them.
    first: (u64, &'a [u8]),
}

/// Puts reasons into words.
struct Explainer<'a> {
    backup: &'a Backup,
    request: &'a Request,
    plan: &'a Plan,
    part: &'a Part,
    survey: &'a PartSurvey,
    terms: &'a dyn Terms,
    guard: Guard<'a>,
    paths: Vec<Option<&'a [u8]>>,
    groups: Groups,
    keeps: Selectors<'a>,
    drops: Selectors<'a>,
    matcher: Matcher,
    never: NeverList,
    /// By entry: the rule whose match is dropped with the whole part.
    finds: BTreeMap<usize, &'a Rule>,
}

impl<'a> Explainer<'a> {
    fn new(
        backup: &'a Backup,
        request: &'a Request,
        plan: &'a Plan,
        survey: &'a PartSurvey,
        terms: &'a dyn Terms,
    ) -> Result<Self> {
        let part = backup.part(survey.part);
        let guard = Guard::new(backup, part, request)?;
        let usage = |e: RulesError| Error::new(Kind::Usage, e.to_string());
        let matcher = Matcher::new(&request.catalogue, &part.id).map_err(usage)?;
        let never = NeverList::new(&request.catalogue, &part.id).map_err(usage)?;
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
            terms,
            guard,
            paths,
            groups,
            keeps,
            drops,
            matcher,
            never,
            finds,
        })
    }

    fn action(&self) -> Option<&Action> {
        self.plan.parts.get(self.survey.part).map(|p| &p.action)
    }

    /// Whether the bytes of an entry leave the archive.
    fn removes(&self, index: usize) -> bool {
        match self.action() {
            Some(action) => action.removes(index),
            None => false,
        }
    }

    fn tell(&self, path: &[u8], index: usize, entry: &Entry) -> String {
        let explanation = self.explanation(path, index, entry);
        if matches!(self.action(), Some(Action::Drop)) {
            let whole = of_whole(
                self.request,
                self.plan,
                self.part,
                self.survey.part,
                self.terms,
            );
            let id = &self.part.id;
            let rule = if explanation.why.is_empty() {
                format!("{whole}.")
            } else {
                explanation.why
            };
            return format!(
                "would be left out, with all of {id}: {rule} {}",
                explanation.restore
            );
        }
        explanation.sentence()
    }

    fn explanation(&self, path: &[u8], index: usize, entry: &Entry) -> Explanation {
        match self.action() {
            Some(Action::Drop) => {
                let rule = self
                    .finds
                    .get(&index)
                    .map_or(String::new(), |rule| named(rule));
                return Explanation::goes(
                    rule,
                    effect(self.backup, self.part, true, None, &self.request.database).sentence(),
                );
            }
            Some(Action::Edit(cut)) => {
                if let Some(reason) = cut.reason(index) {
                    let mut explanation = self.goes(usize::from(reason), path, index);
                    if cut.new_name(index).is_some() {
                        explanation.restore = "Its contents stay: another name for them is kept.";
                    }
                    return explanation;
                }
            }
            _ => {}
        }
        self.stays(path, index, entry)
    }

    fn goes(&self, reason: usize, path: &[u8], index: usize) -> Explanation {
        let Some(past) = reason.checked_sub(self.request.drops.len()) else {
            let Some(selector) = self.request.drops.get(reason) else {
                return Explanation::goes("it was named.", "");
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
            return Explanation::goes(format!("{} {text} names {what}.", self.terms.drop()), "");
        };
        let Some(rule) = self.plan.units.get(past).and_then(|u| u.rule.as_ref()) else {
            return Explanation::goes("the limit demands it.", "");
        };
        Explanation::goes(
            named(rule),
            effect(
                self.backup,
                self.part,
                false,
                Some(rule),
                &self.request.database,
            )
            .sentence(),
        )
    }

    fn stays(&self, path: &[u8], index: usize, entry: &Entry) -> Explanation {
        let mut taking = Vec::new();
        self.keeps.taking(path, &mut taking);
        if !taking.is_empty() {
            return Explanation::stays(format!("{} names it.", self.terms.keep()));
        }
        self.drops.taking(path, &mut taking);
        if let Some(selector) = taking.first().and_then(|&at| self.request.drops.get(at)) {
            let why = match self.guard.held_back(selector, path, entry.kind) {
                Some(why) => format!("patterns leave it alone. {}", notes::protection(&why)),
                None if entry.kind == EntryKind::Directory => "something in it stays.".into(),
                None => self.groups.held(index, &self.paths).map_or_else(
                    || "it belongs to a file that stays.".into(),
                    |why| format!("cannot take it alone. {}", notes::held(&why)),
                ),
            };
            return Explanation::stays(format!(
                "{} {} matches it, but {why}",
                self.terms.drop(),
                escape(selector.text().as_bytes())
            ));
        }
        if let Some(reason) = self
            .never
            .reason(path)
            .filter(|_| entry.kind != EntryKind::Symlink)
        {
            return Explanation::stays(format!("no rule ever drops it. {reason}"));
        }
        Explanation::stays(self.of_rules(path, entry))
    }

    /// What the rules say about a path that stays.
    fn of_rules(&self, path: &[u8], entry: &Entry) -> String {
        let conditions = Conditions::new(self.backup, self.part, self.request, self.survey);
        let mut could_go = None;
        let is_dir = entry.kind == EntryKind::Directory;
        let found = self.matcher.matching().rule_where(path, is_dir, |index| {
            let Some(rule) = self.request.catalogue.rule(index) else {
                return false;
            };
            let why = conditions.unmet(rule, path, entry);
            let applies = why.is_none();
            // The check for backups applies to every file. That most files are not backups is not
            // worth mentioning.
            if let (Some(why), false) = (why, rule.globs.iter().any(|glob| glob == "**/*")) {
                could_go.get_or_insert_with(|| {
                    format!("it could go as {}, but {}.", titled(rule), unmet(why))
                });
            }
            applies
        });
        match found.and_then(|index| self.request.catalogue.rule(index)) {
            Some(rule) if !self.consented(rule) => {
                format!(
                    "{} only with your consent ({} {}). Lost then: {}",
                    goes_as(rule),
                    self.terms.allow(),
                    rule.class.name(),
                    rule.lost
                )
            }
            Some(rule) => format!("{}, but the limit does not demand it.", goes_as(rule)),
            None => could_go.unwrap_or_else(|| "no rule takes it.".into()),
        }
    }

    fn consented(&self, rule: &Rule) -> bool {
        let key = (self.part.id.clone(), Some(rule.id.clone()));
        self.request.class_may_go(rule.class) || self.request.consent.contains(&key)
    }

    /// What is dropped and what stays of a folder, or of the whole part if the path is empty.
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
        let (mut groups, mut all, gone) = self.explain_each(entries)?;
        if whole {
            all = Totals::of_part(self.backup, self.survey);
        }
        groups.retain(|_, group| group.files > 0);
        let kept = groups.iter().any(|(explanation, _)| explanation.stays);
        let size = format!("{}, {}", size::decimal(all.stored), words::files(all.files));
        if matches!(self.action(), Some(Action::Drop)) {
            return Ok(self.dropped(&format!("{place} ({size})"), &groups));
        }
        if let (1, Some((explanation, group))) = (groups.len(), groups.iter().next()) {
            // Remaining empty folders are not worth mentioning.
            let size = if explanation.stays {
                size
            } else {
                format!("{}, {}", size::decimal(gone), words::files(group.files))
            };
            return Ok(vec![format!("{place} ({size}) {}", explanation.sentence())]);
        }
        let gone = size::decimal(gone);
        let head = match groups.keys().next() {
            None => format!("{place} ({size}) stays: there are no files in it."),
            Some(_) if !kept => format!("All files of {place} ({size}) would be left out."),
            Some(first) if first.stays => format!("All of {place} ({size}) stays."),
            Some(_) => format!("Of {place} ({size}) {gone} would be left out; the rest stays."),
        };
        Ok(std::iter::once(head)
            .chain(
                lines(&groups)
                    .map(|(explanation, size)| format!("{size} {}", explanation.sentence())),
            )
            .collect())
    }

    /// Groups entries by what is said about them, with their totals and the bytes that go.
    fn explain_each<'e>(
        &self,
        entries: &[(&'e [u8], usize, &Entry)],
    ) -> Result<(BTreeMap<Explanation, Group<'e>>, Totals, u64)> {
        let mut groups: BTreeMap<Explanation, Group<'e>> = BTreeMap::new();
        let (mut gone, mut all) = (0, Totals::default());
        let mut pace = self.request.control.pace();
        for &(found, index, entry) in entries {
            // To tell of an entry takes longer than to look at it.
            pace.step(found.len() + TELLING)?;
            let is_file = entry.kind != EntryKind::Directory;
            let removed = self.removes(index);
            gone += if removed { entry.stored } else { 0 };
            all.add(entry);
            // A folder that stays says nothing about what is in it.
            if is_file || removed {
                let explanation = self.explanation(found, index, entry);
                // The contents of a hard link that goes may stay.
                let stored = if explanation.stays || removed {
                    entry.stored
                } else {
                    0
                };
                groups
                    .entry(explanation)
                    .or_default()
                    .add(found, stored, is_file);
            }
        }
        Ok((groups, all, gone))
    }

    /// A folder in a part that goes as a whole: why, and what the rules know of it.
    fn dropped(&self, place: &str, groups: &BTreeMap<Explanation, Group<'_>>) -> Vec<String> {
        let whole = of_whole(
            self.request,
            self.plan,
            self.part,
            self.survey.part,
            self.terms,
        );
        let restore = effect(self.backup, self.part, true, None, &self.request.database).sentence();
        let head = format!(
            "{place} would be left out, with all of {}: {whole}. {restore}",
            self.part.id
        );
        let known = lines(groups)
            .filter(|(explanation, _)| !explanation.why.is_empty())
            .map(|(explanation, size)| format!("{size}: {}", explanation.why));
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

/// The groups, dropped ones first, then by size.
fn lines<'a>(
    groups: &'a BTreeMap<Explanation, Group<'_>>,
) -> impl Iterator<Item = (&'a Explanation, String)> {
    let mut order: Vec<_> = groups.iter().collect();
    order.sort_by_key(|(explanation, group)| (explanation.stays, std::cmp::Reverse(group.stored)));
    order
        .into_iter()
        .map(|(explanation, group)| (explanation, group.size()))
}

/// Why a rule does not apply to a file that its globs match.
fn unmet(why: Unmet) -> String {
    let text = match why {
        Unmet::Database => "it is a database, which no rule drops without your consent",
        Unmet::Backup(Origin::Other) => "it is a backup of another Home Assistant",
        Unmet::Backup(Origin::Unknown) => "the backup does not say which Home Assistant made it",
        Unmet::Backup(Origin::Same) => "it is a backup of the same Home Assistant",
        Unmet::NotABackup => "its contents are not a Home Assistant backup",
        Unmet::NotACoreDump => "it is not a core dump of a crashed program",
        Unmet::UnnamedModule => {
            "`package.json` does not name its module, so nothing would install it again"
        }
        Unmet::NotRendered => "its name is not one that Home Assistant gives to rendered files",
        Unmet::NoPublishedVoice => "no voice of this name is published for Piper",
        Unmet::NotTheRecorders => "`db_url` in the configuration does not name it",
        Unmet::Image(why) => return why.to_string(),
        Unmet::IsAFile => "it is a file",
    };
    text.to_owned()
}

/// The title of a rule, with its id.
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
