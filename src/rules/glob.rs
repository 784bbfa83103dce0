//! The globs of the catalogue, and what they mean.

use globset::{Glob, GlobBuilder};

/// Whether a component glob means this component.
pub(super) fn component_fits(glob: &str, component: &str) -> bool {
    // Compiling takes longer than all else, and most are names.
    if typed_in_full(glob) {
        return glob == component;
    }
    match glob.split_once('*') {
        // And almost all others are a name with one star, which stands for no slash.
        Some((begin, end)) if typed_in_full(begin) && typed_in_full(end) => {
            let star = component
                .strip_prefix(begin)
                .and_then(|rest| rest.strip_suffix(end));
            star.is_some_and(|star| !star.contains('/'))
        }
        _ => compile(glob).is_ok_and(|glob| glob.compile_matcher().is_match(component)),
    }
}

/// Compiles a glob the way the whole catalogue is written: case counts, `*` and
/// `?` stay inside one name, `**` also stands for no folder at all.
pub fn compile(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).build()
}

/// Whether a glob is a path typed out in full: only such a glob of the user's
/// may take what the never-drop list protects.
pub fn typed_in_full(glob: &str) -> bool {
    !glob.contains(['*', '?', '[', ']', '{', '}', '\\'])
}
