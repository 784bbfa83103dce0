//! Compares the start of each block with miniz_oxide's result for the same stream.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::*;

/// Like [`inflated`]. Stops at each boundary and reports how many bits of the last byte are unused.
pub fn inflated_by_miniz_oxide(bytes: &[u8], len: usize) -> Inflated {
    let (mut inflate, mut out) = (DecompressorOxide::new(), vec![0; len]);
    let (mut read, mut written, mut blocks) = (0, 0, vec![(0, 0)]);
    let flags = TINFL_FLAG_STOP_ON_BLOCK_BOUNDARY | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    loop {
        let (status, used, got) =
            decompress(&mut inflate, &bytes[read..], &mut out, written, flags);
        (read, written) = (read + used, written + got);
        match status {
            TINFLStatus::Done => {
                out.truncate(written);
                return (out, blocks);
            }
            TINFLStatus::BlockBoundary => {
                let unused = inflate.block_boundary_state().unwrap().num_bits;
                blocks.push((read as u64 * 8 - u64::from(unused), written as u64));
            }
            other => panic!("{other:?} after {read} bytes"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn blocks_begin_where_miniz_oxide_finds_them(
        seed: u64, len in 0usize..400_000, level in 0u32..10,
        flushes in prop::collection::vec((0usize..400_000, 0u8..3), 0..6),
    ) {
        let plaintext = mixture(seed, len);
        let stored = deflate(&plaintext, level, &flushes);
        let (theirs, blocks) = inflated_by_miniz_oxide(&stored, len);
        prop_assert!(theirs == plaintext);
        prop_assert_eq!(super::blocks(&stored), blocks);
    }
}
