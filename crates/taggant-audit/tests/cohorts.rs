//! Cohorts: the permutation p against brute force, that it is uniform when one cohort leaks, and every verdict.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use taggant_audit::cohorts::{Cohort, DRAWS, Finding, check};
use taggant_audit::{CohortResult, CohortVerdict, Cohorts};
use taggant_verify::tail::binomial;

const ALPHA: f64 = 1e-6;

fn cohort(at: usize, flagged: bool) -> Cohort {
    let (name, key_id) = (format!("cohort {at}"), format!("{at:016x}"));
    Cohort { name, key_id, flagged, exposure: None, volume: None }
}

/// The first `n_flagged` of `n` are flagged.
fn labelled(n: usize, n_flagged: usize) -> Cohorts {
    Cohorts::new((0..n).map(|at| cohort(at, at < n_flagged)).collect()).unwrap()
}

fn finding(at: usize, z: f64) -> Finding {
    // As the tail of a normal: these tests need a p that falls with z, not a true one.
    let ln_p = taggant_verify::tail::normal::ln_upper(z).min(0.0);
    Finding { key_id: format!("{at:016x}"), z, ln_p, self_check_passed: true }
}

fn findings(z: &[f64]) -> Vec<Finding> {
    z.iter().enumerate().map(|(at, z)| finding(at, *z)).collect()
}

fn test(cohorts: &Cohorts, z: &[f64]) -> CohortResult {
    let level = Cohorts::DEFAULT_LEVEL.max(cohorts.floor()).min(0.999);
    let result = cohorts.test(&findings(z), ALPHA, level).unwrap();
    assert_eq!(check(&result), vec![], "a result follows from itself");
    result
}

/// Every order of the amounts over the cohorts, one by one: p as it is defined, in the rounded values of the result.
fn brute_force(result: &CohortResult) -> f64 {
    let r: Vec<f64> = result.cohorts.iter().map(|entry| entry.centred_z).collect();
    let mut x: Vec<f64> = result
        .cohorts
        .iter()
        .map(|entry| entry.volume.unwrap_or(f64::from(u8::from(entry.flagged))))
        .collect();
    let sum = |x: &[f64]| x.iter().zip(&r).map(|(x, r)| x * r).sum::<f64>();
    let observed = sum(&x);
    let (mut n, mut at_least) = (0_u64, 0_u64);
    permute(&mut x, 0, &mut |x| {
        n += 1;
        // Multiples of 2^-32 times small whole numbers: sums in f64 are exact.
        at_least += u64::from(sum(x) >= observed);
    });
    at_least as f64 / n as f64
}

fn permute(x: &mut [f64], from: usize, visit: &mut dyn FnMut(&[f64])) {
    if from == x.len() {
        return visit(x);
    }
    for at in from..x.len() {
        x.swap(from, at);
        permute(x, from + 1, visit);
        x.swap(from, at);
    }
}

fn any_z(n: usize) -> impl Strategy<Value = Vec<f64>> {
    // Few values, so that sums tie; or many.
    prop_oneof![vec((-3..=3_i8).prop_map(f64::from), n), vec(-5.0..30.0, n)]
}

