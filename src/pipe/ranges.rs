//! Some ranges of a file, kept in memory.

/// Ranges of a file in memory. All bytes outside of them read as zeros.
#[derive(Debug, Default)]
pub struct Ranges {
    /// In order; they do not touch.
    list: Vec<(u64, Vec<u8>)>,
}

impl Ranges {
    /// Adds bytes at a position, which must not be before the end of what was added last.
    pub fn add(&mut self, at: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.list.last_mut() {
            Some((begin, last)) if *begin + last.len() as u64 == at => {
                last.extend_from_slice(bytes);
            }
            _ => self.list.push((at, bytes.to_vec())),
        }
    }

    /// Fills the buffer with the bytes from `offset` on.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) {
        buffer.fill(0);
        let end = offset.saturating_add(buffer.len() as u64);
        let first = self
            .list
            .partition_point(|(at, bytes)| at + bytes.len() as u64 <= offset);
        let list = self.list.get(first..).unwrap_or_default();
        for (at, bytes) in list.iter().take_while(|(at, _)| *at < end) {
            let skip = |from: u64, to: u64| usize::try_from(to.saturating_sub(from)).unwrap_or(0);
            let from = bytes.get(skip(*at, offset)..).unwrap_or_default();
            let to = buffer.get_mut(skip(offset, *at)..).unwrap_or_default();
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_added_reads_back_and_the_rest_is_zeros(
            pieces in prop::collection::vec((0u64..40, prop::collection::vec(1u8.., 0..40)), 0..12),
            offset in 0u64..500,
            len in 0usize..200,
        ) {
            let (mut ranges, mut whole) = (Ranges::default(), Vec::new());
            for (gap, bytes) in pieces {
                whole.resize(whole.len() + gap as usize, 0);
                ranges.add(whole.len() as u64, &bytes);
                whole.extend(bytes);
            }
            whole.resize(1000, 0);
            let mut read = vec![7; len];
            ranges.read(offset, &mut read);
            prop_assert_eq!(&read[..], &whole[offset as usize..offset as usize + len]);
        }
    }
}
