//! Whole audits in small: what decides, what is left out, what is refused, and that a report follows from its counts.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use taggant::scheme::{GreenList, Scheme};
use taggant::{ContextWidth, Mark, Profile, SamplingParams, Secret, TokenId};
use taggant_audit::audit::DEFAULT_ORDER;
use taggant_audit::{Materials, NgramReference, Passage, ReferenceModel, RowsReference, audit};
use taggant_lm::KneserNey;
use taggant_verify::audit_result::{DecidedBy, Origin};
use taggant_verify::check::check;
use taggant_verify::report::PKind;
use taggant_verify::{Plan, Report, Subject, TestName, Verdict};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const VOCABULARY: usize = 64;

fn profile() -> Profile {
    let scheme = Scheme::Green(GreenList::new("1/4".parse().unwrap(), 3.0).unwrap());
    Profile::new(scheme, ContextWidth::new(1).unwrap(), "e").unwrap()
}

fn mark(n: u8) -> Mark {
    Mark::new(&Secret::from_bytes([n; 32]), &profile())
}

/// A model of some structure: each token is followed by a few of its own.
fn model() -> KneserNey {
    let documents: Vec<Vec<u32>> = (0..200_u32)
        .map(|n| {
            let mut token = n % 60 + 1;
            (0..80)
                .map(|step| {
                    token = (token * 7 + (n * 13 + step * step) % 9) % 60 + 1;
                    token
                })
                .collect()
        })
        .collect();
    KneserNey::train(&documents, 2, VOCABULARY).unwrap()
}

fn write(mark: Option<&Mark>, n_documents: u64, seed: u64) -> Vec<Vec<TokenId>> {
    let model = model();
    let params = SamplingParams::default();
    let document = |n: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed << 32 | n);
        let mut session = mark.map(|mark| mark.session(60));
        let mut sampler = taggant::sampling::UnmarkedSampler::new();
        let drawn = taggant_lm::complete(&model, 60, |row| match &mut session {
            Some(session) => {
                let token = session.sample(row, &params, &mut rng)?;
                session.accept(token);
                Ok(token)
            }
            None => sampler.sample(row, &params, &mut rng),
        });
        drawn.unwrap()
    };
    (0..n_documents).map(document).collect()
}

fn passages(documents: &[Vec<TokenId>]) -> Vec<Passage> {
    documents
        .iter()
        .enumerate()
        .map(|(n, tokens)| Passage::of_tokens(n.to_string(), tokens.clone()))
        .collect()
}

fn with_rows(documents: &[Vec<TokenId>], model: &dyn ReferenceModel) -> Vec<Passage> {
    let read = |passage: Passage| Passage { log_probs: Some(model.rows(&passage, 1e-4).unwrap()), ..passage };
    passages(documents).into_iter().map(read).collect()
}

fn reference() -> Box<dyn ReferenceModel> {
    Box::new(NgramReference::fit("unmarked", write(None, 60, 9), 3, VOCABULARY).unwrap())
}

fn materials(suspect: Vec<Passage>) -> Materials {
    Materials { suspect, ..Materials::default() }
}

fn run(materials: &Materials) -> Result<Report, taggant_audit::Error> {
    let mark = mark(1);
    let subject = Subject::new("test", Profile::DIALECT, "00", mark.key_id());
    let plan = Plan { decoys: 40, columns: 100, ..Plan::default() };
    let report = audit(&mark, plan, materials, subject, &|n| Box::new(self::mark(100 + n as u8)));
    if let Ok(report) = &report {
        assert_eq!(check(report), [], "a report follows from its counts");
        assert_eq!(Report::from_json(&report.to_json()).as_ref(), Ok(report));
    }
    report
}

fn decides(report: &Report) -> &str {
    &report.audit.as_ref().unwrap().decides
}

