use crate::WorldError;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Keeps the random numbers of how a demonstration is done apart from those of scenes.
pub(crate) const STYLES: u64 = 300;

/// Draws at random: the same seed and stream give the same numbers everywhere.
pub(crate) struct Draw(pub ChaCha8Rng);

impl Draw {
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Self(random)
    }

    /// A number from the first to the second.
    pub fn within(&mut self, [low, high]: [f64; 2]) -> f64 {
        if high > low { self.0.random_range(low..high) } else { low }
    }

    /// A whole number from the first to the second, both included.
    pub fn whole(&mut self, [low, high]: [usize; 2]) -> usize {
        self.0.random_range(low..=high.max(low))
    }

    /// One of a list that is not empty.
    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.0.random_range(0..list.len())]
    }

    /// −1 or 1.
    pub fn sign(&mut self) -> f64 {
        if self.0.next_u32() & 1 == 0 { -1.0 } else { 1.0 }
    }
}

/// A list that has something in it.
pub(crate) fn some<'a, T>(list: &'a [T], name: &'static str) -> Result<&'a [T], WorldError> {
    if list.is_empty() { Err(WorldError::Empty(name)) } else { Ok(list) }
}
