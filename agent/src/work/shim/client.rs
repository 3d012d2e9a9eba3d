//! The agent's end of a shim: start one, find one again, hear what it says, ask it to stop or to kill. Dropping it only
//! gives up the claim; the shim goes on.

#![expect(
    clippy::disallowed_methods,
    reason = "starts the shim, and waits for it with deadlines"
)]

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Born, Exit, Files, Order, Request, Said, short_path};
use crate::process::{self, Ident};
use crate::work::durable;

/// How often a shim that is being born is looked for.
const LOOK: Duration = Duration::from_millis(10);
/// How long killing what a dead shim left behind may take.
const KILLING: Duration = Duration::from_secs(20);

/// Why there is no shim.
#[derive(Debug, thiserror::Error)]
pub enum ShimError {
    /// Its files can't be written or read.
    #[error("use the shim's folder {folder}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its program can't be started.
    #[error("start the shim {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It did not come up.
    #[error("see the shim come up within {} seconds; {said}", limit.as_secs())]
    Stillborn {
        /// How long it had.
        limit: Duration,
        /// What it left in its own log.
        said: String,
    },
}

/// What is left of a shim.
#[derive(Debug)]
pub enum Found {
    /// It runs, and is claimed now.
    Alive(Shim),
    /// It has ended.
    Ended(Exit),
    /// It never started anything, and never will.
    Never,
}

/// A claim on a shim.
#[derive(Debug)]
pub struct Shim {
    folder: PathBuf,
    born: Option<Born>,
    requests: mpsc::Sender<Request>,
    said: mpsc::Receiver<Said>,
    over: bool,
}

