//! e-processes and confidence sequences: their error rates counted exactly where outcomes can be enumerated.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use taggant::law::Law;
use taggant::scheme::gumbel_max;
use taggant_verify::confidence_sequence::ConfidenceSequence;
use taggant_verify::e_process::EProcess;
use taggant_verify::null::Null;
use taggant_verify::p_value::PKind;
use taggant_verify::tail::bet_grid::BetGrid;
use taggant_verify::tail::{binomial, mixture};
use taggant_verify::tally::Tally;
use taggant_verify::weighted_e_process::WeightedEProcess;

const QUARTER: Law = Law::Bernoulli { numerator: 1, denominator: 4 };
const HALF: Law = Law::Bernoulli { numerator: 1, denominator: 2 };
const SIXTEENTH: Law = Law::Bernoulli { numerator: 1, denominator: 16 };
const BITS: Law = Law::Bits { depth: 3 };

/// Sums of a few thousand probabilities, each with the error of an exponential of up to 700.
const ROUNDING: f64 = 1e-11;

fn coins(law: Law) -> (u64, f64) {
    match law {
        Law::Bits { depth } => (depth.into(), 0.5),
        _ => (1, law.mean()),
    }
}

/// A score drawn under the null, or with coins of rate `q` where one is given; scores larger by a factor `q`.
fn draw(law: Law, q: Option<f64>, rng: &mut ChaCha8Rng) -> u64 {
    if law == Law::Exponential {
        return (gumbel_max::score(rng.next_u32()) as f64 * q.unwrap_or(1.0)) as u64;
    }
    let (per_input, p) = coins(law);
    let threshold = q.unwrap_or(p) * 4_294_967_296.0;
    (0..per_input).filter(|_| f64::from(rng.next_u32()) < threshold).count() as u64
}

/// The chance that coins of rate `q` ever meet `stops(n, sum)` within `n_inputs`, looking after every input: exact,
/// by the law of the sum of those that have not stopped.
fn chance_of_stopping(law: Law, q: f64, n_inputs: u64, stops: impl Fn(u64, u64) -> bool) -> f64 {
    let (per_input, _) = coins(law);
    let step: Vec<f64> = (0..=per_input).map(|k| binomial::ln_pmf(per_input, q, k).exp()).collect();
    let (mut law_of_sum, mut stopped) = (vec![1.0], 0.0);
    for n in 1..=n_inputs {
        let mut next = vec![0.0; law_of_sum.len() + per_input as usize];
        for (sum, weight) in law_of_sum.iter().enumerate() {
            for (score, chance) in step.iter().enumerate() {
                next[sum + score] += weight * chance;
            }
        }
        for (sum, weight) in next.iter_mut().enumerate() {
            if *weight > 0.0 && stops(n, sum as u64) {
                stopped += *weight;
                *weight = 0.0;
            }
        }
        law_of_sum = next;
    }
    stopped
}

#[test]
fn the_chance_of_ever_reaching_1_over_alpha_is_at_most_alpha() {
    for law in [QUARTER, HALF, SIXTEENTH, BITS] {
        let (per_input, p) = coins(law);
        let mixture = mixture::BinomialMixture::new(p);
        for alpha in [0.05_f64, 0.01, 1e-3, 1e-6] {
            let stops = |n: u64, sum: u64| mixture.ln_e(n * per_input, sum) >= -alpha.ln();
            let chance = chance_of_stopping(law, p, 400, stops);
            assert!(chance <= alpha, "{law:?} alpha={alpha}: {chance}");
            // Looking once at the end, without alternation of bets, would find far less: the bound is not idle.
            assert!(chance >= alpha / 40.0, "{law:?} alpha={alpha}: {chance}");
        }
    }
}

#[test]
fn scores_rarely_reach_1_over_alpha() {
    // 600 streams: at a rate of 0.05, more than 47 are seen with a chance of 1e-3. The seed is fixed.
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let reached = |rng: &mut ChaCha8Rng| {
        let mut process = EProcess::new(Law::Exponential);
        (0..600).for_each(|_| process.add(draw(Law::Exponential, None, rng)).unwrap());
        process.p().ln() <= 0.05_f64.ln()
    };
    let found = (0..600).filter(|_| reached(&mut rng)).count();
    assert!((1..=47).contains(&found), "{found} of 600");
}

