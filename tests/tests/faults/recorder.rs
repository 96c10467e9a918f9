//! Stands where a service of the world is looked for and keeps every byte that both sides say.

use crate::proxy::take_place;
use crate::world::World;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What one side of a connection said.
type Said = Arc<Mutex<Vec<u8>>>;

pub(crate) struct Recorder {
    pub(crate) service: String,
    pub(crate) url: String,
    said: Arc<Mutex<Vec<Said>>>,
}

impl Recorder {
    /// Takes a service's place before it first starts.
    pub(crate) fn before(world: &World, service: &str) -> Self {
        let (place, behind, url) = take_place(world, service);
        let listener = TcpListener::bind(place).unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&said);
        // Ends with the test's process, and its connections with those of both sides.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(behind) else {
                    continue;
                };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                for (from, to) in [(client, server), back] {
                    let said = Said::default();
                    all.lock().unwrap().push(Arc::clone(&said));
                    thread::spawn(move || pass(from, to, &said));
                }
            }
        });
        Self {
            service: service.to_owned(),
            url,
            said,
        }
    }

    /// What was said until now: one side of one connection after the other.
    pub(crate) fn said(&self) -> Vec<Vec<u8>> {
        let all = self.said.lock().unwrap();
        all.iter().map(|one| one.lock().unwrap().clone()).collect()
    }
}

/// Keeps what one side says before the other hears it.
fn pass(mut from: TcpStream, mut to: TcpStream, said: &Said) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        said.lock().unwrap().extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Read), to.shutdown(Shutdown::Write));
}
