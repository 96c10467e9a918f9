//! Stands where a service of the world is looked for, passes on what both sides say, changes the
//! answers that it is told to, and lets requests wait. What it cuts short it announces as long as it
//! was.

use crate::world::World;
use medfolder_tests::eventually;
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
/// A gate that a failed test left shut opens by itself.
const HELD: Duration = Duration::from_secs(90);

/// Moves a service before it first starts: it gets another port, and the name that it is called by
/// stays. Gives the address that is free now, the service's own, and the name.
pub(crate) fn take_place(world: &World, service: &str) -> (SocketAddr, SocketAddr, String) {
    let place = world.address(service).unwrap();
    let url = format!("http://{place}");
    let behind = TcpListener::bind("127.0.0.1:0").unwrap();
    let behind = behind.local_addr().unwrap();
    world.change_config(service, |config| {
        config["listen"] = json!(behind);
        match service {
            "node" => config["origins"] = json!([url]),
            _ => config["public_url"] = json!(url),
        }
    });
    (place, behind, url)
}

type Bend = Box<dyn Fn(&mut Vec<u8>) + Send + Sync>;
/// Answers to requests whose path holds this, and what becomes of them.
type Bent = Arc<Mutex<Option<(&'static str, Arc<Bend>)>>>;

/// Requests whose path holds this wait at the gate before they are passed on.
type Held = Arc<Mutex<Option<(&'static str, Arc<Gate>)>>>;

type Forge = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;
/// Requests whose path ends so are answered here, from what they say, and not passed on.
type Forged = Arc<Mutex<Option<(&'static str, Arc<Forge>)>>>;

/// Holds whoever comes until it is opened.
#[derive(Default)]
pub(crate) struct Gate {
    is_open: Mutex<bool>,
    opened: Condvar,
    reached: AtomicBool,
}

impl Gate {
    /// Waits until it is open.
    pub(crate) fn pass(&self) {
        self.reached.store(true, Ordering::SeqCst);
        let is_open = self.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .opened
            .wait_timeout_while(is_open, HELD, |is_open| !*is_open);
        drop(waited);
    }

    /// Lets everybody through from now on.
    pub(crate) fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    /// Waits until somebody has come to it.
    pub(crate) fn is_reached(&self) -> bool {
        eventually(PATIENCE, || self.reached.load(Ordering::SeqCst))
    }
}

pub(crate) struct Proxy {
    pub(crate) url: String,
    bent: Bent,
    held: Held,
    forged: Forged,
}

impl Proxy {
    /// Takes a service's place before it first starts.
    pub(crate) fn before(world: &World, service: &str) -> Self {
        let (place, behind, url) = take_place(world, service);
        let listener = TcpListener::bind(place).unwrap();
        let (bent, held) = (Bent::default(), Held::default());
        let forged = Forged::default();
        let (own, gate, lie) = (Arc::clone(&bent), Arc::clone(&held), Arc::clone(&forged));
        // Both end with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (own, gate, lie) = (Arc::clone(&own), Arc::clone(&gate), Arc::clone(&lie));
                thread::spawn(move || pass(client, behind, &own, &gate, &lie));
            }
        });
        Self {
            url,
            bent,
            held,
            forged,
        }
    }

    /// Answers requests whose path ends so with what is made of their bodies; the service never
    /// gets them.
    pub(crate) fn forge(
        &self,
        path: &'static str,
        forge: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
    ) {
        let forge: Forge = Box::new(forge);
        *self.forged.lock().unwrap() = Some((path, Arc::new(forge)));
    }

    /// Lets requests whose path holds `path` wait before they are passed on, until the gate is
    /// opened; also those whose sender has gone by then.
    pub(crate) fn hold(&self, path: &'static str) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        *self.held.lock().unwrap() = Some((path, Arc::clone(&gate)));
        gate
    }

    /// Changes the bodies of successful answers to requests whose path holds `path`.
    pub(crate) fn bend(
        &self,
        path: &'static str,
        bend: impl Fn(&mut Vec<u8>) + Send + Sync + 'static,
    ) {
        let bend: Bend = Box::new(bend);
        *self.bent.lock().unwrap() = Some((path, Arc::new(bend)));
    }

    /// Changes and forges nothing any more.
    pub(crate) fn be_honest(&self) {
        *self.bent.lock().unwrap() = None;
        *self.forged.lock().unwrap() = None;
    }
}

/// One request and its answer; a connection carries no more.
fn pass(
    mut client: TcpStream,
    behind: SocketAddr,
    bent: &Bent,
    held: &Held,
    forged: &Forged,
) -> Option<()> {
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    let (head, body) = request(&mut client)?;
    let path = head.split(' ').nth(1)?.to_owned();
    let gate = held.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((_, gate)) = gate.filter(|(part, _)| path.contains(part)) {
        gate.pass();
    }
    let forged = forged
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    if let Some((_, forge)) = forged.filter(|(part, _)| path.ends_with(part)) {
        return say(&mut client, &forge(&body));
    }
    let mut server = TcpStream::connect(behind).ok()?;
    server.set_read_timeout(Some(PATIENCE)).ok()?;
    // An answer by HTTP/1.0 ends with its connection.
    let head = head.replacen(" HTTP/1.1\r\n", " HTTP/1.0\r\nconnection: close\r\n", 1);
    server.write_all(head.as_bytes()).ok()?;
    server.write_all(&body).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    let end = head_end(&answer)?;
    let mut body = answer.split_off(end);
    let head = String::from_utf8(answer).ok()?;
    let original = body.clone();
    let bent = bent.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((_, bend)) = bent.filter(|(part, _)| path.contains(part) && is_success(&head)) {
        bend(&mut body);
    }
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next()?.replacen("HTTP/1.0", "HTTP/1.1", 1);
    write!(client, "{status}\r\n").ok()?;
    for line in lines.filter(|line| !is_of_the_connection(line)) {
        write!(client, "{line}\r\n").ok()?;
    }
    let length = match original.starts_with(&body) {
        true => original.len(),
        false => body.len(),
    };
    write!(
        client,
        "connection: close\r\ncontent-length: {length}\r\n\r\n"
    )
    .ok()?;
    client.write_all(&body).ok()
}

/// An answer that no service gave.
fn say(client: &mut TcpStream, body: &[u8]) -> Option<()> {
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n"
    )
    .ok()?;
    client.write_all(body).ok()
}

fn is_success(head: &str) -> bool {
    head.split(' ')
        .nth(1)
        .is_some_and(|status| status.starts_with('2'))
}

fn is_of_the_connection(line: &str) -> bool {
    let name = line
        .split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    ["connection", "content-length", "transfer-encoding"].contains(&name.as_str())
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

/// Head and body of a request.
fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let end = loop {
        if let Some(end) = head_end(&read) {
            break end;
        }
        match client.read(&mut buffer).ok()? {
            0 => return None,
            count => read.extend_from_slice(&buffer[..count]),
        }
    };
    let mut body = read.split_off(end);
    let head = String::from_utf8(read).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let mut rest = vec![0; length.unwrap_or(0).saturating_sub(body.len())];
    client.read_exact(&mut rest).ok()?;
    body.extend(rest);
    Some((head, body))
}
