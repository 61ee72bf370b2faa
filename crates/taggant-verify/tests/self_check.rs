//! That the self-check sees what it is there for: a broken pseudorandom function, a de-duplication left out, and a
//! coefficient that looks at the key. Each fault is planted, and the same pipeline without it passes.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

mod common;

use common::{Toy, channel, corpus, evidence, green, gumbel, mark, profile, subject, tournament};
use taggant::channel::Channel;
use taggant::law::Law;
use taggant::reader::{ContextRule, Identity, Input, Ngrams, Reader, Reading};
use taggant::scheme::Scheme;
use taggant::{Mark, TokenId};
use taggant_verify::coefficient::Coefficient;
use taggant_verify::decoys::{Outcome, Panel, panel};
use taggant_verify::linear::Statistic;
use taggant_verify::null::Null;
use taggant_verify::report::Verdict;
use taggant_verify::{Evidence, Items, Plan, Verifier, check::check};

/// Fresh secrets of a panel.
const N_DECOYS: u64 = 200;

/// Documents that know no key and begin alike, as letters do.
fn text() -> Vec<Vec<TokenId>> {
    let toy = Toy::new(3, 400);
    let head = toy.unmarked(1000, 100);
    (0..30).map(|n| [head.clone(), toy.unmarked(n, 200)].concat()).collect()
}

fn run(pipeline: &(dyn Fn(u64) -> Option<Outcome> + Sync)) -> Panel {
    panel(N_DECOYS, 0.0, pipeline).unwrap()
}

fn decoy(scheme: Scheme, n: u64) -> Mark {
    mark(&profile(scheme, 2), 50_000 + n)
}

/// The count over every window, as if each were a draw of its own.
fn count_of_occurrences(reader: &dyn Reader, documents: &[Vec<TokenId>]) -> Option<Outcome> {
    let law = reader.law();
    let (mut n, mut sum) = (0, 0.0);
    for document in documents {
        let ngrams = Ngrams::windows(document, 3);
        let mut readings = vec![Reading::default(); ngrams.len()];
        reader.readings(ngrams, &mut readings);
        n += readings.len() as u64;
        sum += readings.iter().map(|r| law.score(r.value) as f64).sum::<f64>() / law.unit() as f64;
    }
    Outcome::of(&Null::new(law, n), sum)
}

#[test]
fn a_skipped_deduplication_is_seen() {
    let text = text();
    for scheme in [green("1/4", 2.0), gumbel(), tournament(30)] {
        let once = corpus(&decoy(scheme, 0), &text);
        let items = Items::of_corpus(&once, |_| Coefficient::ONE);
        let sound = run(&|n| Statistic::new(&items).outcome(&decoy(scheme, n)));
        assert!(sound.check.is_passed(), "{scheme:?}: {:?}", sound.check);
        let broken = run(&|n| count_of_occurrences(&decoy(scheme, n), &text));
        assert!(!broken.check.is_passed() && broken.sd_z > 1.5, "{scheme:?}: {:?}", broken.check);
    }
}

#[test]
fn a_coefficient_that_looks_at_the_key_is_seen() {
    let text = text();
    let corpus = corpus(&decoy(green("1/4", 2.0), 0), &text);
    // What a greedy analyst might do: count n-grams double whose token is green under the key.
    let greedy = |reader: &Mark| {
        let mut readings = vec![Reading::default(); corpus.ngrams().len()];
        reader.readings(corpus.ngrams(), &mut readings);
        let mut values = readings.iter().map(|reading| reading.value);
        Items::of_corpus(&corpus, |_| Coefficient::new(1.0 + 0.05 * values.next().unwrap() as f64).unwrap())
    };
    let broken = run(&|n| {
        let reader = decoy(green("1/4", 2.0), n);
        Statistic::new(&greedy(&reader)).outcome(&reader)
    });
    assert!(!broken.check.is_passed() && broken.mean_z > 1.0, "{:?}", broken.check);

    // Fixed before the key is opened, weights as wild as these are nothing to worry about.
    let weigh =
        |times: u64, token: TokenId| Coefficient::new(times as f64 * f64::from(token % 7) - 2.5).unwrap();
    let items = Items::of_corpus(&corpus, |of| weigh(of.times, of.ngram[2]));
    let sound = run(&|n| Statistic::new(&items).outcome(&decoy(green("1/4", 2.0), n)));
    assert!(sound.check.is_passed(), "{:?}", sound.check);
}

