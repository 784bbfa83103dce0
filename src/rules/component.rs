//! The components that a rule is for, given as a glob such as `addon:db21ed7f_{emby,tdarr}*`.

use super::glob::typed_in_full;
use super::glob_set::GlobSet;

/// A glob with more choices in braces than this is not expanded; the files that it takes are still
/// checked one by one.
const CHOICES: usize = 256;

/// Whether a component glob matches this component, as [`GlobSet`] does.
///
/// Every rule is asked about every component, and compiling a glob takes longer than everything
/// else. So single stars and braces, which are all that component globs need, are matched without
/// it.
pub(super) fn component_fits(glob: &str, component: &str) -> bool {
    if typed_in_full(glob) {
        return glob == component;
    }
    let choices = choices(glob);
    if choices.iter().all(|choice| is_simple(choice)) && !has_empty_choice(glob) {
        choices.iter().any(|choice| path_fits(choice, component))
    } else {
        GlobSet::of([glob]).is_ok_and(|glob| glob.is_match(component.as_bytes()))
    }
}

/// A glob with its braces expanded; the glob itself if there are none, or too many.
pub(super) fn choices(glob: &str) -> Vec<String> {
    let mut open = vec![glob.to_owned()];
    let mut done = Vec::new();
    while let Some(glob) = open.pop() {
        let braces = glob
            .split_once('{')
            .and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
        let Some((before, (inside, after))) = braces else {
            done.push(glob);
            continue;
        };
        open.extend(
            inside
                .split(',')
                .map(|choice| format!("{before}{choice}{after}")),
        );
        if open.len() + done.len() > CHOICES {
            return vec![glob];
        }
    }
    done
}

/// Whether a glob has nothing special but single stars.
fn is_simple(glob: &str) -> bool {
    !glob.contains("**") && typed_in_full(&glob.replace('*', ""))
}

/// Whether there is nothing between two separators in braces, which a compiled glob ignores.
fn has_empty_choice(glob: &str) -> bool {
    ["{,", ",,", ",}", "{}"]
        .iter()
        .any(|empty| glob.contains(empty))
}

/// Whether a simple glob matches, name by name: a star never matches a slash.
fn path_fits(glob: &str, path: &str) -> bool {
    glob.split('/').count() == path.split('/').count()
        && glob
            .split('/')
            .zip(path.split('/'))
            .all(|(glob, name)| name_fits(glob, name))
}

/// Whether a name has the pieces between the stars in this order, the first at its beginning and the
/// last at its end.
fn name_fits<'n>(glob: &str, name: &'n str) -> bool {
    let Some((begin, rest)) = glob.split_once('*') else {
        return glob == name;
    };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inside = name.strip_prefix(begin);
    let inside = inside.and_then(|name| name.strip_suffix(end));
    let mut pieces = middle.split('*');
    let after = |name: &'n str, piece| name.split_once(piece).map(|(_, rest)| rest);
    inside
        .and_then(|inside| pieces.try_fold(inside, after))
        .is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_component_fits_where_the_compiled_glob_matches(
            glob in "(a|b|_|:|/|\\*|\\*|\\?|\\{a,b\\*\\}|\\{\\*a,_b\\}|\\[ab\\]|\\{a,\\}|\\{a,\\{b,_\\}\\}){0,7}",
            component in "[ab_:/]{0,7}",
        ) {
            let compiled = GlobSet::of([&glob]).is_ok_and(|glob| glob.is_match(component.as_bytes()));
            prop_assert_eq!(component_fits(&glob, &component), compiled);
        }
    }
}
