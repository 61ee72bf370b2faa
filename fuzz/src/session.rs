//! Sessions: any calls in any order on any rows.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::writer::RepeatRule;
use taggant::{ContextWidth, Mark, Profile, SamplingParams, Secret, Session, TokenId};

/// Runs a program of calls, the bytes being its text, beside a plain list of tokens that shows what should be held.
///
/// After every step the session must be that of a session which accepted these tokens and never rolled back.
pub fn session(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mark = mark(&mut bytes);
    let mut session = mark.session(usize::from(bytes.byte() % 32));
    let mut tokens: Vec<TokenId> = Vec::new();
    let mut lengths = vec![1, 32, 33, 70];
    let params = params(&mut bytes);
    for _ in 0..MAX_STEPS {
        match bytes.byte() % 8 {
            _ if bytes.0.is_empty() => break,
            0..=2 => {
                let token = bytes.token();
                session.accept(token);
                tokens.push(token);
            }
            3 => {
                let n_tokens = usize::from(bytes.byte() % 12);
                let kept = tokens.len().checked_sub(n_tokens);
                assert_eq!(session.rollback(n_tokens).is_ok(), kept.is_some());
                tokens.truncate(kept.unwrap_or(tokens.len()));
            }
            4 => {
                let mut row = bytes.row(&mut lengths);
                let before = bits(&row);
                if session.bias(&mut row).is_err() {
                    assert_eq!(bits(&row), before, "a row that is refused stays as it was");
                }
            }
            5 => {
                let first = TokenId::from(bytes.byte());
                let mut row = bytes.row(&mut lengths);
                let before = bits(&row);
                if session.bias_shard(first, &mut row).is_err() {
                    assert_eq!(bits(&row), before, "a row that is refused stays as it was");
                }
            }
            6 => {
                let mut row = bytes.row(&mut lengths);
                let before = row.clone();
                let mut rng = ChaCha8Rng::seed_from_u64(bytes.byte().into());
                if let Ok(token) = session.sample(&mut row, &params, &mut rng) {
                    assert!(
                        before[token as usize] > f32::NEG_INFINITY,
                        "drew token {token}, which cannot come"
                    );
                    session.accept(token);
                    tokens.push(token);
                }
            }
            _ => batch(&session, &mut bytes, &params),
        }
        assert_eq!(session.tokens(), tokens);
        check_against_replay(&mark, &session, &tokens, &lengths);
    }
}

/// Batches of clones, of the right shape or not.
fn batch(session: &Session, bytes: &mut Bytes<'_>, params: &SamplingParams) {
    let n_sessions = usize::from(bytes.byte() % 4);
    let mut sessions = vec![session.clone(); n_sessions];
    let vocab_size = usize::from(bytes.byte() % 40);
    let mut rows = bytes.row(&mut vec![n_sessions * vocab_size]);
    let mut rngs = vec![ChaCha8Rng::seed_from_u64(0); n_sessions];
    let mut drawn = vec![0; n_sessions];
    let _ = Session::bias_batch(&mut sessions.clone(), &mut rows.clone(), vocab_size);
    let _ = Session::sample_batch(&mut sessions, &mut rows, vocab_size, params, &mut rngs, &mut drawn);
}

/// The session says and does what one says and does that accepted `tokens` and nothing else.
fn check_against_replay(mark: &Mark, session: &Session, tokens: &[TokenId], lengths: &[usize]) {
    let mut replayed = mark.session(0);
    tokens.iter().for_each(|&token| replayed.accept(token));
    assert_eq!(session.marking(), replayed.marking(), "after {tokens:?}");

    // The first row fixes the length of the others; rolling back does not undo that.
    let flat = |length| vec![0.0_f32; length];
    let params = SamplingParams::default();
    let rng = || ChaCha8Rng::seed_from_u64(1);
    let takes = |length: &usize| session.clone().sample(&mut flat(*length), &params, &mut rng()).is_ok();
    let length = *lengths.iter().find(|length| takes(length)).expect("a row length that was used is taken");
    let (mut row, mut row_replayed) = (flat(length), flat(length));
    let token = session.clone().sample(&mut row, &params, &mut rng());
    assert_eq!(token, replayed.sample(&mut row_replayed, &params, &mut rng()), "after {tokens:?}");
    assert_eq!(bits(&row), bits(&row_replayed), "after {tokens:?}");
}

