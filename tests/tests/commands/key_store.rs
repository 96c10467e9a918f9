//! A vault whose key lies in the system's key store.

use super::{refused, told};
use medfolder_tests::{eventually, genesis, medfolder, run};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn create(place: &Path) -> Command {
    let mut command = medfolder(&["folder", "create", "--key-store"]);
    command.args(["--ledger", "http://127.0.0.1:1", "--genesis"]);
    command.arg(genesis(place));
    command.arg("--data-dir").arg(place.join("vault"));
    command
}

fn list(place: &Path) -> Command {
    let mut command = medfolder(&["folder", "list"]);
    command.arg("--data-dir").arg(place.join("vault"));
    command
}

#[test]
fn without_a_key_store_a_vault_is_refused_by_name_and_nothing_is_made() {
    let place = tempfile::tempdir().unwrap();
    let mut command = create(place.path());
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus");
    refused(&mut command, "keystore.unavailable");
    refused(&mut list(place.path()), "vault.missing");
}

/// With a real Secret Service on a bus of its own; run where gnome-keyring is installed:
/// `dbus-run-session -- cargo test -p medfolder-cli --test commands key_store -- --ignored`
#[test]
#[ignore = "needs gnome-keyring-daemon and a D-Bus session of its own"]
fn a_vault_whose_key_lies_in_the_key_store_opens_without_a_passphrase() {
    let place = tempfile::tempdir().unwrap();
    let mut daemon = Command::new("gnome-keyring-daemon")
        .args(["--foreground", "--unlock", "--components=secrets"])
        .env("XDG_DATA_HOME", place.path())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut daemon.stdin.take().unwrap(), b"a test's password").unwrap();
    let made = eventually(Duration::from_secs(20), || {
        run(&mut create(place.path())).exit == 0
    });
    assert!(made);
    assert!(told(&mut list(place.path())).lines.is_empty());
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    // The bus may start another daemon by itself: away is a bus that nobody answers on.
    let mut away = list(place.path());
    away.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus");
    refused(&mut away, "keystore.unavailable");
}
