//! `haslim ls`: a tree of what is inside, by stored bytes.

use std::path::Path;

use haslim::crypt::KeyRing;
use haslim::error::escape;
use haslim::format::block::EntryKind;
use haslim::open::{self, Backup};
use haslim::report::{json, words};
use haslim::survey::{self, PartSurvey};
use haslim::{Error, Kind, Result, size};

use super::key::Need;
use super::{DONE, Session, key, usage};

/// Prints the tree.
pub fn run(session: &Session, path: &Path, scope: Option<&str>, depth: usize, top: usize) -> Result<u8> {
    let mut backup = session.open(path)?;
    let (component, below) = split(scope);
    let wanted: Vec<usize> = (0..backup.parts.len()).filter(|&at| component.is_none_or(|c| backup.parts[at].id == c)).collect();
    if let (Some(component), true) = (component, wanted.is_empty()) {
        let shown = escape(component.as_bytes());
        return Err(usage(format!("there is no '{shown}' in this backup"), "`haslim info` lists the components."));
    }
    let readable: Vec<usize> = wanted.into_iter().filter(|&at| backup.parts[at].layer.is_some()).collect();
    let needed = readable.iter().any(|&at| backup.parts[at].version().is_some());
    let keys = key::keys(session, &backup, Need::must_if(needed))?;
    if let Some(keys) = &keys {
        open::close_others(&mut backup, keys)?;
    }
    let (surveys, failed) = look(session, &backup, &readable, keys.as_ref())?;
    backup.input.check_unchanged()?;
    if session.common.json {
        session.screen.json(&json::Entries { backup: &backup, surveys: &surveys, error: failed.first() });
        return Ok(failed.first().map_or(DONE, |error| error.kind().code()));
    }
    session.screen.as_is(&format!("{:>11} {:>11} {}", "in backup", "unpacked", "path"));
    let mut order: Vec<&PartSurvey> = surveys.iter().collect();
    order.sort_by_key(|s| std::cmp::Reverse(backup.stored(&backup.parts[s.part])));
    for survey in order {
        print(session, &backup, survey, below, depth, top)?;
    }
    backup.warnings().iter().chain(surveys.iter().flat_map(|s| &s.warnings)).for_each(|w| session.screen.warn(w));
    let mut failed = failed.into_iter();
    let first = failed.next();
    failed.for_each(|error| session.screen.warn(&error.to_string()));
    first.map_or(Ok(DONE), Err)
}

