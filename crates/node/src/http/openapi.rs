//! The interface's description (OpenAPI 3.1), made from the table of routes that is served.
//!
//! The schemas name the members of the wire types; a test compares them with what those types
//! really write, and the document with `docs/openapi-node.json`.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, ContentBuilder, InfoBuilder, ObjectBuilder, OpenApi,
    OpenApiBuilder, PathItem, Ref, Required, ResponseBuilder, schema::Type,
};

use medfolder_ledger::policy::Party;

use super::routes::{Form, ROUTES, Route};

/// Members of the JSON types: name, then members; `?` marks what may be absent, `#` a number.
pub(super) const SCHEMAS: &[(&str, &[&str])] = &[
    ("SubmitRequest", &["transaction"]),
    ("Submitted", &["id"]),
    (
        "TransactionStatus",
        &[
            "id",
            "state",
            "code?",
            "height#?",
            "time#?",
            "position#?",
            "receipt?",
            "refusal?",
        ],
    ),
    ("StateAnswer", &["proof"]),
    ("MembersAnswer", &["members[]"]),
    ("MemberAnswer", &["member", "proof"]),
    ("CheckpointAnswer", &["checkpoint"]),
    ("ConsistencyAnswer", &["proof"]),
    ("Policies", &["heartbeat#", "grant_window#", "policy"]),
    (
        "Stats",
        &[
            "height#",
            "time#",
            "log_size#",
            "refused#",
            "waiting#",
            "bytes#",
        ],
    ),
    ("AlertsAnswer", &["alerts[]"]),
    ("Alert", &["code", "height#", "time#", "subject"]),
    ("ChallengeRequest", &["subject{}"]),
    ("Challenge", &["challenge", "expires#", "member"]),
    (
        "SessionRequest",
        &["subject{}", "keys{}?", "challenge", "signature"],
    ),
    ("Session", &["token", "expires#"]),
    ("Problem", &["type", "title", "status#", "code", "detail?"]),
];

/// The document.
pub(super) fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    for route in ROUTES {
        paths = paths.path(route.path, item(route));
    }
    let mut components = ComponentsBuilder::new();
    for (name, members) in SCHEMAS {
        components = components.schema(*name, object(members));
    }
    let mut components = components.build();
    components.add_security_scheme(
        "session",
        SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
    );
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Medfolder ledger node")
                .version("v1")
                .build(),
        )
        .paths(paths.build())
        .components(Some(components))
        .build()
}

/// The document as it is served and kept in `docs`.
pub(super) fn text() -> String {
    document().to_pretty_json().unwrap_or_default()
}

/// Answers with the document.
pub(super) async fn answer() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text()).into_response()
}

fn object(members: &[&str]) -> ObjectBuilder {
    members.iter().fold(ObjectBuilder::new(), |object, member| {
        let name = member.trim_end_matches(['?', '#', '[', ']', '{', '}']);
        let kind = match member {
            text if text.contains('#') => Type::Integer,
            text if text.contains('[') => Type::Array,
            text if text.contains('{') => Type::Object,
            _ => Type::String,
        };
        let object = object.property(name, ObjectBuilder::new().schema_type(kind));
        if member.ends_with('?') {
            object
        } else {
            object.required(name)
        }
    })
}

fn item(route: &Route) -> PathItem {
    let method = if route.method == "post" {
        HttpMethod::Post
    } else {
        HttpMethod::Get
    };
    let mut operation = OperationBuilder::new()
        .summary(Some(route.summary))
        .response(
            "200",
            ResponseBuilder::new()
                .description("done")
                .content(media(route.answers), content(route.answers)),
        )
        .response(
            "default",
            ResponseBuilder::new()
                .description("refused")
                .content("application/problem+json", content(Form::Json("Problem"))),
        );
    for name in route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{'))
    {
        operation = operation.parameter(parameter(name.trim_end_matches('}'), ParameterIn::Path));
    }
    for name in route.query {
        operation = operation.parameter(parameter(name, ParameterIn::Query));
    }
    if let Some(form) = route.takes {
        let body = RequestBodyBuilder::new().required(Some(Required::True));
        let body = body.content(media(form), content(form)).build();
        operation = operation.request_body(Some(body));
    }
    // What anybody may do needs no session.
    let closed = route
        .action
        .filter(|action| !action.rule().admits(Party::Anyone));
    if closed.is_some() && route.takes.is_none() {
        operation = operation.security(SecurityRequirement::new("session", Vec::<String>::new()));
    }
    PathItem::new(method, operation)
}

fn parameter(name: &str, place: ParameterIn) -> ParameterBuilder {
    let path = matches!(place, ParameterIn::Path);
    let required = if path || name.ends_with('!') {
        Required::True
    } else {
        Required::False
    };
    ParameterBuilder::new()
        .name(name.trim_end_matches('!'))
        .parameter_in(place)
        .required(required)
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
}

const fn media(form: Form) -> &'static str {
    match form {
        Form::Json(_) => "application/json",
        Form::Media(media) => media,
    }
}

