//! Against a real server on a loopback address.

use super::*;
use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::get;
use medfolder_crypto::Digest;
use std::net::SocketAddr;

fn routes() -> Router {
    Router::new()
        .route("/ok", get(|| async { axum::Json(7) }))
        .route("/long", get(|| async { Body::from(vec![b'1'; 200_000]) }))
        .route(
            "/away",
            get(|| async { (StatusCode::FOUND, [("location", "/ok")]) }),
        )
        .route(
            "/no",
            get(|| async {
                (
                    StatusCode::FORBIDDEN,
                    axum::Json(Problem::new(403, "Forbidden", "card.frozen")),
                )
            }),
        )
}

/// A byte now and then, for ever.
async fn drip(mut socket: tokio::net::TcpStream) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    socket.read_buf(&mut Vec::with_capacity(4096)).await?;
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head).await?;
    loop {
        socket.write_all(b"1\r\n7\r\n").await?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn serve() -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes()).await });
    format!("http://{address}").parse().unwrap()
}

async fn serve_tls() -> (Url, Pin) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pin = Pin::of_certificate(made.cert.der()).unwrap();
    let (cert, key) = (made.cert.der().to_vec(), made.signing_key.serialize_der());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.into()], key.try_into().unwrap())
        .unwrap();
    let config = axum_server::tls_rustls::RustlsConfig::from_config(config.into());
    let handle = axum_server::Handle::<SocketAddr>::new();
    let server = axum_server::bind_rustls("127.0.0.1:0".parse().unwrap(), config);
    tokio::spawn(
        server
            .handle(handle.clone())
            .serve(routes().into_make_service()),
    );
    let address = handle.listening().await.unwrap();
    (
        format!("https://127.0.0.1:{}", address.port())
            .parse()
            .unwrap(),
        pin,
    )
}

async fn fetch(http: &Http, base: &Url, path: &str) -> Result<u32, HttpError> {
    http.get(&join(base, path).unwrap(), None).await
}

#[tokio::test]
async fn a_pinned_server_is_trusted_by_its_key_and_no_other_is() {
    let (base, pin) = serve_tls().await;
    let trusting = Http::new(HttpOptions {
        pin: Some(pin),
        ..Default::default()
    })
    .unwrap();
    assert_eq!(fetch(&trusting, &base, "/ok").await.unwrap(), 7);
    let other = Pin(Digest([9; 32]));
    for pin in [Some(other), None] {
        let wary = Http::new(HttpOptions {
            pin,
            ..Default::default()
        })
        .unwrap();
        let error = fetch(&wary, &base, "/ok").await.unwrap_err();
        assert_eq!(error.code(), "http.certificate", "{pin:?}");
        assert!(!error.outcome_unknown());
    }
}

#[tokio::test]
async fn a_longer_answer_than_allowed_is_dropped() {
    let base = serve().await;
    let http = Http::new(HttpOptions::default()).unwrap();
    let url = join(&base, "/long").unwrap();
    assert_eq!(
        http.get_bytes(&url, None, 199_999)
            .await
            .unwrap_err()
            .code(),
        "http.too_large"
    );
    assert_eq!(
        http.get_bytes(&url, None, 200_000).await.unwrap().len(),
        200_000
    );
}

#[tokio::test]
async fn an_answer_that_drips_for_ever_ends_and_a_slow_one_has_its_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    tokio::spawn(async move { drip(listener.accept().await?.0).await });
    let http = Http::new(HttpOptions::default()).unwrap();
    let request = http.request(Method::GET, &base).unwrap();
    let response = send(request).await.unwrap();
    let grace = Duration::from_millis(200);
    let pace = Pace { grace, rate: 1024 };
    let read = tokio::time::timeout(
        Duration::from_secs(20),
        bytes_at(pace, response, JSON_LIMIT),
    );
    let error = read.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "http.interrupted");
    assert!(error.outcome_unknown());
    assert_eq!(pace.allows(10 * 1024), grace + Duration::from_secs(10));
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_a_redirect_is_not_followed() {
    let base = serve().await;
    let http = Http::new(HttpOptions::default()).unwrap();
    let refused = fetch(&http, &base, "/no").await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.status()),
        ("card.frozen", Some(403))
    );
    assert_eq!(
        fetch(&http, &base, "/away").await.unwrap_err().code(),
        "http.redirected"
    );
}

#[tokio::test]
async fn plain_http_leaves_this_machine_nowhere() {
    let http = Http::new(HttpOptions::default()).unwrap();
    let url: Url = "http://192.0.2.1/v1/info".parse().unwrap();
    let error = http.get::<u32>(&url, None).await.unwrap_err();
    assert_eq!(error.code(), "address.not_secure");
}

#[tokio::test]
async fn a_name_that_resolves_into_the_own_network_is_refused() {
    let port = serve().await.port().unwrap();
    let base: Url = format!("http://localhost:{port}").parse().unwrap();
    let guarded = |guard| {
        Http::new(HttpOptions {
            guard: Some(guard),
            ..Default::default()
        })
    };
    let public = guarded(Guard::public_only()).unwrap();
    assert_eq!(
        fetch(&public, &base, "/ok").await.unwrap_err().code(),
        "address.private"
    );
    let own = guarded(Guard::except("localhost")).unwrap();
    assert_eq!(fetch(&own, &base, "/ok").await.unwrap(), 7);
}

#[tokio::test]
async fn a_closed_port_is_unreachable_and_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: Url = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    drop(listener);
    let http = Http::new(HttpOptions::default()).unwrap();
    let error = fetch(&http, &base, "/ok").await.unwrap_err();
    assert_eq!(error.code(), "http.unreachable");
    assert!(!error.outcome_unknown());
}
