//! Cohorts: several deployed keys, with accounts randomised to them.
//!
//! One key says whether text under it was learned, not whose. So before deployment each account is drawn to one of several
//! keys, and an account of interest is *flagged*: the cohorts that hold flagged accounts are flagged with it. Text that
//! leaked to the public did so from all cohorts; text that was taken from the flagged accounts is in theirs alone. The other
//! cohorts are controls that come for free.
//!
//! # The statistic
//!
//! ```text
//! r_c       z of key c, less the least-squares line of z on exposure where exposures are given and differ
//! contrast  slope of r on x: x is 1 for flagged cohorts and 0 for others, or how much flagged text each cohort holds
//! p         arrangements of x over the cohorts whose sum of x_c r_c is at least the observed one / all arrangements
//! ```
//!
//! With labels the slope is the mean of r over the flagged cohorts less its mean over the others. All z and exposures are
//! held as they are, and only x moves: under the hypothesis that the draw of accounts to keys has nothing to do with what
//! the suspect did, every arrangement was equally likely, whatever a language model, a pseudorandom function or z did.
//! The line makes the contrast sharper where exposure differs. It cannot make p wrong, since it is the same line for all
//! arrangements; what can is a choice of x that looked at exposure, as when the busiest accounts are given keys of their
//! own: then the draw is not the one that is counted. Nor can it tell volume from exposure where the two go along.
//!
//! # Ties and arithmetic
//!
//! Each r is rounded to a multiple of 2^-32 (2.3e-10), and each volume to a multiple of a power of two that is at most 2^-40
//! of the largest, before any arrangement is looked at; from then on sums are whole numbers. So ties are exact ties of the rounded values, they count
//! as at least the observed, and the order of cohorts changes nothing.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use taggant_verify::LnP;
use taggant_verify::p_value::holm;

use crate::document::{MAX_WHOLE, canonical, quoted, read};
use crate::error::{Error, Kind};
use crate::plan::key_id;

mod arrangements;
mod centred;
mod check;
mod cohort;
mod subset_sums;
mod verdict;

pub use arrangements::DRAWS;
pub use check::{Discrepancy, check, check_report, recompute};
pub use cohort::{Cohort, Finding, cautions};
pub use taggant_verify::cohort_result::{CohortEntry, CohortResult, CohortVerdict};

use arrangements::Permutation;
use centred::centred;

/// Cohorts that were fixed before looking: 2 to 1,024 of them, their values in range.
#[derive(Clone, Debug, PartialEq)]
pub struct Cohorts {
    cohorts: Vec<Cohort>,
}

impl Cohorts {
    /// The version of the JSON.
    pub const SCHEMA_VERSION: u64 = 1;

    /// The level of the permutation p unless a plan says otherwise.
    pub const DEFAULT_LEVEL: f64 = 0.01;

    /// The most cohorts.
    pub const MAX: usize = 1024;

    /// The largest file that is read as cohorts, in bytes.
    pub const MAX_LEN: usize = 1 << 20;

