//! Other options when a plan cannot fit, and what each would cost.

use crate::component::{LOCAL_ADDONS, is_local_addon};
use crate::error::Result;
use crate::format::tar::block::BLOCK;
use crate::open::Backup;
use crate::plan::choose::candidate::Candidate;
use crate::plan::choose::cover::{Order, cover};
use crate::plan::choose::harm::{Cost, Harm};
use crate::plan::choose::{candidates, fit, owners_files};
use crate::plan::draft;
use crate::plan::edit::scan::Scans;
use crate::plan::facts::{Alternative, Cause, Dropped, Offer};
use crate::plan::model::{Outcome, Plan};
use crate::plan::request::Request;
use crate::plan::request::selector::Selector;
use crate::rules::{Class, Condition};
use crate::survey::PartSurvey;

/// More ways than this are not read.
const MOST: usize = 4;

/// The ways to make it fit, those with the least harm first: consent to history, consent to
/// everything the rules match, the owner's files that are just large enough, and the smallest set of
/// whole folders and apps. Each is planned in the same way as the command it stands for; those that
/// do not reach the limit, lose the same as another, or take what was declined are left out.
pub(in crate::plan) fn out(
    backup: &Backup,
    surveys: &[PartSurvey],
    request: &Request,
    scans: &Scans,
    units: &[Candidate],
) -> Result<Vec<Alternative>> {
    let search = Search {
        backup,
        surveys,
        request,
        scans,
        units,
    };
    let mut ways: Vec<Alternative> = Vec::new();
    for classes in [&[Class::History][..], &[Class::History, Class::User]] {
        if let Some((offer, plan)) = search.allow(classes)? {
            add(&mut ways, search.way(offer, &plan));
        }
    }
    let over = search.over()?;
    if let Some((offer, plan)) = search.files(over)? {
        add(&mut ways, search.way(offer, &plan));
    }
    if let Some((offer, plan)) = search.parts(over)? {
        add(&mut ways, search.way(offer, &plan));
    }
    ways.sort_by_key(Alternative::cost);
    ways.truncate(MOST);
    Ok(ways)
}

/// Adds a way that reaches the limit and loses something else than the others.
fn add(ways: &mut Vec<Alternative>, way: Option<Alternative>) {
    let Some(way) = way else { return };
    let loses_the_same = |other: &&mut Alternative| {
        let pairs = || other.drops.iter().zip(&way.drops);
        other.drops.len() == way.drops.len()
            && pairs().all(|(one, other)| one.loses_the_same(other))
    };
    // The names of parts are the clearest; those of files are clearer than several classes.
    let is_clearer = |same: &Alternative| match (&way.offer, &same.offer) {
        (Offer::Parts(_), _) => true,
        (Offer::Files(_), Offer::Allow(classes)) => classes.len() > 1,
        _ => false,
    };
    match ways.iter_mut().find(loses_the_same) {
        Some(same) if is_clearer(same) => same.offer = way.offer,
        Some(_) => {}
        None => ways.push(way),
    }
}

struct Search<'a> {
    backup: &'a Backup,
    surveys: &'a [PartSurvey],
    request: &'a Request,
    scans: &'a Scans,
    units: &'a [Candidate],
}

