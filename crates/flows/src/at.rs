//! A value and the bytes of the file it came from, so that every later complaint can point at it.

use std::ops::Range;

/// A value with its place in the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    /// The bytes of the file; for a text its quotes included.
    pub(crate) at: Range<usize>,
}

impl<T> At<T> {
    pub(crate) const fn new(value: T, at: Range<usize>) -> Self {
        Self { value, at }
    }

    /// Another value at the same place.
    pub(crate) fn with<U>(&self, value: U) -> At<U> {
        At {
            value,
            at: self.at.clone(),
        }
    }
}
