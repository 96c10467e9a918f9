//! JSON as a request's body, and as an answer's.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use medfolder_share::json;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Problem;

/// A body of this type, in which no member comes twice; 400 `body.malformed` for anything else. A
/// body that is decided upon must not mean one thing here and another elsewhere.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await?;
        let value = json::read(&bytes).map_err(|_| Problem::bad("body.malformed"))?;
        Ok(Self(value))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}
