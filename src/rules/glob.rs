//! The globs of the catalogue, and their meaning.

use globset::{Glob, GlobBuilder};

/// Compiles a glob with the rules of the whole catalogue: it is case-sensitive, `*` and `?` stay
/// inside one name, `**` also matches no folder at all, and a backslash escapes the character after
/// it, on every system.
///
/// The result is for [`GlobSet`](super::glob_set::GlobSet), which matches bytes. The matcher of the
/// `globset` crate is not used: on Windows it treats a backslash in a name as a slash.
pub(super) fn compile(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
}

/// Whether a glob is a path typed out in full: only such a glob from the user may take what the
/// never-drop list protects.
pub fn typed_in_full(glob: &str) -> bool {
    !glob.contains(['*', '?', '[', ']', '{', '}', '\\'])
}
