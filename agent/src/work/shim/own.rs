//! The shim's own process: one loop over its children, its socket and the clock. It knows nothing of frames or leases. It
//! must not end before everything it started has, and never without its exit file.

#![expect(
    clippy::disallowed_methods,
    reason = "the shim is a process with a loop and a clock of its own"
)]

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tokio::sync::{mpsc, watch};

use super::{Born, Exit, Files, Order, Request, Said};
use crate::process::{self, End, Spec, Tree};
use crate::work::durable;

/// How long a launcher that was asked to end may take before it is ended.
const ASKED: Duration = Duration::from_secs(2);
/// How long killing may take altogether.
const KILLING: Duration = Duration::from_secs(20);
/// How often the loop looks at what no signal announces.
const TICK: Duration = Duration::from_millis(200);

/// Runs the order in `folder` to its end.
///
/// # Errors
/// When there is no order, another shim has it, or the exit file can't be written.
pub fn own(folder: &Path) -> anyhow::Result<()> {
    let files = Files::of(folder);
    let lock = File::create(files.lock()).context("open shim.lock")?;
    lock.try_lock()
        .context("another shim, or an agent that gave this one up, has the folder")?;
    anyhow::ensure!(!files.exit().exists(), "this order has been run already");
    let order: Order = durable::read_json(&files.order())
        .context("read the order")?
        .context("there is no order in this folder")?;
    process::become_root().context("become the root of a process tree")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the shim's runtime")?;
    runtime.block_on(run(&files, order))
}

async fn run(files: &Files, order: Order) -> anyhow::Result<()> {
    // Before anything is started: a signal must find its handler, and an agent its socket.
    let mut signals = Signals::new().context("take signals")?;
    let claims = Claims::listen(files).context("open the shim's socket")?;
    let spec = Spec {
        program: order.program.clone(),
        args: order.args.clone(),
        folder: order.folder.clone(),
        log: order.log.clone(),
    };
    let tree = match process::spawn(&spec) {
        Ok(tree) => tree,
        Err(error) => {
            let exit = Exit {
                launcher: None,
                forced: false,
                left: Vec::new(),
                unclaimed: false,
                error: Some(format!("start {}: {error}", order.program.display())),
            };
            return finish(files, &claims, exit).await;
        }
    };
    let born = Born {
        tree: tree.clone(),
        at_unix_ms: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            }),
    };
    durable::write_json(&files.born(), &born).context("write shim.born")?;
    let mut watch = Watch {
        tree,
        order,
        launcher: None,
        stop_asked: None,
        kill_at: None,
        forced: false,
        left: Vec::new(),
        unclaimed_since: Instant::now(),
        unclaimed: false,
    };
    let mut claims = claims;
    while !watch.look(&claims) {
        tokio::select! {
            signal = signals.next() => match signal {
                Signalled::ChildEnded => {}
                Signalled::Terminate => watch.stop_then_kill(),
            },
            request = claims.request() => match request {
                Request::Stop => watch.stop(),
                Request::Kill => watch.kill(),
            },
            () = tokio::time::sleep(TICK) => {}
        }
    }
    let exit = Exit {
        launcher: watch.launcher,
        forced: watch.forced,
        left: watch.left,
        unclaimed: watch.unclaimed,
        error: None,
    };
    finish(files, &claims, exit).await
}

/// The exit file first, then the word: whoever hears it finds the file.
async fn finish(files: &Files, claims: &Claims, exit: Exit) -> anyhow::Result<()> {
    durable::write_json(&files.exit(), &exit).context("write shim.exit")?;
    claims.say(Said::Ended(exit));
    claims.drained(Duration::from_millis(500)).await;
    let _ = std::fs::remove_file(files.socket());
    Ok(())
}

struct Watch {
    tree: Tree,
    order: Order,
    launcher: Option<End>,
    stop_asked: Option<Instant>,
    kill_at: Option<Instant>,
    forced: bool,
    left: Vec<process::Ident>,
    unclaimed_since: Instant,
    unclaimed: bool,
}

impl Watch {
    /// Does what is due; whether all is over.
    fn look(&mut self, claims: &Claims) -> bool {
        let reaped = process::reap();
        for (pid, end) in reaped.ended {
            if pid == self.tree.launcher.pid && self.launcher.is_none() {
                self.launcher = Some(end);
                claims.say(Said::LauncherEnded(end));
            }
        }
        if !self.left.is_empty() || (reaped.childless && process::members(&self.tree).is_empty()) {
            return true;
        }
        let now = Instant::now();
        if claims.count() > 0 {
            self.unclaimed_since = now;
        } else if !self.unclaimed
            && now.duration_since(self.unclaimed_since) >= self.order.unclaimed
        {
            self.unclaimed = true;
            self.stop_then_kill();
        }
        if self.launcher.is_none()
            && self
                .stop_asked
                .is_some_and(|asked| now.duration_since(asked) >= ASKED)
        {
            process::end_launcher(&self.tree);
        }
        if self.kill_at.is_some_and(|at| now >= at) {
            self.kill_at = None;
            self.kill();
        }
        false
    }

    fn stop(&mut self) {
        if self.stop_asked.is_none() {
            self.stop_asked = Some(Instant::now());
            process::ask_to_stop(&self.tree);
        }
    }

    fn stop_then_kill(&mut self) {
        self.stop();
        let at = Instant::now() + self.order.grace;
        self.kill_at = Some(self.kill_at.map_or(at, |before| before.min(at)));
    }

