//! Coins of any share, bit by bit of their threshold, for 512 columns at once.

use taggant::law::Law;

use super::keystream::{LANES, N_PLANES, Pack, Words, counter};

/// A law that is a sum of independent coins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coins {
    /// Always the same.
    Certain { value: bool },
    /// 1 iff `v >= 2^n_planes - numerator`; the numerator is odd.
    Share { numerator: u64, n_planes: u32 },
    /// This many fair coins.
    Fair { n_planes: u32 },
}

impl Coins {
    /// How many columns one block has coins for.
    pub(super) const PER_BLOCK: usize = 512;

    /// The coins of a law; `None` for nats.
    pub(super) fn of(law: Law) -> Option<Self> {
        match law {
            Law::Bernoulli { numerator, denominator } => Some(Self::share(numerator, denominator)),
            Law::Bits { depth } => {
                let n_planes = u32::from(depth);
                assert!(n_planes <= N_PLANES, "a depth of at most {N_PLANES}, found {depth}");
                Some(Self::Fair { n_planes })
            }
            Law::Exponential => None,
            law => unreachable!("every law of the core has columns, {law:?} has none"),
        }
    }

    fn share(numerator: u64, denominator: u64) -> Self {
        assert!(denominator > 0, "a share has a denominator");
        if numerator == 0 || numerator >= denominator {
            return Self::Certain { value: numerator > 0 };
        }
        // In units of 2^-64, rounded down: exact for powers of two, and at least 1.
        let numerator = ((u128::from(numerator) << 64) / u128::from(denominator)) as u64;
        let n_zeros = numerator.trailing_zeros();
        Self::Share { numerator: numerator >> n_zeros, n_planes: 64 - n_zeros }
    }

    /// `visit`s the coins of one block of columns for every input of a pack: bit b of `words[w][lane]` is the coin of
    /// column 32 w + b. Lanes without an input are 0. Visits once, or for fair coins once for each.
    #[inline]
    pub(super) fn for_each_bit(self, pack: &Pack, block: u32, mut visit: impl FnMut(&Words)) {
        let mut words = [[0; LANES]; 16];
        match self {
            Self::Certain { value } => {
                words.as_flattened_mut().fill(if value { u32::MAX } else { 0 });
                clear_unused(pack, &mut words);
                visit(&words);
            }
            Self::Share { numerator, n_planes } => {
                if n_planes <= RARELY_OPEN {
                    fold(numerator, n_planes, pack, block, &mut words);
                } else {
                    compare(numerator, n_planes, pack, block, &mut words);
                }
                clear_unused(pack, &mut words);
                visit(&words);
            }
            Self::Fair { n_planes } => {
                for plane in 0..n_planes {
                    pack.blocks(counter(plane, block), &mut words);
                    clear_unused(pack, &mut words);
                    visit(&words);
                }
            }
        }
    }
}

/// Whether `v >= 2^n_planes - numerator`, that is `not v < numerator`, from the lowest bit up: a bit of the numerator
/// that is 1 leaves what the lower bits say only where the bit of v is 0, and is true elsewhere.
fn fold(numerator: u64, n_planes: u32, pack: &Pack, block: u32, words: &mut Words) {
    // The lowest bit of the numerator is 1, and nothing is below it.
    pack.blocks(counter(n_planes - 1, block), words);
    let mut bits = [[0; LANES]; 16];
    for plane in (0..n_planes - 1).rev() {
        pack.blocks(counter(plane, block), &mut bits);
        let rows = words.as_flattened_mut().iter_mut().zip(bits.as_flattened());
        if numerator >> (n_planes - 1 - plane) & 1 == 1 {
            rows.for_each(|(word, bit)| *word |= bit);
        } else {
            rows.for_each(|(word, bit)| *word &= bit);
        }
    }
}

/// The same from the highest bit down: the first bit where `not v` and the numerator differ settles it, and once all
/// are settled the other planes cannot matter.
fn compare(numerator: u64, n_planes: u32, pack: &Pack, block: u32, settled: &mut Words) {
    settled.as_flattened_mut().fill(0);
    let mut open = [[u32::MAX; LANES]; 16];
    let mut bits = [[0; LANES]; 16];
    for plane in 0..n_planes {
        pack.blocks(counter(plane, block), &mut bits);
        let rows =
            settled.as_flattened_mut().iter_mut().zip(open.as_flattened_mut()).zip(bits.as_flattened());
        if numerator >> (n_planes - 1 - plane) & 1 == 1 {
            rows.for_each(|((settled, open), bit)| {
                *settled |= *open & bit;
                *open &= !bit;
            });
        } else {
            rows.for_each(|((_, open), bit)| *open &= bit);
        }
        if plane >= RARELY_OPEN && open.as_flattened().iter().fold(0, |any, open| any | open) == 0 {
            return;
        }
    }
}

fn clear_unused(pack: &Pack, words: &mut Words) {
    if pack.len() < LANES {
        words.iter_mut().for_each(|lanes| lanes[pack.len()..].fill(0));
    }
}

/// From this plane on it is worth a look whether any of 2^15 coins is still open; 2^-13 of them are.
const RARELY_OPEN: u32 = 13;
