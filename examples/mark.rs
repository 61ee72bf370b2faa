//! Marking in an inference server: where each call goes in the loop that samples.
//!
//! The model is a toy function from the tokens so far to a row of logits. Everything else is what a server does:
//! one mark for the deployment, one session for each sequence, two calls for each step.
//!
//! ```text
//! cargo run -p taggant-examples --example mark
//! ```

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use taggant::reader::{Ngrams, Reader, Reading};
use taggant::scheme::{GreenList, GumbelMax, Scheme};
use taggant::{ContextWidth, Error, Mark, Marking, Profile, SamplingParams, Secret, Session, TokenId};

/// How many tokens the toy model knows.
const VOCAB_SIZE: usize = 2000;

/// How many tokens each completion gets.
const N_TOKENS: usize = 200;

/// Runs every path through the sampler and looks at what came out.
pub fn main() -> Result<(), Error> {
    // Step 1. The key: 32 uniformly random bytes, the one thing to keep secret.
    // In production you would read it from a key file (`taggant keygen`) or a key service, and never compile it in.
    let secret = Secret::from_hex(&"5a".repeat(32))?;

    // Step 2. The profile: the public description of the mark. A verifier needs the same one.
    // In production you would read it from a file that both sides hold, and name a new epoch when you rotate.
    let green = Scheme::Green(GreenList::new("1/4".parse()?, 2.0)?);
    let profile = Profile::new(green, ContextWidth::new(2)?, "2026q4")?;

    // Step 3. The mark: made once, at start-up. It is immutable and a clone is a reference count, so every worker
    // thread gets its own.
    let mark = Mark::new(&secret, &profile);
    println!("key id {}, scheme {}", mark.key_id(), profile.scheme().name());

    let engine = engine_owns_the_draw(&mark)?;
    check_green_share("bias, engine draws", &mark, &engine);

    let sampled = session_owns_the_draw(&mark)?;
    check_green_share("sample", &mark, &sampled);

    for (at, tokens) in many_sequences_at_once(&mark)?.iter().enumerate() {
        check_green_share(&format!("batch, sequence {at}"), &mark, tokens);
    }

    let speculated = speculative_decoding(&mark)?;
    check_green_share("speculative decoding", &mark, &speculated);

    let masked = bitmask(&mark)?;
    check_green_share("bitmask", &mark, &masked);

    let unmarked = unmarked()?;
    println!("{:<24} {:.3} of the tokens are green, 0.25 by chance", "no mark", mean_score(&mark, &unmarked));

    // The same loop under a scheme that leaves the distribution as it is, averaged over keys: nothing but the profile
    // changes. It owns the draw, so `bias` refuses and `sample` is the way.
    let keyed = Profile::new(Scheme::Gumbel(GumbelMax::new()), ContextWidth::new(2)?, "2026q4")?;
    let keyed = Mark::new(&secret, &keyed);
    let nats = mean_score(&keyed, &session_owns_the_draw(&keyed)?);
    println!("{:<24} {nats:.3} nats a token, 1 by chance", "sample, Gumbel-max");
    assert!(nats > 1.5);
    Ok(())
}

/// Step 4a. The engine owns its draw: bias the row first, then temperature, truncation and draw as ever.
fn engine_owns_the_draw(mark: &Mark) -> Result<Vec<TokenId>, Error> {
    let prompt: &[TokenId] = &[17, 4, 99];
    let mut rng = ChaCha8Rng::seed_from_u64(1);

    // A session for each sequence. It is fed the completion alone: the prompt never enters it, because a verifier has
    // the answer and not the question.
    let mut session = mark.session(N_TOKENS);
    let mut n_marked = 0;
    for _ in 0..N_TOKENS {
        let mut logits = model(prompt, session.tokens());
        // The first tokens of a completion, and those after a context that came before, stay unmarked by design.
        n_marked += u64::from(session.bias(&mut logits)? == Marking::Marked);
        let token = your_sampler(&logits, &mut rng);
        // Accept what was emitted, however it was chosen: also tokens that a grammar or a stop rule forced.
        session.accept(token);
    }
    println!("{:<24} {n_marked} of {N_TOKENS} tokens were drawn under the mark", "bias");
    Ok(session.tokens().to_vec())
}

