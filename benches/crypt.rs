//! Key derivation, decryption and encryption, in bytes of plaintext per second.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::io::{self, Write};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haslim::crypt::{Decrypter, Encrypter, KeyRing};
use haslim::format::securetar::{SecureHeader, V3Salts};
use haslim::pipe::Counter;

/// The plaintext to encrypt; a compressed part would make no difference.
const PLAINTEXT: usize = 16 << 20;

fn plaintext() -> Vec<u8> {
    let mut bytes = support::compressed(&support::tar());
    bytes.extend_from_within(..);
    bytes.resize(PLAINTEXT, 7);
    bytes
}

/// An encrypter for version 3 with the archive's salts, or for version 2 without.
fn encrypter<W: Write>(out: W, keys: &KeyRing, salts: Option<&V3Salts>) -> Encrypter<W> {
    match salts {
        Some(salts) => Encrypter::new_v3(out, keys, salts).unwrap(),
        None => Encrypter::new_v2(out, keys).unwrap(),
    }
}

fn sealed(plaintext: &[u8], keys: &KeyRing, salts: Option<&V3Salts>) -> (SecureHeader, Vec<u8>) {
    let mut encrypter = encrypter(Vec::new(), keys, salts);
    encrypter.write_all(plaintext).unwrap();
    let header = encrypter.header(plaintext.len() as u64);
    (header, encrypter.finish().unwrap().0)
}

fn ciphers(criterion: &mut Criterion) {
    let (plaintext, keys) = (plaintext(), support::keys());
    let salts = keys.new_v3_salts().unwrap();
    let versions = [("v2", None), ("v3", Some(&salts))];
    let mut group = criterion.benchmark_group("encrypt");
    group.throughput(Throughput::Bytes(PLAINTEXT as u64));
    for (name, salts) in versions {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut encrypter = encrypter(Counter::default(), &keys, salts);
                encrypter.write_all(&plaintext).unwrap();
                encrypter.finish().unwrap().0.0
            });
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("decrypt");
    group.throughput(Throughput::Bytes(PLAINTEXT as u64));
    for (name, salts, batch) in [
        ("v2", None, 1),
        ("v3", Some(&salts), 1),
        ("v3 on all cores", Some(&salts), support::threads()),
    ] {
        let (header, ciphertext) = sealed(&plaintext, &keys, salts);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let length = ciphertext.len() as u64;
                let mut decrypter =
                    Decrypter::new(ciphertext.as_slice(), &header, length, &keys, true)
                        .unwrap()
                        .with_batch(batch);
                io::copy(&mut decrypter, &mut Counter::default()).unwrap()
            });
        });
    }
}

/// The cost that every command on an encrypted backup pays once.
fn keys(criterion: &mut Criterion) {
    let salts = support::keys().new_v3_salts().unwrap();
    criterion.bench_function("key/v3", |bencher| {
        bencher.iter(|| support::keys().check_v3(&salts).unwrap())
    });
}

criterion_group! { name = benches; config = support::settings(); targets = ciphers, keys }
criterion_main!(benches);
