//! Positions in a compressed stream where reading can begin.

/// The maximum number of checkpoints in a stream: 1 MiB of windows.
const MOST: usize = 32;
/// Bytes of plaintext between two checkpoints at first.
const INTERVAL: u64 = 1 << 20;

/// The start of a deflate block, with everything needed to decode from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where the block begins in the compressed stream, in bits.
    pub bit: u64,
    /// Bytes of plaintext before it.
    pub plain: u64,
    /// The last 32 KiB of them (RFC 1951 §2).
    pub window: Box<[u8]>,
}

/// Collects checkpoints, evenly spread over a stream of unknown length: if there are too many,
/// every other one is removed and the interval doubles. The start of the first block always stays.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    noted: Vec<Checkpoint>,
    interval: u64,
}

impl Checkpoints {
    /// Records the start of this block if it is far enough from the one before.
    pub fn offer(&mut self, bit: u64, plain: u64, window: &[u8]) {
        self.interval = self.interval.max(INTERVAL);
        if self
            .noted
            .last()
            .is_some_and(|last| plain < last.plain.saturating_add(self.interval))
        {
            return;
        }
        self.noted.push(Checkpoint {
            bit,
            plain,
            window: window.into(),
        });
        if self.noted.len() == MOST {
            let mut odd = true;
            self.noted.retain(|_| {
                odd = !odd;
                !odd
            });
            self.interval *= 2;
        }
    }

    pub fn into_vec(self) -> Vec<Checkpoint> {
        self.noted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_too_many_and_they_are_spread_evenly() {
        let mut checkpoints = Checkpoints::default();
        for block in 0..10_000u64 {
            checkpoints.offer(block, block * 100_000, &[]);
            assert!(checkpoints.noted.len() < MOST);
        }
        let noted = checkpoints.into_vec();
        assert!(noted.len() >= MOST / 4);
        assert_eq!(noted[0].plain, 0);
        let gaps: Vec<u64> = noted
            .windows(2)
            .map(|pair| pair[1].plain - pair[0].plain)
            .collect();
        assert!(
            gaps.iter().max().unwrap() < &(2 * gaps.iter().min().unwrap()),
            "{gaps:?}"
        );
    }
}