/// Step 4b. The session owns the draw: the only way for Gumbel-max and tournaments, and open to green lists.
fn session_owns_the_draw(mark: &Mark) -> Result<Vec<TokenId>, Error> {
    // In production you would take these from the request. At temperature 0 there is no draw, so a scheme that marks
    // the draw leaves no mark.
    let params = SamplingParams::default().with_temperature(0.9)?.with_top_p(0.95)?;
    // In production you would seed each sequence from the operating system: with a fixed seed two users who ask the
    // same get the same. The mark itself never uses this generator.
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut session = mark.session(N_TOKENS);
    for _ in 0..N_TOKENS {
        let mut logits = model(&[], session.tokens());
        let token = session.sample(&mut logits, &params, &mut rng)?;
        session.accept(token);
    }
    Ok(session.tokens().to_vec())
}

/// Step 5. Many sequences at once: rows of one matrix, a session and a generator for each row.
fn many_sequences_at_once(mark: &Mark) -> Result<Vec<Vec<TokenId>>, Error> {
    let prompts: [&[TokenId]; 3] = [&[1], &[2], &[3]];
    let params = SamplingParams::default();
    let mut sessions: Vec<Session> = prompts.iter().map(|_| mark.session(N_TOKENS)).collect();
    let mut rngs: Vec<ChaCha8Rng> = (10..).take(prompts.len()).map(ChaCha8Rng::seed_from_u64).collect();
    let mut drawn = vec![0; prompts.len()];
    for _ in 0..N_TOKENS {
        // In production this is the matrix that the forward pass wrote, f32, f16 or bf16, and sequences come and go:
        // keep `sessions` and `rngs` in the order of its rows. `Session::bias_batch` is the same without the draw.
        let mut rows: Vec<f32> = prompts
            .iter()
            .zip(&sessions)
            .flat_map(|(prompt, session)| model(prompt, session.tokens()))
            .collect();
        Session::sample_batch(&mut sessions, &mut rows, VOCAB_SIZE, &params, &mut rngs, &mut drawn)?;
        for (session, &token) in sessions.iter_mut().zip(&drawn) {
            session.accept(token);
        }
    }
    Ok(sessions.iter().map(|session| session.tokens().to_vec()).collect())
}

/// Step 6. Speculative decoding: accept the draft on the way in, roll back what the target model refuses.
fn speculative_decoding(mark: &Mark) -> Result<Vec<TokenId>, Error> {
    const N_DRAFT: usize = 4;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut session = mark.session(N_TOKENS + N_DRAFT);
    let (mut n_drafted, mut n_kept) = (0, 0);
    while session.tokens().len() < N_TOKENS {
        let n_before = session.tokens().len();

        // The draft: something cheap goes ahead and guesses, here the likeliest token of each row. It is kept more often
        // when it guesses under the mark too. Afterwards the session goes back to where it was.
        for _ in 0..N_DRAFT {
            let mut logits = model(&[], session.tokens());
            session.bias(&mut logits)?;
            let likeliest = (0..).zip(&logits).max_by(|a, b| a.1.total_cmp(b.1));
            session.accept(likeliest.expect("the vocabulary is not empty").0);
        }
        let ahead = session.tokens().to_vec();
        session.rollback(N_DRAFT)?;

        // The target's rows for all N_DRAFT + 1 positions come from one forward pass. Each is biased at the point
        // where the session has seen the tokens before it.
        let mut rows = Vec::with_capacity(N_DRAFT + 1);
        for at in 0..=N_DRAFT {
            let mut logits = model(&[], &ahead[..n_before + at]);
            session.bias(&mut logits)?;
            rows.push(logits);
            if at < N_DRAFT {
                session.accept(ahead[n_before + at]);
            }
        }

        // The verdict on the draft: keep while the target, biased, draws the same token, and emit its token where it
        // does not. In production you would run your rejection sampler on the biased rows, here as anywhere.
        let mut kept = 0;
        let last = loop {
            let token = your_sampler(&rows[kept], &mut rng);
            if kept == N_DRAFT || token != ahead[n_before + kept] {
                break token;
            }
            kept += 1;
        };

        // Take back the refused part. It is as if those tokens had never been accepted: their contexts are fresh again.
        session.rollback(N_DRAFT - kept)?;
        session.accept(last);
        (n_drafted, n_kept) = (n_drafted + N_DRAFT, n_kept + kept);
        assert_eq!(session.tokens().len(), n_before + kept + 1);
    }
    println!("{:<24} {n_kept} of {n_drafted} drafted tokens kept", "speculative decoding");
    Ok(session.tokens().to_vec())
}

