//! Last stage: what programs and people read about the results of the other stages. Only this
//! module puts facts into words.

pub mod ask;
pub mod drops;
pub mod explain;
pub mod extracted;
pub mod json;
pub mod largest;
pub mod listing;
pub mod names;
pub mod notes;
pub mod overview;
pub mod part_reasons;
pub mod places;
pub mod plan_view;
mod protected;
pub mod shelf;
pub mod summary;
pub mod terms;
pub mod verdict;
pub mod words;

#[cfg(test)]
pub(crate) mod tests;
