//! The end of a tar that is written again.

use crate::format::outer::RECORD;
use crate::format::tar::block::BLOCK;

/// The end of a tar that has so many bytes without it: two zero blocks, padded to a record as Python
/// pads it.
pub(super) fn end(size: u64) -> Vec<u8> {
    let total = (size + 2 * BLOCK as u64).next_multiple_of(RECORD);
    vec![0; usize::try_from(total - size).unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_new_end_fills_the_last_record(size in 0u64..100_000) {
            let end = end(size);
            prop_assert!(end.len() >= 1024 && end.iter().all(|byte| *byte == 0));
            prop_assert!(end.len() < 1024 + 10_240);
            prop_assert_eq!((size + end.len() as u64) % 10_240, 0);
        }
    }
}
