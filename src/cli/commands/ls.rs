//! `haslim ls`: what is in a backup, by stored bytes.

use std::path::Path;

use haslim::component::Location;
use haslim::job::{KeyNeed, Unlocked};
use haslim::open::{self, Backup};
use haslim::plan;
use haslim::report::json;
use haslim::report::listing::{self, Contents, Find, Scope, Shape};
use haslim::report::places::no_such_place;
use haslim::survey::{PartSurvey, Scan};
use haslim::{Error, Kind, Result};

use crate::cli::render;
use crate::cli::render::terms::CommandLine;
use crate::cli::session::{DONE, Session};
use crate::cli::settings::Listing;
use crate::cli::{key, scan_file};

/// How many levels of folders are shown.
const DEPTH: usize = 2;
/// How many rows are shown in each folder.
const TOP: usize = 10;
/// How many rows fit on one screen beside the command that comes after them.
const SCREEN: usize = 20;
/// Listing more entries than this a second time, with fewer rows, takes too long.
const MANY: usize = 200_000;

/// Prints the listing.
///
/// # Errors
/// `Usage` for a component or path that is not there, and for an invalid glob; the error of a part
/// that could not be read, after the others were listed.
pub fn run(session: &Session, path: &Path, listing: &Listing) -> Result<u8> {
    let mut backup = session.open(path)?;
    let scan = listing.scan.as_deref();
    let mut scan = scan
        .map(|scan| scan_file::load(scan, &backup))
        .transpose()?
        .unwrap_or_default();
    let scope = listing.scope.as_deref();
    let scope = scope.map(|scope| plan::location(scope, &backup));
    let scope = scope.as_deref();
    let location = scope.map(Location::parse);
    let wanted: Vec<usize> = (0..backup.parts.len())
        .filter(|&at| location.is_none_or(|place| place.component == backup.parts[at].id))
        .collect();
    if let (Some(scope), true) = (scope, wanted.is_empty()) {
        return Err(no_such_place(&backup, &[], scope, &session.control));
    }
    let find = listing.find.as_deref();
    let find = find.map(|glob| Find::parse(glob, &backup)).transpose()?;
    let (readable, faulty) = readable(&backup, &wanted);
    let needed = readable
        .iter()
        .any(|&at| backup.parts[at].version().is_some() && !scan.settles(at));
    scan.close_parts(&mut backup);
    let unlocked = key::unlock(session, backup, KeyNeed::must_if(needed))?;
    let (surveys, failed) = look(session, &unlocked, &readable, &mut scan, faulty)?;
    let backup = unlocked.backup;
    backup.input.check_unchanged()?;
    let scope = location.zip(wanted.first()).map(|(place, &part)| Scope {
        part,
        path: place.path.unwrap_or(""),
    });
    let looked = Looked {
        backup,
        surveys,
        failed,
    };
    if session.settings.json && !is_shaped(listing) {
        return looked.all_as_json(session);
    }
    let rows = looked.listed(session, scope, find.as_ref(), listing)?;
    looked.show(session, &rows, listing)
}

/// Whether any option says what to list. Without one, JSON has all entries of each part.
fn is_shaped(listing: &Listing) -> bool {
    let numbers = listing.depth.is_some() || listing.top.is_some();
    numbers || listing.flat || listing.find.is_some() || listing.sort.is_some()
}

/// What was read of a backup.
struct Looked {
    backup: Backup,
    surveys: Vec<PartSurvey>,
    /// The errors of the parts that could not be read.
    failed: Vec<Error>,
}

impl Looked {
    fn all_as_json(self, session: &Session) -> Result<u8> {
        let entries = json::Entries {
            backup: &self.backup,
            surveys: &self.surveys,
            error: self.failed.first(),
            terms: &CommandLine,
        };
        session.screen.long_json(&entries, &session.control)?;
        Ok(self.code())
    }

    fn code(&self) -> u8 {
        let first = self.failed.first();
        first.map_or(DONE, |error| error.kind().code())
    }

    fn listed(
        &self,
        session: &Session,
        scope: Option<Scope<'_>>,
        find: Option<&Find>,
        listing: &Listing,
    ) -> Result<listing::Listing> {
        let contents = Contents::new(&self.backup, &self.surveys, &session.control)?;
        let default = |number| {
            if session.settings.json {
                usize::MAX / 2
            } else {
                number
            }
        };
        let shape = Shape {
            depth: listing.depth.unwrap_or(default(DEPTH)),
            top: listing.top.unwrap_or(default(TOP)),
            fold: listing.top.is_none() && !session.settings.json,
            sort: listing.sort.unwrap_or_default(),
        };
        let rows = match find {
            Some(find) if !listing.flat => contents.found(scope, find, &shape)?,
            None if !listing.flat => contents.tree(scope, &shape)?,
            find => return contents.files(scope, find, &shape),
        };
        let entries: usize = self.surveys.iter().map(|survey| survey.entries.len()).sum();
        let is_free = listing.depth.is_none() && listing.top.is_none() && find.is_none();
        if session.settings.json || !is_free || rows.rows.len() <= SCREEN || entries > MANY {
            return Ok(rows);
        }
        let shape = Shape {
            depth: DEPTH - 1,
            top: TOP - 3,
            ..shape
        };
        contents.tree(scope, &shape)
    }

    fn show(self, session: &Session, rows: &listing::Listing, listing: &Listing) -> Result<u8> {
        if session.settings.json {
            let rows = json::Rows {
                backup: &self.backup,
                listing: rows,
                error: self.failed.first(),
                terms: &CommandLine,
            };
            session.screen.long_json(&rows, &session.control)?;
            return Ok(self.code());
        }
        render::ls::listing(session, &self.backup, rows, listing);
        self.backup
            .warnings()
            .iter()
            .chain(self.surveys.iter().flat_map(|s| &s.warnings))
            .for_each(|w| session.screen.warn(w));
        let mut failed = self.failed.into_iter();
        let first = failed.next();
        failed.for_each(|error| session.screen.warn(&error.to_string()));
        first.map_or(Ok(DONE), Err)
    }
}

/// The parts that can be read, and the errors in the first bytes of others.
fn readable(backup: &Backup, parts: &[usize]) -> (Vec<usize>, Vec<Error>) {
    let readable = parts
        .iter()
        .copied()
        .filter(|&at| backup.parts[at].layer.is_some())
        .collect();
    let faulty = parts
        .iter()
        .filter_map(|&at| open::check_head(backup, &backup.parts[at]).err());
    (readable, faulty.collect())
}

/// Surveys the parts that the scan does not cover. A damaged one does not hide the others.
///
/// # Errors
/// The error of the only requested part, and errors that are not about the contents of a part.
fn look(
    session: &Session,
    unlocked: &Unlocked,
    parts: &[usize],
    scan: &mut Scan,
    mut failed: Vec<Error>,
) -> Result<(Vec<PartSurvey>, Vec<Error>)> {
    let mut surveys = Vec::new();
    let Unlocked { backup, keys } = unlocked;
    for outcome in scan.survey_each(backup, parts, keys.as_deref(), &session.control) {
        match outcome {
            Ok(survey) => surveys.push(survey),
            Err(error)
                if matches!(error.kind(), Kind::Damaged | Kind::Refused | Kind::Password) =>
            {
                failed.push(error)
            }
            Err(error) => return Err(error),
        }
    }
    match failed.pop() {
        Some(error) if surveys.is_empty() && failed.is_empty() => Err(error),
        last => {
            failed.extend(last);
            Ok((surveys, failed))
        }
    }
}