impl Shim {
    /// Starts a shim in `folder`, by `program` (this executable). Returns when the renderer's process is up, or has failed
    /// to come up; the shim then says so.
    ///
    /// # Errors
    /// When the folder can't be used, the program can't be started, or nothing happens within `limit`.
    pub async fn start(
        program: &Path,
        folder: &Path,
        order: &Order,
        limit: Duration,
    ) -> Result<Self, ShimError> {
        let files = Files::of(folder);
        let in_folder = |source| ShimError::Folder {
            folder: folder.to_owned(),
            source,
        };
        durable::write_json(&files.order(), order).map_err(in_folder)?;
        let errors = File::create(files.errors()).map_err(in_folder)?;
        let mut child = tokio::process::Command::new(program)
            .arg("shim")
            .arg("--dir")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .map_err(|source| ShimError::Start {
                program: program.to_owned(),
                source,
            })?;
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if (files.born().exists() || files.exit().exists())
                && let Some(shim) = Self::claim(&files).map_err(in_folder)?
            {
                // Reaps it if it ends before this agent does; otherwise the system does.
                tokio::spawn(async move { child.wait().await });
                return Ok(shim);
            }
            if let Ok(Some(_)) = child.try_wait()
                && !files.exit().exists()
            {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        // It must not come up later.
        let _ = std::fs::remove_file(files.order());
        let _ = child.kill().await;
        if files.born().exists() {
            // It was killed after it had started something.
            let _ = Self::end_of(&files).await;
        }
        let mut said = std::fs::read_to_string(files.errors()).unwrap_or_default();
        said.truncate(
            said.char_indices()
                .nth(400)
                .map_or(said.len(), |(at, _)| at),
        );
        Err(ShimError::Stillborn { limit, said })
    }

    /// Looks for the shim of `folder` after a restart of the agent. One that is being born gets `limit` to be there; one
    /// that is not there then can't come up later. What a killed shim left running is killed here.
    ///
    /// # Errors
    /// When the folder can't be used.
    pub async fn find(folder: &Path, limit: Duration) -> Result<Found, ShimError> {
        let files = Files::of(folder);
        let in_folder = |source| ShimError::Folder {
            folder: folder.to_owned(),
            source,
        };
        let deadline = Instant::now() + limit;
        loop {
            let lock = File::create(files.lock()).map_err(in_folder)?;
            match lock.try_lock() {
                Err(TryLockError::WouldBlock) if files.born().exists() => {
                    if let Some(shim) = Self::claim(&files).map_err(in_folder)? {
                        return Ok(Found::Alive(shim));
                    }
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(in_folder(error)),
                Ok(()) => {
                    // Nobody else has the lock now, so what the folder says is final, once it says anything.
                    if let Some(exit) = Self::end_of(&files).await.map_err(in_folder)? {
                        return Ok(Found::Ended(exit));
                    }
                    if Instant::now() >= deadline {
                        // A shim that was late would find no order.
                        let _ = std::fs::remove_file(files.order());
                        return Ok(Found::Never);
                    }
                }
            }
            drop(lock);
            if Instant::now() >= deadline + limit {
                return Err(in_folder(io::Error::other(
                    "a process holds shim.lock but cannot be talked to",
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How a shim that no longer lives ended. If it was killed, what it ran is killed too.
    async fn end_of(files: &Files) -> io::Result<Option<Exit>> {
        if let Some(exit) = durable::read_json::<Exit>(&files.exit())? {
            return Ok(Some(exit));
        }
        let Some(born) = durable::read_json::<Born>(&files.born())? else {
            return Ok(None);
        };
        let rebooted = born.tree.root.boot != process::boot();
        let left = tokio::task::spawn_blocking(move || process::kill(&born.tree, KILLING))
            .await
            .map_err(io::Error::other)?;
        let exit = Exit {
            launcher: None,
            forced: true,
            left,
            // After a restart of the machine nobody could claim it.
            unclaimed: rebooted,
            error: Some("the shim was killed".to_owned()),
        };
        durable::write_json(&files.exit(), &exit)?;
        Ok(Some(exit))
    }

    /// Who is who; `None` when the renderer could not be started.
    pub fn born(&self) -> Option<&Born> {
        self.born.as_ref()
    }

    /// Everything that runs under it.
    pub fn members(&self) -> Vec<Ident> {
        self.born
            .as_ref()
            .map(|born| process::members(&born.tree))
            .unwrap_or_default()
    }

    /// Asks it to end the launcher, and only the launcher.
    pub async fn stop(&self) {
        // A shim that is gone needs no asking; `next` tells.
        let _ = self.requests.send(Request::Stop).await;
    }

    /// Asks it to kill the tree.
    pub async fn kill(&self) {
        let _ = self.requests.send(Request::Kill).await;
    }

    /// The next thing it says; the last is [`Said::Ended`], after which this waits for ever. Cancel-safe.
    pub async fn next(&mut self) -> Said {
        if self.over {
            return std::future::pending().await;
        }
        let said = match self.said.recv().await {
            Some(said) => said,
            // The connection ended without a last word: the shim was killed, or its word was lost.
            None => Said::Ended(self.find_end().await),
        };
        self.over = matches!(said, Said::Ended(_));
        said
    }

    async fn find_end(&self) -> Exit {
        let files = Files::of(&self.folder);
        let failed = |error: io::Error| Exit {
            launcher: None,
            forced: false,
            left: self.members(),
            unclaimed: false,
            error: Some(format!("its end can't be read: {error}")),
        };
        loop {
            match File::create(files.lock()).map(|lock| lock.try_lock().map(|()| lock)) {
                Ok(Ok(_lock)) => match Self::end_of(&files).await {
                    Ok(Some(exit)) => return exit,
                    Ok(None) => return failed(io::Error::other("it left nothing behind")),
                    Err(error) => return failed(error),
                },
                Ok(Err(_)) => tokio::time::sleep(LOOK).await,
                Err(error) => return failed(error),
            }
        }
    }

    fn claim(files: &Files) -> io::Result<Option<Self>> {
        let born: Option<Born> = durable::read_json(&files.born())?;
        let (requests, asked) = mpsc::channel(4);
        let (sender, said) = mpsc::channel(8);
        if !connect(files, asked, sender)? && !files.exit().exists() {
            return Ok(None);
        }
        // If it has ended already, the channel is closed and `next` reads its end.
        Ok(Some(Self {
            folder: files.folder.clone(),
            born,
            requests,
            said,
            over: false,
        }))
    }
}

/// Whether there was somebody to connect to.
#[cfg(unix)]
fn connect(
    files: &Files,
    mut asked: mpsc::Receiver<Request>,
    said: mpsc::Sender<Said>,
) -> io::Result<bool> {
    let (path, _guard) = short_path(&files.folder, "s")?;
    let stream = match std::os::unix::net::UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    stream.set_nonblocking(true)?;
    let (read, mut write) = tokio::net::UnixStream::from_std(stream)?.into_split();
    tokio::spawn(async move {
        let mut lines = BufReader::new(read).lines();
        loop {
            tokio::select! {
                request = asked.recv() => {
                    let Some(request) = request else { return };
                    let Ok(mut line) = serde_json::to_vec(&request) else { return };
                    line.push(b'\n');
                    if write.write_all(&line).await.is_err() {
                        return;
                    }
                }
                line = lines.next_line() => {
                    let Ok(Some(line)) = line else { return };
                    let Ok(what) = serde_json::from_str(&line) else { return };
                    if said.send(what).await.is_err() {
                        return;
                    }
                }
            }
        }
    });
    Ok(true)
}

#[cfg(windows)]
fn connect(
    _files: &Files,
    _asked: mpsc::Receiver<Request>,
    _said: mpsc::Sender<Said>,
) -> io::Result<bool> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}
