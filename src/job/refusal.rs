//! Plans that lead to no copy.

use crate::plan::{Outcome, Plan};

/// Why a plan leads to no copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is nothing to do.
    AlreadyFits,
    /// The copy would be larger than the limit.
    CannotFit {
        /// By how many bytes.
        excess: u64,
    },
}

impl Refusal {
    /// Judges a plan; `None` for one that can be written.
    pub fn of(plan: &Plan) -> Option<Self> {
        match plan.outcome {
            Outcome::Fits => None,
            Outcome::AlreadyFits => Some(Self::AlreadyFits),
            Outcome::CannotFit => Some(Self::CannotFit {
                excess: plan.predicted_size.saturating_sub(plan.limit),
            }),
        }
    }
}
