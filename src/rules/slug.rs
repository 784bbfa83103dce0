//! The first part of an add-on's slug, which tells its repository.

/// The prefix that the slugs of a repository's add-ons begin with: the first
/// eight hex digits of the SHA-1 of the lower-case URL (Supervisor,
/// `store/utils.py`). Nothing secret hangs on it.
pub fn slug_prefix(repository: &str) -> String {
    let [first, ..] = sha1(repository.to_lowercase().as_bytes());
    format!("{first:08x}")
}

/// SHA-1 (FIPS 180-4, section 6.1), as five words.
fn sha1(message: &[u8]) -> [u32; 5] {
    let mut state = [
        0x6745_2301,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.as_chunks::<64>().0 {
        compress(&mut state, block);
    }
    state
}

fn compress(state: &mut [u32; 5], block: &[u8; 64]) {
    let mut words = [0u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    for at in 16..80 {
        words[at] =
            (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (at, word) in words.into_iter().enumerate() {
        let (mixed, constant) = match at {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a
            .rotate_left(5)
            .wrapping_add(mixed)
            .wrapping_add(e)
            .wrapping_add(constant)
            .wrapping_add(word);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    for (old, new) in state.iter_mut().zip([a, b, c, d, e]) {
        *old = old.wrapping_add(new);
    }
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

    #[test]
    fn padding_is_right_around_the_block_size() {
        // FIPS 180 examples, and lengths whose padding starts a new block (checked with sha1sum).
        assert_eq!(sha1(b"abc")[0], 0xa999_3e36);
        assert_eq!(
            sha1(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")[0],
            0x8498_3e44
        );
        for (len, first) in [
            (0, 0xda39_a3ee),
            (55, 0xc1c8_bbdc),
            (56, 0xc2db_330f),
            (63, 0x03f0_9f5b),
            (64, 0x0098_ba82),
        ] {
            assert_eq!(sha1(&vec![b'a'; len])[0], first, "{len} times a");
        }
    }
}
