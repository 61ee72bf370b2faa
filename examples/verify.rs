//! From a key to a verdict: text written under a mark, tested with the right key and with a wrong one.
//!
//! The writer is the small language model embedded in `taggant-lm`, trained here in a moment. The verifier gets text
//! alone: no model, no prompt, no logits.
//!
//! ```text
//! cargo run -p taggant-examples --example verify
//! ```

use std::error::Error;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use taggant::{SamplingParams, Session};
use taggant_dialects::{KeyMaterial, Profile};
use taggant_lm::{Author, KneserNey, Tokenizer};
use taggant_verify::render::table;
use taggant_verify::{Corpus, Evidence, Plan, Report, Subject, Verdict, Verifier};

/// The public half: both sides hold this file.
const PROFILE: &str = r#"
dialect = "taggant-1"
scheme = "green"
context_width = 2
gamma = "1/4"
delta = 2.0
epoch = "2026q4"
"#;

/// Writes, verifies twice, and holds the verdicts to what they should be.
pub fn main() -> Result<(), Box<dyn Error>> {
    let profile = Profile::from_toml(PROFILE)?;
    // In production: two files, made with `taggant keygen`, one of them yours.
    let right_key = KeyMaterial::from_text("5a".repeat(32));
    let wrong_key = KeyMaterial::from_text("a5".repeat(32));
    let tokenizer = Tokenizer::embedded();

    let texts = write_marked(&profile, &right_key, &tokenizer)?;
    println!("a marked text begins: {:?}\n", texts[0].chars().take(90).collect::<String>());

    let report = verify(&profile, &right_key, &tokenizer, &texts)?;
    print_verdict("right key", &report);
    assert_eq!(report.verdict, Verdict::Evidence);

    let report = verify(&profile, &wrong_key, &tokenizer, &texts)?;
    print_verdict("wrong key", &report);
    assert_ne!(report.verdict, Verdict::Evidence);

    // The report is JSON first, and anyone can recompute its numbers from its own counts.
    assert!(taggant_verify::check::check(&Report::from_json(&report.to_json())?).is_empty());
    Ok(())
}

/// Twelve texts of 200 tokens under the mark.
fn write_marked(
    profile: &Profile,
    key: &KeyMaterial,
    tokenizer: &Tokenizer,
) -> Result<Vec<String>, Box<dyn Error>> {
    // A twentieth of one author's prose is plenty for a demonstration.
    let prose: String = taggant_lm::text(Author::Austen)?.chars().take(200_000).collect();
    let tokens = tokenizer.encode(&prose)?;
    let documents: Vec<&[u32]> = tokens.chunks(500).collect();
    let model = KneserNey::train(&documents, 4, tokenizer.vocab_size())?;

    // A dialect that can only be read has no writer; ours can do both.
    let writer = profile.open(key)?.writer.ok_or("this dialect cannot write")?;
    let params = SamplingParams::default();
    let mut texts = Vec::new();
    for document in 0..12 {
        let mut session = Session::new(writer.clone(), 200);
        let mut rng = ChaCha8Rng::seed_from_u64(document);
        let tokens = taggant_lm::complete(&model, 200, |row| {
            let token = session.sample(row, &params, &mut rng)?;
            session.accept(token);
            Ok(token)
        })?;
        texts.push(tokenizer.decode(&tokens)?);
    }
    Ok(texts)
}

/// Tests texts for the mark of one key.
fn verify(
    profile: &Profile,
    key: &KeyMaterial,
    tokenizer: &Tokenizer,
    texts: &[String],
) -> Result<Report, Box<dyn Error>> {
    let opened = profile.open(key)?;
    // Everything that could be tuned is fixed before looking: the level, and how many decoys check the null.
    let plan = Plan { alpha: 1e-6, decoys: 100, ..Plan::default() };
    let verifier = Verifier::new(&opened.reader, plan)?;

    // Each text is one document. Its n-grams never reach into the next, and each distinct one counts once.
    let mut corpus = Corpus::new(verifier.context_rule());
    for text in texts {
        // Encoding again may give other tokens than those that were sampled, here and there. It costs a little power
        // and never makes a false alarm.
        corpus.add(&tokenizer.encode(text)?);
    }

    let tool = concat!("verify example ", env!("CARGO_PKG_VERSION"));
    let subject = Subject::new(tool, profile.dialect(), &profile.digest(), opened.key_id);
    // A decoy is the same profile under a secret that was never used: a whole second opinion on the null.
    let decoy = |n| profile.open_decoy(opened.key_id, n);
    Ok(verifier.test(&Evidence::new(&corpus), subject, &decoy)?)
}

/// The first two lines of the table: the verdict and what it rests on.
fn print_verdict(what: &str, report: &Report) {
    println!("{what}");
    for line in table(report).lines().take(2) {
        println!("  {line}");
    }
    println!();
}
