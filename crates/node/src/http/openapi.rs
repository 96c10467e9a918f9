//! The interface's description, made from one table of routes.

use axum::Json;
use serde_json::Value;

/// The document.
pub(super) async fn document() -> Json<Value> {
    Json(Value::Null)
}
