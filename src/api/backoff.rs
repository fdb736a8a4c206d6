//! How long to wait before trying again: 2 s at first, doubling up to 30 s, with jitter so that several clients do not
//! knock at a recovering server at the same moment.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng};

/// The shortest pause.
pub const FIRST: Duration = Duration::from_secs(2);
/// The longest pause.
pub const LONGEST: Duration = Duration::from_secs(30);

/// A growing pause. It only computes; the caller sleeps.
#[derive(Clone, Debug)]
pub struct Backoff {
    step: u32,
    rng: StdRng,
}

impl Backoff {
    /// A back-off at its beginning; the same seed gives the same pauses.
    pub fn new(seed: u64) -> Self {
        Self { step: 0, rng: StdRng::seed_from_u64(seed) }
    }

    /// A back-off at its beginning with a random seed.
    pub fn random() -> Self {
        Self::new(rand::random())
    }

    /// The pause before the next attempt: within 25 % of the doubled value and never outside [`FIRST`] to [`LONGEST`].
    #[allow(clippy::should_implement_trait)] // it never ends, and callers want a Duration, not an Option
    pub fn next(&mut self) -> Duration {
        let (first, longest) = (FIRST.as_secs_f64(), LONGEST.as_secs_f64());
        let middle = (first * f64::from(2u32.saturating_pow(self.step))).min(longest);
        self.step = self.step.saturating_add(1);
        // Narrowing the range instead of clamping the result keeps the jitter at both ends.
        let range = (middle * 0.75).max(first)..=(middle * 1.25).min(longest);
        Duration::from_secs_f64(self.rng.random_range(range))
    }

    /// Starts again with the shortest pause: call it after a success.
    pub fn reset(&mut self) {
        self.step = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_stays_in_range_and_resets() {
        let mut backoff = Backoff::new(7);
        let pauses: Vec<f64> = (0..40).map(|_| backoff.next().as_secs_f64()).collect();
        assert!(pauses.iter().all(|p| (2.0..=30.0).contains(p)), "{pauses:?}");
        assert!(pauses[0] <= 2.5 && pauses[1] >= 3.0 && pauses[2] >= 6.0 && pauses[3] >= 12.0, "{pauses:?}");
        assert!(pauses[5..].iter().all(|p| *p >= 22.5), "{pauses:?}");
        assert!(pauses[5..].windows(2).any(|w| w[0] != w[1]), "no jitter: {pauses:?}");
        backoff.reset();
        assert!(backoff.next().as_secs_f64() <= 2.5);
    }

    #[test]
    fn seeds_decide() {
        let run = |seed| {
            let mut b = Backoff::new(seed);
            [b.next(), b.next(), b.next()]
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
