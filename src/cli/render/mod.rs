//! What commands print for people.

pub mod bench;
pub mod columns;
mod events;
pub mod extract;
pub mod folder;
pub mod home;
pub mod info;
pub mod ls;
pub mod next_steps;
pub mod plan;
pub mod refusal;
pub mod rules;
pub mod summary;
pub mod tables;
pub mod terms;
pub mod verify;

pub use haslim::error::escaped_path;