#[test]
fn one_at_a_time_ends_where_the_counts_do_and_remembers_its_maximum() {
    for (law, q) in [
        (QUARTER, None),
        (QUARTER, Some(0.35)),
        (HALF, Some(0.4)),
        (SIXTEENTH, Some(0.8)),
        (BITS, Some(0.55)),
        (Law::Exponential, None),
        (Law::Exponential, Some(1.2)),
    ] {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (mut process, mut tally, mut largest) = (EProcess::new(law), Tally::default(), 0.0_f64);
        for _ in 0..1500 {
            let score = draw(law, q, &mut rng);
            process.add(score).unwrap();
            tally.add(score);
            let null = Null::new(law, tally.n);
            let ln_e = null.ln_e(null.statistic(&tally));
            largest = largest.max(ln_e);
            assert_eq!((process.n(), process.ln_e()), (tally.n, ln_e), "{law:?} {q:?}");
            assert_eq!(process.ln_e_max(), largest, "{law:?} {q:?} n={}", tally.n);
        }
        assert_eq!(process.e_value().ln(), process.ln_e());
        assert_eq!((process.p().ln(), process.p().kind()), (-largest, PKind::Certified));
    }
}

#[test]
fn nothing_read_is_no_evidence() {
    for law in [QUARTER, BITS, Law::Exponential] {
        let (plain, weighted) = (EProcess::new(law), WeightedEProcess::new(law, 1.0).unwrap());
        assert_eq!((plain.ln_e(), plain.ln_e_max(), plain.p().ln(), plain.n()), (0.0, 0.0, 0.0, 0));
        assert_eq!(
            (weighted.ln_e(), weighted.ln_e_max(), weighted.p().ln(), weighted.n()),
            (0.0, 0.0, 0.0, 0)
        );
        assert_eq!(WeightedEProcess::terminal(law, 1.0, &[], 0.0).unwrap().ln(), 0.0);
    }
}

#[test]
fn shares_that_leave_no_alternative_are_no_evidence() {
    for (numerator, score) in [(0, 0), (4, 1)] {
        let law = Law::Bernoulli { numerator, denominator: 4 };
        let (mut plain, mut weighted) = (EProcess::new(law), WeightedEProcess::new(law, 1.0).unwrap());
        for _ in 0..5 {
            plain.add(score).unwrap();
            weighted.add(0.5, score).unwrap();
        }
        assert_eq!((plain.ln_e(), weighted.ln_e()), (0.0, 0.0), "{law:?}");
    }
}

#[test]
fn impossible_scores_and_coefficients_are_refused_and_not_read() {
    for (law, score) in [(QUARTER, 2), (BITS, 4)] {
        let (mut plain, mut weighted) = (EProcess::new(law), WeightedEProcess::new(law, 1.0).unwrap());
        assert!(plain.add(score).is_err() && weighted.add(1.0, score).is_err());
        assert_eq!((plain.n(), weighted.n()), (0, 0));
        for coefficient in [1.0 + 1e-9, -1.1, f64::NAN, f64::INFINITY] {
            assert!(weighted.add(coefficient, 1).is_err(), "{coefficient}");
        }
        assert_eq!(weighted, WeightedEProcess::new(law, 1.0).unwrap());
    }
    for scale in [0.0, -1.0, 1e-200, f64::INFINITY, f64::NAN] {
        assert!(WeightedEProcess::new(QUARTER, scale).is_err(), "{scale}");
    }
    let terminal = |law, statistic| WeightedEProcess::terminal(law, 1.0, &[(0.5, 4), (-1.0, 2)], statistic);
    for statistic in [2.1, -2.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(terminal(QUARTER, statistic).is_err(), "{statistic}");
    }
    assert!(terminal(QUARTER, 2.0).is_ok() && terminal(BITS, 6.0).is_ok() && terminal(BITS, 6.1).is_err());
    assert!(terminal(Law::Exponential, -50.0).is_ok() && terminal(Law::Exponential, f64::INFINITY).is_err());
    let positive = |statistic| WeightedEProcess::terminal(Law::Exponential, 1.0, &[(0.5, 4)], statistic);
    assert!(positive(-0.1).is_err() && positive(0.0).is_ok() && positive(30.0).is_ok());
}

