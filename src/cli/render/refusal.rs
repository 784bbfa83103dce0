//! The error that ends a run with nothing to write.

use haslim::job::{Prepared, Refusal};
use haslim::report::plan_view::PlanView;
use haslim::report::terms::Terms;
use haslim::report::words;
use haslim::{Error, Kind, size};

use super::terms::CommandLine;

/// The message and the exit code.
pub fn error(prepared: &Prepared, refusal: Refusal) -> Error {
    match refusal {
        Refusal::AlreadyFits => already_fits(prepared),
        Refusal::CannotFit { excess } => cannot_fit(prepared, excess),
    }
}

fn already_fits(prepared: &Prepared) -> Error {
    let size = words::against_limit(prepared.backup.input.len(), prepared.plan.limit);
    let advice = if prepared.request.drops.is_empty() {
        "Name something with --drop to make it smaller anyway."
    } else {
        "Nothing that --drop names would be dropped; `haslim plan --why PATH` explains why a path stays."
    };
    Error::new(
        Kind::AlreadyFits,
        format!("Nothing to do: the backup fits, with {size}"),
    )
    .advice(advice)
}

fn cannot_fit(prepared: &Prepared, excess: u64) -> Error {
    let message = format!("the copy would be {} over the limit", size::short(excess));
    let look = if !prepared.request.has_key && prepared.backup.is_protected() {
        " With the key, haslim could look inside the parts."
    } else {
        ""
    };
    let view = super::plan::view(prepared);
    let ways: Vec<&str> = view
        .ways_out
        .iter()
        .map(|way| way.options.as_str())
        .collect();
    let advice = match ways.as_slice() {
        [] => format!(
            "`haslim ls` shows what is large; name more of it with --drop, or raise --limit.{look}"
        ),
        [way] => format!("To make it fit, add {way}.{look}"),
        ways => format!(
            "To make it fit, add one of these: {}.{look}",
            ways.join("; or: ")
        ),
    };
    Error::new(Kind::CannotFit, message).advice(advice)
}

/// Adds the selectors that match nothing to an error that is printed alone, because they may be its
/// cause.
pub fn with_unmatched_selectors(error: Error, view: &PlanView<'_>) -> Error {
    if view.warnings.is_empty() {
        return error;
    }
    let step = error.next_step().map(|step| CommandLine.advice(step));
    let advice: Vec<String> = view.warnings.iter().cloned().chain(step).collect();
    let advice = advice.join(" ");
    error.advice(advice)
}
