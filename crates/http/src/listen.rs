//! One way to serve a router.
//!
//! HTTP/1.1 only: looking for HTTP/2 would wait for a connection's first bytes without a limit.

use std::future::Future;
use std::io::Result;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::time::Duration;

use axum::{Extension, Router};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto::Builder;
use tokio::sync::watch;

use crate::Patience;

/// How long open requests may take to end at a stop.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `shutdown` is true, or its sender is gone. Handlers may ask for `ConnectInfo`. The
/// head of a request, the first and each that follows, and a body have as long as `patience` says.
///
/// # Errors
/// When the listener cannot be used; what is returned ends with an error when accepting fails.
pub fn listen(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    router: Router,
    patience: Patience,
    mut shutdown: watch::Receiver<bool>,
) -> Result<impl Future<Output = Result<()>> + Send + 'static> {
    listener.set_nonblocking(true)?;
    let handle = Handle::new();
    let service = router
        .layer(Extension(patience))
        .into_make_service_with_connect_info::<SocketAddr>();
    let mut serving: Pin<Box<dyn Future<Output = Result<()>> + Send>> = match tls {
        Some(tls) => {
            let server = axum_server::from_tcp_rustls(listener, tls)?;
            let mut server = server.handle(handle.clone()).http1_only();
            impatient(server.http_builder(), patience);
            Box::pin(server.serve(service))
        }
        None => {
            let mut server = axum_server::from_tcp(listener)?
                .handle(handle.clone())
                .http1_only();
            impatient(server.http_builder(), patience);
            Box::pin(server.serve(service))
        }
    };
    Ok(async move {
        tokio::select! {
            ended = &mut serving => return ended,
            _ = shutdown.wait_for(|over| *over) => {}
        }
        handle.graceful_shutdown(Some(GRACE));
        serving.await
    })
}

fn impatient<E>(builder: &mut Builder<E>, patience: Patience) {
    let mut http1 = builder.http1();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(patience.0);
}