impl Search<'_> {
    /// Consent to these classes.
    fn allow(&self, classes: &[Class]) -> Result<Option<(Offer, Plan)>> {
        let new = |class: &Class| !self.request.class_may_go(*class);
        let new: Vec<Class> = classes.iter().copied().filter(new).collect();
        if new.is_empty() || self.has_declined(&new) {
            return Ok(None);
        }
        let wider = Request {
            allow: classes.iter().chain(&self.request.allow).copied().collect(),
            ..self.request.clone()
        };
        let plan = fit::enough(self.backup, self.surveys, &wider, self.scans, self.units)?;
        Ok(Some((Offer::Allow(new), plan)))
    }

    /// Whether the user declined something of these classes, which consent to them would take.
    fn has_declined(&self, classes: &[Class]) -> bool {
        let is_declined = |unit: &&Candidate| {
            let key = unit.key(self.backup);
            self.request.declined.contains(&key) && classes.contains(&unit.class())
        };
        self.units
            .iter()
            .any(|unit| unit.finds().chain([unit]).any(|unit| is_declined(&unit)))
    }

    /// What is still too much without everything that may be dropped anyway, in bytes.
    fn over(&self) -> Result<u64> {
        let free = self.free();
        let draft = draft::draft(self.backup, self.surveys, self.request, self.scans, &free)?;
        let most = self.request.most();
        // What the metadata say about the copy may take one more block.
        Ok(draft
            .exact_size
            .saturating_sub(most)
            .saturating_add(BLOCK as u64))
    }

    /// What may be dropped anyway.
    fn free(&self) -> Vec<Candidate> {
        let mut free = candidates::allowed(self.backup, self.request, self.units);
        free.retain(|unit| unit.rule.is_some());
        free
    }

    /// The fewest files of the owner's that save this much.
    fn files(&self, over: u64) -> Result<Option<(Offer, Plan)>> {
        let files = owners_files::large_enough(
            self.backup,
            self.surveys,
            self.request,
            self.scans,
            self.units,
            over,
        )?;
        if files.is_empty() {
            return Ok(None);
        }
        let mut named = self.request.clone();
        for file in &files {
            named.drops.push(Selector::parse(file)?);
        }
        let scans = Scans::new(self.backup, self.surveys, &named)?;
        let (named_plan, units) = self.again(&named, &scans)?;
        let plan = if named_plan.outcome == Outcome::Fits {
            named_plan
        } else {
            fit::enough(self.backup, self.surveys, &named, &scans, &units)?
        };
        Ok(Some((Offer::Files(files), plan)))
    }

    /// The plan for a request, and the units that are left.
    fn again(&self, request: &Request, scans: &Scans) -> Result<(Plan, Vec<Candidate>)> {
        let plan = draft::plan(self.backup, self.surveys, request, scans, &[])?;
        let units = candidates::find(self.backup, self.surveys, request, scans, &plan)?;
        Ok((plan, units))
    }

    /// The fewest whole parts that save this much in addition to what may be dropped anyway. Parts
    /// of which the user declined to drop something are not among them.
    fn parts(&self, over: u64) -> Result<Option<(Offer, Plan)>> {
        let backup = self.backup;
        let free = self.free();
        let draft = draft::draft(backup, self.surveys, self.request, self.scans, &free)?;
        let declined = |part: usize| {
            let id = &backup.part(part).id;
            self.request
                .declined
                .iter()
                .any(|(component, _)| component == id)
        };
        let is_open = |unit: &&Candidate| unit.rule.is_none() && !declined(unit.part);
        let wholes: Vec<&Candidate> = self.units.iter().filter(is_open).collect();
        let left = |unit: &&Candidate| draft.predicted.get(unit.part).copied().unwrap_or(0);
        let left: Vec<u64> = wholes.iter().map(left).collect();
        let Some(chosen) = cover(&left, over, Order::FewestItems) else {
            return Ok(None);
        };
        let part = |at: usize| wholes.get(at).map(|unit| unit.part);
        let parts: Vec<usize> = chosen.into_iter().filter_map(part).collect();
        let plan = self.without(&parts)?;
        Ok(Some((Offer::Parts(parts), plan)))
    }

    /// The plan for a request that also names these parts.
    fn without(&self, parts: &[usize]) -> Result<Plan> {
        let backup = self.backup;
        let mut named = self.request.clone();
        // These selectors are added at the end and match whole parts, so the scans stay valid for
        // all others.
        for &at in parts {
            named.drops.push(Selector::component(&backup.part(at).id)?);
        }
        let source_goes = parts.iter().any(|&at| backup.part(at).id == LOCAL_ADDONS);
        let image_of_local = |u: &Candidate| {
            let rule = u.rule.as_ref();
            rule.is_some_and(|r| r.condition == Condition::ImageTar)
                && is_local_addon(&backup.part(u.part).id)
        };
        let goes = |u: &Candidate| parts.contains(&u.part) || source_goes && image_of_local(u);
        let units: Vec<Candidate> = self.units.iter().filter(|u| !goes(u)).cloned().collect();
        fit::enough(backup, self.surveys, &named, self.scans, &units)
    }

    /// The result of an offer, in addition to what the user already named; `None` if it does not
    /// reach the limit.
    fn way(&self, offer: Offer, plan: &Plan) -> Option<Alternative> {
        let is_named = |dropped: &&Dropped| {
            let names = |part| self.request.drops_component(&self.backup.part(part).id);
            let before = match &dropped.cause {
                Cause::Selector { text, .. } => self
                    .request
                    .drops
                    .iter()
                    .any(|selector| selector.text() == text),
                _ => dropped.part.is_some_and(names),
            };
            !dropped.is_chosen() && before
        };
        let goes_anyway = |dropped: &&Dropped| {
            let class = dropped.rule().map(|rule| rule.class);
            let is_allowed = class.is_some_and(|class| self.request.class_may_go(class));
            dropped.is_free() || dropped.is_chosen() && is_allowed
        };
        let (free, asked): (Vec<&Dropped>, Vec<&Dropped>) =
            plan.drops.iter().partition(goes_anyway);
        let asked = asked.into_iter().filter(|dropped| !is_named(dropped));
        (plan.outcome == Outcome::Fits).then(|| Alternative {
            offer,
            drops: asked.cloned().collect(),
            free_bytes: free.iter().map(|dropped| dropped.stored_bytes).sum(),
            predicted_size: plan.predicted_size,
        })
    }
}

impl Alternative {
    /// What it would cost in addition to what may be dropped anyway.
    pub fn cost(&self) -> Cost {
        let costs = self
            .drops
            .iter()
            .map(|dropped| (dropped.harm, dropped.stored_bytes));
        costs.collect()
    }
    /// The harm of the worst loss.
    pub fn harm(&self) -> Harm {
        let harms = self.drops.iter().map(|dropped| dropped.harm);
        harms.max().unwrap_or(Harm::Remade)
    }

    /// Whether a restore of the copy would delete something of it that nobody makes again.
    pub fn is_destroyed_on_restore(&self) -> bool {
        self.drops.iter().any(Dropped::is_destroyed_on_restore)
    }
}
