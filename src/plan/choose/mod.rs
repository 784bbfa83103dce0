//! What could be left out besides what the user named, and which of it goes so that the copy fits
//! and the least is lost.

pub mod alternatives;
pub mod candidates;
pub mod cover;
pub mod fit;
pub mod tiers;
