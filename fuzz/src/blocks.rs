//! Mutations that keep a tar's structure: readers stop at a wrong checksum.

use haslim::format::tar::block::{BLOCK, set_checksum};

/// Updates the checksum of every block that has the ustar mark.
pub fn repair(bytes: &mut [u8]) {
    for block in bytes.as_chunks_mut::<BLOCK>().0 {
        if block[257..262] == *b"ustar" {
            set_checksum(block);
        }
    }
}

/// The fuzzer's own mutation, or one of whole blocks; checksums are then usually corrected.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max: usize,
    seed: u32,
    own: impl Fn(&mut [u8], usize, usize) -> usize,
) -> usize {
    let count = size / BLOCK;
    let (a, b) = (pick(seed, count), pick(seed.rotate_left(16), count));
    let size = match seed % 8 {
        0 if count > 0 && size + BLOCK <= max => {
            data.copy_within(a..size, a + BLOCK);
            size + BLOCK
        }
        1 if count > 1 => {
            data.copy_within(a + BLOCK..size, a);
            size - BLOCK
        }
        2 if count > 0 => {
            data.copy_within(a..a + BLOCK, b);
            size
        }
        // Inside one header or one block of data, so that all others stay in place.
        3..=5 if count > 0 => {
            let mut block = data[a..a + BLOCK].to_vec();
            own(&mut block, BLOCK, BLOCK);
            data[a..a + BLOCK].copy_from_slice(&block);
            size
        }
        _ => own(data, size, max),
    };
    if seed % 32 != 31 {
        repair(&mut data[..size]);
    }
    size
}

/// Where one of `count` blocks begins.
fn pick(seed: u32, count: usize) -> usize {
    (seed.wrapping_mul(0x9e37_79b9) >> 8) as usize % count.max(1) * BLOCK
}