    /// Checks the cohorts.
    ///
    /// # Errors
    /// When there are fewer than 2 or more than [`MAX`](Self::MAX), two have the same name or key, a value is out of range,
    /// or exposures or volumes are given for some cohorts alone.
    pub fn new(cohorts: Vec<Cohort>) -> Result<Self, Error> {
        let n = cohorts.len();
        if !(2..=Self::MAX).contains(&n) {
            return Err(refused("cohorts", "2 to 1024 cohorts", n.to_string()));
        }
        let (mut names, mut keys) = (HashSet::new(), HashSet::new());
        let given = |value: fn(&Cohort) -> Option<f64>| cohorts.iter().filter_map(value).count();
        let (n_exposures, n_volumes) = (given(|cohort| cohort.exposure), given(|cohort| cohort.volume));
        for (at, cohort) in cohorts.iter().enumerate() {
            let field = |name: &str| format!("cohorts[{at}].{name}");
            let name = &cohort.name;
            if name.is_empty() || name.len() > MAX_NAME_LEN || name.contains(char::is_control) {
                return Err(refused(&field("name"), "1 to 255 bytes on one line", quoted(name)));
            }
            key_id(&field("key_id"), &cohort.key_id, DOCUMENT)?;
            for (word, text, is_new) in
                [("name", name, names.insert(name)), ("key_id", &cohort.key_id, keys.insert(&cohort.key_id))]
            {
                if !is_new {
                    return Err(refused(&field(word), "unlike those before it", quoted(text)));
                }
            }
            for (word, value, n_given) in
                [("exposure", cohort.exposure, n_exposures), ("volume", cohort.volume, n_volumes)]
            {
                if n_given != 0 && n_given != n {
                    return Err(refused(
                        word,
                        "given for all cohorts or for none",
                        format!("{n_given} of {n}"),
                    ));
                }
                // Below 1 there are exposures in units of one's own; far below, only slips.
                let is_amount = |value: &f64| *value == 0.0 || (1e-9..=MAX_WHOLE as f64).contains(value);
                if let Some(found) = value.filter(|value| !is_amount(value)) {
                    return Err(refused(&field(word), "0, or a number from 1e-9 to 2^53", found.to_string()));
                }
            }
            if cohort.volume.is_some_and(|volume| (volume > 0.0) != cohort.flagged) {
                let found = if cohort.flagged { "0" } else { "a number above 0" }.to_owned();
                return Err(refused(&field("volume"), "above 0 exactly where a cohort is flagged", found));
            }
        }
        Ok(Self { cohorts })
    }

