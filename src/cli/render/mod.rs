//! What commands print for people.

pub mod next_steps;
pub mod plan;
pub mod tables;
