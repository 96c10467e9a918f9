//! Stands before a server and keeps every byte that both sides say.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// What one side of a connection said.
type Said = Arc<Mutex<Vec<u8>>>;

/// Keeps what went over the connections to one server.
#[derive(Debug)]
pub struct Recorder(Arc<Mutex<Vec<Said>>>);

impl Recorder {
    /// Listens here and passes on to the server behind.
    #[must_use]
    pub fn between(listener: TcpListener, behind: SocketAddr) -> Self {
        let all = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::clone(&all);
        // Ends with the test's process, and its connections with those of both sides.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Some(sides) = sides(client, behind) else {
                    continue;
                };
                for (from, to) in sides {
                    let said = Said::default();
                    lock(&all).push(Arc::clone(&said));
                    thread::spawn(move || pass(from, to, &said));
                }
            }
        });
        Self(said)
    }

    /// What was said until now: one side of one connection after the other.
    #[must_use]
    pub fn said(&self) -> Vec<Vec<u8>> {
        lock(&self.0).iter().map(|one| lock(one).clone()).collect()
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sides(client: TcpStream, behind: SocketAddr) -> Option<[(TcpStream, TcpStream); 2]> {
    let server = TcpStream::connect(behind).ok()?;
    let back = (server.try_clone().ok()?, client.try_clone().ok()?);
    Some([(client, server), back])
}

/// Keeps what one side says before the other hears it.
fn pass(mut from: TcpStream, mut to: TcpStream, said: &Said) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let Some(part) = buffer.get(..count) else {
            break;
        };
        lock(said).extend_from_slice(part);
        if to.write_all(part).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Read), to.shutdown(Shutdown::Write));
}