    /// Reads cohorts' JSON: `{"schema_version": 1, "cohorts": [...]}`.
    ///
    /// # Errors
    /// When there are more than [`MAX_LEN`](Self::MAX_LEN) bytes, when it is not JSON, lacks a key, has one that is unknown
    /// or twice, is of another schema version, and as [`new`](Self::new).
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        Self::new(read::<File>(json, DOCUMENT, Self::SCHEMA_VERSION, Self::MAX_LEN)?.cohorts)
    }

    /// The canonical JSON (RFC 8785).
    #[must_use]
    pub fn to_json(&self) -> String {
        canonical(&File { schema_version: Self::SCHEMA_VERSION, cohorts: self.cohorts.clone() })
    }

    /// The cohorts, in the order given.
    #[must_use]
    pub fn as_slice(&self) -> &[Cohort] {
        &self.cohorts
    }

    /// The smallest permutation p that these cohorts can give: 5.5e-4 for 4 flagged of 16. Needs no finding.
    #[must_use]
    pub fn floor(&self) -> f64 {
        Permutation::of(&self.amounts()).floor()
    }

    /// Checks, before looking, that the permutation p can reach a level.
    ///
    /// # Errors
    /// When the level is not above 0 and below 1, or below the [`floor`](Self::floor).
    pub fn check_level(&self, level: f64) -> Result<(), Error> {
        self.check_reach(&Permutation::of(&self.amounts()), level)
    }

    /// Contrasts the flagged cohorts with the others.
    ///
    /// `alpha` is the level of the keys, adjusted by Holm over all of them; `level` that of the permutation p. There is one
    /// finding for each key, in any order.
    ///
    /// # Errors
    /// When a level is out of range or out of reach, or the findings are not those of these keys or not in range.
    pub fn test(&self, findings: &[Finding], alpha: f64, level: f64) -> Result<CohortResult, Error> {
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(refused("alpha", "above 0 and below 1", alpha.to_string()));
        }
        let permutation = Permutation::of(&self.amounts());
        self.check_reach(&permutation, level)?;
        let findings = self.in_order(findings)?;
        let ln_p: Vec<LnP> = findings.iter().map(|finding| LnP::from_ln(finding.ln_p)).collect();
        let z: Vec<f64> = findings.iter().map(|finding| finding.z).collect();
        let exposures: Option<Vec<f64>> = self.cohorts.iter().map(|cohort| cohort.exposure).collect();
        let centred = centred(&z, exposures.as_deref());
        let outcome = permutation.test(&centred);
        let entry = |((cohort, finding), (adjusted, r)): ((&Cohort, &&Finding), (&LnP, &i64))| CohortEntry {
            name: cohort.name.clone(),
            key_id: cohort.key_id.clone(),
            flagged: cohort.flagged,
            exposure: cohort.exposure,
            volume: cohort.volume,
            z: finding.z,
            centred_z: centred::to_f64(*r),
            ln_p: finding.ln_p,
            ln_p_adjusted: adjusted.ln(),
            self_check_passed: finding.self_check_passed,
        };
        let adjusted = holm(&ln_p);
        let found = self.cohorts.iter().zip(&findings).zip(adjusted.iter().zip(&centred));
        let cohorts: Vec<CohortEntry> = found.map(entry).collect();
        let (verdict, meaning) = verdict::decide(&cohorts, alpha, outcome.p <= level);
        Ok(CohortResult {
            alpha,
            level,
            cohorts,
            contrast: outcome.contrast * self.unit(),
            permutation_p: outcome.p,
            floor: permutation.floor(),
            exact: permutation.is_exact(),
            arrangements: permutation.n_looked_at(),
            verdict,
            meaning: meaning.to_owned(),
        })
    }

    fn check_reach(&self, permutation: &Permutation, level: f64) -> Result<(), Error> {
        if !(level > 0.0 && level < 1.0) {
            return Err(refused("level", "above 0 and below 1", level.to_string()));
        }
        match permutation.floor() {
            floor if level < floor => Err(Kind::CohortLevel { level, floor }.into()),
            _ => Ok(()),
        }
    }

    /// The findings in the order of the cohorts.
    fn in_order<'a>(&self, findings: &'a [Finding]) -> Result<Vec<&'a Finding>, Error> {
        let refused = |message: String| Error::from(Kind::Findings { message });
        let mut by_key = HashMap::new();
        for finding in findings {
            let Finding { key_id, z, ln_p, .. } = finding;
            if !(-MAX_Z..=MAX_Z).contains(z) {
                return Err(refused(format!("z of key {key_id} must be of size 1e6 at most, found {z}")));
            }
            if !(ln_p.is_finite() && *ln_p <= 0.0) {
                return Err(refused(format!(
                    "ln p of key {key_id} must be finite and at most 0, found {ln_p}"
                )));
            }
            if by_key.insert(key_id, finding).is_some() {
                return Err(refused(format!("expected one for each key, found two for key {key_id}")));
            }
        }
        let take = |cohort: &Cohort| {
            let missing =
                || refused(format!("expected one for each key, found none for key {}", cohort.key_id));
            by_key.remove(&cohort.key_id).ok_or_else(missing)
        };
        let findings = self.cohorts.iter().map(take).collect::<Result<_, _>>()?;
        match by_key.keys().min() {
            Some(key_id) => Err(refused(format!("expected keys of the cohorts, found key {key_id}"))),
            None => Ok(findings),
        }
    }

    /// x of each cohort, as whole numbers.
    fn amounts(&self) -> Vec<i64> {
        let unit = self.unit();
        let amount = |cohort: &Cohort| match cohort.volume {
            Some(volume) => (volume * unit).round() as i64,
            None => i64::from(cohort.flagged),
        };
        self.cohorts.iter().map(amount).collect()
    }

    /// How many steps of an amount make one unit of volume: a power of two, so that whole volumes stay what they are.
    fn unit(&self) -> f64 {
        let largest = self.cohorts.iter().filter_map(|cohort| cohort.volume).fold(0.0, f64::max);
        if largest > 0.0 { libm::ldexp(1.0, AMOUNT_BITS - libm::ilogb(largest)) } else { 1.0 }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: u64,
    cohorts: Vec<Cohort>,
}

fn refused(field: &str, expected: &'static str, found: String) -> Error {
    Kind::Field { document: DOCUMENT, field: field.into(), expected, found }.into()
}

/// What messages call it.
const DOCUMENT: &str = "cohorts";

/// The largest amount has 2^40 steps or more and fewer than 2^41: volumes are known less well, and no sum overflows.
const AMOUNT_BITS: i32 = 40;

/// The largest z: 1e12 inputs shifted by one standard deviation each.
const MAX_Z: f64 = 1e6;

/// The longest name, in bytes.
const MAX_NAME_LEN: usize = 255;
