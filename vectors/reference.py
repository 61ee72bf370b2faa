#!/usr/bin/env python3
"""taggant-1 from its page, in plain Python: recomputes every field of a vector file and names what differs.

usage: reference.py [taggant-1.json]

Nothing but the standard library, and nothing of this project's code: a second reader of docs/spec/taggant-1.md.
"""
import hashlib
import hmac
import json
import pathlib
import struct
import sys

M = 0xFFFFFFFF


def derive(secret, path):
    """Section 2: HKDF-SHA-256 (RFC 5869), one output block of 32 bytes."""
    prk = hmac.digest(b"taggant-1", secret, "sha256")
    return hmac.digest(prk, path.encode() + b"\x01", "sha256")


def key_id(key):
    return hashlib.sha256(b"taggant-1 key id" + key).digest()[:8].hex()


def nonce(key, context):
    """Section 3."""
    if len(context) <= 3:
        return tuple(context) + (0,) * (3 - len(context))
    mac = hmac.digest(key, struct.pack(f"<{len(context)}I", *context), "sha256")
    return struct.unpack("<3I", mac[:12])


def block(key, nonce, counter):
    """Section 3: ChaCha with 8 rounds, RFC 8439 layout."""
    start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), counter, *nonce]
    s = list(start)

    def quarter(a, b, c, d):
        for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & M
            s[z] ^= s[x]
            s[z] = ((s[z] << turn) | (s[z] >> (32 - turn))) & M

    for _ in range(4):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return [(a + b) & M for a, b in zip(s, start)]


def green(key, n, v, gamma):
    """Section 4: is token v green at gamma = "j/2^m"?"""
    j, share = map(int, gamma.split("/"))
    m = share.bit_length() - 1
    words, r = block(key, n, v // (512 // m)), v % (512 // m)
    number = 0
    for p in range(m):
        number = 2 * number + (words[16 * p // m + r // 32] >> (r % 32) & 1)
    return int(number >= share - j)


def word(key, n, v):
    return block(key, n, v // 16)[v % 16]


def sign(key, bucket):
    """Section 5."""
    return 1 if block(key, (0, 0, 0), bucket // 512)[bucket % 512 // 32] >> (bucket % 32) & 1 else -1


def mask(key, n, gamma, size, complement=False):
    words = [0] * ((size + 31) // 32)
    for v in range(size):
        words[v // 32] |= (green(key, n, v, gamma) ^ complement) << (v % 32)
    return hashlib.sha256(struct.pack(f"<{len(words)}I", *words)).hexdigest()


def fields(case):
    """Every output of a case, from its inputs."""
    secret, context, tokens = bytes.fromhex(case["secret"]), case["context"], case["tokens"]
    epoch, k = f"epoch/{case['epoch']}", len(context)

    def keys(path):
        key = derive(secret, f"{path}/block")
        return key, nonce(derive(secret, f"{path}/nonce"), context)

    channel = f"{epoch}/channel/{case['channel']}"
    key, n = keys(f"{channel}/green/{k}")
    split = block(*keys(f"{epoch}/split/{k}"), 0)
    bucket, draw, total = split[1] % 65536, split[0] % 256, 0
    for routed, share in enumerate(case["shares"]):
        total += share
        if total > draw:
            break
    x = sign(derive(secret, f"{epoch}/account/{case['account']}"), bucket)
    flip = M if x < 0 else 0
    gumbel = [word(*keys(f"{channel}/gumbel/{k}"), v) for v in tokens]
    size = case["mask_vocab_size"]
    return {
        "green_block_key": key.hex(),
        "green_nonce_key": derive(secret, f"{channel}/green/{k}/nonce").hex(),
        "green_block_key_id": key_id(key),
        "nonce": list(n),
        "routed_channel": routed,
        "bucket": bucket,
        "sign": x,
        "decoy_0_sign": sign(derive(secret, f"{epoch}/decoy/0"), bucket),
        "green": {gamma: [green(key, n, v, gamma) for v in tokens] for gamma in case["green"]},
        "green_half_signed": [green(key, n, v, "1/2") ^ (x < 0) for v in tokens],
        "gumbel_word": gumbel,
        "gumbel_word_signed": [w ^ flip for w in gumbel],
        "tournament_word": [word(*keys(f"{channel}/tournament/{k}"), v) for v in tokens],
        "mask_half_sha256": mask(key, n, "1/2", size),
        "mask_quarter_sha256": mask(key, n, "1/4", size),
        "mask_half_negative_sha256": mask(key, n, "1/2", size, complement=True),
    }


def main(path):
    cases = json.loads(pathlib.Path(path).read_text())["cases"]
    wrong = 0
    for at, case in enumerate(cases):
        for name, found in fields(case).items():
            if case.get(name) != found:
                wrong += 1
                print(f"case {at} ({case['why']}), field {name}: the file says {case.get(name)}, the page gives {found}")
    print(f"{len(cases)} cases, {wrong} fields differ")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("taggant-1.json")))
