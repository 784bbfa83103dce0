//! The first part of an add-on's slug, which identifies its repository.

use sha1::{Digest, Sha1};

/// The prefix of the slugs of a repository's add-ons: the first eight hex digits of the SHA-1 of
/// the lower-case URL (Supervisor, `store/utils.py`). It does not protect anything secret.
pub fn slug_prefix(repository: &str) -> String {
    let digest = Sha1::digest(repository.to_lowercase());
    let [a, b, c, d, ..] = digest.0;
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
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
