//! Comparison with dryoc, another implementation of libsodium's secretstream.

use dryoc::classic::crypto_secretstream_xchacha20poly1305 as dry;

use super::super::secretstream::{StreamState, Tag};
use super::*;

const KEY: [u8; 32] = [0x5a; 32];
const TAGS: [(Tag, u8); 4] = [
    (Tag::Message, 0),
    (Tag::Push, 1),
    (Tag::Rekey, 2),
    (Tag::Final, 3),
];
/// Lengths around every block size of the construction.
const LENGTHS: [usize; 17] = [
    0, 1, 7, 8, 15, 16, 17, 63, 64, 65, 100, 255, 256, 16383, 16384, 16385, 50001,
];

fn dry_state(header: &[u8; 24]) -> dry::State {
    let mut state = dry::State::new();
    dry::crypto_secretstream_xchacha20poly1305_init_pull(&mut state, header, &KEY);
    state
}

#[test]
fn dryoc_opens_what_we_seal_and_we_open_what_it_seals() {
    let header = [0x33; 24];
    let (mut theirs, mut ours) = (dry_state(&header), StreamState::new(&KEY, &header));
    for (round, len) in LENGTHS
        .into_iter()
        .cycle()
        .take(3 * LENGTHS.len())
        .enumerate()
    {
        let plain = pattern(len);
        // Changes of tag in every position, including rekeying ones.
        let (tag, byte) = TAGS[round / 2 % 4];
        let mut sealed = [&[0], &plain[..], &[0; 16]].concat();
        assert!(ours.seal(tag, &mut sealed));
        let (mut back, mut found) = (vec![0; len], 9);
        dry::crypto_secretstream_xchacha20poly1305_pull(
            &mut theirs,
            &mut back,
            &mut found,
            &sealed,
            None,
        )
        .unwrap();
        assert_eq!((back, found), (plain, byte), "round {round}, {len} bytes");
    }

    let (mut theirs, mut ours) = (dry_state(&header), StreamState::new(&KEY, &header));
    for (round, len) in LENGTHS
        .into_iter()
        .cycle()
        .take(3 * LENGTHS.len())
        .enumerate()
    {
        let plain = pattern(len);
        let (tag, byte) = TAGS[round / 2 % 4];
        let mut sealed = vec![0; len + 17];
        dry::crypto_secretstream_xchacha20poly1305_push(
            &mut theirs,
            &mut sealed,
            &plain,
            None,
            byte,
        )
        .unwrap();
        assert_eq!(
            ours.open(&mut sealed),
            Ok(tag),
            "round {round}, {len} bytes"
        );
        assert_eq!(&sealed[1..=len], plain);
    }
}

#[test]
fn a_forged_chunk_is_wiped_and_leaves_the_state_alone() {
    let mut sealing = StreamState::new(&KEY, &[1; 24]);
    let mut opening = StreamState::new(&KEY, &[1; 24]);
    let mut sealed = [&[0], &pattern(100)[..], &[0; 16]].concat();
    assert!(sealing.seal(Tag::Message, &mut sealed));
    let mut forged = sealed.clone();
    forged[50] ^= 1;
    assert!(opening.open(&mut forged).is_err());
    assert!(forged[1..101].iter().all(|&b| b == 0));
    assert_eq!(opening.open(&mut sealed), Ok(Tag::Message));
}

#[test]
fn chunks_without_room_for_tag_and_mac_are_refused() {
    let mut state = StreamState::new(&KEY, &[1; 24]);
    for len in 0..17 {
        assert!(!state.seal(Tag::Message, &mut vec![0; len]));
        assert!(state.open(&mut vec![0; len]).is_err());
    }
}
