//! A refusal on its way out: a problem document with its status.

use api::{PROBLEM_TYPE, Problem};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

/// What a route answers.
pub(crate) type Answer<T> = Result<T, Refused>;

/// A request that was not done.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Box<Problem>);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl Refused {
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }
}

/// There is nothing of that name.
pub(crate) fn not_found(code: &str, what: &str, name: &str, detail: impl Into<String>) -> Refused {
    Problem::new(404, code, format!("there is no such {what}"), detail)
        .because(format!("there is no {what} `{name}`"))
        .into()
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(code = self.0.code, detail = self.0.detail, because = ?self.0.because, "a request failed");
        }
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, body).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        response
    }
}

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let problem = |description: &str| {
            let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let response = ResponseBuilder::new().description(description);
            RefOr::T(response.content(PROBLEM_TYPE, content).build())
        };
        [
            (
                "4XX",
                "It was not done, and trying again as it is changes nothing.",
            ),
            ("5XX", "It was not done."),
        ]
        .into_iter()
        .map(|(status, description)| (status.to_owned(), problem(description)))
        .collect()
    }
}