/// Surveys the parts; one that is damaged does not hide the others.
///
/// # Errors
/// That of the only part that was asked for, and what is not about the contents of a part.
fn look(session: &Session, backup: &Backup, parts: &[usize], keys: Option<&KeyRing>) -> Result<(Vec<PartSurvey>, Vec<Error>)> {
    let (mut surveys, mut failed) = (Vec::new(), Vec::new());
    for outcome in survey::survey_each(backup, parts, keys, &session.control) {
        match outcome {
            Ok(survey) => surveys.push(survey),
            Err(error) if matches!(error.kind(), Kind::Damaged | Kind::Refused | Kind::Password) => failed.push(error),
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

/// `addon:SLUG` has a colon of its own.
fn split(scope: Option<&str>) -> (Option<&str>, &str) {
    let Some(scope) = scope else { return (None, "") };
    let from = if scope.starts_with("addon:") || scope.starts_with("unknown:") { scope.find(':').map_or(0, |at| at + 1) } else { 0 };
    match scope.get(from..).and_then(|rest| rest.find(':')) {
        Some(at) if !scope.starts_with("unknown:") => {
            let (component, path) = scope.split_at(from + at);
            (Some(component), path.trim_start_matches(':').trim_matches('/'))
        }
        _ => (Some(scope), ""),
    }
}

/// The entries of one part, sorted so that what lies in a folder stands together. Memory:
/// 24 bytes for each entry, however deep it lies, and what one folder holds.
struct Tree<'a> {
    rows: Vec<(&'a [u8], &'a survey::Entry)>,
}

/// All that begins with the same names.
struct Node<'a> {
    /// The last of the names; nothing for the whole part.
    name: &'a [u8],
    /// How many names lead to it.
    level: usize,
    /// Its rows among the sorted ones.
    from: usize,
    to: usize,
    stored: u64,
    raw: u64,
    files: u64,
    /// Whether something lies below it.
    folder: bool,
}

impl<'a> Tree<'a> {
    fn new(backup: &Backup, survey: &'a PartSurvey) -> Self {
        let part = &backup.parts[survey.part];
        let row = |entry: &'a survey::Entry| {
            // What lies beside the config directory keeps its own name.
            (survey::config_path(part.kind, backup.manifest.version(), &entry.name).unwrap_or(&entry.name), entry)
        };
        let mut rows: Vec<_> = survey.entries.iter().map(row).collect();
        rows.sort_unstable_by(|a, b| names(a.0).cmp(names(b.0)));
        Self { rows }
    }

    fn root(&self) -> Node<'a> {
        let mut root = Node::new(b"", 0, 0);
        self.rows.iter().for_each(|(path, entry)| root.add(path, entry));
        root
    }

    fn find(&self, path: &str) -> Option<Node<'a>> {
        names(path.as_bytes()).try_fold(self.root(), |node, name| self.children(&node).into_iter().find(|child| child.name == name))
    }

    /// What lies in a folder, by name.
    fn children(&self, node: &Node<'a>) -> Vec<Node<'a>> {
        let mut children: Vec<Node<'a>> = Vec::new();
        for (at, (path, entry)) in self.rows.iter().enumerate().take(node.to).skip(node.from) {
            let Some(name) = names(path).nth(node.level) else { continue };
            if children.last().is_none_or(|child| child.name != name) {
                children.push(Node::new(name, node.level + 1, at));
            }
            if let Some(child) = children.last_mut() {
                child.add(path, entry);
            }
        }
        children
    }

    /// A line for each node below `root`, the biggest first. A path can be deeper than a stack.
    fn lines(&self, root: &Node<'a>, depth: usize, top: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut work = if depth == 0 { Vec::new() } else { self.below(root, top, 1) };
        while let Some(step) = work.pop() {
            match step {
                Step::Node { node, indent } => {
                    let slash = if node.folder { "/" } else { "" };
                    lines.push(line(&format!("{}{slash}", escape(node.name)), &node, indent));
                    if indent < depth {
                        work.append(&mut self.below(&node, top, indent + 1));
                    }
                }
                Step::More { count, stored, indent } => {
                    lines.push(format!("{:>11}             {}{count} more", size::decimal(stored), space(indent)));
                }
            }
        }
        lines
    }

    /// What is to be said below one node, the last thing first.
    fn below(&self, node: &Node<'a>, top: usize, indent: usize) -> Vec<Step<'a>> {
        let mut order = self.children(node);
        order.sort_by_key(|child| std::cmp::Reverse(child.stored));
        let rest = order.split_off(top.min(order.len()));
        let more =
            (!rest.is_empty()).then(|| Step::More { count: rest.len(), stored: rest.iter().map(|child| child.stored).sum(), indent });
        more.into_iter().chain(order.into_iter().rev().map(|node| Step::Node { node, indent })).collect()
    }
}

/// One more line.
enum Step<'a> {
    Node { node: Node<'a>, indent: usize },
    More { count: usize, stored: u64, indent: usize },
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|name| !name.is_empty() && *name != b".")
}

impl<'a> Node<'a> {
    fn new(name: &'a [u8], level: usize, from: usize) -> Self {
        Self { name, level, from, to: from, stored: 0, raw: 0, files: 0, folder: false }
    }

    /// Counts the next of its rows.
    fn add(&mut self, path: &[u8], entry: &survey::Entry) {
        self.to += 1;
        self.stored += entry.stored;
        self.raw += entry.size;
        self.files += u64::from(entry.kind != EntryKind::Directory);
        self.folder |= names(path).nth(self.level).is_some();
    }
}

fn print(session: &Session, backup: &Backup, survey: &PartSurvey, below: &str, depth: usize, top: usize) -> Result<()> {
    let part = &backup.parts[survey.part];
    let tree = Tree::new(backup, survey);
    let root = tree.find(below).ok_or_else(|| {
        usage(
            format!("there is no '{}' in {}", escape(below.as_bytes()), part.id),
            "Run `haslim ls` on the component to see what is in it.",
        )
    })?;
    let title = if below.is_empty() { part.id.clone() } else { format!("{}:{}", part.id, escape(below.as_bytes())) };
    session.screen.as_is(&line(&session.screen.bold(&title), &root, 0));
    let lines = tree.lines(&root, depth, top);
    if !lines.is_empty() {
        session.screen.as_is(&lines.join("\n"));
    }
    Ok(())
}

/// Deeper than this nobody counts, and no line grows.
const INDENT: usize = 40;

fn space(indent: usize) -> String {
    "  ".repeat(indent.min(INDENT))
}

fn line(name: &str, node: &Node<'_>, indent: usize) -> String {
    let files = if node.folder { format!("  ({})", words::files(node.files)) } else { String::new() };
    format!("{:>11} {:>11} {}{name}{files}", size::decimal(node.stored), size::decimal(node.raw), space(indent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_component_and_perhaps_a_path() {
        assert_eq!(split(None), (None, ""));
        assert_eq!(split(Some("media")), (Some("media"), ""));
        assert_eq!(split(Some("media:frigate/")), (Some("media"), "frigate"));
        assert_eq!(split(Some("addon:core_x")), (Some("addon:core_x"), ""));
        assert_eq!(split(Some("addon:core_x:data/y")), (Some("addon:core_x"), "data/y"));
        assert_eq!(split(Some("unknown:a:b")), (Some("unknown:a:b"), ""));
    }
}
