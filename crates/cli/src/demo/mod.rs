//! `medfolder demo`: hospitals, a ledger and a family on this machine, and the story of their
//! records from the doctor's signature to the revoked share.

mod again;
mod control;
mod deliver;
mod narrate;
mod plan;
mod processes;
mod sample;
mod serve;
pub(crate) mod stage;
pub(crate) mod steps;
mod story;
mod tamper;
pub(crate) mod world;

use crate::args::{self, Engine, Global};
use crate::error::CliError;
use crate::output::Output;
use crate::shutdown;
use stage::Stage;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// Tells the story, or keeps everything running.
pub(crate) async fn run(
    words: &args::Demo,
    global: &Global,
    output: Output,
    mut asked: watch::Receiver<bool>,
) -> Result<(), CliError> {
    if words.engine == Engine::Bft {
        return Err(CliError::not_yet("--engine bft"));
    }
    if !words.headless && !words.serve {
        output.progress(output.say(
            "这里没有带窗口的应用，改在终端里讲述（等同于 --headless）。",
            "There is no app with a window here: telling the story in the terminal (--headless).",
        ));
    }
    // A world that was served here before goes on, unless other data are to be taken in.
    let here = global
        .data_dir
        .as_deref()
        .filter(|_| words.serve && words.data.is_none());
    if let Some(world) = here.and_then(|named| again::Kept::find(named, &words.suite)) {
        serve::again(&world, output, asked).await?;
        output.progress(&stopped(Some(&world.0), output));
        return Ok(());
    }
    let directory = Directory::new(global.data_dir.as_deref())?;
    let mut stage = tokio::select! {
        stage = Stage::set(words, &directory.path, output) => stage?,
        () = shutdown::wait(&mut asked) => return Err(CliError::new("system.interrupted", "")),
    };
    let told = tokio::select! {
        told = tell(words, &mut stage, asked.clone()) => told,
        () = shutdown::wait(&mut asked) => interrupted(words),
    };
    stage.processes.stop().await;
    drop(stage);
    let kept = (!directory.temporary).then_some(directory.path.as_path());
    match (words.serve && told.is_ok(), kept) {
        (true, _) => output.progress(&stopped(kept, output)),
        (false, Some(path)) => output.progress(&left(path, output)),
        (false, None) => {}
    }
    told
}

/// Said when a demonstration that served was stopped.
fn stopped(kept: Option<&Path>, output: Output) -> String {
    let stopped = output.say(
        "演示已停止，所有服务都已关闭。",
        "The demonstration is stopped and all its services with it.",
    );
    let then = match kept {
        None => output
            .say("临时目录已删除。", "Its temporary directory is removed.")
            .to_owned(),
        Some(path) => format!(
            "{}{}",
            output.say(
                "数据留着；用同一个 --data-dir 再运行一次 demo --serve，就从这里接着：",
                "What it made is kept; `demo --serve` with the same --data-dir goes on from there: "
            ),
            path.display()
        ),
    };
    format!("{stopped}{}{then}", output.say("", " "))
}

/// Said when a story was told in a directory that somebody named.
fn left(path: &Path, output: Output) -> String {
    let told = output.say(
        "演示留下的文件（账本、密钥、病历夹）在这里，不需要就可以删除：",
        "What it made (ledger, keys, folders) is kept here; remove it when it is not needed: ",
    );
    format!("{told}{}", path.display())
}

async fn tell(
    words: &args::Demo,
    stage: &mut Stage,
    asked: watch::Receiver<bool>,
) -> Result<(), CliError> {
    if words.serve {
        serve::run(stage, asked).await
    } else {
        story::tell(stage).await
    }
}

/// Whoever serves is stopped by being asked to; a story that is cut short has failed.
fn interrupted(words: &args::Demo) -> Result<(), CliError> {
    if words.serve {
        Ok(())
    } else {
        Err(CliError::new("system.interrupted", ""))
    }
}

/// The world's directory: below the one that was named, which is kept, or a temporary one.
pub(crate) struct Directory {
    /// Where it is.
    pub(crate) path: PathBuf,
    temporary: bool,
}

impl Directory {
    /// Makes it.
    pub(crate) fn new(named: Option<&Path>) -> Result<Self, CliError> {
        let place = named.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let failed = |error| CliError::new("demo.storage", format!("{}: {error}", place.display()));
        let Some(named) = named else {
            let name = format!("medfolder-demo-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir(&path).map_err(failed)?;
            return Ok(Self {
                path,
                temporary: true,
            });
        };
        std::fs::create_dir_all(named).map_err(failed)?;
        // Every run has a world of its own: keys and a ledger are never mixed.
        for number in 1.. {
            let path = named.join(format!("demo-{number}"));
            match std::fs::create_dir(&path) {
                Ok(()) => {
                    return Ok(Self {
                        path,
                        temporary: false,
                    });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(CliError::new("demo.storage", "no name is free"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = match self.temporary {
            // What cannot be removed lies in the system's temporary folder and holds no real data.
            true => std::fs::remove_dir_all(&self.path),
            // Of a start that was refused; one with anything in it stays.
            false => std::fs::remove_dir(&self.path),
        };
    }
}
