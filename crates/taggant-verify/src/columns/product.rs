//! Sums of exponential values as products of uniforms: no logarithm but one a column.

use super::keystream::{LANES, Pack, counter};

/// For 16 columns the product of `1 - u` over inputs, whose -ln is the sum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Products([Product; 16]);

/// `mantissa * 2^exponent`, the mantissa in [1, 2).
#[derive(Clone, Copy, Debug)]
struct Product {
    mantissa: f64,
    exponent: i64,
}

impl Default for Products {
    fn default() -> Self {
        Self([Product { mantissa: 1.0, exponent: 0 }; 16])
    }
}

impl Products {
    /// How many columns one block has words for.
    pub(super) const PER_BLOCK: usize = 16;

    /// Multiplies in the uniforms of every input of a pack.
    ///
    /// A full pack goes by 8 products of 8 factors each and their 4 pairs: a factor is at least 2^-33, so that 16 of
    /// them stay above 2^-528.
    #[inline(never)]
    pub(super) fn multiply(&mut self, pack: &Pack, block: u32) {
        let mut words = [[0; LANES]; 16];
        pack.blocks(counter(0, block), &mut words);
        for (product, lanes) in self.0.iter_mut().zip(&words) {
            if pack.len() < LANES {
                lanes[..pack.len()].iter().for_each(|word| product.multiply(complement(*word), 0));
                continue;
            }
            let mut partial = [1.0; 8];
            for eight in lanes.as_chunks::<8>().0 {
                for lane in 0..8 {
                    partial[lane] *= complement(eight[lane]);
                }
            }
            for lane in 0..4 {
                product.multiply(partial[lane] * partial[lane + 4], 0);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (product, other) in self.0.iter_mut().zip(&other.0) {
            product.multiply(other.mantissa, other.exponent);
        }
    }

    /// The sums, in nats and order of columns.
    pub(super) fn nats(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|product| {
            let nats = -libm::log(product.mantissa) - product.exponent as f64 * std::f64::consts::LN_2;
            // The empty product is +0.
            nats + 0.0
        })
    }
}

impl Product {
    /// Times `factor * 2^exponent`, the factor positive and normal, also after a multiplication by up to 2.
    #[inline]
    fn multiply(&mut self, factor: f64, exponent: i64) {
        let bits = (self.mantissa * factor).to_bits();
        self.exponent += exponent + (bits >> 52) as i64 - 1023;
        self.mantissa = f64::from_bits(bits & (u64::MAX >> 12) | 1023 << 52);
    }
}

/// 1 - u, exactly: 2 minus the number whose mantissa is u.
#[inline(always)]
pub(super) fn complement(word: u32) -> f64 {
    2.0 - f64::from_bits(1023 << 52 | u64::from(word) << 20 | 1 << 19)
}
