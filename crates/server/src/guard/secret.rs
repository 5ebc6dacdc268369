//! Secrets: made of the system's randomness, kept as hashes, compared in constant time.

use sha2::{Digest, Sha256};
use std::fmt;

/// 256 bits of the system's randomness, in hexadecimal.
///
/// # Errors
/// When the system gives none.
pub(crate) fn random() -> Result<String, rustix::io::Errno> {
    let mut bytes = [0_u8; 32];
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(hex(&bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A secret that others must show: only its hash is here.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// Knows the secret from now on, by its hash.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// A new secret, to be handed to its owner and to nobody else, and what knows it.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn fresh() -> std::io::Result<(String, Self)> {
        let secret = random()?;
        let token = Self::of(&secret);
        Ok((secret, token))
    }

    /// Whether this is it. Takes as long for a near miss as for any other: every byte of both hashes is looked at.
    #[must_use]
    pub fn is(&self, secret: &str) -> bool {
        let other = Self::of(secret);
        let difference = self.0.iter().zip(other.0).fold(0, |sum, (a, b)| sum | (a ^ b));
        std::hint::black_box(difference) == 0
    }

    /// The hash, as text.
    pub(super) fn id(&self) -> String {
        hex(&self.0)
    }

    /// What knows the secret of this hash.
    pub(super) fn of_id(id: &str) -> Option<Self> {
        let is_hash = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let mut hash = [0; 32];
        for (index, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(id.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        is_hash.then_some(Self(hash))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}
