//! taggant-1, straight from the page: one function for each definition, on the crates `hkdf`, `hmac` and
//! `rand_chacha`.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::Sha256;

/// `derive(path)`, section 2.
#[must_use]
pub fn derive(secret: &[u8; 32], path: &str) -> [u8; 32] {
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(Some(b"taggant-1"), secret).expand(path.as_bytes(), &mut key).expect("32 bytes");
    key
}

/// `nonce(context)`, section 3.
#[must_use]
pub fn nonce(nonce_key: &[u8; 32], context: &[u32]) -> [u32; 3] {
    if context.len() <= 3 {
        let lane = |at: usize| context.get(at).copied().unwrap_or(0);
        return [lane(0), lane(1), lane(2)];
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(nonce_key).expect("any length");
    for id in context {
        mac.update(&id.to_le_bytes());
    }
    let tag = mac.finalize().into_bytes();
    let lane = |at: usize| u32::from_le_bytes(tag[4 * at..4 * at + 4].try_into().expect("4 bytes"));
    [lane(0), lane(1), lane(2)]
}

/// `block(context, i)`, section 3, through `rand_chacha` as the page says.
#[must_use]
pub fn block(block_key: &[u8; 32], nonce: [u32; 3], counter: u32) -> [u32; 16] {
    let mut rng = ChaCha8Rng::from_seed(*block_key);
    rng.set_stream(u64::from(nonce[1]) | u64::from(nonce[2]) << 32);
    rng.set_word_pos(((u128::from(nonce[0]) << 32) + u128::from(counter)) * 16);
    std::array::from_fn(|_| rng.next_u32())
}

/// The two keys of a path that ends in `block` and `nonce`, and the block of a context under them.
#[must_use]
pub fn keyed_block(secret: &[u8; 32], path: &str, context: &[u32], counter: u32) -> [u32; 16] {
    let nonce = nonce(&derive(secret, &format!("{path}/nonce")), context);
    block(&derive(secret, &format!("{path}/block")), nonce, counter)
}

/// Whether `token` is green at gamma = j / 2^m, section 4: bit by bit.
#[must_use]
pub fn is_green(secret: &[u8; 32], path: &str, context: &[u32], token: u32, j: u32, m: u32) -> bool {
    let block = keyed_block(secret, path, context, token / (512 / m));
    let rest = token % (512 / m);
    let number = (0..m).fold(0, |number, plane| {
        let word = block[(16 * plane / m + rest / 32) as usize];
        number << 1 | (word >> (rest % 32) & 1)
    });
    number >= (1 << m) - j
}

/// The word of a token for Gumbel-max and tournaments, section 4.
#[must_use]
pub fn word(secret: &[u8; 32], path: &str, context: &[u32], token: u32) -> u32 {
    keyed_block(secret, path, context, token / 16)[(token % 16) as usize]
}

/// The channel and bucket of a context, section 6.
#[must_use]
pub fn route(secret: &[u8; 32], epoch: &str, context: &[u32], shares: &[u32]) -> (usize, u32) {
    let block = keyed_block(secret, &format!("epoch/{epoch}/split/{}", context.len()), context, 0);
    let mut cumulative = 0;
    for (channel, share) in shares.iter().enumerate() {
        cumulative += share;
        if cumulative > block[0] % 256 {
            return (channel, block[1] % 65536);
        }
    }
    panic!("shares sum to {cumulative}, not 256");
}

/// The sign of a column in a bucket, section 5: +1 or -1. `path` is the column's.
#[must_use]
pub fn sign(secret: &[u8; 32], path: &str, bucket: u32) -> i8 {
    let block = block(&derive(secret, path), [0; 3], bucket / 512);
    if block[(bucket % 512 / 32) as usize] >> (bucket % 32) & 1 == 1 { 1 } else { -1 }
}
