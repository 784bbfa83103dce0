//! Derives the keys of each format version from a password, each only once.

use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use argon2::{Algorithm, Argon2, Block, Params};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::CryptError;
use crate::format::securetar::V3Salts;

/// How many different v3 root salts one archive may have. Genuine archives have one; tools that
/// merged archives may leave a few. Each costs an Argon2 run.
pub const MAX_ROOT_SALTS: usize = 16;

/// Rounds of SHA-256 for the v1/v2 key and initialisation vector.
const SHA_ROUNDS: usize = 100;

/// Argon2id costs of v3: libsodium's opslimit 8 is the number of passes, and its memlimit of 16 MiB
/// is in bytes, while Argon2 counts KiB; there is always one lane.
const ARGON2_PASSES: u32 = 8;
const ARGON2_KIB: u32 = 16 * 1024;

/// The personalisation of every BLAKE2b derivation in v3 (zero-padded to 16 bytes).
const PERSON: &[u8] = b"SecureTarv3";

/// A password, wiped from memory when dropped and never printed.
#[derive(Clone)]
pub struct Password(pub(super) Zeroizing<String>);

impl Password {
    /// Takes a password exactly as it is: the caller trims it if necessary.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// True for the empty password, which Home Assistant never sets.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Key bytes, wiped when dropped and never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    pub(super) fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// All keys that come from one password, each derived once and shared by threads.
///
/// Deriving a v3 root key takes about 50 ms and 16 MiB; while one thread does so, the others wait
/// for the result. At most [`MAX_ROOT_SALTS`] are kept.
pub struct KeyRing {
    password: Password,
    cbc: OnceLock<Secret<16>>,
    roots: Mutex<Vec<([u8; 16], Secret<32>)>>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing(…)")
    }
}

impl KeyRing {
    /// Takes the password; keys are derived only when they are needed.
    pub fn new(password: Password) -> Self {
        Self {
            password,
            cbc: OnceLock::new(),
            roots: Mutex::default(),
        }
    }

    /// Whether the password fits a v3 archive, checked without reading any data. The comparison
    /// takes the same time for all keys.
    ///
    /// # Errors
    /// `TooManySalts` above the limit, `Derivation` if the 16 MiB for Argon2 cannot be allocated.
    pub fn check_v3(&self, salts: &V3Salts) -> Result<bool, CryptError> {
        let root = self.root_key(&salts.root_salt)?;
        let key = subkey(&root, &salts.validation_salt);
        Ok(key.bytes().ct_eq(&salts.validation_key).into())
    }

    /// Creates fresh salts for an archive that has none yet, because it was plain or had an older
    /// version. All its members must then share them.
    ///
    /// # Errors
    /// `NoRandom`, `TooManySalts` and `Derivation`.
    pub fn new_v3_salts(&self) -> Result<V3Salts, CryptError> {
        let (root_salt, validation_salt) = (random()?, random()?);
        let root = self.root_key(&root_salt)?;
        let validation_key = *subkey(&root, &validation_salt).bytes();
        Ok(V3Salts {
            root_salt,
            validation_salt,
            validation_key,
        })
    }

    /// The stream key of one v3 member, after checking the password.
    pub(super) fn stream_key(
        &self,
        salts: &V3Salts,
        derivation_salt: &[u8; 16],
    ) -> Result<Secret<32>, CryptError> {
        if !self.check_v3(salts)? {
            return Err(CryptError::WrongPassword);
        }
        Ok(subkey(&self.root_key(&salts.root_salt)?, derivation_salt))
    }

    /// The AES-128 key of v1 and v2.
    pub(super) fn cbc_key(&self) -> Secret<16> {
        self.cbc
            .get_or_init(|| sha_rounds(&[self.password.bytes()]))
            .clone()
    }

    /// The CBC initialisation vector of one v1 or v2 member.
    pub(super) fn cbc_iv(&self, salt: &[u8; 16]) -> [u8; 16] {
        *sha_rounds(&[self.cbc_key().bytes(), salt]).bytes()
    }

    fn root_key(&self, salt: &[u8; 16]) -> Result<Secret<32>, CryptError> {
        let mut roots = self.lock();
        if let Some((_, key)) = roots.iter().find(|(known, _)| known == salt) {
            return Ok(key.clone());
        }
        if roots.len() >= MAX_ROOT_SALTS {
            return Err(CryptError::TooManySalts {
                limit: MAX_ROOT_SALTS,
            });
        }
        let key = argon2id(self.password.bytes(), salt)?;
        // Reserved in full, so that growing leaves no copy of a key behind.
        roots.reserve_exact(MAX_ROOT_SALTS);
        roots.push((*salt, key.clone()));
        Ok(key)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<([u8; 16], Secret<32>)>> {
        // The list is never half changed, so a thread that panics while holding the lock does no
        // harm.
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first half of SHA-256 applied 100 times, the first time to all `parts`.
fn sha_rounds(parts: &[&[u8]]) -> Secret<16> {
    let mut first = Sha256::new();
    for part in parts {
        first.update(part);
    }
    let mut digest: Zeroizing<[u8; 32]> = Zeroizing::new(first.finalize().into());
    for _ in 1..SHA_ROUNDS {
        *digest = Sha256::digest(*digest).into();
    }
    let mut out = Secret::new([0; 16]);
    out.0
        .iter_mut()
        .zip(digest.iter())
        .for_each(|(to, from)| *to = *from);
    out
}

/// Argon2id v1.3 (RFC 9106) with the costs of SecureTar v3.
fn argon2id(password: &[u8], salt: &[u8; 16]) -> Result<Secret<32>, CryptError> {
    let params =
        Params::new(ARGON2_KIB, ARGON2_PASSES, 1, Some(32)).map_err(|_| CryptError::Derivation)?;
    let mut memory = Zeroizing::new(Vec::<Block>::new());
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|_| CryptError::Derivation)?;
    // Copies grow by doubling: `resize` writes block by block in builds without optimisation.
    memory.push(Block::default());
    while memory.len() < params.block_count() {
        let more = memory.len().min(params.block_count() - memory.len());
        memory.extend_from_within(..more);
    }
    let mut key = Secret::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into_with_memory(password, salt, &mut key.0, memory.as_mut_slice())
        .map_err(|_| CryptError::Derivation)?;
    Ok(key)
}

/// BLAKE2b-256 of an empty message, keyed with the root key, salted and personalised (RFC 7693 §2.5
/// leaves both to the parameter block; BLAKE2 specification §2.8).
fn subkey(root: &Secret<32>, salt: &[u8; 16]) -> Secret<32> {
    let hash = blake2b_simd::Params::new()
        .hash_length(32)
        .key(root.bytes())
        .salt(salt)
        .personal(PERSON)
        .hash(b"");
    let mut key = Secret::new([0; 32]);
    for (to, from) in key.0.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    key
}

/// Fresh random bytes from the operating system.
pub(super) fn random<const N: usize>() -> Result<[u8; N], CryptError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| CryptError::NoRandom)?;
    Ok(bytes)
}
