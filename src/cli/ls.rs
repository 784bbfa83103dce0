//! `haslim ls`: a tree of what is inside, by stored bytes.

use std::collections::BTreeMap;
use std::path::Path;

use haslim::error::escape;
use haslim::format::block::EntryKind;
use haslim::open::Backup;
use haslim::report::{json, words};
use haslim::survey::{self, PartSurvey};
use haslim::{Result, size};

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
    let keys = key::keys(&session.common, &backup, needed)?;
    let surveys = survey::survey(&backup, &readable, keys.as_ref(), &session.control)?;
    backup.input.check_unchanged()?;
    if session.common.json {
        session.screen.json(&json::Entries { backup: &backup, surveys: &surveys });
        return Ok(DONE);
    }
    session.screen.say(&format!("{:>11} {:>11} {}", "in backup", "unpacked", "path"));
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

/// A directory or file with all that is below it.
#[derive(Default)]
struct Node {
    stored: u64,
    raw: u64,
    files: u64,
    children: BTreeMap<Vec<u8>, Node>,
}

fn tree(backup: &Backup, survey: &PartSurvey) -> Node {
    let part = &backup.parts[survey.part];
    let mut root = Node::default();
    for entry in &survey.entries {
        // What lies beside the config directory keeps its own name.
        let path = survey::config_path(part.kind, backup.manifest.version(), &entry.name).unwrap_or(&entry.name);
        let mut node = &mut root;
        node.add(entry);
        for name in path.split(|&b| b == b'/').filter(|name| !name.is_empty() && *name != b".") {
            node = node.children.entry(name.to_vec()).or_default();
            node.add(entry);
        }
    }
    root
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
    let root = tree(backup, survey);
    let mut node = &root;
    for name in below.split('/').filter(|n| !n.is_empty()) {
        node = node.children.get(name.as_bytes()).ok_or_else(|| {
            usage(
                format!("there is no '{}' in {}", escape(below.as_bytes()), part.id),
                "Run `haslim ls` on the component to see what is in it.",
            )
        })?;
    }
    let title = if below.is_empty() { part.id.clone() } else { format!("{}:{}", part.id, escape(below.as_bytes())) };
    session.screen.say(&line(&session.screen.bold(&title), node, 0));
    let mut lines = Vec::new();
    children(node, depth, top, 1, &mut lines);
    if !lines.is_empty() {
        session.screen.say(&lines.join("\n"));
    }
    Ok(())
}

fn children(node: &Node, depth: usize, top: usize, indent: usize, lines: &mut Vec<String>) {
    if depth == 0 {
        return;
    }
    let mut order: Vec<_> = node.children.iter().collect();
    order.sort_by_key(|(_, child)| std::cmp::Reverse(child.stored));
    for (name, child) in order.iter().take(top) {
        let slash = if child.children.is_empty() { "" } else { "/" };
        lines.push(line(&format!("{}{slash}", escape(name)), child, indent));
        children(child, depth - 1, top, indent + 1, lines);
    }
    let rest: u64 = order.iter().skip(top).map(|(_, child)| child.stored).sum();
    if order.len() > top {
        lines.push(format!("{:>11}             {}{} more", size::decimal(rest), "  ".repeat(indent), order.len() - top));
    }
}

fn line(name: &str, node: &Node, indent: usize) -> String {
    let files = if node.children.is_empty() { String::new() } else { format!("  ({})", words::files(node.files)) };
    format!("{:>11} {:>11} {}{name}{files}", size::decimal(node.stored), size::decimal(node.raw), "  ".repeat(indent))
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