/// The mean of E over all outcomes of `depth` more inputs, each coefficient chosen by what came before.
fn mean_over_outcomes(process: &WeightedEProcess, law: Law, path: &mut Vec<u64>, depth: usize) -> f64 {
    if path.len() == depth {
        return process.ln_e().exp();
    }
    let (per_input, p) = coins(law);
    let seen: u64 = path.iter().sum();
    let coefficient = [0.9, -0.3, 0.0, 2.0, -2.0, 0.01][(3 * path.len() + seen as usize) % 6];
    (0..=per_input)
        .map(|score| {
            let mut next = process.clone();
            next.add(coefficient, score).unwrap();
            path.push(score);
            let mean = mean_over_outcomes(&next, law, path, depth);
            path.pop();
            binomial::ln_pmf(per_input, p, score).exp() * mean
        })
        .sum()
}

#[test]
fn bets_that_look_at_the_past_are_fair() {
    for (law, depth) in [(QUARTER, 11), (HALF, 9), (SIXTEENTH, 9), (BITS, 5)] {
        let process = WeightedEProcess::new(law, 2.0).unwrap();
        let mean = mean_over_outcomes(&process, law, &mut Vec::new(), depth);
        assert!((mean - 1.0).abs() < ROUNDING, "{law:?}: {mean}");
    }
}

#[test]
fn bets_on_one_score_are_fair() {
    // The midpoint rule in u for e^(t x), x = -ln(1 - u), is the grid of scores itself with fewer cells: a mean below 1
    // for t > 0, as the docs of the mixture say, and above 1 by at most half a cell for t < 0.
    let cells = 1_u32 << 14;
    for coefficient in [1.0, 0.5, 0.01, -0.01, -0.5, -1.0] {
        let mean = (0..cells)
            .map(|cell| {
                let x = -(1.0 - (f64::from(cell) + 0.5) / f64::from(cells)).ln();
                let mut process = WeightedEProcess::new(Law::Exponential, 1.0).unwrap();
                process.add(coefficient, (x * Law::Exponential.unit() as f64) as u64).unwrap();
                process.ln_e().exp()
            })
            .sum::<f64>()
            / f64::from(cells);
        let above = if coefficient < 0.0 { 1.0 / f64::from(cells) } else { 0.0 };
        // A coarse grid loses the mass of its last cell: h^(1-s) / (1-s), averaged over the tilts, at s up to 8/9.
        assert!(mean <= 1.0 + above && mean > 0.97, "{coefficient}: {mean}");
    }
}

#[test]
fn equal_coefficients_are_the_grid_of_the_plain_mixture() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut process, mut tally) = (WeightedEProcess::new(Law::Exponential, 3.0).unwrap(), Tally::default());
    for _ in 0..500 {
        let score = draw(Law::Exponential, Some(1.3), &mut rng);
        process.add(3.0, score).unwrap();
        tally.add(score);
    }
    let excess = tally.sum as f64 / Law::Exponential.unit() as f64 - 500.0;
    let expected = BetGrid::of_scores().ln_mean(500.0, excess);
    assert!((process.ln_e() - expected).abs() < 1e-10, "{} {expected}", process.ln_e());
    assert!(expected > 5.0);
}

#[test]
fn a_complete_weighted_sum_is_worth_what_the_process_ended_at() {
    for law in [QUARTER, BITS, Law::Exponential] {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let coefficients = [1.0, 0.25, -0.5, 0.0, 0.125];
        let mut process = WeightedEProcess::new(law, 1.0).unwrap();
        let (mut counts, mut sum) = ([0_u64; 5], 0.0);
        for turn in 0..2000 {
            let at = turn % 5 * (turn % 2);
            let score = draw(law, None, &mut rng);
            process.add(coefficients[at], score).unwrap();
            counts[at] += 1;
            sum += coefficients[at] * score as f64 / law.unit() as f64;
        }
        let groups: Vec<(f64, u64)> = coefficients.into_iter().zip(counts).collect();
        let terminal = WeightedEProcess::terminal(law, 1.0, &groups, sum).unwrap();
        assert!(
            (terminal.ln() - process.ln_e()).abs() < 1e-10,
            "{law:?}: {} {}",
            terminal.ln(),
            process.ln_e()
        );
        assert!(process.ln_e_max() >= process.ln_e() && process.ln_e_max() >= 0.0);
        assert_eq!(process.n(), 2000 - counts[3]);

        let mut split: Vec<(f64, u64)> = groups.iter().map(|(a, count)| (*a, count - count / 3)).collect();
        split.extend(groups.iter().rev().map(|(a, count)| (*a, count / 3)));
        assert_eq!(WeightedEProcess::terminal(law, 1.0, &split, sum).unwrap(), terminal, "{law:?}");
    }
}