/// Step 7. The row lives on an accelerator: send it the green list as a packed bitmask and add delta there.
fn bitmask(mark: &Mark) -> Result<Vec<TokenId>, Error> {
    let Scheme::Green(green) = mark.profile().scheme() else { unreachable!("the profile says green") };
    let width = mark.profile().context_width().len();
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    // The layout of constrained-decoding bitmasks: token v is bit v mod 32 of word v div 32.
    let mut mask = vec![0_u32; VOCAB_SIZE.div_ceil(32)];
    let mut session = mark.session(N_TOKENS);
    for _ in 0..N_TOKENS {
        let mut logits = model(&[], session.tokens());
        // The session still says whether this position is to be marked.
        if session.marking() == Marking::Marked {
            let context = &session.tokens()[session.tokens().len() - width..];
            mark.green_mask_into(context, VOCAB_SIZE, &mut mask)?;
            // In production this loop is one line of a kernel that is already touching the row.
            for (v, logit) in logits.iter_mut().enumerate() {
                *logit += if mask[v / 32] >> (v % 32) & 1 == 1 { green.delta() as f32 } else { 0.0 };
            }
        }
        let token = your_sampler(&logits, &mut rng);
        session.accept(token);
    }
    Ok(session.tokens().to_vec())
}

/// Traffic outside the mark, for comparison.
fn unmarked() -> Result<Vec<TokenId>, Error> {
    let (mut tokens, mut rng) = (Vec::new(), ChaCha8Rng::seed_from_u64(5));
    for _ in 0..N_TOKENS {
        tokens.push(your_sampler(&model(&[], &tokens), &mut rng));
    }
    Ok(tokens)
}

/// Prints the share of green tokens, which a mark lifts far above gamma = 1/4.
fn check_green_share(what: &str, mark: &Mark, tokens: &[TokenId]) {
    let share = mean_score(mark, tokens);
    println!("{what:<24} {share:.3} of the tokens are green");
    assert!(share > 0.4, "{what}: the share of green tokens is {share}");
}

/// The mean score of a token under the mark's key: the share that is green, or nats. A verifier adds up the same, but
/// counts each distinct n-gram once, and says how likely the sum is by chance.
fn mean_score(mark: &Mark, tokens: &[TokenId]) -> f64 {
    let ngrams = Ngrams::windows(tokens, mark.context_rule().width.len() + 1);
    let mut readings = vec![Reading::default(); ngrams.len()];
    mark.readings(ngrams, &mut readings);
    let law = mark.law();
    let sum: u64 = readings.iter().map(|reading| law.score(reading.value)).sum();
    sum as f64 / law.unit() as f64 / readings.len() as f64
}

/// The engine's own draw: softmax at temperature 1.
fn your_sampler(logits: &[f32], rng: &mut impl Rng) -> TokenId {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let mut left = weights.iter().sum::<f32>() * (rng.next_u32() >> 8) as f32 / (1 << 24) as f32;
    let drawn = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    drawn.unwrap_or(0) as TokenId
}

/// The toy model: logits from a hash of the last two tokens and the candidate, a few of them high in each row.
fn model(prompt: &[TokenId], completion: &[TokenId]) -> Vec<f32> {
    let mut before = completion.iter().rev().chain(prompt.iter().rev());
    let mut last = || before.next().copied().unwrap_or_default();
    let state = last().wrapping_mul(0x85eb_ca6b) ^ last().wrapping_mul(0xc2b2_ae35);
    let logit = |v: u32| {
        let mut hash = state ^ v.wrapping_mul(0x9e37_79b9);
        hash = (hash ^ hash >> 16).wrapping_mul(0x7feb_352d);
        hash = (hash ^ hash >> 15).wrapping_mul(0x846c_a68b);
        let uniform = (hash >> 8) as f32 / (1 << 24) as f32;
        12.0 * uniform.powi(64)
    };
    (0..VOCAB_SIZE as u32).map(logit).collect()
}
