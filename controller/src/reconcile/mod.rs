//! Loops that make the world match the database: no input, idempotent, woken early and by timer, one run at a time, the last
//! result readable. What a loop does stands in its own file; how loops run stands here.

pub mod leftovers;
pub mod partitions;
pub mod snapshots;

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// When a loop runs.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two runs that went well.
    pub every: Duration,
    /// After one that did not.
    pub again: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// When; RFC 3339.
    pub at: String,
    /// Whether it went well.
    pub ok: bool,
    /// What was done, or the error with its causes.
    pub said: String,
}

/// A loop from outside: its name, its bell, its last result.
#[derive(Debug, Clone)]
pub struct Watched {
    name: &'static str,
    wake: Arc<Notify>,
    last: watch::Receiver<Option<Ended>>,
}

/// A loop from inside.
#[derive(Debug)]
pub struct Loop {
    name: &'static str,
    pace: Pace,
    wake: Arc<Notify>,
    last: watch::Sender<Option<Ended>>,
}

impl Watched {
    /// Runs it soon; many rings before it comes round are one.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How the last run ended; none before the first one did.
    pub fn last(&self) -> Option<Ended> {
        self.last.borrow().clone()
    }

    /// Waits until another run has ended.
    pub async fn run_ended(&mut self) {
        // An error means that the loop is over: then there is nothing to wait for.
        self.last.changed().await.ok();
    }
}

/// A new loop and the handle to watch it.
pub fn new(name: &'static str, pace: Pace) -> (Loop, Watched) {
    let (sender, last) = watch::channel(None);
    let wake = Arc::new(Notify::new());
    let watched = Watched {
        name,
        wake: Arc::clone(&wake),
        last,
    };
    (
        Loop {
            name,
            pace,
            wake,
            last: sender,
        },
        watched,
    )
}

impl Loop {
    /// Runs `activate` at once and then at its pace, until `shutdown`. What it returns is what it did, in words; nothing to
    /// do is an empty text.
    pub async fn run<F, E>(self, shutdown: CancellationToken, mut activate: impl FnMut() -> F)
    where
        F: Future<Output = Result<String, E>>,
        E: std::error::Error + 'static,
    {
        loop {
            let result = tokio::select! {
                result = activate() => result,
                () = shutdown.cancelled() => return,
            };
            let pause = self.note(result);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified() => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    fn note<E: std::error::Error + 'static>(&self, result: Result<String, E>) -> Duration {
        let (ok, said) = match result {
            Ok(did) => {
                if !did.is_empty() {
                    tracing::info!(r#loop = self.name, did, "put in order");
                }
                (true, did)
            }
            Err(error) => {
                let said = chain(&error);
                tracing::warn!(
                    r#loop = self.name,
                    error = said,
                    "a run failed and is tried again"
                );
                (false, said)
            }
        };
        self.last.send_replace(Some(Ended {
            at: OffsetDateTime::now_utc()
                .format(&Rfc3339)
                .unwrap_or_default(),
            ok,
            said,
        }));
        if ok { self.pace.every } else { self.pace.again }
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a paused clock is read")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn said(watched: &Watched) -> (bool, String) {
        let ended = watched.last().unwrap();
        (ended.ok, ended.said)
    }

    const PACE: Pace = Pace {
        every: Duration::from_secs(86_400),
        again: Duration::from_secs(60),
    };

    #[tokio::test(start_paused = true)]
    async fn it_runs_at_once_on_time_and_when_woken_and_says_how_it_ended() {
        let (inner, mut watched) = new("sample", PACE);
        assert_eq!(watched.last(), None);
        let runs = Arc::new(AtomicU32::new(0));
        let shutdown = CancellationToken::new();
        let counted = Arc::clone(&runs);
        let start = tokio::time::Instant::now();
        let task = tokio::spawn(inner.run(shutdown.clone(), move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match run {
                    0 => Err(std::io::Error::other("away")),
                    run => Ok(format!("run {run}")),
                }
            }
        }));
        watched.run_ended().await;
        assert_eq!(said(&watched), (false, "away".to_owned()));
        watched.run_ended().await;
        assert_eq!(start.elapsed().as_secs(), 60, "it was tried again");
        watched.run_ended().await;
        assert_eq!(start.elapsed().as_secs(), 60 + 86_400);
        watched.wake();
        watched.run_ended().await;
        assert_eq!(start.elapsed().as_secs(), 60 + 86_400, "it did not wait");
        assert_eq!(said(&watched), (true, "run 3".to_owned()));
        shutdown.cancel();
        task.await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 4);
    }
}
