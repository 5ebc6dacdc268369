//! Ids are types. Those of entities are 128 bits, written like a UUID; those made here are hashes, so that a crash
//! between deciding and doing cannot mint a second one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id: 32 hexadecimal digits, with or without dashes, are expected")
    }
}

impl std::error::Error for NotAnId {}

fn parse(text: &str) -> Result<u128, NotAnId> {
    let mut digits = 0_u32;
    let mut value = 0_u128;
    for byte in text.bytes() {
        let digit = match byte {
            b'-' => continue,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return Err(NotAnId),
        };
        digits += 1;
        if digits > 32 {
            return Err(NotAnId);
        }
        value = value << 4 | u128::from(digit);
    }
    if digits == 32 { Ok(value) } else { Err(NotAnId) }
}

fn write(value: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        value >> 96,
        value >> 80 & 0xffff,
        value >> 64 & 0xffff,
        value >> 48 & 0xffff,
        value & 0xffff_ffff_ffff
    )
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The id with these 128 bits.
            #[must_use]
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// The 128 bits of the id.
            #[must_use]
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text).map(Self)
            }
        }
    )*};
}

ids! {
    /// A folder agents work on. Made at the edge.
    ProjectId,
    /// One execution of a flow. Made at the edge.
    RunId,
    /// The stream key of a work unit; people use its chunk. Made at the edge.
    UnitId,
    /// One attempt at a step by one agent process: a hash of run, step instance, role and serial.
    TaskId,
    /// A step instance as its readers know it: the key of its output stream. A hash of run and step instance.
    ChatId,
    /// What waits for a person. A hash of run, step instance and what is asked.
    AttentionId,
}

/// A short text that is cloned often and never changed: a step's name, an agent's, an account's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A step instance inside its run: the step's id in the definition, and for a fan-out which item.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepKey {
    /// The step's id in the definition.
    pub step: Name,
    /// Which item of the fan-out, from zero; none for a step without `each`.
    pub item: Option<u32>,
}

impl StepKey {
    /// The only instance of a step without `each`.
    #[must_use]
    pub fn only(step: impl Into<Name>) -> Self {
        Self {
            step: step.into(),
            item: None,
        }
    }

    /// One instance of a fan-out.
    #[must_use]
    pub fn item(step: impl Into<Name>, item: u32) -> Self {
        Self {
            step: step.into(),
            item: Some(item),
        }
    }

    /// The id of this instance's output stream.
    #[must_use]
    pub fn chat(&self, run: RunId) -> ChatId {
        ChatId(self.digest(run, 0x63).finish())
    }

    fn digest(&self, run: RunId, purpose: u8) -> Digest {
        Digest::new(purpose)
            .bits(run.0)
            .text(self.step.as_str())
            .number(self.item.map_or(0, |item| u64::from(item) + 1))
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.item {
            None => write!(f, "{}", self.step),
            Some(item) => write!(f, "{}[{item}]", self.step),
        }
    }
}

impl fmt::Debug for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for StepKey {
    type Err = NotAnId;

    /// Reads what `Display` writes: `scan` or `angles[2]`.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        match text.split_once('[') {
            None if !text.is_empty() => Ok(Self::only(text)),
            Some((step, rest)) if !step.is_empty() => {
                let item = rest
                    .strip_suffix(']')
                    .and_then(|item| item.parse().ok())
                    .ok_or(NotAnId)?;
                Ok(Self::item(step, item))
            }
            None | Some(_) => Err(NotAnId),
        }
    }
}

impl TaskId {
    /// The id of the `serial`-th task of a step instance. The same arguments give the same id for ever.
    #[must_use]
    pub fn of(run: RunId, key: &StepKey, serial: u32) -> Self {
        Self(key.digest(run, 0x74).number(u64::from(serial)).finish())
    }
}

impl AttentionId {
    /// The id of the `serial`-th item that a run raised.
    #[must_use]
    pub fn of(run: RunId, serial: u32) -> Self {
        Self(Digest::new(0x61).bits(run.0).number(u64::from(serial)).finish())
    }
}

/// FNV-1a over 128 bits with a final mix. Stable for ever: stored ids depend on it.
pub(crate) struct Digest(u128);

impl Digest {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    pub(crate) const fn new(purpose: u8) -> Self {
        Self(Self::OFFSET ^ purpose as u128)
    }

    fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ u128::from(byte)).wrapping_mul(Self::PRIME))
    }

    pub(crate) fn text(self, text: &str) -> Self {
        let length = text.len() as u64;
        text.bytes().fold(self, Self::byte).number(length)
    }

    pub(crate) fn number(self, number: u64) -> Self {
        number.to_le_bytes().into_iter().fold(self, Self::byte)
    }

    pub(crate) fn bits(self, bits: u128) -> Self {
        bits.to_le_bytes().into_iter().fold(self, Self::byte)
    }

    pub(crate) const fn finish(self) -> u128 {
        let mixed = (self.0 ^ self.0 >> 67).wrapping_mul(Self::PRIME << 41 | 0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 59
    }

    /// A number spread evenly over `0..=most`, for jitter.
    pub(crate) fn spread(self, most: u64) -> u64 {
        let bits = (self.finish() >> 64) as u64;
        if most == u64::MAX { bits } else { bits % (most + 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_what_it_writes() {
        let id = RunId::from_bits(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(id.to_string(), "01234567-89ab-cdef-0011-223344556677");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("01234567".parse::<RunId>(), Err(NotAnId));
        assert_eq!(
            "g1234567-89ab-cdef-0011-223344556677".parse::<RunId>(),
            Err(NotAnId)
        );
    }

    #[test]
    fn a_step_key_reads_what_it_writes() {
        for key in [StepKey::only("fold"), StepKey::item("angles", 12)] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        assert_eq!("angles[x]".parse::<StepKey>(), Err(NotAnId));
        assert_eq!("".parse::<StepKey>(), Err(NotAnId));
    }

    #[test]
    fn task_ids_are_stable_and_apart() {
        let run = RunId::from_bits(7);
        let key = StepKey::item("angles", 0);
        assert_eq!(TaskId::of(run, &key, 1), TaskId::of(run, &key, 1));
        assert_ne!(TaskId::of(run, &key, 1), TaskId::of(run, &key, 2));
        assert_ne!(
            TaskId::of(run, &key, 1),
            TaskId::of(run, &StepKey::item("angles", 1), 1)
        );
        assert_ne!(
            TaskId::of(run, &StepKey::only("angles"), 1),
            TaskId::of(run, &key, 1)
        );
        // Stored histories name tasks: this value may never change.
        assert_eq!(TaskId::of(run, &key, 1).to_string(), TASK_PINNED);
    }

    const TASK_PINNED: &str = "0210cdf4-6bea-0c26-d3de-f9938c036882";
}