#[test]
fn what_was_written_under_the_key_is_evidence_and_what_was_not_is_none() {
    let mut marked = materials(passages(&write(Some(&mark(1)), 30, 1)));
    marked.references.push(reference());
    let report = run(&marked).unwrap();
    assert_eq!(
        (report.verdict, decides(&report), &report.command[..]),
        (Verdict::Evidence, "score", "audit")
    );
    let mut plain = materials(passages(&write(None, 30, 2)));
    plain.references.push(reference());
    assert_ne!(run(&plain).unwrap().verdict, Verdict::Evidence);
    let mut other = materials(passages(&write(Some(&mark(2)), 30, 3)));
    other.references.push(reference());
    assert_ne!(run(&other).unwrap().verdict, Verdict::Evidence, "another key's mark");
}

#[test]
fn the_first_test_of_the_order_that_can_be_made_decides() {
    let log = write(Some(&mark(1)), 20, 4);
    let text = write(None, 20, 5);
    let model = NgramReference::new("suspect", model());
    let check = |name: &str, materials: Materials| {
        let report = run(&materials).unwrap();
        assert_eq!(decides(&report), name);
        assert_eq!(report.audit.as_ref().unwrap().decided_by, DecidedBy::DefaultOrder);
        let deciding: Vec<&str> = report.deciding().map(|test| &test.name[..]).collect();
        assert_eq!(deciding, [name]);
    };
    check("count", materials(passages(&text)));
    check("count-familiar", Materials { familiar: Some(text.clone()), ..materials(passages(&text)) });
    check("count-served", Materials { served: Some(log.clone()), ..materials(passages(&text)) });
    check("open-mass", materials(with_rows(&text, &model)));
    check("score", Materials { references: vec![reference()], ..materials(passages(&text)) });
    let filtered = || Materials {
        references: vec![reference()],
        familiar: Some(write(None, 20, 6)),
        ..materials(passages(&text))
    };
    check("score-familiar", filtered());
    check("score-served", Materials { served: Some(log), ..filtered() });
    check("open-paired", Materials { references: vec![reference()], ..materials(with_rows(&text, &model)) });
    assert_eq!(DEFAULT_ORDER.len(), 8);
}

#[test]
fn contexts_of_any_prompt_count_in_no_answer() {
    let text = write(Some(&mark(1)), 10, 7);
    let mut suspect = passages(&text);
    suspect[3].prompt = Some(vec![5, 6, 7]);
    let report = run(&materials(suspect)).unwrap();
    let after: u64 =
        text.iter().flat_map(|tokens| tokens.windows(2)).filter(|it| (5..=7).contains(&it[0])).count() as u64;
    assert!(after > 0);
    assert_eq!(report.corpus.dropped["prompt-context"], after);
    let prompts = report.audit.unwrap().prompts.unwrap();
    assert_eq!((prompts.prompts, prompts.without, prompts.contexts), (1, 9, 3));
    assert!(
        report.cautions.iter().any(|caution| caution.contains("9 rows have no prompt")),
        "{:?}",
        report.cautions
    );
}

#[test]
fn text_that_was_read_is_tested_through_log_probs_alone() {
    let text = write(Some(&mark(1)), 30, 8);
    let model = NgramReference::new("suspect", model());
    let read = |origin| {
        let mut materials = materials(with_rows(&text, &model));
        materials.origin = Some(origin);
        materials.references.push(reference());
        run(&materials).unwrap()
    };
    let marked = read(Origin::Marked);
    assert!(
        marked.tests.iter().all(|test| test.name.starts_with("open-") && test.p_kind == PKind::Calibrated)
    );
    // An innocent model on marked text: nothing that it expects can show the key.
    assert_ne!(marked.verdict, Verdict::Evidence);
    assert!(marked.tests.iter().filter_map(|test| test.scale).all(|scale| scale == 1.0));
    let open = marked.audit.as_ref().unwrap().open.as_ref().unwrap();
    assert!(open.kept <= 60, "one position for each context of one token, {} kept", open.kept);
    assert_eq!(open.kept + open.repeated, open.positions);
    let mut none = materials(passages(&text));
    none.origin = Some(Origin::KeyFree);
    assert!(run(&none).unwrap_err().to_string().contains("`logprobs`"));
}

