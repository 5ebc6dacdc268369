//! A person's wish for a run: who wants it, and the key under which it is repeated.

use super::runs::find;
use super::winner::winner;
use crate::App;
use crate::guard::Caller;
use crate::reply::{Answer, Keyed, engine_says};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use domain::{Input, Refusal, RunId};
use engine::{Engine, EngineError};

/// Who wants something, and how the request may be repeated.
pub(super) struct Wish {
    by: &'static str,
    keyed: Keyed,
}

impl<S: Send + Sync> FromRequestParts<S> for Wish {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        // The guard has said who it is; without it nobody is asked for a wish.
        let by = parts.extensions.get().map_or(Caller::Stranger.by(), Caller::by);
        let keyed = Keyed::from_request_parts(parts, state).await?;
        Ok(Self { by, keyed })
    }
}

impl Wish {
    /// Brings it to the run of that name, or id.
    pub(super) async fn tell_named(
        self,
        app: &App,
        name: &str,
        verb: &str,
        input: impl FnOnce(String) -> Input,
    ) -> Answer<StatusCode> {
        let what = |name: &str| format!("cannot {verb} the run `{name}`");
        let run = find(app, name, &what(name)).await?;
        // Whoever asked by id is told the name that people type.
        self.tell(app, run, what(&Engine::slug(run)), input).await
    }

    /// Brings it to the run.
    pub(super) async fn tell(
        self,
        app: &App,
        run: RunId,
        what: String,
        input: impl FnOnce(String) -> Input,
    ) -> Answer<StatusCode> {
        let input = input(self.by.to_owned());
        let asked = match &input {
            Input::Answered { attention, .. } => Some(*attention),
            _ => None,
        };
        let told = app.parts.engine.tell_run(run, input, self.keyed.receipt(run));
        match told.await {
            Ok(()) | Err(EngineError::Repeated { .. }) => Ok(StatusCode::NO_CONTENT),
            Err(EngineError::Refused(
                refusal @ (Refusal::RunEnded | Refusal::RunCancelling | Refusal::UnknownAttention(_)),
            )) => {
                let mut refused = engine_says(what)(EngineError::Refused(refusal));
                if let Some(winner) = winner(app, run, asked).await {
                    refused.0.because = Some(winner);
                }
                Err(refused)
            }
            Err(error) => Err(engine_says(what)(error)),
        }
    }
}