    fn kill(&mut self) {
        if !process::members(&self.tree).is_empty() {
            self.forced = true;
            self.left = process::kill(&self.tree, KILLING);
        }
    }
}

/// What the system tells the shim.
enum Signalled {
    /// Perhaps; `reap` knows.
    ChildEnded,
    /// Somebody wants the shim to end.
    Terminate,
}

#[cfg(unix)]
use unix::{Claims, Signals};

#[cfg(unix)]
mod unix {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{Duration, Files, Request, Said, Signalled, mpsc, watch};
    use crate::work::shim::short_path;

    /// Most bytes of a line from the agent.
    const MAX_LINE_BYTES: u64 = 1 << 10;

    pub(super) struct Signals {
        child: Signal,
        terminate: Signal,
        interrupt: Signal,
        hang_up: Signal,
    }

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self {
                child: signal(SignalKind::child())?,
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hang_up: signal(SignalKind::hangup())?,
            })
        }

        /// A terminal that closes is no reason to stop; being told to is.
        pub(super) async fn next(&mut self) -> Signalled {
            loop {
                tokio::select! {
                    _ = self.child.recv() => return Signalled::ChildEnded,
                    _ = self.terminate.recv() => return Signalled::Terminate,
                    _ = self.interrupt.recv() => {}
                    _ = self.hang_up.recv() => {}
                }
            }
        }
    }

    /// The connections of agents.
    pub(super) struct Claims {
        said: watch::Sender<Vec<Said>>,
        requests: mpsc::Receiver<Request>,
        count: Arc<AtomicUsize>,
    }

    impl Claims {
        pub(super) fn listen(files: &Files) -> io::Result<Self> {
            let _ = std::fs::remove_file(files.socket());
            let (path, guard) = short_path(&files.folder, "s")?;
            let listener = UnixListener::bind(path)?;
            let (said, hear) = watch::channel(Vec::new());
            let (sender, requests) = mpsc::channel(16);
            let count = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&count);
            tokio::spawn(async move {
                let _guard = guard;
                while let Ok((stream, _)) = listener.accept().await {
                    counter.fetch_add(1, Ordering::SeqCst);
                    let (hear, sender, counter) =
                        (hear.clone(), sender.clone(), Arc::clone(&counter));
                    tokio::spawn(async move {
                        talk(stream, hear, sender).await;
                        counter.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            });
            Ok(Self {
                said,
                requests,
                count,
            })
        }

        pub(super) fn count(&self) -> usize {
            self.count.load(Ordering::SeqCst)
        }

        pub(super) fn say(&self, what: Said) {
            self.said.send_modify(|all| all.push(what));
        }

        pub(super) async fn request(&mut self) -> Request {
            match self.requests.recv().await {
                Some(request) => request,
                None => std::future::pending().await,
            }
        }

        /// Waits until the connections have heard the last word and closed, or the limit has passed.
        pub(super) async fn drained(&self, limit: Duration) {
            let deadline = tokio::time::Instant::now() + limit;
            while self.count() > 0 && tokio::time::Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Everything said so far goes to a new connection too: an agent that comes back misses nothing.
    async fn talk(
        stream: UnixStream,
        mut hear: watch::Receiver<Vec<Said>>,
        requests: mpsc::Sender<Request>,
    ) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read);
        let mut told = 0;
        let mut line = Vec::new();
        hear.mark_changed();
        loop {
            let mut limited = (&mut lines).take(MAX_LINE_BYTES);
            tokio::select! {
                changed = hear.changed() => {
                    let all = hear.borrow_and_update().clone();
                    for said in &all[told..] {
                        let Ok(mut text) = serde_json::to_vec(said) else { return };
                        text.push(b'\n');
                        if write.write_all(&text).await.is_err() {
                            return;
                        }
                    }
                    told = all.len();
                    if changed.is_err() || matches!(all.last(), Some(Said::Ended(_))) {
                        return;
                    }
                }
                // Cancelled reads keep what they have in `line`.
                read = limited.read_until(b'\n', &mut line) => {
                    match read {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    }
                    if line.len() as u64 > MAX_LINE_BYTES {
                        return;
                    }
                    if line.last() == Some(&b'\n') {
                        let Ok(request) = serde_json::from_slice(&line) else { return };
                        if requests.send(request).await.is_err() {
                            return;
                        }
                        line.clear();
                    }
                }
            }
        }
    }
}

#[cfg(windows)]
use windows::{Claims, Signals};

#[cfg(windows)]
mod windows {
    use std::io;

    use super::{Duration, Files, Request, Said, Signalled};

    /// Nothing to take: `process` refuses to start anything here yet.
    pub(super) struct Signals;

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }
        pub(super) async fn next(&mut self) -> Signalled {
            std::future::pending().await
        }
    }

    /// See [`Signals`].
    pub(super) struct Claims;

    impl Claims {
        pub(super) fn listen(_files: &Files) -> io::Result<Self> {
            Err(io::Error::from(io::ErrorKind::Unsupported))
        }
        pub(super) fn count(&self) -> usize {
            0
        }
        pub(super) fn say(&self, _what: Said) {}
        pub(super) async fn request(&mut self) -> Request {
            std::future::pending().await
        }
        pub(super) async fn drained(&self, _limit: Duration) {}
    }
}
