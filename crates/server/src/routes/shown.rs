//! How what the store has becomes an answer: one thing, or a page of a list.

use crate::reply::{Answer, Json, Refused};
use api::{Page, Problem};

/// A page of a list, each item in outside words.
pub(super) fn page<T, U>(
    page: store::Page<T>,
    show: impl FnMut(T) -> Result<U, String>,
) -> Answer<Json<Page<U>>> {
    let items = page.items.into_iter().map(show).collect::<Result<_, _>>();
    Ok(Json(Page {
        items: items.map_err(unshown)?,
        next: page.next,
    }))
}

/// What is stored has no outside words: a bug, or a history that somebody else wrote.
pub(super) fn unshown(because: String) -> Refused {
    Problem::new(
        500,
        "unreadable",
        "what is stored cannot be shown",
        "cannot show what is there",
    )
    .because(because)
    .into()
}
