//! Where the key of a backup comes from.

use std::path::PathBuf;

/// The environment variable that may hold the key.
pub const VARIABLE: &str = "HASLIM_PASSWORD";

/// The source of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The first line of this file.
    PasswordFile(PathBuf),
    /// This emergency kit of Home Assistant.
    EmergencyKit(PathBuf),
    /// Home Assistant itself: the key that it uses now.
    HomeAssistant,
    /// The variable `HASLIM_PASSWORD`, otherwise a prompt.
    VariableOrPrompt,
}
