//! What can be wrong with a file of rules.

/// A file of rules that cannot be used. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// No TOML, an unknown key, a missing key or a value of the wrong kind.
    #[error("line {line}{}: {message}", in_rule(.id))]
    Syntax {
        /// Where.
        line: usize,
        /// The rule around it, when it has an id already.
        id: Option<String>,
        /// What the TOML reader says.
        message: String,
    },
    /// Two rules of the same id.
    #[error(
        "line {line}: there is a rule '{id}' already; give yours another id, and put '{id}' into `disable` if yours replaces it"
    )]
    Duplicate {
        /// Where the second one is.
        line: usize,
        /// The id.
        id: String,
    },
    /// `disable` names a rule that does not exist.
    #[error("line {line}: there is no rule '{id}' to switch off")]
    UnknownRule {
        /// Where.
        line: usize,
        /// The id.
        id: String,
    },
    /// A rule that reads well but makes no sense.
    #[error("line {line}, rule '{id}': {problem}")]
    Invalid {
        /// Where the rule's id stands.
        line: usize,
        /// The rule.
        id: String,
        /// What is wrong, as a sentence without its full stop.
        problem: String,
    },
    /// The rules of one component are too many or too large to be compiled.
    #[error("the rules for {component} cannot be compiled: {message}")]
    Compile {
        /// The component.
        component: String,
        /// What the glob compiler says.
        message: String,
    },
}

fn in_rule(id: &Option<String>) -> String {
    id.as_ref()
        .map(|id| format!(", rule '{id}'"))
        .unwrap_or_default()
}

impl RulesError {
    /// Turns what the TOML reader says into a line and a rule's id.
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        Self::Syntax {
            line: line_of(text, at),
            id: enclosing_id(text, at),
            message: error.message().trim().replace('\n', "; "),
        }
    }
}

/// The line, from 1, in which the byte `at` stands.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|&b| b == b'\n').count()
}

/// The `id` of the table around byte `at`.
///
/// Read from the text, because a table that does not parse has no value to ask.
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
