//! Bytes that cannot be compressed.

use super::random::Random;

/// Bytes that cannot be compressed, before they are made.
pub(super) struct Noise {
    /// The first bytes.
    pub begin: Vec<u8>,
    /// The last bytes, which replace random ones.
    pub end: Vec<u8>,
    pub len: usize,
    pub random: Random,
}

impl Noise {
    /// The number of bytes.
    pub fn len(&self) -> u64 {
        self.len as u64
    }

    /// Makes them.
    pub fn make(mut self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len);
        bytes.append(&mut self.begin);
        bytes.truncate(self.len);
        self.random.noise(self.len - bytes.len(), &mut bytes);
        let end = self.len - self.end.len();
        bytes
            .iter_mut()
            .skip(end)
            .zip(self.end)
            .for_each(|(to, from)| *to = from);
        bytes
    }
}