fn any_case() -> impl Strategy<Value = (Cohorts, Vec<f64>)> {
    let exposures =
        |n| proptest::option::of(prop_oneof![vec((0..3_u8).prop_map(f64::from), n), vec(1.0..1e6, n)]);
    (2..=7_usize).prop_flat_map(move |n| {
        // Volumes are powers of two, so that their steps are exact.
        let volumes = proptest::option::of(vec(proptest::sample::select(vec![0.0, 1.0, 2.0, 4.0]), n));
        (vec(any::<bool>(), n), exposures(n), volumes, any_z(n)).prop_filter_map(
            "something to arrange",
            |(flags, exposures, volumes, z)| {
                let cohorts = (0..flags.len()).map(|at| {
                    let volume = volumes.as_ref().map(|volumes| volumes[at]);
                    let flagged = volume.map_or(flags[at], |volume| volume > 0.0);
                    Cohort { exposure: exposures.as_ref().map(|e| e[at]), volume, ..cohort(at, flagged) }
                });
                let cohorts = Cohorts::new(cohorts.collect()).unwrap();
                (cohorts.floor() < 1.0).then_some((cohorts, z))
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_permutation_p_is_that_of_brute_force((cohorts, z) in any_case()) {
        let result = test(&cohorts, &z);
        let expected = brute_force(&result);
        // Two quotients of whole numbers, of the same value.
        prop_assert!((result.permutation_p - expected).abs() < 1e-12, "{} {expected}", result.permutation_p);
        prop_assert!(result.exact && result.permutation_p >= result.floor);
    }

    #[test]
    fn the_order_of_cohorts_and_findings_changes_nothing((cohorts, z) in any_case(), by in 0..7_usize) {
        let result = test(&cohorts, &z);
        let mut turned = cohorts.as_slice().to_vec();
        turned.rotate_left(by % z.len());
        let turned = Cohorts::new(turned).unwrap();
        let again = turned.test(&findings(&z), ALPHA, result.level).unwrap();
        prop_assert_eq!(again.permutation_p, result.permutation_p);
        prop_assert_eq!((again.contrast, again.verdict), (result.contrast, result.verdict));
    }

    #[test]
    fn labels_are_the_volumes_that_are_all_alike((cohorts, z) in any_case()) {
        let without: Vec<Cohort> =
            cohorts.as_slice().iter().map(|cohort| Cohort { volume: None, ..cohort.clone() }).collect();
        let with = |cohort: &Cohort| Cohort { volume: Some(f64::from(u8::from(cohort.flagged)) * 64.0), ..cohort.clone() };
        let with = Cohorts::new(without.iter().map(with).collect()).unwrap();
        let without = Cohorts::new(without).unwrap();
        prop_assume!(without.floor() < 1.0);
        let (with, without) = (test(&with, &z), test(&without, &z));
        prop_assert_eq!(with.permutation_p, without.permutation_p);
        // One division by 64, and the rounding of the slope.
        prop_assert!((with.contrast * 64.0 - without.contrast).abs() <= 1e-12 * without.contrast.abs());
    }
}

#[test]
fn the_contrast_is_a_difference_of_means() {
    let result = test(&labelled(5, 2), &[4.0, 6.0, 1.0, 2.0, 3.0]);
    assert_eq!((result.contrast, result.permutation_p, result.arrangements), (3.0, 0.1, 10));
    // Sums of two of 1, 2, 3, 4, 6 that are at least 6 + 3: 10 and 9.
    assert_eq!(test(&labelled(5, 2), &[6.0, 3.0, 1.0, 2.0, 4.0]).permutation_p, 0.2);
    // Ties count: every arrangement is at least the observed.
    assert_eq!(test(&labelled(5, 2), &[7.0; 5]).permutation_p, 1.0);
    // By hand: x = 3, 1, 0, 0 on r = 3, 2, 1, 0 is the largest of 12.
    let volumes = [3.0, 1.0, 0.0, 0.0];
    let cohorts = volumes.iter().enumerate();
    let cohorts = cohorts.map(|(at, &v)| Cohort { volume: Some(v), ..cohort(at, v > 0.0) }).collect();
    let result = test(&Cohorts::new(cohorts).unwrap(), &[3.0, 2.0, 1.0, 0.0]);
    assert_eq!((result.permutation_p, result.arrangements), (1.0 / 12.0, 12));
    assert_eq!(result.contrast, (4.0 * 11.0 - 4.0 * 6.0) / (4.0 * 10.0 - 16.0));
}

#[test]
fn exposure_is_taken_out_before_the_contrast() {
    // Every cohort leaked in proportion to its exposure, and the flagged ones happen to be the busiest.
    let n = 12;
    let cohorts = |exposed: bool| {
        let exposure = |at: usize| exposed.then_some(1e6 * (n - at) as f64);
        let cohorts = (0..n).map(|at| Cohort { exposure: exposure(at), ..cohort(at, at < 3) });
        Cohorts::new(cohorts.collect()).unwrap()
    };
    let z: Vec<f64> = (0..n).map(|at| 2.0 * (n - at) as f64).collect();
    assert_eq!(test(&cohorts(false), &z).permutation_p, 1.0 / 220.0);
    let result = test(&cohorts(true), &z);
    assert_eq!((result.permutation_p, result.contrast), (1.0, 0.0));
}

#[test]
fn the_floor_is_known_before_looking_and_a_level_below_it_is_refused() {
    let cohorts = labelled(16, 4);
    assert_eq!(cohorts.floor(), 1.0 / 1820.0);
    cohorts.check_level(0.01).unwrap();
    cohorts.check_level(1.0 / 1820.0).unwrap();
    let message = cohorts.check_level(5e-4).unwrap_err().to_string();
    assert!(message.starts_with("the level 0.0005 is below 5.50e-4, the smallest p"), "{message}");
    for level in [0.0, 1.0, f64::NAN, -0.5] {
        let message = cohorts.check_level(level).unwrap_err().to_string();
        assert!(message.contains("level must be above 0 and below 1"), "{message}");
    }
    // With all or no cohort flagged there is one arrangement.
    assert_eq!((labelled(16, 16).floor(), labelled(16, 0).floor()), (1.0, 1.0));
    assert!(labelled(16, 16).check_level(0.5).is_err());
    assert!(labelled(16, 16).test(&findings(&[0.0; 16]), ALPHA, 0.5).is_err());
}

#[test]
fn large_designs_are_exact_where_a_half_can_be_listed_and_else_drawn() {
    for (n, n_flagged, arrangements) in
        [(32, 8, 10_518_300), (32, 24, 10_518_300), (64, 4, 635_376), (64, 60, 635_376), (1024, 2, 523_776)]
    {
        let cohorts = labelled(n, n_flagged);
        assert_eq!(cohorts.floor(), 1.0 / arrangements as f64);
        let z: Vec<f64> = (0..n).map(|at| 30.0 - at as f64).collect();
        let result = test(&cohorts, &z);
        assert_eq!((result.exact, result.arrangements), (true, arrangements));
        assert_eq!(result.permutation_p, result.floor, "the flagged have the {n_flagged} largest of {n}");
    }
    let result = test(&labelled(64, 32), &(0..64).map(f64::from).collect::<Vec<_>>());
    assert_eq!(
        (result.exact, result.arrangements, result.floor),
        (false, DRAWS + 1, 1.0 / (DRAWS + 1) as f64)
    );
    assert_eq!(result.permutation_p, 1.0, "the flagged have the smallest");
}

#[test]
fn drawn_arrangements_estimate_what_all_of_them_give() {
    // Ten distinct volumes: 3,628,800 arrangements, looked at one by one; eleven: 39,916,800, drawn.
    let cohorts = |n: usize| {
        let cohorts = (0..n).map(|at| Cohort { volume: Some(at as f64), ..cohort(at, at > 0) });
        Cohorts::new(cohorts.collect()).unwrap()
    };
    let z: Vec<f64> = (0..11).map(|at| f64::from((at * 7) % 11)).collect();
    let exact = test(&cohorts(10), &z[..10]);
    assert_eq!((exact.exact, exact.arrangements), (true, 3_628_800));
    let drawn = test(&cohorts(11), &z);
    assert!(!drawn.exact);
    // 99,999 draws: four standard deviations are 0.006.
    assert!((drawn.permutation_p - ELEVEN).abs() < 0.006, "{}", drawn.permutation_p);
}

/// The part of the orders of 0..11 whose product with z, as above, is at least the observed one: a separate program listed
/// them all.
const ELEVEN: f64 = 15_484_804.0 / 39_916_800.0;

/// z of 16 keys, one of which leaked.
fn leak(random: &mut ChaCha8Rng) -> Vec<f64> {
    let mut uniform = || (random.next_u64() >> 11) as f64 * 2_f64.powi(-53);
    let leaked = (uniform() * 16.0) as usize;
    let mut normal = || (-2.0 * (1.0 - uniform()).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
    (0..16).map(|at| normal() + if at == leaked { 20.0 } else { 0.0 }).collect()
}

#[test]
fn a_leak_of_one_cohort_drawn_at_random_leaves_p_uniform() {
    const RUNS: u64 = 2000;
    let cohorts = labelled(16, 4);
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let results: Vec<CohortResult> = (0..RUNS)
        .map(|_| cohorts.test(&findings(&leak(&mut random)), ALPHA, Cohorts::DEFAULT_LEVEL).unwrap())
        .collect();
    for level in [0.05, 0.01, 0.001] {
        let count = results.iter().filter(|result| result.permutation_p <= level).count() as u64;
        // p is a multiple of 1/1820, each as likely.
        let share = (level * 1820.0).floor() / 1820.0;
        // Two-sided at 1e-3, exact.
        let limit = 5e-4_f64.ln();
        let (upper, lower) = (binomial::ln_upper(RUNS, share, count), binomial::ln_lower(RUNS, share, count));
        assert!(upper > limit && lower > limit, "{count} of {RUNS} at {level}: ln tails {upper} and {lower}");
    }
    let smallest = results.iter().map(|result| result.permutation_p).fold(1.0, f64::min);
    assert!(smallest >= cohorts.floor(), "{smallest}");
    // One key in sixteen is always seen, and the draw explains it.
    let n_of = |verdict| results.iter().filter(|result| result.verdict == verdict).count();
    assert_eq!(n_of(CohortVerdict::NoEvidence) + n_of(CohortVerdict::Invalid), 0);
    assert!(n_of(CohortVerdict::CohortEvidence) <= 40, "at most the level of 2,000 and some");
}

#[test]
fn use_of_all_flagged_cohorts_is_cohort_evidence() {
    let z: Vec<f64> = (0..16).map(|at| f64::from(at % 3) - 1.0 + if at < 4 { 9.0 } else { 0.0 }).collect();
    let result = test(&labelled(16, 4), &z);
    assert_eq!((result.verdict, result.permutation_p), (CohortVerdict::CohortEvidence, 1.0 / 1820.0));
}

#[test]
fn every_verdict_follows_from_keys_contrast_and_self_checks() {
    let check = |z: &dyn Fn(usize) -> f64, verdict: CohortVerdict, words: &str| {
        let z: Vec<f64> = (0..16).map(z).collect();
        let result = test(&labelled(16, 4), &z);
        assert_eq!(result.verdict, verdict, "p = {}", result.permutation_p);
        assert!(result.meaning.contains(words), "{}", result.meaning);
    };
    let noise = |at: usize| (at % 5) as f64 / 10.0;
    check(&|at| noise(at), CohortVerdict::NoEvidence, "does not show that their text was not used");
    check(
        &|at| noise(at) + if at == 0 { 9.0 } else { 0.0 },
        CohortVerdict::KeyEvidence,
        "flagged keys alone were seen",
    );
    check(&|at| noise(at) + 9.0, CohortVerdict::Ambiguous, "cannot be told from public copies");
    check(
        &|at| noise(at) + if at == 9 { 9.0 } else { 0.0 },
        CohortVerdict::Ambiguous,
        "unflagged keys were seen too",
    );
    check(
        &|at| noise(at) + if at < 4 { 2.0 } else { 0.0 },
        CohortVerdict::Ambiguous,
        "no key was seen by itself",
    );
    check(
        &|at| noise(at) + if at < 4 { 9.0 } else { 0.0 },
        CohortVerdict::CohortEvidence,
        "A leak of exactly",
    );
    let everywhere_and_more = |at: usize| noise(at) + if at < 4 { 19.0 } else { 9.0 };
    check(&everywhere_and_more, CohortVerdict::CohortEvidence, "beyond the exposure that is recorded");
    let mut failed = findings(&[9.0; 16]);
    failed[11].self_check_passed = false;
    let result = labelled(16, 4).test(&failed, ALPHA, 0.01).unwrap();
    assert_eq!(result.verdict, CohortVerdict::Invalid);
    assert!(result.meaning.starts_with("the self-check of at least one key failed"));
}

#[test]
fn the_p_of_keys_is_adjusted_over_all_of_them() {
    let mut found = findings(&[0.0; 4]);
    found[2].ln_p = -14.0;
    let result = labelled(4, 1).test(&found, 1e-6, 0.3).unwrap();
    // e^-14 = 8.3e-7 alone, four times that among four keys.
    assert!((result.cohorts[2].ln_p_adjusted - (4_f64.ln() - 14.0)).abs() < 1e-12);
    assert_eq!(result.verdict, CohortVerdict::NoEvidence);
}

#[test]
fn cohorts_out_of_range_are_refused_with_what_was_found() {
    let check = |change: &dyn Fn(&mut Vec<Cohort>), words: &str| {
        let mut cohorts: Vec<Cohort> = labelled(3, 1).as_slice().to_vec();
        change(&mut cohorts);
        let message = Cohorts::new(cohorts).unwrap_err().to_string();
        assert!(
            message.starts_with("cohorts: ") && message.contains(words),
            "{message:?}, expected {words:?}"
        );
    };
    check(&|c| c.truncate(1), "2 to 1024 cohorts, found 1");
    check(&|c| *c = (0..1025).map(|at| cohort(at, false)).collect(), "found 1025");
    check(
        &|c| c[1].name = c[0].name.clone(),
        "cohorts[1].name must be unlike those before it, found \"cohort 0\"",
    );
    check(&|c| c[2].key_id = c[0].key_id.clone(), "cohorts[2].key_id must be unlike those before it");
    check(&|c| c[2].key_id = "5a".repeat(32), "found 64 other characters");
    check(&|c| c[0].name = "a\u{7}".into(), "cohorts[0].name must be 1 to 255 bytes on one line");
    check(&|c| c[0].exposure = Some(1.0), "exposure must be given for all cohorts or for none, found 1 of 3");
    check(
        &|c| c.iter_mut().for_each(|c| c.exposure = Some(f64::NAN)),
        "cohorts[0].exposure must be 0, or a number",
    );
    check(&|c| c.iter_mut().for_each(|c| c.exposure = Some(-1.0)), "found -1");
    check(
        &|c| c.iter_mut().for_each(|c| c.volume = Some(1.0)),
        "cohorts[1].volume must be above 0 exactly where",
    );
    check(
        &|c| c.iter_mut().for_each(|c| c.volume = Some(0.0)),
        "cohorts[0].volume must be above 0 exactly where",
    );
    check(&|c| c.iter_mut().for_each(|c| c.volume = Some(1e-12)), "found 0.000000000001");
}

#[test]
fn findings_must_be_those_of_the_keys() {
    let cohorts = labelled(3, 1);
    let check = |change: &dyn Fn(&mut Vec<Finding>), words: &str| {
        let mut found = findings(&[1.0, 2.0, 3.0]);
        change(&mut found);
        let message = cohorts.test(&found, ALPHA, 0.5).unwrap_err().to_string();
        assert!(message.contains(words), "{message:?}, expected {words:?}");
    };
    check(&|f| f.truncate(2), "expected one for each key, found none for key 0000000000000002");
    check(&|f| f.push(finding(0, 1.0)), "expected one for each key, found two for key 0000000000000000");
    check(&|f| f.push(finding(7, 1.0)), "expected keys of the cohorts, found key 0000000000000007");
    check(&|f| f[0].z = f64::NAN, "z of key 0000000000000000 must be of size 1e6 at most, found NaN");
    check(&|f| f[0].z = 2e6, "found 2000000");
    check(&|f| f[1].ln_p = 0.5, "ln p of key 0000000000000001 must be finite and at most 0, found 0.5");
    check(&|f| f[1].ln_p = f64::NEG_INFINITY, "found -inf");
    assert!(cohorts.test(&findings(&[1.0, 2.0, 3.0]), 1.0, 0.5).is_err());
}

#[test]
fn extreme_values_are_counted_without_overflow() {
    let z: Vec<f64> = (0..1024).map(|at| if at < 512 { 1e6 } else { -1e6 }).collect();
    assert_eq!(test(&labelled(1024, 512), &z).permutation_p, 1.0 / (DRAWS + 1) as f64);
    let z: Vec<f64> = (0..44).map(|at| if at < 22 { 1e6 } else { -1e6 }).collect();
    assert_eq!(test(&labelled(44, 22), &z).permutation_p, 1.0 / 2_104_098_963_720.0);
    let volumes = (0..8).map(|at| Cohort {
        volume: Some([0.0, 1e-9, 1.0, 9e15][at % 4]),
        exposure: Some([1e-9, 9e15][at / 4]),
        ..cohort(at, at % 4 > 0)
    });
    let result =
        test(&Cohorts::new(volumes.collect()).unwrap(), &[1e6, -1e6, 0.0, 1e6, 1e-300, 0.0, -0.0, 1.0]);
    assert!(result.contrast.is_finite() && result.permutation_p <= 1.0);
}

#[test]
fn the_cohorts_on_the_page_are_cohorts() {
    let page = include_str!("../../../docs/formats.md").split_once("\n## Cohorts\n").unwrap().1;
    let json = page.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
    assert_eq!(Cohorts::from_json(json.as_bytes()).unwrap().floor(), 0.5);
}

#[test]
fn cohorts_survive_their_file_and_other_files_are_refused() {
    let json = r#"{"cohorts":[{"exposure":1000,"flagged":true,"key_id":"00000000000000aa","name":"a","volume":null},{"exposure":2000,"flagged":false,"key_id":"00000000000000bb","name":"b","volume":null}],"schema_version":1}"#;
    let cohorts = Cohorts::from_json(json.as_bytes()).unwrap();
    assert_eq!(cohorts.to_json(), json);
    assert_eq!((cohorts.as_slice()[1].exposure, cohorts.floor()), (Some(2000.0), 0.5));
    let check = |json: &str, words: &str| {
        let message = Cohorts::from_json(json.as_bytes()).unwrap_err().to_string();
        assert!(
            message.starts_with("cohorts: ") && message.contains(words),
            "{message:?}, expected {words:?}"
        );
    };
    check(
        &json.replace("\"schema_version\":1", "\"schema_version\":2"),
        "schema_version 2, this build reads 1",
    );
    check(&json.replacen(",\"volume\":null", "", 1), "missing field `volume`");
    check(&json.replacen("volume", "weight", 1), "unknown field `weight`");
    check(&" ".repeat(Cohorts::MAX_LEN + 1), "at most 1048576 bytes");
}

#[test]
fn each_changed_number_of_a_result_is_found() {
    let z: Vec<f64> = (0..8).map(|at| f64::from(at % 3) + if at < 2 { 7.5 } else { 0.0 }).collect();
    let result = test(&labelled(8, 2), &z);
    let json = serde_json::to_string(&result).unwrap();
    assert_eq!(serde_json::from_str::<CohortResult>(&json).unwrap(), result);
    assert!(serde_json::from_str::<CohortResult>(&json.replacen("contrast", "difference", 1)).is_err());
    let check_found = |field: &str, change: &dyn Fn(&mut CohortResult)| {
        let mut changed = result.clone();
        change(&mut changed);
        let found = check(&changed);
        assert!(found.iter().any(|discrepancy| discrepancy.field == field), "{field}: {found:?}");
    };
    check_found("contrast", &|result| result.contrast *= 1.0 + 1e-8);
    check_found("permutation_p", &|result| result.permutation_p = 0.5);
    check_found("floor", &|result| result.floor /= 2.0);
    check_found("exact", &|result| result.exact = false);
    check_found("arrangements", &|result| result.arrangements += 1);
    check_found("verdict", &|result| result.verdict = CohortVerdict::NoEvidence);
    check_found("meaning", &|result| result.meaning.push('!'));
    check_found("cohorts[3].centred_z", &|result| result.cohorts[3].centred_z = 5.0);
    check_found("cohorts[3].ln_p_adjusted", &|result| result.cohorts[3].ln_p_adjusted = -1.0);
    check_found("permutation_p", &|result| result.cohorts[0].z = -50.0);
    check_found("verdict", &|result| result.cohorts[0].self_check_passed = false);
    check_found("cohorts", &|result| result.cohorts[0].ln_p = 1.0);
    check_found("cohorts", &|result| result.cohorts.clear());
}
