//! Pseudorandom numbers that are the same on every run.

/// A stream of numbers that depends only on its seed: splitmix64 (Steele, Lea, Flood, "Fast
/// splittable pseudorandom number generators", 2014). It does not protect anything secret.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

/// The bytes of noise that are made of one number.
pub(super) const NUMBER: usize = 8;
/// By how much the state grows with each number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// Stream number `stream` of a seed; streams are independent.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut first = Self(seed);
        let start = first.next();
        let mut second = Self(start ^ stream);
        Self(second.next())
    }

    /// Goes on as if this many numbers had been drawn.
    pub fn skip(&mut self, numbers: u64) {
        self.0 = self.0.wrapping_add(STEP.wrapping_mul(numbers));
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; zero if `end` is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// An index below `len`, small ones far more often, like words in a text.
    pub fn skewed(&mut self, len: usize) -> usize {
        let unit = self.unit();
        // Exact enough: no list here has 2^53 items.
        ((unit * unit * unit) * len as f64) as usize
    }

    /// A number from 0 up to 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number that is usually close to `middle`, and always within twice `spread` of it.
    pub fn around(&mut self, middle: f64, spread: f64) -> f64 {
        let sum: f64 = (0..4).map(|_| self.unit()).sum();
        middle + spread * (sum - 2.0)
    }

    /// Appends bytes that no compressor can shrink.
    pub fn noise(&mut self, count: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        out.resize(begin + count, 0);
        let (whole, rest) = out
            .get_mut(begin..)
            .unwrap_or_default()
            .as_chunks_mut::<NUMBER>();
        for chunk in whole {
            *chunk = self.next().to_le_bytes();
        }
        if !rest.is_empty() {
            rest.iter_mut()
                .zip(self.next().to_le_bytes())
                .for_each(|(to, from)| *to = from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let take = |seed, stream| {
            let mut random = Random::new(seed, stream);
            (random.next(), random.next())
        };
        assert_eq!(take(1, 2), take(1, 2));
        let all = [take(1, 2), take(2, 1), take(1, 3), take(0, 0)];
        let firsts: std::collections::HashSet<u64> = all.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts.len(), 4);
    }

    #[test]
    fn skipped_numbers_are_those_that_would_have_been_drawn() {
        let (mut drawn, mut skipped) = (Random::new(1, 2), Random::new(1, 2));
        for _ in 0..1000 {
            drawn.next();
        }
        skipped.skip(1000);
        assert_eq!(drawn.next(), skipped.next());
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut random = Random::new(7, 7);
        for _ in 0..10_000 {
            assert!(random.below(10) < 10);
            assert!(random.skewed(5) < 5);
            assert!((random.around(20.0, 3.0) - 20.0).abs() <= 6.0);
        }
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn noise_has_the_length_asked_for() {
        for count in [0, 1, 7, 8, 9, 1000] {
            let mut out = vec![1];
            Random::new(3, 4).noise(count, &mut out);
            assert_eq!(out.len(), 1 + count);
        }
    }
}