fn mark(bytes: &mut Bytes<'_>) -> Mark {
    let scheme = match bytes.byte() % 4 {
        0 => green("1/4", 2.0),
        1 => green("255/256", 100.0),
        2 => Scheme::Gumbel(GumbelMax::new()),
        _ => Scheme::Tournament(Tournament::new(u64::from(bytes.byte() % 32) + 1).expect("1 to 32 layers")),
    };
    let width = ContextWidth::new(u64::from(bytes.byte() % 5) + 1).expect("1 to 5 tokens");
    let repeat_rule = if bytes.byte().is_multiple_of(4) { RepeatRule::None } else { RepeatRule::Completion };
    let profile = Profile::new(scheme, width, "fuzz").expect("a name").with_repeat_rule(repeat_rule);
    Mark::new(&Secret::from_bytes([7; 32]), &profile)
}

fn green(gamma: &str, delta: f64) -> Scheme {
    let gamma = gamma.parse().expect("a gamma of the spec");
    Scheme::Green(GreenList::new(gamma, delta).expect("a delta from 0 to 100"))
}

/// Any parameters that are accepted.
fn params(bytes: &mut Bytes<'_>) -> SamplingParams {
    let mut params = SamplingParams::default().with_top_k(usize::from(bytes.byte() % 5));
    let temperatures = [1.0, 0.0, 1e-300, 1e300, 0.7, f64::NAN, f64::from_bits(1)];
    let temperature = temperatures[usize::from(bytes.byte()) % temperatures.len()];
    params = params.with_temperature(temperature).unwrap_or(params);
    let share = f64::from(bytes.byte()) / 200.0;
    params = params.with_top_p(share).unwrap_or(params);
    params.with_min_p(f64::from(bytes.byte()) / 200.0).unwrap_or(params)
}

fn bits(row: &[f32]) -> Vec<u32> {
    row.iter().map(|logit| logit.to_bits()).collect()
}

/// The rest of the input; zeros after its end.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    /// Mostly one of four tokens, so that contexts repeat.
    fn token(&mut self) -> TokenId {
        match self.byte() {
            255 => TokenId::MAX,
            byte => TokenId::from(byte % 4),
        }
    }

    /// A row of one of a few lengths, with a new one now and then; mostly plain numbers.
    fn row(&mut self, lengths: &mut Vec<usize>) -> Vec<f32> {
        let length = match self.byte() {
            byte @ 250.. => {
                let length = usize::from(byte - 250) * 13;
                if length > 0 {
                    lengths.push(length);
                }
                length
            }
            byte => lengths[usize::from(byte) % lengths.len()],
        };
        let wild = self.byte();
        (0..length).map(|_| self.logit(wild)).collect()
    }

    fn logit(&mut self, wild: u8) -> f32 {
        let byte = self.byte();
        match (wild % 4, byte) {
            (0, 255) => f32::NAN,
            (0, 254) => f32::INFINITY,
            (0 | 1, 250..) => f32::NEG_INFINITY,
            (0 | 1, 245..) => f32::MAX,
            (0 | 1, 240..) => f32::MIN,
            (0 | 1, 235..) => f32::from_bits(1),
            (2, _) => f32::NEG_INFINITY,
            _ => f32::from(byte) / 16.0 - 8.0,
        }
    }
}

/// Enough for every state, few enough for the replay after each.
const MAX_STEPS: usize = 200;
