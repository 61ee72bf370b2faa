//! The e-process of a count: evidence along fresh inputs, which may be looked at after every one.

use taggant::law::Law;

use crate::e_value::EValue;
use crate::error::{Error, Kind};
use crate::null::Null;
use crate::p_value::PValue;
use crate::tail::mixture::{BinomialMixture, GammaMixture, UNIFORM_SHARE};
use crate::tail::{binomial, special};

/// Evidence along distinct inputs in the order in which they come.
///
/// ```text
/// E_n = Null::ln_e of the first n scores,      P0( sup_n E_n >= 1/alpha ) <= alpha        (Ville 1939)
/// ```
///
/// One may look after every input and stop whenever one likes: [`p`](Self::p) stays valid. The bets are a fixed
/// [`mixture`](crate::tail::mixture), never fitted to the sum.
///
/// What it needs: each input of the pseudorandom function comes once, and which one comes next is decided before its
/// score is known. The next query to a suspect may depend on all scores so far, **as long as the suspect does not see
/// the key** or anything computed from it: the value at an input not yet read is fresh. Under a filter to served
/// contexts, which looks at the key, the order must be that of the served log and the suspect's text complete: then it
/// is a proven test after the fact, and there is no early stopping.
///
/// # Paper
/// Ramdas, Grünwald, Vovk, Shafer 2023, arXiv:2210.01948, sections 3 and 4.
#[derive(Clone, Debug, PartialEq)]
pub struct EProcess {
    law: Law,
    bets: Bets,
    n: u64,
    sum: u128,
    ln_e_max: f64,
}

/// The mixture that fits a law.
#[derive(Clone, Debug, PartialEq)]
enum Bets {
    Coins { per_input: u64, p: f64, mixture: BinomialMixture },
    Scores(GammaMixture),
}

impl EProcess {
    /// Nothing read yet: E = 1.
    #[must_use]
    pub fn new(law: Law) -> Self {
        let bets = match Null::new(law, 1).coins() {
            Some((per_input, p)) => Bets::Coins { per_input, p, mixture: BinomialMixture::new(p) },
            None => Bets::Scores(GammaMixture::new()),
        };
        Self { law, bets, n: 0, sum: 0, ln_e_max: 0.0 }
    }

    /// Reads the score of the next fresh input, in [`Law::unit`]s.
    ///
    /// # Errors
    /// When no value has that score: above 1 for a green list, above the depth for bits. Nothing is read then.
    pub fn add(&mut self, score: u64) -> Result<(), Error> {
        if let Bets::Coins { per_input, .. } = self.bets
            && score > per_input
        {
            return Err(Kind::Score { found: score, largest: per_input }.into());
        }
        self.n += 1;
        self.sum += u128::from(score);
        if self.ln_e_bound() > self.ln_e_max {
            self.ln_e_max = self.ln_e_max.max(self.ln_e());
        }
        Ok(())
    }

    /// The law of a value under the null.
    #[must_use]
    pub fn law(&self) -> Law {
        self.law
    }

    /// How many inputs were read.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// ln E now: the same number as [`Null::ln_e`] gives for these counts in whatever order.
    #[must_use]
    pub fn ln_e(&self) -> f64 {
        match &self.bets {
            Bets::Coins { per_input, mixture, .. } => {
                mixture.ln_e(self.n.saturating_mul(*per_input), self.sum as u64)
            }
            Bets::Scores(mixture) => mixture.ln_e(self.n, self.nats()),
        }
    }

    /// E now, an e-value if the rule for stopping here did not look ahead.
    #[must_use]
    pub fn e_value(&self) -> EValue {
        EValue::from_ln(self.ln_e()).expect("a finite sum of scores has a finite e-value")
    }

    /// The largest ln E so far, at least 0. Unlike E it depends on the order of the inputs.
    #[must_use]
    pub fn ln_e_max(&self) -> f64 {
        self.ln_e_max
    }

    /// The anytime-valid p-value `1 / max E` (Ville 1939), certified.
    #[must_use]
    pub fn p(&self) -> PValue {
        EValue::from_ln(self.ln_e_max).expect("a finite sum of scores has a finite e-value").p()
    }

    fn nats(&self) -> f64 {
        self.sum as f64 / self.law.unit() as f64
    }

    /// A bound on ln E that costs a tenth of it and is above 0 on a quarter of all looks at unmarked text.
    ///
    /// ```text
    /// E <= L (3/4 + 1/4 min(1, w)),    L: the likelihood ratio of the best alternative above the null
    /// ```
    ///
    /// where L w bounds the uniform mixture. For coins `KL(s/n || q) >= 2 (q - s/n)^2` (Pinsker) and so w is a Gaussian
    /// integral over 1-p. For scores it is `Int_0^inf e^(-n (t - 1 - ln t)) dt = sqrt(2 pi / n) e^delta(n)`, delta(n) <= 1/12.
    fn ln_e_bound(&self) -> f64 {
        let (ln_best, width) = match self.bets {
            Bets::Coins { per_input, p, .. } => {
                let (n, s) = (self.n.saturating_mul(per_input), self.sum as u64);
                let excess = binomial::successes_beyond_mean(n, p, s);
                if excess <= 0.0 {
                    return 0.0;
                }
                let all = n as f64;
                let hits = special::deviance(s as f64, all * p, excess);
                let misses = special::deviance((n - s) as f64, all * (1.0 - p), -excess);
                (hits + misses, (std::f64::consts::FRAC_PI_2 / all).sqrt() / (1.0 - p))
            }
            Bets::Scores(_) => {
                let (n, x) = (self.n as f64, self.nats());
                if x <= n {
                    return 0.0;
                }
                (special::deviance(n, x, n - x), 1.09 * (std::f64::consts::TAU / n).sqrt())
            }
        };
        ln_best + libm::log(1.0 - UNIFORM_SHARE * (1.0 - width.min(1.0)))
    }
}
