//! The names that a program uses for its options and commands.

use crate::error::Advice;

/// Names of options and commands. The library has none of its own; its sentences use those of the
/// program that shows them.
pub trait Terms {
    /// The option that leaves something out.
    fn drop(&self) -> &str;
    /// The option that keeps something.
    fn keep(&self) -> &str;
    /// The option that consents to a class.
    fn allow(&self) -> &str;
    /// The option for a copy that is not encrypted.
    fn plain(&self) -> &str;
    /// The option that compresses what is stored uncompressed.
    fn compress(&self) -> &str;
    /// The options that give a key.
    fn key(&self) -> &str;
    /// The command that explains why a path stays.
    fn explain(&self) -> &str;
    /// The command that writes a smaller copy.
    fn shrink(&self) -> &str;
    /// A word as it must be typed in that program.
    fn quoted(&self, word: &str) -> String;
    /// The next step after an error, in one or two sentences.
    fn advice(&self, advice: &Advice) -> String;
}
