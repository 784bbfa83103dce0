//! `haslim ls`: a tree of the contents, by stored bytes.

use std::borrow::Cow;
use std::path::Path;

use haslim::component::Location;
use haslim::error::escape;
use haslim::job::{KeyNeed, Unlocked};
use haslim::open::{self, Backup};
use haslim::report::places::no_such_place;
use haslim::report::{json, words};
use haslim::survey::tree::{PathNode, PathTree};
use haslim::survey::{self, PartSurvey, Scan};
use haslim::{Error, Kind, Result, size};

use crate::cli::render::terms::CommandLine;
use crate::cli::session::{DONE, Session};
use crate::cli::{key, scan_file};

/// Prints the tree.
pub fn run(
    session: &Session,
    path: &Path,
    scope: Option<&str>,
    depth: usize,
    top: usize,
    scan: Option<&Path>,
) -> Result<u8> {
    let mut backup = session.open(path)?;
    let mut scan = scan
        .map(|scan| scan_file::load(scan, &backup))
        .transpose()?
        .unwrap_or_default();
    let location = scope.map(Location::parse);
    let below = location.and_then(|location| location.path).unwrap_or("");
    let wanted: Vec<usize> = (0..backup.parts.len())
        .filter(|&at| location.is_none_or(|place| place.component == backup.parts[at].id))
        .collect();
    if let (Some(scope), true) = (scope, wanted.is_empty()) {
        return Err(no_such_place(&backup, &[], scope, &session.control));
    }
    let (readable, faulty) = readable(&backup, &wanted);
    let needed = readable
        .iter()
        .any(|&at| backup.parts[at].version().is_some() && !scan.settles(at));
    scan.close_parts(&mut backup);
    let unlocked = key::unlock(session, backup, KeyNeed::must_if(needed))?;
    let (surveys, failed) = look(session, &unlocked, &readable, &mut scan, faulty)?;
    let backup = unlocked.backup;
    backup.input.check_unchanged()?;
    if session.settings.json {
        let entries = json::Entries {
            backup: &backup,
            surveys: &surveys,
            error: failed.first(),
            terms: &CommandLine,
        };
        session.screen.long_json(&entries, &session.control)?;
        return Ok(failed.first().map_or(DONE, |error| error.kind().code()));
    }
    session.screen.as_is(&format!(
        "{:>11} {:>11} {}",
        "in backup", "unpacked", "path"
    ));
    let mut order: Vec<&PartSurvey> = surveys.iter().collect();
    order.sort_by_key(|s| std::cmp::Reverse(backup.stored(&backup.parts[s.part])));
    for survey in order {
        print(session, &backup, survey, below, depth, top)?;
    }
    backup
        .warnings()
        .iter()
        .chain(surveys.iter().flat_map(|s| &s.warnings))
        .for_each(|w| session.screen.warn(w));
    let mut failed = failed.into_iter();
    let first = failed.next();
    failed.for_each(|error| session.screen.warn(&error.to_string()));
    first.map_or(Ok(DONE), Err)
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

/// A line for each node below `root`, the biggest first. Not recursive, because a path can be
/// deeper than the stack.
fn lines(tree: &PathTree<'_>, root: &PathNode, depth: usize, top: usize) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut work = if depth == 0 {
        Vec::new()
    } else {
        below(tree, root, top, 1)?
    };
    while let Some(step) = work.pop() {
        match step {
            Step::Node { node, indent } => {
                let slash = if node.folder { "/" } else { "" };
                lines.push(line(
                    &format!("{}{slash}", escape(tree.name(&node))),
                    &node,
                    indent,
                ));
                if indent < depth {
                    work.append(&mut below(tree, &node, top, indent + 1)?);
                }
            }
            Step::More {
                count,
                stored,
                indent,
            } => {
                lines.push(format!(
                    "{:>11}             {}{count} more",
                    size::decimal(stored),
                    space(indent)
                ));
            }
        }
    }
    Ok(lines)
}

/// The lines below one node, the last one first.
fn below(tree: &PathTree<'_>, node: &PathNode, top: usize, indent: usize) -> Result<Vec<Step>> {
    let mut order = tree.children(node)?;
    order.sort_by_key(|child| std::cmp::Reverse(child.totals.stored));
    let rest = order.split_off(top.min(order.len()));
    let more = (!rest.is_empty()).then(|| Step::More {
        count: rest.len(),
        stored: rest.iter().map(|child| child.totals.stored).sum(),
        indent,
    });
    Ok(more
        .into_iter()
        .chain(
            order
                .into_iter()
                .rev()
                .map(|node| Step::Node { node, indent }),
        )
        .collect())
}

/// The next line to print.
enum Step {
    Node {
        node: PathNode,
        indent: usize,
    },
    More {
        count: usize,
        stored: u64,
        indent: usize,
    },
}

/// The paths of a part, each in its plain form: `a//./b` becomes `a/b`.
fn tidied<'a>(backup: &Backup, survey: &'a PartSurvey) -> Vec<(Cow<'a, [u8]>, &'a survey::Entry)> {
    let part = &backup.parts[survey.part];
    let names = |path: &'a [u8]| path.split(|&b| b == b'/');
    let row = |entry: &'a survey::Entry| {
        // Files beside the config directory keep their own names.
        let path = open::config_path(part.kind, backup.manifest.version(), &entry.name)
            .unwrap_or(&entry.name);
        let is_name = |name: &&[u8]| !name.is_empty() && *name != b".";
        let path = if path.is_empty() || names(path).all(|name| is_name(&name)) {
            Cow::Borrowed(path)
        } else {
            Cow::Owned(names(path).filter(is_name).collect::<Vec<_>>().join(&b'/'))
        };
        (path, entry)
    };
    survey.entries.iter().map(row).collect()
}

fn print(
    session: &Session,
    backup: &Backup,
    survey: &PartSurvey,
    below: &str,
    depth: usize,
    top: usize,
) -> Result<()> {
    let part = &backup.parts[survey.part];
    let tidied = tidied(backup, survey);
    let tree = PathTree::new(
        tidied.iter().map(|(path, entry)| (&**path, *entry, false)),
        survey.overhead,
        &session.control,
    )?;
    let Some(root) = tree.find(below.as_bytes())? else {
        let place = format!("{}:{below}", part.id);
        let surveys = std::slice::from_ref(survey);
        return Err(no_such_place(backup, surveys, &place, &session.control));
    };
    let title = if below.is_empty() {
        part.id.clone()
    } else {
        format!("{}:{}", part.id, escape(below.as_bytes()))
    };
    session
        .screen
        .as_is(&line(&session.screen.bold(&title), &root, 0));
    let lines = lines(&tree, &root, depth, top)?;
    if !lines.is_empty() {
        session.screen.as_is(&lines.join("\n"));
    }
    Ok(())
}

/// Deeper levels are not indented further, so that lines stay short.
const INDENT: usize = 40;

fn space(indent: usize) -> String {
    "  ".repeat(indent.min(INDENT))
}

fn line(name: &str, node: &PathNode, indent: usize) -> String {
    let files = if node.folder {
        format!("  ({})", words::files(node.totals.files))
    } else {
        String::new()
    };
    format!(
        "{:>11} {:>11} {}{name}{files}",
        size::decimal(node.totals.stored),
        size::decimal(node.totals.unpacked),
        space(indent)
    )
}
