//! What could be left out in addition to what the user named, and which of it is dropped so that
//! the copy fits with the least loss.

pub mod alternatives;
pub mod candidate;
pub mod candidates;
pub mod cover;
pub mod fit;
pub mod harm;
mod owners_files;
pub mod tiers;
