//! What commands print for people.

pub mod bench;
pub mod columns;
mod events;
pub mod extract;
pub mod folder;
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

use std::path::Path;

/// A path, safe to print.
pub fn escaped_path(path: &Path) -> String {
    haslim::error::escape(path.as_os_str().as_encoded_bytes())
}