#[test]
fn evidence_in_few_heavy_inputs_is_found() {
    // One input in 50 has coefficient 1 and is green half of the time, the others have 0.05 and know nothing.
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    let (mut weighted, mut plain) = (WeightedEProcess::new(QUARTER, 1.0).unwrap(), EProcess::new(QUARTER));
    for turn in 0..10_000 {
        let is_heavy = turn % 50 == 0;
        let score = draw(QUARTER, is_heavy.then_some(0.5), &mut rng);
        weighted.add(if is_heavy { 1.0 } else { 0.05 }, score).unwrap();
        plain.add(score).unwrap();
    }
    assert!(weighted.ln_e() > 1e6_f64.ln(), "{}", weighted.ln_e());
    assert!(plain.ln_e() < 5.0, "{}", plain.ln_e());
}

#[test]
fn confidence_sequences_cover_at_all_times() {
    let tally = |n, sum| Tally { n, sum: u128::from(sum) };
    for law in [QUARTER, BITS] {
        for q in [0.02, 0.25, 0.5, 0.9] {
            for alpha in [0.05, 0.01] {
                let sequence = ConfidenceSequence::new(law, alpha).unwrap();
                let missed = chance_of_stopping(law, q, 300, |n, sum| sequence.excludes(&tally(n, sum), q));
                assert!(missed <= alpha && missed >= alpha / 40.0, "{law:?} q={q} alpha={alpha}: {missed}");
            }
        }
    }
    // 500 streams of scores: at a rate of 0.1, more than 72 are seen with a chance of 1e-3. The seed is fixed.
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let sequence = ConfidenceSequence::new(Law::Exponential, 0.1).unwrap();
    let mut misses = |scale: f64| {
        let mut tally = Tally::default();
        (0..400).any(|_| {
            tally.add(draw(Law::Exponential, Some(scale), &mut rng));
            sequence.excludes(&tally, scale)
        })
    };
    let missed = (0..500).filter(|turn| misses([0.5, 1.0, 3.0][turn % 3])).count();
    assert!((1..=72).contains(&missed), "{missed} of 500");
}

#[test]
fn intervals_end_where_parameters_begin_to_be_excluded() {
    let unit = u128::from(Law::Exponential.unit());
    for (law, n, sum) in [
        (QUARTER, 1, 0),
        (QUARTER, 1, 1),
        (QUARTER, 40, 13),
        (QUARTER, 10_u64.pow(15), 250_000_000_000_000),
        (BITS, 1000, 1600),
        (Law::Exponential, 1, unit),
        (Law::Exponential, 300, 400 * unit),
        (Law::Exponential, 10_u64.pow(12), 10_u128.pow(12) * unit),
    ] {
        let (sequence, tally) = (ConfidenceSequence::new(law, 0.05).unwrap(), Tally { n, sum });
        let interval = sequence.interval(&tally);
        assert!(interval.low < interval.high && interval.low >= 0.0, "{law:?} {tally:?}: {interval:?}");
        for inside in [interval.low, 0.5 * (interval.low + interval.high)] {
            assert!(!sequence.excludes(&tally, inside), "{law:?} {tally:?}: {interval:?} {inside}");
        }
        if interval.low > 0.0 {
            assert!(sequence.excludes(&tally, interval.low.next_down()), "{law:?} {tally:?}: {interval:?}");
        }
        if interval.high != 1.0 {
            assert!(sequence.excludes(&tally, interval.high), "{law:?} {tally:?}: {interval:?}");
            assert!(!sequence.excludes(&tally, interval.high.next_down()), "{law:?} {tally:?}: {interval:?}");
        }
        let narrower = ConfidenceSequence::new(law, 0.5).unwrap().interval(&tally);
        assert!(narrower.low >= interval.low && narrower.high < interval.high + f64::EPSILON, "{narrower:?}");
    }
}

