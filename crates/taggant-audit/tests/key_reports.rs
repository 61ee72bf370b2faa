//! The report of one key: which test decides by default, and what cohorts take from it.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use taggant::reader::Reader;
use taggant::scheme::{GreenList, Scheme};
use taggant::{ContextWidth, Mark, Profile, Secret, TokenId};
use taggant_audit::cohorts::{Cohort, Finding, cautions, check_report};
use taggant_audit::{AtHand, Cohorts, Materials, NgramReference, Passage, ReferenceModel, audit};
use taggant_corpus::LnRow;
use taggant_verify::audit_result::{DecidedBy, Origin};
use taggant_verify::{Filter, Plan, Report, Subject, TestName, Verdict};

fn mark(n: u8) -> Mark {
    let scheme = Scheme::Green(GreenList::new("1/4".parse().unwrap(), 2.0).unwrap());
    let profile = Profile::new(scheme, ContextWidth::new(2).unwrap(), "2026q4").unwrap();
    Mark::new(&Secret::from_bytes([n; 32]), &profile)
}

fn subject() -> Subject {
    Subject {
        tool: "taggant 0.0.0-test".into(),
        dialect: "taggant-1".into(),
        profile_digest: "c577c53c55f96564bb207f019afa214001ed456f80de91448eb4a55f0b8afb34".into(),
        key_id: "0000000000000001".into(),
    }
}

fn documents(seed: u64, n: usize) -> Vec<Vec<TokenId>> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..n).map(|_| (0..60).map(|_| random.next_u32() % 40).collect()).collect()
}

fn passages(log_probs: bool) -> Vec<Passage> {
    let row = || LnRow::new(vec![1, 2, 3], vec![-1.0, -2.0, -3.0]).unwrap();
    let passage = |(at, tokens): (usize, Vec<TokenId>)| Passage {
        log_probs: log_probs.then(|| tokens.iter().map(|token| Some(row().with_observed(*token))).collect()),
        ..Passage::of_tokens(at.to_string(), tokens)
    };
    documents(1, 10).into_iter().enumerate().map(passage).collect()
}

fn materials(at_hand: AtHand) -> Materials {
    let fitted = || -> Box<dyn ReferenceModel> {
        Box::new(NgramReference::fit("other.txt", documents(4, 10), 3, 40).unwrap())
    };
    Materials {
        suspect: passages(at_hand.log_probs),
        origin: Some(at_hand.origin),
        served: at_hand.served.then(|| documents(2, 10)),
        familiar: at_hand.familiar.then(|| documents(3, 10)),
        references: at_hand.reference.then(fitted).into_iter().collect(),
        ..Materials::default()
    }
}

fn report(materials: &Materials, plan: Plan) -> Result<Report, taggant_audit::Error> {
    let decoy = |n: u64| -> Box<dyn Reader> { Box::new(mark(100 + n as u8)) };
    audit(&mark(1), plan, materials, subject(), &decoy)
}

fn quick() -> Plan {
    Plan { decoys: 0, columns: 0, ..Plan::default() }
}

#[test]
fn what_is_at_hand_makes_the_tests_of_an_audit_and_the_first_of_them_decides() {
    for bits in 0..16_u8 {
        let is = |bit: u8| bits >> bit & 1 == 1;
        for origin in [Origin::Suspect, Origin::KeyFree, Origin::Marked] {
            let at_hand =
                AtHand { origin, served: is(0), familiar: is(1), reference: is(2), log_probs: is(3) };
            let Some(expected) = at_hand.default_statistic() else {
                let message = report(&materials(at_hand), quick()).unwrap_err().to_string();
                assert!(message.contains("no passage has any"), "{at_hand:?}: {message}");
                continue;
            };
            let report = report(&materials(at_hand), quick()).unwrap();
            let audit = report.audit.unwrap();
            assert_eq!(audit.decides, expected.to_string(), "{at_hand:?}");
            assert_eq!(audit.decided_by, DecidedBy::DefaultOrder);
            let made: Vec<&str> = report.tests.iter().map(|test| &test.name[..]).collect();
            for name in TestName::ALL {
                assert_eq!(made.contains(&&name.to_string()[..]), at_hand.makes(name), "{at_hand:?} {name}");
            }
        }
    }
}

#[test]
fn a_test_says_what_it_lacks() {
    let nothing = AtHand {
        origin: Origin::Suspect,
        served: false,
        familiar: false,
        reference: false,
        log_probs: false,
    };
    let read = AtHand { origin: Origin::Marked, ..nothing };
    for (at_hand, name, expected) in [
        (nothing, TestName::COUNT, None),
        (read, TestName::COUNT, Some("text that the suspect wrote")),
        (nothing, TestName::SCORE, Some("a reference")),
        (nothing, TestName::COUNT.under(Filter::Served), Some("a log of what was served")),
        (nothing, TestName::COUNT.under(Filter::Familiar), Some("familiar text")),
        (nothing, TestName::OPEN_PAIRED, Some("log-probs of the suspect")),
        (AtHand { log_probs: true, ..nothing }, TestName::OPEN_PAIRED, Some("a reference")),
        (nothing, TestName::WEIGHTED, Some("weights")),
    ] {
        assert_eq!(at_hand.lacks(name), expected, "{at_hand:?} {name}");
    }
}

fn default_report() -> Report {
    let at_hand =
        AtHand { origin: Origin::Suspect, served: true, familiar: false, reference: true, log_probs: false };
    let mut materials = materials(at_hand);
    materials.decides = Some((TestName::COUNT, DecidedBy::Flag));
    report(&materials, quick()).unwrap()
}