fn content(form: Form) -> Content {
    match form {
        Form::Json(name) => ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(name)))
            .build(),
        Form::Media(_) => Content::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medfolder_client::api::ledger::{
        Alert, AlertsAnswer, CheckpointAnswer, ConsistencyAnswer, MemberAnswer, MembersAnswer,
        Policies, StateAnswer, Stats, SubmitRequest, Submitted, TransactionState,
        TransactionStatus,
    };
    use medfolder_client::api::session::{
        Challenge, ChallengeRequest, Session, SessionRequest, ShownKeys, Subject,
    };
    use medfolder_client::api::{Blob, Problem};
    use medfolder_crypto::{Digest, PublicKeyBytes, Signature};
    use medfolder_ledger::TxId;
    use medfolder_record::MemberId;
    use serde_json::{Value, to_value};
    use std::path::Path;

    fn samples() -> Vec<(&'static str, Value)> {
        let (blob, id, member) = (Blob(vec![1]), TxId([1; 32]), MemberId([1; 16]));
        let (state, digest) = (TransactionState::Final, Digest([1; 32]));
        let subject = Subject::Member(member);
        let key = PublicKeyBytes::new(&[1; 32]).unwrap();
        let keys = Some(ShownKeys {
            signing: key,
            encryption: key,
        });
        let signature = Signature([1; 64]);
        let (code, text) = (Some(String::new()), String::new());
        let (height, time, position) = (Some(1), Some(1), Some(1));
        let receipt = Some(blob.clone());
        let stats = Stats {
            height: 1,
            time: 1,
            log_size: 1,
            refused: 1,
            waiting: 1,
            bytes: 1,
        };
        let policies = Policies {
            heartbeat: 1,
            grant_window: 1,
            policy: blob.clone(),
        };
        let json = |value: Result<Value, serde_json::Error>| value.unwrap();
        vec![
            (
                "SubmitRequest",
                json(to_value(SubmitRequest {
                    transaction: blob.clone(),
                })),
            ),
            ("Submitted", json(to_value(Submitted { id }))),
            (
                "TransactionStatus",
                json(to_value(TransactionStatus {
                    id,
                    state,
                    code,
                    height,
                    time,
                    position,
                    refusal: receipt.clone(),
                    receipt,
                })),
            ),
            (
                "StateAnswer",
                json(to_value(StateAnswer {
                    proof: blob.clone(),
                })),
            ),
            (
                "MembersAnswer",
                json(to_value(MembersAnswer {
                    members: Vec::new(),
                })),
            ),
            (
                "MemberAnswer",
                json(to_value(MemberAnswer {
                    member,
                    proof: blob.clone(),
                })),
            ),
            (
                "CheckpointAnswer",
                json(to_value(CheckpointAnswer {
                    checkpoint: blob.clone(),
                })),
            ),
            (
                "ConsistencyAnswer",
                json(to_value(ConsistencyAnswer { proof: blob })),
            ),
            ("Policies", json(to_value(policies))),
            ("Stats", json(to_value(stats))),
            (
                "AlertsAnswer",
                json(to_value(AlertsAnswer { alerts: Vec::new() })),
            ),
            (
                "Alert",
                json(to_value(Alert {
                    code: text.clone(),
                    height: 1,
                    time: 1,
                    subject: text.clone(),
                })),
            ),
            (
                "ChallengeRequest",
                json(to_value(ChallengeRequest { subject })),
            ),
            (
                "Challenge",
                json(to_value(Challenge {
                    challenge: digest,
                    expires: 1,
                    member,
                })),
            ),
            (
                "SessionRequest",
                json(to_value(SessionRequest {
                    subject,
                    keys,
                    challenge: digest,
                    signature,
                })),
            ),
            (
                "Session",
                json(to_value(Session {
                    token: text.clone(),
                    expires: 1,
                })),
            ),
            (
                "Problem",
                json(to_value(Problem::new(404, "", "").with_detail(text))),
            ),
        ]
    }

    #[test]
    fn every_schema_names_exactly_the_members_that_its_type_writes() {
        let samples = samples();
        assert_eq!(samples.len(), SCHEMAS.len());
        let document = to_value(document()).unwrap();
        for (name, sample) in samples {
            let schema = &document["components"]["schemas"][name]["properties"];
            let names = |value: &Value| -> Vec<String> {
                let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(schema), names(&sample), "{name}");
            for (member, value) in sample.as_object().unwrap() {
                let kind = schema[member]["type"].as_str().unwrap();
                let fits = match value {
                    Value::Number(_) => kind == "integer",
                    Value::Array(_) => kind == "array",
                    Value::Object(_) => kind == "object",
                    _ => kind == "string",
                };
                assert!(fits, "{name}.{member} is no {kind}");
            }
        }
    }

    /// `MEDFOLDER_WRITE_DOCS=1 cargo test -p medfolder-node openapi` writes the file anew.
    #[test]
    fn the_document_in_docs_is_the_one_that_is_served() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi-node.json");
        let own = format!("{}\n", text());
        if std::env::var_os("MEDFOLDER_WRITE_DOCS").is_some() {
            std::fs::write(&path, &own).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), own);
    }

    #[test]
    fn every_type_that_a_route_names_has_a_schema() {
        for route in ROUTES {
            for form in route.takes.into_iter().chain([route.answers]) {
                if let Form::Json(name) = form {
                    assert!(SCHEMAS.iter().any(|(known, _)| *known == name), "{name}");
                }
            }
        }
    }
}
