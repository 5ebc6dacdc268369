//! A checksum over an event's row: what a flipped bit changed is told, never believed.

use sha2::{Digest, Sha256};

/// What an event's row says, apart from its checksum.
pub(crate) struct Row<'a> {
    pub(crate) position: u64,
    pub(crate) stream: (&'a str, &'a str),
    pub(crate) seq: u64,
    pub(crate) at_ms: u64,
    pub(crate) kind: &'a str,
    pub(crate) version: u32,
    pub(crate) body: &'a str,
}

impl Row<'_> {
    /// The first eight bytes of the SHA-256 over everything in it.
    pub(crate) fn digest(&self) -> i64 {
        let mut hash = Sha256::new();
        for number in [self.position, self.seq, self.at_ms, u64::from(self.version)] {
            hash.update(number.to_le_bytes());
        }
        for text in [self.stream.0, self.stream.1, self.kind, self.body] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = hash;
        i64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}