/// A pseudorandom function with a fault.
#[derive(Debug)]
struct Broken {
    inner: Mark,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// One token in 64 is green whatever the key.
    Biased,
    /// The value looks at the token alone: inputs that should differ do not.
    TokenAlone,
}

impl Reader for Broken {
    fn context_rule(&self) -> ContextRule {
        self.inner.context_rule()
    }

    fn identity(&self) -> Identity {
        Identity::Ngram
    }

    fn law(&self) -> Law {
        self.inner.law()
    }

    fn channels(&self) -> &[Channel] {
        self.inner.channels()
    }

    fn inputs(&self, ngrams: Ngrams<'_>, inputs: &mut [Input]) {
        self.inner.inputs(ngrams, inputs);
    }

    fn readings(&self, ngrams: Ngrams<'_>, readings: &mut [Reading]) {
        let cut: Vec<TokenId> = ngrams.iter().flat_map(|ngram| [0, 0, ngram[2]]).collect();
        match self.fault {
            Fault::TokenAlone => self.inner.readings(Ngrams::packed(&cut, 3), readings),
            _ => self.inner.readings(ngrams, readings),
        }
        if self.fault == Fault::Biased {
            for (reading, ngram) in readings.iter_mut().zip(ngrams.iter()) {
                reading.value |= u64::from(ngram[2] % 64 == 0);
            }
        }
    }
}

#[test]
fn a_broken_pseudorandom_function_makes_the_report_invalid() {
    let text = text();
    let open = |n: u64, fault| Broken { inner: decoy(green("1/4", 2.0), n), fault };
    for fault in [Fault::None, Fault::Biased, Fault::TokenAlone] {
        let reader = open(999, fault);
        let plan = Plan { decoys: N_DECOYS, columns: 0, ..Plan::default() };
        let verifier = Verifier::new(&reader, plan).unwrap();
        let corpus = corpus(&reader, &text);
        let report =
            verifier.test(&evidence(&corpus, None), subject(), &|n| Box::new(open(n, fault))).unwrap();
        assert_eq!(
            report.verdict == Verdict::Invalid,
            fault != Fault::None,
            "{fault:?}: {:?}",
            report.calibration
        );
        assert_eq!(report.cautions.iter().any(|c| c.contains("cannot be relied on")), fault != Fault::None);
        assert_eq!(check(&report), [], "{fault:?}");
    }
}

#[test]
fn a_weighted_test_is_certified_checked_and_repeatable() {
    let text = text();
    for scheme in [green("1/4", 2.0), gumbel(), tournament(30)] {
        let reader = decoy(scheme, 777);
        let corpus = corpus(&reader, &text);
        let items = Items::of_corpus(&corpus, |of| Coefficient::new((of.times as f64).sqrt()).unwrap());
        let statistic = Statistic::new(&items);
        let plan = Plan { decoys: N_DECOYS, columns: 0, ..Plan::default() };
        let verifier = Verifier::new(&reader, plan).unwrap();
        let report = verifier
            .test(&Evidence::new(&corpus).weighted(&statistic), subject(), &|n| Box::new(decoy(scheme, n)))
            .unwrap();
        let [plain, weighted] = &report.tests[..] else { panic!("a count and a weighted test") };
        assert_eq!((plain.hypotheses, weighted.hypotheses), (2, 2));
        assert_eq!((&weighted.name[..], weighted.n), ("weighted", corpus.counts().distinct));
        let approx = weighted.ln_p_approx.unwrap();
        assert!(approx <= weighted.ln_p, "the saddlepoint {approx} is above the bound {}", weighted.ln_p);
        assert!(report.calibration.decoy_weighted_ks.is_some());
        assert_ne!(report.verdict, Verdict::Invalid, "{scheme:?}");
        assert_eq!(check(&report), [], "{scheme:?}");

        let mut wrong = report.clone();
        wrong.tests[1].ln_p -= 1.0;
        assert!(check(&wrong).iter().any(|found| found.field == "tests[1].ln_p"), "{:?}", check(&wrong));
        wrong = report;
        wrong.tests[1].coefficients.as_mut().unwrap()[0].0 += 1e-9;
        assert!(check(&wrong).iter().any(|found| found.field == "tests[1].coefficients"));
    }
}

