//! `haslim ls`: a tree of what is inside, by stored bytes.

use std::collections::BTreeMap;
use std::path::Path;

use haslim::error::escape;
use haslim::format::block::EntryKind;
use haslim::open::Backup;
use haslim::report::{json, words};
use haslim::survey::{self, PartSurvey};
use haslim::{Result, size};

use super::key::Need;
use super::{DONE, Session, key, usage};

/// Prints the tree.
pub fn run(session: &Session, path: &Path, scope: Option<&str>, depth: usize, top: usize) -> Result<u8> {
    let backup = session.open(path)?;
    let (component, below) = split(scope);
    let wanted: Vec<usize> = (0..backup.parts.len()).filter(|&at| component.is_none_or(|c| backup.parts[at].id == c)).collect();
    if let (Some(component), true) = (component, wanted.is_empty()) {
        let shown = escape(component.as_bytes());
        return Err(usage(format!("there is no '{shown}' in this backup"), "`haslim info` lists the components."));
    }
    let readable: Vec<usize> = wanted.into_iter().filter(|&at| backup.parts[at].layer.is_some()).collect();
    let needed = readable.iter().any(|&at| backup.parts[at].version().is_some());
    let keys = key::keys(&session.common, &backup, Need::must_if(needed))?;
    let surveys = survey::survey(&backup, &readable, keys.as_ref(), &session.control)?;
    backup.input.check_unchanged()?;
    if session.common.json {
        session.screen.json(&json::Entries { backup: &backup, surveys: &surveys });
        return Ok(DONE);
    }
    session.screen.as_is(&format!("{:>11} {:>11} {}", "in backup", "unpacked", "path"));
    let mut order: Vec<&PartSurvey> = surveys.iter().collect();
    order.sort_by_key(|s| std::cmp::Reverse(backup.stored(&backup.parts[s.part])));
    for survey in order {
        print(session, &backup, survey, below, depth, top)?;
    }
    backup.warnings.iter().chain(surveys.iter().flat_map(|s| &s.warnings)).for_each(|w| session.screen.warn(w));
    Ok(DONE)
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

/// Directories and files with all that is below them, as deep as is asked for. Nodes lie
/// side by side: a path can be deeper than a stack.
struct Tree {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    stored: u64,
    raw: u64,
    files: u64,
    children: BTreeMap<Vec<u8>, usize>,
}

impl Tree {
    fn new(backup: &Backup, survey: &PartSurvey, levels: usize) -> Self {
        let part = &backup.parts[survey.part];
        let mut tree = Self { nodes: vec![Node::default()] };
        for entry in &survey.entries {
            // What lies beside the config directory keeps its own name.
            let path = survey::config_path(part.kind, backup.manifest.version(), &entry.name).unwrap_or(&entry.name);
            tree.nodes[0].add(entry);
            let mut at = 0;
            for name in names(path).take(levels) {
                at = tree.child(at, name);
                tree.nodes[at].add(entry);
            }
        }
        tree
    }

    fn child(&mut self, at: usize, name: &[u8]) -> usize {
        if let Some(&child) = self.nodes[at].children.get(name) {
            return child;
        }
        let child = self.nodes.len();
        self.nodes.push(Node::default());
        self.nodes[at].children.insert(name.to_vec(), child);
        child
    }

    fn find(&self, path: &str) -> Option<usize> {
        names(path.as_bytes()).try_fold(0, |at, name| self.nodes[at].children.get(name).copied())
    }

    /// A line for each node below `root`, the biggest first.
    fn lines(&self, root: usize, depth: usize, top: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut work = if depth == 0 { Vec::new() } else { self.below(root, top, 1) };
        while let Some(step) = work.pop() {
            match step {
                Step::Node { name, at, indent } => {
                    let node = &self.nodes[at];
                    let slash = if node.children.is_empty() { "" } else { "/" };
                    lines.push(line(&format!("{}{slash}", escape(name)), node, indent));
                    if indent < depth {
                        work.append(&mut self.below(at, top, indent + 1));
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
    fn below(&self, at: usize, top: usize, indent: usize) -> Vec<Step<'_>> {
        let mut order: Vec<(&[u8], usize)> = self.nodes[at].children.iter().map(|(name, child)| (name.as_slice(), *child)).collect();
        order.sort_by_key(|(_, child)| std::cmp::Reverse(self.nodes[*child].stored));
        let rest = order.get(top..).unwrap_or_default();
        let (count, stored) = (rest.len(), rest.iter().map(|(_, child)| self.nodes[*child].stored).sum());
        let more = (count > 0).then_some(Step::More { count, stored, indent });
        let nodes = order.iter().take(top).map(|(name, at)| Step::Node { name, at: *at, indent });
        nodes.chain(more).collect::<Vec<_>>().into_iter().rev().collect()
    }
}

/// One more line.
enum Step<'a> {
    Node { name: &'a [u8], at: usize, indent: usize },
    More { count: usize, stored: u64, indent: usize },
}

fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&b| b == b'/').filter(|name| !name.is_empty() && *name != b".")
}

impl Node {
    fn add(&mut self, entry: &survey::Entry) {
        self.stored += entry.stored;
        self.raw += entry.size;
        self.files += u64::from(entry.kind != EntryKind::Directory);
    }
}

fn print(session: &Session, backup: &Backup, survey: &PartSurvey, below: &str, depth: usize, top: usize) -> Result<()> {
    let part = &backup.parts[survey.part];
    // One level more than is shown tells folders from files.
    let tree = Tree::new(backup, survey, names(below.as_bytes()).count().saturating_add(depth).saturating_add(1));
    let root = tree.find(below).ok_or_else(|| {
        usage(
            format!("there is no '{}' in {}", escape(below.as_bytes()), part.id),
            "Run `haslim ls` on the component to see what is in it.",
        )
    })?;
    let title = if below.is_empty() { part.id.clone() } else { format!("{}:{}", part.id, escape(below.as_bytes())) };
    session.screen.as_is(&line(&session.screen.bold(&title), &tree.nodes[root], 0));
    let lines = tree.lines(root, depth, top);
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

fn line(name: &str, node: &Node, indent: usize) -> String {
    let files = if node.children.is_empty() { String::new() } else { format!("  ({})", words::files(node.files)) };
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
