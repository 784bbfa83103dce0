//! Names: the folder of each part, the path of each entry in it, and links that stay inside.

use std::collections::HashSet;
use std::ffi::OsString;

use super::outcome::Why;
use crate::format::tar::path::{self, Fault, MAX_NAME, MAX_PATH};
use crate::open::{Backup, Part, config_path};
use crate::sys;

/// The longest name of a part's folder in bytes, so that there is room for a number behind it.
const LONGEST: usize = 200;

/// The name of the folder for each part of a backup: its component's id with `_` for everything
/// that is not a letter, a digit, `.`, `-` or `_`. So `addons/local` becomes `addons_local`, and
/// `addon:core_mariadb` becomes `addon_core_mariadb`. Names that would be the same get a number.
pub fn folders(backup: &Backup) -> Vec<String> {
    let mut used = HashSet::new();
    let unique = |part: &Part| {
        let name = folder(&part.id);
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        names
            .find(|name| used.insert(name.to_lowercase()))
            .unwrap_or_default()
    };
    backup.parts.iter().map(unique).collect()
}

fn folder(id: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut name = String::with_capacity(id.len());
    for c in id.chars() {
        if name.len() >= LONGEST {
            break;
        }
        name.push(if is_plain(c) { c } else { '_' });
    }
    // Windows removes full stops at the end.
    let plain = name.trim_end_matches('.').len();
    let stops = name.split_off(plain);
    name.extend(stops.chars().map(|_| '_'));
    name
}

/// The path of an entry as `ls` shows it: inside the configuration for what is in it, otherwise
/// inside the archive; empty for the root of a part.
///
/// # Errors
/// The fault of a name that is not a path inside the archive.
pub(super) fn path_in(backup: &Backup, part: &Part, name: &[u8]) -> Result<Vec<u8>, Fault> {
    match path::fault(name) {
        None | Some(Fault::Untidy) => {}
        Some(fault) => return Err(fault),
    }
    let inside = config_path(part.kind, backup.manifest.version(), name).unwrap_or(name);
    let names = inside.split(|&b| b == b'/');
    let is_name = |name: &&[u8]| !name.is_empty() && *name != b".";
    Ok(names.filter(is_name).collect::<Vec<_>>().join(&b'/'))
}

/// The name that the selectors see; `None` for a name that only the whole part selects.
pub(super) fn selected_path<'a>(backup: &Backup, part: &Part, name: &'a [u8]) -> Option<&'a [u8]> {
    let path = config_path(part.kind, backup.manifest.version(), name);
    path.filter(|path| !path.is_empty())
}

/// The path below the folder of all parts, one name for each level, and whether a name had to be
/// changed for this system.
///
/// # Errors
/// Why the system cannot hold it.
pub(super) fn fitted(folder: &str, path: &[u8]) -> Result<(Vec<OsString>, bool), Why> {
    if folder.len() + 1 + path.len() > MAX_PATH {
        return Err(Why::TooLong);
    }
    let mut names = vec![OsString::from(folder)];
    let mut is_changed = false;
    for name in path.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
        if name.len() > MAX_NAME {
            return Err(Why::TooLong);
        }
        let fitted = if cfg!(windows) {
            for_windows(name)
        } else {
            None
        };
        let name = fitted.as_deref().unwrap_or(name);
        is_changed |= fitted.is_some();
        let name = sys::name_of(name);
        names.push(name.ok_or_else(|| Why::System("it is not UTF-8".into()))?);
    }
    Ok((names, is_changed))
}

/// A name that Windows accepts; `None` if it accepts the name as it is (Microsoft, "Naming Files,
/// Paths, and Namespaces"). Bytes that are not UTF-8 and characters that Windows reserves become
/// `_`, and so does a full stop or a space at the end; a device's name gets one in front.
fn for_windows(name: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(name);
    let is_bad = |c: char| c.is_control() || "<>:\"/\\|?*\u{fffd}".contains(c);
    let mut fitted: String = text
        .chars()
        .map(|c| if is_bad(c) { '_' } else { c })
        .collect();
    if fitted.ends_with(['.', ' ']) {
        fitted.pop();
        fitted.push('_');
    }
    if sys::is_windows_device(&fitted) {
        fitted.insert(0, '_');
    }
    (fitted.as_bytes() != name).then(|| fitted.into_bytes())
}