#[test]
fn a_marked_reference_is_seen_and_a_silent_one_refused() {
    let text = write(None, 20, 10);
    let mut materials = materials(passages(&text));
    let marked = write(Some(&mark(1)), 60, 11);
    materials.references.push(Box::new(NgramReference::fit("leaky", marked, 3, VOCABULARY).unwrap()));
    let report = run(&materials).unwrap();
    let audit = report.audit.unwrap();
    assert!(audit.references[0].mark_ln_p.unwrap() < -20.0);
    assert!(
        report.cautions.iter().any(|caution| caution.contains("leaky seems to carry")),
        "{:?}",
        report.cautions
    );
    let elsewhere = with_rows(&write(None, 2, 12), &NgramReference::new("other", model()));
    materials.references = vec![Box::new(RowsReference::new("elsewhere", elsewhere).unwrap())];
    assert!(run(&materials).unwrap_err().to_string().contains("token for token"));
}

#[test]
fn served_documents_are_no_answers() {
    let log = write(Some(&mark(1)), 10, 13);
    let materials = Materials { served: Some(log.clone()), ..materials(passages(&log)) };
    assert!(
        run(&materials).unwrap_err().to_string().contains("passage 0 of the suspect is a served document")
    );
}

#[test]
fn asking_until_evidence_leaves_e_values_alone() {
    let text = write(Some(&mark(1)), 20, 14);
    let mut materials = materials(passages(&text));
    materials.stopped_by_scores = true;
    materials.references.push(reference());
    let report = run(&materials).unwrap();
    let [test] = &report.tests[..] else { panic!("{:?}", report.tests) };
    assert_eq!((&test.name[..], test.p_kind), ("count", PKind::Certified));
    assert_eq!(test.ln_p, -test.ln_e.unwrap());
    assert_eq!(report.verdict, Verdict::Evidence);
}

#[test]
fn a_flag_names_the_test_and_one_that_is_not_made_is_refused() {
    let mut named = materials(passages(&write(None, 10, 15)));
    named.references.push(reference());
    named.decides = Some((TestName::COUNT, DecidedBy::Flag));
    assert_eq!(decides(&run(&named).unwrap()), "count");
    named.decides = Some((TestName::OPEN_MASS, DecidedBy::Flag));
    assert!(run(&named).unwrap_err().to_string().contains("open-mass"));
}

#[test]
fn controls_stand_beside_and_decide_nothing() {
    let mut materials = materials(passages(&write(None, 20, 16)));
    materials.references.push(reference());
    materials.controls.push(("sister".into(), passages(&write(Some(&mark(1)), 20, 17))));
    let report = run(&materials).unwrap();
    assert_ne!(report.verdict, Verdict::Evidence);
    let audit = report.audit.unwrap();
    assert!(
        audit.controls[0].tests.iter().all(|test| !test.decides && test.ln_p < -15.0),
        "{:?}",
        audit.controls
    );
}

#[test]
fn forged_audits_are_found() {
    let mut materials = materials(passages(&write(None, 20, 18)));
    materials.references.push(reference());
    materials.served = Some(write(Some(&mark(1)), 20, 19));
    let report = run(&materials).unwrap();
    let forged = |forge: &dyn Fn(&mut Report)| {
        let mut report = report.clone();
        forge(&mut report);
        assert_ne!(check(&report), [], "not found");
    };
    forged(&|report| report.audit.as_mut().unwrap().decides = "count".into());
    forged(&|report| report.audit.as_mut().unwrap().decides = "open-mass".into());
    forged(&|report| report.audit.as_mut().unwrap().effects[0].excess += 0.01);
    forged(&|report| report.tests.iter_mut().for_each(|test| test.decides = true));
    forged(&|report| {
        let test = report.tests.iter_mut().find(|test| test.name == "score-served").unwrap();
        test.p_kind = PKind::Certified;
    });
    forged(&|report| {
        let test = report.tests.iter_mut().find(|test| test.name == "score-served").unwrap();
        test.scale = Some(1e-9);
    });
    forged(&|report| report.audit.as_mut().unwrap().stopped_by_scores = true);
}
