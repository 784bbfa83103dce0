//! Encrypted parts made by securetar: correct ones and some that a faulty writer could make; then
//! damaged.

use haslim::format::securetar::Version;

use crate::report::Outcome;
use crate::rng::Rng;
use crate::view::{Fields, Judgement, Plaintext};
use crate::worker::Worker;
use crate::{Case, SOUND, ours};

/// A stream before it is damaged.
pub struct Stream {
    bytes: Vec<u8>,
    version: u8,
    compressed: bool,
    odd: bool,
}

/// Sizes of the files in a small part. With gzip, the length can end anywhere in a cipher block.
const SMALL: [u32; 3] = [10, 700, 3];
/// Sizes of the files in a part with several chunks of version 3.
const LARGE: [u32; 2] = [1_200_000, 900_000];

/// Has the worker make some streams of each kind.
pub fn streams(worker: &mut Worker, seed: u64) -> Vec<Stream> {
    let mut wanted = Vec::new();
    for version in 1..=3 {
        // If a version 1 part is not compressed, securetar itself loses the last record.
        for compressed in [false, true]
            .into_iter()
            .filter(|&compressed| compressed || version > 1)
        {
            wanted.extend((0..8).map(|at| (version, compressed, 0, vec![at * 11, 700, 3])));
            let odd = [0, 6, 7][usize::from(version) - 1];
            wanted.extend((1..odd).map(|odd| (version, compressed, odd, SMALL.to_vec())));
            wanted.extend((1..odd).map(|odd| (version, compressed, odd, LARGE.to_vec())));
        }
        wanted.push((version, version == 1, 0, LARGE.to_vec()));
    }
    let requests: Vec<Vec<u8>> = wanted
        .iter()
        .enumerate()
        .map(|(at, wanted)| request(wanted, seed as u32 ^ at as u32))
        .collect();
    let made = worker.ask(
        b'm',
        &requests.iter().map(Vec::as_slice).collect::<Vec<_>>(),
    );
    let stream = |((version, compressed, odd, _), bytes)| Stream {
        bytes,
        version,
        compressed,
        odd: odd > 0,
    };
    wanted.into_iter().zip(made).map(stream).collect()
}

fn request((version, compressed, odd, sizes): &(u8, bool, u8, Vec<u32>), seed: u32) -> Vec<u8> {
    let mut request = vec![*version, u8::from(*compressed), *odd];
    request.extend(seed.to_le_bytes());
    request.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
    request
}

/// One of the streams, damaged or not, after a byte that says whether it is compressed.
pub fn case(streams: &[Stream], rng: &mut Rng) -> Case {
    let mut at = rng.below(streams.len());
    // The large ones are slow; most of the time a small one is enough.
    while streams[at].bytes.len() > 1 << 20 && !rng.one_in(10) {
        at = rng.below(streams.len());
    }
    let stream = &streams[at];
    let mut bytes = stream.bytes.clone();
    let mut oddities = Vec::new();
    if stream.odd {
        oddities.push("wrong writer");
    }
    if !rng.one_in(4) {
        let (name, damage) = rng.pick(DAMAGE);
        damage(rng, &mut bytes);
        oddities.push(name);
    }
    // Sometimes the name promises the other form.
    let compressed = stream.compressed != rng.one_in(24);
    if oddities.is_empty() && compressed == stream.compressed {
        oddities.push(SOUND);
    } else {
        oddities.push(["version 1", "version 2", "version 3"][usize::from(stream.version) - 1]);
    }
    bytes.insert(0, u8::from(compressed));
    Case { bytes, oddities }
}

type Damage = (&'static str, fn(&mut Rng, &mut Vec<u8>));

const DAMAGE: &[Damage] = &[
    ("header byte", |rng, bytes| {
        let at = rng.below(136.min(bytes.len()));
        bytes[at] = rng.byte();
    }),
    ("mark or version", |rng, bytes| {
        let at = rng.below(16);
        bytes[at] = rng.pick(&[0, 1, 2, 3, 4, 255, b'S']);
    }),
    ("stated size", |rng, bytes| {
        let stated = u64::from_be_bytes(bytes[16..24].try_into().unwrap());
        let by = rng.pick(&[1, 15, 16, 17, 100, 1 << 20, (1 << 20) + 17, 1 << 40]);
        let other = rng.pick(&[
            stated.wrapping_add(by),
            stated.wrapping_sub(by),
            0,
            u64::MAX,
            stated,
        ]);
        bytes[16..24].copy_from_slice(&other.to_be_bytes());
    }),
    ("reserved bytes", |rng, bytes| bytes[24 + rng.below(8)] = 1),
    ("cut", |rng, bytes| {
        let by = rng.pick(&[1, 15, 16, 17, 32, 33, 48, 500, 512]);
        bytes.truncate(bytes.len().saturating_sub(by));
    }),
    ("cut anywhere", |rng, bytes| {
        bytes.truncate(rng.below(bytes.len() + 1))
    }),
    ("bytes behind", |rng, bytes| {
        let by = rng.pick(&[1, 15, 16, 17, 32, 512]);
        bytes.extend(rng.bytes(by));
    }),
    ("bit flipped", |rng, bytes| {
        let at = rng.below(bytes.len());
        bytes[at] ^= 1 << rng.below(8);
    }),
    ("last bytes", |rng, bytes| {
        let at = bytes.len() - 1 - rng.below(40.min(bytes.len()));
        bytes[at] = rng.byte();
    }),
    ("blocks changed places", |rng, bytes| {
        let count = bytes.len() / 16;
        let (a, b) = (rng.below(count) * 16, rng.below(count) * 16);
        (0..16).for_each(|at| bytes.swap(a + at, b + at));
    }),
    ("chunks changed places", |_, bytes| {
        let chunk = (1 << 20) + 17;
        if bytes.len() > 136 + 2 * chunk {
            (0..chunk).for_each(|at| bytes.swap(136 + at, 136 + chunk + at));
        }
    }),
];

/// Version 1 does not state its length, and securetar returns less than there is. There, the files
/// must be the same.
pub fn compare(reader: &ours::SecureReader, case: &[u8], answer: &mut Fields<'_>) -> Outcome {
    let (plaintext, listing) = (Plaintext::decode(answer), Judgement::decode(answer));
    let Judgement::Read { entries, .. } = &listing else {
        return match reader.read(&case[1..], case[0] != 0) {
            Ok(_) => Outcome::Different(format!("we read it, and Python: {listing:?}")),
            Err(_) => Outcome::Refused { both: true },
        };
    };
    let ours = match reader.read(&case[1..], case[0] != 0) {
        Err(_) => {
            return Outcome::Refused {
                both: plaintext.0.is_err(),
            };
        }
        Ok(ours) => ours,
    };
    if ours.entries == *entries
        && (ours.version == Version::V1 || plaintext.fits(&ours.plaintext, true))
    {
        return Outcome::Same;
    }
    let (len, entries) = (ours.plaintext.len(), ours.entries);
    Outcome::Different(format!(
        "ours: {:?}, {len} bytes, {entries:?}\nPython: {:?}, {listing:?}",
        ours.version, plaintext.0
    ))
}
