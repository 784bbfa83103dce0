//! The first part of an add-on's slug, which identifies its repository.

use sha1::{Digest, Sha1};

/// The prefix of the slugs of a repository's add-ons: the first eight hex digits of the SHA-1 of
/// the lower-case URL (Supervisor, `store/utils.py`). It does not protect anything secret.
pub fn slug_prefix(repository: &str) -> String {
    let digest = Sha1::digest(repository.to_lowercase());
    let [a, b, c, d, ..] = digest.0;
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// Whether a name has the form of an add-on's slug: the prefix of its repository, `_`, and the name
/// that it has there.
pub(super) fn is_like_a_slug(name: &[u8]) -> bool {
    let mut halves = name.splitn(2, |&byte| byte == b'_');
    let (prefix, rest) = (halves.next().unwrap_or_default(), halves.next());
    let is_hash = prefix.len() == 8
        && prefix
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    rest.is_some_and(|rest| !rest.is_empty()) && (is_hash || matches!(prefix, b"core" | b"local"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_repositories_have_their_known_prefixes() {
        assert_eq!(
            slug_prefix("https://github.com/hassio-addons/repository"),
            "a0d7b954"
        );
        assert_eq!(
            slug_prefix("https://github.com/esphome/home-assistant-addon"),
            "5c53de3b"
        );
        assert_eq!(
            slug_prefix("https://github.com/Music-Assistant/home-assistant-addon"),
            "d5369777"
        );
    }
}