#[test]
fn the_ratio_is_the_mixture_over_the_parameter() {
    // With alpha such that the threshold is crossed between two values of lgamma's rounding around the closed form.
    let check = |law: Law, n: u64, sum: u64, parameter: f64, ln_ratio: f64| {
        let tally = Tally { n, sum: u128::from(sum) };
        let excludes =
            |ln: f64| ConfidenceSequence::new(law, (-ln).exp()).unwrap().excludes(&tally, parameter);
        assert!(
            excludes(ln_ratio - 1e-9) && !excludes(ln_ratio + 1e-9),
            "{law:?} {tally:?} {parameter}: {ln_ratio}"
        );
    };
    for (n, k, q) in [(1_u32, 0_u32, 0.9_f64), (1, 1, 0.1), (5, 5, 0.25), (40, 25, 0.25), (900, 200, 0.3)] {
        let (all, hits) = (f64::from(n), f64::from(k));
        let ln_mixture = libm::lgamma(hits + 0.5) + libm::lgamma(all - hits + 0.5)
            - libm::lgamma(all + 1.0)
            - std::f64::consts::PI.ln();
        let ln_ratio = ln_mixture - hits * q.ln() - (all - hits) * (-q).ln_1p();
        check(QUARTER, n.into(), k.into(), q, ln_ratio);
    }
    for (n, x, s) in [(1_u32, 9_u32, 0.5), (20, 60, 1.0), (500, 300, 1.2)] {
        let (size, sum) = (f64::from(n), f64::from(x));
        let ln_mixture = libm::lgamma(size + 1.0) - (size + 1.0) * sum.ln_1p();
        let ln_ratio = ln_mixture + size * f64::ln(s) + sum / s;
        check(Law::Exponential, n.into(), u64::from(x) * Law::Exponential.unit(), s, ln_ratio);
    }
}

#[test]
fn nothing_seen_excludes_nothing() {
    for (law, high) in [(QUARTER, 1.0), (BITS, 1.0), (Law::Exponential, f64::INFINITY)] {
        let sequence = ConfidenceSequence::new(law, 0.05).unwrap();
        let interval = sequence.interval(&Tally::default());
        assert_eq!((interval.low, interval.high), (0.0, high));
        assert!(!sequence.excludes(&Tally::default(), 0.3));
    }
    // Counts that no inputs have, and scores that are all 0.
    let everything = |law, n, sum| ConfidenceSequence::new(law, 0.05).unwrap().interval(&Tally { n, sum });
    assert_eq!((everything(QUARTER, 3, 4).low, everything(QUARTER, 3, 4).high), (0.0, 1.0));
    assert_eq!(
        (everything(Law::Exponential, 3, 0).low, everything(Law::Exponential, 3, 0).high),
        (0.0, f64::INFINITY)
    );
    let sequence = ConfidenceSequence::new(QUARTER, 0.05).unwrap();
    let tally = Tally { n: 9, sum: 3 };
    assert!(
        sequence.excludes(&tally, -0.1)
            && sequence.excludes(&tally, 1.1)
            && !sequence.excludes(&tally, f64::NAN)
    );
    for alpha in [0.0, 1.0, -0.5, f64::NAN] {
        assert!(ConfidenceSequence::new(QUARTER, alpha).is_err(), "{alpha}");
    }
}

#[test]
fn effects_are_in_standard_deviations_of_one_value() {
    let effect = |law, parameter| ConfidenceSequence::new(law, 0.05).unwrap().effect(parameter);
    assert!((effect(QUARTER, 0.25 + 0.1 * 3.0_f64.sqrt() / 4.0) - 0.1).abs() < 1e-15);
    assert!((effect(Law::Bits { depth: 16 }, 0.5 + 0.1 / 8.0) - 0.1).abs() < 1e-15);
    assert_eq!((effect(Law::Exponential, 1.5), effect(QUARTER, 0.25)), (0.5, 0.0));
}
