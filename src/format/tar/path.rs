//! Names in archives as paths: which can be restored to the right place, and which names mean the
//! same place.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// The longest path that Linux accepts, in bytes without its NUL (`PATH_MAX`).
pub const MAX_PATH: usize = 4096;
/// The longest name of a file, in bytes (`NAME_MAX`).
pub const MAX_NAME: usize = 255;

/// Why a name cannot be restored to the right place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The name is empty.
    Empty,
    /// It contains a NUL, which no system call accepts.
    Nul,
    /// It begins with a slash.
    Absolute,
    /// It contains `..`.
    Outside,
    /// It contains `//` or `/./`: the same place has another name, and a search for that name would
    /// miss this one.
    Untidy,
}

impl Fault {
    /// Describes the fault, for use after the name.
    pub fn text(self) -> &'static str {
        match self {
            Self::Empty => "is empty",
            Self::Nul => "holds a NUL",
            Self::Absolute => "is absolute",
            Self::Outside => "leads out of the archive",
            Self::Untidy => {
                "is not in its plain form, so that readers disagree about which file it is"
            }
        }
    }
}

/// The fault of a name; `None` for `.` and for plain paths, with or without a leading `./`.
pub fn fault(name: &[u8]) -> Option<Fault> {
    let path = plain(name);
    let names = || path.split(|&b| b == b'/');
    if name.is_empty() {
        Some(Fault::Empty)
    } else if name.contains(&0) {
        Some(Fault::Nul)
    } else if name.starts_with(b"/") {
        Some(Fault::Absolute)
    } else if path.is_empty() {
        None
    } else if names().any(|name| name == b"..") {
        Some(Fault::Outside)
    } else if names().any(|name| matches!(name, b"" | b".")) {
        Some(Fault::Untidy)
    } else {
        None
    }
}

/// The name without its leading `./`; empty for the root.
pub fn plain(name: &[u8]) -> &[u8] {
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"./") {
        name = rest;
    }
    if name == b"." { b"" } else { name }
}

/// True for a path that Linux cannot create.
pub fn is_too_long(path: &[u8]) -> bool {
    path.len() > MAX_PATH || path.split(|&b| b == b'/').any(|name| name.len() > MAX_NAME)
}

/// Hashes paths name by name: one pass returns the path and every folder above it, at any depth.
///
/// The hash has a random key, so that an attacker cannot construct two paths with the same hash.
#[derive(Debug, Default)]
pub struct PathHasher(RandomState);

impl PathHasher {
    /// Every folder above `path` with its hash, from the top, and finally `path` itself.
    pub fn prefixes<'a>(&self, path: &'a [u8]) -> impl Iterator<Item = (u64, &'a [u8])> {
        let mut hasher = self.0.build_hasher();
        let mut end = 0;
        path.split(|&b| b == b'/').map(move |name| {
            hasher.write(name);
            hasher.write_u8(b'/');
            let prefix = path.get(..end + name.len()).unwrap_or_default();
            end += name.len() + 1;
            (hasher.finish(), prefix)
        })
    }

    /// The hash of `path`.
    pub fn hash(&self, path: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        for name in path.split(|&b| b == b'/') {
            hasher.write(name);
            hasher.write_u8(b'/');
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_and_the_root_are_fine() {
        for name in [
            "a", "a/b", "./a/b", ".", "./", "././a", "...", "..a", "a..", ".storage", "a\nb",
        ] {
            assert_eq!(fault(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn every_fault_is_told() {
        let cases: [(&[u8], Fault); 12] = [
            (b"", Fault::Empty),
            (b"a\0b", Fault::Nul),
            (b"/", Fault::Absolute),
            (b"/etc", Fault::Absolute),
            (b"..", Fault::Outside),
            (b"../a", Fault::Outside),
            (b"./../a", Fault::Outside),
            (b"a/../b", Fault::Outside),
            (b"a//b", Fault::Untidy),
            (b"a/./b", Fault::Untidy),
            (b"a/.", Fault::Untidy),
            (b".//a", Fault::Untidy),
        ];
        for (name, expected) in cases {
            assert_eq!(fault(name), Some(expected), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn prefixes_hash_as_the_folders_themselves() {
        let hasher = PathHasher::default();
        let found: Vec<_> = hasher.prefixes(b"a/bc/d").collect();
        let folders: [&[u8]; 3] = [b"a", b"a/bc", b"a/bc/d"];
        assert_eq!(found, folders.map(|folder| (hasher.hash(folder), folder)));
        assert_ne!(hasher.hash(b"ab/c"), hasher.hash(b"a/bc"));
    }

    #[test]
    fn what_linux_cannot_make_is_too_long() {
        assert!(!is_too_long(&b"a/".repeat(2048)[..MAX_PATH]));
        assert!(is_too_long(&b"a/".repeat(2049)));
        assert!(is_too_long(&[b'n'; MAX_NAME + 1]) && !is_too_long(&[b'n'; MAX_NAME]));
    }
}
