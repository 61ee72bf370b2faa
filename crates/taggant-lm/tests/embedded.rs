//! The embedded texts, tokenizer and model, at full size.

#![allow(clippy::unwrap_used, reason = "a failed helper of a test is a failed test")]

use taggant_lm::{Author, KneserNey, Tokenizer, text};

#[path = "../examples/train_tokenizer.rs"]
#[expect(dead_code, reason = "an example has a main function")]
mod train_tokenizer;

#[test]
fn committed_file_is_what_training_makes() {
    let trained = train_tokenizer::train().unwrap();
    let committed = Tokenizer::embedded().json();
    // Not assert_eq: 110 kB twice is no message.
    assert!(trained.as_bytes() == committed, "run the command of data/README.md");
}

#[test]
fn tokenizer_is_that_of_the_readme() {
    let digest: String = Tokenizer::embedded().sha256().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "8101ed79afbbd1a923c100cb14ab276d427700d32da6378eb3ab1712b5402ef0");
}

fn check_round_trip(author: Author, n_tokens: usize) {
    let text = text(author).unwrap();
    let tokenizer = Tokenizer::embedded();
    let tokens = tokenizer.encode(&text).unwrap();
    assert_eq!(tokens.len(), n_tokens, "{author:?}");
    assert!(tokens.iter().all(|token| (1..4096).contains(token)), "{author:?}");
    assert!(tokenizer.decode(&tokens).unwrap() == text, "{author:?}");
}

#[test]
fn austen_survives_the_tokenizer() {
    check_round_trip(Author::Austen, 1_001_553);
}

#[test]
fn spurgeon_survives_the_tokenizer() {
    check_round_trip(Author::Spurgeon, 1_080_748);
}

#[test]
fn model_of_austen_guesses_held_out_austen_as_well_as_it_should() {
    let tokenizer = Tokenizer::embedded();
    let austen = tokenizer.encode(&text(Author::Austen).unwrap()).unwrap();
    let (training, held_out) = austen.split_at(950_000);
    let model = KneserNey::train(&[training], 4, tokenizer.vocab_size()).unwrap();

    // Measured, with room for a change of smoothing but not for a mistake: order 1 has 658, order 2 has 97. The
    // held-out text is the end of a novel.
    let perplexity = model.perplexity(&[held_out]).unwrap();
    assert!((69.0..72.0).contains(&perplexity), "{perplexity}");

    let spurgeon = tokenizer.encode(&text(Author::Spurgeon).unwrap()[..100_000]).unwrap();
    let perplexity = model.perplexity(&[spurgeon]).unwrap();
    assert!((350.0..500.0).contains(&perplexity), "{perplexity}");
}

#[test]
fn rows_of_the_model_of_austen_are_distributions() {
    let tokenizer = Tokenizer::embedded();
    let austen = tokenizer.encode(&text(Author::Austen).unwrap()[..1_000_000]).unwrap();
    for order in [1, 4, 13] {
        let model = KneserNey::train(&[&austen], order, tokenizer.vocab_size()).unwrap();
        let mut row = vec![0.0; model.vocab_size()];
        for position in (0..austen.len()).step_by(5_000) {
            let history = &austen[..position];
            let ln_ps = model.log_probs(history).unwrap();
            let sum: f64 = ln_ps.iter().map(|ln_p| ln_p.exp()).sum();
            // 4096 numbers that add up to 1, each right to a few units in the last place, 2e-16 of it.
            assert!((sum - 1.0).abs() < 1e-12, "order {order}, position {position}: {sum}");

            model.logits_into(history, &mut row).unwrap();
            for (token, (logit, ln_p)) in (0..).zip(row.iter().zip(&ln_ps)) {
                // The bound that logits_into states.
                assert!(
                    (f64::from(*logit) - ln_p).abs() < 3e-6,
                    "order {order}, position {position}, token {token}"
                );
                if token % 97 == 0 {
                    assert_eq!(model.ln_prob(history, token).unwrap(), *ln_p, "token {token}");
                }
            }
        }
    }
}
