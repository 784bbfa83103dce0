//! Errors in a rules file.

/// A rules file that cannot be used. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Invalid TOML, an unknown key, a missing key or a value of the wrong kind.
    #[error("line {line}{}: {message}", in_rule(.id))]
    Syntax {
        /// The line of the error.
        line: usize,
        /// The rule around it, if its id is already known.
        id: Option<String>,
        /// The message of the TOML reader.
        message: String,
    },
    /// Two rules with the same id.
    #[error(
        "line {line}: there is a rule '{id}' already; give yours another id, and put '{id}' into `disable` if yours replaces it"
    )]
    Duplicate {
        /// The line of the second one.
        line: usize,
        /// The id.
        id: String,
    },
    /// `disable` names a rule that does not exist.
    #[error("line {line}: there is no rule '{id}' to switch off")]
    UnknownRule {
        /// The line of the error.
        line: usize,
        /// The id.
        id: String,
    },
    /// A rule that parses but is not valid.
    #[error("line {line}, rule '{id}': {problem}")]
    Invalid {
        /// The line of the rule's id.
        line: usize,
        /// The rule.
        id: String,
        /// The fault, as a sentence without its full stop.
        problem: String,
    },
    /// The rules of one component are too many or too large to be compiled.
    #[error("the rules for {component} cannot be compiled: {message}")]
    Compile {
        /// The component.
        component: String,
        /// The message of the glob compiler.
        message: String,
    },
}

fn in_rule(id: &Option<String>) -> String {
    id.as_ref()
        .map(|id| format!(", rule '{id}'"))
        .unwrap_or_default()
}

impl RulesError {
    /// Converts an error of the TOML reader into a line and a rule's id.
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        Self::Syntax {
            line: line_of(text, at),
            id: enclosing_id(text, at),
            message: error.message().trim().replace('\n', "; "),
        }
    }
}

/// The line, from 1, of the byte `at`.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&b| b == b'\n').count()
}

/// The `id` of the table around byte `at`.
///
/// Read from the text, because a table that does not parse has no value.
fn enclosing_id(text: &str, at: usize) -> Option<String> {
    let (mut id, mut begin) = (None, 0);
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with("[[") {
            if begin > at {
                break;
            }
            id = None;
        } else if id.is_none() {
            id = id_line(line);
        }
        begin += line.len();
    }
    id
}

fn id_line(line: &str) -> Option<String> {
    let value = line
        .trim()
        .strip_prefix("id")?
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value
        .get(1..)?
        .split_once(quote)
        .map(|(id, _)| id.to_owned())
}
