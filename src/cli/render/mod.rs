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

use std::path::Path;

use haslim::error::escape;

/// A path, safe to print.
pub fn escaped_path(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    if std::path::is_separator('\\') {
        // No name contains it, so it is shown as it is typed.
        let names: Vec<String> = bytes.split(|&byte| byte == b'\\').map(escape).collect();
        return names.join("\\");
    }
    escape(bytes)
}
