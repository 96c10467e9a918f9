//! The demonstration's services: this executable again, each part an operating system process
//! with a folder and a log of its own.
//!
//! A child ends when its standard input closes, so none outlives this process, however it ends.

use crate::error::CliError;
use medfolder_client::http::{Http, HttpOptions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use url::Url;

/// How long a service may take to start.
const START: Duration = Duration::from_secs(60);
/// How long a service may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// Running services.
#[derive(Debug)]
pub(crate) struct Processes {
    executable: PathBuf,
    logs: PathBuf,
    children: Vec<Service>,
    http: Http,
}

#[derive(Debug)]
struct Service {
    started: Started,
    child: Child,
}

/// How a service was started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Started {
    name: String,
    words: Vec<String>,
    config: PathBuf,
}

impl Started {
    /// Whether it is this part of Medfolder.
    pub(crate) fn is(&self, part: &str) -> bool {
        self.words.iter().any(|word| word == part)
    }
}

impl Processes {
    /// None yet; their logs go to `logs`.
    pub(crate) fn new(logs: &Path) -> Result<Self, CliError> {
        std::fs::create_dir_all(logs).map_err(|error| CliError::new("demo.storage", error))?;
        Ok(Self {
            executable: std::env::current_exe()
                .map_err(|error| CliError::new("demo.start", error))?,
            logs: logs.to_path_buf(),
            children: Vec::new(),
            http: Http::new(HttpOptions::default())
                .map_err(|error| CliError::new(error.code(), &error))?,
        })
    }

    /// Starts a service with its configuration.
    pub(crate) fn start(
        &mut self,
        name: &str,
        words: &[&str],
        config: &Path,
    ) -> Result<(), CliError> {
        self.start_again(&Started {
            name: name.to_owned(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            config: config.to_path_buf(),
        })
    }

    /// How each was started, in order.
    pub(crate) fn started(&self) -> Vec<Started> {
        self.children
            .iter()
            .map(|service| service.started.clone())
            .collect()
    }

    /// Starts a service as it was started before.
    pub(crate) fn start_again(&mut self, service: &Started) -> Result<(), CliError> {
        let name = &service.name;
        let failed = |error| CliError::new("demo.start", format!("{name}: {error}"));
        let log = File::create(self.log(name)).map_err(failed)?;
        let child = Command::new(&self.executable)
            .args(&service.words)
            .arg("--config")
            .arg(&service.config)
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        self.children.push(Service {
            started: service.clone(),
            child,
        });
        Ok(())
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    /// Waits until the service answers at `address`.
    pub(crate) async fn wait_for(&mut self, address: &str) -> Result<(), CliError> {
        let url = Url::parse(&format!("{address}/healthz"))
            .map_err(|error| CliError::new("demo.start", error))?;
        let began = Instant::now();
        while !self.healthy(&url).await {
            self.all_run()?;
            if began.elapsed() > START {
                return Err(CliError::new(
                    "demo.start",
                    format!("no answer from {address}"),
                ));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Whether something answers at `address` now.
    pub(crate) async fn answers(&self, address: &str) -> bool {
        match Url::parse(&format!("{address}/healthz")) {
            Ok(url) => self.healthy(&url).await,
            Err(_) => false,
        }
    }

    async fn healthy(&self, url: &Url) -> bool {
        let Ok(request) = self.http.request(reqwest::Method::GET, url) else {
            return false;
        };
        request
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
    }

    /// That no service has ended by itself.
    pub(crate) fn all_run(&mut self) -> Result<(), CliError> {
        let ended = self.children.iter_mut().find_map(|service| {
            let ended = service.child.try_wait().ok().flatten()?;
            Some(format!("{} ended with {ended}", service.started.name))
        });
        match ended {
            None => Ok(()),
            Some(what) => {
                let name = what.split(' ').next().unwrap_or_default().to_owned();
                let log = last_lines(&self.log(&name));
                Err(CliError::new(
                    "demo.process_ended",
                    format!("{what}: {log}"),
                ))
            }
        }
    }

    /// Stops all services, those that were started last first.
    pub(crate) async fn stop(&mut self) {
        for service in &mut self.children {
            // A closed input asks the child to stop.
            drop(service.child.stdin.take());
        }
        while let Some(mut service) = self.children.pop() {
            if tokio::time::timeout(STOP, service.child.wait())
                .await
                .is_err()
            {
                let _ = service.child.kill().await;
            }
        }
    }
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(3)..)
        .unwrap_or_default()
        .join(" / ")
}

/// Addresses on this machine: from `first` on, or free ones.
pub(crate) fn addresses(count: usize, first: Option<u16>) -> Result<Vec<SocketAddr>, CliError> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Some(first) = first {
        let ports = (first..).take(count);
        let ports: Vec<SocketAddr> = ports.map(local).collect();
        let busy = ports
            .iter()
            .find(|address| TcpListener::bind(address).is_err());
        return match busy {
            Some(address) => Err(CliError::new("demo.port_in_use", address)),
            None if ports.len() < count => Err(CliError::new("demo.port_in_use", first)),
            None => Ok(ports),
        };
    }
    // All are held until the last was found, so that no two are the same.
    let held: Result<Vec<TcpListener>, _> =
        (0..count).map(|_| TcpListener::bind(local(0))).collect();
    let held = held.map_err(|error| CliError::new("demo.port_in_use", error))?;
    let found: BTreeSet<SocketAddr> = held.iter().filter_map(|l| l.local_addr().ok()).collect();
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_addresses_are_all_different() {
        assert_eq!(addresses(9, None).unwrap().len(), 9);
    }

    #[test]
    fn a_port_that_is_in_use_is_named() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = held.local_addr().unwrap().port();
        assert_eq!(
            addresses(2, Some(port)).unwrap_err().code,
            "demo.port_in_use"
        );
    }
}
