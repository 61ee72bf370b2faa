//! Values of n-grams as a verifier reads them, beside the one ChaCha8 block that each of them needs.

use std::hint::black_box;

use chacha20::ChaCha8;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use taggant::reader::{Ngrams, Reader, Reading};
use taggant::scheme::{GreenList, GumbelMax, Scheme, Tournament};
use taggant::{ContextWidth, Mark, Profile, Secret, TokenId};

criterion_main!(values);
criterion_group!(values, benchmark);

fn benchmark(criterion: &mut Criterion) {
    let green = GreenList::new("1/4".parse().expect("a gamma of the spec"), 2.0).expect("2 nats are a delta");
    let green = Scheme::Green(green);
    let readers = [
        ("green, width 2", green, 2),
        ("gumbel, width 2", Scheme::Gumbel(GumbelMax::new()), 2),
        ("tournament, width 2", Scheme::Tournament(Tournament::default()), 2),
        ("green, width 4", green, 4),
    ];
    let mut group = criterion.benchmark_group("values");
    group.throughput(Throughput::Elements(N_NGRAMS as u64));
    group.sample_size(20);
    group.bench_function("peer: one block of the chacha20 crate", |bencher| {
        let tokens = tokens(2);
        bencher.iter(|| tokens.windows(3).fold(0, |sum, ngram| sum ^ block(black_box(ngram))));
    });
    for (name, scheme, width) in readers {
        let mark = mark(scheme, width);
        let tokens = tokens(width as usize);
        let mut readings = vec![Reading::default(); N_NGRAMS];
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                mark.readings(Ngrams::windows(black_box(&tokens), width as usize + 1), &mut readings);
                black_box(&readings);
            });
        });
    }
    group.finish();
}

/// The peer's way to the word of an n-gram of width 2: seek to its block, take 64 bytes.
fn block(ngram: &[TokenId]) -> u8 {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&ngram[0].to_le_bytes());
    nonce[4..8].copy_from_slice(&ngram[1].to_le_bytes());
    let mut cipher = ChaCha8::new(&[7; 32].into(), &nonce.into());
    cipher.seek(u64::from(ngram[2] / 16) * 64);
    let mut stream = [0; 64];
    cipher.apply_keystream(&mut stream);
    stream[(ngram[2] % 16 * 4) as usize]
}

fn mark(scheme: Scheme, width: u64) -> Mark {
    let width = ContextWidth::new(width).expect("a width from 1 to 12");
    let profile = Profile::new(scheme, width, "bench").expect("a name");
    Mark::new(&Secret::from_bytes([7; 32]), &profile)
}

/// As many tokens as have `N_NGRAMS` windows, of a vocabulary of 128,256.
fn tokens(width: usize) -> Vec<TokenId> {
    (0..(N_NGRAMS + width) as u32).map(|at| at.wrapping_mul(0x9e37_79b9) % 128_256).collect()
}

const N_NGRAMS: usize = 100_000;
