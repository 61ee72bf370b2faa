//! A result of cohorts checked against what was found under each key.

use taggant_verify::Report;
use taggant_verify::cohort_result::{CohortEntry, CohortResult};

use crate::cohorts::{Cohort, Cohorts, Finding};
use crate::error::Error;

/// A number in a result that does not follow from what was found under each key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discrepancy {
    /// The path of the field.
    pub field: String,
    /// What the result says.
    pub stated: String,
    /// What follows.
    pub recomputed: String,
}

/// The result that follows from the z, ln p and self-checks in another.
///
/// # Errors
/// When its cohorts, findings or levels are not possible.
pub fn recompute(result: &CohortResult) -> Result<CohortResult, Error> {
    let cohort = |entry: &CohortEntry| Cohort {
        name: entry.name.clone(),
        key_id: entry.key_id.clone(),
        flagged: entry.flagged,
        exposure: entry.exposure,
        volume: entry.volume,
    };
    let finding = |entry: &CohortEntry| Finding {
        key_id: entry.key_id.clone(),
        z: entry.z,
        ln_p: entry.ln_p,
        self_check_passed: entry.self_check_passed,
    };
    let findings: Vec<Finding> = result.cohorts.iter().map(finding).collect();
    Cohorts::new(result.cohorts.iter().map(cohort).collect())?.test(&findings, result.alpha, result.level)
}

/// Recomputes a result and names what differs; numbers agree to 1e-9 of themselves.
///
/// Taken as given: the cohorts, their z, `ln_p` and self-checks, and the levels.
#[must_use]
pub fn check(result: &CohortResult) -> Vec<Discrepancy> {
    let again = match recompute(result) {
        Ok(again) => again,
        Err(error) => {
            let (field, stated) = ("cohorts".to_owned(), format!("{} cohorts", result.cohorts.len()));
            return vec![Discrepancy { field, stated, recomputed: error.to_string() }];
        }
    };
    let mut found = Differences::default();
    for (at, (stated, entry)) in result.cohorts.iter().zip(&again.cohorts).enumerate() {
        found.number(&format!("cohorts[{at}].centred_z"), stated.centred_z, entry.centred_z);
        found.number(&format!("cohorts[{at}].ln_p_adjusted"), stated.ln_p_adjusted, entry.ln_p_adjusted);
    }
    found.number("contrast", result.contrast, again.contrast);
    found.number("permutation_p", result.permutation_p, again.permutation_p);
    found.number("floor", result.floor, again.floor);
    found.value("exact", &result.exact, &again.exact);
    found.value("arrangements", &result.arrangements, &again.arrangements);
    found.value("verdict", &result.verdict.as_str(), &again.verdict.as_str());
    found.value("meaning", &result.meaning, &again.meaning);
    found.0
}

/// Checks the cohorts of a report, where it has any: their own result, that they were judged at the report's alpha, and
/// that the cohort of the report's key states what its tests found.
#[must_use]
pub fn check_report(report: &Report) -> Vec<Discrepancy> {
    let Some(result) = &report.cohorts else { return Vec::new() };
    let mut found = Differences(check(result));
    found.number("alpha", result.alpha, report.alpha);
    match result.cohorts.iter().position(|entry| entry.key_id == report.key_id) {
        Some(at) => {
            let (stated, again) = (&result.cohorts[at], Finding::of(report));
            found.number(&format!("cohorts[{at}].z"), stated.z, again.z);
            found.number(&format!("cohorts[{at}].ln_p"), stated.ln_p, again.ln_p);
            let (stated, again) = (stated.self_check_passed, again.self_check_passed);
            found.value(&format!("cohorts[{at}].self_check_passed"), &stated, &again);
        }
        None => {
            let (field, stated) = ("cohorts".to_owned(), "no cohort of the report's key".to_owned());
            found.0.push(Discrepancy { field, stated, recomputed: format!("one of key {}", report.key_id) });
        }
    }
    found.0.iter_mut().for_each(|discrepancy| discrepancy.field.insert_str(0, "cohorts."));
    found.0
}

#[derive(Default)]
struct Differences(Vec<Discrepancy>);

impl Differences {
    /// Agreement to 1e-9 of the larger: platforms differ by far less, and any of the first nine digits by more.
    fn number(&mut self, field: &str, stated: f64, again: f64) {
        if stated != again && (stated - again).abs() <= 1e-9 * stated.abs().max(again.abs()) {
            return;
        }
        self.value(field, &stated, &again);
    }

    fn value<T: PartialEq + ToString>(&mut self, field: &str, stated: &T, again: &T) {
        if stated != again {
            let (stated, recomputed) = (stated.to_string(), again.to_string());
            self.0.push(Discrepancy { field: field.to_owned(), stated, recomputed });
        }
    }
}
