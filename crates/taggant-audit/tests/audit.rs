//! Whole audits in small: what decides, what is left out, what is refused, and that a report follows from its counts.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error fails, as it should")]

use taggant::reader::{Ngrams, Reader, Reading};
use taggant::scheme::{GreenList, Scheme};
use taggant::{ContextWidth, Mark, Profile, SamplingParams, Secret, TokenId};
use taggant_audit::{Materials, NgramReference, Passage, ReferenceModel, RowsReference, audit};
use taggant_corpus::LnRow;
use taggant_lm::KneserNey;
use taggant_verify::audit_result::{DecidedBy, InputDigest, Origin};
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
    assert_eq!(TestName::DEFAULT_ORDER.len(), 8);
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
    // Another test that decides, with all that follows from it.
    forged(&|report| {
        let audit = report.audit.as_mut().unwrap();
        audit.decides = "count".into();
        report.tests.iter_mut().for_each(|test| test.decides = test.name == "count");
    });
    forged(&|report| report.audit.as_mut().unwrap().origin = Origin::KeyFree);
    forged(&|report| report.audit.as_mut().unwrap().plan_digest = Some("0".into()));
    forged(&|report| report.audit.as_mut().unwrap().decided_by = DecidedBy::Plan);
    forged(&|report| report.audit.as_mut().unwrap().effects[0].positions = 1);
    forged(&|report| report.audit.as_mut().unwrap().effects[0].name = "open-mass".into());
    forged(&|report| report.audit.as_mut().unwrap().references[0].share = 7.0);
    let input = InputDigest { role: "suspect".into(), name: "a".into(), bytes: 1, sha256: "zz".into() };
    forged(&|report| report.audit.as_mut().unwrap().inputs.push(input.clone()));
}

/// Lists of every token of at least a tenth of the largest probability, and the one that came, as servers give them.
fn by_share_of_the_largest(documents: &[Vec<TokenId>]) -> Vec<Passage> {
    let mut passages = with_rows(documents, &NgramReference::new("model", model()));
    for passage in &mut passages {
        for (row, &token) in passage.log_probs.iter_mut().flatten().zip(&passage.tokens) {
            let Some(whole) = row else { continue };
            let largest = whole.ln_p().iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let entries = whole.ids().iter().copied().zip(whole.ln_p().iter().copied());
            let kept = entries.filter(|(id, ln_p)| *ln_p >= largest - 10_f32.ln() || *id == token);
            let (ids, ln_p) = kept.unzip();
            *row = Some(LnRow::new(ids, ln_p).unwrap().with_observed(token));
        }
    }
    passages
}

#[test]
fn lists_of_any_length_on_marked_text_do_not_say_what_came() {
    let text = write(Some(&mark(1)), 40, 31);
    let mut suspect = by_share_of_the_largest(&text);
    let marked = |suspect| Materials { origin: Some(Origin::Marked), ..materials(suspect) };
    match run(&marked(suspect.clone())) {
        Ok(report) => assert!(
            report.tests.iter().all(|test| test.z.is_none_or(|z| z.abs() < 4.0)),
            "an innocent model of unmarked text: {:?}",
            report.tests.iter().map(|test| (test.name.clone(), test.z)).collect::<Vec<_>>()
        ),
        Err(error) => assert!(error.to_string().contains("differ in length"), "{error}"),
    }
    suspect[0].log_probs.as_mut().unwrap()[5] = Some(LnRow::new(vec![1], vec![-0.5]).unwrap());
    let error = run(&marked(suspect)).unwrap_err().to_string();
    assert!(error.contains("differ in length"), "{error}");
}

#[test]
fn text_that_a_key_had_a_part_in_is_not_key_free() {
    let student = NgramReference::new("student", model());
    let read = |text: &[Vec<TokenId>]| {
        run(&Materials { origin: Some(Origin::KeyFree), ..materials(with_rows(text, &student)) })
    };
    let error = read(&write(Some(&mark(1)), 40, 33)).unwrap_err().to_string();
    assert!(error.contains("carries this key's mark itself") && error.contains("--origin marked"), "{error}");
    assert!(read(&write(None, 20, 34)).is_ok());
}

#[test]
fn a_reference_that_was_chosen_with_the_key_is_named() {
    // Of many unmarked texts those that score lowest.
    let reader = mark(1);
    let z = |tokens: &Vec<TokenId>| {
        let green = tokens.windows(2).filter(|ngram| {
            let ngram = [ngram[0], ngram[1]];
            let mut readings = [Reading::default()];
            reader.readings(Ngrams::packed(&ngram, 2), &mut readings);
            reader.law().score(readings[0].value) > 0
        });
        green.count()
    };
    let mut texts = write(None, 2000, 35);
    texts.sort_by_key(z);
    texts.truncate(10);
    let mut materials = materials(passages(&write(None, 20, 36)));
    let fit = |texts| Box::new(NgramReference::fit("screened", texts, 3, VOCABULARY).unwrap());
    let pairs = texts.iter().flat_map(|tokens| tokens.windows(2)).map(<[TokenId]>::to_vec);
    let white: Vec<Vec<TokenId>> = pairs.filter(|pair| z(pair) == 0).collect();
    materials.references = vec![fit(white)];
    let error = run(&materials).unwrap_err().to_string();
    assert!(error.contains("it was chosen with the key"), "{error}");
    materials.references = vec![fit(texts)];
    let report = run(&materials).unwrap();
    assert!(
        report.cautions.iter().any(|caution| caution.contains("screened scores lower than chance")),
        "{:?}",
        report.cautions
    );
}

#[test]
fn a_log_that_was_given_as_answers_is_said() {
    let served = write(Some(&mark(1)), 20, 37);
    let beheaded: Vec<Vec<TokenId>> = served.iter().map(|tokens| tokens[1..].to_vec()).collect();
    let report = run(&Materials { served: Some(served), ..materials(passages(&beheaded)) }).unwrap();
    assert!(report.cautions.iter().any(|caution| caution.contains("word for word")), "{:?}", report.cautions);
}

#[test]
fn a_prompt_without_a_word_is_none() {
    let mut suspect = passages(&write(None, 5, 38));
    suspect.iter_mut().for_each(|passage| passage.prompt = Some(Vec::new()));
    let report = run(&materials(suspect)).unwrap();
    assert!(
        report.cautions.iter().any(|caution| caution.starts_with("5 rows have no prompt")),
        "{:?}",
        report.cautions
    );
}

#[test]
fn no_test_on_served_contexts_survives_a_stop_by_the_scores() {
    let mut materials = materials(passages(&write(Some(&mark(1)), 20, 39)));
    materials.stopped_by_scores = true;
    materials.served = Some(write(Some(&mark(1)), 20, 40));
    let report = run(&materials).unwrap();
    let names: Vec<&str> = report.tests.iter().map(|test| &test.name[..]).collect();
    assert_eq!((names, &report.audit.unwrap().decides[..]), (vec!["count"], "count"));
    assert_eq!(report.effect, None);
}

#[test]
fn a_stray_id_makes_no_row_of_billions() {
    let mut suspect = passages(&write(None, 5, 41));
    suspect[0].tokens[3] = TokenId::MAX;
    let mut materials = materials(suspect);
    let fitted = NgramReference::fit("unmarked", write(None, 20, 42), 3, TokenId::MAX as usize + 1).unwrap();
    materials.references.push(Box::new(fitted));
    assert!(run(&materials).is_ok());
}
