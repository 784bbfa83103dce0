//! Plans that do not lead to a copy.

use crate::plan::{Outcome, Plan};

/// Why a plan does not lead to a copy.
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
    /// The reason for a plan that does not lead to a copy; `None` if the copy can be written.
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
