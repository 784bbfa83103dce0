//! Paths inside a part, as selectors and rules see them.

use super::ComponentKind;

/// The path as selectors and rules see it.
///
/// For `homeassistant` it is relative to the config directory, which is `data` in the archive (and
/// the archive's root in version 1 backups); `None` for paths outside it. For everything else it is
/// relative to the archive's root.
pub fn config_path(kind: ComponentKind, manifest_version: u64, name: &[u8]) -> Option<&[u8]> {
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"./") {
        name = rest;
    }
    if name == b"." {
        name = b"";
    }
    if kind != ComponentKind::HomeAssistant || manifest_version < 2 {
        return Some(name);
    }
    match name.strip_prefix(b"data") {
        Some(b"") => Some(b""),
        Some(rest) => rest.strip_prefix(b"/"),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_directory_is_the_root_of_its_paths() {
        let path = |name: &'static [u8]| config_path(ComponentKind::HomeAssistant, 2, name);
        assert_eq!(path(b"data/www/a"), Some(&b"www/a"[..]));
        assert_eq!(path(b"./data"), Some(&b""[..]));
        assert_eq!(path(b"./homeassistant.json"), None);
        assert_eq!(path(b"database"), None);
        assert_eq!(
            config_path(ComponentKind::HomeAssistant, 1, b"./www/a"),
            Some(&b"www/a"[..])
        );
        assert_eq!(
            config_path(ComponentKind::Addon, 2, b"./data/x"),
            Some(&b"data/x"[..])
        );
        assert_eq!(config_path(ComponentKind::Folder, 2, b"."), Some(&b""[..]));
    }
}
