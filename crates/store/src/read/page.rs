//! Lists by pages: a cursor says after which row the next page begins, and means nothing else to anybody.

use crate::error::ReadError;

/// Items on a page at most, whoever asks.
const LIMIT_MAX: u32 = 500;
const LIMIT_USUAL: u32 = 50;

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; none on the last one.
    pub next: Option<String>,
}

/// Which part of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageAsk {
    /// The `next` of the page before; none for the first.
    pub after: Option<String>,
    /// Items at most: 50 unless said, never more than 500.
    pub limit: Option<u32>,
}

impl PageAsk {
    pub(super) fn after(&self) -> Result<Option<i64>, ReadError> {
        let parse = |text: &String| text.parse().map_err(|_| ReadError::BadCursor(text.clone()));
        self.after.as_ref().map(parse).transpose()
    }

    /// Rows to read: one more than the page has, to know whether there is a next one.
    pub(super) fn rows(&self) -> u32 {
        self.limit() + 1
    }

    fn limit(&self) -> u32 {
        self.limit.unwrap_or(LIMIT_USUAL).clamp(1, LIMIT_MAX)
    }

    /// Makes a page of rows with their places.
    pub(super) fn page<T>(&self, mut rows: Vec<(i64, T)>) -> Page<T> {
        let limit = self.limit() as usize;
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| has_more)
            .map(|(place, _)| place.to_string());
        Page {
            items: rows.into_iter().map(|(_, item)| item).collect(),
            next,
        }
    }
}