/// Whether a symbolic link stays inside the folder of all parts, wherever the names in its target
/// lead. `depth` is the number of folders between that folder and the link, the part's own included.
///
/// Only the first names of a target may be `..`: behind another name, which may be a link, `..`
/// could lead anywhere.
pub(super) fn stays_inside(target: &[u8], depth: usize) -> bool {
    let is_foreign = |byte: &u8| *byte == 0 || cfg!(windows) && matches!(byte, b'\\' | b':');
    if target.is_empty() || target.starts_with(b"/") || target.iter().any(is_foreign) {
        return false;
    }
    let names = target.split(|&b| b == b'/');
    let names = names.filter(|name| !name.is_empty() && *name != b".");
    let ups = names.clone().take_while(|name| *name == b"..").count();
    let has_more = names.skip(ups).any(|name| name == b"..");
    ups <= depth && !has_more
}

/// The form of a path in which a file system that ignores case, or the composition of characters,
/// compares it with others.
pub(super) fn folded(path: &[u8]) -> Vec<u8> {
    use unicode_normalization::UnicodeNormalization;
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    match std::str::from_utf8(path) {
        Ok(text) => text.to_lowercase().nfc().collect::<String>().into_bytes(),
        Err(_) => path.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_part_is_its_id_in_plain_characters() {
        for (id, name) in [
            ("media", "media"),
            ("addons/local", "addons_local"),
            ("addon:core_mariadb", "addon_core_mariadb"),
            ("addon:../../x", "addon_.._.._x"),
            ("unknown:odd\\x80.tar", "unknown_odd_x80.tar"),
            ("addon:x..", "addon_x__"),
            ("addon:küche", "addon_küche"),
        ] {
            assert_eq!(folder(id), name);
        }
        assert!(folder(&"é".repeat(500)).len() <= LONGEST + 4);
    }

    #[test]
    fn a_link_may_lead_up_only_at_its_beginning_and_not_out() {
        for (target, depth) in [
            ("a", 1),
            ("./a/b", 1),
            ("..", 1),
            ("../share/x", 1),
            ("../../a", 2),
            ("a/...", 1),
        ] {
            assert!(stays_inside(target.as_bytes(), depth), "{target}");
        }
        for (target, depth) in [
            ("", 1),
            ("/etc/passwd", 1),
            ("../..", 1),
            ("../../../a", 2),
            ("a/..", 1),
            ("a/../..", 9),
            ("./l/l/l/../../../x", 9),
            ("a\0b", 1),
        ] {
            assert!(!stays_inside(target.as_bytes(), depth), "{target}");
        }
    }

    #[test]
    fn names_that_windows_reserves_are_changed() {
        for (name, fitted) in [
            ("a:b", Some("a_b")),
            ("a\\..\\b", Some("a_.._b")),
            ("nul", Some("_nul")),
            ("NUL.txt", Some("_NUL.txt")),
            ("com1.log", Some("_com1.log")),
            ("a.", Some("a_")),
            ("a\nb", Some("a_b")),
            ("null", None),
            ("com10", None),
            ("configuration.yaml", None),
            (".storage", None),
        ] {
            let found = for_windows(name.as_bytes());
            assert_eq!(found.as_deref(), fitted.map(str::as_bytes), "{name}");
        }
        assert_eq!(for_windows(b"a\xffb").as_deref(), Some(&b"a_b"[..]));
    }

    #[test]
    fn names_that_differ_only_in_case_or_composition_are_similar() {
        assert_eq!(folded(b"A/b"), folded(b"a/B"));
        assert_eq!(folded("É".as_bytes()), folded("e\u{301}".as_bytes()));
        assert_ne!(folded(b"a"), folded(b"b"));
    }

    #[test]
    fn what_linux_cannot_create_is_too_long() {
        assert_eq!(fitted("media", &[b'n'; 256]), Err(Why::TooLong));
        assert_eq!(fitted("media", &b"a/".repeat(2048)), Err(Why::TooLong));
        assert!(fitted("media", &b"a/".repeat(2000)).is_ok());
    }
}