#[test]
fn a_finding_is_that_of_the_deciding_test() {
    let report = default_report();
    let (test, finding) = (report.deciding().next().unwrap(), Finding::of(&report));
    assert_eq!(test.name, "count");
    assert!((finding.z - test.z.unwrap()).abs() < 1e-12);
    assert_eq!((finding.ln_p, finding.self_check_passed), (test.ln_p, true));
    assert_eq!(finding.key_id, report.key_id);
}

#[test]
fn a_calibrated_test_is_found_with_its_proven_bound() {
    let mut report = default_report();
    report.tests.iter_mut().for_each(|test| test.decides = test.name == "score-served");
    let test = report.deciding().next().unwrap();
    // `audit` adjusts the deciding tests alone; here it is done by hand.
    let proven = (-test.ln_e.unwrap()).min(0.0);
    let mut materials = materials(AtHand {
        origin: Origin::Suspect,
        served: true,
        familiar: false,
        reference: true,
        log_probs: false,
    });
    materials.decides = Some((TestName::SCORE.under(Filter::Served), DecidedBy::Plan));
    let report = self::report(&materials, quick()).unwrap();
    assert!((Finding::of(&report).ln_p - proven).abs() < 1e-12);
    let twice = Plan { hypotheses: 2.try_into().unwrap(), ..quick() };
    let report = self::report(&materials, twice).unwrap();
    assert!((Finding::of(&report).ln_p - (proven + 2_f64.ln()).min(0.0)).abs() < 1e-12);
}

#[test]
fn channels_are_pooled_and_the_smallest_p_counts() {
    let mut report = default_report();
    let mut other = report.deciding().next().unwrap().clone();
    other.channel = "other".into();
    (other.statistic, other.null_mean, other.null_variance, other.ln_p_adjusted) = (20.0, 10.0, 9.0, -4.0);
    for test in report.tests.iter_mut().filter(|test| test.decides) {
        (test.statistic, test.null_mean, test.null_variance, test.ln_p_adjusted) = (5.0, 4.0, 16.0, -1.0);
    }
    report.tests.push(other);
    let finding = Finding::of(&report);
    // (10 + 1) / sqrt(9 + 16).
    assert_eq!((finding.z, finding.ln_p), (11.0 / 5.0, -4.0));
    report.tests.clear();
    report.verdict = Verdict::Invalid;
    let finding = Finding::of(&report);
    assert_eq!((finding.z, finding.ln_p, finding.self_check_passed), (0.0, 0.0, false));
}

#[test]
fn a_report_with_cohorts_is_checked_against_its_own_tests() {
    let mut report = default_report();
    assert_eq!(check_report(&report), vec![], "without cohorts there is nothing to check");
    let cohort = |at: u8| Cohort {
        name: format!("cohort {at}"),
        key_id: format!("{at:016x}"),
        flagged: at == 1,
        exposure: None,
        volume: None,
    };
    let cohorts = Cohorts::new((1..=4).map(cohort).collect()).unwrap();
    let finding = |at: u8| match at {
        1 => Finding::of(&report),
        _ => Finding { key_id: format!("{at:016x}"), z: 0.5, ln_p: -1.0, self_check_passed: true },
    };
    let findings: Vec<Finding> = (1..=4).map(finding).collect();
    let result = cohorts.test(&findings, report.alpha, 0.25).unwrap();
    (report.cohort_verdict, report.cohorts) = (Some(result.verdict), Some(result));
    assert_eq!(check_report(&report), vec![]);
    assert_eq!(taggant_verify::check::check(&report), vec![]);

    let check = |field: &str, change: &dyn Fn(&mut Report)| {
        let mut changed = report.clone();
        change(&mut changed);
        let found = check_report(&changed);
        assert!(found.iter().any(|discrepancy| discrepancy.field == field), "{field}: {found:?}");
    };
    check("cohorts.cohorts[0].z", &|report| report.cohorts.as_mut().unwrap().cohorts[0].z += 1e-3);
    check("cohorts.cohorts[0].ln_p", &|report| report.cohorts.as_mut().unwrap().cohorts[0].ln_p -= 1.0);
    check("cohorts.cohorts[0].self_check_passed", &|report| report.verdict = Verdict::Invalid);
    check("cohorts.alpha", &|report| report.alpha = 0.5);
    check("cohorts.cohorts", &|report| report.key_id = "00000000000000ff".into());
    check("cohorts.contrast", &|report| report.cohorts.as_mut().unwrap().contrast += 1.0);
    let mut changed = report.clone();
    changed.cohort_verdict = None;
    let found = taggant_verify::check::check(&changed);
    assert_eq!(found.iter().map(|it| &it.field[..]).collect::<Vec<_>>(), ["cohort_verdict"]);
}

#[test]
fn a_cohort_without_inputs_or_with_a_marked_reference_is_pointed_out() {
    let mut report = default_report();
    assert_eq!(cautions("north", &report), Vec::<String>::new());
    report.tests.iter_mut().for_each(|test| test.n = 0);
    report.audit.as_mut().unwrap().references[0].mark_ln_p = Some(-20.0);
    let found = cautions("north", &report);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("cohort north: it stands among the others with z = 0"), "{}", found[0]);
    assert!(
        found[1].contains("the reference other.txt seems to carry the mark of cohort north"),
        "{}",
        found[1]
    );
}