#[test]
fn items_of_another_width_are_refused() {
    let reader = mark(&profile(green("1/4", 2.0), 2), 1);
    let text = text();
    let corpus = corpus(&reader, &text);
    let verifier = Verifier::new(&reader, Plan { decoys: 0, columns: 0, ..Plan::default() }).unwrap();
    let refuse = |evidence: Evidence<'_>| {
        verifier.test(&evidence, subject(), &|_| unreachable!("refused before")).unwrap_err().to_string()
    };
    let narrow = Items::new(mark(&profile(green("1/4", 2.0), 1), 1).context_rule());
    let statistic = Statistic::new(&narrow);
    assert!(refuse(Evidence::new(&corpus).weighted(&statistic)).contains("contexts of 1 tokens"));
}

#[test]
fn channels_with_accounts_are_no_part_of_a_weighted_test() {
    let mut profile = profile(green("1/2", 2.0), 2);
    profile =
        profile.with_channels(vec![channel("fleet", 128, false), channel("clients", 128, true)]).unwrap();
    let reader = mark(&profile, 5);
    let text = text();
    let corpus = corpus(&reader, &text);
    let items = Items::of_corpus(&corpus, |_| Coefficient::ONE);
    let statistic = Statistic::new(&items);
    let verifier = Verifier::new(&reader, Plan { decoys: 0, columns: 0, ..Plan::default() }).unwrap();
    let report = verifier
        .test(&Evidence::new(&corpus).weighted(&statistic), subject(), &|_| unreachable!("no decoys"))
        .unwrap();
    // Equal coefficients make the exact test again.
    let [plain, weighted] = &report.tests[..] else { panic!("one channel, two tests") };
    assert_eq!((plain.n, plain.statistic, plain.ln_p), (weighted.n, weighted.statistic, weighted.ln_p));
    assert!(plain.n < corpus.counts().distinct);
}

/// One heavy weight makes the approximate tails of a weighted sum meaningless; its certified p stays what it is.
#[test]
fn a_heavy_weight_makes_no_report_invalid() {
    let text = text();
    let reader = decoy(green("1/4", 2.0), 778);
    let corpus = corpus(&reader, &text);
    let mut weights = std::iter::once(1000.0).chain(std::iter::repeat(1.0));
    let items = Items::of_corpus(&corpus, |_| Coefficient::new(weights.next().unwrap()).unwrap());
    let statistic = Statistic::new(&items);
    let plan = Plan { decoys: N_DECOYS, columns: 0, ..Plan::default() };
    let verifier = Verifier::new(&reader, plan).unwrap();
    let open = |n| -> Box<dyn Reader> { Box::new(decoy(green("1/4", 2.0), n)) };
    let report = verifier.test(&Evidence::new(&corpus).weighted(&statistic), subject(), &open).unwrap();
    assert_ne!(report.verdict, Verdict::Invalid, "{:?}", report.calibration);
    assert_eq!(check(&report), []);
}

/// Runs that share alpha multiply every adjusted p, and the report carries how many they are.
#[test]
fn runs_that_share_alpha_are_counted() {
    let text = text();
    let reader = decoy(green("1/4", 2.0), 779);
    let corpus = corpus(&reader, &text);
    let report = |runs: u64| {
        let hypotheses = std::num::NonZeroU64::new(runs).unwrap();
        let plan = Plan { hypotheses, decoys: 0, columns: 0, ..Plan::default() };
        let verifier = Verifier::new(&reader, plan).unwrap();
        let served = common::served(2, &text[..3]);
        let evidence = evidence(&corpus, Some(&served));
        verifier.test(&evidence, subject(), &|_| unreachable!("no decoys")).unwrap()
    };
    let (one, twenty) = (report(1), report(20));
    assert_eq!((one.tests[0].hypotheses, twenty.tests[0].hypotheses), (2, 40));
    assert_eq!(one.tests[0].ln_p, twenty.tests[0].ln_p);
    let expected = (one.tests[0].ln_p_adjusted + 20_f64.ln()).min(0.0);
    assert!((twenty.tests[0].ln_p_adjusted - expected).abs() < 1e-12);
    assert!(twenty.power.detectable_effect > one.power.detectable_effect);
    assert_eq!((check(&one), check(&twenty)), (vec![], vec![]));
}
