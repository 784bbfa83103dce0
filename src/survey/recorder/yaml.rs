//! YAML as a tree, with unresolved tags and aliases: `!secret` and `!include` are followed only if
//! they lead to the database.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, Tag};

/// The maximum number of nodes read from one file.
const NODES: usize = 100_000;
/// Deeper than any real configuration.
const DEPTH: usize = 200;

/// One file. Memory: about 100 bytes per node, for at most 100,000 of them.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// A value and its tag, without the `!` before it.
#[derive(Debug)]
pub struct Node {
    pub tag: Option<String>,
    pub value: Value,
}

#[derive(Debug)]
pub enum Value {
    Scalar(String),
    List(Vec<usize>),
    Map(Vec<(usize, usize)>),
}

/// A container that is not complete yet.
struct Open {
    at: usize,
    /// The key whose value follows.
    key: Option<usize>,
}

impl Tree {
    /// Reads the first document of a text; `None` if it is not YAML or too large.
    pub fn read(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let (mut tree, mut open, mut anchors) =
            (Self::default(), Vec::<Open>::new(), HashMap::new());
        for event in Parser::new_from_str(text) {
            let (at, anchor, opens) = match event.ok()?.0 {
                Event::Scalar(text, _, anchor, tag) => (
                    tree.push(tag.as_deref(), Value::Scalar(text.into_owned())),
                    anchor,
                    false,
                ),
                Event::SequenceStart(anchor, tag) => (
                    tree.push(tag.as_deref(), Value::List(Vec::new())),
                    anchor,
                    true,
                ),
                Event::MappingStart(anchor, tag) => (
                    tree.push(tag.as_deref(), Value::Map(Vec::new())),
                    anchor,
                    true,
                ),
                Event::Alias(anchor) => (*anchors.get(&anchor)?, 0, false),
                Event::SequenceEnd | Event::MappingEnd => {
                    open.pop();
                    continue;
                }
                Event::DocumentEnd => break,
                _ => continue,
            };
            if anchor > 0 {
                anchors.insert(anchor, at);
            }
            tree.attach(open.last_mut(), at);
            if opens {
                open.push(Open { at, key: None });
            }
            if tree.nodes.len() > NODES || open.len() > DEPTH {
                return None;
            }
        }
        Some(tree)
    }

    fn push(&mut self, tag: Option<&Tag>, value: Value) -> usize {
        let tag = tag
            .filter(|tag| !tag.is_yaml_core_schema())
            .map(|tag| tag.suffix.trim_start_matches('!').to_owned());
        self.nodes.push(Node { tag, value });
        self.nodes.len() - 1
    }

    fn attach(&mut self, parent: Option<&mut Open>, child: usize) {
        let Some(parent) = parent else { return };
        match (
            self.nodes.get_mut(parent.at).map(|node| &mut node.value),
            parent.key.take(),
        ) {
            (Some(Value::List(items)), _) => items.push(child),
            (Some(Value::Map(pairs)), Some(key)) => pairs.push((key, child)),
            _ => parent.key = Some(child),
        }
    }

    /// The outermost value; `None` for an empty file.
    pub fn root(&self) -> Option<usize> {
        (!self.nodes.is_empty()).then_some(0)
    }

    pub fn node(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    /// The value of a key: the last one if there are several, otherwise the one that is merged in
    /// (`<<`).
    pub fn get(&self, at: usize, key: &str) -> Option<usize> {
        self.get_within(at, key, 0)
    }

    fn get_within(&self, at: usize, key: &str, depth: usize) -> Option<usize> {
        let Value::Map(pairs) = &self.node(at)?.value else {
            return None;
        };
        let named = |wanted: &str| {
            pairs
                .iter()
                .rev()
                .find(|(key, _)| self.scalar(*key) == Some(wanted))
                .map(|(_, value)| *value)
        };
        if let Some(found) = named(key) {
            return Some(found);
        }
        let merged = named("<<").filter(|_| depth < 8)?;
        match &self.node(merged)?.value {
            Value::List(all) => all
                .iter()
                .take(8)
                .find_map(|&one| self.get_within(one, key, depth + 1)),
            _ => self.get_within(merged, key, depth + 1),
        }
    }

    /// The text of a scalar.
    pub fn scalar(&self, at: usize) -> Option<&str> {
        match &self.node(at)?.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }
}
